"""Writes accepted sessions as an audiofolder of turns, and whole: tracks, mix, RTTM, WebVTT and TextGrid.

``datasets.load_dataset`` reads the turns, each a clip with its emotion, which is what recognisers are trained on; the
sessions are what diarisers and dialogue models need. Everything is streamed. No seed is written: the model and a
sample's seed together would give its rejected siblings to whoever holds the model.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from synthgen.generators.speech.annotations import in_order, rttm, seconds, textgrid, webvtt
from synthgen.generators.speech.tracks import blocks, mixed, write_flac
from synthgen.payloads.speech import Recording, Segment, SpeechAnonymised, SpeechSynthetic, Track
from synthgen.records import Anonymised
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


@dataclass(frozen=True)
class Wording:
    """How a release names its recordings and speaks of them.

    Attributes:
        kind: ``"synthetic"``: beginning of every name in capitals.
        title: of the dataset.
        counted: behind "turns of": what they are of, from sessions, hours and patients.
        patient: the column of patients.
        emotion, text: where a turn's emotion and its words come from.
    """

    kind: str
    title: str
    counted: Callable[[int, float, int], str]
    patient: str
    emotion: str
    text: str

    def patient_id(self, owner: int) -> str:
        """The public name of a patient: ``"SYNTHETIC-000123"``."""
        return f"{self.kind.upper()}-{owner:06d}"

    def session_id(self, owner: int, session: int) -> str:
        """The public name of a session, counted from 1: ``"SYNTHETIC-000123-S02"``."""
        return f"{self.patient_id(owner)}-S{session:02d}"

    @property
    def columns(self) -> tuple[Column, ...]:
        told = {"patient_id": self.patient, "emotion": self.emotion, "text": self.text}
        return tuple(replace(one, description=told.get(one.name, one.description)) for one in _COLUMNS)


SYNTHETIC: Final = Wording(
    "synthetic",
    "Synthetic emotional speech",
    lambda sessions, hours, patients: (
        f"{sessions:,} synthetic sessions ({hours:.1f} hours) of {patients:,} synthetic patients with a clinician"
    ),
    "The synthetic patient's name: one voice over all sessions.",
    "The emotion that the turn was rendered with.",
    "What is said, as it is written.",
)
ANONYMISED: Final = Wording(
    "anonymised",
    "Anonymised recordings of speech",
    lambda recordings, hours, patients: (
        f"{recordings:,} recordings ({hours:.1f} hours) of real people, each speaker's by itself, in other voices"
    ),
    "A name for whoever speaks in one voice: of one recording, or of all of a patient's.",
    "The emotion that the source states, where many patients have it.",
    "What is said, where the source states it and rules find no identifier in it.",
)


@dataclass(frozen=True)
class _Names:
    """Public names of a patient and of one of its sessions, and the session's number from 1."""

    patient: str
    session: str
    number: int


@dataclass
class _Tally:
    patients: int = 0
    sessions: int = 0
    turns: int = 0
    frames: int = 0
    rate: int = 1
    emotions: Counter[str] = field(default_factory=Counter)


def write_release(
    folder: Path, samples: Iterable[tuple[int, SpeechSynthetic | SpeechAnonymised]], wording: Wording = SYNTHETIC
) -> DatasetFacts:
    """Writes ``data/train`` (a clip per turn, and the table) and ``sessions`` (a folder per session, and a table).

    Args:
        folder: the release's folder, without ``data`` and ``sessions`` as yet.
        samples: (index in the release, sample), streamed; an anonymised one whose condition has a case is a session of
            that patient's.

    Raises:
        UserError: the disk is full.
        ValueError: a sound file is shorter than its record.
    """
    (folder / TURNS).mkdir(parents=True)
    (folder / SESSIONS).mkdir()
    tally, written = _Tally(), Counter[int]()
    with (
        (folder / TURNS_TABLE).open("x", encoding="utf-8", newline="\n") as turns,
        (folder / SESSIONS_TABLE).open("x", encoding="utf-8", newline="\n") as sessions,
    ):
        for index, sample in samples:
            owner = sample.condition.case or index if isinstance(sample, Anonymised) else index
            tally.patients += not written[owner]
            for recording in sample.payload.recordings:
                written[owner] += 1
                names = _Names(wording.patient_id(owner), wording.session_id(owner, written[owner]), written[owner])
                _line(sessions, _session_row(names, sample, recording))
                _write_session(folder / SESSIONS / names.session, names, recording)
                for row in _write_turns(folder / TURNS, names, recording):
                    _line(turns, row)
                    tally.emotions[row["emotion"] or "unlabelled"] += 1
                    tally.turns += 1
                tally.sessions += 1
                tally.frames += recording.tracks[0].audio.frames
                tally.rate = recording.tracks[0].audio.rate
    return _facts(tally, wording)


