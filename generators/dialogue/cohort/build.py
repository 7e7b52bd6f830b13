"""From what a file holds to a dialogue: roles mapped, text cleaned, labels read; what does not serve is counted."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, cast, get_args

from synthgen.errors import UserError
from synthgen.generators.cohort.emotions import emotion_of
from synthgen.generators.dialogue.cohort.markup import stripped
from synthgen.generators.dialogue.cohort.raw import Raw, RawTurn, Reading
from synthgen.generators.dialogue.cohort.records import speaker_labels
from synthgen.generators.dialogue.cohort.roles import is_chat, joined, speaker_of
from synthgen.generators.dialogue.cohort.tally import Unknown
from synthgen.generators.dialogue.cohort.text import clean, has_control, mended, one_line
from synthgen.generators.dialogue.cohort_config import Side
from synthgen.generators.dialogue.plan.types import SCALES, highest
from synthgen.payloads.dialogue import Emotion, Label, Setting, Severity, Speaker, Turn

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


@dataclass(frozen=True, slots=True)
class Labels:
    """What the labels of a dialogue say of its condition, and the rest."""

    setting: Setting
    topic: str
    severity: Severity
    kept: tuple[tuple[str, Label], ...]


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A turn with its side; nobody's and what is no name are sorted out already."""

    side: Speaker
    turn: RawTurn


def turns_of(raw: Raw, reading: Reading) -> tuple[Turn, ...] | None:
    """The turns, each with a side and some text; None, counted, where no two sides speak or a turn is too long."""
    spoken = _sided(raw, reading)
    if spoken is None:
        return None
    turns: list[Turn] = []
    for one in spoken:
        text = _text(one.turn, reading)
        if text is None:
            reading.tally.skipped[f"dialogue with a turn of more than {reading.config.longest_turn:,} characters"] += 1
            return None
        if text:
            _put(Turn(one.side, text, _emotion(one.turn, reading), one_line(one.turn.stage)), turns, reading)
    return tuple(turns) if _serves({turn.speaker for turn in turns}, spoken, reading) else None


def _sided(raw: Raw, reading: Reading) -> list[_Spoken] | None:
    """The side of every turn; None where a name stands for none, which is kept to be asked for."""
    own = {**reading.config.roles, **speaker_labels(raw.labels)}
    names = {turn.role for turn in raw.turns}
    sides: dict[str, Side | Literal[""]] = {name: _side(name, own, reading) for name in names}
    sides = _inferred(sides) if reading.config.pair == "infer" else sides
    if unknown := [name for name in names if not sides[name]]:
        if reading.config.unknown == "skip":
            reading.tally.skipped["dialogue with a speaker of unknown side"] += 1
            return None
        _ask(raw, unknown, sides, reading)
        return None
    spoken: list[_Spoken] = []
    for turn in raw.turns:
        side = sides[turn.role]
        if side == "nobody":
            reading.notice("turns are of the system, a tool or a narrator, and are left out")
        elif side == "text" and spoken:
            last = spoken.pop()
            spoken.append(
                _Spoken(last.side, replace(last.turn, text=f"{last.turn.text or ''} {turn.role}: {turn.text}"))
            )
        elif side not in {"", "text"}:
            spoken.append(_Spoken(cast(Speaker, side), turn))
    if any(is_chat(name) and name not in own for name in names):
        other = "user" if reading.config.clinician == "assistant" else "assistant"
        aside = reading.tally.aside("clinician", other, "turns that round")
        reading.notice(f"{_CHAT[reading.config.clinician]}{aside}")
    return spoken


_CHAT: Final = {
    "assistant": "dialogues are chats: the assistant counts as the clinician, the user as the patient",
    "user": "dialogues are chats: the user counts as the clinician, the assistant as the patient",
}


def _side(name: str, own: Mapping[str, Side], reading: Reading) -> Side | Literal[""]:
    return speaker_of(name, own, reading.config.clinician)


def _inferred(sides: Mapping[str, Side | Literal[""]]) -> dict[str, Side | Literal[""]]:
    """Of two speakers of whom one is known, the other is the other side."""
    speaking = {name: side for name, side in sides.items() if side not in {"nobody", "text"}}
    known = [side for side in speaking.values() if side]
    if len(speaking) != 2 or len(known) != 1 or known[0] not in {"clinician", "patient"}:
        return dict(sides)
    other: Side = "patient" if known[0] == "clinician" else "clinician"
    return {name: side or other for name, side in sides.items()}


