"""A folder with a table and sound files beside or below it: an audiofolder, Common Voice, or one of the holder's own.

The table is ``metadata.csv`` (.tsv, .jsonl), one for each split of an audiofolder, or any other with a column of files
and one of people. Other names of columns are recognised, see :data:`synthgen.generators.speech.cohort.tables.NAMES`;
cells may be empty. Splits are read as one cohort: the split here is by speaker, and is made later. RTTM files beside
the table say who else speaks in its recordings.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import TableRow, counted, in_order, inside, licence_of
from synthgen.generators.speech.cohort import listing, rttm
from synthgen.generators.speech.cohort.described import Described, Descriptions, Voice, descriptions, rttm_files
from synthgen.generators.speech.cohort.finding import Finder
from synthgen.generators.speech.cohort.listing import Entry, Listing
from synthgen.generators.speech.cohort.people import people
from synthgen.generators.speech.cohort.rows import channels_of, spans_of, who
from synthgen.generators.speech.cohort.tables import JSON, UNSURE, chosen, header_of, read_rows, titles_above
from synthgen.generators.speech.cohort_config import CohortConfig
from synthgen.patient_ids import patient_key

LOOKED_FOR: Final = "metadata.csv, or another table (CSV, TSV, JSON lines) that names sound files and their speakers"
REQUIRED: Final = (("file_name",), ("speaker_id", "patient_id", "role"))
_ENDINGS: Final = (".csv", ".tsv", *JSON)
_NAMED: Final = ("metadata.csv", "metadata.tsv", "metadata.jsonl", "metadata.json")
_SPLITS: Final = ("train", "validation", "valid", "val", "dev", "test")
_MOST_FILES: Final = 1000  # are looked at in search of a table of another name
_VALIDATED: Final = "validated.tsv"  # of Common Voice: its splits are parts of it, the other tables are rejects


def tables_in(data: Path, renamed: Mapping[str, str]) -> list[Path]:
    """The tables of the folder, or else those of its splits, or else what has the columns, the highest. Empty for none.

    Raises:
        UserError: several tables of one folder could be meant.
    """
    own = [data / name for name in _NAMED if (data / name).is_file() and _is_table(data / name, renamed)]
    roots = [root / split for root in (data, data / "data") for split in _SPLITS]
    found = own or [
        root / name for root in roots for name in _NAMED if (root / name).is_file() and _is_table(root / name, renamed)
    ]
    for pattern in ("*", "*/*", "*/*/*") if not found else ():
        tables = sorted(path for path in data.glob(pattern) if path.suffix.lower() in _ENDINGS)
        found = [path for path in tables[:_MOST_FILES] if _could_be(path, renamed)]
        if found:
            break
    return [table for folder in dict.fromkeys(path.parent for path in found) for table in _of_folder(folder, found)]


def _of_folder(folder: Path, found: Sequence[Path]) -> list[Path]:
    """Of the tables in one folder those that are read. Raises UserError where that is not clear."""
    beside = [table for table in found if table.parent == folder]
    validated = [table for table in beside if table.name == _VALIDATED]
    if validated or len(beside) == 1 or all(table.stem.lower() in _SPLITS for table in beside):
        return validated or beside
    names = " and ".join(table.name for table in beside[:3]) + (", …" if len(beside) > 3 else "")
    raise UserError(f"{folder} has {names}: keep one of them, called metadata{beside[0].suffix}")


def _is_table(path: Path, renamed: Mapping[str, str]) -> bool:
    """A metadata.json may say something about the whole set, and is no table then."""
    return path.suffix.lower() != ".json" or _could_be(path, renamed)


def _could_be(path: Path, renamed: Mapping[str, str]) -> bool:
    if path.name.startswith(".") or not path.is_file():
        return False
    try:
        return bool(chosen(header_of(path, renamed), path.name, REQUIRED, renamed))
    except UserError:
        return False


def recognises(data: Path) -> bool:
    return bool(tables_in(data, {}))


def read(data: Path, config: CohortConfig) -> Listing:
    """Lists the recordings. Raises UserError for a table that is not as described above."""
    found = tables_in(data, config.columns)
    if not found:
        raise UserError(f"the metadata layout needs {LOOKED_FOR}, in {data}")
    files = listing.sound_files(data)
    finder = Finder(data, files)
    rows = [(table, row) for table in found for row in read_rows(table, REQUIRED, config.columns)]
    skipped: Counter[str] = Counter()
    named = who([row for _, row in rows], config)
    kept = [(table, row, name) for (table, row), name in zip(rows, named, strict=True) if name is not None]
    skipped["row without a speaker"] += len(rows) - len(kept)
    persons, notices = people([name for _, _, name in kept], config)
    feelings = listing.emotions([row["emotion"] for _, row, _ in kept], found[0].name, config)
    entries = [
        _entry(data, _file(finder, table, row), row, person, feelings)
        for (table, row, _), person in zip(kept, persons, strict=True)
    ]
    told = [*finder.notices(), *notices, *feelings.notices, *_unread(found, config)]
    if titles := sum(titles_above(table, config.columns) for table in found):
        told.append(f"{titles} lines above the header of a table are left out")
    entries, of_channels = channels_of(entries, [row for _, row, _ in kept])
    entries, of_spans = spans_of(entries, [row for _, row, _ in kept])
    entries, beside = _with_rttm(data, files, entries, config, skipped)
    _count_unnamed(files, entries, found, skipped)
    licences = Counter(row["licence"] for _, row in rows)
    _refuse_shared(entries)
    notices = (*told, *of_channels, *of_spans, *beside)
    return Listing("metadata", licence_of(data, licences), in_order(_once(entries)), counted(+skipped), notices)


def sounds(data: Path, config: CohortConfig) -> tuple[list[Entry], tuple[str, ...]]:
    """Every sound file beside or below the tables, with its words, whoever speaks; and what the user should know.

    Raises:
        UserError: a table has no column of files, or names a file twice.
    """
    tables = tables_in(data, config.columns)
    files = listing.sound_files(data)
    finder = Finder(data, files)
    entries = [
        Entry("", file.relative_to(data).as_posix(), file, row.where, transcript=row["transcript"])
        for table in tables
        for row in read_rows(table, REQUIRED[:1], config.columns)
        for file in (_file(finder, table, row),)
    ]
    named = {entry.file for entry in entries}
    near = [path for path in files if any(table.parent in path.parents for table in tables)]
    entries += [Entry("", path.relative_to(data).as_posix(), path, path.name) for path in near if path not in named]
    far = len(files) - len(near)
    notices = (f"{far} sound files in other folders than the tables are not judged",) if far else ()
    return list(in_order(entries)), (*finder.notices(), *notices)


def _file(finder: Finder, table: Path, row: TableRow) -> Path:
    """The row's file, or where it should lie."""
    found = finder.find(row["file_name"], table.parent)
    if found is not None:
        return found
    name = row["file_name"].replace("\\", "/")
    if name.startswith("/"):  # of another machine; the file is absent here
        return table.parent / PurePosixPath(name).name
    return inside(table.parent, name, row.where)


