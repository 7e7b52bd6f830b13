from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from synthgen.estimates import NotMeasurableError
from synthgen.eval.dialogue.membership import ATTACKS, TokenLogProbabilities, model_membership, score_patients
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, DialogueReal, Turn
from synthgen.records import Real

_WORDS = ("rain", "bread", "river", "stone", "candle", "letter", "window", "table", "garden", "winter")


def people(prefix: str, count: int, seed: int, sessions: int = 2) -> list[DialogueReal]:
    rng = np.random.default_rng(seed)
    records = []
    for p in range(count):
        for s in range(sessions if p % 3 else sessions + 2):
            said = " ".join(rng.choice(_WORDS, 30))
            payload = Dialogue((Turn("clinician", "And how was that?"), Turn("patient", said)))
            records.append(Real(f"{prefix}{p}", f"{prefix}{p}-{s}", DialogueCondition(), payload))
    return records


def bigram_model(known: Sequence[DialogueReal], weight: float) -> TokenLogProbabilities:
    """A real, if small, language model: bigrams of ``known`` by ``weight``, over an even base; base the even one."""
    counts: dict[tuple[str, str], int] = {}
    for record in known:
        tokens = record.payload.text.split()
        for pair in pairwise(tokens):
            counts[pair] = counts.get(pair, 0) + 1
    total: dict[str, int] = {}
    for (first, _), n in counts.items():
        total[first] = total.get(first, 0) + n
    even = 1 / (len(_WORDS) + 4)

    def score(records: Sequence[DialogueReal]) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        found = []
        for record in records:
            tokens = record.payload.text.split()
            p = [
                (1 - weight) * even + weight * counts.get((a, b), 0) / max(1, total.get(a, 1))
                for a, b in pairwise(tokens)
            ]
            found.append((np.log(p), np.full(len(p), np.log(even))))
        return found

    return score


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_model_that_learnt_by_heart_is_found_out_and_one_that_learnt_nothing_is_not(seed: int) -> None:
    members, others = people("t", 12, seed), people("e", 12, seed + 100)
    told = {e.metric: e for e in model_membership(members, others, bigram_model(members, 0.95), seed=seed)}
    assert list(told) == [f"model_membership_{a}_{kind}" for a in ATTACKS for kind in ("auc", "tpr_at_fpr_0.01")]
    for attack in ATTACKS:
        assert told[f"model_membership_{attack}_auc"].ci95[0] > 0.6, attack
        assert told[f"model_membership_{attack}_auc"].n == 24
    public = people("p", 30, seed + 200)
    for estimate in model_membership(members, others, bigram_model(public, 0.95), seed=seed):
        if estimate.metric.endswith("_auc"):
            assert estimate.ci95[0] < 0.5 + 0.1 and estimate.ci95[1] > 0.4, estimate


def test_the_scores_are_those_of_the_papers() -> None:
    record = people("t", 1, 0)[0]
    model, base = np.array([-1.0, -3.0, -0.5, -2.0, -0.5]), np.full(5, -2.0)
    found = score_patients([record], lambda records: [(model, base)])
    packed = len(zlib.compress(record.payload.text.encode(), 9))
    assert found.patients == ("t0",)
    assert found.values[0] == pytest.approx([-1.4, 0.6, -7.0 / packed, -3.0])


def test_a_patient_with_many_sessions_counts_once() -> None:
    records = people("t", 3, 0)

    def score(some: Sequence[DialogueReal]) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        return [(np.array([-float(i)]), np.zeros(1)) for i in range(len(some))]

    found = score_patients(records, score)
    owners = [r.patient for r in records]
    want = [np.mean([-i for i, owner in enumerate(owners) if owner == p]) for p in found.patients]
    assert found.values[:, 0] == pytest.approx(want) and len(found.patients) == 3


def test_what_cannot_be_measured_is_said() -> None:
    few, others = people("t", 1, 0), people("e", 4, 1)
    with pytest.raises(NotMeasurableError):
        model_membership(few, others, bigram_model(few, 0.5))
    with pytest.raises(ValueError, match="finite"):
        score_patients(few[:1], lambda records: [(np.array([np.nan]), np.zeros(1))])
    unread = score_patients(few, lambda records: [(np.zeros(0), np.zeros(0))] * len(records))
    assert unread.patients == ()