def _ask(raw: Raw, unknown: list[str], sides: Mapping[str, Side | Literal[""]], reading: Reading) -> None:
    """Keeps what is to be asked about names that stand for no side, in the order in which they speak."""
    letters = [name for name in sides if len(joined(name)) == 1]  # P may be a psychologist where the other is C
    clear = len(unknown) == 1 and not (len(letters) > 1 and unknown[0] in letters)
    lacking = frozenset({"clinician", "patient"} - set(sides.values())) if clear else frozenset({"both"})
    for name in dict.fromkeys(turn.role for turn in raw.turns if turn.role in unknown):
        own = [turn for turn in raw.turns if turn.role == name]
        one = reading.tally.unknown.setdefault(one_line(name, 200), Unknown(own[0].where))
        one.turns += len(own)
        one.questions += sum("?" in str(turn.text or "") for turn in own)
        one.dialogues += 1
        one.lacking.add(lacking)


def _text(turn: RawTurn, reading: Reading) -> str | None:
    """What is said, cleaned, without marks; empty, counted, where nothing is; None where it is too long."""
    said = cast(str, turn.text or "")
    if len(said) > reading.config.longest_turn:
        return None
    if has_control(said):
        reading.notice("turns held control characters, which are stripped")
    text = clean(mended(said))
    reading.notice("turns were UTF-8 that was taken for Windows-1252, and are mended", int(mended(said) != said))
    plain = clean(stripped(text)) if reading.config.markup == "strip" else text
    if plain != text and plain:
        aside = reading.tally.aside("markup", "keep", "keeps them")
        reading.notice(f"turns held marks of a transcriber, which are taken off{aside}")
    elif text and not plain:
        reading.notice("turns are nothing but a mark of a transcriber, and are left out")
    elif not text:
        reading.notice("turns hold no text and are left out")
    return plain


def _put(turn: Turn, turns: list[Turn], reading: Reading) -> None:
    if turns and turns[-1].speaker == turn.speaker:
        reading.notice(_REPEATED[reading.config.repeated_speaker])
        if reading.config.repeated_speaker == "merge":
            turns[-1] = Turn(turn.speaker, f"{turns[-1].text}\n{turn.text}", turns[-1].emotion, turns[-1].stage)
            return
    turns.append(turn)


def _emotion(turn: RawTurn, reading: Reading) -> Emotion:
    """Our name of the turn's emotion; empty, counted, where it has none."""
    emotion = emotion_of(turn.emotion, reading.config.emotions)
    if turn.emotion and not emotion:
        reading.tally.unlabelled[one_line(turn.emotion, 40), emotion is None] += 1
    return emotion or ""


def _serves(sides: set[Speaker], spoken: list[_Spoken], reading: Reading) -> bool:
    """False, counted, for what is no dialogue of one patient with a clinician."""
    several = {
        joined(one.turn.role) for one in spoken if one.side == "patient" and _NUMBERED.search(joined(one.turn.role))
    }
    if len(several) > 1:
        reason = SEVERAL
    elif not sides:
        reason = "dialogue without any text"
    elif "clinician" not in sides or len(sides) < 2:
        reason = ONE_SIDED
    else:
        return True
    reading.tally.skipped[reason] += 1
    return False


SEVERAL: Final = "dialogue of several patients"
ONE_SIDED: Final = "one-sided dialogue"
_NUMBERED: Final = re.compile(r"_?\d+$")
_REPEATED: Final = {
    "keep": "turns follow one of the same speaker, and stay as they are",
    "merge": "turns follow one of the same speaker, and are put together with it",
}


def labels_of(raw: Raw, reading: Reading) -> Labels:
    """Reads the condition from the labels, under any of their usual names; long texts (notes) are no labels."""
    tally, config = reading.tally, reading.config
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
    _refuse_beyond(by_name, kept, raw.where)
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


def _refuse_beyond(labels: Mapping[str, Label], kept: Mapping[str, Label], where: str) -> None:
    """Raises UserError where a total lies beyond the scale of its instrument: a label that cannot be is no label."""
    for instrument in SCALES:
        short = _plain(instrument)
        alone = () if instrument in {"AUDIT", "ISI"} else (short,)  # these are words of other tables, too
        for name in (*alone, f"{short}total", f"{short}score", f"{short}sum"):
            total = _number(labels.get(name))
            if total is not None and not 0 <= total <= highest(instrument):
                written = next(key for key in kept if _plain(key) == name)
                raise UserError(
                    f"{where}: {written} is {total:g}, and the {instrument} goes from 0 to {highest(instrument)}: put "
                    "it right, or leave the label out"
                )


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
