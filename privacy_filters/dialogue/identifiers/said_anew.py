"""Said identifiers said otherwise: numbers for numbers, letters for letters. Dates move by ``moved_dates``."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from synthgen.english import ONES, ORDINALS, TENS
from synthgen.privacy_filters.dialogue.identifiers.said import spoken

_WORD = re.compile(r"(?i:\bx[ -]ray\b)|[^\W\d_]+(?:['’][^\W\d_]+)*|\d+")
_EXAMPLE = re.compile(r"([^\W\d_])([\s,]+(?:as in|for|like)[\s,]+(?:a )?)([^\W\d_]+)", re.IGNORECASE)


def numbers_anew(said: str, rng: random.Random) -> str:
    """Every numeral in words, group of digits, letter and word of the spelling alphabet is another of its kind.

    >>> numbers_anew("K V one nine, sierra", random.Random(1))
    'F W three five, delta'
    """
    alphabet, letters = spoken().alphabet, "bcdefghjklmnpqrstuvwxyz"  # "a" and "i" are words too

    def other(word: str) -> str:
        plain = re.sub("[ -]", "", word.lower())
        for kind in (ONES[:10], ONES[10:], TENS, ORDINALS[:9], ORDINALS[9:], alphabet):
            if plain in kind:
                return rng.choice([one for one in kind if one not in {plain, "zero"}])
        if plain in spoken().zeros and len(plain) > 1:
            return rng.choice(ONES[1:10])
        if plain.isdecimal():
            return "".join(rng.choice("0123456789") for _ in plain)
        return rng.choice([c for c in letters if c != plain]) if len(plain) == 1 else word

    def example(found: re.Match[str]) -> str:
        word = rng.choice([one for one in alphabet if one[0] != found[1].lower()])
        return f"{_like(word[0], found[1])}{found[2]}{_like(word, found[3])}"

    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        kept.append(example(found))
        return f"\0{len(kept) - 1}\0"

    pieces = re.split(r"(\0\d+\0)", _EXAMPLE.sub(keep, said))
    return "".join(
        kept[int(piece.strip("\0"))] if piece.startswith("\0")
        else _WORD.sub(lambda found: _like(other(found[0]), found[0]), piece)
        for piece in pieces
    )  # fmt: skip


def email_anew(said: str, name: Callable[[], str]) -> str:
    """Another address: a name, and a host that nobody has."""
    made = f"{name()} dot {name()} at example dot org".lower()
    return made.upper() if said.isupper() else made


def _like(made: str, was: str) -> str:
    """In capitals as ``was``."""
    if was.isupper():
        return made.upper() if len(was) > 1 or len(made) == 1 else made.capitalize()
    return made.capitalize() if was[:1].isupper() else made
