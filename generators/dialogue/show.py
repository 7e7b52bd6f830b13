"""Dialogues as HTML: beside a real one for the private review page, some in part for the public report."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from synthgen.generators.dialogue.shared_runs import marked
from synthgen.payloads.dialogue import Dialogue, DialogueSynthetic, Turn
from synthgen.report import ShownPair

_SHOWN, _TURNS = 3, 16


def transcript(dialogue: Dialogue) -> str:
    """The whole dialogue, a paragraph per turn."""
    return "".join(_paragraph(turn) for turn in dialogue.turns)


def pair(sample: Dialogue, real: Dialogue) -> ShownPair:
    """Both as a whole; in each the runs of words are marked that stand in the other too."""
    return ShownPair(_beside(sample, real), _beside(real, sample))


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


def _beside(dialogue: Dialogue, other: Dialogue) -> str:
    texts = marked([turn.text for turn in dialogue.turns], [turn.text for turn in other.turns])
    return "".join(f"<p><b>{turn.speaker}</b> {text}</p>" for turn, text in zip(dialogue.turns, texts, strict=True))


def _paragraph(turn: Turn) -> str:
    return f"<p><b>{turn.speaker}</b> {escape(turn.text)}</p>"
