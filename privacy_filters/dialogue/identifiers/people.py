"""Personal names: by titles, introductions, forms of address, lists of names, and capitals within a sentence.

No model is needed. Evidence adds up over a run of words: a title or an introduction carries any name, a listed given
name carries itself, an unknown capitalised word needs company. Eponyms are diseases, signs and devices unless a title
or a given name stands before them, and a word that the text also writes in lower case is a word.
"""

# ruff: noqa: E501 (a regular expression is read best on one line)
from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from synthgen.english import MONTHS
from synthgen.privacy_filters.dialogue.identifiers.types import Identifier
from synthgen.privacy_filters.dialogue.identifiers.vocabulary import (
    Lexicon,
    cues,
    eponyms,
    folded,
    lexicon,
    names,
    ordinary,
    ordinary_words,
    place_words,
    titles,
)
from synthgen.wordlists import alternatives

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+|-[^\W\d_]+)*")
_POSSESSIVE = re.compile(r"['’]s?$")
_SENTENCE_END = re.compile(r"[.!?:;\n\r\]\[\"“”?…*•>)(]\s*[\"'“”]?\s*$")
_INTRODUCED = re.compile(
    r"(?:\bmy (?:full |first |last |maiden |middle )?name(?:\s+is|['’]s|\s+'s)|\b(?:maiden|first|last|full) name (?:is|was)"
    r"|\bname['’]?s?\s+(?:is|was)|\bcall(?:s|ed)? me|\bnamed"
    r"|\b(?:he|she|who|\w*father|\w*mother|\w*son|\w*daughter|brother|sister|husband|wife|man|woman|boy|girl|dog|cat)"
    r"(?:\s+(?:is|was)|['’]s)?\s+called"
    r"|\bon behalf of|\bsigned(?: by)?|\bsincerely,?|\bregards,?|\bname\s*:|\bpatient\s*:|\bcontact\s*:|\battn\.?:?"
    r"|\bme llamo|\bse llama|\bmi nombre es|\bnombre\s*:|\bapellidos?\s*:|\bm[ée]dico\s*:|\bremitido por\s*:?"
    r"|\bresponsable cl[íi]nico\s*:|\bautor(?:es)?\s*:|\bfirmado\s*:?)\s*",
    re.IGNORECASE,
)
_MAYBE_INTRODUCED = re.compile(
    r"(?:\bi['’]?\s?'?m|\bi am|\bthis is|\bit['’]?s|\bspeaking with|\bspeak (?:to|with)|\btalk(?:ed|ing)? (?:to|with)|"
    r"\bsoy|\basked for|\bunder|\bchange it to)\s*",
    re.IGNORECASE,
)
_LONGEST = 6  # words of one name


@cache
def _greeted() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{alternatives(cues().greetings)})(?: there| back| again)?\s*,?\s*", re.IGNORECASE)


@cache
def _after_name() -> re.Pattern[str]:
    return re.compile(
        rf"\s*(?:,\s*(?:and\s+)?(?:your|the|his|her|a|an|one of)\s+(?:\w+\s+)?(?:{alternatives(cues().professions)})|"
        rf"\s(?:is|was)\s+(?:a|an|here|your)\b|\s(?:{alternatives(cues().doing)})\b)",
        re.IGNORECASE,
    )


@cache
def _addressed() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{alternatives(cues().before_address)})\s*,\s*$", re.IGNORECASE)


@cache
def _person_before() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{alternatives(cues().before_person)})\s+$", re.IGNORECASE)


_DATE = rf"\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?(?:{'|'.join(MONTHS)})\s+\d{{4}}"


@cache
def _person_after() -> re.Pattern[str]:
    return re.compile(
        rf"(?:['’]s\s+(?:\w+\s+)?(?:{alternatives(cues().belongings)})|"
        rf"\s+(?:{alternatives(cues().doing_unknown)})\b|\s*:\s*[\"“])",
        re.IGNORECASE,
    )


@cache
def _details_after() -> re.Pattern[str]:
    return re.compile(rf"\s*,\s*(?:and\s+)?(?:(?:{alternatives(cues().details)})\b|{_DATE})", re.IGNORECASE)


