"""Numbers in words, by num2words, which knows the languages of most voices."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from synthgen.errors import MissingExtraError

_LONGEST = 12
"""Digits that are read as one number; longer ones are read digit by digit, and so are those that begin with 0."""
_NAMES = {"nb": "no", "nn": "no", "cs": "cs", "kk": "kz", "cmn": "zh"}

NUMBER = r"(?:\d+(?:[.,]\d+)*|(?<![\w.,])[.,]\d+)"
"""A pattern: digits with points and commas inside, or one before them."""


@cache
def _converter(language: str) -> Any:
    """num2words' converter of a language (BCP-47); None where it has none. Raises MissingExtraError."""
    try:
        from num2words import CONVERTER_CLASSES
    except ImportError as error:
        raise MissingExtraError("numbers in words (num2words)", "speech") from error
    short = language.partition("-")[0].lower()
    return CONVERTER_CLASSES.get(_NAMES.get(short, short))


@dataclass(frozen=True)
class Numerals:
    """The numbers of one language.

    Attributes:
        decimal: what stands before decimals, a point or a comma; the other one groups thousands.
        point: how it is said; empty: as num2words has it.
    """

    language: str
    decimal: str
    point: str = ""

    @property
    def known(self) -> bool:
        """Whether num2words has this language."""
        return _converter(self.language) is not None

    @property
    def minus(self) -> str:
        """The word before a negative number; a dash where num2words has none."""
        return str(getattr(_converter(self.language), "negword", "") or "-").strip()

    def plain(self, written: str) -> str:
        """The number with a point for decimals and nothing between thousands: ``"1,5"`` is 1.5 in every language.

        A single sign that does not fit thousands stands for decimals, whatever the language: nobody writes 15 as 1,5.
        """
        signs = re.findall(r"[.,]", written)
        last = signs[-1] if signs else ""
        if len(set(signs)) == 2 and signs.count(last) == 1:
            return written.replace("," if last == "." else ".", "").replace(last, ".")
        grouped = re.fullmatch(rf"[1-9]\d{{0,2}}(?:{re.escape(last)}\d{{3}})+", written) if last else None
        if grouped and (len(signs) > 1 or last != self.decimal):
            return written.replace(last, "")
        return written.replace(",", ".") if len(signs) == 1 else re.sub(r"[.,]", "", written) if signs else written

    def words(self, written: str) -> str:
        """A number as it is written, in words: whole, decimal, or digit by digit."""
        whole, point, decimals = self.plain(written).partition(".")
        if not point:
            return self.cardinal(whole)
        if not self.point:
            return self._said(Decimal(f"{whole or 0}.{decimals}"))
        return f"{self.cardinal(whole or '0')} {self.point} {self.digits(decimals)}"

    def cardinal(self, digits: str) -> str:
        """A whole number; digit by digit where it is long or begins with 0."""
        if len(digits) > _LONGEST or (len(digits) > 1 and digits[0] == "0"):
            return self.digits(digits)
        return self._said(int(digits))

    def digits(self, digits: str) -> str:
        """Digit by digit."""
        return " ".join(self._said(int(digit)) for digit in digits)

    def ordinal(self, number: int) -> str:
        """``3`` is "third"."""
        return str(self._by("to_ordinal")(number))

    def year(self, number: int) -> str:
        """``1998`` is "nineteen ninety-eight"."""
        return str(self._by("to_year")(number)).replace(" oh-", " oh ")

    def _said(self, number: int | Decimal) -> str:
        try:
            said = str(self._by("to_cardinal")(number))
        except (ValueError, NotImplementedError, OverflowError, KeyError, IndexError):  # what this language lacks
            return str(number)
        return said.replace(", ", " ").replace(",", "")

    def _by(self, name: str) -> Callable[[int | Decimal], object]:
        converter = _converter(self.language)
        found: Callable[[int | Decimal], object] = getattr(converter, name)
        return found
