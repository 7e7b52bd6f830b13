"""Letters of other scripts that look like Latin ones, as somebody writes who hides a word or has the wrong keyboard."""

from __future__ import annotations

from typing import Final

# Cyrillic, then Greek letters, small or as capitals; each is folded to its small Latin twin.
_TWINS: Final = str.maketrans(
    "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u051d"
    "\u03b1\u03b2\u03b5\u03b6\u03b7\u03b9\u03ba\u03bc\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u03f2\u03f3",
    "abekmhopctyxijshdqwabezhikmnoptyxcj",
)


def latin(folded: str) -> str:
    """Case-folded text with every such letter as the Latin one that it looks like in either case."""
    return folded if folded.isascii() else folded.translate(_TWINS)
