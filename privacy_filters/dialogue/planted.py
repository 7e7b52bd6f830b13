"""Planted copies of training dialogues: what somebody, or a generator, could have done to a copy to hide it.

What is claimed ("perturbed") keeps at least half of a real patient's turns, or twenty of them in a row, or all of them
under changes of the surface or dealt over the sessions of a case: somebody who knows the patient would recognise it.
What is reported but not claimed ("beyond") keeps less than a stranger may share by chance: five turns in a row are
often nothing but "any allergies?", "no", and a quarter of the turns of a short visit is a sentence. "Told again" is an
event in other words by the very word list that looks for it, which judges itself: never claimed. A copy of a dialogue
of a few words cannot be told from a stranger's small talk once it is changed; such a cohort's miss rates say so. A
paraphrase is made by the generator and handed in as a round trip.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from synthgen.payloads.dialogue import Dialogue, DialogueReal, DialogueRoundTrip, Turn
from synthgen.privacy_filters.dialogue.events import reworded
from synthgen.records import Planted
from synthgen.wordlists import Phrases, WordLists, Words, word_lists

_TOKEN = re.compile(r"\w+(?:['’]\w+)*|\W+")
_PUNCTUATION = re.compile(r"[^\w\s'’]+")
_NAME = re.compile(r"(\b(?:Mr|Ms|Mrs|Miss|Dr|Doctor)\.? |(?<=[a-z,;:] ))([A-Z][a-z]{2,})\b")
_NUMBER = re.compile(r"\d+")
_MISSPELT = 0.1  # share of the words of four letters or more
_LEFT_OUT = 1 / 3  # of all words
_SPLICED = 20
_SESSIONS = 8
_SHORT = 20  # words


class Disguises(WordLists):
    """``planted.yaml``."""

    surrogates: Words
    synonyms: Mapping[str, Phrases]


@cache
def _disguises() -> Disguises:
    return word_lists(__package__, "planted", Disguises)


Changed = Callable[[Dialogue, np.random.Generator], Dialogue]


def planted_copies(
    records: Sequence[DialogueReal], round_trips: Sequence[DialogueRoundTrip], seed: int
) -> Iterator[Planted[Dialogue]]:
    """One copy of each of ``records`` per perturbation, the exact copies first.

    Args:
        records: training records, one per patient; replaced turns and hosts of spliced ones are other records' own.
        round_trips: what the generator makes of the records.
        seed: of every choice.
    """
    dialogues = [record.payload for record in records]
    foreign = _Others(dialogues)
    table: tuple[tuple[str, str, Callable[[int, np.random.Generator], Dialogue]], ...] = (
        (
            "half_of_turns_replaced",
            "perturbed",
            lambda i, rng: _replaced(dialogues[i], foreign.turns(i, rng), 0.5, rng),
        ),
        ("half_of_turns_dropped", "perturbed", lambda i, rng: _dropped(dialogues[i], 0.5, rng)),
        ("words_dropped", "perturbed", lambda i, rng: _each(dialogues[i], lambda text: _fewer(text, rng))),
        ("turns_shuffled", "perturbed", lambda i, rng: _shuffled(dialogues[i], rng)),
        ("turns_resegmented", "perturbed", lambda i, rng: _resegmented(dialogues[i], rng)),
        ("misspelt_10%", "perturbed", lambda i, rng: _each(dialogues[i], lambda text: _misspelt(text, rng))),
        ("case_and_punctuation", "perturbed", lambda i, rng: _each(dialogues[i], _plain)),
        ("synonyms", "perturbed", lambda i, rng: _each(dialogues[i], lambda text: _synonyms(text, rng))),
        ("names_and_numbers", "perturbed", lambda i, rng: _surrogates(dialogues[i], rng)),
        (
            f"spliced_{_SPLICED}_turns",
            "perturbed",
            lambda i, rng: spliced(dialogues[i], foreign.mosaic(i, rng), rng),
        ),
        (
            f"dealt_over_{_SESSIONS}_sessions",
            "perturbed",
            lambda i, rng: dealt(dialogues[i], foreign.case(i, rng), rng),
        ),
        ("three_quarters_replaced", "beyond", lambda i, rng: _replaced(dialogues[i], foreign.turns(i, rng), 0.75, rng)),
        ("spliced_5_turns", "beyond", lambda i, rng: spliced(dialogues[i], foreign.mosaic(i, rng), rng, 5)),
    )
    yield Planted("exact", "exact", tuple(replace(dialogue) for dialogue in dialogues))
    for number, (name, domain, changed) in enumerate(table):
        rng = np.random.default_rng([seed, number])
        yield Planted(name, domain, tuple(changed(i, rng) for i in range(len(dialogues))))
    if again := _told_again(dialogues, foreign, np.random.default_rng([seed, len(table)])):
        yield Planted("told_again", "beyond", again)
    for trip in round_trips:
        yield Planted(trip.name, trip.domain, tuple(trip.copies(records)))


class _Others:
    """Turns and dialogues of everybody else."""

    def __init__(self, dialogues: Sequence[Dialogue]) -> None:
        self._dialogues = dialogues

    def one(self, i: int, rng: np.random.Generator) -> Dialogue | None:
        """Another dialogue; None where there is no other."""
        if len(self._dialogues) < 2:
            return None
        return self._dialogues[(i + int(rng.integers(1, len(self._dialogues)))) % len(self._dialogues)]

    def mosaic(self, i: int, rng: np.random.Generator) -> tuple[Turn, ...]:
        """Turns of as many others: a host that copies nobody, so that only what is spliced in can be caught."""
        hosts = (self.one(i, rng) for _ in range(2 * _SPLICED))
        return tuple(host.turns[rng.integers(len(host.turns))] for host in hosts if host is not None)

    def case(self, i: int, rng: np.random.Generator) -> list[tuple[Turn, ...]]:
        """Sessions of short turns of as many others, which copy nobody either."""
        sessions = []
        for _ in range(_SESSIONS):
            turns = [turn for turn in self.mosaic(i, rng) if len(turn.text.split()) <= _SHORT]
            sessions.append(tuple(turns[: _SPLICED // 2]))
        return sessions

    def turns(self, i: int, rng: np.random.Generator) -> Callable[[Turn], Turn | None]:
        """A function from a turn to a turn of the same side of another dialogue; None where none is found."""

        def instead(turn: Turn) -> Turn | None:
            for _ in range(8):
                other = self.one(i, rng)
                same = [t for t in other.turns if t.speaker == turn.speaker] if other else []
                if same:
                    return same[rng.integers(len(same))]
            return None

        return instead


def _replaced(
    dialogue: Dialogue, instead: Callable[[Turn], Turn | None], share: float, rng: np.random.Generator
) -> Dialogue:
    """A share of the turns, at random places, replaced by turns of other dialogues, or dropped where there are none."""
    chosen = set(_some(len(dialogue.turns), share, rng))
    turns = [instead(turn) if i in chosen else turn for i, turn in enumerate(dialogue.turns)]
    kept = tuple(turn for turn in turns if turn is not None)
    return replace(dialogue, turns=kept or dialogue.turns[:1])


def _dropped(dialogue: Dialogue, share: float, rng: np.random.Generator) -> Dialogue:
    chosen = set(_some(len(dialogue.turns), share, rng))
    return replace(dialogue, turns=tuple(turn for i, turn in enumerate(dialogue.turns) if i not in chosen))


def _some(count: int, share: float, rng: np.random.Generator) -> list[int]:
    """``share`` of ``count`` places at random, rounded down, so that something is kept."""
    return [int(i) for i in rng.permutation(count)[: int(share * count)]]


def _shuffled(dialogue: Dialogue, rng: np.random.Generator) -> Dialogue:
    return replace(dialogue, turns=tuple(dialogue.turns[i] for i in rng.permutation(len(dialogue.turns))))


def _resegmented(dialogue: Dialogue, rng: np.random.Generator) -> Dialogue:
    """The same words in turns that begin elsewhere: long turns are cut, short ones run together."""
    turns: list[Turn] = []
    for turn in dialogue.turns:
        spoken = turn.text.split()
        if len(spoken) > 8:
            cut = int(rng.integers(3, len(spoken) - 3))
            turns += [replace(turn, text=" ".join(part)) for part in (spoken[:cut], spoken[cut:])]
        elif turns and rng.random() < 0.5:
            turns[-1] = replace(turns[-1], text=f"{turns[-1].text} {turn.text}")
        else:
            turns.append(turn)
    return replace(dialogue, turns=tuple(turns))


def _each(dialogue: Dialogue, changed: Callable[[str], str]) -> Dialogue:
    """Every turn's text changed; a turn that loses all of it is left as it was."""
    texts = [changed(turn.text) for turn in dialogue.turns]
    turns = (
        replace(turn, text=text) if text.strip() else turn for turn, text in zip(dialogue.turns, texts, strict=True)
    )
    return replace(dialogue, turns=tuple(turns))


