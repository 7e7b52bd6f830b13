"""What each side sees at a turn. The hidden fields of the other side do not cross: they are left out here."""

from __future__ import annotations

from dataclasses import replace

from synthgen.generators.dialogue.conduct.session import Brief, Session, earlier_disclosures
from synthgen.generators.dialogue.plan.types import Homework
from synthgen.generators.dialogue.views import ClinicianView, PatientView, SessionSummary, View


def view(session: Session) -> View:
    """What the side that speaks next sees."""
    return clinician_view(session) if session.speaker == "clinician" else patient_view(session)


def clinician_view(session: Session) -> ClinicianView:
    """The clinician's view: of the patient only the referral, the instruments, and what has been said."""
    brief, plan, position = session.brief, session.brief.plan, session.position
    return ClinicianView(
        setting=plan.setting,
        number=plan.number,
        sessions=plan.sessions,
        referral=referral(brief),
        scores=plan.scores,
        agenda=plan.agenda,
        technique=plan.technique,
        stages=tuple(stage.name for stage in plan.stages),
        memory=summaries(brief),
        reviewed=None if plan.reviewed is None else Homework(plan.reviewed.task),
        assign=None if plan.set is None else Homework(plan.set.task),
        disclosed=tuple(session.facts[key].summary for key in session.told),
        probes=tuple(fact.topic for fact in session.asked_for if fact.topic),
        # The stage says which facts will come and what the patient feels: neither is the clinician's to know.
        position=replace(position, stage=replace(position.stage, disclosures=(), emotion="neutral")),
        transcript=session.turns,
    )


def patient_view(session: Session) -> PatientView:
    """The patient's view: the own life, and what has been said."""
    brief, plan, patient, position = session.brief, session.brief.plan, session.brief.patient, session.position
    known = {*earlier_disclosures(brief), *session.told}
    return PatientView(
        setting=plan.setting,
        number=plan.number,
        age=patient.age,
        sex=patient.sex,
        occupation=patient.occupation,
        situation_in_life=patient.situation_in_life,
        history=patient.history,
        problem=patient.problem,
        disorder=patient.disorder,
        severity=plan.severity,
        conceptualisation=patient.conceptualisation,
        situation=plan.situation,
        style=patient.style,
        attitude=patient.attitude,
        due=session.due,
        told=tuple(fact for fact in patient.facts if fact.key in known),
        withheld=tuple(fact.statement for fact in session.withheld),
        homework=plan.reviewed,
        emotion=position.stage.emotion,
        alliance=plan.alliance,
        # The goal of a stage is the clinician's.
        position=replace(position, stage=replace(position.stage, goal="")),
        transcript=session.turns,
        death=next((one.items[8] for one in plan.scores if one.instrument == "PHQ-9"), 0),
    )


def referral(brief: Brief) -> str:
    """What a referral letter says: age band, sex and the reason for coming."""
    patient = brief.patient
    person = {"female": "woman", "male": "man"}[patient.sex]
    return f"{person}, {patient.age_band}, {patient.referral or patient.disorder.replace('_', ' ').replace('-', ' ')}"


def summaries(brief: Brief) -> tuple[SessionSummary, ...]:
    """The clinician's memory of the earlier sessions of the arc.

    It follows from their plans alone, so that a session does not depend on how an earlier one was worded. That what is
    remembered was really said is ensured where a session is conducted: one without its disclosures is given up.
    """
    facts = {fact.key: fact for fact in brief.patient.facts}
    return tuple(
        SessionSummary(
            number=plan.number,
            technique=plan.technique,
            severity=plan.severity,
            disclosed=tuple(facts[key].summary for stage in plan.stages for key in stage.disclosures),
            homework="" if plan.set is None else plan.set.task,
        )
        for plan in brief.arc.sessions[: brief.number - 1]
    )
