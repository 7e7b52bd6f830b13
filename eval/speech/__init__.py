"""Evaluation of speech: voices, emotions, intelligibility, timing."""
