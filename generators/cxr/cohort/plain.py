"""A plain folder: ``metadata.csv`` and PNG or JPEG files beside or below it, as an imagefolder of the hub is laid out.

Columns: file_name (relative to the table), patient_id, labels (separated by ``|``; ``No Finding`` for a normal image);
view (PA, AP), sex (F, M) and age (years) may be there, and may be empty; instead of age, age_months, age_weeks or
age_days, or birth_date and study_date.
Instead of labels, a column for each finding (1, 0, -1, blank) and one for No Finding will do. Splits of an imagefolder
(``train/metadata.csv``, ``test/metadata.csv``) are read as one cohort: the split here is by patient, and is made later.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import (
    Finder,
    LeftOutError,
    RowError,
    Rows,
    TableRow,
    counted,
    files_below,
    in_order,
    inside,
    is_there,
    licence_of,
)
from synthgen.generators.cxr.cohort import cells, labels, pixels, tables
from synthgen.generators.cxr.cohort.listing import SUFFIXES, Entry, Listing
from synthgen.generators.cxr.cohort_config import CohortConfig
from synthgen.patient_ids import is_placeholder
from synthgen.payloads.cxr import CxrCondition, Sex
from synthgen.progress import Progress

TABLE: Final = "metadata.csv"
LOOKED_FOR: Final = "metadata.csv that names PNG or JPEG files"
REQUIRED: Final = ("file_name", "patient_id", "labels")
OPTIONAL: Final = ("view", "sex", "age", "age_months", "age_weeks", "age_days", "birth_date", "study_date")
_SPLITS: Final = ("train", "training", "validation", "valid", "val", "dev", "test", "testing", "holdout")
_DICOM: Final = frozenset({".dcm", ".dicom", ".dic", ".ima"})


def tables_in(data: Path) -> list[Path]:
    """``metadata.csv`` in the folder, or else one in each of its splits. Capitals of its name do not count."""
    if found := _table_in(data):
        return [found]
    places = (place for root in (data, data / "data") if root.is_dir() for place in sorted(root.iterdir()))
    return [table for place in places if place.name.lower() in _SPLITS and (table := _table_in(place))]


def _table_in(folder: Path) -> Path | None:
    if (folder / TABLE).is_file():
        return folder / TABLE
    if not folder.is_dir():
        return None
    return next((path for path in tables.tables_below(folder, TABLE) if path.name.lower() == TABLE), None)


def recognises(data: Path) -> bool:
    """True where the folder holds such a table. One that names DICOM files belongs to a tree of DICOM files."""
    return bool(tables_in(data)) and not any(map(names_dicom, tables_in(data)))


def names_dicom(table: Path) -> bool:
    """True where the table's first row names something else than a picture, as far as can be seen."""
    if not names_files(table):
        return False
    try:
        first = next(iter(tables.read_rows(table, ("file_name",), also=tables.aliases())))["file_name"]
    except UserError:
        return False  # reading it properly will tell the user
    suffix = PurePosixPath(first).suffix.lower()
    if not first or suffix in SUFFIXES or _drawn(table.parent, first):
        return False
    return suffix in _DICOM or not suffix or suffix[1:].isdigit()


def names_files(table: Path) -> bool:
    """True where the table has a column of files."""
    columns = {tables.column_key("file_name"), *tables.aliases()["file_name"]}
    return any(tables.column_key(name) in columns for name in tables.header(table))


def _drawn(folder: Path, name: str) -> bool:
    """True where a picture has the name that stands in the table without its ending."""
    try:
        return any(is_there(folder / f"{name}{ending}") for suffix in SUFFIXES for ending in (suffix, suffix.upper()))
    except (OSError, ValueError):
        return False


def file_of(row: TableRow, folder: Path) -> Path:
    """The file below the folder that the row names. Raises RowError for none, or one that leads outside."""
    name = row["file_name"]
    return inside(folder, "" if cells.blank(name) else name, row.where)


def read(data: Path, config: CohortConfig, cache: Path, progress: Progress) -> Listing:
    """Lists the images. Raises UserError for a table that is not as described above."""
    found = tables_in(data)
    if not found:
        raise UserError(f"the plain layout needs {TABLE} in {data}, with the columns {', '.join(REQUIRED)}")
    rows = Rows(config.unknown, progress.say)
    entries: list[Entry] = []
    named: set[Path] = set()
    for table in found:
        entries += _entries(table, data, config, rows, named)
    skipped = rows.left_out()
    pictures = {path for table in found for path in files_below(table.parent, SUFFIXES)}
    skipped["image without a row in the table"] = len(pictures - named)
    return Listing("plain", licence_of(data), in_order(entries), counted(+skipped), pixels.measure, pixels.decode)


def _entries(table: Path, data: Path, config: CohortConfig, rows: Rows, named: set[Path]) -> list[Entry]:
    """The records of one table; ``named`` takes the files of all its rows."""
    tell_others(table, rows)
    marked = marked_columns(table)
    _tell_columns(table, marked, rows)
    required = (*REQUIRED[:2], *marked) if marked else REQUIRED
    finder = Finder(table.parent, SUFFIXES)
    read: list[tuple[TableRow, Path]] = []
    for row in tables.read_rows(table, required, OPTIONAL, rows, tables.aliases()):
        with rows.reading():
            file = finder.find(file_of(row, table.parent), rows)
            named.add(file)
            read.append((with_view(row), file))
    several = [row for row, _ in read]
    check_sexes(several, table.name)
    findings = labels_of(rows, several, marked, config)
    entries: list[Entry] = []
    for (row, file), labelled in zip(read, findings, strict=True):
        with rows.reading():
            if labelled is not None:
                entries.append(_entry(row, file, file.relative_to(data).as_posix(), labelled, rows))
    return entries


