"""The clinician's next utterance: an answer to what was just said, and the next move of the stage."""

from __future__ import annotations

import random

from synthgen.generators.dialogue.plan.persons import notes_to_you
from synthgen.generators.dialogue.plan.scores import BANDS, band, total_label
from synthgen.generators.dialogue.realisers.template.hear import (
    Heard,
    breaks,
    details_of,
    grammar,
    hear,
    move_of,
    question_of,
    topic_of,
    topics,
)
from synthgen.generators.dialogue.realisers.template.listening import listening, technique_spoken
from synthgen.generators.dialogue.realisers.template.say import Voice, best_draft, joined
from synthgen.generators.dialogue.realisers.template.scripts import script, scripts
from synthgen.generators.dialogue.realisers.template.speech import CLINICIAN, spoken
from synthgen.generators.dialogue.views import ClinicianView


def clinician_says(view: ClinicianView, seed: int) -> str:
    """The next utterance of the clinician, from the view and the seed alone."""
    heard = hear(view.transcript, view.setting, {"work": view.technique})
    rng = random.Random(seed)  # noqa: S311 (not for cryptography)
    voice = Voice(grammar(), rng, _values(view, heard), _tags(view), heard)
    text = best_draft(lambda: _draft(view, voice), heard)
    whole = [value for name in _WHOLE if (value := voice.values.get(name, ""))]
    return spoken(text, rng, CLINICIAN.get(view.setting, CLINICIAN["therapy"]), kept=whole)


_WHOLE = ("task", "warning", "agenda", "thought", "alternative", "remembered")
"""What is said as it stands in the plan or was heard."""


def _tags(view: ClinicianView) -> set[str]:
    tags = {view.setting or "therapy", "final" if view.number == view.sessions else "more_to_come"}
    tags.add("first_visit" if view.number == 1 else "return_visit")
    if "drink" in view.referral:
        tags.add("drinking")
    tags.add("review" if view.referral.endswith("review") else "acute")
    for scores in view.scores:
        tags.add(total_label(scores.instrument).removesuffix("_total"))
        if scores.instrument == "PHQ-9" and scores.items[8] > 0:
            tags.add("item9")
    return tags


def _values(view: ClinicianView, heard: Heard) -> dict[str, str]:
    values = {key: value for key, value in heard.values.items() if value}
    for scores in view.scores:
        values[total_label(scores.instrument).removesuffix("_total")] = str(scores.total)
        if scores.instrument in BANDS:
            values[f"{total_label(scores.instrument).removesuffix('_total')}_band"] = band(
                scores.instrument, scores.total
            )
    values["agenda"] = joined(view.agenda)
    values["referral"] = view.referral.split(", ", 2)[-1]
    values["technique_name"] = technique_spoken(view.technique)
    if view.position.stage.name == "homework":
        values["task"] = view.assign.task if view.assign else ""
    else:
        values["task"] = view.reviewed.task if view.reviewed else ""
    if view.memory and view.memory[-1].disclosed:
        values["remembered"] = notes_to_you(view.memory[-1].disclosed[-1])
    _, separator, after = view.position.stage.goal.partition(": ")
    if separator:
        values["warning"] = after.rstrip(".")
    values["recap"] = ""
    return values


def _points(view: ClinicianView) -> list[str]:
    return [point for point in view.position.stage.goal.partition(": ")[2].rstrip(".").split("; ") if point]


def _after_break(view: ClinicianView, voice: Voice) -> str:
    """What is said where the last answer broke off or asked what was meant; empty where it did neither."""
    if not view.transcript or view.position.last:
        return ""
    said = view.transcript[-1].text
    if breaks(said, "unfinished"):
        return voice.fresh("go_on.say")
    if breaks(said, "misheard") and voice.heard.moves:
        return f"{voice.fresh('rephrase.say')} {voice.fresh(f'{voice.heard.moves[-1][1]}.ask')}"
    return ""


def _draft(view: ClinicianView, voice: Voice) -> str:
    stage = view.position.stage.name
    if answer := _after_break(view, voice):
        return answer
    if view.position.last:
        return voice.say("farewell_visit.say" if view.setting == "visit" else "farewell.say")
    if view.setting == "visit" and stage in {"examination", "assessment", "plan"}:
        return f"{_answer(view, voice)} {_point(view, voice, stage)}"
    move = _move(view, voice, stage)
    if move.startswith("topic:"):
        return f"{_react(view, voice, move)} {_probe(view, voice, move.removeprefix('topic:'))}"
    more = {"recap": _recap(view, voice)} if move in {"closing_summary", "recap_check", "history_check"} else {}
    return f"{_react(view, voice, move)} {voice.say(f'{move}.ask', **more)}"


# What comes next -----------------------------------------------------------------------------------------------------


