"""The patient's next utterance: an answer to the last question, what falls due, and a manner of speaking."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from synthgen.generators.dialogue.plan.empty_words import words_of
from synthgen.generators.dialogue.plan.grammar import tidy
from synthgen.generators.dialogue.plan.types import Fact
from synthgen.generators.dialogue.realisers.template.hear import (
    Heard,
    breaks,
    grammar,
    has_tail,
    hear,
    move_of,
    question_in,
)
from synthgen.generators.dialogue.realisers.template.listening import listening
from synthgen.generators.dialogue.realisers.template.say import Voice, best_draft, first_sentences
from synthgen.generators.dialogue.realisers.template.scripts import scripts
from synthgen.generators.dialogue.realisers.template.speech import NAMED, bare, rates, spoken
from synthgen.generators.dialogue.views import PatientView

_FRIEND: Final = "a friend of mine"


def patient_says(view: PatientView, seed: int) -> str:
    """The next utterance of the patient, from the view and the seed alone."""
    technique = _technique(view)
    heard = hear(view.transcript, view.setting, {"work": technique})
    rng = random.Random(seed)  # noqa: S311 (not for cryptography)
    move, line = _asked(view, technique)
    voice = Voice(grammar(), rng, _values(view, heard), _tags(view) | {f"q{line}"}, heard)
    if broken := _broken(view, voice, move):
        return broken
    text = best_draft(lambda: _draft(view, voice, move), heard)
    carried = [value for name in _CARRIED if (value := voice.values.get(name, "").rstrip("."))]
    phrases = [cue for fact in view.due for cue in fact.cues if " " in cue]  # told only where they stay whole
    return spoken(text, rng, view.style, kept=(*carried, *phrases, *_NUMBERS), young=view.age < 40)


@cache
def _techniques() -> tuple[str, ...]:
    return tuple(scripts().techniques)


def _technique(view: PatientView) -> str:
    """The technique whose questions the patient has heard; the patient is not told its name."""
    asked = [turn for turn in view.transcript if turn.speaker == "clinician" and turn.stage == "work"]
    if not asked:
        return ""
    return max(_techniques(), key=lambda name: sum(bool(move_of(t.text, view.setting, "work", name)) for t in asked))


def _asked(view: PatientView, technique: str) -> tuple[str, int]:
    last = view.transcript[-1] if view.transcript else None
    if last is None or last.speaker != "clinician":
        return "", 0
    if breaks(last.text, "go_on") and len(view.transcript) > 2:
        last = view.transcript[-3]
    return question_in(last.text, view.setting, last.stage, technique if last.stage == "work" else "")


_ROOM: Final = 8
"""Utterances that a stage must still hold for an answer to break off: the question takes two more."""


def _broken(view: PatientView, voice: Voice, move: str) -> str:
    """An answer that breaks off, or asks what was meant; empty where there is none."""
    room = view.position.left >= _ROOM and view.position.stage.name not in {"examination", "assessment", "plan"}
    if view.due or not room or not move or move in scripts().greetings or not voice.chance(rates(view.style)["break"]):
        return ""
    if any(breaks(turn.text, kind) for turn in view.transcript[-12:] for kind in ("unfinished", "misheard")):
        return ""
    return tidy(voice.say("misheard.say" if voice.chance(0.4) else "unfinished.say"))


def _tags(view: PatientView) -> set[str]:
    severe = {"minimal": "low", "mild": "low", "moderately severe": "high", "severe": "high"}.get(view.severity, "")
    tags = {view.setting or "therapy", view.disorder, f"style_{view.style}", f"attitude_{view.attitude}",
            view.emotion or "neutral", view.sex, severe or "middling"}  # fmt: skip
    tags.add("first_visit" if view.number == 1 else "return_visit")
    tags |= {"older"} if view.age >= 60 else {"younger"} if view.age < 35 else set()
    tags.add("review" if view.disorder.endswith("_review") else "acute")
    tags.add(f"death_{min(view.death, 2)}")
    if any("attempt to die" in note for note in view.history):
        tags.add("attempt")
    life = " ".join(view.situation_in_life)
    if re.search(r"lives with a (?:husband|wife|boyfriend|girlfriend|partner)", life):
        tags.add("partnered")
    if "at home" in life and "child" in life:
        tags |= {"parent", "small_children"}
    if "lives alone" in life:
        tags.add("alone")
    if "works as" in life:
        tags.add("working")
    if "between jobs" in life:
        tags.add("jobless")
    if view.homework is not None:
        tags.add({"done": "hw_done", "partly": "hw_partly", "not done": "hw_not"}.get(view.homework.done, "hw_done"))
    return tags


def _values(view: PatientView, heard: Heard) -> dict[str, str]:
    life = " ".join(view.situation_in_life)
    values: dict[str, str] = {"problem": view.problem, "friend": _FRIEND, "Friend": _FRIEND.capitalize()}
    person = re.search(r"(?:lives with a|confides in the) ([a-z ]+?)(?:$|\n)", "\n".join(view.situation_in_life))
    close = f"my {person.group(1)}" if person else "my best friend"
    own = re.search(r"has a (daughter|son)", life)
    child = f"my {own.group(1)}" if own else "my child"
    values |= {"close": close, "Close": close.capitalize(), "child": child, "Child": child.capitalize()}
    if pastime := re.search(r"used to enjoy (.+)$", life):
        values |= {"pastime": pastime.group(1), "Pastime": pastime.group(1).capitalize()}
    values |= {"place": "work", "town": "the shops"}
    if view.situation is not None:
        situation = view.situation
        values |= {
            "event": situation.event, "thought": situation.thought, "emotion": situation.emotion,
            "behaviour": situation.behaviour, "body": situation.body, "relief": situation.relief,
            "evidence_for": situation.evidence_for, "evidence_against": situation.evidence_against,
            "alternative": situation.alternative,
        }  # fmt: skip
    if view.conceptualisation is not None:
        diagram = view.conceptualisation
        values |= {"core": diagram.core_belief, "rule": next(iter(diagram.intermediate_beliefs), ""),
                   "coping": next(iter(diagram.coping), ""), "happened": diagram.event}  # fmt: skip
    if view.homework is not None and view.homework.obstacle:
        obstacle = view.homework.obstacle
        values |= {"obstacle": obstacle, "Obstacle": obstacle[:1].upper() + obstacle[1:]}
    values["number_lower"] = listening().lower.get(heard.values.get("number", ""), "thirty")
    return values


def _draft(view: PatientView, voice: Voice, move: str) -> str:
    if view.due:
        return _tell(view, voice, move)
    if view.position.last:
        return _parting(view, voice, move)
    if view.setting == "visit" and view.position.stage.name == "examination":
        at = "first" if view.position.said == 1 else "last" if view.position.left <= 2 else "next"
        return voice.say(f"exam_patient.{at}")
    if not move or f"{move}.answer" not in voice.grammar:
        if view.position.stage.name in {"assessment", "plan"}:
            move = "assess_sense" if view.position.stage.name == "assessment" else "plan_happy"
        else:
            return _mannered(view, voice, voice.say(f"default.{view.setting or 'therapy'}"))
    detail = _detail(view, voice, move)
    text = detail or voice.say(f"{move}.answer")
    if not text:
        text = voice.say(f"default.{view.setting or 'therapy'}")
    return _mannered(view, voice, text)


def _parting(view: PatientView, voice: Voice, move: str) -> str:
    text = voice.say(f"{move}.answer") if move in {"goodbye", "come_back"} else ""
    return text or voice.say("parting")


def _tell(view: PatientView, voice: Voice, move: str) -> str:
    told = " ".join(fact.statement for fact in view.due)
    if move == "greet_later":
        return _mannered(view, voice, f"{first_sentences(voice.say('greet_later.answer'), 1)} {told}", keep=True)
    if move == "greet_return":
        return _mannered(view, voice, f"{voice.say('greet_return.lead')} {told}".strip(), keep=True)
    if voice.chance(0.16 if view.setting == "therapy" else 0.08):
        lead = voice.fresh("lead").rstrip(".")
        told = f"{lead}. {told}"
    return _mannered(view, voice, told, keep=True)


def _detail(view: PatientView, voice: Voice, move: str) -> str:
    """What belongs to the fact that was told last, where it was asked about and has not been said."""
    kind = scripts().told.get(move)
    if kind is None or not view.told:
        return ""
    fact = _last_told(view)
    if fact is None:
        return ""
    detail = dict(fact.more).get(kind, "")
    if detail and any(bare(detail) in bare(turn.text) for turn in view.transcript):
        return ""
    return detail


def _last_told(view: PatientView) -> Fact | None:
    for turn in reversed([turn for turn in view.transcript if turn.speaker == "patient"][-2:]):
        for fact in view.told:
            if len(words_of(fact.statement) & words_of(turn.text)) >= max(
                1, round(0.7 * len(words_of(fact.statement)))
            ):
                return fact
    return None


# A manner of speaking ------------------------------------------------------------------------------------------------

_MANNERS: Final[Mapping[str, tuple[tuple[float, str], ...]]] = {
    "plain": ((0.04, "elaborate"),),
    "verbose": ((0.30, "elaborate"), (0.04, "aside")),
    "terse": (),
    "tangential": ((0.16, "aside"), (0.05, "elaborate")),
    "guarded": ((0.12, "guarded"),),
    "pleasing": ((0.12, "modest"), (0.04, "elaborate")),
}
_MOST_TAILS: Final = {"verbose": 5, "tangential": 4}
_FILLED: Final = {"plain": 0.07, "verbose": 0.1, "terse": 0.03, "tangential": 0.12, "guarded": 0.1, "pleasing": 0.07}


def _mannered(view: PatientView, voice: Voice, text: str, *, keep: bool = False) -> str:
    """The text as this patient would say it.

    Args:
        keep: whether nothing of the text may be left out, because it tells what is due.
    """
    brief = {"terse": 0.75, "guarded": 0.35}.get(view.style, 0.0)
    if not keep and voice.chance(brief):
        text = _in_short(text, voice)
    if not text.rstrip().endswith("?") and _may_trail(view):
        for probability, rule in _trails(view, voice):
            if voice.chance(probability):
                told = "elaborate_told" if keep and rule == "elaborate" and voice.chance(0.5) else rule
                text = f"{text} {voice.fresh(told)}"
                break
    if voice.chance(_FILLED[view.style]) and not listening().opened_said.match(text):
        text = text if NAMED.match(text) else text[:1].lower() + text[1:]
        text = f"{voice.say('filler')}, {text}"
    return text


_NUMBERS: Final = (
    "ninety-five", "ninety", "eighty-five", "eighty", "seventy-five", "seventy", "sixty", "fifty-five", "fifty",
    "forty-five", "forty", "thirty-five", "thirty", "twenty-five", "twenty",
)  # fmt: skip
"""What a rating is said in, which the other side takes down."""
_CARRIED: Final = (
    "problem", "event", "thought", "emotion", "body", "behaviour", "relief", "evidence_for", "evidence_against",
    "alternative", "core", "rule", "obstacle",
)  # fmt: skip


def _in_short(text: str, voice: Voice) -> str:
    """The sentence that the answer is about: the one that carries what the plan has to tell, or else the first."""
    said = text.lower()
    carried = [value.lower().rstrip(".") for name in _CARRIED if (value := voice.values.get(name, ""))]
    if found := [value for value in carried if value in said]:
        sentences = re.split(r"(?<=[.?!])\s+", text)
        return next((one for one in sentences if all(value in one.lower() for value in found[:1])), text)
    short = first_sentences(text, 1)
    return short if len(short.split()) > 2 else first_sentences(text, 2)


def _may_trail(view: PatientView) -> bool:
    """Such phrases colour a session when they are few: not in two answers running, and not before the talk is on."""
    if view.position.stage.name in {"agenda", "homework", "closing", "plan"}:
        return False
    own = [has_tail(turn.text) for turn in view.transcript if turn.speaker == "patient"]
    return len(own) > 1 and not any(own[-3:]) and sum(own) < _MOST_TAILS.get(view.style, 2)


def _trails(view: PatientView, voice: Voice) -> tuple[tuple[float, str], ...]:
    trails: tuple[tuple[float, str], ...] = _MANNERS[view.style]
    if view.setting == "therapy" and "high" in voice.tags:
        trails += ((0.03, "weary"),)
    if view.setting == "therapy" and view.emotion == "anxious":
        trails += ((0.03, "nervous"),)
    return trails