def marked_columns(table: Path) -> tuple[str, ...]:
    """The columns that have one finding each, where the table has no column of labels; else none."""
    header = tables.header(table)
    return () if {tables.column_key(name) for name in header} & _label_keys() else labels.columns(header)


def _tell_columns(table: Path, marked: tuple[str, ...], rows: Rows) -> None:
    """Says which columns findings are read from where each has one, and which columns that may hold some are not."""
    header = tables.header(table)
    if marked:
        read = {tables.column_key(name) for name in (*marked, *REQUIRED, *OPTIONAL)}
        read |= {key for names in tables.aliases().values() for key in names}
        others = ", ".join(name for name in header if name and tables.column_key(name) not in read)
        also = f"; the columns {others[:200]} are not read" if others else ""
        rows.say(f"{table.name}: findings are read from the columns {', '.join(marked)}{also}")
    elif beside := [name for name in labels.columns(header) if tables.column_key(name) not in _label_keys()]:
        rows.say(f"{table.name}: findings are read from its labels; the columns {', '.join(beside)} are not read")


def _label_keys() -> frozenset[str]:
    return frozenset({tables.column_key("labels"), *tables.aliases()["labels"]})


def other_table(folder: Path, columns: Sequence[str] = REQUIRED[:2]) -> str | None:
    """What to do with a table of images that has these columns and lies in the folder under another name."""
    others = _other_tables(folder, columns)
    return f"{others[0].name} looks like the table of the images: name it {TABLE}" if others else None


def tell_others(table: Path, rows: Rows) -> None:
    """Says which tables beside the one that is read look like it: copies, or newer ones."""
    if others := _other_tables(table.parent, REQUIRED[:2]):
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        rows.say(f"{table.name} is read; {others[0].name}{more} beside it, with the same columns, is not")


def _other_tables(folder: Path, columns: Sequence[str]) -> list[Path]:
    wanted = [{tables.column_key(name), *tables.aliases()[name]} for name in columns]
    near = [path for path in tables.tables_below(folder, ".csv", ".tsv", ".txt") if path.name.lower() != TABLE]
    keys = {path: {tables.column_key(name) for name in tables.header(path)} for path in near}
    return [path for path in near if all(keys[path] & names for names in wanted)]


def labels_of(
    rows: Rows, several: Sequence[TableRow], marked: tuple[str, ...], config: CohortConfig
) -> list[tuple[str, ...] | None]:
    """The findings of each row, by the columns that have one each or by the column of labels."""
    if marked:
        return [labels.of_columns(rows, row, marked, config.uncertain) for row in several]
    return labels.of_cells(rows, several, "labels", config.uncertain)


def with_view(row: TableRow) -> TableRow:
    """The row, where its view is frontal or not given. Raises RowError for a word that is not known."""
    match cells.view_said(row["view"]):
        case "lateral":
            raise LeftOutError("lateral or oblique view")
        case "unread":
            raise RowError(
                f"{row.where}: the view must be PA, AP, LATERAL, or empty where it is unknown", cells.NO_VIEW
            )
    return row


def check_sexes(several: Sequence[TableRow], table: str) -> None:
    """Refuses letters that mean one sex in one language and the other in another.

    Raises:
        UserError: ``H`` or ``V`` beside ``M`` (hombre and mujer, varón and mujer), or ``V`` at all (vrouw).
    """
    written = {row["sex"].strip().upper() for row in several} - {""}
    if ("H" in written and "M" in written) or "V" in written or (written & {"H"} and not written & {"F"}):
        found = " and ".join(sorted(written & {"F", "H", "M", "V"}))
        raise UserError(f"{table}: the sex is written as {found}, which is read one way or the other: write F and M")


def _entry(row: TableRow, file: Path, record: str, findings: tuple[str, ...], rows: Rows) -> Entry:
    condition = CxrCondition(
        findings=findings,
        view=cells.view(row["view"]) or "",
        sex=sex_of(row),
        age=age_of(row, rows),
    )
    return Entry(patient_of(row), record, condition, file, row.where)


def sex_of(row: TableRow) -> Sex:
    """The sex, an ``H`` being French after :func:`check_sexes`. Raises RowError for a word that is not known."""
    return "M" if row["sex"].upper() == "H" else cells.sex(row["sex"], row.where)


def patient_of(row: TableRow) -> str:
    """Raises RowError for an identifier that is empty, or names nobody."""
    patient = row["patient_id"]
    if cells.blank(patient) or is_placeholder(patient):
        what = "is empty" if cells.blank(patient) else "is a word for nobody, such as anonymous"
        raise RowError(f"{row.where}: the patient_id {what}; records are split by patient", "row without a patient")
    return patient


def age_of(row: TableRow, rows: Rows) -> int | None:
    """By the column age, or by the dates of birth and of the study. Raises RowError for an age that is no number."""
    if cells.blank(row["age"]):
        for column, per_year in (("age_months", 12), ("age_weeks", 52.18), ("age_days", 365.25)):
            if not cells.blank(row[column]):
                return cells.age_in(row[column], per_year, row.where, rows.note)
    if cells.blank(row["age"]) and row["birth_date"]:
        age = cells.age_between(row["birth_date"], row["study_date"])
        if age is None and row["study_date"]:
            rows.note("dates of birth and study make no age: ages that are taken as unknown")
        return age
    return cells.age(row["age"], row.where, rows.note)