def _move(view: ClinicianView, voice: Voice, stage: str) -> str:
    """The next move: what the plan wants asked, or the script's next, or a further question where there is room."""
    turns = (view.position.left + 1) // 2
    if stage == "closing" and view.position.left <= 3:
        return "come_back" if view.setting == "visit" else "goodbye"
    if view.probes and view.transcript:  # a greeting comes before any question
        return f"topic:{view.probes[0]}"
    here = _made_here(view)
    plan = [move for move in script(view.setting, stage, view.technique, view.number) if _fits(view, voice, move)]
    names = [move.removeprefix("?") for move in plan]
    after = max((names.index(move) + 1 for move in here if move in names), default=0)
    rest = [move for move in plan[after:] if move.removeprefix("?") not in voice.heard.done]
    required = [move for move in rest if not move.startswith("?")]
    if any(move in scripts().urgent for move in required):
        rest = required
    spare = turns - len(required)
    optional = len(rest) - len(required)
    for move in rest:
        if move in {"goodbye", "come_back"}:  # not before the end
            break
        if not move.startswith("?"):
            stays = move not in scripts().urgent and _wants_more(view, voice, spare, optional, here)
            return _further(view, voice) if stays else move
        if spare > 0 and voice.chance(min(1.0, spare / max(1, optional))):
            return move.removeprefix("?")
        optional -= 1
    return _further(view, voice)


def _fits(view: ClinicianView, voice: Voice, move: str) -> bool:
    name = move.removeprefix("?")
    if name == "safety_brief" and "item9" in voice.tags:
        return False
    if name in {"mood_higher", "task_more"}:  # follow on a number
        return _made_here(view)[-1:] == ["mood_number" if name == "mood_higher" else "task_confidence"]
    if name in {"review_noticed", "review_keep", "review_barrier", "review_feel", "review_when", "review_effort"}:
        undone = any(
            listening().undone_said.search(turn.text.lower())
            for turn in view.transcript
            if turn.speaker == "patient" and turn.stage == "homework review"
        )
        return undone == (name in {"review_barrier", "review_feel"})
    if name == "task_ifthen" and "task_obstacle" not in voice.heard.done:
        return "task_obstacle" in _made_here(view)
    if name in {"closing_summary", "recap_check", "history_check"}:
        return name == "closing_summary" or len(_gists(view, stage=True)) >= (3 if name == "history_check" else 2)
    return voice.can(f"{name}.ask") or name in {"closing_summary", "recap_check", "history_check"}


def _made_here(view: ClinicianView) -> list[str]:
    stage = view.position.stage.name
    return [
        move
        for turn in view.transcript
        if turn.speaker == "clinician" and turn.stage == stage
        and (move := move_of(turn.text, view.setting, stage, view.technique))
    ]  # fmt: skip


def _wants_more(view: ClinicianView, voice: Voice, spare: int, optional: int, here: list[str]) -> bool:
    """Whether to stay with what was just told for a moment, where the stage has room for it."""
    if spare - optional <= 0 or not _told_last(view):
        return False
    return voice.chance(0.5)


def _further(view: ClinicianView, voice: Voice) -> str:
    if view.setting == "visit":
        open_to = [move for move in scripts().visit_further if move not in voice.heard.done]
        return voice.rng.choice(open_to or scripts().visit_further)
    deep = [move for move in scripts().deepen if move not in voice.heard.done]
    if gist := _told_last(view):
        fitting = {scripts().details[kind] for kind in details_of(topic_of(view.transcript[-2].text))}
        if listening().bad_said.search(gist):
            fitting |= {"fu_feel", "fu_cope", "fu_since", "fu_importance"}
        recent = {move for _, move in voice.heard.moves[-4:]}
        if fresh := sorted(fitting - recent):
            unused = [move for move in fresh if move not in voice.heard.done]
            return voice.rng.choice(unused or fresh)
    stage = [move for move in scripts().further.get(view.position.stage.name, ()) if move not in voice.heard.done]
    return voice.rng.choice(stage or deep or scripts().follow)


def _probe(view: ClinicianView, voice: Voice, topic: str) -> str:
    asked = Voice(topics(), voice.rng, voice.values, voice.tags, voice.heard)
    question = asked.fresh(topic) if topic in topics() else voice.fresh("probe", topic=topic)
    if view.setting == "therapy" and ":" not in question and voice.chance(0.12):
        return f"{voice.fresh('bridge').rstrip('.')}: {question[:1].lower()}{question[1:]}"
    return question


# What was just said --------------------------------------------------------------------------------------------------


