"""Addresses, postcodes, towns, countries, organisations and nationalities."""

# ruff: noqa: E501 (a regular expression is read best on one line)
from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from synthgen.privacy_filters.dialogue.clinical import clinical
from synthgen.privacy_filters.dialogue.identifiers.types import Entity, Identifier
from synthgen.privacy_filters.dialogue.identifiers.vocabulary import (
    cues,
    eponyms,
    folded,
    lexicon,
    ordinary,
    ordinary_words,
    place_words,
)
from synthgen.wordlists import alternatives

_UPPER = "A-ZÀ-ÖØ-ÞĀĂĄĆĈĊČĎĐĒĖĘĚĜĞĠĢĤĦĪĮİĶĹĻĽŁŃŅŇŌŐŒŔŖŘŚŞŠŢŤŪŮŰŲŹŻŽΑ-ΩА-Я"
_NAME = rf"(?:[{_UPPER}][^\W\d_]{{0,2}}\.|[{_UPPER}][^\W\d_]*(?:['’.-][^\W\d_]+)*)"
_NAMES = (
    rf"{_NAME}(?:[ ](?:(?:de|del|la|las|los|el|of|the|and|y|i|do|da|dos|das|du|van|von|der|den|di)[ ])*{_NAME}){{0,4}}"
)

_NUMBER = r"\d{1,6}(?:[ -]?[A-Za-z]\b)?(?:[/-]\d{1,4})?"
_UNIT = r"(?:(?:apt|apartment|suite|ste|unit|flat|floor|room|box|no|nº|piso|bajo|km)\.?\s*#?\s*\d[\w-]*)"
_GAP = r"(?:[ ]*\\?\n[\s?>*|,]*|[ ]*,[ ]*|[ ])"
_TAIL = rf"(?:{_GAP}(?:{_UNIT}|nan\b|{_NAMES}(?:[ ]\d{{1,2}}\b)?|[A-Z]{{2,3}}\b|\d{{2}}\b|\d[\d-]{{2,6}}\b)){{0,7}}"


@cache
def _street_patterns() -> list[tuple[re.Pattern[str], float]]:
    """English streets end in their kind; continental ones begin with it, or carry it as an ending; the number is on
    either side."""
    words = place_words()
    after, before, ending = map(alternatives, (words.streets_after, words.streets_before, words.streets_ending))
    return [
        (re.compile(rf"\b\d{{1,6}}[ ](?:\d{{1,5}}[ ])?(?:{_NAME}[ ]){{1,4}}(?i:{after})\b\.?(?:[ ]{_NUMBER})?"), 0.85),
        (re.compile(rf"\b(?:{_NAME}[ ]){{1,3}}(?i:{after})\.?[ ]{_NUMBER}"), 0.7),
        (re.compile(rf"(?<!\w)(?i:{before})\.?[ ]*(?:(?i:de|del|la|las|los|el|do|da|dr\.|dra\.|san|santa|virgen)[ ])*"
                    rf"{_NAMES}(?:[ ]*,?[ ]*(?:nº|n\.º|num\.?|número|(?i:s/n)|(?:km\.?[ ]?)?#?{_NUMBER}))+(?:[ ]*,[ ]*\d{{1,3}}[ºª]?(?:[ ]?[A-Z]\b)?)*"), 0.85),
        (re.compile(rf"\b(?:\d{{2,6}}[ ])?(?:[^\W\d_]+[ ]){{0,2}}[^\W\d_]{{2,}}(?i:{ending})[ ]{_NUMBER}"), 0.75),
        (re.compile(rf"\b\d{{2,6}}[ ](?:{_NAMES})[ ]\d{{1,5}}\b"), 0.8),
        (re.compile(rf"\b\d{{1,6}}[ ](?:\d{{1,5}}[ ])?(?i:{before})[ ]*(?:(?:de|del|della|delle|la|do|da|dos)[ ])*{_NAMES}"), 0.8),
        (re.compile(r"\b(?:PSC|P\.?O\.?[ ]Box|Box|Apartado)[ ]\d+(?:,[ ]Box[ ]\d+)?(?:\s+(?:APO|FPO|DPO)[ ][A-Z]{2}[ ]\d{5})?"), 0.8),
        (re.compile(r"\b\d{2,6}\s+(?:(?i:apt|suite|unit|flat)\.?)\s*\d+\b|(?<!\w)(?i:apt|suite|unit|flat)\.?[ ]#?\d[\w-]*"), 0.6),
    ]  # fmt: skip


