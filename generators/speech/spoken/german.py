"""German where it differs by more than words: the endings of ordinals, the clock, "ein" beside "eins".

Which ending an ordinal has follows from the article before it and from the gender of the noun after it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from synthgen.generators.speech.spoken.grammar import Grammar, Match, OwnRules, Rule, word_after, word_before
from synthgen.generators.speech.spoken.lexicon import Lexicon
from synthgen.generators.speech.spoken.numerals import Numerals


@dataclass(frozen=True)
class German:
    """See :class:`synthgen.generators.speech.spoken.grammar.Tongue`."""

    numerals: Numerals
    words: Lexicon

    def date(self, day: int, month: str, year: str, before: str) -> str:
        return " ".join(part for part in (self._ordinal(day, before, month), month, year) if part)

    def clock(self, hour: int, minute: int, words: Lexicon, numerals: Numerals) -> str:
        said = self.counted(numerals.cardinal(str(hour)), "")
        return f"{said} Uhr {numerals.cardinal(str(minute))}" if minute else f"{said} Uhr"

    def often(self, number: int, words: Lexicon, numerals: Numerals) -> str:
        return self.counted(numerals.cardinal(str(number)), "") + "mal "

    def counted(self, number: str, one: str) -> str:
        """ "eins" becomes "ein", before what looks feminine "eine"."""
        if not number.endswith("eins"):
            return number
        feminine = one.endswith(("e", "heit", "keit", "ung", "ion", "Dosis", "sule")) and one[:1].isupper()
        return number.removesuffix("s") + ("e" if feminine else "")

    def own(self, grammar: Grammar) -> OwnRules:
        g = grammar
        nouns = "|".join(sorted(g.words.after_ordinal, key=len, reverse=True))
        uhr = r"\s?(?:Uhr|h)(?!\w)"
        between = r"(?:\s?Uhr|(?<=von \d-\d\d)\s?h|(?<=von \d\d-\d\d)\s?h)(?!\w)"  # "2-3 h" are hours
        return OwnRules(
            first=self._first(g, nouns),
            dates=(
                (re.compile(r"(?<![\w.,])(\d{1,2})\.\s?(\d{1,2})\.(?!\d|\s?\d)"), lambda m: g.on(m, m[1], m[2], "")),
                (re.compile(r"(?<![\w.,])((?:1[89]|20)?\d)0er(?:n)?\b"), self._decade),
            ),
            times=(
                (
                    re.compile(rf"(?<![\w.,:/])(\d{{1,2}})\s?[-–]\s?(\d{{1,2}}){between}"),
                    lambda m: f"{self.counted(g.number(m[1]), '')} bis {self.counted(g.number(m[2]), '')} Uhr",
                ),
                (re.compile(rf"(?<![\w.,:/])(\d{{1,2}})[:.]([0-5]\d){uhr}"), lambda m: g.clock(m[1], m[2])),
                (re.compile(r"(?<![\w.,:/])(\d{1,2})\s?Uhr\s?([0-5]\d)?(?!\w)"), lambda m: g.clock(m[1], m[2])),
            ),
            doses=(
                (
                    re.compile(r"(?<!\w)alle (\d{1,2})\s?[-–]\s?(\d{1,2})\s?(?:h|Std\.?)(?!\w)"),
                    lambda m: f"alle {g.to(g.number(m[1]), g.number(m[2]))} Stunden",
                ),
                (re.compile(r"(?<!\w)1\s1/2(?![\w/])|(?<!\w)1,5(?=\s?(?:Tbl|Tabl|Tablette))"), lambda m: "eineinhalb"),
                (
                    re.compile(r"(?<![\w/])1/2(?=\s+[A-ZÄÖÜ])"),
                    lambda m: (
                        "eine halbe"
                        if self.counted("eins", word_after(m)).endswith("e")
                        or word_after(m).startswith(("Tbl", "Tabl"))
                        else "ein halber"
                    ),
                ),
                (
                    re.compile(r"(?<!\w)(\d{1,3})(?:-| )?(?:jährig)(\w*)"),
                    lambda m: f"{self._joined(g, m[1])}jährig{m[2]}",
                ),
                (
                    re.compile(r"(?<![\w,.])(\d{1,3}(?:,\d+)?)-?(mal|fach)\b"),
                    lambda m: f"{self._joined(g, m[1])}{m[2]}",
                ),
                (re.compile(r"(?<!\w)(\d{1,3})-(?=[a-zäöü])"), lambda m: self._joined(g, m[1])),
            ),
            ordinals=(
                (re.compile(rf"(?<![\w.,])(\d{{1,3}})\.\s?(?=(?:{nouns})\b)"), lambda m: self._before_noun(m)),
                (
                    re.compile(
                        r"(?<=[Dd](?:er|ie|as|en|em) )(\d{1,3})\.(?=\s[a-zäöüA-ZÄÖÜ])"
                        r"|(?<=(?:am|im) )(\d{1,3})\.(?=\s[A-ZÄÖÜ])"
                    ),
                    lambda m: self._before_noun(m),
                ),
            ),
        )

    def _first(self, g: Grammar, nouns: str) -> tuple[Rule, ...]:
        days = {key.rstrip("."): name for key, name in g.words.weekdays_short.items()} | {"Fr": "Freitag"}
        day, dose, pair = "|".join(days), r"(?:1/2|\d)", r"(?<![\w.,])(\d{1,2})\.\s?(?:[-–]|(bis|und|oder)\s)\s?"
        return (
            (re.compile(rf"\b({day})\.?\s?(?:[-–]|bis)\s?({day})\b\.?"), lambda m: f"{days[m[1]]} bis {days[m[2]]}"),
            (re.compile(r"\bFr\.(?=\s*(?:,|\d|um\b))"), lambda m: days["Fr"]),
            (
                re.compile(rf"{pair}(\d{{1,2}})\.\s?(?=({nouns})\b)"),
                lambda m: (
                    self._ordinals(m[1], m[2], word_before(m), m[4])
                    + f"{self._ordinal(int(m[3]), word_before(m), m[4])} "
                ),
            ),
            (
                re.compile(rf"{pair}(?=\d{{1,2}}\.\s?\d{{1,2}}\.)"),
                lambda m: self._ordinals(m[1], m[2], word_before(m), "Tag"),
            ),
            (
                re.compile(rf"(?<![\w.,/-]){dose}(?:[-–]{dose}){{2,3}}(?![\w/-]|[.,]\d)"),
                lambda m: ", ".join("ein halb" if part == "1/2" else g.number(part) for part in re.split("[-–]", m[0])),
            ),
            (
                re.compile(r"(?<![\w.,])([2-9]|1\d)\s1/2(?![\w/])"),
                lambda m: f"{g.number(m[1])}einhalb",
            ),
            (re.compile(r"(?<=\d),[-–—]+(?=\s?€)"), lambda m: ""),
            (re.compile(r"(?<![\w.,])(\d{1,3})-?h-(?=[A-ZÄÖÜ])"), lambda m: f"{g.number(m[1])} Stunden "),
            (
                re.compile(r"(?<![\w.,])(\d{1,3})[- ]?j(?:ähr)?\.?\s(Pat\.|[A-ZÄÖÜ][a-zäöü]+)"),
                lambda m: self._aged(g, m),
            ),
            (re.compile(r"(?<![\w.,])(\d{1,3})-?j\.(?!\w)"), lambda m: f"{g.number(m[1])} Jahre"),
            (re.compile(r"(?<![\w.,])(\d{1,3}(?:,\d+)?)\s?%-?ig"), lambda m: f"{g.number(m[1])}prozentig"),
            (re.compile(r"\b(gegen|um|ab|bis) (\d{1,2})\s?h(?!\w)"), lambda m: f"{m[1]} {g.clock(m[2], None)}"),
            (
                re.compile(r"(?<![\w.,/-])116\s?(\d{3})(?![\w/]|[.,]\d)"),
                lambda m: self.numerals.digits(f"116{m[1]}"),
            ),
            (
                re.compile(r"\b(Notruf|Nummer|[Uu]nter|[Dd]ie) (11[025])(?![\w/]|[.,]\d)"),
                lambda m: f"{m[1]} {self.numerals.digits(m[2])}",
            ),
        )

    def _aged(self, g: Grammar, match: Match) -> str:
        """ "45j. Pat.": with the ending that the article before and the noun after ask for."""
        before, noun = word_before(match), match[2]
        if noun == "Pat.":
            noun = "Patientin" if before in {"die", "eine", "einer"} else "Patient"
        stem = f"{self._joined(g, match[1])}jährige"
        if before in self.words.weak:
            return f"{stem}n {noun}"
        if before in {*self.words.articles, "eine"} or noun in self.words.feminine:
            return f"{stem} {noun}"
        return f"{stem}{'s' if noun in self.words.neuter else 'r'} {noun}"

    def _ordinals(self, first: str, joined: str | None, before: str, noun: str) -> str:
        """The first of two ordinals, and what joins them: "1.-" is "erste bis"."""
        return f"{self._ordinal(int(first), before, noun)} {joined or 'bis'} "

    def _decade(self, match: Match) -> str:
        """The nineties: "neunziger", "neunzehnhundertneunzigern"."""
        written = match[1] + "0"
        said = self.numerals.year(int(written)) if len(written) == 4 else self.numerals.cardinal(written)
        return f"{said}er{'n' if match[0].endswith('n') else ''}"

    def _joined(self, grammar: Grammar, number: str) -> str:
        return self.counted(grammar.number(number), "")

    def _before_noun(self, match: Match) -> str:
        number = int(next(group for group in match.groups() if group))
        return self._ordinal(number, word_before(match), word_after(match)) + " "

    def _ordinal(self, number: int, before: str, noun: str) -> str:
        stem, words = self.numerals.ordinal(number).removesuffix("e"), self.words
        feminine = noun in words.feminine
        if before in words.weak or (before == "der" and feminine):
            return f"{stem}en"
        if before in words.articles or feminine:
            return f"{stem}e"
        return f"{stem}es" if noun in words.neuter else f"{stem}er"
