"""English where it differs by more than words: dates, times, plurals of numbers, heights."""

from __future__ import annotations

import re
from dataclasses import dataclass

from synthgen.generators.speech.spoken.grammar import Grammar, Match, OwnRules, Rule, of_roman
from synthgen.generators.speech.spoken.lexicon import Lexicon
from synthgen.generators.speech.spoken.numerals import Numerals

_HALF = r"([aApP])\.?\s?[mM]\b(\.?)"
_CLOCK = r"([01]\d|2[0-3])([0-5]\d)"
_AT = "(?:[Bb]y|[Aa]t|[Ff]rom|[Uu]ntil|[Ss]ince|[Bb]efore|[Aa]fter|[Aa]round)"
_ON = "(?:and|or|on|in|for|with|then|but|to|this|today|yesterday|tomorrow|daily|every)"
_THEN = rf"(?=\s*(?:[,.;:!?)]|$)|\s{_ON}\b)(?![.,:]\d)"
_FREE = r"(?<![\w-])(?:\+?1[-. ])?\(?8(?:00|33|44|55|66|77|88)\)?[-. ]"
_TENS = {"2": "twenties", "3": "thirties", "4": "forties", "5": "fifties", "6": "sixties", "7": "seventies",
         "8": "eighties", "9": "nineties"}  # fmt: skip


