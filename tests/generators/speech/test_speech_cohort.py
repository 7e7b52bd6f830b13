"""Cohorts of recordings in every layout and format, read as the same speech."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from synthgen.generators.speech.candidates import load_candidates
from synthgen.generators.speech.cohort import CohortConfig, load_cohort
from synthgen.generators.speech.cohort.conversion import RATE
from synthgen.generators.speech.cohort.turns import merged, without
from synthgen.payloads.speech import Speech, SpeechCondition
from synthgen.progress import Silent
from synthgen.records import Loaded

Floats = NDArray[np.float64]


class Notices(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def tone(hz: float, seconds: float = 1.5, rate: int = RATE) -> Floats:
    """A tone whose level swells, so that it has loud and quiet frames as speech has."""
    t = np.arange(round(seconds * rate)) / rate
    return np.asarray(0.3 * np.sin(2 * np.pi * hz * t) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t)))


def loudest_hz(samples: Floats, rate: int = RATE) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * rate / len(samples))


def write_table(folder: Path, header: Sequence[str], rows: Sequence[Sequence[str]], name: str = "metadata.csv") -> None:
    with (folder / name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def read(folder: Path, tmp_path: Path, **config: Any) -> Loaded[Speech, SpeechCondition]:
    return load_cohort(folder, CohortConfig(**config), tmp_path / "cache", Silent())


def heard(loaded: Loaded[Speech, SpeechCondition], number: int = 0) -> Floats:
    samples, rate = soundfile.read(loaded.records[number].payload.recordings[0].tracks[0].audio.path)
    assert rate == RATE
    return np.asarray(samples)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Two speakers with two clips each, and a table."""
    folder = tmp_path / "cohort"
    folder.mkdir()
    rows = []
    for i, (speaker, emotion) in enumerate([("a", "sad"), ("a", "Anger"), ("b", ""), ("b", "fearful")]):
        soundfile.write(folder / f"{i}.wav", tone(200 + 100 * i), RATE)
        rows.append([f"{i}.wav", speaker, emotion, f"sentence {i}", "CC0"])
    write_table(folder, ["file_name", "speaker_id", "emotion", "transcript", "licence"], rows)
    return folder


def test_a_table_gives_speakers_emotions_and_transcripts(clips: Path, tmp_path: Path) -> None:
    loaded = read(clips, tmp_path)
    assert loaded.layout == "metadata"
    assert loaded.licence == "CC0"
    assert [r.patient for r in loaded.records] == ["a", "a", "b", "b"]
    assert [r.condition.emotion for r in loaded.records] == ["sad", "angry", "", "anxious"]
    segments = [r.payload.recordings[0].tracks[0].segments[0] for r in loaded.records]
    assert [s.text for s in segments] == [f"sentence {i}" for i in range(4)]
    assert {(s.start, s.end) for s in segments} == {(0, round(1.5 * RATE))}


FORMATS: list[tuple[str, dict[str, Any]]] = [
    ("wav", {"subtype": "PCM_16"}),
    ("wav", {"subtype": "PCM_U8"}),
    ("wav", {"subtype": "PCM_24"}),
    ("wav", {"subtype": "FLOAT"}),
    ("wav", {"subtype": "ULAW"}),
    ("flac", {}),
    ("ogg", {"subtype": "VORBIS"}),
    ("mp3", {}),
    ("aiff", {}),
]


