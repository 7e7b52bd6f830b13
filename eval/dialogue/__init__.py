"""Evaluation of a release of dialogues."""
