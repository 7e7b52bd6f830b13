"""A transcript that is dealt over many sessions is seen when they are judged as one; honest cases are not blocked."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from dialogue_people import people, visit
from hypothesis import given
from hypothesis import strategies as st

from synthgen.last_pass import person_threshold
from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.privacy_filters.dialogue.coverage import Coverage, _lengths, _runs
from synthgen.privacy_filters.dialogue.filters import DialogueFilters
from synthgen.privacy_filters.dialogue.standard import Strangers, Stretches, lowest
from synthgen.privacy_filters.gate import Gate, calibrate_gate
from synthgen.records import Filters

TRAIN = people(40)
DIALOGUES, NAMES = [r.payload for r in TRAIN], [r.patient for r in TRAIN]


@pytest.fixture(scope="module")
def gate() -> Gate[Dialogue]:
    filters: Filters[Dialogue] = DialogueFilters.over(DIALOGUES, NAMES)
    return calibrate_gate(filters, TRAIN, people(120, first=1_000), alpha=0.01, seed=0)


def joined(dialogues: Sequence[Dialogue]) -> Dialogue:
    return Dialogue(tuple(turn for dialogue in dialogues for turn in dialogue.turns))


def dealt(dialogue: Dialogue, sessions: int, first: int) -> Dialogue:
    """Two turns of it in each of so many visits of other people, joined."""
    hosts = [visit(first + i) for i in range(sessions)]
    parts = np.array_split(np.arange(len(dialogue.turns)), sessions)
    return joined(
        [
            replace(host, turns=(*host.turns[:7], *(dialogue.turns[i] for i in part), *host.turns[7:]))
            for host, part in zip(hosts, parts, strict=True)
        ]
    )


def test_a_dealt_transcript_is_caught_as_a_case(gate: Gate[Dialogue]) -> None:
    cases = [dealt(dialogue, 8, 10_000 + 8 * i) for i, dialogue in enumerate(DIALOGUES[:12])]
    threshold = person_threshold(gate, joined, people(60, first=5_000), 8, seed=0)
    assert (gate.calibration.common(gate.scores(cases)) <= threshold).all()


@pytest.mark.parametrize("sessions", [2, 8, 20])
def test_a_case_of_strangers_is_not(gate: Gate[Dialogue], sessions: int) -> None:
    cases = [joined([visit(20_000 + sessions * i + j) for j in range(sessions)]) for i in range(20)]
    threshold = person_threshold(gate, joined, people(60, first=5_000), sessions, seed=0)
    assert (gate.calibration.common(gate.scores(cases)) <= threshold).mean() <= 0.1


def test_coverage_is_of_the_protected_record_and_not_of_the_candidate() -> None:
    part = Coverage.over(DIALOGUES, NAMES)
    alone, among = part.scores([DIALOGUES[5], joined([*(visit(30_000 + i) for i in range(12)), DIALOGUES[5]])])
    assert alone < 0.1
    assert among < 0.3
    half = part.scores([replace(DIALOGUES[5], turns=DIALOGUES[5].turns[:8])])[0]
    assert alone < half < part.scores([visit(31_000)])[0]
    assert among < half


def test_ones_own_record_can_be_left_out_and_others_can_be_enrolled() -> None:
    part = Coverage.over(DIALOGUES, NAMES)
    assert (part.scores(DIALOGUES, NAMES) > 1).all()
    grown = part.enrolled([visit(40_000)], ["new"])
    assert grown.scores([visit(40_000)])[0] < 0.1 < 1 < part.scores([visit(40_000)])[0]
    assert grown.scores([visit(40_000)], ["new"])[0] > 1
    assert (grown.scores(DIALOGUES[:3]) < 0.1).all()


@pytest.mark.parametrize("sessions", [1, 4, 20])
def test_strangers_cover_what_is_expected_of_their_length(sessions: int) -> None:
    """g is about 0 for them: its median over the records within a few per cent."""
    part = Coverage.over(DIALOGUES, NAMES)
    cases = [joined([visit(50_000 + sessions * i + j) for j in range(sessions)]) for i in range(10)]
    beyond = [part._beyond(_runs([case]), _lengths([case])) for case in cases]
    assert np.median(beyond) == pytest.approx(1.0, abs=0.08)


def test_what_says_nothing_has_no_score() -> None:
    assert np.isnan(Coverage.over(DIALOGUES, NAMES).scores([Dialogue((Turn("patient", "Um."),))])).all()


@given(st.lists(st.floats(1e-3, 1e3), min_size=30, max_size=60), st.lists(st.floats(1e-6, 1e6), max_size=20))
def test_shares_of_strangers_keep_the_order(known: list[float], scores: list[float]) -> None:
    shares = Strangers.among(np.array(known))(np.sort(np.array(scores)))
    assert (np.diff(shares) >= -1e-12).all()
    assert (shares > 0).all()


def test_shares_of_strangers_are_shares() -> None:
    known = np.random.default_rng(0).lognormal(size=400)
    strangers = Strangers.among(known)
    fresh = strangers(np.random.default_rng(1).lognormal(size=4_000))
    for level in (0.01, 0.05, 0.3, 0.7):
        assert np.mean(fresh <= level) == pytest.approx(level, abs=0.06)
    assert strangers(np.array([0.0, np.nan])).tolist()[0] == 0.0
    assert np.isnan(strangers(np.array([np.nan]))).all()
    few = Strangers.among(known[:5])
    assert few(known[:5]) == pytest.approx(known[:5])


def test_a_long_candidate_is_cut_without_losing_a_turn() -> None:
    cut = Stretches.of(DIALOGUES)
    assert cut(DIALOGUES[0]) == [DIALOGUES[0]]
    case = joined([visit(i) for i in range(9)])
    parts = cut(case)
    assert len(parts) > 6
    assert [turn for turn in case.turns if not any(turn in part.turns for part in parts)] == []
    assert parts[-1].turns[-1] == case.turns[-1]


def test_the_lowest_stretch_counts_times_their_number() -> None:
    found = lowest(np.array([[0.5, np.nan], [0.2, 0.3], [0.1, np.nan]]), [2, 1])
    assert found[0] == pytest.approx([0.4, 0.6])
    assert found[1, 0] == pytest.approx(0.1)
    assert np.isnan(found[1, 1])