@pytest.mark.parametrize(("suffix", "options"), FORMATS, ids=[f"{s}-{o.get('subtype', '')}" for s, o in FORMATS])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_format_becomes_the_same_sound(
    tmp_path: Path, suffix: str, options: dict[str, Any], channels: int
) -> None:
    folder = tmp_path / "cohort" / "anna"
    folder.mkdir(parents=True)
    sound = tone(440, rate=44_100)
    soundfile.write(folder / f"clip.{suffix}", np.column_stack([sound] * channels), 44_100, **options)
    loaded = read(tmp_path / "cohort", tmp_path)
    samples = heard(loaded)
    assert loudest_hz(samples) == pytest.approx(440, abs=2)
    assert len(samples) == pytest.approx(1.5 * RATE, rel=0.05)  # MP3 pads
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(np.sqrt(np.mean(sound**2)), rel=0.05)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000])
def test_any_rate_becomes_16_khz_and_keeps_its_pitch_and_length(tmp_path: Path, rate: int) -> None:
    folder = tmp_path / "cohort" / "anna"
    folder.mkdir(parents=True)
    soundfile.write(folder / "clip.wav", tone(700, 20.0, rate), rate)  # longer than one block of reading
    samples = heard(read(tmp_path / "cohort", tmp_path))
    assert loudest_hz(samples) == pytest.approx(700, abs=1)
    assert abs(len(samples) - 20 * RATE) <= 16


def test_stereo_can_be_mixed(tmp_path: Path) -> None:
    folder = tmp_path / "cohort" / "anna"
    folder.mkdir(parents=True)
    left, right = tone(300), tone(900)
    soundfile.write(folder / "clip.wav", np.column_stack([left, right]), RATE, subtype="FLOAT")
    mixed = heard(read(tmp_path / "cohort", tmp_path, channel="mix"))
    assert np.allclose(mixed, (left + right) / 2, atol=1e-3)


def _audiofolder(folder: Path) -> None:
    for i, split in enumerate(["train", "test"]):
        (folder / split).mkdir(parents=True)
        soundfile.write(folder / split / "x.flac", tone(200 + 100 * i), RATE)
        (folder / split / "metadata.jsonl").write_text(
            json.dumps({"file_name": "x.flac", "speaker_id": f"p{i}", "emotion": None, "text": "words"}) + "\n"
        )


def _speaker_folders(folder: Path) -> None:
    for i in range(2):
        (folder / f"p{i}").mkdir(parents=True)
        soundfile.write(folder / f"p{i}" / "x.flac", tone(200 + 100 * i), RATE)


def _emotion_folders(folder: Path) -> None:
    for i, emotion in enumerate(["sad", "happy"]):
        (folder / emotion / f"p{i}").mkdir(parents=True)
        soundfile.write(folder / emotion / f"p{i}" / "x.flac", tone(200 + 100 * i), RATE)


def _tab_separated(folder: Path) -> None:
    folder.mkdir()
    for i in range(2):
        soundfile.write(folder / f"{i}.flac", tone(200 + 100 * i), RATE)
    (folder / "metadata.tsv").write_text("path\tclient_id\n0.flac\tp0\n1.flac\tp1\n")


@pytest.mark.parametrize("write", [_audiofolder, _speaker_folders, _emotion_folders, _tab_separated])
def test_every_layout_finds_the_same_speakers(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "cohort")
    loaded = read(tmp_path / "cohort", tmp_path)
    assert sorted(r.patient for r in loaded.records) == ["p0", "p1"]
    pitches = {r.patient: loudest_hz(heard(loaded, i)) for i, r in enumerate(loaded.records)}
    assert pitches == {"p0": pytest.approx(200, abs=2), "p1": pytest.approx(300, abs=2)}
    if write is _emotion_folders:
        assert {r.patient: r.condition.emotion for r in loaded.records} == {"p0": "sad", "p1": "happy"}


