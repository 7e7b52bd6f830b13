"""Reads back the data files of a release of speech."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synthgen.errors import UserError
from synthgen.generators.speech.tracks import digest_of
from synthgen.generators.speech.write import SESSIONS, SESSIONS_TABLE, TURNS_TABLE
from synthgen.payloads.speech import (
    Audio,
    Recording,
    Segment,
    Speech,
    SpeechCondition,
    SpeechSynthetic,
    Track,
    Word,
)
from synthgen.records import Synthetic


def read_release(folder: Path) -> list[SpeechSynthetic]:
    """The samples of a release in the order of its tables; seeds are not released and read as 0, and so do cases.

    Raises:
        UserError: if the folder is no release of speech, or a file in it is missing or damaged.
    """
    if not (folder / SESSIONS_TABLE).is_file() or not (folder / TURNS_TABLE).is_file():
        raise UserError(f"{folder} is not a release of speech: it has no {SESSIONS_TABLE} and {TURNS_TABLE}")
    turns: dict[tuple[str, str], list[Segment]] = defaultdict(list)
    for number, row in _rows(folder / TURNS_TABLE):
        try:
            turns[row["session_id"], row["speaker"]].append(_segment(row))
        except (KeyError, TypeError, ValueError):
            raise UserError(f"{folder / TURNS_TABLE}, line {number}: the turn cannot be read") from None
    patients: dict[str, list[Recording]] = defaultdict(list)
    conditions: dict[str, SpeechCondition] = {}
    for number, row in _rows(folder / SESSIONS_TABLE):
        try:
            patients[row["patient_id"]].append(_recording(folder, row, turns))
            known = {key: row[key] or "" for key in ("setting", "disorder", "severity")}
            conditions[row["patient_id"]] = SpeechCondition.from_dict({**known, "sessions": row["sessions"]})
        except (KeyError, TypeError, ValueError, OSError):
            raise UserError(f"{folder / SESSIONS_TABLE}, line {number}: the session cannot be read") from None
    return [Synthetic(0, conditions[name], Speech(tuple(found))) for name, found in patients.items()]


def _rows(table: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with table.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield number, json.loads(line)
            except ValueError:
                raise UserError(f"{table}, line {number}: the line is not valid JSON") from None


def _recording(folder: Path, row: dict[str, Any], turns: dict[tuple[str, str], list[Segment]]) -> Recording:
    name, rate, frames = str(row["session_id"]), int(row["rate"]), int(row["frames"])
    tracks = []
    for role in row["tracks"]:
        path = folder / SESSIONS / name / f"{role}.flac"
        segments = sorted(turns[name, role], key=lambda segment: segment.start)
        tracks.append(Track(role, Audio(path, digest_of(path), rate, frames), tuple(segments)))
    return Recording(tuple(tracks), tuple(sorted(row["labels"].items())))


def _segment(row: dict[str, Any]) -> Segment:
    start = int(row["start_sample"])
    words = tuple(
        Word(str(word["word"]), start + int(word["start_sample"]), start + int(word["end_sample"]))
        for word in row["words"]
    )
    voiced = tuple((start + int(one["start_sample"]), start + int(one["end_sample"])) for one in row.get("voiced", ()))
    return Segment(
        int(row["turn"]),
        start,
        int(row["end_sample"]),
        row["text"],
        row["emotion"],
        float(row["intensity"]),
        words,
        row.get("spoken", ""),
        voiced,
    )
