"""Identifiers that have a form: dates, ages, numbers by which people are filed, and electronic addresses."""

# ruff: noqa: E501 (a regular expression is read best on one line)
from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

from synthgen.english import MONTHS, ONES, TENS
from synthgen.privacy_filters.dialogue.identifiers.numerals import ORDINAL, TEENS, UNITS
from synthgen.privacy_filters.dialogue.identifiers.types import Entity, Identifier
from synthgen.privacy_filters.dialogue.identifiers.vocabulary import cues, dates
from synthgen.wordlists import alternatives

_DAY = r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_YEAR = r"(?:1[89]|20)\d\d"
_SPELT = (
    rf"(?:(?:a |one )?hundred(?: and)?(?: (?:{UNITS}|{TEENS}))?|"
    rf"(?:{'|'.join(TENS)})(?:[ -](?:{UNITS}))?|{TEENS}|{UNITS})"
)

Check = Callable[[str], bool]


def _p(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def luhn(number: str) -> bool:
    """The check digit of payment cards (ISO/IEC 7812-1)."""
    digits = [int(c) for c in number if c.isdigit()]
    doubled = [d if i % 2 == 0 else d * 2 - 9 * (d > 4) for i, d in enumerate(reversed(digits))]
    return 13 <= len(digits) <= 19 and sum(doubled) % 10 == 0


def nhs_number(number: str) -> bool:
    """The check digit of the English NHS number: ten digits, modulus 11."""
    digits = [int(c) for c in number if c.isdigit()]
    if len(digits) != 10 or len(set(digits)) == 1:
        return False
    check = 11 - sum(d * (10 - i) for i, d in enumerate(digits[:9])) % 11
    return check % 11 == digits[9] and check != 10


def dni(number: str) -> bool:
    """The check letter of the Spanish DNI and NIE."""
    plain = re.sub(r"[\s.-]", "", number).upper()
    digits = plain[:-1].translate(str.maketrans("XYZ", "012"))
    return digits.isdigit() and "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23] == plain[-1]


def iban(number: str) -> bool:
    """The check digits of an IBAN (ISO 13616): the number rearranged is 1 modulo 97."""
    plain = re.sub(r"\s", "", number).upper()
    turned = plain[4:] + plain[:4]
    return 15 <= len(plain) <= 34 and turned.isalnum() and int("".join(str(int(c, 36)) for c in turned)) % 97 == 1


def _social_security(number: str) -> bool:
    area, group, serial = re.split(r"[-\s]", number)
    return area not in {"000", "666"} and area[0] != "9" and group != "00" and serial != "0000"


def _telephone(number: str) -> bool:
    digits = sum(c.isdigit() for c in number)
    return 7 <= digits <= 15 and not re.fullmatch(r"\d{4}-\d\d?-\d\d?|\d\d?[-.]\d\d?[-.]\d{2,4}|[\d.]+", number)


def _typed(domain: str) -> bool:
    """Not two sentences without a blank between them: "well.It"."""
    last = domain.partition("/")[0].rpartition(".")[2]
    return last.islower() or last.isupper()


def _day_of_year(date: str) -> bool:
    first, second = sorted(map(int, date.split("/")))
    return 1 <= first <= 12 and second <= 31


@cache
def _forms() -> tuple[tuple[Entity, re.Pattern[str], float, Check | None], ...]:
    """Each: what it is, where (group 1 where there is one), how sure, and a check of the match."""
    month = _month()
    return (
        ("EMAIL", _p(r"(?<![\w.+%'-])[\w.+%'-]+\s?@\s?[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}"), 0.95, None),
        ("EMAIL", _p(r"(?<![\w.])[\w.]+ at [\w-]+ dot (?:com|org|net|edu|es|uk)\b"), 0.7, None),
        ("URL", _p(r"\b(?:https?://|ftp://|www\.)[^\s,;()<>\"']+"), 0.9, None),
        ("URL", _p(r"(?<![@\w.-])[a-z0-9-]{2,}(?:\.[a-z0-9-]+)*\.(?:com|org|net|edu|gov|info|biz|io|co\.uk|org\.uk|nhs\.uk|es|de|fr|it|nl|eu|ca)(?:\.[a-z]{2})?(?:/[^\s,;]*)?\b(?!@)"), 0.7, _typed),
        ("IP_ADDRESS", _p(r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.]*\d)"), 0.8, None),
        ("IP_ADDRESS", _p(r"(?<![\w:])(?:[0-9a-f]{1,4}:){3,7}(?:[0-9a-f]{1,4}|:)(?:[0-9a-f:]*)(?![\w:])"), 0.8, None),
        ("USERNAME", _p(r"(?<![\w@.])@[a-z_]\w{2,}"), 0.7, None),
        ("USERNAME", _p(r"\b(?:user ?name|login|handle|user id)(?: is|:)\s*([\w.-]{3,})"), 0.8, None),
        ("SSN", _p(r"(?<![\d-])(\d{3}[- ]\d{2}[- ]\d{4})(?![\d-])"), 0.85, _social_security),
        ("SSN", _p(r"\b(?:ssn|social security(?: number)?)(?: is|:|#)*\s*(\d[\d -]{7,10}\d)"), 0.95, None),
        ("CREDIT_CARD", _p(r"(?<![\d.+-])(\d(?:[ -]?\d){11,18})(?![\d.-]*\d)"), 0.9, luhn),
        ("CREDIT_CARD", _p(r"\b(?:card|cc|visa|mastercard|amex)\b[^\d\n]{0,25}(\d(?:[ -]?\d){11,18})\b"), 0.85, None),
        ("IBAN", _p(r"\b([a-z]{2}\d{2}(?:[ ]?[a-z0-9]{4}){2,7}(?:[ ]?[a-z0-9]{1,3})?)\b"), 0.95, iban),
        ("IBAN", _p(r"\biban(?: is|:)?\s*([a-z]{2}\d{2}[a-z0-9 ]{8,30}[a-z0-9])"), 0.8, None),
        ("ID", _p(r"\bnhs(?: number| no\.?)?(?: is|:)*\s*(\d{3}[ -]?\d{3}[ -]?\d{4})(?!\d)"), 0.95, None),
        ("ID", _p(r"(?<![\d.])(\d{3}[ -]?\d{3}[ -]?\d{4})(?![\d-])"), 0.6, nhs_number),
        ("ID", _p(r"\b(\d{2}\.?\d{3}\.?\d{3}[ -]?[A-HJ-NP-TV-Z]|[XYZ][ -]?\d{7}[ -]?[A-Z])\b"), 0.9, dni),
        ("ID", _p(rf"\b(?:{alternatives(cues().filed)})"
                  r"(?:[ ](?:number|no\.?|nr\.?|num\.?|id|code))?"
                  r"(?:[ ](?:is|was)|[ ]?[:#])*[ ]*#?[ ]*((?=[A-Z\d-]*\d[A-Z\d-]*\d[A-Z\d-]*\d)[A-Z]{0,4}-?\d[A-Z\d-]{3,})\b"), 0.8, None),
        ("ID", _p(r"\b(?:nhc|cipa|nass|episodio|n[ºo°]\s?col(?:egiado)?\.?|colegiado|dni|nie|nif|historia|hc|n[ºo°] de historia|"
                  r"n[úu]mero de (?:historia|seguridad social)|n\.?h\.?c\.?|nuss|pasaporte)\s*[:.]?[ ]*"
                  r"((?:nhc-?)?[A-Z]?\d[\d /-]{2,}\d(?:[ -]?[A-Z]\b)?)"), 0.9, None),
        ("ID", _p(r"\b(?:licen[cs]e)\b[^\d\n]{0,25}((?=[A-Z\d-]*\d[A-Z\d-]*\d[A-Z\d-]*\d)[A-Z\d][A-Z\d-]{4,})\b"), 0.8, None),
        ("ID", re.compile(r"(?<![\w-])([A-Z]{1,3}\d{6,}[A-Z\d]*)(?![\w-])"), 0.6, None),
        ("PLATE", re.compile(r"\b(?i:plates?|registration|matr[íi]cula)(?i: number| no\.?)?(?i: is|:| was)*\s*([A-Z0-9]{1,4}[ -]?[A-Z0-9]{2,4}(?:[ -]?[A-Z0-9]{1,3})?)\b"), 0.8, lambda s: any(c.isdigit() for c in s)),
        ("PLATE", re.compile(r"\b([A-Z]{2}[0-9]{2}[ ][A-Z]{3}|\d{4}[ ][BCDFGHJKLMNPRSTVWXYZ]{3})\b"), 0.6, None),
        ("PHONE", _p(r"(?<![\w.,/$£€+(-])((?:\+|00)\d{1,3}[ .-]?(?:\(0?\d{0,4}\)[ .-]?)?\d(?:[ .()-]{0,2}\d){5,12})(?![\w-])"), 0.8, _telephone),
        ("PHONE", _p(r"(?<![\w.,/$£€+-])(\(\d{2,5}\)[ .-]?\d{2,4}(?:[ .-]?\d{2,4}){1,4})(?![\w-])"), 0.75, _telephone),
        ("PHONE", _p(r"(?<![\w.,/$£€+(-])(\d{3}[ .-]\d{3}[ .-]\d{4})(?:\s?x\d+)?(?![\w-])"), 0.75, _telephone),
        ("PHONE", _p(r"(?<![\w.,/$£€+(-])(0\d{2,5}[ -]\d{2,4}(?:[ -]\d{2,4}){0,3}|[6789]\d{2}[ -]\d{2,3}[ -]\d{2,3}(?:[ -]\d{2})?|[6789]\d[ -]\d{3}[ -]\d{2}[ -]\d{2})(?![\w-])"), 0.6, _telephone),
        ("PHONE", _p(r"\b(?:phone|telephone|tel[ée]fono|telf?|cell|mobile|fax|m[óo]vil|pager|call(?:ing)? (?:me|us|you|him|her)|reach (?:me|us)|text(?: me)?|"
                     r"messages? to|answering|number)\b[^\d\n+(]{0,20}([+(]?\d[\d ()./+-]{5,18}\d)(?!\w)"), 0.8, lambda s: 7 <= sum(c.isdigit() for c in s) <= 15),
        ("ID", _p(r"(?<![\w.,/-])(\d{8,12})(?![\w/-]|[.,]\d)"), 0.6, None),
        ("ID", _p(r"\b([A-Z]{1,3}-\d{6,}(?:-[A-Z\d]{1,3})?)\b"), 0.7, None),
        ("ID", _p(r"\b([A-Z9]{5}\d{6}[A-Z9]{2}\d[A-Z]{2})\b"), 0.9, None),
        ("ID", _p(r"\b([1-9][A-Z][A-Z\d]\d-?[A-Z][A-Z\d]\d-?[A-Z]{2}\d{2})\b"), 0.8, None),
        ("IBAN", _p(r"\b(GB\d{2}(?: ?[A-Z]{4})(?: ?\d{4}){3} ?\d{2})\b"), 0.8, None),
        ("PLATE", _p(r"\b(?:plates?|registration|reg|park(?:ing|ed)?|car)\b[^.?!\n]{0,25}?\b([A-Z]{2}\d{2} ?[A-Z]{3})\b"), 0.7, None),
        ("PLATE", _p(r"\b([A-Z]{2}\d{2} ?[A-Z]{3})\b(?=[^.?!\n]{0,25}\b(?:parking|parked|plates?|registration)\b)"), 0.7, None),
        ("PHONE", _p(r"((?<!\d)[+(]?\d[\d ()./-]{5,18}\d)(?=[\s\\,-]*(?:office|fax|mobile|cell|home|work|direct)\b)"), 0.7, lambda s: 7 <= sum(c.isdigit() for c in s) <= 15),
        ("DATE", _p(rf"(?<![\d./-])({_YEAR}[-/.]\d{{1,2}}[-/.]\d{{1,2}})(?:[ T]\d{{1,2}}:\d{{2}}(?::\d{{2}})?)?(?![\d-])"), 0.95, None),
        ("DATE", _p(r"(?<![\d./-])((?:0?[1-9]|[12]\d|3[01])[/.-](?:0?[1-9]|[12]\d|3[01])[/.-](?:(?:1[89]|20)\d\d|\d\d))(?![\d/-])"), 0.9, None),
        ("DATE", _p(rf"\b((?:{_DAY}|{ORDINAL})\s+(?:of\s+|de\s+)?{month}(?:,?\s+(?:of\s+|de\s+|del\s+)?{_YEAR})?)\b"), 0.85, None),
        ("DATE", _p(rf"\b({month}\.?\s+(?:the\s+)?(?:{_DAY}|{ORDINAL})(?:,?\s+{_YEAR})?)\b(?!\s*(?:mg|%|percent|times|years?|months?|weeks?|days?|people))"), 0.85, None),
        ("DATE", _p(r"\b(?:born on|date of birth|dob|birthday)(?: is|:| on)*\s*(?:the\s+)?(\d{1,2}[/.-]\d{1,2}(?:[/.-]\d{2,4})?)\b"), 0.9, None),
        ("DATE", _p(r"\b(?:born on|date of birth|dob|birthday)(?:\s*[,:]| is| on)*\s*(\d{1,2}\s*,\s*\d{1,2}\s*,\s*(?:19|20)?\d\d)\b"), 0.9, None),
        ("DATE", _p(r"\b(?:on|since|until|till|dated)\s+(\d{1,2}/\d{1,2})\b(?![/\d.%])"), 0.6, _day_of_year),
        ("MONTH", _p(rf"\b({month}\.?,?\s+(?:of\s+|de\s+|del\s+)?(?:a[ñn]o\s+)?{_YEAR})\b"), 0.8, None),
        ("MONTH", _p(rf"(?<![\d/])((?:0?[1-9]|1[0-2])/{_YEAR})(?![\d/])"), 0.7, None),
        ("YEAR", _p(rf"\b(?:in|since|from|until|till|of|year|during|by|and|back in|early|late|mid|en|desde|hasta|a[ñn]o|del?|before|after)\s+({_YEAR})\b(?!\s*(?:mg|ml|mcg|cc|kcal|units|iu))"), 0.6, None),
        ("YEAR", _p(rf"\b(a[ñn]os?\s+{_YEAR})\b"), 0.7, None),
        ("WEEKDAY", _p(r"\b((?:mon|tues|wednes|thurs|fri|satur|sun)days?|lunes|martes|mi[ée]rcoles|jueves|viernes|s[áa]bado|domingo)\b"), 0.7, None),
    )  # fmt: skip


@cache
def _month() -> str:
    english = (*MONTHS, *dates().months_short)
    return f"(?:{alternatives(english)}|{alternatives(dates().months_es)})"


@cache
def _age_patterns() -> tuple[re.Pattern[str], ...]:
    """The last is Spanish."""
    units, tens = dates().units_es, dates().tens_es
    spelt_es = rf"(?:{'|'.join(tens)})(?: y (?:{'|'.join(units)}))?|{'|'.join(reversed(units))}"
    return (
        _p(rf"\b(\d{{1,3}}|{_SPELT})[\s-]*(?:years?|yrs?|yo|y/o|y\.o\.)(?:[\s-]*olds?|[\s-]+of[\s-]+age)?(?=[\s-]*(?:old|of age|female|male|man|woman|girl|boy|lady|gentleman|patient)|\b[\s-]*olds?\b|(?<=[yo.])\W|(?<=of age))"),
        _p(rf"\b(\d{{1,3}}|{_SPELT})[\s-]+years?[\s-]+olds?\b"),
        _p(r"\b(\d{1,3})\s?(?:y/o|y\.o\.?|yo)\b"),
        _p(rf"\b(?:aged?(?: of| is|:)?|turn(?:ed|s|ing)|when (?:he|she|i) was|at the age of|age of|edad\s*:|cumpli[óo])\s*(\d{{1,3}}|{_SPELT})\b(?!\s*(?:weeks?|months?|days?|minutes?|hours?|%|percent|mg))"),
        _p(r"\b(?:i['’]?m|i am|he['’]?s|she['’]?s|he is|she is)\s+(?:now\s+|only\s+|almost\s+|already\s+)?(\d{2,3})(?=\s*[,.;!?]|\s+(?:and|now|years)\b|$)"),
        _p(rf"\b(\d{{1,3}}|{spelt_es})\s+(años|meses|días|semanas)(?:\s+de\s+edad)?(?=\s|[.,;:)]|$)(?!\s+(?:de\s+(?:evoluci|duraci|tratamiento|seguimiento|antigüedad)|despu|antes|previ|más|atrás))"),
    )  # fmt: skip


_AGE_CONTEXT_ES = re.compile(
    r"(?:edad\s*:?|de|paciente|var[óo]n|mujer|ni[ñn][oa]|hombre|lactante|\()\s*$", re.IGNORECASE
)


@cache
def _spelt_values() -> dict[str, int]:
    english = {
        **{word: n for n, word in enumerate(ONES) if n},
        **{word: 10 * n for n, word in enumerate(TENS, start=2)},
    }
    units = {word: max(1, n) for n, word in enumerate(dates().units_es)}
    return {**english, **units, **{word: 10 * n for n, word in enumerate(dates().tens_es, start=3)}}


def patterns(text: str, language: str = "en") -> list[Identifier]:
    """Everything that is known by its form."""
    found = list(_ages(text, language))
    for entity, pattern, score, check in _forms():
        for match in pattern.finditer(text):
            group = 1 if pattern.groups and match[1] is not None else 0
            if check is None or check(match[group]):
                found.append(Identifier(match.start(group), match.end(group), entity, score))
    return found


def _ages(text: str, language: str) -> Iterator[Identifier]:
    for number, pattern in enumerate(_age_patterns()):
        spanish = number == len(_age_patterns()) - 1
        if spanish and language != "es":
            continue
        for match in pattern.finditer(text):
            if spanish and not _AGE_CONTEXT_ES.search(text[max(0, match.start() - 12) : match.start()]):
                continue
            infant = spanish and match[2].lower() != "años"
            if infant and not re.search(
                "edad|lactante|paciente|ni[ñn][oa]|var[óo]n|mujer", text[max(0, match.start() - 20) : match.end()], re.I
            ):
                continue
            years = _value(match[1])
            if 0 < years < 130:
                start, end = match.span(0) if spanish else match.span(1)
                yield Identifier(start, end, "AGE_OVER_89" if years > 89 and not infant else "AGE", 0.8)


def _value(number: str) -> int:
    if number.isdigit():
        return int(number)
    words = re.split(r"[\s-]+", number.lower())
    return sum(
        100 if word == "hundred" else _spelt_values().get(word, 0) for word in words if word not in {"a", "and", "y"}
    )
