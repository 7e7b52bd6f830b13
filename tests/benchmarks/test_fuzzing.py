"""Readers of users' files take damage as damage: a cohort, or one line."""

import json
import random
from pathlib import Path

import pytest

from benchmarks.fuzzing import CHANGES, changed, tried
from synthgen.modality import load
from synthgen.progress import Silent

TALK = [
    {"role": role, "text": text}
    for role, text in (
        ("doctor", "What brings you here?"),
        ("patient", "My back has hurt since May, about 3 of 10."),
        ("doctor", "Any numbness in the saddle, any weakness?"),
        ("patient", "No, neither."),
    )
]


def transcripts(folder: Path) -> Path:
    path = folder / "talks.jsonl"
    rows = [{"dialogue_id": f"d{i}", "patient_id": f"p{i}", "topic": "back pain", "turns": TALK} for i in range(3)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def radiographs(folder: Path) -> Path:
    kind = load("cxr")
    config = kind.config("demo", ("modality.demo.patients=4", "modality.demo.size=32"), seed=0).modality
    kind.cohorts.write_demo(folder / "films", config, 0, Silent())
    return folder / "films"


@pytest.mark.parametrize(("modality", "made", "trials"), [("dialogue", transcripts, 150), ("cxr", radiographs, 60)])
def test_damaged_cohorts_are_read_or_refused_by_one_line(modality: str, made, trials: int, tmp_path: Path) -> None:
    found = tried(load(modality), made(tmp_path), [], trials, seed=0, seconds=20)
    assert found["faults"] == {}
    assert set(found["ends"]) == {"read", "refused"}


def test_every_change_changes(tmp_path: Path) -> None:
    for number in range(20):
        path = transcripts(tmp_path)
        before = path.read_bytes()
        changed(path, random.Random(number))  # noqa: S311
        assert path.read_bytes() != before
    assert len(set(CHANGES)) == 6
