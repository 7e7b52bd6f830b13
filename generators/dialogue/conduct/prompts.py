"""The prompts of a language model: rendered from one side's view, and from nothing else.

What holds for the whole session stands in the system message, what holds for the next utterance in brackets at the
end of the last message: so the prompts of a session share a long beginning, whose keys and values a server can keep.
"""

from __future__ import annotations

from collections.abc import Sequence

from synthgen.generators.dialogue.plan.types import Homework, Style
from synthgen.generators.dialogue.realisers.protocol import Message
from synthgen.generators.dialogue.views import ClinicianView, PatientView, SessionSummary, View
from synthgen.payloads.dialogue import Speaker, Turn

RULES = (
    "Answer with your next utterance alone, in plain spoken English: one to four sentences, no more.",
    "Write only what is said aloud: no speaker names, no stage directions, no lists, no quotation marks, no brackets.",
    "Never repeat a sentence that was said before, yours or the other person's.",
    "Mention no names of people, streets, towns or institutions, no telephone numbers and no calendar dates.",
    "Text in square brackets is a direction for your next words. Nobody hears it: follow it and never quote it.",
    "Stay in your role to the end; never say that you are a model or that this is an exercise.",
)

_CLINICIAN = {
    "therapy": "You are an experienced cognitive behavioural therapist, in a session with a client.",
    "visit": "You are an experienced physician in a consultation with a patient.",
    "": "You are an experienced clinician in a conversation with a patient.",
}
_CLINICIAN_MANNER = (
    "Be warm and collaborative. Reflect what you have heard before you ask, ask one open question at a time, and let "
    "the other person find the words. You know only what is written here and what has been said: assume nothing else."
)
_PATIENT = {
    "therapy": "You are a client in psychotherapy, in a session with your therapist.",
    "visit": "You are a patient in a consultation with your doctor.",
    "": "You are a patient in a conversation with a clinician.",
}
_PATIENT_MANNER = (
    "Speak as an ordinary person, not as a professional: hesitate, be concrete, tell small scenes from your days. You "
    "do not know what the other person has planned. What you keep back stays unsaid, not even hinted at."
)
_STYLE: dict[Style, str] = {
    "plain": "You speak plainly and to the point.",
    "verbose": "You say a lot, with many details.",
    "terse": "You say little: short answers, often one sentence.",
    "tangential": "You drift to side matters before you come back to the question.",
    "guarded": "You are guarded: you answer carefully and give away little at first.",
    "pleasing": "You want to please: you agree quickly and play down your own difficulties.",
}
_START = "[The session begins.]"


def render(view: View, examples: Sequence[tuple[Turn, ...]] = ()) -> tuple[Message, ...]:
    """The prompt for the next utterance of the side whose view this is: system, then user and assistant in turn.

    Args:
        examples: excerpts that show the manner of speaking; only where the configuration asks for them.
    """
    if isinstance(view, ClinicianView):
        own: Speaker = "clinician"
        system, direction = _clinician_system(view), _clinician_direction(view)
    else:
        own = "patient"
        system, direction = _patient_system(view), _patient_direction(view)
    messages = [Message("system", "\n\n".join((system, "\n".join(RULES), *map(_example, examples))))]
    if not view.transcript or view.transcript[0].speaker == own:
        messages.append(Message("user", _START))  # chat templates want the user to speak first
    for turn in view.transcript:
        messages.append(Message("assistant" if turn.speaker == own else "user", turn.text))
    last = messages.pop()
    return (*messages, Message("user", f"{last.content}\n\n[{direction}]"))


def _clinician_system(view: ClinicianView) -> str:
    kind = {"therapy": "Session", "visit": "Visit"}.get(view.setting, "Session")
    parts = [
        _CLINICIAN[view.setting],
        f"{kind} {view.number} of {view.sessions}. Referral: {view.referral}.",
        *(f"{s.instrument} filled in before the session: total {s.total}." for s in view.scores),
        _listed("Agenda", view.agenda),
        f"Technique of today: {view.technique}." if view.technique else "",
        _listed("Parts of the session, in order", view.stages),
        *(_remembered(summary) for summary in view.memory),
        f"Homework from last time, to be reviewed: {_clause(view.reviewed)}." if view.reviewed else "",
        f"Homework to agree on for next time: {_clause(view.assign)}." if view.assign else "",
        _CLINICIAN_MANNER,
    ]
    return "\n".join(part for part in parts if part)


