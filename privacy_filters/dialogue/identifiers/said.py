"""What is said as a number or letter by letter: runs of words that spell a code, and the code that they spell.

"S W sixteen six J T" is SW166JT, "oh seven seven double oh nine hundred" is 07700900, "m as in mother five" is M5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from synthgen.english import ONES, TENS
from synthgen.wordlists import Phrases, WordLists, Words, WordSet, word_lists


class Spoken(WordLists):
    """``spoken.yaml``."""

    fillers: WordSet
    holidays: Phrases
    zeros: WordSet
    twice: WordSet
    thrice: WordSet
    letters: Words
    alphabet: Words
    alphabet_too: Words
    marks: WordSet
    domains: WordSet
    joints: WordSet
    not_local: WordSet
    filed: Phrases
    plates: Phrases
    telephones: Phrases
    postcodes: Phrases
    births: Phrases
    addresses: Phrases
    streets: WordSet
    streets_too: WordSet
    streets_before_number: WordSet
    directions: WordSet
    not_named: WordSet


@cache
def spoken() -> Spoken:
    """``spoken.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(__package__, "spoken", Spoken)


_WORD = re.compile(r"\d+|[^\W\d_]+(?:['’][^\W\d_]+)*")
_GAP = re.compile(r"(?:\.{1,3}|…)?[ \t,–-]{1,12}")
_LONGEST = 9  # words of a part of a run: no postcode has more
_EXAMPLE = re.compile(r"[ ,]+(?:as in|for|like)[ ,]+(?:a )?[^\W\d_]+", re.IGNORECASE)