def _fewer(text: str, rng: np.random.Generator) -> str:
    """Every third word or so left out; never all of them."""
    kept = [word for word in text.split() if rng.random() >= _LEFT_OUT]
    return " ".join(kept) or text


def _plain(text: str) -> str:
    """Lower case, no punctuation."""
    return " ".join(_PUNCTUATION.sub(" ", text.lower()).split())


def _misspelt(text: str, rng: np.random.Generator) -> str:
    """A tenth of the longer words with two letters swapped, one left out, doubled or mistaken."""
    return "".join(
        _typo(token, rng) if len(token) > 3 and token.isalpha() and rng.random() < _MISSPELT else token
        for token in _TOKEN.findall(text)
    )


def _typo(word: str, rng: np.random.Generator) -> str:
    i = int(rng.integers(1, len(word) - 1))
    letter = string.ascii_lowercase[rng.integers(26)]
    kinds = (
        word[:i] + word[i + 1] + word[i] + word[i + 2 :],
        word[:i] + word[i + 1 :],
        word[:i] + word[i] + word[i:],
        word[:i] + letter + word[i + 1 :],
    )
    return kinds[rng.integers(len(kinds))]


def _synonyms(text: str, rng: np.random.Generator) -> str:
    """Every word that has a synonym in the table is replaced."""
    return "".join(_synonym(token, rng) for token in _TOKEN.findall(text))


