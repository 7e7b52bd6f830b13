"""Reads back the data files of a release of dialogues."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast, get_args

import pyarrow as pa
from pyarrow import parquet as pq

from synthgen.errors import UserError
from synthgen.generators.dialogue.write import DATA, SPLITS
from synthgen.payloads.dialogue import (
    Dialogue,
    DialogueCondition,
    DialogueSynthetic,
    Emotion,
    Speaker,
    Turn,
)
from synthgen.records import Synthetic

_BATCH = 128


def read_release(folder: Path) -> list[DialogueSynthetic]:
    """The samples of a release, of both splits, in the order of their numbers.

    Seeds are not released and read as 0. Labels that a sample lacks are not told from labels that are None.

    Raises:
        UserError: the folder is no release of dialogues, or a file in it is missing or damaged.
    """
    files = sorted(path for split in SPLITS for path in (folder / DATA).glob(f"{split}-*-of-*.parquet"))
    if not files:
        raise UserError(f"{folder} is not a release of dialogues: it has no {DATA}/train-….parquet")
    _check_complete(folder, files)
    found: list[tuple[str, DialogueSynthetic]] = []
    for path in files:
        number = 0
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=_BATCH):
                    for row in batch.to_pylist():
                        number += 1
                        found.append((str(row["dialogue_id"]), _sample(row)))
        except (pa.ArrowException, OSError):
            raise UserError(f"{path} is damaged: it is not a readable Parquet file") from None
        except (KeyError, TypeError, ValueError):
            raise UserError(f"{path}, row {number}: the sample cannot be read") from None
    return [sample for _, sample in sorted(found, key=lambda item: item[0])]


def _check_complete(folder: Path, files: list[Path]) -> None:
    names = {path.name for path in files}
    for name in sorted(names):
        split, count = re.fullmatch(r"(.*)-\d+-of-(\d+)\.parquet", name).groups()  # type: ignore[union-attr]
        for number in range(int(count)):
            wanted = f"{split}-{number:05d}-of-{count}.parquet"
            if wanted not in names:
                raise UserError(f"{folder} is not complete: {DATA}/{wanted} is missing")


def _sample(row: dict[str, Any]) -> DialogueSynthetic:
    turns = tuple(
        Turn(
            cast(Speaker, _one_of(turn["speaker"], get_args(Speaker))),
            str(turn["text"]),
            cast(Emotion, _one_of(turn["emotion"] or "", get_args(Emotion))),
            turn["stage"] or "",
        )
        for turn in row["turns"]
    )
    labels = tuple(sorted((name, value) for name, value in (row.get("labels") or {}).items() if value is not None))
    condition = DialogueCondition.from_dict(
        {
            **{name: row[name] or "" for name in ("setting", "disorder", "severity")},
            "session": row["session"],
            "sessions": row["sessions"],
            "case": int(str(row["patient_id"]).removeprefix("SYNTHETIC-P")),
        }
    )
    return Synthetic(0, condition, Dialogue(turns, labels))


def _one_of(value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError("not a value of this column")
    return value