def test_rttm_gives_each_speaker_a_record_that_is_silent_where_others_speak(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    folder.mkdir()
    talk = np.concatenate([tone(300, 2.0), tone(900, 2.0), tone(600, 1.0)])
    soundfile.write(folder / "talk.wav", talk, RATE)
    (folder / "talk.rttm").write_text(
        "SPKR-INFO talk 1 <NA> <NA> <NA> unknown dr_smith <NA> <NA>\n"
        "SPEAKER talk 1 0.0 2.0 <NA> <NA> dr_smith <NA> <NA>\n"
        "SPEAKER talk 1 2.0 3.0 <NA> <NA> SPEAKER_01 <NA> <NA>\n"
        "SPEAKER talk 1 4.0 1.0 <NA> <NA> dr_smith <NA> <NA>\n"
    )
    loaded = read(folder, tmp_path)
    assert loaded.layout == "rttm"
    # A name that a diariser gave holds within its recording; what both say at once belongs to neither.
    assert [r.patient for r in loaded.records] == ["talk/SPEAKER_01", "dr_smith"]
    first, second = heard(loaded, 0), heard(loaded, 1)
    assert loudest_hz(first) == pytest.approx(900, abs=2)
    assert loudest_hz(second) == pytest.approx(300, abs=2)
    assert not first[: 2 * RATE].any()
    assert not first[4 * RATE :].any()
    assert not second[2 * RATE :].any()
    segments = loaded.records[0].payload.recordings[0].tracks[0].segments
    assert [(s.start, s.end) for s in segments] == [(2 * RATE, 4 * RATE)]


def test_rttm_with_a_channel_each_takes_each_from_its_channel(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    folder.mkdir()
    soundfile.write(folder / "talk.wav", np.column_stack([tone(300, 2.0), tone(900, 2.0)]), RATE)
    (folder / "talk.rttm").write_text(
        "SPEAKER talk 1 0.0 2.0 <NA> <NA> A <NA> <NA>\nSPEAKER talk 2 0.0 2.0 <NA> <NA> B <NA> <NA>\n"
    )
    loaded = read(folder, tmp_path)
    assert [round(loudest_hz(heard(loaded, i)), -1) for i in (0, 1)] == [300, 900]


Spans = st.lists(
    st.tuples(st.integers(0, 50), st.integers(1, 20)).map(lambda sl: (float(sl[0]), float(sl[0] + sl[1]))), max_size=8
)


@given(Spans, Spans)
@settings(max_examples=200, deadline=None)
def test_what_remains_of_spans_is_in_them_and_in_no_other(spans: Any, others: Any) -> None:
    def seconds(found: list[tuple[float, float]]) -> set[int]:
        return {s for start, end in found for s in range(int(start), int(end))}

    left = without(merged(spans), merged(others))
    assert seconds(left) == seconds(spans) - seconds(others)
    assert all(start < end for start, end in left)


def test_a_second_run_converts_nothing_and_an_unneeded_file_is_deleted(clips: Path, tmp_path: Path) -> None:
    before = read(clips, tmp_path)
    files = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "cache").glob("*.flac")}
    after = read(clips, tmp_path)
    assert after == before
    assert {p.name: p.stat().st_mtime_ns for p in (tmp_path / "cache").glob("*.flac")} == files
    write_table(clips, ["file_name", "speaker_id"], [["0.wav", "a"], ["2.wav", "b"]])
    shorter = read(clips, tmp_path)
    assert {s.reason: s.count for s in shorter.skipped} == {"recording without a row in the table": 2}
    assert len(list((tmp_path / "cache").glob("*.flac"))) == 2
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0
    assert all(p.stat().st_mode & 0o077 == 0 for p in (tmp_path / "cache").iterdir())


def test_a_damaged_cache_is_made_anew(clips: Path, tmp_path: Path) -> None:
    before = read(clips, tmp_path)
    (tmp_path / "cache" / "conversions.json").write_text('{"x": {"name": 3}}')
    assert read(clips, tmp_path) == before


def test_candidates_are_read_without_a_table_and_nothing_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    (folder / "deep").mkdir(parents=True)
    soundfile.write(folder / "a.wav", tone(300), RATE)
    soundfile.write(folder / "deep" / "b.ogg", np.zeros(RATE), RATE)
    found = load_candidates(folder, CohortConfig(), tmp_path / "cache", Silent())
    assert [name for name, _ in found] == ["a.wav", "deep/b.ogg"]
