"""Reads a turn aloud: what is written becomes what is said, rule after rule, in the order in which they stand here.

A language with a lexicon (``en.yaml``, ``de.yaml``) has all rules; any other one that num2words knows has its numbers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from synthgen.generators.speech.spoken import english, german
from synthgen.generators.speech.spoken.grammar import Grammar, Match, Rule, Tongue, of_roman
from synthgen.generators.speech.spoken.lexicon import Lexicon, lexicon
from synthgen.generators.speech.spoken.numerals import NUMBER, Numerals
from synthgen.generators.speech.spoken.sounds import PAUSE, unstuttered, without_links, without_remarks

_TONGUES: dict[str, Callable[[Numerals, Lexicon], Tongue]] = {"en": english.English, "de": german.German}
_MONTH_FIRST = {"en", "en-us", "en-us-nyc", "en-ca", "en-029"}
_DASH = r"\s?[-‐‑–—]\s?"
_ALONE = r"(?<![\w.,:/'’])"
_POINTS_NEXT = r"(?![\w/]|[.,:]\d)"


def read_aloud(text: str, language: str) -> str:
    """What is said where ``text`` is written.

    Remarks, sounds in brackets and asterisks, and emoji are pauses (``…`` by itself); stutter is said piece by piece.

    Args:
        language: BCP-47; ``"en"`` reads 03/04 as March 4, ``"en-gb"`` as 3 April.

    Raises:
        MissingExtraError: num2words is not installed.
    """
    reader = _reader(language.lower())
    text = _even(without_links(text))
    for pattern, said in reader.addresses:
        text = pattern.sub(said, text)
    text = unstuttered(without_remarks(text), reader.no_stutter)
    for pattern, said in reader.rules:
        text = pattern.sub(said, text)
    text = re.sub(rf"{PAUSE}(?:\s+{PAUSE})+", PAUSE, " ".join(text.split()))
    return re.sub(r"(?<!…)\s+([,.;:!?])(?!\w)", r"\1", text)


@dataclass(frozen=True)
class _Reader:
    addresses: tuple[Rule, ...]
    rules: tuple[Rule, ...]
    no_stutter: frozenset[str]


@cache
def _reader(language: str) -> _Reader:
    short = language.partition("-")[0]
    words = lexicon(short)
    numerals = Numerals(short, words.decimal if words else ",", words.say.point if words else "")
    if words is None:
        return _Reader((), tuple(_of_numbers(numerals)) if numerals.known else (), frozenset())
    grammar = Grammar(words, numerals, _TONGUES[short](numerals, words), language in _MONTH_FIRST)
    return _Reader(tuple(_addresses(words, numerals)), tuple(_rules(grammar)), words.no_stutter)


_GROUPED = re.compile(r"(?<=\d)[\u00a0\u202f\u2009'’](?=\d{3}(?!\d))")
_SIGNS = str.maketrans({"μ": "µ", "−": "-", "⁄": "/", "∕": "/", "₂": "2", "₃": "3", "ﬁ": "fi", "ﬂ": "fl", "º": "°"})
_POWER = re.compile(r"(?<=10)([⁻⁺]?[⁰¹²³⁴-⁹]+)(?!\w)")
_FRACTIONS = {c: unicodedata.normalize("NFKC", c).replace("⁄", "/") for c in "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"}


def _even(text: str) -> str:
    """One spelling of signs: NFC, plain spaces, vulgar fractions with a stroke, thousands without blanks."""
    text = _GROUPED.sub("", unicodedata.normalize("NFC", text).translate(_SIGNS))
    text = _POWER.sub(lambda m: "^" + unicodedata.normalize("NFKC", m[1]).replace("\u2212", "-"), text)
    for sign, plain in _FRACTIONS.items():
        text = re.sub(rf"(?<=\d)\s?{sign}", f" {plain}", text).replace(sign, plain)
    return "".join(unicodedata.normalize("NFKC", c) if c in "℃℉㎎㎏㎖㎝№…" and c != "…" else c for c in text)


# --- Addresses -------------------------------------------------------------------------------------------------------

_MAIL = re.compile(r"(?<![\w@])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_WEB = re.compile(r"(?<![\w@])(?:https?://|www\.)[^\s<>()\[\]\"]*[^\s<>()\[\]\".,;:!?'’*]", re.IGNORECASE)
_SITE = re.compile(
    r"(?<![\w@.])[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|info|de|at|ch|uk|eu)(?:/[\w./-]*\w)?\b(?!@)"
)


def _addresses(words: Lexicon, numerals: Numerals) -> Iterable[Rule]:
    for pattern in (_MAIL, _WEB, _SITE):
        yield pattern, lambda match: f" {_spelled(match.group(), words, numerals)} "


def _spelled(address: str, words: Lexicon, numerals: Numerals) -> str:
    say = words.say
    signs = {".": say.dot, "@": say.at, "/": say.slash, "-": say.dash, "_": say.underscore}
    parts = re.findall(r"[^\W\d_]+|\d|[.@/_-]", re.sub(r"^https?://", "", address, flags=re.IGNORECASE))
    return " ".join(
        signs.get(part) or (numerals.digits(part) if part.isdecimal() else _address_word(part, words)) for part in parts
    )


def _address_word(part: str, words: Lexicon) -> str:
    """A word that can be read, else its letters: up to three letters, or without a vowel, it is spelled."""
    low = part.lower()
    known = low in words.address and low != "www"
    return low if known or (len(low) > 3 and re.search("[aeiouyäöü]", low)) else letters(part)


def letters(word: str) -> str:
    """``"PHQ"`` is "P H Q"."""
    return " ".join(word.upper())


# --- Numbers of any language -----------------------------------------------------------------------------------------


def _of_numbers(numerals: Numerals) -> Iterable[Rule]:
    yield (
        re.compile(rf"(?<!\w)({NUMBER}){_DASH}({NUMBER})(?![\w-])"),
        lambda m: f"{numerals.words(m[1])} – {numerals.words(m[2])}",
    )
    yield re.compile(rf"(?<![\w-])(-?)({NUMBER})"), lambda m: _spaced(m, _signed(m, numerals))
    yield re.compile(NUMBER), lambda m: _spaced(m, numerals.words(m[0]))


def _signed(match: Match, numerals: Numerals) -> str:
    if not match[1]:
        return numerals.words(match[2])
    return f"{numerals.minus} {numerals.words(match[2])}"


def _spaced(match: Match, words: str) -> str:
    """With a blank where a letter stands beside the number."""
    before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
    return (" " if before.isalnum() else "") + words + (" " if after.isalnum() else "")


# --- A language with a lexicon ---------------------------------------------------------------------------------------


def _rules(grammar: Grammar) -> Iterable[Rule]:
    """In this order: what is longer, or whose signs mean something else in a later rule, comes first."""
    own = grammar.tongue.own(grammar)
    yield from own.first
    yield from _compared(grammar)
    yield from _fixed(grammar)
    yield from (*_dates(grammar), *own.dates, *_years(grammar))
    yield from (*own.times, *_times(grammar))
    yield from _chains(grammar)
    yield from _money(grammar)
    yield from own.doses
    yield from _strokes(grammar)
    yield from _doses(grammar)
    yield from _quantities(grammar)
    yield from _abbreviated(grammar)
    yield from own.ordinals
    yield from _codes(grammar)
    yield from _last(grammar)


def _any(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def _compared(g: Grammar) -> Iterable[Rule]:
    """What must not be lost beside a number: "<5%", "10^9", "L4/5", "/1.73 m²"."""
    symbols = g.words.symbols
    orders = {"<=": "≤", ">=": "≥", "=<": "≤", "=>": "≥"}
    yield (
        re.compile(r"(?<![-=<>])(<=|>=|=<|=>|[<>])\s?(?=[-+]?[.,]?\d)"),
        lambda m: f" {symbols[orders.get(m[1], m[1])]} ",
    )
    yield (
        re.compile(r"(?:(?<=\d)\s?[x×*·]\s?|(?<=\s)[x×]\s?|(?<!\w))10\s?\^\s?(-?)(\d{1,2})(?![\w.])"),
        lambda m: (
            f" {g.words.symbols['×'] + ' ' if m[0].strip()[0] in 'x×*·' else ''}{g.number('10')} "
            f"{g.words.say.power} {g.signed(m[1], m[2])} "
        ),
    )
    yield (
        re.compile(r"(?<!\w)([CTLS]|[BHL]WK\s?)(\d{1,2})\s?[/–-]\s?([CTLS]?)(\d{1,2})(?![\w/]|[.,]\d)"),
        lambda m: " ".join(part for part in (m[1].strip(), g.number(m[2]), m[3], g.number(m[4])) if part),
    )
    yield (
        re.compile(r"(?<=min)\s?/\s?1[.,]73\s?m[2²](?!\w)"),
        lambda m: f" {g.words.say.per} {g.quantity('', '1' + g.words.decimal + '73', 'm²')}",
    )


def _fixed(g: Grammar) -> Iterable[Rule]:
    """Abbreviations with figures in them, whole: "24/7", "HbA1c"."""
    whole = {k: v for k, v in g.words.abbreviations.items() if any(c.isdigit() for c in k)}
    yield re.compile(rf"(?<![\w/])(?:{_any(whole)})(?![\w/]|[.,]\d)"), lambda m: whole[m.group()]


def _dates(g: Grammar) -> Iterable[Rule]:
    names = [*g.words.months, *(name for name in g.words.short_months if name != "-")]
    month = rf"({_any(names)})\.?"
    year = r"(?:,?\s+((?:1[89]|20)\d\d)(?![\d-]))?"
    yield re.compile(rf"{_ALONE}(\d{{4}})-(\d\d)-(\d\d)(?![\w-])"), lambda m: g.on(m, m[3], m[2], m[1])
    for sign in (r"\.", "/"):
        full = re.compile(rf"{_ALONE}(\d{{1,2}}){sign}\s?(\d{{1,2}}){sign}\s?(\d{{4}}|\d{{2}})(?![\w/-])")
        yield full, lambda m: g.ordered(m, m[1], m[2], m[3])
    yield (
        re.compile(rf"{_ALONE}(\d\d?)(?:\.|st|nd|rd|th)?\s+(?:of\s+)?{month}{year}\b"),
        lambda m: g.named(m, m[1], m[2], m[3]),
    )
    yield (
        re.compile(rf"\b{month}\s+(\d\d?)(?:st|nd|rd|th)?{year}(?![\w/:]|[.,]\d)"),
        lambda m: g.named(m, m[2], m[1], m[3]),
    )
    yield re.compile(rf"\b{month}\s+((?:1[89]|20)\d\d)\b"), lambda m: f"{g.month(m[1])} {g.year(int(m[2]))}"


def _years(g: Grammar) -> Iterable[Rule]:
    yield re.compile(rf"{_ALONE}((?:1[5-9]|20)\d\d){_DASH}((?:1[5-9]|20)\d\d){_POINTS_NEXT}"), g.years
    yield re.compile(rf"{_ALONE}((?:19|20)\d\d){_DASH}(\d\d){_POINTS_NEXT}(?!-\d)"), g.short_years
    yield (
        re.compile(rf"{_ALONE}((?:19|20)\d\d)/(\d\d){_POINTS_NEXT}"),
        lambda m: f"{g.year(int(m[1]))} {g.number(m[2].lstrip('0') or '0')}",
    )
    yield re.compile(rf"{_ALONE}((?:1[5-9]|20)\d\d){_POINTS_NEXT}(?!\s?(?:{_any(g.words.units)})(?!\w))"), g.maybe_year


def _times(g: Grammar) -> Iterable[Rule]:
    yield re.compile(rf"(?<=\d:[0-5]\d){_DASH}(?=\d{{1,2}}:[0-5]\d)"), lambda m: f" {g.words.say.to} "
    yield re.compile(rf"{_ALONE}(\d{{1,2}}):([0-5]\d)(?::[0-5]\d)?(?![\w:]|[.,]\d)"), g.clock_or_ratio
    yield re.compile(rf"{_ALONE}(\d{{1,4}}):(\d{{1,4}}){_POINTS_NEXT}"), lambda m: g.to(g.number(m[1]), g.number(m[2]))


def _chains(g: Grammar) -> Iterable[Rule]:
    """Telephone numbers and schedules of doses (1-0-1), figure by figure."""
    yield (
        re.compile(r"(?<![\w.,/-])\+?\(?\d{1,5}\)?(?:[-‐‑–. ]\d{3,5}){2,4}(?![\w-]|[.,]\d)"),
        lambda m: g.by_digit(m.group()) if not re.fullmatch(r"[1-9]\d{0,2}(?:\.\d{3})+", m.group()) else m.group(),
    )
    yield re.compile(r"(?<![\w.,/-])\d{1,4}(?:[-‐‑–]\d{1,5}){2,4}(?![\w-]|[.,]\d)"), lambda m: g.by_digit(m.group())
    yield (
        re.compile(r"(?<![\w.,/-])(?:0\d{2,5}[-/ ]\d{3,9}|\d{3}[-‐]\d{4})(?![\w-]|[.,]\d)"),
        lambda m: g.by_digit(m.group()),
    )


def _money(g: Grammar) -> Iterable[Rule]:
    sign = f"([{''.join(re.escape(s) for s in g.words.money)}])"
    number = r"(\d+(?:[.,]\d{3})*)(?:[.,](\d\d))?(?!\d)"
    yield (
        re.compile(rf"{sign}\s?{number}{_DASH}{sign}?\s?{number}"),
        lambda m: f"{g.number(m[2])} {g.words.say.to} {g.sum_of(m[4] or m[1], m[5], m[6])}",
    )
    yield re.compile(rf"{sign}\s?{number}"), lambda m: g.sum_of(m[1], m[2], m[3])
    yield re.compile(rf"(?<!\w){number}\s?{sign}"), lambda m: g.sum_of(m[3], m[1], m[2])


def _strokes(g: Grammar) -> Iterable[Rule]:
    unit = _any(k for k in g.words.units if "mm" in k and "H" in k)
    yield (
        re.compile(rf"{_ALONE}(\d{{2,3}})\s?/\s?(\d{{2,3}})\s*({unit})(?!\w)"),
        lambda m: f"{g.pressure(m[1], m[2])} {g.unit(m[3], True)}",
    )
    yield re.compile(rf"{_ALONE}(\d+)\s+(\d{{1,2}})/(\d{{1,2}}){_POINTS_NEXT}"), g.mixed
    yield (
        re.compile(rf"{_ALONE}({NUMBER}){_DASH}({NUMBER})/(\d+){_POINTS_NEXT}"),
        lambda m: f"{g.number(m[1])} {g.words.say.to} {g.number(m[2])} {g.words.say.out_of} {g.number(m[3])}",
    )
    yield re.compile(rf"{_ALONE}(\d+)\s?/\s?(\d+){_POINTS_NEXT}"), g.stroke
    yield (
        re.compile(rf"{_ALONE}({NUMBER})\s?/\s?(\d+){_POINTS_NEXT}"),
        lambda m: f"{g.number(m[1])} {g.words.say.out_of} {g.number(m[2])}",
    )


def _doses(g: Grammar) -> Iterable[Rule]:
    """How often: "3x/day", "q8h", "1-2x"."""
    per = _any(g.words.after_stroke)
    times = r"\s?[x×X](?![\w])"
    yield (
        re.compile(rf"{_ALONE}(\d+){_DASH}(\d+){times}(?:\s?/\s?({per})\b)?"),
        lambda m: f"{g.number(m[1])} {g.words.say.to} {g.often(m[2])}{g.per(m[3])}",
    )
    yield re.compile(rf"{_ALONE}(\d+){times}\s?/\s?({per}|d|wk|h)\b"), lambda m: f"{g.often(m[1])}{g.per(m[2])}"
    size = rf"{_ALONE}({NUMBER})\s?[x×X]\s?({NUMBER})"
    yield (
        re.compile(rf"{size}\s?[x×X]\s?({NUMBER})"),
        lambda m: f" {g.words.say.by} ".join(g.number(n) for n in m.groups()) + " ",
    )
    yield re.compile(size), lambda m: f"{g.number(m[1])} {g.words.say.by} {m[2]}"
    yield re.compile(rf"{_ALONE}(\d+){times}"), lambda m: g.often(m[1])


def _quantities(g: Grammar) -> Iterable[Rule]:
    units, per = _any(g.words.units), _any((*g.words.units, *g.words.after_stroke))
    unit, end = rf"((?:{units})(?:\s?/\s?(?:{per})(?![\w]))*)", r"(?![\w/]|²|³)"
    stroke = rf"/\s?((?:{per}))(?!\w)"
    yield (
        re.compile(rf"{_ALONE}({NUMBER})\s?({units})\s?/\s?({NUMBER})\s?({units}){end}"),
        lambda m: f"{g.quantity('', m[1], m[2])} {g.words.say.per} {g.quantity('', m[3], m[4])}",
    )
    yield (
        re.compile(
            rf"{_ALONE}(-?)({NUMBER})(?:\s?{unit})?(?:{_DASH}|\s(?:{g.words.say.to})\s)(-?)({NUMBER})[\s-]?{unit}{end}"
        ),
        g.range_of,
    )
    yield (
        re.compile(rf"{_ALONE}({NUMBER}){_DASH}({NUMBER})(?=\D|$)(?![-\w/]|[.,:]\d)"),
        lambda m: f"{g.number(m[1])} {g.words.say.to} {g.number(m[2])}",
    )
    yield (
        re.compile(rf"(?<![\w.,:/-])(-?)({NUMBER})(-)?\s?{unit}{end}"),
        lambda m: g.quantity(m[1], m[2], m[4], bool(m[3])),
    )
    yield re.compile(rf"{_ALONE}({NUMBER})\s?{stroke}"), lambda m: f"{g.number(m[1])}{g.per(m[2])}"
    yield re.compile(rf"(?<=[^\W\d_])\s?{stroke}"), lambda m: g.per(m[1])
    yield re.compile(rf"(?<![\w/])({_any(g.words.alone)})(?![\w/])"), lambda m: " " + g.unit(m[1], True)


def _abbreviated(g: Grammar) -> Iterable[Rule]:
    words = g.words
    special = {*words.before_number, *words.after_number}
    shorts = {k: v for k, v in words.abbreviations.items() if k not in special}
    capital = {k[0].upper() + k[1:]: v[0].upper() + v[1:] for k, v in shorts.items() if k.count(".") > 1}
    shorts = capital | shorts  # "V.a." is no "v.a." at the beginning of a sentence
    yield re.compile(rf"(?<![\w.])({_any(words.before_number)})\s?(?=\d)"), lambda m: f"{words.abbreviations[m[1]]} "
    yield re.compile(r"#\s?(?=\d)"), lambda m: f"{words.abbreviations[words.before_number[0]]} "
    ends = r"(?:(?<=\.)|(?![\w.]|/\w)|(?=\.(?!\w)))"
    yield re.compile(rf"(?<![\w./-])({_any(shorts)}){ends}"), lambda m: _kept_end(m, shorts[m[1]])
    yield (
        re.compile(
            rf"(?<![\w.])({_any(words.weekdays_short)})"
            rf"(?=\s*[,\d(]|\s+(?:at|um|{words.say.to}|{words.say.and_})\b|$)"
        ),
        lambda m: words.weekdays_short[m[1]],
    )


def _kept_end(match: Match, said: str) -> str:
    """The full stop of an abbreviation that ends the text, or stands before a capital that begins a sentence."""
    rest = match.string[match.end() :]
    closes = match.group().endswith(".") and (not rest.strip() or re.match(r"\s+[A-ZÄÖÜ][a-zäöü]+\s", rest))
    title = said[:1].isupper() and " " not in said
    return (
        said + "."
        if closes and not (title and rest.strip()) and match.group().count(".") > 1
        else (said + "." if match.group().endswith(".") and not rest.strip() else said)
    )


def _codes(g: Grammar) -> Iterable[Rule]:
    """Capitals with figures, and capitals that are spelled: PHQ-9, B12, T2DM, MRI."""
    words = g.words
    known = rf"(?<![\w-])({_any(words.as_words)})(?![\w])"
    yield re.compile(r"(?<=\s)([IVX]{1,5})([abcABC])?(?![\w])"), g.roman
    yield re.compile(r"(?<=[A-Z]{3}-)(II|III|IV)(?!\w)"), lambda m: g.number(str(of_roman(m[1])))
    yield re.compile(rf"(?<![\w])({_any(words.initials)})(s|'s|’s)?(?![\w])"), lambda m: letters(m[1]) + (m[2] or "")
    yield re.compile(known), lambda m: words.as_words[m[1]]
    yield re.compile(r"(?<!\w)((?=[A-Z]*\d)[A-Z]{1,5}(?:\d+[A-Z]{0,3})+(?:\.\d+)?)(?!\w)"), lambda m: g.code(m[1]) + " "
    yield re.compile(r"(?<![\w])([A-Z]{2,5})(?=-\d)"), lambda m: letters(m[1])
    yield (
        re.compile(r"(?<![\w'’-])([BCDFGHJKLMNPQRSTVWXZ]{2,5})(s?)(?![\w'’])"),
        lambda m: letters(m[1]) + ("s" if m[2] else ""),
    )
    yield re.compile(r"(?<=[A-Z])-(?=\d)|(?<= )-(?=[A-Z] )"), lambda m: " "


def _last(g: Grammar) -> Iterable[Rule]:
    """What is left of numbers and signs."""
    yield re.compile(rf"(?<![\w)\]-])(-)({NUMBER})"), lambda m: f"{g.words.say.minus} {_spaced(m, g.number(m[2]))}"
    yield re.compile(r"(?<=\d)-(?=[^\W\d_])"), lambda m: " "
    yield re.compile(r"[<>](?!\s?(?:\d|[.,]\d|=))"), lambda m: " "
    yield re.compile(NUMBER), lambda m: _spaced(m, g.leftover(m))
    yield re.compile(r"(?<=[^\W_])\s?/\s?(?=[^\W_])"), g.between_words
    yield (
        re.compile(rf"[{''.join(re.escape(s) for s in g.words.symbols)}]"),
        lambda m: f" {g.words.symbols[m.group()]} ",
    )
    yield re.compile(r"[\\|*_^`{}\[\]<>#•]+"), lambda m: " "
