"""What the steward is shown: the closest pairs first, by what the gate calibrated, and why each was turned down."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from synthgen.audit import LAST_PASS, closeness, rank_among, reasons_of
from synthgen.privacy_filters.calibration import calibrate
from synthgen.records import Verdict
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


class Word:
    """A rule that rejects what holds a word."""

    def __init__(self, word: str) -> None:
        self.name = self._word = word

    def __call__(self, payloads: Sequence[str]) -> list[Verdict]:
        return [Verdict(self.name, -float(self._word in payload), -0.5, rule=True) for payload in payloads]


def test_reasons_are_the_filters_and_rules_that_reject_and_the_last_pass() -> None:
    calibration = calibrate(("near", "far"), np.exp(np.random.default_rng(0).normal(size=(120, 2))), 0.05)
    below, above = calibration.threshold - 1, calibration.threshold + 1
    rejected = replace(row(4, ("near", below), ("far", above), ("phone", -1.0)), kept=False, close=True)
    rules = (Word("phone"), Word("canary"))
    assert reasons_of(rejected, "a phone", calibration, rules, ()) == ("near", "phone")
    unheard = replace(rejected, verdicts=(("near", above), ("far", None)))
    assert reasons_of(unheard, "quiet", calibration, rules, ()) == ("far",)
    by_rule = replace(rejected, close=False, verdicts=(("near", above), ("far", above)))
    assert reasons_of(by_rule, "canary", calibration, rules, ()) == ("canary",)
    assert reasons_of(row(4), "quiet", calibration, rules, {4}) == (LAST_PASS,)
    assert reasons_of(row(4), "quiet", calibration, rules, {5}) == ()