_STREET_CUE = re.compile(
    r"(?i:\b(?:address(?: is|:| to| of [\w ]+ is)?|lives? (?:at|on)|living (?:at|on)|located (?:at|on)|"
    r"sent? (?:it )?to|side of|(?:is|be|was|are|meet|arrived|off) (?:at|on|in)\b|domicilio\s*:|direcci[oó]n\s*:|here's [\w ]+address:))\s*"
)
_AFTER_CUE = re.compile(
    rf"\d{{1,6}}[ ](?:[^\W\d_][^\W\d_.'’-]*\.?[ ]){{1,4}}{_NUMBER}|(?:[{_UPPER}][^\W\d_.'’-]{{2,}}[ ]){{1,4}}{_NUMBER}"
    rf"|\d{{1,6}}[ ](?:\d{{1,5}}[ ])?{_NAMES}|{_NAMES}[ ]*,[ ]*(?:s/n|\d{{1,4}}\b)"
)
_TAIL_OF = re.compile(_TAIL)


@cache
def _postcode_patterns() -> list[tuple[re.Pattern[str], float]]:
    states = "|".join(place_words().states).upper()
    return [
        (re.compile(r"(?i:\b(?:zip(?:[ -]?code)?|post(?:al)?[ -]?code|c\.?p\.?)(?:\s+(?:is|was)|\s*:|\s)\s*(?:is\s+)?)([A-Z]{0,2}-?\d{3,6}(?:-\d{4})?\b)"), 0.9),
        (re.compile(rf"\b(?:{states}),?\s+(\d{{5}}(?:-\d{{4}})?)\b"), 0.8),
        (re.compile(rf"\b{_NAME}\s+(?:[A-Z]{{2}}\s+)(\d{{4,5}})\b"), 0.6),
        (re.compile(r"\b([A-PR-UWYZ](?:\d{1,2}|[A-HK-Y]\d{1,2}|\d[A-HJKSTUW]|[A-HK-Y]\d[ABEHMNPRVWXY])[ ]\d[ABD-HJLNP-UW-Z]{2})\b"), 0.7),
        (re.compile(rf"(?<![\d.,/])\b((?:0[1-9]|[1-4]\d|5[0-2])\d{{3}})[ ,.-]+(?={_NAME})"), 0.5),
    ]  # fmt: skip


@cache
def _organisation_patterns() -> list[tuple[re.Pattern[str], float]]:
    """The first is of English, where the kind stands last."""
    after, before = map(alternatives, (place_words().organisations_after, place_words().organisations_before))
    return [
        (re.compile(rf"\b((?:{_NAME}(?:[ ]|[ ]?&[ ]?)(?:(?:and|of|for|the)[ ])?){{1,5}}(?i:{after})\b)"), 0.75),
        (re.compile(rf"\b((?i:{before})[ ](?:(?:de|del|la|las|los|el|y|e|i|d['’]|the|of)[ ]?)*{_NAMES}"
                    rf"(?:[ ](?:de|del|y)[ ](?:(?:la|las|los|el)[ ])?{_NAMES}){{0,3}})"), 0.75),
        (re.compile(rf"(?i:\b(?:work(?:s|ed|ing)?|job|employed|intern(?:ed|ing)?|founded|office|meet \w+|ordered|applied|position|boss|nights|shifts|manager|bookkeeper|receptionist|driver|lorries|laid off|redundant|volunteer(?:s|ed|ing)?) (?:at|for|by|with|from)(?: the)?[ ])({_NAMES})"), 0.65),
        (re.compile(rf"\b(?i:been with)[ ]({_NAMES})(?=[ ](?:for|since)[ ])"), 0.6),
        (re.compile(rf"(?i:\b(?:year|years|months?|studied|nurse|doctor|teacher|manager|student|seen|treated|admitted) at[ ])({_NAMES})"), 0.6),
        (re.compile(rf"\b(?i:the)[ ]({_NAMES})[ ](?:office|orchestra|building|headquarters|team|company|store|branch|factory|plant|website|app)\b"), 0.6),
        (re.compile(rf"\b(?i:address of|company|recorded for|employer(?: is|:)?)[ ]({_NAMES})"), 0.55),
        (re.compile(rf"\b([{_UPPER}][^\W\d_]{{2,}}-[{_UPPER}][^\W\d_]{{2,}})(?=[ ](?:in|as|is|was|and)\b)"), 0.5),
    ]  # fmt: skip


