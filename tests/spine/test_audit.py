"""The private audit page: the closest pairs first, by what the gate calibrated, and not by a rule."""

import pytest

from synthgen.audit import closeness, rank_among
from synthgen.shards import Row

NAMES = {"near", "far"}


def row(slot: int, *verdicts: tuple[str, float | None]) -> Row:
    return Row(slot=slot, attempt=0, seed=0, condition={}, kept=True, close=False, verdicts=verdicts, payload=b"")


def test_rules_order_nothing() -> None:
    """A rule's score is 0 or 1, which beside log shares would put every sample of a rule first or last."""
    rows = [
        row(0, ("near", -0.4), ("far", -0.1), ("identifier", -9.0)),
        row(1, ("near", -2.5), ("far", None), ("identifier", 1.0)),
        row(2, ("near", None), ("far", -3.1)),
        row(3, ("near", None), ("far", None), ("identifier", 0.0)),
    ]
    assert [one.slot for one in sorted(rows, key=lambda one: closeness(one, NAMES))] == [2, 1, 0, 3]
    assert closeness(rows[3], NAMES) == float("inf")


@pytest.mark.parametrize(("score", "closer"), [(-6.0, 0), (-5.0, 1), (-1.5, 2), (0.0, 4), (float("inf"), 4)])
def test_a_rank_is_how_many_strangers_come_as_close(score: float, closer: int) -> None:
    assert rank_among([-5.0, -2.0, -1.0, -0.1], score) == closer
