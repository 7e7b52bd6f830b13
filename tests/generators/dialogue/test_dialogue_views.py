"""Hidden fields never cross: everything that either side sees is walked, in views and in rendered prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from itertools import pairwise

import pytest
from hand_arc import Puppet, hand_arc

from synthgen.generators.dialogue.conduct.lockstep import conduct_sessions
from synthgen.generators.dialogue.conduct.prompts import render
from synthgen.generators.dialogue.conduct.session import Brief, begin
from synthgen.generators.dialogue.conduct.views import summaries, view
from synthgen.generators.dialogue.config import ConductConfig
from synthgen.generators.dialogue.plan.arc import plan_case
from synthgen.generators.dialogue.plan.config import PlanConfig
from synthgen.generators.dialogue.plan.types import CaseArc, SessionPlan
from synthgen.generators.dialogue.realisers.protocol import Prompt
from synthgen.generators.dialogue.views import ClinicianView, PatientView
from synthgen.payloads.dialogue import Dialogue, Setting, Turn


def strings(value: object) -> Iterator[str]:
    """Every string anywhere in a value."""
    if isinstance(value, str):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from strings(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from strings((key, item))
    elif isinstance(value, (tuple, list, set)):
        for item in value:
            yield from strings(item)


def seen_by(requests: list[Prompt], side: type) -> list[Prompt]:
    return [request for request in requests if isinstance(request.view, side)]


def session(arc: CaseArc, number: int, seed: int = 3) -> list[Prompt]:
    puppet = Puppet()
    (result,) = conduct_sessions([Brief(arc, number, seed)], puppet, ConductConfig())
    assert isinstance(result, Dialogue)
    return puppet.seen


def without_transcript(request: Prompt) -> str:
    """All that a side is told beside what both have heard: the view and the prompt."""
    view = replace(request.view, transcript=())  # type: ignore[type-var]
    said = {turn.text for turn in request.view.transcript}  # type: ignore[union-attr]
    prompt = [message.content for message in request.messages if message.content not in said]
    return "\n".join([*strings(view), *prompt])


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_the_clinician_sees_nothing_hidden(seed: int) -> None:
    arc = hand_arc(3)
    patient = arc.patient
    diagram = patient.conceptualisation
    assert diagram is not None
    secret = {
        *(fact.key for fact in patient.facts),
        *(fact.statement for fact in patient.facts),
        *strings(diagram),
        *patient.situation_in_life,
        *patient.history,
        patient.problem,
        patient.occupation,
        "the rain drummed on",
        "partly",
    } - {""}
    for number in (1, 2, 3):
        requests = seen_by(session(arc, number, seed), ClinicianView)
        assert len(requests) >= 5
        told: set[str] = set()
        for request in requests:
            view = request.view
            assert isinstance(view, ClinicianView)
            text = without_transcript(request)
            for hidden in secret:
                assert hidden not in text, hidden
            told |= {
                fact.key for fact in patient.facts for turn in view.transcript if any(c in turn.text for c in fact.cues)
            }
            for fact in patient.facts:
                known = fact.key in told or fact.session < number
                assert known or fact.summary not in text, fact.key
            assert "sad" not in text and "anxious" not in text  # the emotion that the stage plans for the patient


def test_scores_reach_the_prompt_as_totals_only() -> None:
    for request in seen_by(session(hand_arc(), 1), ClinicianView):
        system = request.messages[0].content
        assert "PHQ-9 filled in before the session: total 12." in system
        assert "2, 1" not in system and "(2" not in system


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_the_patient_sees_nothing_of_the_clinicians(seed: int) -> None:
    arc = hand_arc(3)
    for number in (1, 2, 3):
        plan = arc.sessions[number - 1]
        secret = {*plan.agenda, plan.technique, *(stage.goal for stage in plan.stages)}
        secret |= {text for summary in summaries(Brief(arc, number, 0)) for text in (summary.technique,)}
        notes = {fact.summary for fact in arc.patient.facts}
        requests = seen_by(session(arc, number, seed), PatientView)
        assert len(requests) >= 4
        for request in requests:
            text = without_transcript(request)
            for hidden in secret:
                assert hidden not in text, hidden
            assert not any(note in message.content for note in notes for message in request.messages)
            assert plan.set is not None
            assert plan.set.task not in text  # the homework for next time is the clinician's to bring up


def test_the_walk_would_notice() -> None:
    request = seen_by(session(hand_arc(), 1), ClinicianView)[0]
    assert isinstance(request.view, ClinicianView)
    leaking = replace(request.view, referral="Sleeps in the cellar since spring 1.")
    assert "Sleeps in the cellar since spring 1." in without_transcript(replace(request, view=leaking))


def test_memory_is_what_was_disclosed_before() -> None:
    memory = summaries(Brief(hand_arc(3), 3, 0))
    assert [summary.number for summary in memory] == [1, 2]
    assert memory[1].disclosed == (
        "Crashed a borrowed tractor (2) in the past.",
        "Sleeps in the cellar since spring 2.",
    )
    assert memory[1].homework == "a daily walk 2"
    assert summaries(Brief(hand_arc(3), 1, 0)) == ()


def test_sensitive_facts_are_asked_about_before_they_are_told() -> None:
    asked = False
    for request in session(hand_arc(), 1):
        if isinstance(request.view, ClinicianView):
            asked = asked or "mishaps of the past, part 1" in request.view.probes
        elif any(fact.key == "accident1" for fact in request.view.due):  # type: ignore[union-attr]
            assert asked
    assert asked


def test_prompts_alternate_and_share_their_beginning() -> None:
    for side in (ClinicianView, PatientView):
        requests = seen_by(session(hand_arc(), 2), side)
        for request in requests:
            roles = [message.role for message in request.messages]
            assert roles[0] == "system"
            assert roles[1::2] == ["user"] * len(roles[1::2])
            assert roles[2::2] == ["assistant"] * len(roles[2::2])
            assert all(message.content.strip() for message in request.messages)
            for word in ("None", "undefined", "()", "[]", "::", "  ", ".."):
                assert word not in request.messages[0].content, word
        for before, after in pairwise(requests):
            assert after.messages[1 : len(before.messages)] == before.messages[1:]
            told, then = (request.messages[0].content.rpartition("\n\n")[0] for request in (before, after))
            assert told == then  # but for what is told of the next utterance, which comes last


def test_examples_show_turns_without_roles() -> None:
    request = session(hand_arc(), 1)[0]
    assert request.view is not None
    excerpt = (Turn("clinician", "How was the harvest?"), Turn("patient", "Wet."))
    system = render(request.view, (excerpt,))[0].content
    assert "– How was the harvest?\n– Wet." in system
    assert "clinician:" not in system.casefold()


def test_a_visit_without_a_diagram_renders() -> None:
    arc = hand_arc(1)
    plan: SessionPlan = replace(
        arc.sessions[0], setting="visit", scores=(), technique="", situation=None, set=None, agenda=()
    )
    visit = CaseArc(replace(arc.patient, conceptualisation=None, disorder="chest_pain", referral=""), (plan,))
    for request in session(visit, 1):
        system = request.messages[0].content
        assert "None" not in system
        if isinstance(request.view, ClinicianView):
            assert "physician" in system and "Technique" not in system


@pytest.mark.parametrize("disorder", ["depression", "panic", "chest_pain"])
def test_planned_cases_hide_what_is_the_patients(disorder: str) -> None:
    config = PlanConfig(utterances=(40, 50))
    setting: Setting = "visit" if disorder == "chest_pain" else "therapy"
    arc = plan_case(8, setting=setting, disorder=disorder, severity="moderate", sessions=2, config=config)
    for number in (1, 2):
        underway = begin(Brief(arc, number, 1))
        while not underway.finished:
            seen = view(underway)
            if isinstance(seen, ClinicianView):
                text = "\n".join([*strings(replace(seen, transcript=())), *(m.content for m in render(seen))])
                for fact in arc.patient.facts:
                    known = fact.key in underway.told or fact.session < number
                    assert fact.statement not in text and fact.key not in text
                    assert known or fact.summary not in text, fact.key
                if arc.patient.conceptualisation is not None:
                    assert arc.patient.conceptualisation.core_belief not in text
            told = tuple(fact.key for fact in underway.due) if underway.speaker == "patient" else ()
            underway = underway.with_turn(f"x{len(underway.turns)}", told)
        assert set(underway.told) == {fact.key for fact in arc.patient.facts if fact.session == number}
