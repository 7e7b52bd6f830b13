"""A life event retold in other words: who it happened to, what happened, where, when, and the numbers in it.

"My brother drowned in the lake at Easter 2009, when I was fourteen" keeps no run of words when somebody else tells it,
but it keeps its facts. Around every word that tells an event, the patient's own words are read for classes of a word
list (``events.yaml``: "went under", "drowned" and "pulled from the water" are one class), for numbers, and for rare
words. What a candidate and a protected patient have in common in one event is weighed by how rare it is among the
patients of T,

    S = sum over shared details f of -log P(f) - log(number of the candidate's events),

so that a long candidate, which tells more, has to agree more closely. The frequencies are multiplied as if details were
independent (as of rare quasi-identifiers, Sweeney 2000); they are not, and strangers with one complaint share more: the
column is calibrated on strangers like every other. Its score is exp(-S^2 / 20), since among strangers S falls as a
normal tail does.

What it cannot see: an event told without any word of the list ("they took us at the market"), and one whose details
were changed too.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from synthgen.payloads.dialogue import Dialogue
from synthgen.privacy_filters.dialogue.rare_facts import ORDINAL_WORDS
from synthgen.privacy_filters.dialogue.words import words
from synthgen.wordlists import Phrases, word_lists

_AROUND = 24  # words of the patient on either side of a cue that belong to the event
_GAP = 3  # words that ~ stands for, at most
_RARE_WORD = 0.02  # share of the patients who say a word that still counts as rare
_STRANGERS = 20.0  # S falls among strangers as a normal tail does, faster than an exponential one
_LEAST_KINDS = 4  # of details: what, who, where, when, number, word
_WORD = "word:"
_ORDINAL = re.compile(r"^(\d+)(?:st|nd|rd|th)?$")
V = TypeVar("V")

Event = frozenset[str]
"""Details of one event, each as ``kind:value``."""


@dataclass(frozen=True)
class WordList:
    """Phrases by their first word, each with the classes that it stands for.

    Attributes:
        exact: first word to (the rest, classes).
        prefixes: the same for first words that end in *, by the letters before it.
        phrases: by class, those that are whole words.
    """

    exact: Mapping[str, tuple[tuple[tuple[str, ...], str], ...]]
    prefixes: Mapping[str, tuple[tuple[tuple[str, ...], str], ...]]
    phrases: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, classes: Mapping[str, Mapping[str, Sequence[str]]]) -> Self:
        """From the phrases of every class of every kind."""
        exact: defaultdict[str, list[tuple[tuple[str, ...], str]]] = defaultdict(list)
        prefixes: defaultdict[str, list[tuple[tuple[str, ...], str]]] = defaultdict(list)
        whole: defaultdict[str, list[str]] = defaultdict(list)
        for kind, names in classes.items():
            for name, phrases in names.items():
                for phrase in phrases:
                    if not set("*~") & set(phrase):
                        whole[f"{kind}:{name}"].append(phrase)
                    first, *rest = phrase.split()
                    table = prefixes if first.endswith("*") else exact
                    table[first.rstrip("*")].append((tuple(rest), f"{kind}:{name}"))
        return cls(_fixed(exact), _fixed(prefixes), defaultdict(tuple, _fixed(whole)))

    def classes(self, tokens: Sequence[str], at: int) -> set[str]:
        """The classes of the phrases that begin at a word."""
        known = [*self._of_word(tokens[at])]
        return {name for rest, name in known if not rest or _follows(tokens, at + 1, rest)}

    @lru_cache(maxsize=2**14)  # noqa: B019 (one word list lives as long as the process)
    def _of_word(self, token: str) -> tuple[tuple[tuple[str, ...], str], ...]:
        stems = (self.prefixes.get(token[:n], ()) for n in range(2, len(token) + 1))
        return (*self.exact.get(token, ()), *(entry for found in stems for entry in found))

    def __hash__(self) -> int:
        return id(self)


def _fixed(table: Mapping[str, list[V]]) -> dict[str, tuple[V, ...]]:
    return {key: tuple(values) for key, values in table.items()}


@cache
def word_list() -> WordList:
    """The word list of the package."""
    return WordList.of(word_lists(__package__, "events", dict[str, dict[str, Phrases]]))


def _follows(tokens: Sequence[str], at: int, rest: Sequence[str]) -> bool:
    if not rest:
        return True
    if rest[0] == "~":
        return any(_follows(tokens, at + skipped, rest[1:]) for skipped in range(_GAP + 1))
    return at < len(tokens) and _same(tokens[at], rest[0]) and _follows(tokens, at + 1, rest[1:])


def _same(token: str, word: str) -> bool:
    return token.startswith(word[:-1]) if word.endswith("*") else token == word


def tells_event(tokens: Sequence[str]) -> bool:
    """Whether any word, or words in a row, tell what happened."""
    return any(name.startswith("what:") for i in range(len(tokens)) for name in word_list().classes(tokens, i))


def events(dialogue: Dialogue) -> list[Event]:
    """The events that the patient, or whoever came along, tells; those that are told at once are one."""
    return [event for event, _ in _told(dialogue)]


def reworded(dialogue: Dialogue, rng: np.random.Generator) -> str | None:
    """The event of which most is told, in other words of the same classes; None where none has three kinds of detail.

    Every third of the words that tell nothing is left out. This is the rule of the list itself, turned round: what is
    caught of such copies says that the column works, not how well it does on what a person would write.
    """
    told = [(len({d.partition(":")[0] for d in event}), said) for event, said in _told(dialogue)]
    most, said = max(told, default=(0, ()), key=lambda found: found[0])
    if most < _LEAST_KINDS:
        return None
    again = []
    for i, word in enumerate(said):
        classes = sorted(word_list().classes(said, i))
        instead = [phrase for name in classes for phrase in word_list().phrases[name] if phrase != word]
        if instead:
            again.append(instead[rng.integers(len(instead))])
        elif classes or word.isdigit() or rng.random() > 1 / 3:
            again.append(word)
    return " ".join(again).capitalize() + "."


def _told(dialogue: Dialogue) -> list[tuple[Event, tuple[str, ...]]]:
    """The events of a dialogue, and the words in which each is told."""
    tokens = [w for turn in dialogue.turns if turn.speaker != "clinician" for w in words(turn.text)]
    found = [word_list().classes(tokens, i) for i in range(len(tokens))]
    cues = [i for i, classes in enumerate(found) if any(name.startswith("what:") for name in classes)]
    told = []
    for first, last in _runs(cues):
        span = slice(max(0, first - _AROUND), last + _AROUND + 1)
        details = {name for classes in found[span] for name in classes}
        details.update(detail for token in tokens[span] for detail in _details(token))
        told.append((frozenset(details), tuple(tokens[span])))
    return told


def _runs(cues: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of cues that lie within a third of an event of each other, three at most."""
    start = 0
    for i in range(1, len(cues) + 1):
        if i == len(cues) or cues[i] - cues[i - 1] > _AROUND // 3 or i - start == 3:
            yield cues[start], cues[i - 1]
            start = i


