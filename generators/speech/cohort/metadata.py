"""A folder with ``metadata.csv`` (or .tsv, .jsonl) and sound files beside or below it, as an audiofolder is laid out.

Columns: file_name (relative to the table) and speaker_id; emotion, transcript, role, session and licence may be there,
and may be empty. Other names are recognised, see :data:`synthgen.generators.speech.cohort.tables.NAMES`. Splits of an
audiofolder (``train/metadata.csv``, …) are read as one cohort: the split here is by speaker, and is made later.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import counted, files_below, in_order, inside, licence_of
from synthgen.generators.speech.cohort import listing
from synthgen.generators.speech.cohort.listing import Entry, Listing
from synthgen.generators.speech.cohort.tables import read_rows
from synthgen.generators.speech.cohort_config import CohortConfig

LOOKED_FOR: Final = "metadata.csv, metadata.tsv or metadata.jsonl that names sound files and their speakers"
REQUIRED: Final = ("file_name", "speaker_id")
_TABLES: Final = ("metadata.csv", "metadata.tsv", "metadata.jsonl")
_SPLITS: Final = ("train", "validation", "valid", "val", "test")


def tables_in(data: Path) -> list[Path]:
    """The tables of the folder, or else those of its splits."""
    own = [data / name for name in _TABLES if (data / name).is_file()]
    if own:
        return own
    roots = [root / split for root in (data, data / "data") for split in _SPLITS]
    return [root / name for root in roots for name in _TABLES if (root / name).is_file()]


def recognises(data: Path) -> bool:
    return bool(tables_in(data))


def read(data: Path, config: CohortConfig) -> Listing:
    """Lists the recordings. Raises UserError for a table that is not as described above."""
    found = tables_in(data)
    if not found:
        raise UserError(f"the metadata layout needs {LOOKED_FOR}, in {data}")
    beside = [table for table in found if table.parent == found[0].parent]
    if len(beside) > 1:
        raise UserError(f"{data} has {' and '.join(table.name for table in beside)}: keep one of them")
    entries: list[Entry] = []
    licences: Counter[str] = Counter()
    for table in found:
        for row in read_rows(table, REQUIRED):
            if not row["speaker_id"]:
                raise UserError(f"{row.where}: the speaker_id is empty; recordings are split by speaker")
            file = inside(table.parent, row["file_name"], row.where)
            licences[row["licence"]] += 1
            entries.append(
                Entry(
                    speaker=row["speaker_id"],
                    record=file.relative_to(data).as_posix(),
                    file=file,
                    where=row.where,
                    emotion=listing.emotion(row["emotion"], row.where, config.emotions),
                    transcript=row["transcript"],
                    role=listing.role(row["role"]),
                    labels=(("session", row["session"]),) if row["session"] else (),
                )
            )
    skipped: Counter[str] = Counter()
    named = {entry.file for entry in entries}
    unnamed = {path for table in found for path in files_below(table.parent, listing.SUFFIXES)} - named
    if unnamed:
        skipped["recording without a row in the table"] = len(unnamed)
    return Listing("metadata", licence_of(data, licences), in_order(entries), counted(skipped))
