"""Dialogues: a plan without a model, then a realiser that puts the plan into words, turn by turn."""
