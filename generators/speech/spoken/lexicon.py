"""The lexicon of a language: how its units, abbreviations, fractions and symbols are said. ``en.yaml``, ``de.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Annotated

from pydantic import BeforeValidator

from synthgen.wordlists import WordLists, Words, WordSet, word_lists


def _parted(value: object) -> object:
    return [part.strip() for part in value.split(";")] if isinstance(value, str) else value


Forms = Annotated[tuple[str, ...], BeforeValidator(_parted)]
"""One and many of a thing, separated by a semicolon."""


class Say(WordLists):
    """The words between numbers."""

    minus: str
    point: str
    to: str
    over: str
    out_of: str
    per: str
    times: str
    once: str
    twice: str
    by: str
    or_: str
    dot: str
    at: str
    slash: str
    dash: str
    underscore: str
    and_: str
    power: str


class Lexicon(WordLists):
    """A language's file; the headings are explained there."""

    decimal: str
    say: Say
    units: Mapping[str, Forms]
    after_stroke: Mapping[str, Forms]
    alone: Words
    money: Mapping[str, Forms]
    abbreviations: Mapping[str, str]
    before_number: Words
    after_number: Words
    initials: Words
    as_words: Mapping[str, str]
    roman_after: WordSet
    months: Words
    short_months: Words
    weekdays_short: Mapping[str, str]
    year_after: WordSet
    date_after: WordSet
    pressure_after: WordSet
    ratio_after: WordSet
    fractions: Mapping[str, Forms]
    one_of: str
    symbols: Mapping[str, str]
    scored: WordSet
    no_stutter: WordSet
    address: WordSet
    after_dose: Mapping[str, str] = {}
    forms: Words = ()
    rulers: Words = ()
    after_ordinal: Words = ()
    feminine: Words = ()
    neuter: Words = ()
    weak: Words = ()
    articles: Words = ()


@cache
def lexicon(language: str) -> Lexicon | None:
    """The lexicon of a language (two letters), read once; None where there is none. UserError where it is malformed."""
    if not (language.isalpha() and resources.files(__package__).joinpath(f"{language}.yaml").is_file()):
        return None
    return word_lists(__package__, language, Lexicon)
