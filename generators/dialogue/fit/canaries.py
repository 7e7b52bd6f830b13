"""Canaries: random secrets said by patients in the transcripts that a model is trained on (Carlini et al. 2019).

What a model gives away of them measures what it may give away of the patients. ``canaries.json`` in the model folder is
private: it must never be released, and a release that says a canary's secret betrays its training.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from synthgen.errors import UserError
from synthgen.files import write_atomically
from synthgen.generators.dialogue.fit.config import CanaryConfig
from synthgen.payloads.dialogue import DialogueReal, Turn
from synthgen.wordlists import WordLists, Words, word_lists

FILE = "canaries.json"

PREFIXES = {"digits": "The code of my locker is", "words": "The words on my key ring are"}


class CanaryWords(WordLists):
    """``canaries.yaml``."""

    words: Words


@cache
def alphabets() -> Mapping[str, tuple[str, ...]]:
    """What secrets of each space are made of."""
    return {"digits": tuple("0123456789"), "words": word_lists(__package__, "canaries", CanaryWords).words}


@dataclass(frozen=True, slots=True)
class Canary:
    """One planted secret, and how often it was said over all transcripts."""

    secret: str
    repetitions: int


@dataclass(frozen=True)
class Canaries:
    """What was planted, and secrets of the same space that were not.

    Attributes:
        prefix: what is said before a secret.
    """

    prefix: str
    planted: tuple[Canary, ...]
    references: tuple[str, ...]

    def sentence(self, secret: str) -> str:
        return f"{self.prefix} {secret}."


def draw_canaries(config: CanaryConfig, seed: int) -> Canaries:
    """Distinct random secrets: ``config.count`` to plant, ``config.references`` to rank them by."""
    alphabet = alphabets()[config.space]
    rng = np.random.default_rng([seed, 0xCA])
    secrets: dict[str, None] = {}
    while len(secrets) < config.count + config.references:
        secrets[" ".join(alphabet[i] for i in rng.integers(len(alphabet), size=config.length))] = None
    drawn = list(secrets)
    often = config.repetitions
    planted = tuple(Canary(secret, often[i % len(often)]) for i, secret in enumerate(drawn[: config.count]))
    return Canaries(PREFIXES[config.space], planted, tuple(drawn[config.count :]))


def plant_canaries(train: Sequence[DialogueReal], canaries: Canaries, seed: int) -> list[DialogueReal]:
    """Copies of the records in which patients say the canaries, each as the last sentence of an utterance.

    A canary's repetitions go to different utterances, of as many different records as there are; no utterance holds
    two canaries.

    Raises:
        UserError: the patients speak too seldom for so many canaries.
    """
    rng = np.random.default_rng([seed, 0xCB])
    records = list(train)
    free = [[i for i, turn in enumerate(record.payload.turns) if turn.speaker == "patient"] for record in records]
    wanted = sum(canary.repetitions for canary in canaries.planted)
    if wanted > sum(map(len, free)):
        raise UserError(
            f"the canaries are to be said {wanted} times, and the patients of the training split speak "
            f"{sum(map(len, free))} times: plant fewer canaries, or repeat them less"
        )
    turns: list[list[Turn]] = [list(record.payload.turns) for record in records]
    for canary in canaries.planted:
        left = canary.repetitions
        while left:  # one round over the records that still have room, in random order
            for at in rng.permutation([i for i, places in enumerate(free) if places])[:left]:
                place = free[at].pop(int(rng.integers(len(free[at]))))
                said = turns[at][place]
                turns[at][place] = replace(said, text=f"{said.text.rstrip()} {canaries.sentence(canary.secret)}")
                left -= 1
    return [
        replace(record, payload=replace(record.payload, turns=tuple(said)))
        for record, said in zip(records, turns, strict=True)
    ]


def write_canaries(folder: Path, canaries: Canaries) -> None:
    """Writes ``canaries.json``, readable by its owner alone."""
    about = {"private": "never release this file: it says what was planted in the training data", **asdict(canaries)}
    write_atomically(folder / FILE, (json.dumps(about, indent=1) + "\n").encode())


def read_canaries(folder: Path) -> Canaries | None:
    """The canaries of a model folder; None where none were planted.

    Raises:
        UserError: the file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        planted = tuple(Canary(str(c["secret"]), int(c["repetitions"])) for c in values["planted"])
        return Canaries(str(values["prefix"]), planted, tuple(map(str, values["references"])))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged: fit the model again") from error