@cache
def _place_before() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{alternatives(cues().before_place)})\s+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Token:
    """One word of the text.

    Attributes:
        key: folded, without a possessive ending, for the lists.
        opens: whether a sentence, a line or a quotation begins here, so that a capital says nothing.
        joined: only spaces (or a full stop after an initial or title) lie between this word and the one before.
    """

    text: str
    start: int
    end: int
    key: str
    opens: bool
    joined: bool

    @property
    def capital(self) -> bool:
        return self.text[0].isupper()

    @property
    def initial(self) -> bool:
        return len(self.text) == 1 and self.text.isupper() and self.text not in {"I"}


@dataclass(frozen=True, slots=True)
class _Reading:
    """A text, its words, and where its cues end, found once.

    Attributes:
        lower_too: words that the text also writes in lower case.
        introduced, cued: offsets right after an introduction; after a greeting or a weaker introduction.
    """

    text: str
    tokens: Sequence[_Token]
    lower_too: frozenset[str]
    introduced: frozenset[int]
    cued: frozenset[int]
    lex: Lexicon
    language: str

    def greeted(self, i: int) -> bool:
        return self.tokens[i].start in self.cued or (i > 0 and self.tokens[i - 1].key in names().kin)


def _read(text: str, language: str) -> _Reading:
    tokens = _tokens(text)
    return _Reading(
        text=text,
        tokens=tokens,
        lower_too=frozenset(token.key for token in tokens if not token.capital),
        introduced=frozenset(match.end() for match in _INTRODUCED.finditer(text)),
        cued=frozenset(m.end() for cue in (_MAYBE_INTRODUCED, _greeted()) for m in cue.finditer(text)),
        lex=lexicon(),
        language=language,
    )


def people(text: str, language: str = "en") -> list[Identifier]:
    """Names of people, with titles left out; scores from 0.4 (a lone unknown capital) to 0.95 (titled)."""
    reading = _read(text, language)
    tokens = reading.tokens
    found: list[Identifier] = []
    i = 0
    while i < len(tokens):
        score, length = _name_at(reading, i)
        if length and not any(len(token.key) > 1 for token in tokens[i : i + length]):
            length = 0  # spelt-out abbreviations and placeholders: "A D H D", "Doctor X"
        if length:
            found.append(Identifier(tokens[i].start, _end(tokens[i + length - 1]), "PERSON", score))
        i += max(length, 1)
    found += _coordinated(text, tokens, found)
    return [*found, *_repeated(text, tokens, found)]


def _coordinated(text: str, tokens: Sequence[_Token], found: Sequence[Identifier]) -> list[Identifier]:
    """Capitalised words that a comma, "and" or "or" puts beside a name: "Ann, Okonjo and Ruiz"."""
    sure = {hit.start for hit in found if hit.score >= 0.5} | {hit.end for hit in found if hit.score >= 0.5}
    known = {hit.start for hit in found if hit.score >= 0.5}
    further: list[Identifier] = []
    lex = lexicon()
    for sweep in (range(len(tokens)), range(len(tokens) - 1, -1, -1)):
        for i in sweep:
            token = tokens[i]
            if token.start in known or not token.capital or len(token.key) < 3 or ordinary(token.key) or token.opens:
                continue
            if token.key in lex.places or token.key in lex.countries or token.key in place_words().nationalities:
                continue
            if token.text.isupper():
                continue
            left = _JOINT_BEFORE.search(text[max(0, token.start - 8) : token.start])
            right = _JOINT_AFTER.match(text, _end(token))
            if (left and token.start - len(left[0]) in sure) or (right and right.end() in sure):
                further.append(Identifier(token.start, _end(token), "PERSON", 0.55))
                known.add(token.start)
                sure |= {token.start, _end(token)}
    return further


