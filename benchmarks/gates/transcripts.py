"""Filters for texts that others use. Words are what white space parts, in small letters, as deduplication has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from datasketch import MinHash
from numpy.typing import NDArray

from benchmarks.gates.rules import Fitted, Rule, Scores, nearest, protected
from synthgen.payloads.dialogue import Dialogue
from synthgen.pretrained import PACKAGED
from synthgen.pretrained.sentence import sentence_encoder
from synthgen.records import Cohort

_SHINGLE = 5

encode = sentence_encoder(PACKAGED)


def embed(dialogues: Sequence[Dialogue]) -> NDArray[np.float32]:
    """Unit vectors, shape [N, D]: the mean of the utterances' in a sentence encoder."""
    means = np.stack([encode([turn.text for turn in one.turns]).mean(axis=0) for one in dialogues])
    return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), dtype=np.float32)


def _words(dialogue: Dialogue) -> list[str]:
    return " ".join(turn.text for turn in dialogue.turns).lower().split()


def _runs(dialogue: Dialogue, size: int) -> set[str]:
    words = _words(dialogue)
    return {" ".join(words[i : i + size]) for i in range(max(1, len(words) - size + 1))}


def _exact(cohort: Cohort[Dialogue, Any], seed: int) -> Fitted[Dialogue]:
    known = {" ".join(_words(one)) for one in protected(cohort)}
    return Fitted(lambda samples: np.array([0.0 if " ".join(_words(s)) in known else 1.0 for s in samples]), 0.0)


def _shared_run(size: int) -> Rule[Dialogue]:
    """How large a share of the sample's runs stands in no protected record; one that is shared is enough by custom."""

    def fit(cohort: Cohort[Dialogue, Any], seed: int) -> Fitted[Dialogue]:
        known = set().union(*(_runs(one, size) for one in protected(cohort)))

        def scores(samples: Sequence[Dialogue]) -> Scores:
            own = [_runs(sample, size) for sample in samples]
            return np.array([1.0 - len(runs & known) / len(runs) for runs in own])

        return Fitted(scores, 1.0 - 1e-9)

    whose = {13: "Brown et al. 2020", 50: "Lee et al. 2022"}[size]
    return Rule(f"a run of {size} words shared ({whose})", fit)


def _minhash(cohort: Cohort[Dialogue, Any], seed: int) -> Fitted[Dialogue]:
    def sketch(dialogue: Dialogue) -> MinHash:
        made = MinHash(num_perm=128)
        made.update_batch([run.encode() for run in sorted(_runs(dialogue, _SHINGLE))])
        return made

    known = [sketch(one) for one in protected(cohort)]

    def scores(samples: Sequence[Dialogue]) -> Scores:
        return np.array([1.0 - max(own.jaccard(one) for one in known) for own in map(sketch, samples)])

    return Fitted(scores, 0.2)


def _meaning(cohort: Cohort[Dialogue, Any], seed: int) -> Fitted[Dialogue]:
    return Fitted(nearest(embed, protected(cohort)), None)


RULES: tuple[Rule[Dialogue], ...] = (
    Rule("identical words", _exact),
    _shared_run(13),
    _shared_run(50),
    Rule("MinHash, Jaccard of 0.8 in runs of 5 words (datasketch)", _minhash),
    Rule("nearest record in a sentence encoder (DCR)", _meaning),
)
