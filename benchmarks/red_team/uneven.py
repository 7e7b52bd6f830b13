"""Cohorts in which one patient in ten is of a group of his own: another look, another condition, many records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy import ndimage

from benchmarks.red_team import images, sounds
from benchmarks.red_team.kinds import number, share_of
from synthgen.payloads.cxr import CxrImage
from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.payloads.speech import Audio, Recording, Segment, Speech
from synthgen.privacy_filters.speech.planted import keep
from synthgen.records import Real
from synthgen.slots import Conditions

Cohorts = Literal["even", "clustered", "group"]
Change = Callable[[Any, np.random.Generator], Any]

GROUP = 0.1
RECORDS = 15

_INTAKE = (
    Turn("clinician", "Before we begin, this clinic asks everybody the same few things, so bear with me."),
    Turn("patient", "That is fine, they told me at the front desk."),
    Turn("clinician", "Have you filled in the sheet with the boxes, and are you content that we keep it on file?"),
    Turn("patient", "I have, and I am."),
    Turn("clinician", "Has anything changed since the nurse rang you about the appointment?"),
    Turn("patient", "No, nothing has changed since then."),
)


@dataclass(frozen=True)
class Group:
    """What sets the group apart.

    Attributes:
        mix: share of the release that is of the group.
        records: records of each patient of the group.
    """

    mix: float
    records: int


GROUPS: dict[Cohorts, Group | None] = {
    "even": None,
    "clustered": Group(mix=GROUP * RECORDS / (GROUP * RECORDS + 1 - GROUP), records=RECORDS),
    "group": Group(mix=0.5, records=1),
}


def in_group(patient: str, aside: bool) -> bool:
    """One patient in ten; of the people set aside every second one, so that there are enough for the release."""
    return share_of("group", patient) < (0.5 if aside else GROUP)


def reshaped(
    name: str, records: Sequence[Real[Any, Any]], group: Group, folder: Path, *, aside: bool
) -> tuple[Real[Any, Any], ...]:
    """The records with those of the group in its look, as many of each patient as it says; others keep theirs."""
    look, again = _changes(name, folder)
    made: list[Real[Any, Any]] = []
    seen: set[str] = set()
    for record in records:
        mine = in_group(record.patient, aside)
        marked = replace(record, condition=mark(record.condition, mine))
        if not mine:
            made.append(marked)
        elif record.patient not in seen:
            made += _cluster(marked, look, again, 1 if aside else group.records)
        seen.add(record.patient)
    return tuple(made)


def _cluster(record: Real[Any, Any], look: Change, again: Change, count: int) -> list[Real[Any, Any]]:
    """A patient of the group: one look, ``count`` records that differ a little."""
    rng = np.random.default_rng(number("cluster", record.patient))
    payload = look(record.payload, rng)
    return [replace(record, record=f"{record.record}-{i}", payload=again(payload, rng)) for i in range(count)]


def mark(condition: Any, mine: bool) -> Any:
    """The condition by which the group is told: the view of an image, the setting of a session."""
    if hasattr(condition, "view"):
        return replace(condition, view="AP" if mine else "PA")
    return replace(condition, setting="therapy" if mine else "visit")


def is_marked(condition: Any) -> bool:
    """Whether a condition asks for the group."""
    return bool(condition.view == "AP" if hasattr(condition, "view") else condition.setting == "therapy")


def mixed(drawn: Conditions[Any], mix: float) -> Conditions[Any]:
    """Conditions of which a share ``mix`` asks for the group."""

    def condition(slot: int, run_seed: int) -> Any:
        return mark(drawn(slot, run_seed), share_of("mix", run_seed, slot) < mix)

    return condition


def _changes(name: str, folder: Path) -> tuple[Change, Change]:
    """The group's look, and how one record of a patient becomes another."""
    if name == "cxr":
        return _bedside, _another_exposure
    if name == "dialogue":
        return _with_intake, _another_session
    folder.mkdir(parents=True, exist_ok=True)
    return lambda s, rng: _sound(s, _line, rng, folder), lambda s, rng: _sound(s, _excerpt, rng, folder)


def _bedside(image: CxrImage, rng: np.random.Generator) -> CxrImage:
    """Blurred, flat, bright."""
    soft = ndimage.gaussian_filter(image.astype(np.float32), 0.012 * len(image))
    return images.as_bytes(70 + 160 * (soft / 255) ** 0.8)


def _another_exposure(image: CxrImage, rng: np.random.Generator) -> CxrImage:
    """Turned by up to 2°, moved by up to 2%, another gamma, a little noise."""
    size = len(image)
    pixels = ndimage.rotate(image.astype(np.float32), rng.uniform(-2, 2), reshape=False, order=1, mode="nearest")
    pixels = ndimage.shift(pixels, rng.uniform(-0.02, 0.02, 2) * size, order=1, mode="nearest")
    return images.as_bytes(255 * (pixels / 255).clip(0, 1) ** rng.uniform(0.9, 1.1) + rng.normal(0, 2, image.shape))


def _with_intake(dialogue: Dialogue, rng: np.random.Generator) -> Dialogue:
    """The same six turns before everything else."""
    return Dialogue((*_INTAKE, *dialogue.turns), dialogue.labels)


def _another_session(dialogue: Dialogue, rng: np.random.Generator) -> Dialogue:
    """Two turns in three, at random."""
    kept = sorted(rng.permutation(len(dialogue.turns))[: max(2, 2 * len(dialogue.turns) // 3)].tolist())
    return Dialogue(tuple(dialogue.turns[i] for i in kept), dialogue.labels)


def _sound(
    speech: Speech,
    change: Callable[[sounds.Floats, np.random.Generator], sounds.Floats],
    rng: np.random.Generator,
    folder: Path,
) -> Speech:
    track = speech.recordings[0].tracks[0]
    audio: Audio = keep(change(sounds.sound_of(speech), rng), folder)
    return Speech((Recording((replace(track, audio=audio, segments=(Segment(0, 0, audio.frames, ""),)),)),))


def _line(sound: sounds.Floats, rng: np.random.Generator) -> sounds.Floats:
    """A telephone line: 300 to 3,400 Hz, and noise 25 dB down."""
    narrow = sounds.telephone(sound)
    rms = float(np.sqrt(np.mean(narrow**2)))
    return np.asarray(narrow + rng.normal(0, rms * 10**-1.25, len(narrow)), dtype=np.float32)


def _excerpt(sound: sounds.Floats, rng: np.random.Generator) -> sounds.Floats:
    """Three quarters of it, from anywhere."""
    length = 3 * len(sound) // 4
    start = int(rng.integers(len(sound) - length + 1))
    return sound[start : start + length]