_JOINT_BEFORE = re.compile(r"(?:,\s*(?:and\s+|or\s+)?|\s+(?:and|or|y|&)\s+)$")
_JOINT_AFTER = re.compile(r"(?:,\s*(?:and\s+|or\s+)?|\s+(?:and|or|y|&)\s+)")


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    end = 0
    for match in _WORD.finditer(text):
        word = match[0]
        between = text[end : match.start()]
        short = bool(tokens) and (len(tokens[-1].text) == 1 or tokens[-1].key in names().titles)
        joined = bool(tokens) and (between.strip() == "" or (short and between.strip() == ".")) and "\n" not in between
        opens = not tokens or (
            word[0].isupper()
            and not joined
            and bool(_SENTENCE_END.search(text[max(0, match.start() - 6) : match.start()]))
        )
        tokens.append(_Token(word, match.start(), match.end(), _POSSESSIVE.sub("", folded(word)), opens, joined))
        end = match.end()
    return tokens


def _end(token: _Token) -> int:
    return token.start + len(_POSSESSIVE.sub("", token.text))


def _listed(token: _Token, lex: Lexicon) -> bool:
    """A given or family name of the lists that is no word of the language."""
    key = token.key
    if key in names().words_too and key not in names().mostly_names:
        return False
    parts = key.split("-")
    named = any((part in lex.given or part in lex.family) and not ordinary(part) for part in parts)
    return named and not ordinary(key)


def _eponym(tokens: Sequence[_Token], i: int) -> bool:
    """Whether the word names a disease, a sign or a device: listed as such, or followed by what one names so."""
    token = tokens[i]
    following = [t for t in tokens[i + 1 : i + 3] if t.joined]
    if any(t.key in eponyms().named_after for t in following[:1]):
        return True
    if len(following) == 2 and following[0].capital and following[1].key in eponyms().named_after:
        return True
    if not any(part in eponyms().people for part in token.key.split("-")):
        return False
    # "Wilson called" is a person, "Wilson's was ruled out" a disease, "Wilson's son" a person again.
    person_first = token.key in lexicon().spoken
    possessive = bool(_POSSESSIVE.search(token.text)) and not any(t.key in names().kin for t in following)
    return possessive or not person_first


def _name_at(reading: _Reading, i: int) -> tuple[float, int]:
    """Confidence and number of words of the name that begins at word ``i``; length 0 where none does."""
    tokens, lex = reading.tokens, reading.lex
    token = tokens[i]
    if token.key in titles() or (len(token.key) < 2 and not token.initial):
        return 0.0, 0
    if i > 0 and token.joined and tokens[i - 1].key in titles():
        return _titled(tokens, i, lex)
    if token.start in reading.introduced:
        listed = token.key in lex.given or token.key in lex.family
        if (token.capital or token.key in lex.spoken) and (not ordinary(token.key) or (listed and token.capital)):
            return 0.9, _run(tokens, i, lex, bold=True)
    if not token.capital:
        return _uncapitalised(reading, i)
    if ordinary(token.key) or _not_a_name(token):
        return 0.0, 0
    return _capitalised(reading, i)


def _titled(tokens: Sequence[_Token], i: int, lex: Lexicon) -> tuple[float, int]:
    token, title = tokens[i], tokens[i - 1].key
    named = token.key in names().mostly_names or (
        token.key in lex.family and len(token.key) > 3 and title not in titles(weak=True)
    )
    if ordinary(token.key) and not (token.capital and named and token.key not in names().after_title):
        return 0.0, 0
    if token.capital or token.initial:
        return 0.95, _run(tokens, i, lex, bold=True)
    known = token.key in lex.given or token.key in lex.family
    if (title not in titles(weak=True) and len(token.key) > 2) or (
        known and (token.key not in names().words_too or token.key in names().mostly_names)
    ):
        return 0.9 if known else 0.7, _run(tokens, i, lex, bold=False)
    return 0.0, 0


