"""Conducts sessions: two sides with a view each, many sessions in lock-step, every utterance checked in code."""