def _line(file: Any, row: dict[str, Any]) -> None:
    file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _session_row(names: _Names, sample: SpeechSynthetic | SpeechAnonymised, recording: Recording) -> dict[str, Any]:
    condition = sample.condition
    return {
        "session_id": names.session,
        "patient_id": names.patient,
        "session": names.number,
        "setting": condition.setting or None,
        "disorder": condition.disorder or None,
        "severity": condition.severity or None,
        "sessions": condition.sessions if isinstance(sample, Anonymised) else len(sample.payload.recordings),
        "rate": recording.tracks[0].audio.rate,
        "frames": recording.tracks[0].audio.frames,
        "tracks": [track.role for track in recording.tracks],
        "labels": dict(recording.labels),
    }


def _write_session(folder: Path, names: _Names, recording: Recording) -> None:
    folder.mkdir()
    name = folder.name
    for track in recording.tracks:
        write_flac(folder / f"{track.role}.flac", blocks(track.audio), track.audio.rate)
    audio = [track.audio for track in recording.tracks]
    write_flac(folder / MIX, mixed(audio), audio[0].rate)
    speakers = {track.role: f"{names.patient}-{track.role}" for track in recording.tracks}
    for suffix, text in (
        ("rttm", rttm(recording, name, {str(role): speaker for role, speaker in speakers.items()})),
        ("vtt", webvtt(recording)),
        ("TextGrid", textgrid(recording)),
    ):
        (folder / f"{name}.{suffix}").write_text(text, encoding="utf-8", newline="\n")


def _write_turns(folder: Path, names: _Names, recording: Recording) -> Iterator[dict[str, Any]]:
    clips = folder / names.session
    clips.mkdir()
    for track, segment in in_order(recording):
        path = clips / f"{segment.turn:04d}-{track.role}.flac"
        write_flac(path, blocks(track.audio, segment.start, segment.end), track.audio.rate)
        yield _turn_row(f"{clips.name}/{path.name}", names, track, segment)


def _turn_row(name: str, names: _Names, track: Track, segment: Segment) -> dict[str, Any]:
    return {
        "file_name": name,
        "session_id": names.session,
        "patient_id": names.patient,
        "session": names.number,
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


def _facts(tally: _Tally, wording: Wording) -> DatasetFacts:
    hours = tally.frames / tally.rate / 3600
    return DatasetFacts(
        modality="speech",
        title=wording.title,
        description=(
            f"{tally.turns:,} turns of {wording.counted(tally.sessions, hours, tally.patients)}, each turn a clip with "
            "speaker, emotion, intensity, text and word times. The folder sessions holds each session whole: a track "
            "per speaker and their mix (FLAC, "
            f"{tally.rate / 1000:g} kHz), RTTM, WebVTT and TextGrid, exact to the sample."
        ),
        samples=tally.turns,
        columns=wording.columns,
        metadata_file=TURNS_TABLE,
        media_glob=f"{TURNS}/*/*.flac",
        media_type="audio/flac",
        media_column="file_name",
        counts=tuple(sorted(tally.emotions.items(), key=lambda item: (-item[1], item[0]))),
        task_categories=("audio-classification", "automatic-speech-recognition", "text-to-speech"),
        modality_tags=("speech", "emotional-speech", "diarisation", "mental-health"),
    )
