"""Realisers put a plan into words: a grammar, or a language model in process or behind a local server."""
