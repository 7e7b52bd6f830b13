"""What is wrong with recordings and tables: one clear line, or a count with its reason; nothing lost."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from synthgen.cohort import split_by_patient
from synthgen.config import SplitConfig
from synthgen.errors import UserError
from synthgen.generators.speech.cohort import CohortConfig, load_cohort
from synthgen.generators.speech.cohort.conversion import RATE
from synthgen.payloads.speech import Speech, SpeechCondition
from synthgen.progress import Silent
from synthgen.records import Loaded
from tests.helpers.field_speech import voice


class Notices(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def a_voice(seconds: float, seed: int = 0, rate: int = RATE) -> np.ndarray[Any, Any]:
    """Somebody's voice."""
    return np.asarray(voice(100 + 20 * seed, seconds, rate, seed), dtype=np.float32)


def table(folder: Path, rows: list[list[str]], header: tuple[str, ...] = ("file_name", "speaker_id")) -> None:
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Two good recordings; a test adds ``bad.wav`` of speaker c."""
    folder = tmp_path / "cohort"
    folder.mkdir()
    for i, name in enumerate("ab"):
        soundfile.write(folder / f"{name}.wav", a_voice(2.0, i), RATE)
    table(folder, [["a.wav", "a"], ["b.wav", "b"], ["bad.wav", "c"]])
    return folder


def read(folder: Path, notices: Silent | None = None, **config: Any) -> Loaded[Speech, SpeechCondition]:
    return load_cohort(folder, CohortConfig(**config), folder.parent / "cache", notices or Silent())


def _with_nan(path: Path) -> None:
    sound = a_voice(2.0, 7)
    sound[100] = np.nan
    soundfile.write(path, sound, RATE, subtype="FLOAT")


def _with_infinity(path: Path) -> None:
    sound = a_voice(2.0, 7)
    sound[-1] = np.inf
    soundfile.write(path, sound, RATE, subtype="FLOAT")


def _of_integers(path: Path) -> None:
    soundfile.write(path, a_voice(2.0, 7) * 32768, RATE, subtype="FLOAT")


def _empty_file(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("this is no sound")


def _broken_header(path: Path) -> None:
    soundfile.write(path, a_voice(2.0, 7), RATE)
    content = bytearray(path.read_bytes())
    content[8:24] = b"\xff" * 16
    path.write_bytes(content)


def _absurd_rate(path: Path) -> None:
    soundfile.write(path, a_voice(2.0, 7), RATE)
    content = bytearray(path.read_bytes())
    content[24:28] = (7).to_bytes(4, "little")
    path.write_bytes(content)


def _cut_flac(path: Path) -> None:
    soundfile.write(path, a_voice(4.0, 7), RATE, format="FLAC", subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:-40_000])


UNREADABLE = [
    (_with_nan, "no numbers"),
    (_with_infinity, "no numbers"),
    (_of_integers, "far beyond full scale"),
    (_empty_file, "no sound file"),
    (_text, "no sound file"),
    (_broken_header, "no sound file"),
    (_absurd_rate, "7 samples a second"),
    (_cut_flac, "cut off|decoded to its end"),
]


@pytest.mark.parametrize(("spoil", "said"), UNREADABLE, ids=[spoil.__name__ for spoil, _ in UNREADABLE])
def test_an_unreadable_recording_is_named_or_counted(cohort: Path, spoil: Callable[[Path], None], said: str) -> None:
    spoil(cohort / "bad.wav")
    with pytest.raises(UserError, match=rf"^bad\.wav \(metadata\.csv, row 4\) .*({said}).*damaged=skip$") as error:
        read(cohort)
    assert "\n" not in str(error.value)
    loaded = read(cohort, damaged="skip")
    assert [(s.reason, s.count) for s in loaded.skipped] == [("damaged recording", 1)]
    assert [r.patient for r in loaded.records] == ["a", "b"]


SKIPPED = [
    (np.zeros(2 * RATE), "silent recording"),
    (np.full(2 * RATE, 1e-5), "silent recording"),
    (np.zeros(0), "recording of no length"),
    (a_voice(0.3), "less than 1 s of speech (modality.cohort.shortest_seconds)"),
]


@pytest.mark.parametrize(("sound", "reason"), SKIPPED, ids=["silent", "faint", "empty", "short"])
def test_what_nobody_can_be_heard_in_is_left_out_and_counted(cohort: Path, sound: Any, reason: str) -> None:
    soundfile.write(cohort / "bad.wav", sound, RATE)
    notices = Notices()
    loaded = read(cohort, notices)
    assert [(s.reason, s.count) for s in loaded.skipped] == [(reason, 1)]
    assert f"left out 1 × {reason}" in notices.lines


def test_a_clipped_recording_is_kept_and_said(cohort: Path) -> None:
    soundfile.write(cohort / "bad.wav", np.clip(20 * a_voice(2.0, 3), -1, 1), RATE)
    notices = Notices()
    assert len(read(cohort, notices).records) == 3
    assert any("1 of 3 recordings are clipped" in line for line in notices.lines)


def test_one_clip_per_speaker_is_said(cohort: Path) -> None:
    table(cohort, [["a.wav", "a"], ["b.wav", "b"]])
    notices = Notices()
    read(cohort, notices)
    assert any(line.startswith("2 speakers have a single recording") for line in notices.lines)


def test_a_single_speaker_cannot_be_split(cohort: Path) -> None:
    table(cohort, [["a.wav", "a"], ["b.wav", "a"]])
    with pytest.raises(UserError, match="nobody can be held out"):
        split_by_patient(read(cohort), SplitConfig())


def test_an_absent_recording_is_named_or_counted(cohort: Path) -> None:
    with pytest.raises(UserError, match=r"1 of 3 recordings are absent, the first bad\.wav"):
        read(cohort)
    assert [(s.reason, s.count) for s in read(cohort, absent="skip").skipped] == [("absent recording", 1)]


def test_the_same_sound_of_two_speakers_is_refused_and_of_one_is_taken_once(cohort: Path) -> None:
    (cohort / "bad.wav").write_bytes((cohort / "a.wav").read_bytes())
    with pytest.raises(UserError, match="the same recording under two speakers"):
        read(cohort)
    table(cohort, [["a.wav", "a"], ["b.wav", "b"], ["bad.wav", "a"]])
    loaded = read(cohort)
    assert len(loaded.records) == 2
    assert loaded.skipped[0].reason == "the same recording a second time"


TABLES: list[tuple[str, str]] = [
    ("file_name,emotion\na.wav,sad\n", "missing column: speaker_id"),
    ("file_name,speaker_id\na.wav,\n", "row 2: the speaker_id is empty"),
    ("file_name,speaker_id\n../a.wav,a\n", "below the table's folder"),
    ("file_name,speaker_id\n/etc/z.wav,a\n", "1 of 1 recordings are absent"),
    ("file_name,speaker_id\na.wav,a,b\n", "3 cells under 2 columns"),
    ("file_name,speaker_id\na.wav,a\na.wav,b\n", "rows of several speakers"),
    ("file_name,speaker_id\na.wav,a\na.wav,a\n", "named twice"),
    ("file_name,speaker_id,emotion\na.wav,a,gloom\n", 'unknown emotion: map each word .*"gloom": ""'),
    ("file_name,speaker_id\n", "has no rows"),
    ("", "is empty"),
]


@pytest.mark.parametrize(("text", "said"), TABLES)
def test_a_wrong_table_is_one_line(cohort: Path, text: str, said: str) -> None:
    (cohort / "metadata.csv").write_text(text)
    with pytest.raises(UserError, match=said) as error:
        read(cohort)
    assert "\n" not in str(error.value)


def test_an_emotion_can_be_mapped(cohort: Path) -> None:
    (cohort / "metadata.csv").write_text("file_name,speaker_id,emotion\na.wav,a,Gloom\nb.wav,b,x\n")
    loaded = read(cohort, emotions={"gloom": "sad", "x": ""})
    assert [r.condition.emotion for r in loaded.records] == ["sad", ""]


RTTM: list[tuple[str, str]] = [
    ("SPEAKER talk 1 zero 2.0 <NA> <NA> A <NA> <NA>\n", "line 1: needs SPEAKER"),
    ("SPEAKER talk 1 0.0\n", "line 1: needs SPEAKER"),
    ("SPEAKER talk 1 -1 2.0 <NA> <NA> A <NA> <NA>\n", "0 or more"),
    ("SPEAKER talk 1 0 nan <NA> <NA> A <NA> <NA>\n", "0 or more"),
    ("; nothing\n", "no SPEAKER lines"),
    ("SPEAKER other 1 0 2.0 <NA> <NA> A <NA> <NA>\n", "1 of 1 recordings are absent"),
]


@pytest.mark.parametrize(("text", "said"), RTTM)
def test_a_wrong_rttm_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    folder = tmp_path / "cohort"
    folder.mkdir()
    soundfile.write(folder / "talk.wav", a_voice(2.0), RATE)
    (folder / "talk.rttm").write_text(text)
    with pytest.raises(UserError, match=said):
        read(folder)


def _nowhere(tmp_path: Path) -> Path:
    return tmp_path / "nowhere"


def _a_file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("x")
    return tmp_path / "file"


def _nothing_in_it(tmp_path: Path) -> Path:
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def _only_text(tmp_path: Path) -> Path:
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "readme.txt").write_text("x")
    return tmp_path / "text"


def _loose_sound(tmp_path: Path) -> Path:
    (tmp_path / "loose").mkdir()
    soundfile.write(tmp_path / "loose" / "a.wav", a_voice(2.0), RATE)
    return tmp_path / "loose"


def _emotions_alone(tmp_path: Path) -> Path:
    for emotion in ("sad", "happy"):
        (tmp_path / "felt" / emotion).mkdir(parents=True)
        soundfile.write(tmp_path / "felt" / emotion / "a.wav", a_voice(2.0), RATE)
    return tmp_path / "felt"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_nowhere, "does not exist"),
        (_a_file, "is a file"),
        (_nothing_in_it, "is empty"),
        (_only_text, "no known layout"),
        (_loose_sound, "1 sound files lie in .* itself: put each into a folder of its speaker"),
        (_emotions_alone, "nothing says who speaks"),
    ],
)
def test_a_folder_that_is_no_cohort_is_one_line(tmp_path: Path, make: Callable[[Path], Path], said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        load_cohort(make(tmp_path), CohortConfig(), tmp_path / "cache", Silent())
    assert "\n" not in str(error.value)


def test_a_recording_that_is_too_long_is_left_out_unread(cohort: Path) -> None:
    with soundfile.SoundFile(cohort / "bad.wav", "w", 100_000, 1, subtype="PCM_U8") as file:
        for _ in range(4):
            file.write(np.zeros(1_000_000))
    loaded = read(cohort, longest_minutes=0.5)
    assert [(s.reason, s.count) for s in loaded.skipped] == [
        ("recording longer than 0.5 minutes (modality.cohort.longest_minutes)", 1)
    ]


_MEASURE = """
import resource, sys
from pathlib import Path
from synthgen.generators.speech.cohort.conversion import Store
import numpy, soxr, soundfile
cache = Path(sys.argv[2]); cache.mkdir()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
made = Store(cache).convert(Path(sys.argv[1]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, made.frames)
"""


def test_three_hours_are_read_in_bounded_memory(tmp_path: Path) -> None:
    hours, rate = 3, 8_000
    path = tmp_path / "long.flac"
    minute = a_voice(60.0, 1, rate)
    minute[rate * 10 :] = 0  # mostly pauses, which pack and write fast
    with soundfile.SoundFile(path, "w", rate, 1, subtype="PCM_16", format="FLAC") as file:
        for _ in range(60 * hours):
            file.write(minute)
    told = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(path), str(tmp_path / "cache")], capture_output=True, text=True, check=True
    )
    grown, frames = (int(x) for x in told.stdout.split())
    assert abs(frames - hours * 3600 * RATE) <= 16
    kilobytes = 1024 if sys.platform == "darwin" else 1
    assert grown / kilobytes < 60_000  # as 32-bit floats at 16 kHz, three hours are 690 MB