def _entry(data: Path, file: Path, row: TableRow, person: str, feelings: listing.EmotionsFound) -> Entry:
    return Entry(
        speaker=person,
        record=file.relative_to(data).as_posix(),
        file=file,
        where=row.where,
        emotion=feelings[row["emotion"]],
        transcript=row["transcript"],
        role=listing.role(row["role"] or row["speaker_id"]),
        labels=(("session", row["session"]),) if row["session"] else (),
    )


def _unread(tables: Sequence[Path], config: CohortConfig) -> list[str]:
    """Which columns might hold emotions and are not read."""
    names = header_of(tables[0], config.columns)
    if "emotion" in config.columns or "emotion" in chosen(names, tables[0].name, (), config.columns):
        return []
    return [
        f"the column {name} is not read: if it holds emotions, --set modality.cohort.columns='{{emotion: {name}}}'"
        for name in names
        if name.strip().lower() in UNSURE
    ]


def _count_unnamed(
    files: Sequence[Path], entries: Sequence[Entry], tables: Sequence[Path], skipped: Counter[str]
) -> None:
    named = {entry.file for entry in entries}
    folders = [table.parent for table in tables]
    unnamed = {path for path in files if any(folder in path.parents for folder in folders)} - named
    skipped["recording without a row in the table"] += len(unnamed)