def _synonym(said: str, rng: np.random.Generator) -> str:
    known = _disguises().synonyms.get(said.lower())
    if not known:
        return said
    instead = known[rng.integers(len(known))]
    return instead.capitalize() if said[0].isupper() else instead


def _surrogates(dialogue: Dialogue, rng: np.random.Generator) -> Dialogue:
    """Names and numbers replaced, the same by the same throughout: what de-identification leaves behind."""
    shift = int(rng.integers(1, 9))
    names: dict[str, str] = {}
    others = _disguises().surrogates

    def name(match: re.Match[str]) -> str:
        return match[1] + names.setdefault(match[2], others[rng.integers(len(others))])

    def number(match: re.Match[str]) -> str:
        return "".join(str((int(digit) + shift) % 10) for digit in match[0])

    return _each(dialogue, lambda text: _NUMBER.sub(number, _NAME.sub(name, text)))


def dealt(dialogue: Dialogue, sessions: Sequence[tuple[Turn, ...]], rng: np.random.Generator) -> Dialogue:
    """A part of the turns in each of the sessions, in order, at random places; all sessions as one record."""
    turns: list[Turn] = []
    for part, host in zip(np.array_split(np.arange(len(dialogue.turns)), len(sessions)), sessions, strict=True):
        at = int(rng.integers(0, len(host) + 1))
        turns += [*host[:at], *(dialogue.turns[i] for i in part), *host[at:]]
    return replace(dialogue, turns=tuple(turns))


def _told_again(dialogues: Sequence[Dialogue], others: _Others, rng: np.random.Generator) -> tuple[Dialogue, ...]:
    """The event that a record tells, in other words, among short turns of others; of the records that tell one."""
    found = []
    for i, dialogue in enumerate(dialogues):
        text, (host, *_) = reworded(dialogue, rng), others.case(i, rng)
        if text and text.strip("."):
            at = int(rng.integers(0, len(host) + 1))
            found.append(replace(dialogue, turns=(*host[:at], Turn("patient", text), *host[at:])))
    return tuple(found)


def spliced(dialogue: Dialogue, host: tuple[Turn, ...], rng: np.random.Generator, count: int = _SPLICED) -> Dialogue:
    """``count`` consecutive turns among those of a host; a shorter dialogue as a whole."""
    start = int(rng.integers(0, max(1, len(dialogue.turns) - count + 1)))
    at = int(rng.integers(0, len(host) + 1))
    return replace(dialogue, turns=(*host[:at], *dialogue.turns[start : start + count], *host[at:]))