@dataclass(frozen=True)
class English:
    """See :class:`synthgen.generators.speech.spoken.grammar.Tongue`."""

    numerals: Numerals
    words: Lexicon

    def date(self, day: int, month: str, year: str, before: str) -> str:
        said = self.numerals.ordinal(day)
        told = f"{said} of {month}" if before == "the" else f"{month} {said}"
        return f"{told}, {year}" if year else told

    def clock(self, hour: int, minute: int, words: Lexicon, numerals: Numerals) -> str:
        if not minute:
            return f"{numerals.cardinal(str(hour))} o'clock"
        return f"{numerals.cardinal(str(hour))} {'oh ' if minute < 10 else ''}{numerals.cardinal(str(minute))}"

    def often(self, number: int, words: Lexicon, numerals: Numerals) -> str:
        few = {1: words.say.once, 2: words.say.twice}.get(number)
        return (few or f"{numerals.cardinal(str(number))} {words.say.times}") + " "

    def counted(self, number: str, one: str) -> str:
        return number

    def own(self, grammar: Grammar) -> OwnRules:
        g = grammar
        return OwnRules(
            first=self._first(g),
            dates=(
                (re.compile(r"(?<![\w.,])((?:1[89]|20)\d)0['’]?s\b"), lambda m: self._decade(g, m)),
                (re.compile(r"(?<![\w.,])['’]?([2-9])0['’]?s\b"), lambda m: _TENS[m[1]]),
            ),
            times=(
                (
                    re.compile(rf"(?<![\w.,:/])(\d{{1,2}})\s?[-–]\s?(\d{{1,2}})\s?{_HALF}"),
                    lambda m: self._half(g, m, 3, g.to(g.number(m[1]), g.number(m[2]))),
                ),
                (
                    re.compile(rf"(?<![\w.,:/])(\d{{1,2}})[:.]([0-5]\d)\s?{_HALF}"),
                    lambda m: self._half(g, m, 3, g.clock(m[1], m[2]).removesuffix(" o'clock")),
                ),
                (re.compile(rf"(?<![\w.,:/])(\d{{1,2}})\s?{_HALF}"), lambda m: self._half(g, m, 2, g.number(m[1]))),
                (re.compile(r"(?<![\w.,:/])(\d{1,2})(?::00)? o['’]clock"), lambda m: f"{g.number(m[1])} o'clock"),
            ),
            doses=(
                (
                    re.compile(r"(?<![\w.,])(\d{2,3}\.\d)\s?([FC])\b"),
                    lambda m: f"{g.number(m[1])} degrees {'Celsius' if m[2] == 'C' else 'Fahrenheit'}",
                ),
                (
                    re.compile(
                        r"(?<!\w)[xX×]\s?(?=\d+\s?(?:d|days?|wks?|weeks?|hrs?|hours?|months?|mos?|years?|yrs?)\b)"
                    ),
                    lambda m: "for ",
                ),
                (
                    re.compile(r"(?<!\w)[qQ]\s?(\d{1,2})\s?[-–]\s?(\d{1,2})\s?(?:h|hrs?|hours)(?!\w)\.?"),
                    lambda m: f"every {g.to(g.number(m[1]), g.number(m[2]))} hours",
                ),
                (
                    re.compile(r"(?<!\w)[qQ]\s?(\d{1,2})\s?(?:h|hrs?|hours)(?!\w)"),
                    lambda m: f"every {g.number(m[1])} hours",
                ),
                (
                    re.compile(r"(?<!\w)(\d)['’′]\s?(\d{1,2})(?:[\"”″]|''|’’)?(?!\w)"),
                    lambda m: f"{g.number(m[1])} foot {g.number(m[2])}",
                ),
                (
                    re.compile(r"(?<!\w)(\d{1,3})\s?[yY][/.]?[oO]\.?\s?(?=[MFmf]\b)([MFmf])\b"),
                    lambda m: f"{g.number(m[1])} year old {'male' if m[2] in 'mM' else 'female'}",
                ),
                (re.compile(r"(?<!\w)(\d{1,3})[xX](?=\d)"), lambda m: f"{g.number(m[1])} by "),
            ),
            ordinals=(
                (re.compile(r"(?<![\w.,])(\d{1,6})(?:st|nd|rd|th)\b"), lambda m: self.numerals.ordinal(int(m[1]))),
                (
                    re.compile(rf"\b(?P<name>{'|'.join(g.words.rulers)}) ([IVX]{{1,5}})\b"),
                    lambda m: _regnal(self.numerals, m),
                ),
            ),
        )

    def _first(self, g: Grammar) -> tuple[Rule, ...]:
        months = "|".join((*g.words.months, *(name for name in g.words.short_months if name != "-")))
        days = {key.rstrip("."): name for key, name in g.words.weekdays_short.items()}
        day = "|".join(sorted(days, key=len, reverse=True))
        often = g.words.after_dose
        number, end = r"(\d+(?:[.,]\d+)*)", r"(?![\w/]|[.,]\d)"
        drug = r"(?:mg|MG|mcg|µg|g|mL|ml|IU|units?|tabs?|tablets?|caps?|capsules?|puffs?|drops?)"
        return (
            (
                re.compile(rf"\b((?:{months})\.?) (\d\d?)(?:st|nd|rd|th)?\s?[-–]\s?(\d\d?)(?:st|nd|rd|th)?{end}"),
                lambda m: f"{m[1]} {m[2]} to {self.numerals.ordinal(int(m[3]))}",
            ),
            (re.compile(rf"\b({day})\.?\s?[-–]\s?({day})\b\.?"), lambda m: f"{days[m[1]]} to {days[m[2]]}"),
            (re.compile(r"(?<=\d)(\s?[aApP]\.?[mM]\b\.?)\s?[-–]\s?(?=\d)"), lambda m: f"{m[1].rstrip('.')} to "),
            (
                re.compile(rf"([$€£])\s?{number}\s?(k|K|thousand|million|billion)\b"),
                lambda m: f"{g.number(m[2])} {_large(m[3])} {g.words.money[m[1]][1]}",
            ),
            (re.compile(rf"(?<![\w.,/:-]){number}[kK]\b"), lambda m: f"{g.number(m[1])} thousand"),
            (
                re.compile(rf"\b([Cc]all(?:ed|ing)?|[Dd]ial(?:l?ed|l?ing)?|[Tt]he) (911|988|999|112|111){end}"),
                lambda m: f"{m[1]} {self.numerals.digits(m[2])}",
            ),
            (
                re.compile(r"(?<![\w.,:/-])([01]\d|2[0-3])([0-5]\d)\s?(?:hrs|hours)\b"),
                lambda m: f"{self._military(m[1], m[2])} hours",
            ),
            (
                re.compile(
                    r"(?<![\w.,])(\d{1,3})[\s-]?y[/.]?o\.?(?=\s(?:[a-z]+\s)?"
                    r"(?:wo)?(?:man|male|female|boy|girl|lady|gentleman|patient|child|son|daughter)\b)"
                ),
                lambda m: f"{g.number(m[1])} year old",
            ),
            (
                re.compile(rf"(?<![\w.,:/-])(0\d)([0-5]\d)(\s?[-–]\s?| (?:to|until|till|and) ){_CLOCK}{end}"),
                lambda m: (
                    f"{self._military(m[1], m[2])} {m[3].strip().replace('–', '-').replace('-', 'to')} "
                    f"{self._military(m[4], m[5])} hours"
                ),
            ),
            (
                re.compile(rf"(?<![\w.,:/-])({_AT}) (0\d)([0-5]\d){end}"),
                lambda m: f"{m[1]} {self._military(m[2], m[3])} hours",
            ),
            (
                re.compile(rf"\b([Aa]t) {_CLOCK}{_THEN}"),
                lambda m: f"{m[1]} {self._military(m[2], m[3])} hours",
            ),
            (
                re.compile(rf"{_FREE}(?=[\d-]*[A-Z])[A-Z\d]+(?:-[A-Z\d]+)*\b"),
                self._lettered,
            ),
            (re.compile(rf"(?<![\w.,/-])116\s?(\d{{3}}){end}"), lambda m: self.numerals.digits(f"116{m[1]}")),
            (
                re.compile(rf"(\d(?:\s?{drug})?(?:,? (?:PO|po|p\.o\.|orally|by mouth))?) ({'|'.join(often)})\b(?!-)"),
                lambda m: f"{m[1]} {often[m[2]]}",
            ),
            (
                re.compile(rf"(?<![\w.,:/-]){number}\s?(mg|mcg|µg|g|mL|ml|IU)(?=\s(?:{'|'.join(g.words.forms)})\b)"),
                lambda m: g.quantity("", m[1], m[2], True),
            ),
            (re.compile(rf"(?<![\w.,/])(\d+)\s?[x×X]\s?(?={number}\s?{drug}\b)"), lambda m: f"{g.number(m[1])} times "),
            (
                re.compile(
                    rf"(?<!\w)[x×X](\d{{1,2}}){end}(?!\^|\s?(?:d|days?|wks?|weeks?|h|hrs?|hours?|months?|mos?|years?|yrs?)\b)"
                ),
                lambda m: f"times {g.number(m[1])}",
            ),
            (re.compile(r"(?<!\w)(\d) ?ft\.? (\d{1,2}) ?in\b\.?"), lambda m: f"{g.number(m[1])} foot {g.number(m[2])}"),
        )

    def _lettered(self, match: Match) -> str:
        """A telephone number that is partly a word: "1-800-QUIT-NOW"."""
        parts = [re.findall(r"[A-Z]+|\d+", part) for part in re.split(r"[-. ]", match[0])]
        said = [" ".join(self.numerals.digits(p) if p.isdecimal() else p for p in part) for part in parts]
        return ", ".join(one for one in said if one)

    def _military(self, hour: str, minute: str) -> str:
        said = ("oh " if hour[0] == "0" else "") + self.numerals.cardinal(str(int(hour)))
        if minute == "00":
            return f"{said} hundred"
        return f"{said} {'oh ' if minute[0] == '0' else ''}{self.numerals.cardinal(str(int(minute)))}"

    def _decade(self, grammar: Grammar, match: Match) -> str:
        century, ten = divmod(int(match[1]), 10)
        if not ten:
            return f"{grammar.number(str(century))} hundreds" if century != 20 else "two thousands"
        tens = _TENS.get(str(ten), "tens")
        return f"{grammar.number(str(century))} {tens}"

    def _half(self, grammar: Grammar, match: Match, group: int, said: str) -> str:
        """ "8 a.m."; its full stop is one of the sentence where the sentence ends with it."""
        rest = match.string[match.end() :]
        ends = match[group + 1] and (not rest.strip() or re.match(r"\s+[A-Z][a-z]*\b", rest))
        return f"{said} {match[group].upper()} M" + ("." if ends else "")


def _large(word: str) -> str:
    return "thousand" if word in "kK" else word


def _regnal(numerals: Numerals, match: Match) -> str:
    number = of_roman(match[2])
    return f"{match['name']} the {numerals.ordinal(number)}" if number > 1 else match.group()
