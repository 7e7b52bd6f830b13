"""Planned cases: scores, courses, sessions and what is told when, over many seeds and all conditions."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from synthgen.generators.dialogue.conduct.validate import withheld_fact_told
from synthgen.generators.dialogue.plan.arc import plan_case
from synthgen.generators.dialogue.plan.compose import content
from synthgen.generators.dialogue.plan.config import THERAPY, VISIT, WITH_GAD7, PlanConfig, severities
from synthgen.generators.dialogue.plan.scores import BANDS, FASTEST, band, item9, items, total_label, total_within
from synthgen.generators.dialogue.plan.therapy import measures
from synthgen.generators.dialogue.plan.types import SCALES, CaseArc, Instrument, Scores, SessionPlan, highest
from synthgen.payloads.dialogue import Setting, Severity

CONFIG = PlanConfig()
CASES: list[tuple[Setting, str, Severity]] = [
    (setting, disorder, severity)
    for setting, disorders in (("therapy", THERAPY), ("visit", VISIT))
    for disorder in disorders
    for severity in severities(setting, disorder)
]


def dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 (not for cryptography)


def plan(seed: int, case: tuple[Setting, str, Severity], sessions: int = 4, config: PlanConfig = CONFIG) -> CaseArc:
    setting, disorder, severity = case
    return plan_case(seed, setting=setting, disorder=disorder, severity=severity, sessions=sessions, config=config)


def leading(session: SessionPlan, disorder: str) -> Scores:
    instrument = "GAD-7" if disorder in WITH_GAD7 else "PHQ-9"
    return next(scores for scores in session.scores if scores.instrument == instrument)


# Scores --------------------------------------------------------------------------------------------------------------


@given(st.sampled_from(["PHQ-9", "GAD-7"]), st.integers(0, 27), st.integers(0, 2**32))
def test_items_add_up_to_their_total_and_stay_in_the_band(instrument: Instrument, total: int, seed: int) -> None:
    total = min(total, BANDS[instrument][-1][2])
    scores = items(instrument, total, dice(seed), {0: 1.5})
    assert scores.total == total
    assert len(scores.items) == (9 if instrument == "PHQ-9" else 7)
    assert all(0 <= item <= 3 for item in scores.items)
    name, low, high = next(row for row in BANDS[instrument] if row[0] == band(instrument, scores.total))
    assert low <= total <= high, name


def test_item_9_may_be_positive_in_any_band_and_is_more_often_so_in_the_upper_ones() -> None:
    shares = [
        sum(item9(dice(seed), severity, None, ever=False) > 0 for seed in range(2_000)) / 2_000
        for severity, _, _ in BANDS["PHQ-9"]
    ]
    assert shares == sorted(shares) and shares[0] > 0.005 and shares[-1] > 0.3


def test_item_9_remembers() -> None:
    again = [item9(dice(seed), "mild", 1, ever=True) > 0 for seed in range(1_000)]
    back = [item9(dice(seed), "mild", 0, ever=True) > 0 for seed in range(1_000)]
    fresh = [item9(dice(seed), "mild", 0, ever=False) > 0 for seed in range(1_000)]
    assert sum(again) > 400 > 4 * sum(fresh) and sum(back) > 2 * sum(fresh)


@given(st.sampled_from(sorted(SCALES)), st.data())
def test_answers_move_with_the_total_and_keep_to_the_scale(instrument: Instrument, data: st.DataObject) -> None:
    first, second = (data.draw(st.integers(0, highest(instrument))) for _ in range(2))
    before = items(instrument, first, dice(0))
    after = items(instrument, second, dice(1), before=before, death=before.items[8] if len(before.items) > 8 else 0)
    assert (before.total, after.total) == (first, second)


def test_totals_and_items_beyond_their_scale_are_refused() -> None:
    for instrument in SCALES:
        with pytest.raises(ValueError, match=f"no total of {highest(instrument) + 1}"):
            items(instrument, highest(instrument) + 1, dice(0))
    with pytest.raises(ValueError, match="10 items"):
        Scores("Y-BOCS", (1,) * 9)
    with pytest.raises(ValueError, match="0 to 3"):
        Scores("GAD-7", (4, 0, 0, 0, 0, 0, 0))


@pytest.mark.parametrize("instrument", ["PHQ-9", "GAD-7"])
def test_the_bands_leave_no_gap(instrument: Instrument) -> None:
    assert all(after[1] == before[2] + 1 for before, after in pairwise(BANDS[instrument]))
    for severity, low, high in BANDS[instrument]:
        totals = {total_within(instrument, severity, dice(seed)) for seed in range(200)}
        assert low <= min(totals) and max(totals) <= high
    with pytest.raises(ValueError, match="no total of 28"):
        band(instrument, 28)


def test_the_gad7_has_no_moderately_severe_band() -> None:
    with pytest.raises(ValueError, match="no band"):
        total_within("GAD-7", "moderately severe", dice(0))


# Cases ---------------------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**63 - 1), st.sampled_from(CASES), st.integers(1, 12))
def test_every_condition_is_planned_and_holds_together(
    seed: int, case: tuple[Setting, str, Severity], sessions: int
) -> None:
    setting, disorder, severity = case
    arc = plan(seed, case, sessions)
    assert arc == plan(seed, case, sessions)
    assert [session.number for session in arc.sessions] == list(range(1, sessions + 1))
    assert all(before.week < after.week for before, after in pairwise(arc.sessions))
    facts = {fact.key: fact for fact in arc.patient.facts}
    assert len(facts) == len(arc.patient.facts)
    told = [key for session in arc.sessions for stage in session.stages for key in stage.disclosures]
    assert sorted(told) == sorted(facts)  # each once, and nothing is planned that never comes
    for session in arc.sessions:
        low, high = session.turns
        assert low == high and low % 2 == 1  # the clinician opens and has the last word
        assert CONFIG.utterances[0] <= low <= CONFIG.utterances[1]
        for stage in session.stages:
            assert stage.turns[0] >= 2
            assert len(stage.disclosures) <= stage.turns[0] // 2
            assert all(facts[key].session == session.number for key in stage.disclosures)
        labels = dict(session.labels)
        assert tuple(sorted(labels.items())) == session.labels
        assert (labels["severity"], labels["disorder"]) == (session.severity, disorder)
    assert arc.sessions[0].severity == severity
    if setting == "therapy":
        check_therapy(arc, disorder)
    else:
        check_visits(arc)


def check_therapy(arc: CaseArc, disorder: str) -> None:
    positive = False
    named = {scores.instrument for session in arc.sessions for scores in session.scores}
    assert named == set(measures(content(disorder)))
    for session in arc.sessions:
        scores = leading(session, disorder)
        assert band(scores.instrument, scores.total) == session.severity
        labels = dict(session.labels)
        for instrument in session.scores:
            assert labels[total_label(instrument.instrument)] == instrument.total == sum(instrument.items)
        phq9 = next(one for one in session.scores if one.instrument == "PHQ-9")
        names = [stage.name for stage in session.stages]
        asked = positive or phq9.items[8] > 0
        assert labels["risk_check"] == asked and labels["item9"] == phq9.items[8]
        assert ("risk check" in names) == (asked and not positive)
        assert ("risk follow-up" in names) == positive  # in every session after the first
        positive = asked
        assert (session.situation is not None) and session.situation.thought
        for part in ("rupture", "repair"):
            assert (part in names) == (part in session.alliance)
    for before, after in pairwise(arc.sessions):
        totals = {scores.instrument: scores.total for scores in before.scores}
        for scores in after.scores:
            fallen = totals.get(scores.instrument, scores.total) - scores.total
            assert fallen <= FASTEST[scores.instrument] * (after.week - before.week) < 20
        assert before.set is not None and after.reviewed is not None
        assert after.reviewed.task == before.set.task
        assert bool(after.reviewed.obstacle) == (after.reviewed.done != "done")
        assert (before.alliance == "rupture") <= (after.alliance == "repair")
    assert arc.sessions[0].reviewed is None
    if len(arc.sessions) >= 4:
        assert arc.sessions[-1].technique == "relapse prevention"
        assert arc.sessions[-1].alliance != "rupture"  # nothing is left open


def check_visits(arc: CaseArc) -> None:
    for before, after in pairwise(dict(session.labels) for session in arc.sessions):
        change = int(str(after["rating"])) - int(str(before["rating"]))
        assert after["trend"] == ("better" if change < 0 else "worse" if change > 0 else "same")
    for session in arc.sessions:
        for stage in session.stages:
            if stage.name in {"examination", "assessment", "plan"}:
                points = stage.goal.partition(": ")[2].split("; ")
                assert all(points) and len(points) <= stage.turns[0] // 2
                assert stage.name != "examination" or all(" - " in point for point in points)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**63 - 1), st.sampled_from(CASES))
def test_to_tell_one_fact_does_not_tell_another(seed: int, case: tuple[Setting, str, Severity]) -> None:
    from synthgen.generators.dialogue.conduct.session import Brief, begin

    arc = plan(seed, case)
    first = begin(Brief(arc, 1, seed))
    due = {fact.key for fact in arc.patient.facts if fact.session == 1}
    for fact in arc.patient.facts:
        if fact.session != 1:
            continue
        # The patient's turn, with all that is of later sessions withheld.
        later = [other for other in arc.patient.facts if other.key not in due]
        session = first.with_turn("Hello.", ())
        reason = withheld_fact_told(fact.statement, session)
        assert reason is None or reason.partition(": ")[2] not in {other.key for other in later}


@pytest.mark.parametrize("disorder", THERAPY)
@pytest.mark.parametrize("sessions", [4, 12])
def test_arcs_of_four_to_twelve_sessions(disorder: str, sessions: int) -> None:
    arc = plan(11, ("therapy", disorder, "moderate"), sessions)
    assert len(arc.sessions) == sessions
    assert arc.sessions[0].technique == "self-monitoring"
    # A technique may go on for a second session.
    assert len({session.technique for session in arc.sessions}) >= (3 if sessions == 4 else 6)


def totals(response: str, seed: int, sessions: int = 8) -> list[int]:
    config = PlanConfig(response={response: 1.0}, setback=0.0)
    arc = plan(seed, ("therapy", "depression", "moderately severe"), sessions, config)
    return [leading(session, "depression").total for session in arc.sessions]


def test_severity_falls_where_treatment_is_answered_to() -> None:
    falls = {
        response: mean(totals(response, seed)[-1] / totals(response, seed)[0] for seed in range(20))
        for response in ("responds", "responds partly", "does not respond")
    }
    assert falls["responds"] < 0.55 < falls["responds partly"] < 0.85 < falls["does not respond"]


def test_setbacks_raise_the_course() -> None:
    def highest(setback: float) -> float:
        config = PlanConfig(response={"responds": 1.0}, setback=setback)
        arcs = (plan(seed, ("therapy", "grief", "moderate"), 8, config) for seed in range(20))
        return mean(sum(leading(session, "grief").total for session in arc.sessions[2:]) for arc in arcs)

    assert highest(1.0) > 1.2 * highest(0.0)


def test_weights_are_followed() -> None:
    config = PlanConfig(
        styles={"terse": 1.0},
        attitudes={"sceptical": 1.0},
        rupture=0.0,
        homework={"not done": 1.0},
        utterances=(70, 75),
    )
    for seed in range(10):
        arc = plan(seed, ("therapy", "panic", "severe"), 6, config)
        assert (arc.patient.style, arc.patient.attitude) == ("terse", "sceptical")
        assert {session.alliance for session in arc.sessions} == {""}
        assert {session.reviewed.done for session in arc.sessions if session.reviewed} == {"not done"}
        assert all(70 <= session.turns[0] <= 75 for session in arc.sessions)


def test_patients_differ() -> None:
    arcs = [plan(seed, ("therapy", "depression", "moderate")) for seed in range(40)]
    assert len({arc.patient for arc in arcs}) == 40
    assert len({arc.patient.occupation for arc in arcs}) > 15
    assert len({arc.patient.problem for arc in arcs}) > 5
    assert max(Counter(arc.patient.age_band for arc in arcs).values()) < 20


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**63 - 1), st.sampled_from(CASES))
def test_a_life_fits_together(seed: int, case: tuple[Setting, str, Severity]) -> None:
    patient = plan(seed, case, 1).patient
    life = " ".join(patient.situation_in_life)
    assert 18 <= patient.age <= 84
    assert patient.age_band == (
        "80+" if patient.age >= 80 else f"{patient.age // 10 * 10}-{patient.age // 10 * 10 + 9}"
    )
    if "husband" in life:
        assert patient.sex == "female"
    if "wife" in life:
        assert patient.sex == "male"
    if "retired" in patient.occupation:
        assert patient.age >= 62
    if "student" in patient.occupation:
        assert patient.age < 35
    assert ("lives with a" in life) != ("confides in" in life)


@pytest.mark.parametrize(
    ("setting", "disorder", "severity", "sessions", "message"),
    [
        ("therapy", "cough", "mild", 4, "cannot be planned"),
        ("visit", "depression", "mild", 4, "cannot be planned"),
        ("", "depression", "mild", 4, "cannot be planned"),
        ("therapy", "panic", "moderately severe", 4, "no severity"),
        ("therapy", "panic", "minimal", 4, "no severity"),
        ("therapy", "panic", "mild", 13, "1 to 12"),
        ("therapy", "panic", "mild", 0, "1 to 12"),
    ],
)
def test_what_cannot_be_planned(
    setting: Setting, disorder: str, severity: Severity, sessions: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        plan(0, (setting, disorder, severity), sessions)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"settings": {"therapy": 0.0, "visit": 0.0}}, "not all 0"),
        ({"styles": {"plain": -1.0}}, "at least 0"),
        ({"therapy": {"flu": 1.0}}, "'flu' is none of"),
        ({"response": {"recovers": 1.0}}, "none of"),
        ({"severity": {"minimal": 1.0}}, "bands at intake"),
        ({"severity": {"moderately severe": 1.0}}, "knows none of the bands"),
        ({"utterances": (80, 70)}, "two different numbers"),
        ({"utterances": (4, 9)}, "two different numbers"),
        ({"sessions": 13}, "less than or equal to 12"),
    ],
)
def test_what_cannot_be_configured(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PlanConfig.model_validate(values)
