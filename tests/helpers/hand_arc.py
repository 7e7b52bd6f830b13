"""A case written by hand, with words that occur nowhere else, so that a test can see which side they reach."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from synthgen.generators.dialogue.plan.types import (
    CaseArc,
    Conceptualisation,
    Fact,
    Homework,
    Patient,
    Scores,
    SessionPlan,
    Situation,
    Stage,
)
from synthgen.generators.dialogue.realisers.protocol import Prompt, Response
from synthgen.generators.dialogue.views import ClinicianView, PatientView


def hand_arc(sessions: int = 2, *, work: tuple[int, int] = (6, 8)) -> CaseArc:
    """A short arc: a greeting, a part of ``work`` utterances with two disclosures, a closing."""
    facts = tuple(
        fact
        for n in range(1, sessions + 1)
        for fact in (
            Fact(
                f"accident{n}",
                f"Long ago I crashed a borrowed tractor number {n} into the old mill.",
                f"Crashed a borrowed tractor ({n}) in the past.",
                (f"tractor number {n}", f"crash {n}"),
                n,
                sensitive=True,
                topic=f"mishaps of the past, part {n}",
            ),
            Fact(
                f"cellar{n}",
                f"Since spring {n} sleeping upstairs has been impossible, so the cellar it is.",
                f"Sleeps in the cellar since spring {n}.",
                (f"cellar {n}", f"spring {n}"),
                n,
                topic="nights",
            ),
        )
    )
    patient = Patient(
        age=47,
        age_band="45 to 54",
        sex="female",
        occupation="bookbinder",
        situation_in_life=("lives with a parrot called Quibble",),
        history=("a kneecap operation",),
        problem="Everything feels like wading through porridge.",
        disorder="depression",
        conceptualisation=Conceptualisation(
            core_belief="I am a burden on the universe.",
            intermediate_beliefs=("If I rest, disaster strikes.",),
            coping=("hides behind encyclopaedias",),
            situations=(Situation("a kettle boiled over", "ruin follows me", "dread", "left the kitchen"),),
        ),
        style="plain",
        attitude="sceptical",
        facts=facts,
        referral="low mood for some months",
    )
    plans = tuple(
        SessionPlan(
            setting="therapy",
            number=n,
            sessions=sessions,
            week=n - 1,
            severity="moderate",
            scores=(Scores("PHQ-9", (2, 1, 2, 1, 2, 1, 2, 1, 0)),),
            technique=f"behavioural activation, grade {n}",
            agenda=(f"look at the ladder of activities {n}",),
            stages=(
                Stage("check-in", f"Learn how the week {n} was.", (2, 4), (), "sad"),
                Stage("work", f"Plan one rung of the ladder {n}.", work, (f"accident{n}", f"cellar{n}"), "anxious"),
                Stage("closing", f"Sum up and part {n}.", (2, 5), (), "calm"),
            ),
            situation=patient.conceptualisation.situations[0],  # type: ignore[union-attr]
            reviewed=None if n == 1 else Homework(f"a daily walk {n - 1}", "partly", "the rain drummed on"),
            set=Homework(f"a daily walk {n}"),
            alliance="",
            labels=(("phq9", 12), ("technique", "behavioural activation")),
        )
        for n in range(1, sessions + 1)
    )
    return CaseArc(patient, plans)


class Puppet:
    """A realiser that obeys its view: enough of a grammar to drive the loop, and a record of what it was asked."""

    def __init__(self, spoil: Callable[[Prompt, str], Response] | None = None) -> None:
        self.seen: list[Prompt] = []
        self.batches: list[int] = []
        self._spoil = spoil or (lambda _, text: Response(text))

    def generate(self, requests: Sequence[Prompt]) -> list[Response]:
        self.seen += requests
        self.batches.append(len(requests))
        return [self._spoil(request, puppet_text(request)) for request in requests]


def puppet_text(request: Prompt) -> str:
    view = request.view
    assert view is not None
    letters = re.sub(r"\d", lambda digit: "abcdefghij"[int(digit.group())], f"{request.seed:019d}")
    noise = " ".join(letters[i : i + 4] for i in range(0, 19, 4))
    if view.position.last:
        return f"Goodbye then, {noise}."
    if isinstance(view, ClinicianView):
        return f"What about {' and '.join(view.probes) or 'things'}, {noise}?"
    assert isinstance(view, PatientView)
    told = " ".join(f"It was {fact.cues[0]}." for fact in view.due)
    return f"Well, {noise}. {told}".strip()