def _uncapitalised(reading: _Reading, i: int) -> tuple[float, int]:
    """A name without its capital, as recognisers of speech write it: only those that are no word of the language."""
    text, tokens, lex = reading.text, reading.tokens, reading.lex
    token = tokens[i]
    if token.key in lex.spoken and (reading.language == "en" or reading.greeted(i)):
        sure = reading.greeted(i) or bool(_after_name().match(text, token.end))
        if _eponym(tokens, i) and not sure:
            return 0.0, 0
        if any(t.joined and t.key in eponyms().named_after for t in tokens[i + 1 : i + 2]):
            return 0.0, 0
        return 0.85 if sure else 0.6, _run(tokens, i, lex, bold=False)
    addressed = _addressed().search(text[max(0, token.start - 14) : token.start])
    if token.key in names().mostly_names and (
        token.start in reading.cued
        or token.start in reading.introduced
        or _AGED.match(text, token.end)
        or (addressed and _VOCATIVE_AFTER.match(text, token.end))
    ):
        return 0.6, _run(tokens, i, lex, bold=False)
    known = (
        reading.language == "en"
        and token.key in lex.given
        and token.key not in names().words_too
        and not ordinary(token.key)
    )
    length = _run(tokens, i, lex, bold=False, initials=True) if known else 1
    if length > 1:
        return 0.7, length
    strong = token.start in reading.introduced and len(token.key) > 2 and not ordinary(token.key)
    if strong and _AFTER_INTRODUCTION.match(text, token.end) and token.key not in names().words_too:
        return 0.6, 1
    return 0.0, 0


_AGED = re.compile(r"\s+is\s+an?\s+\d")
_VOCATIVE_AFTER = re.compile(r"\s*[,.?!]")
_AFTER_INTRODUCTION = re.compile(r"\s*(?:[.,!?;]|$|\s(?:and|from|i)\b)", re.IGNORECASE)


def _not_a_name(token: _Token) -> bool:
    return token.key in place_words().nationalities or (
        token.text.isupper() and len(token.text) < 5 and not token.initial
    )


def _capitalised(reading: _Reading, i: int) -> tuple[float, int]:
    text, tokens, lex, lower_too = reading.text, reading.tokens, reading.lex, reading.lower_too
    token = tokens[i]
    key = token.key
    given = any(part in lex.given for part in key.split("-"))
    listed = _listed(token, lex) and not (key in lower_too and key not in lex.spoken)
    length = _run(tokens, i, lex, bold=True)
    run = tokens[i : i + length]
    if length > 1 and _details_after().match(text, _end(run[-1])):
        return 0.8, length  # whatever the words mean elsewhere: Morton's neuroma, and Mr Morton
    full = length > 1 and any(_listed(t, lex) or (t.initial and length > 2) for t in run[1:])
    if length == 1 and _eponym(tokens, i) and not (given and _after_name().match(text, token.end)):
        return 0.0, 0
    if any(
        t.key in eponyms().named_after or t.key in names().no_person
        for t in tokens[i : i + length + 1]
        if t.joined or t is token
    ):
        return 0.0, 0
    if any(_eponym(tokens, i + n) for n in range(length)) and not (given and listed):
        return 0.0, 0
    if listed and given and length > 1:
        return 0.9, length
    if full:
        return 0.8, length
    cue = reading.greeted(i)
    if listed and given:
        if (
            key in names().words_too
            and token.opens
            and length == 1
            and not cue
            and not _after_name().match(text, token.end)
        ):
            return _BARE, length
        # A listed name at the start of a sentence is a name unless it is a word, too.
        if not token.opens or key in lex.spoken or cue or _after_name().match(text, token.end):
            return 0.85 if cue else 0.7, length
        return 0.55, length
    if key in names().words_too and length == 1:
        return (0.6, 1) if cue and key in names().mostly_names else (0.0, 0)
    if listed:
        return 0.7 if cue else 0.55 if not token.opens else _BARE, length
    if key in lower_too or key in lex.places or key in lex.countries:
        return 0.0, 0
    if reading.language == "es":
        return 0.0, 0  # titles of wards, tests and headings carry capitals in Spanish reports
    return _unknown(tokens, i, length, text, cue, token)


_BARE = 0.45  # capitals that a sentence or a title explains: a therapy, a questionnaire, the first word


