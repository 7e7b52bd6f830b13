"""Rare facts: what a dialogue says that at most two training patients have said, added up per patient.

A fact is a telling word (a name, a place, a condition, a medicine, an occupation), a date, a number with its unit, or
a pair of quasi-identifiers of which one is an age, an occupation or a household. One may be shared by chance; several
of one patient point at that patient (Sweeney 2000, Simple demographics often identify people uniquely). Strangers share
some too, so that the score is calibrated like any other.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import combinations
from typing import Self

import numpy as np
from numpy.typing import NDArray

from synthgen.english import MONTHS, ORDINALS, WEEKDAYS
from synthgen.payloads.dialogue import Dialogue
from synthgen.privacy_filters.dialogue.words import words
from synthgen.wordlists import Phrases, WordLists, Words, WordSet, alternatives, word_lists

RARE = 2
"""So many patients may have said a fact that still counts as rare."""

_WORD = "word:"
_PAIR = "pair:"
_MONTH = {**{name: name for name in MONTHS}, **{name[:3]: name for name in MONTHS}, "sept": "september"}
_ORDINALS = frozenset({"st", "nd", "rd", "th"})
ORDINAL_WORDS = {word: str(day) for day, word in enumerate(ORDINALS, start=1)}
_HUNDREDS = {"hundred": 100, "thousand": 1000}


class RareWords(WordLists):
    """``rare_facts.yaml``."""

    units: WordSet
    units_too: Mapping[str, str]
    sexes: Mapping[str, Words]
    before_sex: WordSet
    households: WordSet
    occupations: WordSet
    before_occupation: WordSet
    conditions: WordSet
    condition_endings: Words
    medicines: WordSet
    medicine_endings: Words
    cues: Mapping[str, Phrases]
    no_names: WordSet

    @cached_property
    def unit_of(self) -> Mapping[str, str]:
        return {**{unit: unit for unit in self.units}, **self.units_too}

    @cached_property
    def sex_of(self) -> Mapping[str, str]:
        return {word: sex for sex, words_of in self.sexes.items() for word in words_of}

    @cached_property
    def never_names(self) -> frozenset[str]:
        return self.no_names | frozenset(WEEKDAYS)

    @cached_property
    def cued(self) -> frozenset[tuple[str, ...]]:
        return frozenset(tuple(cue.split()) for group in self.cues.values() for cue in group)

    @cached_property
    def longest_cue(self) -> int:
        return max(map(len, self.cued))

    @cached_property
    def condition(self) -> re.Pattern[str]:
        return re.compile(rf"\w{{3,}}(?:{alternatives(self.condition_endings)})$")

    @cached_property
    def medicine(self) -> re.Pattern[str]:
        return re.compile(rf"\w{{2,}}(?:{alternatives(self.medicine_endings)})$")


@cache
def rare_words() -> RareWords:
    """``rare_facts.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(__package__, "rare_facts", RareWords)


# Capitalised where no sentence begins: the writer held it for a name.
_CAPITALISED = re.compile(r"(?<=[\w,;'’-])\s+((?:[^\W\d_a-zß-ÿ][a-zß-ÿ'’-]{2,}\s?)+)")


def facts(dialogue: Dialogue) -> frozenset[str]:
    """Everything that may identify its patient, each as ``kind:value``; normalised, so that spellings agree."""
    found: set[str] = set()
    quasi: set[str] = set()
    for turn in dialogue.turns:
        own, described = _of_utterance(turn.text)
        found |= own
        quasi |= described
    telling = ("condition:", "medicine:", "occupation:")
    found.update(_WORD + fact.partition(":")[2] for fact in quasi if fact.startswith(telling))
    leading = ("age:", "occupation:", "household:")
    found.update(
        f"{_PAIR}{a}+{b}"
        for a, b in combinations(sorted(quasi), 2)
        if a.partition(":")[0] != b.partition(":")[0] and (a.startswith(leading) or b.startswith(leading))
    )
    return frozenset(found)


def quasi_identifiers(dialogue: Dialogue) -> frozenset[str]:
    """What a dialogue tells of a person: facts that begin with ``age:``, ``sex:``, ``occupation:``, ``household:``."""
    described = frozenset().union(*(_of_utterance(turn.text)[1] for turn in dialogue.turns))
    return frozenset(fact for fact in described if fact.startswith(("age:", "sex:", "occupation:", "household:")))


