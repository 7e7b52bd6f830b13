"""What the rules say with a lexicon's words; what differs between languages is a :class:`Tongue`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from synthgen.generators.speech.spoken.lexicon import Lexicon
from synthgen.generators.speech.spoken.numerals import Numerals

Match = re.Match[str]
Rule = tuple[re.Pattern[str], Callable[[Match], str]]
_ROMAN: Final = {"I": 1, "V": 5, "X": 10}
_FRACTIONS_UP_TO: Final = 10
_LEAST_YEAR: Final = 1900


class Tongue(Protocol):
    """Where languages differ by more than words."""

    def date(self, day: int, month: str, year: str, before: str) -> str:
        """A day of a month, which is named in full; ``year`` in words, empty where none is written."""
        ...

    def clock(self, hour: int, minute: int, words: Lexicon, numerals: Numerals) -> str: ...

    def often(self, number: int, words: Lexicon, numerals: Numerals) -> str:
        """``3`` is "three times"."""
        ...

    def counted(self, number: str, one: str) -> str:
        """The numeral before a thing that is called ``one`` in the singular: "ein Milligramm" beside "eins"."""
        ...

    def own(self, grammar: Grammar) -> OwnRules: ...


@dataclass(frozen=True, slots=True)
class OwnRules:
    """Rules of one language, by their place among the others; ``first`` is what later rules would read by halves."""

    first: tuple[Rule, ...]
    dates: tuple[Rule, ...]
    times: tuple[Rule, ...]
    doses: tuple[Rule, ...]
    ordinals: tuple[Rule, ...]


@dataclass(frozen=True)
class Grammar:
    """What a rule needs to say its match.

    Attributes:
        month_first: 03/04 is the fourth of March.
    """

    words: Lexicon
    numerals: Numerals
    tongue: Tongue
    month_first: bool

    # --- Numbers

    def number(self, written: str) -> str:
        return self.numerals.words(written)

    def signed(self, sign: str | None, written: str) -> str:
        return f"{self.words.say.minus} {self.number(written)}" if sign else self.number(written)

    def to(self, first: str, last: str) -> str:
        return f"{first} {self.words.say.to} {last}"

    def out_of(self, score: str, most: str) -> str:
        return f"{self.number(score)} {self.words.say.out_of} {self.number(most)}"

    def by_digit(self, written: str) -> str:
        """Figure by figure, group after group: a telephone number."""
        plus = f"{self.words.symbols['+']} " if written.startswith("+") else ""
        return plus + ", ".join(self.numerals.digits(group) for group in re.findall(r"\d+", written))

    def leftover(self, match: Match) -> str:
        """A number that no rule has taken."""
        written = match.group()
        after = word_after(match)
        if written == "1" and after:
            return self.tongue.counted(self.number("1"), after)
        return self.number(written)

    def roman(self, match: Match) -> str:
        """A Roman numeral after a word that asks for one."""
        number = of_roman(match[1])
        if not number or word_before(match) not in self.words.roman_after:
            return match.group()
        return self.number(str(number)) + (f" {match[2]}" if match[2] else "")

    def code(self, written: str) -> str:
        """Letters one by one, figures as numbers: ``B12``."""
        parts = re.findall(r"[A-Z]+|\d+(?:\.\d+)?", written)
        return " ".join(" ".join(part) if part.isalpha() else self.number(part) for part in parts)

    # --- Dates and times

    def year(self, number: int) -> str:
        return self.numerals.year(number)

    def years(self, match: Match) -> str:
        return self.to(self.year(int(match[1])), self.year(int(match[2])))

    def short_years(self, match: Match) -> str:
        """ "2020-21", of which the second is the later; "2020-05" is a month."""
        later = int(match[2]) > int(match[1]) % 100
        return self.to(self.year(int(match[1])), self.number(str(int(match[2])))) if later else match.group()

    def maybe_year(self, match: Match) -> str:
        """Four figures after "in", "since", a month, or at the end of a clause are a year."""
        number, before = int(match[1]), word_before(match)
        ends = not word_after(match)
        if before in self.words.year_after or (ends and number >= _LEAST_YEAR):
            return self.year(number)
        return match.group()

    def month(self, name: str) -> str:
        """In full."""
        if name in self.words.months:
            return name
        return self.words.months[self.words.short_months.index(name)]

    def on(self, match: Match, day: str, month: str, year: str) -> str:
        """A date in figures; as it was where there is no such day."""
        if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
            return match.group()
        told = self.year(_full(year)) if year else ""
        return self.tongue.date(int(day), self.words.months[int(month) - 1], told, word_before(match))

    def ordered(self, match: Match, first: str, second: str, year: str) -> str:
        """The same in the order of the language; the one above twelve is the day."""
        month_first = self.month_first and "." not in match.group()
        if int(second) > 12 or (month_first and int(first) <= 12):
            return self.on(match, second, first, year)
        return self.on(match, first, second, year)

    def named(self, match: Match, day: str, month: str, year: str | None) -> str:
        if not 1 <= int(day) <= 31:
            return match.group()
        return self.tongue.date(int(day), self.month(month), self.year(int(year)) if year else "", word_before(match))

    def clock(self, hour: str, minute: str | None) -> str:
        return self.tongue.clock(int(hour), int(minute or 0), self.words, self.numerals)

    def clock_or_ratio(self, match: Match) -> str:
        if {word_before(match), word_before(match, 2)} & self.words.ratio_after or int(match[1]) > 24:
            return self.to(self.number(match[1]), self.number(match[2]))
        return self.clock(match[1], match[2])

    # --- Strokes

    def pressure(self, high: str, low: str) -> str:
        return f"{self.number(high)} {self.words.say.over} {self.number(low)}"

    def mixed(self, match: Match) -> str:
        """``2 1/2``."""
        if not self._is_fraction(match[2], match[3]):
            return match.group()
        return f"{self.number(match[1])} {self.words.say.and_} {self.fraction(int(match[2]), match[3], True)}"

    def _is_fraction(self, above: str, below: str) -> bool:
        return below in self.words.fractions and 0 < int(above) < int(below) and int(above) < _FRACTIONS_UP_TO

    def fraction(self, above: int, below: str, after_whole: bool = False) -> str:
        one, many = self.words.fractions[below]
        if above == 1:
            article = "a" if after_whole and self.words.one_of == "one" else self.words.one_of
            return f"{article} {one.lower() if below == '2' else one}"
        return f"{self.number(str(above))} {many}"

    def stroke(self, match: Match) -> str:
        """``a/b``: a pressure, a date, a fraction or a score, by its size and by the words before it."""
        above, below = match[1], match[2]
        before = {word_before(match), word_before(match, 2)}
        a, b = int(above), int(below)
        if pressure_like(a, b) or (before & self.words.pressure_after and a > b):
            return self.pressure(above, below)
        if word_before(match) in self.words.date_after and 1 <= a <= 31 and 1 <= b <= 31 and min(a, b) <= 12:
            return self.ordered(match, above, below, "")
        scored = below in {"5", "10"} and before & self.words.scored
        if self._is_fraction(above, below) and not (scored or after_scale(match)):
            return self.fraction(a, below) if below != "10" else self.out_of(above, below)
        return self.out_of(above, below)

    # --- Quantities

    def sum_of(self, sign: str, whole: str, part: str | None) -> str:
        """Money: ``$3.50`` is "three dollars fifty"."""
        one, many, *_ = self.words.money[sign]
        plain = self.numerals.plain(whole)
        said = (
            f"{self.tongue.counted(self.number(whole), one)} {one}" if plain == "1" else f"{self.number(whole)} {many}"
        )
        return f"{said} {self.number(part)} " if part and int(part) else f"{said} "

    def often(self, number: str) -> str:
        return self.tongue.often(int(number), self.words, self.numerals)

    def per(self, unit: str | None) -> str:
        return f" {self.words.say.per} {self._form(unit)[0]}" if unit else ""

    def _form(self, unit: str) -> tuple[str, ...]:
        return self.words.after_stroke.get(unit) or self.words.units[unit]

    def unit(self, written: str, many: bool) -> str:
        """A unit of one or several parts, ``mg/kg``."""
        first, *rest = re.split(r"\s?/\s?", written) if written not in self.words.units else [written]
        return self.words.units[first][many] + "".join(self.per(part) for part in rest)

    def quantity(self, sign: str, number: str, unit: str, before_noun: bool = False) -> str:
        """``before_noun``: "a 5-mg tablet", whose unit is in the singular."""
        one = self.numerals.plain(number) == "1"
        said = self.signed(sign, number)
        form = self.unit(unit, not one and not before_noun)
        return f"{self.tongue.counted(said, form) if one else said} {form}"

    def range_of(self, match: Match) -> str:
        sign, number, _, minus, last, unit = match.groups()
        return f"{self.to(self.signed(sign, number), self.signed(minus, last))} {self.unit(unit, True)}"

    def between_words(self, match: Match) -> str:
        """ "and/or" is read without, "he/she" with "or"."""
        joined = {word_before(match), word_after(match).lower()} & {self.words.say.and_, self.words.say.or_}
        return " " if joined else f" {self.words.say.or_} "


def word_before(match: Match, place: int = 1) -> str:
    """The last word before a match but ``place`` - 1, in lower case; empty where there is none."""
    words = re.findall(r"[\w']+", match.string[max(0, match.start() - 60) : match.start()].lower())
    return words[-place] if len(words) >= place else ""


def after_scale(match: Match) -> bool:
    """Whether the name of a scale, in capitals, stands before: "C-SSRS 3/5"."""
    return re.search(r"[A-Z]{3,}(?:-\w+)?:?\s*$", match.string[max(0, match.start() - 60) : match.start()]) is not None


def word_after(match: Match) -> str:
    """The word after a match, as it is written."""
    found = re.match(r"\s*([^\W\d_]+)", match.string[match.end() :])
    return found[1] if found else ""


def of_roman(numeral: str) -> int:
    """1 to 39; 0 where it is none."""
    values = [_ROMAN[letter] for letter in numeral]
    total = sum(-v if v < max(values[i:]) else v for i, v in enumerate(values))
    proper = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")[total % 10] if 0 < total < 40 else ""
    return total if 0 < total < 40 and numeral == "X" * (total // 10) + proper else 0


def pressure_like(high: int, low: int) -> bool:
    """Whether two numbers with a stroke between can be a blood pressure, mmHg."""
    return 70 <= high <= 260 and 30 <= low <= 150 and high > low


def _full(year: str) -> int:
    return int(year) if len(year) == 4 else int(year) + (2000 if int(year) < 50 else 1900)
