"""Dialogues as HTML: one as a whole for the private audit page, some in part for the public report."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from synthgen.payloads.dialogue import Dialogue, DialogueSynthetic, Turn

_SHOWN, _TURNS = 3, 16


def transcript(dialogue: Dialogue) -> str:
    """The whole dialogue, a paragraph per turn."""
    return "".join(_paragraph(turn) for turn in dialogue.turns)


def excerpts(samples: Sequence[DialogueSynthetic]) -> str:
    """The beginnings of a few sessions, of different patients where there are any."""
    chosen = list({sample.condition.case: sample for sample in reversed(samples)}.values())[::-1][:_SHOWN]
    return "".join(_excerpt(sample) for sample in chosen)


def _excerpt(sample: DialogueSynthetic) -> str:
    condition, turns = sample.condition, sample.payload.turns
    parts = (condition.setting, condition.disorder.replace("_", " "), condition.severity)
    title = ", ".join(part for part in parts if part)
    more = f"<p>… {len(turns) - _TURNS} more turns</p>" if len(turns) > _TURNS else ""
    head = f"<h3>{escape(title)}, session {condition.session} of {condition.sessions}</h3>"
    return head + "".join(_paragraph(turn) for turn in turns[:_TURNS]) + more


def _paragraph(turn: Turn) -> str:
    return f"<p><b>{turn.speaker}</b> {escape(turn.text)}</p>"
