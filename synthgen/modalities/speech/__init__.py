"""Emotional speech: two-speaker sessions in voices of no real person."""
