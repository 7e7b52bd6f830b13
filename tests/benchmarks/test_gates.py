"""The gates' benchmark: filters of others see copies, thresholds block what they say, and alarms tell leaks apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.gates import images, transcripts
from benchmarks.gates.releases import ALARMS, Pool, alarms
from benchmarks.gates.results import gates
from benchmarks.gates.rules import Rule, at_one_in_a_hundred
from synthgen.payloads.cxr import CxrCondition
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, Turn
from synthgen.records import Cohort, Real

RNG = np.random.default_rng(0)
PICTURES = [np.kron(RNG.integers(0, 256, (16, 16)), np.ones((4, 4))).astype(np.uint8) for _ in range(24)]
TALKS = [
    Dialogue(tuple(Turn("patient", " ".join(f"word{RNG.integers(400)}" for _ in range(30))) for _ in range(3)))
    for _ in range(24)
]


def cohort(payloads: list[object], condition: object) -> Cohort[object, object]:
    records = tuple(Real(f"p{i}", f"r{i}", condition, payload) for i, payload in enumerate(payloads))
    return Cohort(records[:8], records[8:12], records[12:16], "at random", "")


@pytest.mark.parametrize("rule", images.RULES, ids=lambda rule: rule.name)
def test_filters_of_others_tell_an_exact_copy_of_an_image(rule: Rule[object]) -> None:
    fitted = rule.fit(cohort(PICTURES, CxrCondition()), 0)
    copies, people = fitted.scores([PICTURES[0].copy(), PICTURES[9].copy()]), fitted.scores(PICTURES[16:])
    assert (copies < people.min()).all()
    if fitted.rejects_at is not None:
        assert (copies <= fitted.rejects_at).all()


@pytest.mark.parametrize("rule", transcripts.RULES, ids=lambda rule: rule.name)
def test_filters_of_others_tell_an_exact_copy_of_a_transcript(rule: Rule[object]) -> None:
    fitted = rule.fit(cohort(TALKS, DialogueCondition()), 0)
    copies, people = fitted.scores([TALKS[0], TALKS[9]]), fitted.scores(TALKS[16:])
    assert (copies < people.min()).all()
    if fitted.rejects_at is not None:
        assert (copies <= fitted.rejects_at).all()


@given(st.lists(st.floats(0, 1) | st.just(float("nan")), min_size=1, max_size=400))
def test_no_more_than_one_in_a_hundred_people_lies_below_the_common_threshold(scores: list[float]) -> None:
    people = np.array(scores)
    below = ~(people >= at_one_in_a_hundred(people))
    unjudged = int(np.isnan(people).sum())
    assert below.sum() <= max(len(people) // 100, unjudged)


def test_alarms_tell_a_release_of_copies_from_one_of_people() -> None:
    rng = np.random.default_rng(1)
    train, strangers, people = rng.normal(size=(40, 8)), rng.normal(size=(40, 8)), rng.normal(size=(150, 8))
    samples = np.concatenate([people, train])

    def between(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.linalg.norm(one[:, None] - other[None], axis=2)

    copied = np.arange(len(samples)) >= len(people)
    pool = Pool(
        close=copied,
        limit=lambda size: 3,
        identical=copied,
        to_train=between(train, samples),
        to_strangers=between(strangers, samples),
        among=between(strangers, train).min(axis=1),
    )
    places = np.flatnonzero(~copied), np.flatnonzero(copied)
    leaking = alarms(pool, *places, size=100, share=1.0, draws=20, seed=0)
    honest = alarms(pool, *places, size=100, share=0.0, draws=20, seed=0)
    assert leaking == dict.fromkeys(ALARMS, 20)
    assert honest["our test of first attempts"] == honest["identical records"] == 0


def test_the_table_names_the_kinds_on_which_another_gate_is_ahead() -> None:
    kinds = {"": 200, "verbatim": 10, "negative": 10}

    def of(own: int, negatives: int) -> dict[str, object]:
        rejected = {"": own, "verbatim": 10, "negative": negatives}
        return {"n": kinds, "own": rejected, "equal": rejected}

    raised = {share: {"an alarm": count} for share, count in (("0.0", 0), ("1.0", 20))}
    line = {
        "modality": "cxr",
        "samples": {"ours": of(2, 4), "theirs": of(2, 7)},
        "releases": {"draws": 20, "kinds": {"verbatim": raised, "negative": raised}},
    }
    page = gates([line])
    assert "*negative*: 4 of 10, 7 by theirs" in page
    assert "*verbatim*" not in page
    assert "| an alarm | 0.0 | 100.0 |" in page