def _react(view: ClinicianView, voice: Voice, move: str) -> str:
    """An answer to the patient's last words: to a question, to the last move, to what was told, or a short sign."""
    if not view.transcript:
        return ""
    last = view.transcript[-1]
    if answered := _answer(view, voice):
        return answered
    before = voice.heard.moves[-1] if voice.heard.moves else (-1, "")
    often = 1.0 if last.stage in {"risk check", "rupture", "repair"} else 0.75
    if before[0] == len(view.transcript) - 2 and voice.can(f"{before[1]}.react") and voice.chance(often):
        return voice.fresh(f"{before[1]}.react")
    gist = _told_last(view)
    if gist and topic_of(view.transcript[-2].text) in listening().tender:
        if voice.chance(0.7):
            return voice.fresh("reflect_hard" if voice.chance(0.6) else "reflect", gist=gist)
        return voice.fresh("ack_hard")
    text = last.text.lower()
    kind = voice.rng.random()
    if gist and kind < (0.5 if view.setting == "therapy" else 0.3):
        hard = view.setting == "therapy" and listening().bad_said.search(gist) and voice.chance(0.3)
        return voice.fresh("reflect_hard" if hard else "reflect", gist=gist)
    if view.setting == "therapy" and kind < 0.8:
        if view.position.stage.name in listening().comfort and listening().bad_said.search(text):
            return voice.fresh("ack_hard")
        if view.position.stage.name in listening().praise and listening().good_said.search(text):
            return voice.fresh("ack_good")
    return voice.fresh("ack") + "." if kind < (0.93 if view.setting == "therapy" else 0.75) else ""


def _answer(view: ClinicianView, voice: Voice) -> str:
    if not view.transcript:
        return ""
    question = question_of(view.transcript[-1].text)
    return voice.fresh(f"{question}.answer") if question else ""


def _told_last(view: ClinicianView) -> str:
    """What the patient disclosed with the last words, as it is said back; empty where it was nothing.

    Facts are told when they have been asked about by their topic, which is no move of a script.
    """
    if not view.disclosed or len(view.transcript) < 2:
        return ""
    asked = view.transcript[-2]
    if breaks(asked.text, "go_on"):
        return ""
    move = move_of(asked.text, view.setting, asked.stage, view.technique if asked.stage == "work" else "")
    return "" if move and move not in scripts().greetings else notes_to_you(view.disclosed[-1])


def _gists(view: ClinicianView, stage: bool = False) -> list[str]:
    return [notes_to_you(gist) for gist in view.disclosed]


def _recap(view: ClinicianView, voice: Voice) -> str:
    gists = _gists(view)
    if view.setting == "visit":
        recent = gists[-6:]
        chosen = sorted(voice.rng.sample(range(len(recent)), min(3, len(recent))))
        return voice.say("recap_visit", **{f"gist{i + 1}": recent[at] for i, at in enumerate(chosen)})
    parts = []
    if view.position.stage.name == "closing":
        if voice.can("recap_thought"):
            parts.append(voice.say("recap_thought"))
        elif view.technique:
            parts.append(voice.say("recap_technique"))
    if len(gists) >= 2:
        pool = gists[-5:] if view.position.stage.name != "closing" else gists
        one, two = sorted(voice.rng.sample(range(len(pool)), 2))
        parts.insert(0, voice.say("recap_two", gist1=pool[one], gist2=pool[two]))
    return " ".join(parts)


# Examination, assessment, plan ---------------------------------------------------------------------------------------


def _point(view: ClinicianView, voice: Voice, stage: str) -> str:
    """The next point of what is found, thought or proposed; the plan of the stage holds them in order."""
    points, at = _points(view), view.position.said // 2
    if stage == "examination":
        pairs = [tuple(point.partition(" - ")[::2]) for point in points]
        if at == 0:
            return voice.say("exam_start", action=pairs[0][0]) if pairs else voice.say("history_else.ask")
        if at < len(pairs):
            return voice.say("exam_next", finding=pairs[at - 1][1], action=pairs[at][0])
        if at == len(pairs):
            return voice.say("exam_end", finding=pairs[-1][1])
        return voice.say("history_else.ask")
    name, checks = ("assess", scripts().assess) if stage == "assessment" else ("plan", scripts().plan)
    unused = [move for move in checks if move not in voice.heard.done] or list(checks)
    if at < len(points):
        text = voice.say(f"{name}_first" if at == 0 else f"{name}_next", point=points[at])
        if name == "plan":
            back, can = listening().next_time_said.match(points[at]), listening().to_do_said.match(points[at])
            unused = ["plan_back" if back else "plan_can" if can else "plan_happy"]
        ask = f"{voice.rng.choice(unused)}.ask" if at or voice.chance(0.6) else ""
        return f"{text} {voice.fresh(ask) if ask else ''}"
    if name == "plan" and "plan_repeat" not in voice.heard.done:
        return voice.say("plan_repeat.ask")
    last = "plan_unsure" if name == "plan" else voice.rng.choice(unused)
    return f"{voice.fresh('explain_more')} {voice.fresh(f'{last}.ask')}"
