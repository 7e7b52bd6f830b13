"""English numbers as words, for models whose alphabet has no digits and which would leave them out without a word."""

from __future__ import annotations

import re

from synthgen.english import ONES, TENS

_SCALES = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"))
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
_LONGEST = 12  # digits that are read as one number; longer ones are read digit by digit


def cardinal(number: int) -> str:
    """A whole number from 0 to 10¹² - 1 in words.

    Raises:
        ValueError: it is outside of these.
    """
    if not 0 <= number < 10**_LONGEST:
        raise ValueError("a number must be in [0, 10^12)")
    for scale, name in _SCALES:
        if number >= scale:
            above, rest = divmod(number, scale)
            return f"{cardinal(above)} {name}" + (f" {cardinal(rest)}" if rest else "")
    if number >= 100:
        above, rest = divmod(number, 100)
        return f"{ONES[above]} hundred" + (f" and {cardinal(rest)}" if rest else "")
    if number >= 20:
        above, rest = divmod(number, 10)
        return TENS[above - 2] + (f" {ONES[rest]}" if rest else "")
    return ONES[number]


def spelled(text: str) -> str:
    """The text with every number in words: ``"1,500 mg, 7.5"`` is "one thousand five hundred mg, seven point five"."""
    return _NUMBER.sub(lambda match: _spaced(match, text), text)


def _spaced(match: re.Match[str], text: str) -> str:
    whole, _, fraction = match.group().replace(",", "").partition(".")
    words = _digits(whole) if len(whole) > _LONGEST or (len(whole) > 1 and whole[0] == "0") else cardinal(int(whole))
    if fraction:
        words += f" point {_digits(fraction)}"
    before, after = text[: match.start()][-1:], text[match.end() :][:1]
    return (" " if before.isalnum() else "") + words + (" " if after.isalnum() else "")


def _digits(text: str) -> str:
    return " ".join(ONES[int(digit)] for digit in text)
