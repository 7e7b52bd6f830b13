"""The conditions of slots: cases in a row, each with its sessions in order."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.generators.dialogue.conditions import case_seed, condition_sampler
from synthgen.generators.dialogue.plan.config import PlanConfig, severities


@given(st.integers(0, 2**40), st.integers(1, 12), st.integers(1, 30))
def test_the_sessions_of_a_case_come_in_order(run_seed: int, sessions: int, slots: int) -> None:
    condition = condition_sampler(PlanConfig(sessions=sessions))
    drawn = [condition(slot, run_seed) for slot in range(slots)]
    for number, (case, group) in enumerate(groupby(drawn, key=lambda one: one.case)):
        own = list(group)
        assert case == number
        assert [one.session for one in own] == list(range(1, len(own) + 1))
        assert len(own) == sessions or case == drawn[-1].case
        # One patient: all but the session's number is shared.
        assert len({(one.case_seed, one.setting, one.disorder, one.severity, one.sessions) for one in own}) == 1
        assert own[0].severity in severities(own[0].setting, own[0].disorder)


def test_a_longer_run_has_the_same_cases_first() -> None:
    condition = condition_sampler(PlanConfig())
    assert [condition(slot, 5) for slot in range(8)] == [condition(slot, 5) for slot in range(40)][:8]
    assert condition(0, 5) != condition(0, 6)


@given(st.integers(0, 2**62), st.integers(0, 10_000))
def test_seeds_of_cases_fit_into_63_bits_and_differ(run_seed: int, case: int) -> None:
    assert 0 <= case_seed(run_seed, case) < 2**63
    assert case_seed(run_seed, case) != case_seed(run_seed, case + 1)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_weights_are_followed(seed: int) -> None:
    config = PlanConfig(
        settings={"therapy": 3.0, "visit": 1.0}, therapy={"panic": 1.0, "grief": 0.0}, visit={"cough": 1.0}, sessions=1
    )
    condition = condition_sampler(config)
    drawn = Counter(condition(slot, seed).disorder for slot in range(400))
    assert set(drawn) == {"panic", "cough"}
    assert 0.68 < drawn["panic"] / 400 < 0.82
