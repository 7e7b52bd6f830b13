"""The release: turns that datasets reads, sessions whose annotations agree with the tracks to the sample."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from synthgen.errors import UserError
from synthgen.generators.speech.annotations import textgrid, webvtt
from synthgen.generators.speech.backends.espeak import Espeak
from synthgen.generators.speech.config import RATE, GeneratorConfig
from synthgen.generators.speech.demo_cohort import DemoCohortConfig, write_demo_cohort
from synthgen.generators.speech.preview import preview_html
from synthgen.generators.speech.read import read_release
from synthgen.generators.speech.sampler import SpeechGenerator
from synthgen.generators.speech.write import write_release
from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.payloads.speech import SpeechCondition, SpeechSynthetic
from synthgen.progress import Silent
from synthgen.records import Request
from synthgen.report import DatasetFacts

DIALOGUE = Dialogue(
    (
        Turn("clinician", 'She said "hello" & <left>, right?', "calm"),
        Turn("patient", "I lie awake, and I keep thinking.", "depressed"),
        Turn("companion", "He does.", "anxious"),
        Turn("patient", "Nobody called me!", "angry"),
    ),
    (("phq9", 17), ("technique", "activation")),
)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[SpeechSynthetic]]:
    pytest.importorskip("espeakng_loader")
    backend = Espeak.installed()
    make = SpeechGenerator(lambda _: [DIALOGUE] * 2, backend, GeneratorConfig(), tmp_path_factory.mktemp("scratch"))
    condition = SpeechCondition(setting="therapy", disorder="depression", severity="severe", sessions=2, case_seed=9)
    yield make([Request(5, condition), Request(6, condition)])
    backend.close()


@pytest.fixture(scope="module")
def release(samples: list[SpeechSynthetic], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DatasetFacts]:
    folder = tmp_path_factory.mktemp("release")
    return folder, write_release(folder, enumerate(samples))


def rows(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "data/train/metadata.jsonl").read_text("utf-8").splitlines()]


def test_clips_are_their_turns_of_the_track(release: tuple[Path, DatasetFacts]) -> None:
    folder, facts = release
    assert len(rows(folder)) == facts.samples == 16
    assert dict(facts.counts) == {"calm": 4, "depressed": 4, "anxious": 4, "angry": 4}
    assert len(list(folder.glob(facts.media_glob))) == 16
    for row in rows(folder):
        assert set(row) == {column.name for column in facts.columns}
        clip, rate = soundfile.read(folder / "data/train" / str(row["file_name"]), dtype="int16")
        track, _ = soundfile.read(folder / f"sessions/{row['session_id']}/{row['speaker']}.flac", dtype="int16")
        assert rate == RATE and np.array_equal(clip, track[row["start_sample"] : row["end_sample"]])


def test_the_table_has_what_is_written_and_what_is_said(release: tuple[Path, DatasetFacts]) -> None:
    first = rows(release[0])[0]
    assert (
        first["text"] == 'She said "hello" & <left>, right?' and first["spoken"] == 'She said "hello" and left, right?'
    )
    stretches = first["voiced"]
    assert all(0 <= s["start_sample"] < s["end_sample"] for s in stretches)  # type: ignore[index,union-attr]


def test_rttm_textgrid_and_tracks_agree_to_the_sample(release: tuple[Path, DatasetFacts]) -> None:
    folder, _ = release
    for session in sorted(path for path in (folder / "sessions").iterdir() if path.is_dir()):
        lines = [line.split() for line in (session / f"{session.name}.rttm").read_text("utf-8").splitlines()]
        mix, _ = soundfile.read(session / "mix.flac", dtype="int16")
        total = np.zeros(len(mix), int)
        for role in ("clinician", "patient", "companion"):
            track, _ = soundfile.read(session / f"{role}.flac", dtype="int16")
            total += track
            for _, name, _, start, length, _, _, speaker, *_ in lines:
                if speaker.endswith(role):
                    assert name == session.name
                    first, count = float(start) * RATE, float(length) * RATE
                    assert abs(first - round(first)) < 1e-2 and abs(count - round(count)) < 1e-2
                    assert track[round(first) : round(first + count)].any()
                    track[round(first) : round(first + count)] = 0
            assert np.abs(track.astype(int)).max() < 300  # the room, and what fades below speech
        assert np.array_equal(total, mix)
        grid = (session / f"{session.name}.TextGrid").read_text("utf-8")
        assert '""hello""' in grid and f"xmax = {len(mix) / RATE:.7f}" in grid
        for _, _, _, start, *_ in lines:
            assert f"xmin = {start}\n" in grid


def test_a_release_reads_back_as_it_was(release: tuple[Path, DatasetFacts], samples: list[SpeechSynthetic]) -> None:
    back = read_release(release[0])
    assert len(back) == len(samples)
    for found, made in zip(back, samples, strict=True):
        assert found.condition.severity == made.condition.severity and found.seed == found.condition.case_seed == 0
        for one, other in zip(found.payload.recordings, made.payload.recordings, strict=True):
            assert one.labels == other.labels
            assert [t.segments for t in one.tracks] == [t.segments for t in other.tracks]
            assert [t.audio.digest for t in one.tracks] == [t.audio.digest for t in other.tracks]


def test_the_bytes_are_the_same_again(
    release: tuple[Path, DatasetFacts], samples: list[SpeechSynthetic], tmp_path: Path
) -> None:
    write_release(tmp_path, enumerate(samples))

    def digests(folder: Path) -> dict[str, str]:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    assert digests(tmp_path) == digests(release[0])


def test_no_seed_is_written(release: tuple[Path, DatasetFacts]) -> None:
    for path in release[0].rglob("*"):
        if path.suffix in {".jsonl", ".rttm", ".vtt", ".TextGrid"}:
            assert "seed" not in path.read_text("utf-8")


def test_datasets_reads_the_turns(
    release: tuple[Path, DatasetFacts], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder, facts = release
    table = str(folder / facts.metadata_file)
    found = datasets.load_dataset("json", data_files=table, split="train", cache_dir=str(tmp_path))
    assert len(found) == facts.samples and set(found.features["words"].feature) == {
        "word",
        "start_sample",
        "end_sample",
    }
    for row, entry in zip(found, rows(folder), strict=True):
        assert row["file_name"] == entry["file_name"] and row["emotion"] == entry["emotion"]
        assert soundfile.info(folder / "data/train" / row["file_name"]).samplerate == RATE


def test_captions_escape_what_would_be_markup(samples: list[SpeechSynthetic]) -> None:
    text = webvtt(samples[0].payload.recordings[0])
    assert text.startswith("WEBVTT\n\n00:00:0") and "&amp; &lt;left&gt;" in text and "<left>" not in text
    assert textgrid(samples[0].payload.recordings[0]).count("IntervalTier") == 12


@pytest.mark.parametrize("damage", ["missing", "not json", "no column", "audio"])
def test_a_damaged_release_is_one_clear_line(samples: list[SpeechSynthetic], tmp_path: Path, damage: str) -> None:
    write_release(tmp_path, enumerate(samples[:1]))
    table = tmp_path / "data/train/metadata.jsonl"
    if damage == "missing":
        table.unlink()
    elif damage == "not json":
        table.write_text("{\n", "utf-8")
    elif damage == "no column":
        table.write_text('{"file_name": "x"}\n', "utf-8")
    else:
        next((tmp_path / "sessions").glob("*/patient.flac")).unlink()
    with pytest.raises(UserError) as error:
        read_release(tmp_path)
    assert "\n" not in str(error.value)


def test_the_preview_needs_no_other_file_and_no_script(samples: list[SpeechSynthetic]) -> None:
    page = preview_html(samples)
    assert page.count("<audio") == page.count("<svg") == 2 and "<script" not in page
    assert "http" not in page and 'src="data:audio/flac;base64,' in page and len(page) < 600_000
    assert "<left>" not in page


@pytest.mark.parametrize("seed", [0, 3])
def test_the_demo_cohort_is_the_same_again_and_says_what_it_is(tmp_path: Path, seed: int) -> None:
    pytest.importorskip("espeakng_loader")
    config = DemoCohortConfig(speakers=2)
    for name in ("a", "b"):
        write_demo_cohort(tmp_path / name, config, seed, Silent())
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert all((tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes() for path in files)
    table = (tmp_path / "a/metadata.csv").read_text("utf-8").splitlines()
    assert table[0] == "file_name,speaker_id,emotion,transcript" and len(table) == 5
    assert "Free of any person" in (tmp_path / "a/README.txt").read_text("utf-8")
    with pytest.raises(UserError, match="not an empty folder"):
        write_demo_cohort(tmp_path / "a", config, seed, Silent())
