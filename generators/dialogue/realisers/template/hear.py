"""What has been said: the grammar read backwards over the transcript. A speaker knows the other by the words alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from synthgen.generators.dialogue.plan.compose import MORE, content
from synthgen.generators.dialogue.plan.config import THERAPY
from synthgen.generators.dialogue.plan.grammar import Grammar, plain, read_rules
from synthgen.generators.dialogue.plan.wordings import varied
from synthgen.generators.dialogue.realisers.template.scripts import every, scripts
from synthgen.generators.dialogue.realisers.template.speech import bare, between
from synthgen.payloads.dialogue import Turn

MOVES: Final = "synthgen.generators.dialogue.realisers.template.moves"
SLOTS: Final = frozenset(
    {"event", "thought", "emotion", "body", "behaviour", "relief", "evidence_for", "evidence_against", "alternative",
     "pastime", "number_high", "number_mid", "number_lower", "core", "rule"}
)  # fmt: skip
_FILES: Final = ("therapy_frame", "therapy_chain", "therapy_follow", "therapy_rupture_risk", "therapy_techniques",
                 "visit", "phrases")  # fmt: skip
_SENTENCE: Final = re.compile(r"[^.?!:;]+")
TAILS: Final = ("elaborate", "elaborate_told", "aside", "modest", "weary", "nervous", "guarded")
_LEAD: Final = re.compile(
    r"^(?:I suppose|I was|I felt|I think|down to|about|say|maybe)\s+(?=[\w'-]+(?: [\w'-]+){0,3}$)", re.IGNORECASE
)
_HEDGE: Final = re.compile(r"(?:,? (?:I think|I suppose|I'd say|really|mostly|at least|more or less))+$", re.IGNORECASE)
_FILLER: Final = re.compile(r"^(?:(?:well|um|i mean|oh|honestly|hm|you know|let me see|and|so|okay|right|mm) )+")


@cache
def grammar() -> Grammar:
    """All rules of the moves."""
    return Grammar(read_rules(MOVES, _FILES, varied))


@cache
def topics() -> Grammar:
    """How each topic is asked about."""
    return Grammar(read_rules(MOVES, ("topics",), varied))


@cache
def _asked(move: str) -> tuple[re.Pattern[str], ...]:
    return grammar().asked(f"{move}.ask", between())


@lru_cache(maxsize=65_536)
def question_in(text: str, setting: str, stage: str, technique: str) -> tuple[str, int]:
    """The clinician's move in an utterance, and which line of its rule was asked, from 1; ``("", 0)`` for none.

    Where several match, it is the one that ends last, and of those the one that is longest.
    """
    said = plain(bare(text))
    best, line, reach = "", 0, (-1, 0)
    for move in every(setting, stage, technique):
        if f"{move}.ask" not in grammar():
            continue
        for number, pattern in enumerate(_asked(move), start=1):
            for found in pattern.finditer(said):
                if (found.end(), found.end() - found.start()) > reach:
                    best, line, reach = move, number, (found.end(), found.end() - found.start())
    return best, line


def move_of(text: str, setting: str, stage: str, technique: str) -> str:
    """The clinician's move in an utterance; empty where none is recognised."""
    return question_in(text, setting, stage, technique)[0]


@lru_cache(maxsize=16_384)
def topic_of(text: str) -> str:
    """The topic that an utterance asks about, empty where there is none."""
    said = plain(bare(text))
    best, reach = "", (-1, 0)
    for topic in topics().rules:
        for pattern in _topic(topic):
            for found in pattern.finditer(said):
                if (found.end(), found.end() - found.start()) > reach:
                    best, reach = topic, (found.end(), found.end() - found.start())
    return best


@cache
def details_of(topic: str) -> frozenset[str]:
    """The kinds of detail that may be had about a topic: what it makes sense to ask further."""
    return frozenset(
        kind
        for name in (*THERAPY, "therapy_common")
        for entries in content(name).entries.values()
        for entry in entries
        if entry.topic == topic
        for kind in MORE
        if kind in entry.rules
    )


