"""Recordings of conversations with RTTM files that say who speaks when (NIST Rich Transcription, SPEAKER lines).

Each speaker of a recording becomes a record of its own, silent where the others speak. Where two speak at once, what
is heard belongs to neither: such stretches are left out of both. Names such as SPEAKER_00, which a diariser gives,
hold within one recording; others hold for the cohort.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import counted, files_below, in_order, licence_of
from synthgen.generators.speech.cohort import listing
from synthgen.generators.speech.cohort.listing import Entry, Listing
from synthgen.generators.speech.cohort_config import CohortConfig

LOOKED_FOR: Final = "RTTM files beside the recordings that they describe"
_LOCAL: Final = re.compile(r"(speaker|spk|spkr|s)?[_-]?\d+|[a-z]", re.IGNORECASE)
_ROLES: Final = frozenset({"patient", "client", "therapist", "doctor", "clinician", "interviewer", "participant"})

Span = tuple[float, float]


def recognises(data: Path) -> bool:
    return any(data.rglob("*.rttm"))


def read(data: Path, config: CohortConfig) -> Listing:
    """Lists the speakers of every recording. Raises UserError for a line that is no RTTM."""
    annotations = sorted(data.rglob("*.rttm"))
    if not annotations:
        raise UserError(f"the rttm layout needs {LOOKED_FOR}, in {data}")
    sounds: dict[str, list[Path]] = defaultdict(list)
    for path in files_below(data, listing.SUFFIXES):
        sounds[path.stem].append(path)
    entries: list[Entry] = []
    skipped: Counter[str] = Counter()
    described: set[Path] = set()
    for annotation in annotations:
        for name, speakers in _turns(annotation).items():
            found = sounds.get(name, [])
            if len(found) > 1:
                raise UserError(f"{annotation.name}: {len(found)} sound files are called {name}: keep one")
            file = found[0] if found else annotation.parent / f"{name}.wav"
            if file in described:
                raise UserError(f"{file.name} is described twice, the second time in {annotation.name}: keep one")
            described.add(file)
            separate = len({channel for _, channel in speakers}) > 1
            for (speaker, channel), spans in sorted(speakers.items()):
                others = [s for key, theirs in speakers.items() if key[0] != speaker for s in theirs]
                alone = without(merged(spans), [] if separate else merged(others))
                if not alone:
                    skipped["speaker who never speaks alone"] += 1
                    continue
                entries.append(
                    Entry(
                        speaker=_person(speaker, name, config),
                        record=f"{file.relative_to(data).as_posix()}#{speaker}" + (f"@{channel}" if separate else ""),
                        file=file,
                        where=annotation.name,
                        role=listing.role(speaker),
                        spans=tuple(alone),
                        channel=channel - 1 if separate else None,
                    )
                )
    left = {path for paths in sounds.values() for path in paths} - described
    if left:
        skipped["recording without RTTM lines"] = len(left)
    return Listing("rttm", licence_of(data), in_order(entries), counted(skipped))


def _turns(path: Path) -> dict[str, dict[tuple[str, int], list[Span]]]:
    """Per recording, per speaker and channel, the seconds in which it speaks."""
    found: dict[str, dict[tuple[str, int], list[Span]]] = {}
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UserError(f"{path.name} is not UTF-8 text") from None
    for number, line in enumerate(lines, start=1):
        parts = line.split()
        if not parts or parts[0] != "SPEAKER":
            continue  # other types (SPKR-INFO, comments) say nothing of times
        try:
            name, channel, start, length, speaker = parts[1], int(parts[2]), float(parts[3]), float(parts[4]), parts[7]
        except (IndexError, ValueError):
            raise UserError(
                f"{path.name}, line {number}: needs SPEAKER file channel start duration <NA> <NA> speaker, in seconds"
            ) from None
        if not (math.isfinite(start) and math.isfinite(length)) or start < 0 or length < 0 or channel < 1:
            raise UserError(f"{path.name}, line {number}: start and duration must be 0 or more, the channel 1 or more")
        if length:
            found.setdefault(name, {}).setdefault((speaker, channel), []).append((start, start + length))
    if not found:
        raise UserError(f"{path.name} has no SPEAKER lines")
    return found


def _person(speaker: str, recording: str, config: CohortConfig) -> str:
    local = bool(_LOCAL.fullmatch(speaker)) or speaker.lower() in _ROLES
    if config.speaker_names == "recording" or (config.speaker_names == "auto" and local):
        return f"{recording}/{speaker}"
    return speaker


def merged(spans: list[Span]) -> list[Span]:
    """In order, without overlaps."""
    result: list[Span] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def without(spans: list[Span], others: list[Span]) -> list[Span]:
    """``spans`` without what ``others`` cover; both merged."""
    result: list[Span] = []
    for start, end in spans:
        for low, high in others:
            if high <= start or low >= end:
                continue
            if low > start:
                result.append((start, low))
            start = max(start, high)
            if start >= end:
                break
        if start < end:
            result.append((start, end))
    return result