_CAPITALISED_RUN = re.compile(rf"{_NAMES}")
_PLACED = re.compile(
    r"(?:\b(?:live[sd]?|living|moved|born|grew up|raised|stayed|vacation(?:ed|ing)?|based|settled|i['’]?m|i am|originally|"
    r"travel(?:l?ed|l?ing)?|went|go(?:ing)?|flew|fly(?:ing)?|drove|trip|back|come|came|coming|visit(?:ed|ing)?|area|"
    r"country|city|town|university|up|he is|she is|was|is)\s+(?:in|to|from|of|near|around|at)?\s*|\bvisit(?:ed|ing)?\s+|"
    r"\b(?:localidad/?\s*provincia|pa[ií]s(?: de nacimiento)?|where|natural de|procedente de|residente en|vive en)\s*:?\s*)$",
    re.IGNORECASE,
)
_SOMEWHERE = re.compile(r"\b(?:in|to|from|near|at)\s+$", re.IGNORECASE)
_FIELD_PLACE = re.compile(
    r"(?i:(localidad/?\s*provincia|localidad|provincia|pa[ií]s(?:\s+de\s+nacimiento)?)\s*:[ ]*)([^\n.:;]{2,60})"
)
_GROUP = re.compile(r"[^\W\d_]{4,}")


def places(text: str, language: str = "en") -> list[Identifier]:
    """Everything that says where somebody lives, works or comes from."""
    streets = list(_streets(text))
    found = [*streets, *_postcodes(text), *_organisations(text, language), *_fields(text)]
    said = _uncapitalised_organisations(text) if language == "en" else ()
    return [*found, *said, *_towns(text, language), *_uncapitalised(text), *_groups(text)]


def _streets(text: str) -> Iterator[Identifier]:
    if not any(c.isdigit() for c in text) and "s/n" not in text:
        return
    for pattern, score in _street_patterns():
        for match in pattern.finditer(text):
            end = _tail(text, match.end())
            yield Identifier(match.start(), end - (text[end - 1] == "."), "ADDRESS", score)
    for cue in _STREET_CUE.finditer(text):
        after = _AFTER_CUE.match(text, cue.end())
        if after and not _measure().match(text, after.end()) and not _ordinary_phrase(after[0]):
            yield Identifier(after.start(), _tail(text, after.end()), "ADDRESS", 0.7)


@cache
def _measure() -> re.Pattern[str]:
    return re.compile(rf"\s*(?:{alternatives(cues().measures)})", re.IGNORECASE)


def _ordinary_phrase(phrase: str) -> bool:
    words = re.findall(r"[^\W\d_]+", phrase)
    return all(word.islower() and (ordinary(word) or len(word) < 4) for word in words) or any(
        word.lower() in ordinary_words().not_streets for word in words
    )


def _tail(text: str, end: int) -> int:
    """Where the lines of an address end: flat, town, state, country and postcode follow the street."""
    match = _TAIL_OF.match(text, end)
    if match is None or not any(c.isdigit() or c in "\n," for c in match[0]):
        return end
    return match.end()


def _postcodes(text: str) -> Iterator[Identifier]:
    for pattern, score in _postcode_patterns():
        for match in pattern.finditer(text):
            yield Identifier(match.start(1), match.end(1), "POSTCODE", score)


@cache
def _plain_kind() -> re.Pattern[str]:
    """Kinds that are said of nobody's own too, "my primary", "which foods": alone they make no name."""
    return re.compile(rf" (?:{alternatives(place_words().plain_kinds)})$", re.IGNORECASE)


def _organisations(text: str, language: str) -> Iterator[Identifier]:
    # In Spanish the kind stands first: what ends in "Hospital" is a name and the next line's heading.
    for pattern, score in _organisation_patterns()[language == "es" :]:
        for match in pattern.finditer(text):
            name = _plain_kind().sub("", match[1])
            words = [folded(word) for word in re.findall(r"[^\W\d_]+", name)]
            first = next((word for word in words if not ordinary(word) and len(word) > 1), "")
            if first and not (len(words) == 1 and (words[0] in lexicon().given or words[0] in lexicon().countries)):
                yield Identifier(match.start(1), match.end(1), "ORGANISATION", score)


@cache
def _said_organisations() -> tuple[re.Pattern[str], ...]:
    words = place_words()
    kinds, saints = alternatives(words.organisations_said), alternatives(words.organisations_of_saints)
    word, led = r"[a-z][a-z'’]+", r"(?:at|to|from|with|for|the|through|by|in|into)"
    return (
        re.compile(rf"\b{led} (?:the )?((?:st |saint )?({word})(?: (?!(?:road|street|hill|park) )({word}))?(?: road| street| hill| park)? (?:{kinds}))\b"),
        re.compile(rf"\b((?:st|saint) ({word}) (?:{saints}))\b"),
        re.compile(rf"\b(university of ({word}))\b"),
        re.compile(rf"\b(?:(?:work|works|worked|bookkeeper) (?:at|for)|(?:boss|nights) at) (({word}) and ({word}))\b"),
    )  # fmt: skip