@dataclass(frozen=True)
class Word:
    """A word of a text: where it stands, and in small letters."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Code:
    """A run of words that spells something.

    Attributes:
        start, end: of its words in the text.
        spelt: digits and capital letters; "o" is 0.
        with_o: the same where "o" is the letter.
        words: how many words, or groups of digits, it took.
        single: how many of them are single digits or letters.
        values: of its numbers as they were said, one after the other.
    """

    start: int
    end: int
    spelt: str
    with_o: str
    words: int
    single: int
    values: tuple[int, ...]

    @property
    def counts(self) -> bool:
        """Whether its numbers go up or down by equal steps: somebody counts."""
        steps = {b - a for a, b in zip(self.values, self.values[1:], strict=False)}
        return len(self.values) > 2 and len(steps) == 1


def words_of(text: str) -> list[Word]:
    return [Word(found.start(), found.end(), found[0].lower().replace("’", "'")) for found in _WORD.finditer(text)]


@dataclass(frozen=True)
class _Atom:
    """A word or two that spell one part of a code; ``value`` is None for letters."""

    first: int
    last: int
    end: int
    spelt: str
    value: int | None
    single: bool


def codes(text: str, words: Sequence[Word]) -> Iterator[Iterator[Code]]:
    """Every run of two words or more that spell, each with all its parts: itself first, then what begins later in it.

    A letter ``a`` or ``i`` at an edge of a run is taken for the word.
    """
    at = 0
    while at < len(words):
        atoms = _run(text, words, at)
        at = atoms[-1].last + 1 if atoms else at + 1
        while atoms and words[atoms[0].first].text in {"a", "i"}:
            atoms = atoms[1:]
        while len(atoms) > 1 and words[atoms[-1].first].text in {"a", "i"} and _ends(text, atoms[-2:]):
            atoms = atoms[:-1]
        if len(atoms) > 1:
            yield (_code(words, atoms[low:high]) for low, high in _parts(len(atoms)))


def _ends(text: str, last: Sequence[_Atom]) -> bool:
    """Whether the last letter is a word: after a number, or after a full stop."""
    before, letter = last
    return before.value is not None or "." in text[before.end : letter.end]


def _parts(count: int) -> Iterator[tuple[int, int]]:
    """All of it, then what is short enough to be told by its form alone, the longer first."""
    yield 0, count
    for size in range(min(count - 1, _LONGEST), 1, -1):
        for low in range(count - size + 1):
            yield low, low + size


def _code(words: Sequence[Word], atoms: Sequence[_Atom]) -> Code:
    return Code(
        words[atoms[0].first].start,
        atoms[-1].end,
        "".join(atom.spelt for atom in atoms),
        "".join("O" if words[atom.first].text == "o" else atom.spelt for atom in atoms),
        len(atoms),
        sum(atom.single for atom in atoms),
        tuple(atom.value for atom in atoms if atom.value is not None),
    )


def _run(text: str, words: Sequence[Word], at: int) -> list[_Atom]:
    atoms: list[_Atom] = []
    while at < len(words) and (not atoms or _GAP.fullmatch(text, atoms[-1].end, words[at].start)):
        atom = _atom(text, words, at)
        if atom is None:
            if atoms and words[at].text in spoken().marks and at + 1 < len(words) and _atom(text, words, at + 1):
                atoms[-1] = _Atom(**{**vars(atoms[-1]), "last": at, "end": words[at].end})
                at += 1
                continue
            break
        atoms.append(atom)
        at = atom.last + 1
    if atoms and words[atoms[-1].last].text in spoken().marks:
        atoms.pop()
    return atoms


def _atom(text: str, words: Sequence[Word], at: int) -> _Atom | None:
    word, known = words[at].text, spoken()
    following = words[at + 1].text if at + 1 < len(words) else ""
    if word in known.twice | known.thrice and at + 1 < len(words):
        if word in known.twice and following == "u":
            return _Atom(at, at + 1, words[at + 1].end, "W", None, True)
        part = _atom(text, words, at + 1)
        times = 2 if word in known.twice else 3
        return None if part is None or not part.single else _Atom(
            at, part.last, part.end, part.spelt * times, part.value, True
        )  # fmt: skip
    if word == "x" and following == "ray":
        return _Atom(at, at + 1, words[at + 1].end, "X", None, True)
    if word in _letters():
        return _Atom(*_with_example(text, words, at), _letters()[word], None, True)
    if word.isdecimal():
        return _Atom(at, at, words[at].end, word, int(word[:9]), len(word) == 1)
    if word in _numbers():
        return _number(words, at)
    return None


def _with_example(text: str, words: Sequence[Word], at: int) -> tuple[int, int, int]:
    """First and last word and the end of a letter, with "as in mother" after it."""
    example = _EXAMPLE.match(text, words[at].end) if len(words[at].text) == 1 else None
    if example is None:
        return at, at, words[at].end
    last = at
    while last + 1 < len(words) and words[last + 1].end <= example.end():
        last += 1
    initial = words[last].text[:1] == words[at].text
    return (at, last, words[last].end) if initial else (at, at, words[at].end)


def _number(words: Sequence[Word], at: int) -> _Atom:
    """A numeral below a hundred, and "hundred" or "thousand" after it: so many noughts."""
    first, value, last = at, _numbers()[words[at].text], at
    if value in range(20, 100, 10) and at + 1 < len(words) and words[at + 1].text in ONES[1:10]:
        value, last = value + ONES.index(words[at + 1].text), at + 1
    spelt = str(value)
    if last + 1 < len(words) and words[last + 1].text in {"hundred", "thousand"} and value:
        noughts = "00" if words[last + 1].text == "hundred" else "000"
        value, spelt, last = int(spelt + noughts), spelt + noughts, last + 1
    return _Atom(first, last, words[last].end, spelt, value, value < 10)


@cache
def _numbers() -> dict[str, int]:
    return {
        **{word: n for n, word in enumerate(ONES)},
        **{word: 10 * n for n, word in enumerate(TENS, start=2)},
        **dict.fromkeys(spoken().zeros, 0),
        "niner": 9,
    }


@cache
def _letters() -> dict[str, str]:
    known = spoken()
    pairs = (pair.split("=") for pair in (*known.letters, *known.alphabet_too))
    return {
        **{chr(97 + i): chr(65 + i) for i in range(26) if chr(97 + i) != "o"},
        **{word: chr(65 + i) for i, word in enumerate(known.alphabet)},
        **{word: letter.upper() for word, letter in pairs},
    }