@cache
def _topic(topic: str) -> tuple[re.Pattern[str], ...]:
    return topics().asked(topic, between())


@cache
def _tails() -> tuple[re.Pattern[str], ...]:
    return tuple(pattern for rule in TAILS for pattern in grammar().asked(rule))


@lru_cache(maxsize=16_384)
def has_tail(text: str) -> bool:
    """Whether an utterance ends in one of the phrases by which a manner of speaking is known."""
    said = plain(bare(text))
    return any(pattern.search(said) for pattern in _tails())


@lru_cache(maxsize=16_384)
def question_of(text: str) -> str:
    """The question that the patient asks in an utterance, empty where there is none."""
    if "?" not in text:
        return ""
    said = plain(bare(text))
    return next((move for move in scripts().questions if any(one.search(said) for one in _asked(move))), "")


@lru_cache(maxsize=16_384)
def breaks(text: str, kind: str) -> bool:
    """Whether an utterance is one of ``unfinished``, ``go_on`` or ``misheard``."""
    said = plain(text)
    return any(pattern.fullmatch(said) for pattern in _whole(kind))


@cache
def _whole(kind: str) -> tuple[re.Pattern[str], ...]:
    return grammar().asked(f"{kind}.say")


@lru_cache(maxsize=16_384)
def values_of(text: str, move: str) -> tuple[tuple[str, str], ...]:
    """What the patient's answer to a move says of event, thought, feeling and the like."""
    heard = grammar().hears(f"{move}.answer", bare(text), SLOTS)
    return tuple((slot, _as_noted(value)) for slot, value in heard.items())


def _as_noted(value: str) -> str:
    """What was said, without the doubt that stood around it: ``"Frightened, I think"`` becomes ``"frightened"``."""
    value = _LEAD.sub("", _HEDGE.sub("", value))
    return value if re.match(r"I\b", value) else value[:1].lower() + value[1:]


@lru_cache(maxsize=16_384)
def sentences(text: str) -> tuple[str, ...]:
    """The sentences of an utterance, plain."""
    return tuple(said for part in _SENTENCE.findall(bare(text)) if (said := _FILLER.sub("", plain(part))))


@dataclass(frozen=True, slots=True)
class Heard:
    """What a transcript tells.

    Attributes:
        moves: the clinician's moves, with the index of the turn.
        values: what the patient's answers said; the latest counts.
        said: every sentence so far, plain.
        beginnings: the first three words of each utterance.
    """

    moves: tuple[tuple[int, str], ...]
    values: Mapping[str, str]
    said: frozenset[str]
    beginnings: frozenset[str]

    @property
    def done(self) -> frozenset[str]:
        """All moves that have been made."""
        return frozenset(move for _, move in self.moves)


def hear(transcript: tuple[Turn, ...], setting: str, technique_of: Mapping[str, str]) -> Heard:
    """Listens to a transcript.

    Args:
        technique_of: the techniques that may be at work, by stage; for a patient, who does not know, all of them.
    """
    moves: list[tuple[int, str]] = []
    values: dict[str, str] = {}
    said: set[str] = set()
    beginnings: set[str] = set()
    for index, turn in enumerate(transcript):
        said.update(sentences(turn.text))
        beginnings.add(" ".join(plain(turn.text).split()[:3]))
        if turn.speaker == "clinician":
            move = move_of(turn.text, setting, turn.stage, technique_of.get(turn.stage, ""))
            if moves and not move and breaks(turn.text, "go_on"):
                move = moves[-1][1]  # the question still stands
            if move:
                moves.append((index, move))
        elif moves and moves[-1][0] == index - 1:
            values.update(values_of(turn.text, moves[-1][1]))
    number = values.get("number_high") or values.get("number_mid")
    if number:
        values["number"] = number
    if "number_lower" in values:
        values["number_lower_heard"] = values["number_lower"]
    return Heard(tuple(moves), values, frozenset(said), frozenset(beginnings))