def _refuse_shared(entries: Sequence[Entry]) -> None:
    """Raises UserError for files that are several people's, of whom nothing says when each speaks."""
    speakers: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if entry.channel is None:
            speakers[entry.record].add(patient_key(entry.speaker))
    shared = [record for record, names in speakers.items() if len(names) > 1]
    if shared:
        raise UserError(
            f"{len(shared)} sound files stand in rows of several speakers, the first {shared[0]}: say who speaks when "
            "with columns start and end (in seconds), or with RTTM files beside the table, or on which channel each is "
            "with a column channel (left or right)"
        )


def _once(entries: Sequence[Entry]) -> list[Entry]:
    """Rows of one file by its channel or its times; the rest by their file alone."""
    counts = Counter(entry.record for entry in entries)
    return [
        replace(entry, record=f"{entry.record}@{entry.channel + 1}")
        if counts[entry.record] > 1 and entry.channel is not None
        else entry
        for entry in entries
    ]


@dataclass(frozen=True)
class _Matched:
    entries: list[Entry]
    others: list[tuple[Described, Voice]]


def _with_rttm(
    data: Path, files: Sequence[Path], entries: list[Entry], config: CohortConfig, skipped: Counter[str]
) -> tuple[list[Entry], tuple[str, ...]]:
    """The same, each with its speaker's turns where RTTM tells them, and the others who speak in the recordings."""
    beside = rttm_files(data)
    if not beside:
        return entries, ()
    if config.layout == "metadata":
        return entries, (f"{len(beside)} RTTM files beside the table are not used (modality.cohort.layout=metadata)",)
    told = descriptions(data, files, config)
    rows: dict[Path, list[Entry]] = defaultdict(list)
    for entry in entries:
        rows[entry.file].append(entry)
    described = {one.file: one for one in told.found if one.file in rows}
    _agreeing(rows, described)
    matched = [_matched(rows[file], one) for file, one in described.items()]
    silent = [entry for one in matched for entry in one.entries if not entry.spans]
    skipped["speaker who never speaks alone"] += len(silent)
    others = [(one, voice) for match in matched for one, voice in match.others if voice.spans]
    more, notices = rttm.entries_of(data, others, config)
    plain = [entry for entry in entries if entry.file not in described]
    spoken = [entry for one in matched for entry in one.entries if entry.spans]
    return [*plain, *spoken, *more], (*told.notices, *notices, *_used(told, described))


def _used(told: Descriptions, described: Mapping[Path, Described]) -> list[str]:
    found = [f"the turns of {len(described)} recordings are those of RTTM files beside the table"] if described else []
    unused = len(told.found) - len(described)
    return (
        [*found, f"RTTM tells of {unused} recordings that the table does not name; they are left out"]
        if unused
        else found
    )


def _agreeing(rows: Mapping[Path, Sequence[Entry]], described: Mapping[Path, Described]) -> None:
    apart = [
        one for file, one in described.items() if any(_voice_of(entry, one, rows[file]) is None for entry in rows[file])
    ]
    if apart:
        raise UserError(
            f"{len(apart)} recordings have a speaker in the table whom their RTTM does not name, the first "
            f"{apart[0].where}: give both the same names, or go by one of them with modality.cohort.layout=rttm "
            "or modality.cohort.layout=metadata"
        )


def _voice_of(entry: Entry, one: Described, rows: Sequence[Entry]) -> Voice | None:
    """By its name; or the only one; or the only patient of a recording with one row."""
    same = [voice for voice in one.voices if patient_key(voice.name) == patient_key(entry.speaker.rpartition("/")[2])]
    patients = [voice for voice in one.voices if listing.role(voice.name) == "patient"]
    alone = len({row.speaker for row in rows}) == 1
    for fitting in (same, one.voices if alone else (), patients if alone else ()):
        if len(fitting) == 1:
            return fitting[0]
    return None


def _matched(rows: Sequence[Entry], one: Described) -> _Matched:
    entries, taken = [], set()
    for entry in rows:
        voice = _voice_of(entry, one, rows)
        if voice is None:
            raise ValueError("the table and RTTM agree, as has been checked")
        taken.add(voice)
        channel = voice.channel if entry.channel is None else entry.channel
        entries.append(replace(entry, record=f"{entry.record}#{voice.label}", spans=voice.spans, channel=channel))
    return _Matched(entries, [(one, voice) for voice in one.voices if voice not in taken])
