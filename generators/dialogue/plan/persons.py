"""From the first person to the others. What the plan says in the first person is turned by rule."""

from __future__ import annotations

import re
from typing import Final

# What follows "I" and changes with it comes first; contractions before their stems.
_TO_YOU: Final = {
    "i am": "you are", "i'm": "you're", "i was": "you were", "i wasn't": "you weren't", "am i": "are you",
    "was i": "were you", "i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself",
    "i've": "you've", "i'd": "you'd", "i'll": "you'll", "we": "you", "we're": "you're", "we've": "you've",
    "we'd": "you'd", "us": "you", "our": "your",
}  # fmt: skip
_TO_THEY: Final = {
    "i am": "they are", "i'm": "they're", "i was": "they were", "i wasn't": "they weren't", "am i": "are they",
    "was i": "were they", "i": "they", "me": "them", "my": "their", "mine": "theirs", "myself": "themself",
    "i've": "they've", "i'd": "they'd", "i'll": "they'll",
}  # fmt: skip
_THEY_TO_YOU: Final = {
    "they": "you", "they're": "you're", "they've": "you've", "they'd": "you'd", "they'll": "you'll", "them": "you",
    "their": "your", "theirs": "yours", "themself": "yourself",
}  # fmt: skip


def _pattern(words: dict[str, str]) -> re.Pattern[str]:
    joined = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![\w'])(?:{joined})(?![\w'])", re.IGNORECASE)


_YOU, _THEY, _BACK = _pattern(_TO_YOU), _pattern(_TO_THEY), _pattern(_THEY_TO_YOU)


def you_form(text: str) -> str:
    """``"I'm not safe in my own home"`` becomes ``"you're not safe in your own home"``."""
    return _YOU.sub(lambda found: _TO_YOU[found.group().lower()], text)


def they_form(text: str) -> str:
    """As notes have it: ``"I lost my job"`` becomes ``"they lost their job"``."""
    return _THEY.sub(lambda found: _TO_THEY[found.group().lower()], text)


def notes_to_you(text: str) -> str:
    """A note read back to the patient: ``"they lost their job"`` becomes ``"you lost your job"``."""
    return _BACK.sub(lambda found: _THEY_TO_YOU[found.group().lower()], text)