def _clinician_direction(view: ClinicianView) -> str:
    position = view.position
    if position.last:
        return "The session is over: say goodbye in one or two sentences and ask nothing more."
    parts = ["Greet the other person and open the session." if position.first else ""]
    parts.append(f"Part: {position.stage.name}. Goal: {position.stage.goal.rstrip('.')}.")
    if view.probes:
        parts.append(f"Ask, without guessing the answer, about {' and '.join(view.probes)}.")
    if position.left == 3 and position.stage.name == view.stages[-1]:
        parts.append("Bring the session to its end, so that the other person can say goodbye next.")
    else:
        parts += ["Bring this part to a close." if position.left <= 2 else "", "Do not say goodbye yet."]
    return " ".join(part for part in parts if part)


def _patient_system(view: PatientView) -> str:
    sex = {"female": "woman", "male": "man"}.get(view.sex, "person")
    before = [fact.statement for fact in view.told if fact.session < view.number]
    now = [fact.statement for fact in (*view.told, *view.due) if fact.session >= view.number]
    kept = sorted({*now, *view.withheld})  # the same for the whole session: the beginning of the prompt stays as it is
    parts = [
        _PATIENT[view.setting],
        f"You are a {sex} of {view.age}, {view.occupation}. This is session {view.number}.",
        _listed("Your life", view.situation_in_life),
        _listed("Notes on your history", view.history),
        f"What troubles you, in your own words: {view.problem}",
        f"How bad it is these days: {view.severity}." if view.severity else "",
        *_beliefs(view),
        *_lately(view),
        _homework(view.homework),
        _STYLE[view.style],
        f"Your attitude to the treatment: {view.attitude}.",
        _ALLIANCE.get(view.alliance, ""),
        _listed("You have told in earlier sessions", before),
        _listed("You keep these to yourself until a direction says to tell one", kept),
        _PATIENT_MANNER,
    ]
    return "\n".join(part for part in parts if part)


_ALLIANCE = {
    "rupture": "Today something that the other person says strikes you as wrong, and you show it.",
    "repair": "Last time you were annoyed with the other person; today you are ready to make it up.",
    "rupture and repair": "Today something that is said strikes you as wrong, and you show it; later you make it up.",
}


def _beliefs(view: PatientView) -> list[str]:
    if view.conceptualisation is None:
        return []
    return [
        f"What you believe deep down, without saying it in these words: {view.conceptualisation.core_belief}",
        _listed("Rules you live by", view.conceptualisation.intermediate_beliefs),
        _listed("How you cope", view.conceptualisation.coping),
    ]


def _lately(view: PatientView) -> list[str]:
    now = view.situation
    if now is None:
        return []
    return [
        f"A situation of the last days: {_bare(now.event)}. You thought: {_bare(now.thought)}. "
        f"You felt: {_bare(now.emotion)}. What you did: {_bare(now.behaviour)}."
    ]


def _homework(homework: Homework | None) -> str:
    if homework is None:
        return ""
    obstacle = f" What got in the way: {_bare(homework.obstacle)}." if homework.obstacle else ""
    return f"Your homework from last time, {_clause(homework)}: {homework.done or 'done'}.{obstacle}"


def _patient_direction(view: PatientView) -> str:
    position = view.position
    parts = [f"You feel {view.emotion}." if view.emotion not in {"", "neutral"} else ""]
    for fact in view.due:
        cues = ", ".join(fact.cues)
        parts.append(
            f"Tell this now, in your own words: {_bare(fact.statement)}. Use one of these expressions: {cues}."
        )
    if position.last:
        parts.append("The session is over: say goodbye in one short sentence.")
    else:
        parts += ["Answer the other person.", "Do not say goodbye yet."]
    return " ".join(part for part in parts if part)


def _remembered(summary: SessionSummary) -> str:
    parts = [f"Your notes on session {summary.number}:"]
    parts.append(f"technique {summary.technique}." if summary.technique else "")
    parts.append(f"Severity {summary.severity}." if summary.severity else "")
    parts.append(f"Told: {' '.join(f'{_bare(told)}.' for told in summary.disclosed)}" if summary.disclosed else "")
    parts.append(f"Homework set: {_bare(summary.homework)}." if summary.homework else "")
    return " ".join(part for part in parts if part)


def _example(turns: tuple[Turn, ...]) -> str:
    """An excerpt, for the manner alone. The speakers are dashes, so that no role name is there to be copied."""
    lines = "\n".join(f"– {turn.text}" for turn in turns)
    return f"This is how people sound in such a session; take the manner, never the content:\n{lines}"


def _listed(heading: str, items: Sequence[str]) -> str:
    return f"{heading}: {'; '.join(_bare(item) for item in items)}." if items else ""


def _clause(homework: Homework) -> str:
    return _bare(homework.task)


def _bare(text: str) -> str:
    return text.strip().rstrip(".")
