"""Filters of speech: speaker similarity, near-copies of a recording, and what is said."""
