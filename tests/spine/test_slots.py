"""Lanes: fixed rows, conditions that stay, seeds that depend on nothing else, budgets that end."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.records import Request, Synthetic, Verdict
from synthgen.seeds import attempt_seed, condition_seed
from synthgen.slots import Attempt, Shard, fill, shards


@dataclass(frozen=True)
class Word:
    stratum: str

    def as_dict(self) -> dict[str, object]:
        return {"word": self.stratum}


class Recorder:
    """A generator whose sample is its seed, and that remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[Request[Word]]] = []

    def __call__(self, requests: Sequence[Request[Word]]) -> list[Synthetic[int, Word]]:
        self.batches.append(list(requests))
        return [Synthetic(r.seed, r.condition, r.seed) for r in requests]


def judge(payloads: Sequence[int]) -> list[tuple[Verdict, ...]]:
    """Keeps about two in three."""
    return [(Verdict("odd", float(p % 3), 0.5),) for p in payloads]


def run(samples: int, rows: int, depth: int, attempts: int = 50, seed: int = 7) -> dict[int, list[Attempt[int, Word]]]:
    found: dict[int, list[Attempt[int, Word]]] = {}
    for shard in shards(samples, rows, depth):
        filled = fill(shard, Recorder(), judge, lambda s: Word(f"w{s}"), run_seed=seed, attempts=attempts, close=99)
        for attempt in filled:
            found.setdefault(attempt.slot, []).append(attempt)
    return found


@given(samples=st.integers(1, 60), rows=st.integers(1, 9), depth=st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_what_a_slot_yields_does_not_depend_on_batches_or_shards(samples: int, rows: int, depth: int) -> None:
    assert run(samples, rows, depth) == run(samples, 64, 1)


def test_every_slot_is_tried_in_order_until_it_is_kept() -> None:
    for slot, attempts in run(40, 4, 3).items():
        assert [a.number for a in attempts] == list(range(len(attempts)))
        assert [a.kept for a in attempts] == [False] * (len(attempts) - 1) + [True]
        assert {a.sample.condition.stratum for a in attempts} == {f"w{slot}"}
        assert [a.sample.seed for a in attempts] == [attempt_seed(7, slot, a.number) for a in attempts]


def test_a_slot_keeps_its_row_and_batches_keep_their_shape() -> None:
    recorder = Recorder()
    shard = Shard(0, 10, 11, 4)
    place = {attempt_seed(7, s, a): (s - 10) % 4 for s in shard.slots for a in range(50)}
    list(fill(shard, recorder, judge, lambda s: Word(str(s)), run_seed=7, attempts=50, close=99))
    assert {len(batch) for batch in recorder.batches} == {4}
    for batch in recorder.batches:
        for row, request in enumerate(batch):
            assert place.get(request.seed, row) == row


def test_the_budget_ends_and_the_offender_is_not_returned() -> None:
    def never(payloads: Sequence[int]) -> list[tuple[Verdict, ...]]:
        return [(Verdict("no", 0.0, 1.0),) for _ in payloads]

    def count(attempts: int, close: int, probe: bool = False, rule: bool = False) -> int:
        def by(payloads: Sequence[int]) -> list[tuple[Verdict, ...]]:
            return [(replace(v, rule=rule),) for (v,) in never(payloads)]

        shard = Shard(0, 0, 3, 2, probe)
        made = list(fill(shard, Recorder(), by, lambda s: Word(""), run_seed=0, attempts=attempts, close=close))
        assert not any(a.kept for a in made)
        return len(made)

    assert count(attempts=5, close=9) == 15
    assert count(attempts=5, close=3) == 9
    assert count(attempts=5, close=3, rule=True) == 15
    assert count(attempts=5, close=3, probe=True) == 3


def test_probes_come_after_the_release_and_number_on() -> None:
    plan = shards(10, 4, 1, probes=6)
    assert [(s.number, s.first, s.count, s.probe) for s in plan] == [
        (0, 0, 4, False),
        (1, 4, 4, False),
        (2, 8, 2, False),
        (3, 10, 4, True),
        (4, 14, 2, True),
    ]
    assert plan[:3] == shards(10, 4, 1)


def test_no_verdict_or_nan_keeps_nothing() -> None:
    sample = Synthetic(1, Word(""), 1)
    assert not Attempt(0, 0, sample, ()).kept
    assert not Attempt(0, 0, sample, (Verdict("f", float("nan"), 0.0),)).kept
    assert Attempt(0, 0, sample, (Verdict("f", 0.1, 0.0),)).kept


@given(st.integers(0, 2**62), st.integers(0, 10**6), st.integers(0, 100))
def test_seeds_are_distinct_streams(run_seed: int, slot: int, attempt: int) -> None:
    seed = attempt_seed(run_seed, slot, attempt)
    assert 0 <= seed < 2**63
    assert seed != attempt_seed(run_seed, slot, attempt + 1) != condition_seed(run_seed, slot)
    assert seed != attempt_seed(run_seed + 1, slot, attempt)
