"""From what a file holds to a dialogue: roles mapped, text cleaned, labels read; what does not serve is counted."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast, get_args

from synthgen.generators.cohort.emotions import emotion_of
from synthgen.generators.dialogue.cohort.raw import Raw
from synthgen.generators.dialogue.cohort.roles import speaker_of
from synthgen.generators.dialogue.cohort.text import clean, has_control, one_line
from synthgen.generators.dialogue.cohort_config import CohortConfig
from synthgen.payloads.dialogue import Label, Setting, Severity, Speaker, Turn

_BANDS: Final[Mapping[str, Severity]] = {
    "none": "minimal", "noneminimal": "minimal", "minimal": "minimal", "mild": "mild", "moderate": "moderate",
    "moderatelysevere": "moderately severe", "severe": "severe",
}  # fmt: skip
_SEVERITY: Final = ("severity", "phq9severity", "phqseverity", "depressionseverity", "gad7severity")
_PHQ: Final = ("phq9", "phq9total", "phq9score", "phq8", "phq8total", "phq8score")
_GAD: Final = ("gad7", "gad7total", "gad7score")
_TOPIC: Final = ("disorder", "diagnosis", "presentingproblem", "topic", "problem", "chiefcomplaint", "label")
_LICENCE: Final = ("licence", "license")
_LONGEST_TOPIC: Final = 80
_LONGEST_LABEL: Final = 200


@dataclass
class Tally:
    """What was found on the way: dialogues left out by reason, things to say, roles that are not known.

    Attributes:
        key: where the settings of reading stand, for advice.
        unlabelled: turns by the word for their emotion, of which none is kept, and whether the word is unknown.
    """

    key: str = "modality.cohort"
    skipped: Counter[str] = field(default_factory=Counter)
    noticed: Counter[str] = field(default_factory=Counter)
    unknown: dict[str, str] = field(default_factory=dict)
    licences: Counter[str] = field(default_factory=Counter)
    unlabelled: Counter[tuple[str, bool]] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Labels:
    """What the labels of a dialogue say of its condition, and the rest."""

    setting: Setting
    topic: str
    severity: Severity
    kept: tuple[tuple[str, Label], ...]


def turns_of(raw: Raw, config: CohortConfig, tally: Tally) -> tuple[Turn, ...] | None:
    """The turns, each with a side and some text; None, counted, where no two sides speak or a turn is too long."""
    turns: list[Turn] = []
    known = True
    for item in raw.turns:
        side = speaker_of(item.role, config.roles, config.clinician)
        if side == "silent":
            continue
        if side == "":
            tally.unknown.setdefault(one_line(item.role, 40), item.where)
            known = False
            continue
        if item.text is not None and len(cast(str, item.text)) > config.longest_turn:
            tally.skipped[f"dialogue with a turn of more than {config.longest_turn:,} characters"] += 1
            return None
        text = clean(cast(str, item.text or ""))
        if item.text and has_control(cast(str, item.text)):
            tally.noticed["turns held control characters, which are stripped"] += 1
        if not text:
            tally.noticed["turns hold no text and are left out"] += 1
            continue
        if turns and turns[-1].speaker == side:
            tally.noticed[_REPEATED[config.repeated_speaker]] += 1
            if config.repeated_speaker == "merge":
                turns[-1] = Turn(side, f"{turns[-1].text}\n{text}", turns[-1].emotion, turns[-1].stage)
                continue
        emotion = emotion_of(item.emotion, config.emotions)
        if item.emotion and not emotion:
            tally.unlabelled[one_line(item.emotion, 40), emotion is None] += 1
        turns.append(Turn(side, text, emotion or "", one_line(item.stage)))
    if not known:
        return None
    sides: set[Speaker] = {turn.speaker for turn in turns}
    if not turns:
        tally.skipped["dialogue without any text"] += 1
        return None
    if "clinician" not in sides or len(sides) < 2:
        tally.skipped["one-sided dialogue"] += 1
        return None
    return tuple(turns)


_REPEATED: Final = {
    "keep": "turns follow one of the same speaker, and stay as they are",
    "merge": "turns follow one of the same speaker, and are put together with it",
}


def labels_of(raw: Raw, config: CohortConfig, tally: Tally) -> Labels:
    """Reads the condition from the labels, under any of their usual names; long texts (notes) are no labels."""
    kept: dict[str, Label] = {}
    for name, value in raw.labels.items():
        label = _scalar(value)
        if label is None:
            continue
        if isinstance(label, str) and _plain(name) in _LICENCE:
            tally.licences[label] += 1
        elif isinstance(label, str) and len(label) > _LONGEST_LABEL:
            tally.noticed[f"labels are longer than {_LONGEST_LABEL} characters and are not kept"] += 1
        else:
            kept[one_line(name)] = label
    by_name: dict[str, Label] = {_plain(name): value for name, value in kept.items()}
    setting = str(by_name.get("setting", "")).lower()
    topic = next((str(by_name[name]) for name in _TOPIC if isinstance(by_name.get(name), str)), "")
    return Labels(
        cast(Setting, setting) if setting in get_args(Setting) and setting else config.setting,
        one_line(topic, _LONGEST_TOPIC + 1) if len(topic) <= _LONGEST_TOPIC else "",
        _severity(by_name),
        tuple(sorted(kept.items())),
    )


def session_of(value: object) -> int | None:
    """The number of a session, of ``3``, ``"3"``, ``"S03"`` or ``"session 3"``; None where it is no such number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 1 <= value <= 10_000 else None
    if isinstance(value, float) and value.is_integer():
        return session_of(int(value))
    found = re.fullmatch(r"\D{0,12}?0*(\d{1,4})", str(value).strip()) if value is not None else None
    return (int(found.group(1)) or None) if found else None


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower())


def _scalar(value: Any) -> Label:
    if isinstance(value, str):
        return " ".join(clean(value).split()) or None
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return None


def _severity(labels: Mapping[str, Label]) -> Severity:
    for name in _SEVERITY:
        band = _BANDS.get(_plain(str(labels.get(name, ""))))
        if band:
            return band
    for names, bands in ((_PHQ, _PHQ_BANDS), (_GAD, _GAD_BANDS)):
        for name in names:
            total = _number(labels.get(name))
            if total is not None and 0 <= total <= 27:
                return next(band for least, band in reversed(bands) if total >= least)
    return ""


_PHQ_BANDS: Final[tuple[tuple[int, Severity], ...]] = (
    (0, "minimal"), (5, "mild"), (10, "moderate"), (15, "moderately severe"), (20, "severe"),
)  # fmt: skip
_GAD_BANDS: Final[tuple[tuple[int, Severity], ...]] = ((0, "minimal"), (5, "mild"), (10, "moderate"), (15, "severe"))


def _number(value: Label) -> float | None:
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except ValueError:
        return None