def _unknown(tokens: Sequence[_Token], i: int, length: int, text: str, cue: bool, token: _Token) -> tuple[float, int]:
    """Capitalised words that no list has: a person where the sentence treats them as one."""
    run = tokens[i : i + length]
    shouted = all(t.text.isupper() for t in run)
    if shouted or len(token.key) < 3:
        return 0.0, 0
    person = (
        cue
        or bool(_person_before().search(text[max(0, token.start - 24) : token.start]))
        or bool(_person_after().match(text, _end(run[-1])))
    )
    if _place_before().search(text[max(0, token.start - 24) : token.start]):
        return 0.0, 0
    foreign = not all(t.text.isascii() for t in run)
    if length > 1:
        return (0.7 if person else 0.55 if foreign else _BARE), length
    if person:
        return 0.6 if not token.opens or cue else 0.55, length
    return (0.5 if foreign else 0.4, length) if not token.opens else (0.0, 0)


def _run(tokens: Sequence[_Token], i: int, lex: Lexicon, *, bold: bool, initials: bool = False) -> int:
    """How many words the name that begins at word ``i`` has.

    Args:
        bold: whether capitals carry the run on; else only listed names do.
        initials: whether a single lower-case letter may stand before a listed name.
    """
    length = 1
    while i + length < len(tokens) and length < _LONGEST:
        token = tokens[i + length]
        previous = tokens[i + length - 1]
        if not token.joined or _POSSESSIVE.search(previous.text):
            break
        if token.key in names().particles and bold:
            beyond = tokens[i + length + 1 : i + length + 3]
            if (
                beyond
                and beyond[0].joined
                and (beyond[0].capital or (beyond[0].key in names().particles and len(beyond) > 1))
            ):
                length += 1
                continue
            break
        carried = token.initial or _SUFFIX.fullmatch(token.text) or not _ends_run(token)
        if (bold and token.capital and (carried or (length == 1 and _family_after_given(previous, token, lex)))) or (
            not token.capital and _surname([token], lex)
        ):
            length += 1
        elif (
            initials
            and len(token.key) == 1
            and token.key not in {"a", "i"}
            and _surname(tokens[i + length + 1 : i + length + 2], lex)
        ):
            length += 2
        else:
            break
    return length


def _family_after_given(previous: _Token, token: _Token, lex: Lexicon) -> bool:
    """ "Brian White", "Ann Fielding": a family name that is a word or ends as words do, right after a given name."""
    given = previous.key in lex.given and previous.key not in names().words_too
    return given and len(token.key) > 3 and token.key in lex.family and not token.text.isupper()


def _surname(tokens: Sequence[_Token], lex: Lexicon) -> bool:
    return any(
        t.joined and t.key in lex.family and t.key not in names().words_too and not ordinary(t.key) for t in tokens
    )


_SUFFIX = re.compile(r"[IVX]{1,4}|Jr|Sr")


def _ends_run(token: _Token) -> bool:
    name_too = token.key in names().mostly_names or (
        token.key in names().words_too and len(token.key) > 3 and token.key not in ordinary_words().words
    )
    return (
        (ordinary(token.key) and not name_too)
        or token.key in names().no_person
        or token.key in titles()
        or (token.text.isupper() and len(token.text) > 1)
    )


def _repeated(text: str, tokens: Sequence[_Token], found: Sequence[Identifier]) -> Iterator[Identifier]:
    """Parts of a full name that come back alone: "James Kelly … then Kelly said"."""
    parts = {
        folded(word)
        for hit in found
        if hit.score >= 0.85
        for word in _WORD.findall(text[hit.start : hit.end])
        if len(word) > 2
    }
    parts = {
        part for part in parts if part not in names().particles and part not in eponyms().people and not ordinary(part)
    }
    covered = [(hit.start, hit.end) for hit in found]
    at = 0
    for token in tokens:
        while at < len(covered) and covered[at][1] <= token.start:
            at += 1
        inside = at < len(covered) and covered[at][0] <= token.start
        if not inside and token.key in parts and (token.capital or token.key not in names().words_too):
            yield Identifier(token.start, _end(token), "PERSON", 0.65)