@lru_cache(maxsize=2**15)
def _of_utterance(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Names, dates and numbers; and what describes a person."""
    tokens = list(words(text))
    return frozenset((*_names(text, tokens), *_numbers(tokens))), frozenset((*_ages(tokens), *_described(tokens)))


def _names(text: str, tokens: Sequence[str]) -> Iterator[str]:
    for match in _CAPITALISED.finditer(text):
        yield from (_WORD + word for word in words(match[1]) if _may_name(word))
    cues, longest = rare_words().cued, rare_words().longest_cue
    for i in range(1, len(tokens)):
        cued = any(tuple(tokens[max(0, i - n) : i]) in cues for n in range(1, longest + 1))
        if cued and _may_name(tokens[i]):
            yield _WORD + tokens[i]


def _may_name(word: str) -> bool:
    return len(word) > 2 and not word.isdigit() and word not in rare_words().never_names and word not in _MONTH


def _numbers(tokens: Sequence[str]) -> Iterator[str]:
    """Dates, numbers with their unit, and numbers of three digits and more."""
    units = rare_words().unit_of
    tokens = [ORDINAL_WORDS[word] if _day_of_month(tokens, i) else word for i, word in enumerate(tokens)]
    i = 0
    while i < len(tokens):
        if not (tokens[i].isdigit() or tokens[i] in _MONTH):
            i += 1
            continue
        start = i
        parts: list[str] = []
        month = ""
        while i < len(tokens) and (tokens[i].isdigit() or tokens[i] in _HUNDREDS or tokens[i] in _ORDINALS):
            parts += [tokens[i]] if tokens[i] not in _ORDINALS else []
            i += 1
        after = tokens[i + 1] if i + 1 < len(tokens) and tokens[i] == "of" else tokens[i] if i < len(tokens) else ""
        if after in _MONTH and (parts or i == start):
            month = _MONTH[after]
            i += 2 if i < len(tokens) and tokens[i] == "of" else 1
            later = i
            while i < len(tokens) and i - later < 3 and (tokens[i].isdigit() or tokens[i] in _ORDINALS):
                parts += [tokens[i]] if tokens[i] not in _ORDINALS else []
                i += 1
        number = _joined(parts)
        unit = units.get(after) or units.get(after.removesuffix("s"), "")
        if month and number:
            yield f"date:{month} {' '.join(sorted(number.split('.')))}"
        elif number and unit and not month:
            yield f"number:{number} {unit}"
        elif sum(map(len, parts)) > 2 and number:
            yield f"number:{number}"


def _day_of_month(tokens: Sequence[str], i: int) -> bool:
    """Whether an ordinal counts days: "the third of march", "march third"."""
    if tokens[i] not in ORDINAL_WORDS:
        return False
    after = tokens[i + 1 : i + 3]
    return any(word in _MONTH for word in (*tokens[max(0, i - 1) : i], *after[: 1 + (after[:1] == ["of"])]))


def _joined(parts: Sequence[str]) -> str:
    """ "1 hundred 30" is 130; other numbers in a row are kept apart: "130.80"."""
    numbers: list[int | str] = []
    scaled = False
    for part in parts:
        if part in _HUNDREDS:
            last = numbers.pop() if numbers and isinstance(numbers[-1], int) else 1
            numbers.append(int(last) * _HUNDREDS[part])
            scaled = True
        elif scaled and numbers and isinstance(numbers[-1], int) and len(part) < 3:
            numbers[-1] = int(numbers[-1]) + int(part)
            scaled = False
        else:
            numbers.append(int(part) if len(part) < 10 else part)
            scaled = False
    return ".".join(map(str, numbers))


def _ages(tokens: Sequence[str]) -> Iterator[str]:
    for i, token in enumerate(tokens):
        if not token.isdigit() or not 0 < int(token[:4]) < 120:
            continue
        following = tuple(tokens[i + 1 : i + 3])
        old = following in {("year", "old"), ("years", "old"), ("y", "o")}
        turned = i > 0 and tokens[i - 1] in {"aged", "turned", "age"}
        if old or turned:
            yield f"age:{int(token)}"


def _described(tokens: Sequence[str]) -> Iterator[str]:
    known = rare_words()
    for i, token in enumerate(tokens):
        before = tokens[i - 1] if i else ""
        if token in known.sex_of and before in known.before_sex:
            yield f"sex:{known.sex_of[token]}"
        if token in known.households:
            yield f"household:{token}"
        if token in known.conditions or known.condition.match(token):
            yield f"condition:{token}"
        elif token in known.medicines or known.medicine.match(token):
            yield f"medicine:{token}"
        elif token in known.occupations and before in known.before_occupation:
            yield f"occupation:{token}"


@dataclass(frozen=True, slots=True)
class Told:
    """What one patient's dialogues say: the facts, and every word, since a name is only as rare as it is as a word."""

    facts: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()

    @classmethod
    def by(cls, dialogue: Dialogue) -> Self:
        said = frozenset(words(dialogue.text))
        return cls(facts(dialogue), said)

    def and_also(self, other: Told) -> Told:
        return Told(self.facts | other.facts, self.words | other.words)


@dataclass(frozen=True)
class RareFacts:
    """The facts of the training patients; a column of the gate.

    Attributes:
        by_patient: everything that a patient's dialogues say. Private.
    """

    by_patient: Mapping[str, Told]

    name = "rare_facts"

    @classmethod
    def over(cls, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """Protects these dialogues: ``dialogues[i]`` belongs to ``patients[i]``."""
        return cls(_gathered({}, dialogues, patients))

    def enrolled(self, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """The same column, protecting these dialogues too."""
        return type(self)(_gathered(self.by_patient, dialogues, patients))

    @cached_property
    def _owners(self) -> Mapping[str, tuple[str, ...]]:
        """Who said each fact, for facts that are rare even when one of the patients is left out."""
        telling = {fact for told in self.by_patient.values() for fact in told.facts if fact.startswith(_WORD)}
        said: defaultdict[str, list[str]] = defaultdict(list)
        for patient, told in sorted(self.by_patient.items()):
            for fact in told.facts | (_said(told) & telling):
                said[fact].append(patient)
        return {fact: tuple(patients) for fact, patients in said.items() if len(patients) <= RARE + 1}

    def scores(self, dialogues: Sequence[Dialogue], exclude: Sequence[str] | None = None) -> NDArray[np.float64]:
        """Shape [N], in (0, 1], larger is safer: how unlikely it is that one patient owns so many of the rare facts.

        Were the rare facts of a dialogue dealt to the P patients at random, each patient would own the same expected
        share m of them; that one of P owns L has at most the probability p = P exp(L - m - L log(L / m)), L > m
        (Chernoff's bound for a Poisson sum, times P). The score is 1 / (1 - log p), and 1 where p is 1 or more. It
        grows with what one patient owns alone, and relatives in T who share their facts do not hide each other.

        Args:
            exclude: for each dialogue a patient who is left out, from the counts too.
        """
        left_out = exclude if exclude is not None else [None] * len(dialogues)
        return np.array([self._score(d, own) for d, own in zip(dialogues, left_out, strict=True)], np.float64)

    def _score(self, dialogue: Dialogue, own: str | None) -> float:
        patients = len(self.by_patient) - (own in self.by_patient)
        owned: defaultdict[str, float] = defaultdict(float)
        pairs: defaultdict[str, int] = defaultdict(int)
        told = Told.by(dialogue)
        # A telling word of T is recognised wherever it is said, with or without the capital that gave it away.
        for fact in (told.facts | _said(told)) & self._owners.keys():
            owners = [patient for patient in self._owners[fact] if patient != own]
            for owner in owners if len(owners) <= RARE else ():
                if fact.startswith(_PAIR):
                    pairs[owner] += 1
                else:
                    owned[owner] += 1.0
        for owner, count in pairs.items():  # one age in common makes a pair with every common complaint
            owned[owner] += math.log1p(count)
        if not owned:
            return 1.0
        most, expected = max(owned.values()), math.fsum(owned.values()) / patients
        surprise = most * math.log(most / expected) - most + expected - math.log(patients)
        return 1.0 / (1.0 + max(0.0, surprise))


def _said(told: Told) -> set[str]:
    return {_WORD + word for word in told.words}


def _gathered(before: Mapping[str, Told], dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Mapping[str, Told]:
    gathered = dict(before)
    for dialogue, patient in zip(dialogues, patients, strict=True):
        gathered[patient] = gathered.get(patient, Told()).and_also(Told.by(dialogue))
    return gathered
