"""What is written, as it is said: doses, dates, scores, abbreviations and symbols in words, before any back-end."""

from synthgen.generators.speech.spoken.reading import read_aloud
from synthgen.generators.speech.spoken.sounds import remarks

__all__ = ["read_aloud", "remarks"]