def _uncapitalised_organisations(text: str) -> Iterator[Identifier]:
    """In small letters: a kind after one or two words that are none of the language."""
    for form in _said_organisations():
        for match in form.finditer(text):
            if all(_could_name(word) for word in match.groups()[1:] if word):
                yield Identifier(match.start(1), match.end(1), "ORGANISATION", 0.6)


def _could_name(word: str) -> bool:
    plain = folded(word).removesuffix("'s").removesuffix("’s")
    return len(plain) > 3 and not ordinary(plain) and not clinical(plain) and plain not in lexicon().countries


def _fields(text: str) -> Iterator[Identifier]:
    for match in _FIELD_PLACE.finditer(text):
        entity: Entity = "COUNTRY" if match[1].lower().startswith("pa") else "LOCATION"
        yield Identifier(match.start(2), match.start(2) + len(match[2].rstrip()), entity, 0.9)


def _towns(text: str, language: str) -> Iterator[Identifier]:
    lex = lexicon()
    for match in _CAPITALISED_RUN.finditer(text):
        words = match[0].split(" ")
        taken = 0
        for length in range(len(words), 0, -1):
            for start in range(len(words) - length + 1):
                if taken & (((1 << length) - 1) << start):
                    continue
                name = folded(" ".join(words[start : start + length])).rstrip(".")
                if name in lex.countries or name in lex.places:
                    begin = match.start() + len(" ".join(words[:start])) + (start > 0)
                    end = begin + len(" ".join(words[start : start + length]).rstrip("."))
                    before = text[max(0, begin - 30) : begin]
                    yield from _town(text, name, begin, end, before)
                    taken |= ((1 << length) - 1) << start
        if not taken and language == "en" and not _street_kind().search(match[0]):
            yield from _unknown_town(text, match.start(), match[0])


@cache
def _lower_place() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{alternatives(place_words().leading)})\s+([a-zß-ÿ]{{3,}}(?:\s[a-zß-ÿ]{{3,}})?)")


def _uncapitalised(text: str) -> Iterator[Identifier]:
    """Listed places without their capital, as recognisers of speech write them: only after a word that leads there."""
    lex = lexicon()
    for match in _lower_place().finditer(text):
        both, one = folded(match[1]), folded(match[1].split()[0])
        name = both if both in lex.places or both in lex.countries else one
        if name in lex.countries or (name in lex.places and not ordinary(name)):
            entity: Entity = "COUNTRY" if name in lex.countries else "LOCATION"
            yield Identifier(match.start(1), match.start(1) + len(name), entity, 0.6)


def _town(text: str, name: str, begin: int, end: int, before: str) -> Iterator[Identifier]:
    lex = lexicon()
    if name in eponyms().people or _eponym_after().match(text, end):
        return
    if name in lex.countries:
        yield Identifier(begin, end, "COUNTRY", 0.8 if len(name) > 3 or name in {"usa", "uk"} else 0.5)
    elif name in _cities() or not (name in lex.given or name in lex.family) or _SOMEWHERE.search(before):
        score = 0.8 if _PLACED.search(before) else 0.7 if _SOMEWHERE.search(before) else 0.55
        yield Identifier(begin, end, "LOCATION", score)


@cache
def _cities() -> frozenset[str]:
    return frozenset(folded(city) for city in place_words().cities)


@cache
def _street_kind() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{alternatives(place_words().streets_after)})$", re.IGNORECASE)


@cache
def _eponym_after() -> re.Pattern[str]:
    return re.compile(rf"(?:['’]s)?\s+(?:{'|'.join(sorted(eponyms().named_after))})\b", re.IGNORECASE)


_COUNTRY_CLUB = re.compile(r"\s+(?:country club|airport|beach|park|county)\b", re.IGNORECASE)


def _unknown_town(text: str, start: int, run: str) -> Iterator[Identifier]:
    """A capitalised word that no list has, where the sentence says that somebody is there or comes from there."""
    first = folded(run.split(" ")[0]).rstrip(".")
    end = start + len(run.rstrip("."))
    before = text[max(0, start - 30) : start]
    if ordinary(first) or first in eponyms().people or first in lexicon().given or _eponym_after().match(text, end):
        return
    shouted = run.isupper() and len(run) > 3
    if _PLACED.search(before) and (_SOMEWHERE.search(before) or before.rstrip().endswith(":") or "visit" in before):
        yield Identifier(start, end, "LOCATION", 0.65)
    elif shouted and (_SOMEWHERE.search(before) or _COUNTRY_CLUB.match(text, end)):
        yield Identifier(start, end, "LOCATION", 0.6)


def _groups(text: str) -> Iterator[Identifier]:
    for match in _GROUP.finditer(text):
        word = match[0].lower()
        if word in place_words().nationalities or word.removesuffix("s") in place_words().nationalities:
            yield Identifier(match.start(), match.end(), "GROUP", 0.7)
