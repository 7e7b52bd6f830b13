"""Somebody else's synthetic radiographs, to be judged by the same gate: a folder of images."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import files_below
from synthgen.generators.cxr.cohort import cells, labels, tables
from synthgen.generators.cxr.cohort.listing import SUFFIXES
from synthgen.generators.cxr.cohort.pixels import decode
from synthgen.payloads.cxr import CxrCondition, CxrImage
from synthgen.progress import Progress


def load_images(folder: Path, *, size: int, progress: Progress) -> list[tuple[str, CxrImage]]:
    """Every PNG and JPEG below ``folder``, in the order of their names, as (relative name, image [size, size]).

    Raises:
        UserError: if the folder does not exist or holds no image, or an image cannot be read.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    paths = files_below(folder, SUFFIXES)
    if not paths:
        raise UserError(f"{folder} holds no PNG or JPEG image")
    task = progress.task("candidates", len(paths), "image")
    images = []
    for path in paths:
        images.append((path.relative_to(folder).as_posix(), decode(path, size, False).image))  # as it would be released
        task.advance()
    return images


def candidate_conditions(folder: Path, names: Sequence[str], progress: Progress) -> list[CxrCondition] | None:
    """The condition of each image by the tables below ``folder``; None where they do not name every one.

    A table is ``metadata.csv`` with the columns file_name and labels, or the ``metadata.jsonl`` of a release; either
    may have view, sex and age. Files are named as they lie beside it.

    Raises:
        UserError: a row cannot be read.
    """
    rows = (*_of_lines(folder), *_of_tables(folder, progress))
    told = {(table.parent / name).relative_to(folder).as_posix(): condition for table, name, condition in rows}
    return [told[name] for name in names] if told.keys() >= set(names) else None


def _of_lines(folder: Path) -> Iterator[tuple[Path, str, CxrCondition]]:
    for table in sorted(folder.rglob("metadata.jsonl")):
        for number, line in enumerate(table.read_text("utf-8").splitlines(), start=1):
            try:
                row = json.loads(line)
                values = {**row, "view": row.get("view") or "", "sex": row.get("sex") or ""}
                yield table, str(row["file_name"]), CxrCondition.from_dict(values)
            except (ValueError, KeyError, TypeError, AttributeError):
                raise UserError(
                    f"{table.name}, line {number}: give file_name, labels (a list), and view, sex and age or null"
                ) from None


def _of_tables(folder: Path, progress: Progress) -> Iterator[tuple[Path, str, CxrCondition]]:
    for table in sorted(folder.rglob("metadata.csv")):
        rows = list(tables.read_rows(table, ("file_name", "labels"), ("view", "sex", "age"), also=tables.aliases()))
        for row, said in zip(rows, labels.split([row["labels"] for row in rows]), strict=True):
            condition = CxrCondition(
                findings=cells.findings(said, row.where),
                view=cells.view(row["view"]) or "",
                sex=cells.sex(row["sex"], row.where),
                age=cells.age(row["age"], row.where, progress.say),
            )
            yield table, row["file_name"], condition