def _details(token: str) -> Iterator[str]:
    """Numbers, and words that may be rare, cut to six letters so that their endings do not matter."""
    token = ORDINAL_WORDS.get(token, token)
    number = _ORDINAL.match(token)
    if number:
        yield f"number:{int(number[1][:9])}"
    elif len(token) > 4:
        yield _WORD + token[:6]


@dataclass(frozen=True)
class ToldEvents:
    """The events of the training patients; a column of the gate.

    Attributes:
        by_patient: the events that each patient tells. Private.
        spread: in how many patients' words each detail stands, of T alone.
        patients: number of patients of T.
    """

    by_patient: Mapping[str, tuple[Event, ...]]
    spread: Mapping[str, int]
    patients: int

    name = "told_events"

    @classmethod
    def over(cls, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """Protects these dialogues: ``dialogues[i]`` belongs to ``patients[i]``."""
        gathered = _gathered({}, dialogues, patients)
        said: defaultdict[str, set[str]] = defaultdict(set)
        for dialogue, patient in zip(dialogues, patients, strict=True):
            said[patient] |= {_WORD + w[:6] for w in words(dialogue.text) if len(w) > 4}
        for patient, told in gathered.items():
            said[patient] |= {detail for event in told for detail in event}
        return cls(gathered, Counter(detail for own in said.values() for detail in own), len(said))

    def enrolled(self, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """The same column, protecting these dialogues too; how rare a detail is remains what T says."""
        return type(self)(_gathered(self.by_patient, dialogues, patients), self.spread, self.patients)

    def _weight(self, detail: str) -> float:
        share = (self.spread.get(detail, 0) + 1.0) / (self.patients + 2.0)
        if detail.startswith(_WORD) and share > max(_RARE_WORD, 3.0 / self.patients):
            return 0.0
        return -math.log(share)

    @cached_property
    def _tellers(self) -> Mapping[str, tuple[tuple[str, int], ...]]:
        """Which events have a detail that weighs something, as patient and place among the patient's events."""
        table: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
        for patient, told in self.by_patient.items():
            for place, event in enumerate(told):
                for detail in event:
                    table[detail].append((patient, place))
        return {detail: tuple(places) for detail, places in table.items() if self._weight(detail) > 0}

    def scores(self, dialogues: Sequence[Dialogue], exclude: Sequence[str] | None = None) -> NDArray[np.float64]:
        """Shape [N], in (0, 1], larger is safer: exp(-S^2 / 20), of the event that agrees most closely.

        Args:
            exclude: for each dialogue a patient who is left out.
        """
        left_out = exclude if exclude is not None else [None] * len(dialogues)
        return np.array([self._score(d, own) for d, own in zip(dialogues, left_out, strict=True)], np.float64)

    def _score(self, dialogue: Dialogue, own: str | None) -> float:
        return as_score(max((s for patient, s in self.agreements(dialogue).items() if patient != own), default=0.0))

    def agreements(self, dialogue: Dialogue) -> dict[str, float]:
        """S of each protected patient with whom an event has anything telling in common."""
        told, most = events(dialogue), dict[str, float]()
        for event in told:
            for patient, weight in self._shared(event):
                most[patient] = max(weight - math.log(len(told)), most.get(patient, 0.0))
        return most

    def _shared(self, event: Event) -> Iterator[tuple[str, float]]:
        """The weight of what the event shares with each protected one."""
        weight: defaultdict[tuple[str, int], float] = defaultdict(float)
        kinds: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
        for detail in sorted(event & self._tellers.keys()):  # a sum of floats depends on its order
            for place in self._tellers[detail]:
                weight[place] += self._weight(detail)
                kinds[place].add(detail.partition(":")[0])
        return ((place[0], w) for place, w in weight.items() if _telling(kinds[place]))


def as_score(agreement: float) -> float:
    """exp(-S^2 / 20), in (0, 1]; 1 where nothing is shared."""
    return math.exp(-min(max(agreement, 0.0) ** 2 / _STRANGERS, 600.0))


def _telling(kinds: set[str]) -> bool:
    """What happened and one thing more, or three things about it: a death by water may be told as either."""
    return len(kinds) > (1 if "what" in kinds else 2)


def _gathered(
    before: Mapping[str, tuple[Event, ...]], dialogues: Sequence[Dialogue], patients: Sequence[str]
) -> Mapping[str, tuple[Event, ...]]:
    gathered = dict(before)
    for dialogue, patient in zip(dialogues, patients, strict=True):
        gathered[patient] = (*gathered.get(patient, ()), *events(dialogue))
    return gathered
