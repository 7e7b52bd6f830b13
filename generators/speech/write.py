"""Writes accepted sessions as an audiofolder of turns, and whole: tracks, mix, RTTM, WebVTT and TextGrid.

``datasets.load_dataset`` reads the turns, each a clip with its emotion, which is what recognisers are trained on; the
sessions are what diarisers and dialogue models need. Everything is streamed. No seed is written: the model and a
sample's seed together would give its rejected siblings to whoever holds the model.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthgen.generators.speech.annotations import in_order, rttm, seconds, textgrid, webvtt
from synthgen.generators.speech.tracks import blocks, mixed, write_flac
from synthgen.payloads.speech import Recording, Segment, SpeechSynthetic, Track
from synthgen.report import Column, DatasetFacts

TURNS = "data/train"
TURNS_TABLE = f"{TURNS}/metadata.jsonl"
SESSIONS = "sessions"
SESSIONS_TABLE = f"{SESSIONS}/sessions.jsonl"
MIX = "mix.flac"

_COLUMNS = (
    Column("file_name", "sc:Text", "The clip of the turn, beside this table."),
    Column("session_id", "sc:Text", "The session's name: its folder under sessions/."),
    Column("patient_id", "sc:Text", "The synthetic patient's name: one voice over all sessions."),
    Column("session", "sc:Integer", "Number of the session, from 1."),
    Column("turn", "sc:Integer", "Number of the turn in the session, from 0; a listener's 'mm-hm' has the turn's."),
    Column("speaker", "sc:Text", "Who speaks: clinician, patient or companion."),
    Column("emotion", "sc:Text", "The emotion that the turn was rendered with."),
    Column("intensity", "sc:Float", "Of the emotion, 0 to 2; 1 as a rule."),
    Column("text", "sc:Text", "What is said, as it is written."),
    Column(
        "spoken", "sc:Text", "The same as it is heard: numbers, doses, dates and abbreviations in words; … is a pause."
    ),
    Column("start", "sc:Float", "Start of the turn in the session, seconds."),
    Column("end", "sc:Float", "End of the turn in the session, seconds."),
    Column("start_sample", "sc:Integer", "Start of the turn in the session's files, samples."),
    Column("end_sample", "sc:Integer", "End of the turn, exclusive, samples."),
    Column(
        "words",
        "",
        "The words with their places in the clip; empty where the back-end gives no times.",
        repeated=True,
        fields=(
            Column("word", "sc:Text", "The word as spoken."),
            Column("start_sample", "sc:Integer", "Its start in the clip, samples."),
            Column("end_sample", "sc:Integer", "Its end, exclusive, samples."),
        ),
    ),
    Column(
        "voiced",
        "",
        "Where there is speech in the clip, without the silence between.",
        repeated=True,
        fields=(
            Column("start_sample", "sc:Integer", "Start in the clip, samples."),
            Column("end_sample", "sc:Integer", "End, exclusive, samples."),
        ),
    ),
)


def patient_id(index: int) -> str:
    """The public name of sample ``index``: ``"SYNTHETIC-000123"``."""
    return f"SYNTHETIC-{index:06d}"


def session_id(index: int, session: int) -> str:
    """The public name of a session, counted from 1: ``"SYNTHETIC-000123-S02"``."""
    return f"{patient_id(index)}-S{session:02d}"


@dataclass
class _Tally:
    patients: int = 0
    sessions: int = 0
    turns: int = 0
    frames: int = 0
    rate: int = 1
    emotions: Counter[str] = field(default_factory=Counter)


def write_release(folder: Path, samples: Iterable[tuple[int, SpeechSynthetic]]) -> DatasetFacts:
    """Writes ``data/train`` (a clip per turn, and the table) and ``sessions`` (a folder per session, and a table).

    Args:
        folder: the release's folder, without ``data`` and ``sessions`` as yet.
        samples: (index in the release, sample), streamed.

    Raises:
        UserError: the disk is full.
        ValueError: a sound file is shorter than its record.
    """
    (folder / TURNS).mkdir(parents=True)
    (folder / SESSIONS).mkdir()
    tally = _Tally()
    with (
        (folder / TURNS_TABLE).open("x", encoding="utf-8", newline="\n") as turns,
        (folder / SESSIONS_TABLE).open("x", encoding="utf-8", newline="\n") as sessions,
    ):
        for index, sample in samples:
            tally.patients += 1
            for number, recording in enumerate(sample.payload.recordings, start=1):
                _line(sessions, _session_row(index, number, sample, recording))
                _write_session(folder / SESSIONS / session_id(index, number), index, number, recording)
                for row in _write_turns(folder / TURNS, index, number, recording):
                    _line(turns, row)
                    tally.emotions[row["emotion"] or "unlabelled"] += 1
                    tally.turns += 1
                tally.sessions += 1
                tally.frames += recording.tracks[0].audio.frames
                tally.rate = recording.tracks[0].audio.rate
    return _facts(tally)


def _line(file: Any, row: dict[str, Any]) -> None:
    file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _session_row(index: int, number: int, sample: SpeechSynthetic, recording: Recording) -> dict[str, Any]:
    condition = sample.condition
    return {
        "session_id": session_id(index, number),
        "patient_id": patient_id(index),
        "session": number,
        "setting": condition.setting or None,
        "disorder": condition.disorder or None,
        "severity": condition.severity or None,
        "sessions": len(sample.payload.recordings),
        "rate": recording.tracks[0].audio.rate,
        "frames": recording.tracks[0].audio.frames,
        "tracks": [track.role for track in recording.tracks],
        "labels": dict(recording.labels),
    }


def _write_session(folder: Path, index: int, number: int, recording: Recording) -> None:
    folder.mkdir()
    name = folder.name
    for track in recording.tracks:
        write_flac(folder / f"{track.role}.flac", blocks(track.audio), track.audio.rate)
    audio = [track.audio for track in recording.tracks]
    write_flac(folder / MIX, mixed(audio), audio[0].rate)
    speakers = {track.role: f"{patient_id(index)}-{track.role}" for track in recording.tracks}
    for suffix, text in (
        ("rttm", rttm(recording, name, {str(role): speaker for role, speaker in speakers.items()})),
        ("vtt", webvtt(recording)),
        ("TextGrid", textgrid(recording)),
    ):
        (folder / f"{name}.{suffix}").write_text(text, encoding="utf-8", newline="\n")


def _write_turns(folder: Path, index: int, number: int, recording: Recording) -> Iterator[dict[str, Any]]:
    clips = folder / session_id(index, number)
    clips.mkdir()
    for track, segment in in_order(recording):
        path = clips / f"{segment.turn:04d}-{track.role}.flac"
        write_flac(path, blocks(track.audio, segment.start, segment.end), track.audio.rate)
        yield _turn_row(f"{clips.name}/{path.name}", index, number, track, segment)


def _turn_row(name: str, index: int, number: int, track: Track, segment: Segment) -> dict[str, Any]:
    return {
        "file_name": name,
        "session_id": session_id(index, number),
        "patient_id": patient_id(index),
        "session": number,
        "turn": segment.turn,
        "speaker": track.role,
        "emotion": segment.emotion,
        "intensity": segment.intensity,
        "text": segment.text,
        "spoken": segment.said,
        "start": float(seconds(segment.start, track.audio.rate)),
        "end": float(seconds(segment.end, track.audio.rate)),
        "start_sample": segment.start,
        "end_sample": segment.end,
        "words": [
            {"word": w.text, "start_sample": w.start - segment.start, "end_sample": w.end - segment.start}
            for w in segment.words
        ],
        "voiced": [
            {"start_sample": start - segment.start, "end_sample": end - segment.start}
            for start, end in segment.stretches
        ],
    }


def _facts(tally: _Tally) -> DatasetFacts:
    hours = tally.frames / tally.rate / 3600
    return DatasetFacts(
        modality="speech",
        title="Synthetic emotional speech",
        description=(
            f"{tally.turns:,} turns of {tally.sessions:,} synthetic sessions ({hours:.1f} hours) of {tally.patients:,} "
            "synthetic patients with a clinician, each turn a clip with speaker, emotion, intensity, text and word "
            "times. The folder sessions holds each session whole: a track per speaker and their mix (FLAC, "
            f"{tally.rate / 1000:g} kHz), RTTM, WebVTT and TextGrid, exact to the sample."
        ),
        samples=tally.turns,
        columns=_COLUMNS,
        metadata_file=TURNS_TABLE,
        media_glob=f"{TURNS}/*/*.flac",
        media_type="audio/flac",
        media_column="file_name",
        counts=tuple(sorted(tally.emotions.items(), key=lambda item: (-item[1], item[0]))),
        task_categories=("audio-classification", "automatic-speech-recognition", "text-to-speech"),
        modality_tags=("speech", "emotional-speech", "diarisation", "mental-health"),
    )
