"""Which kind of files a cohort is made of, what lies beside them, and in which order they are read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from synthgen.errors import UserError
from synthgen.generators.dialogue.cohort import linguists, plain_text, rows, subtitles, textgrid
from synthgen.generators.dialogue.cohort.beside import labelled
from synthgen.generators.dialogue.cohort.columns import plain
from synthgen.generators.dialogue.cohort.cues import Cue, turns_of
from synthgen.generators.dialogue.cohort.raw import Raw, RawRow, Reading, name_of
from synthgen.generators.dialogue.cohort.records import dialogues, is_transcript
from synthgen.generators.dialogue.cohort.roles import known_roles, normalised
from synthgen.generators.dialogue.cohort.text import DamagedError
from synthgen.generators.dialogue.cohort.turn_rows import is_turn

METADATA: Final = "metadata.csv"
_STATE: Final = "state.json"
_SUFFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "jsonl": (".jsonl", ".ndjson", ".json"),
    "csv": (".csv", ".tsv", ".tab", ".psv"),
    "datasets": (".parquet", ".arrow"),
    "webvtt": (".vtt",),
    "srt": (".srt", ".sbv", ".ass", ".ssa"),
    "textgrid": (".textgrid",),
    "elan": (".eaf",),
    "chat": (".cha",),
    "text": (".txt", ".md", ".text"),
}
_SUBTITLES: Final = "save it as WebVTT (.vtt) or SRT with an editor of subtitles, such as Subtitle Edit"
_READ: Final = (
    "JSON, CSV or TSV, Parquet, a datasets folder, WebVTT, SRT, TextGrid, ELAN, CHAT, or text with marked turns"
)
_DOCUMENT: Final = "save it as plain text (.txt, UTF-8), with a name such as 'Doctor: ' before each turn"
_SHEET: Final = "save each sheet as CSV (UTF-8)"
_PACKED: Final = "unpack it"
_TABLE: Final = "export it as CSV (UTF-8)"
_CURES: Final[Mapping[str, str]] = {
    **dict.fromkeys((".docx", ".doc", ".odt", ".rtf", ".pdf", ".pages", ".html", ".htm"), _DOCUMENT),
    **dict.fromkeys((".xlsx", ".xls", ".ods", ".xlsm", ".numbers"), _SHEET),
    **dict.fromkeys((".zip", ".7z", ".rar", ".tar", ".tgz", ".bz2", ".xz", ".zst"), _PACKED),
    **dict.fromkeys((".sav", ".dta", ".rds", ".rdata", ".db", ".sqlite", ".sqlite3", ".mdb", ".accdb"), _TABLE),
    **dict.fromkeys((".ttml", ".dfxp", ".smi", ".sami", ".sub", ".stl", ".itt", ".lrc"), _SUBTITLES),
    **dict.fromkeys((".pkl", ".pickle", ".npy", ".pt"), "save it as JSON lines: a pickle is code, and is not run"),
    **dict.fromkeys(
        (".wav", ".mp3", ".m4a", ".flac", ".mp4", ".ogg", ".webm"), "it is a recording: transcribe it first"
    ),
    **dict.fromkeys((".xml", ".trs", ".exb", ".nvpx", ".mx20", ".mx22"), "export it as plain text, WebVTT or CSV"),
}
_MEDIA: Final = frozenset({".wav", ".mp3", ".m4a", ".flac", ".mp4", ".ogg", ".webm", ".xml", ".html", ".htm"})
_ABOUT: Final = frozenset({
    "croissant", "dataset_info", "dataset_infos", "dataset_dict", "state", "config", "package", "privacy_report",
    "settings", "identifiers", "readme", "license", "licence", "changelog", "citation", "requirements", "notice",
    "authors", "contributing", "description", "datasheet", "todo",
})  # fmt: skip
_TIMED: Final = ("webvtt", "srt", "textgrid", "elan", "chat", "text")
_SNIFFED: Final = 64 << 20


@dataclass(frozen=True)
class Sources:
    """The files of a cohort, of one kind, sorted by their names relative to ``root``.

    Attributes:
        tables: tables beside them that hold no dialogue: labels, by patient or by dialogue.
    """

    layout: str
    root: Path
    files: tuple[Path, ...]
    tables: tuple[Path, ...] = ()

    def name(self, file: Path) -> str:
        return name_of(file, self.root)


def recognise(data: Path, reading: Reading) -> Sources:
    """The cohort's files and their kind.

    Raises:
        UserError: the path is absent or empty, nothing in it is a transcript, or it holds more than one kind.
    """
    if not data.exists():
        raise UserError(f"the cohort {data} does not exist")
    named = reading.config.layout
    if data.is_file():
        kind = _kind(data) if named == "auto" else named
        if not kind:
            raise UserError(f"{data.name} is no transcript that can be read: {_cure(data) or f'give {_READ}'}")
        return Sources(kind, data.parent, (data,))
    try:
        found = sorted(_files(data), key=lambda path: name_of(path, data))
    except OSError as error:
        raise UserError(f"the cohort folder {data} cannot be read: {error.strerror}") from None
    if not found:
        raise UserError(f"the cohort folder {data} is empty")
    by_kind, tables = _sorted_out(found, reading)
    kinds = [kind for kind, paths in by_kind.items() if paths and named in ("auto", kind)]
    if not kinds:
        raise UserError(f"no transcript in {data}: {_cures(found) or f'give {_READ}'}")
    if len(kinds) > 1:
        raise UserError(
            f"{data} holds more than one kind of transcript ({', '.join(kinds)}): name one, as in "
            f"{reading.tally.set('layout', kinds[0])}"
        )
    _tell_others(found, {path for paths in by_kind.values() for path in paths}, by_kind, kinds[0], reading)
    return Sources(kinds[0], data, tuple(by_kind[kinds[0]]), tables)


def _sorted_out(found: list[Path], reading: Reading) -> tuple[dict[str, list[Path]], tuple[Path, ...]]:
    """Files by kind, without those that describe others: a JSON, a table or a text that holds no dialogue."""
    by_kind = {kind: [path for path in found if _kind(path) == kind] for kind in _SUFFIXES}
    by_kind["datasets"] = _tables(by_kind["datasets"])
    by_kind["csv"] = [path for path in by_kind["csv"] if path.name.lower() != METADATA or not _describes(path, reading)]
    by_kind["jsonl"] = [path for path in by_kind["jsonl"] if path.name.split(".")[0].lower() not in _ABOUT]
    by_kind["text"] = [path for path in by_kind["text"] if path.name.split(".")[0].lower() not in _ABOUT]
    tables = [path for path in by_kind["csv"] if not _has_dialogues(path, reading)]
    about = [path for path in by_kind["jsonl"] if ".json" in path.suffixes[-2:] and not _has_dialogues(path, reading)]
    prose = [path for path in by_kind["text"] if not plain_text.is_dialogue(path, reading.quietly())]
    for kind, beside in (("csv", tables), ("jsonl", about), ("text", prose)):
        rest = [path for path in by_kind[kind] if path not in beside]
        if rest or any(by_kind[other] for other in by_kind if other != kind):
            by_kind[kind] = rest
    # Nothing but tables and descriptions: their own readers say what they lack.
    return by_kind, tuple(path for path in tables if path not in by_kind["csv"])


def _has_dialogues(path: Path, reading: Reading) -> bool:
    """True where the first row shows a dialogue or a turn, and where it cannot be read: its reader says why."""
    quiet = reading.quietly()
    try:
        if _kind(path) == "csv":
            return _table_has_dialogues(path, quiet)
        if path.stat().st_size > _SNIFFED:
            return True
        first = next(rows.json_rows(path, quiet), None)
        return first is None or is_transcript(first[1], quiet)
    except (UserError, OSError):
        return True


def _table_has_dialogues(path: Path, quiet: Reading) -> bool:
    """By the names of its columns; by its first row where they do not tell."""
    names = dict.fromkeys(rows.header(path, quiet))
    told = (quiet.columns.key(names, field) for field in ("turns", "speaker", "question", "text"))
    if not any(told):
        return not any(names)  # an empty table is told by its reader
    if is_turn(names, quiet) or quiet.columns.key(names, "turns"):
        return True
    first = next(rows.csv_rows(path, quiet), None)
    return first is None or is_transcript(first[1], quiet)


def _describes(path: Path, reading: Reading) -> bool:
    """True for a ``metadata.csv`` that names files."""
    try:
        first = next(rows.csv_rows(path, reading.quietly()), None)
    except UserError:
        return True
    return first is None or bool(_file_column(first[1]))


def _file_column(row: Mapping[str, object]) -> str:
    return next((name for name in row if plain(name) in {"filename", "file", "filepath", "path"}), "")


def _tell_others(
    found: list[Path], read: set[Path], by_kind: Mapping[str, list[Path]], kind: str, reading: Reading
) -> None:
    """Files that may be transcripts and are not read are counted, by kind."""
    for path in found:
        suffix = path.suffix.lower()
        about = path.name.split(".")[0].lower() in _ABOUT or path.name.lower() == METADATA
        if about or path in by_kind[kind]:
            continue
        if suffix in _CURES and suffix not in _MEDIA:
            reading.tally.skipped[f"{suffix} file, which is not read ({_CURES[suffix]})"] += 1
        elif path in read:
            reading.tally.skipped["file of another kind of transcript, which is not read"] += 1
        elif _kind(path) in {"jsonl", "text"}:
            reading.tally.skipped["file that holds no dialogue"] += 1


def _cure(path: Path) -> str:
    return _CURES.get(path.suffix.lower(), "")


def _cures(found: list[Path]) -> str:
    counts = Counter(path.suffix.lower() for path in found if _cure(path))
    if not counts:
        return ""
    suffix, count = counts.most_common(1)[0]
    return f"{count} × {suffix}, which is not read: {_CURES[suffix]}"


def read(sources: Sources, reading: Reading) -> Iterator[Raw]:
    """The dialogues of all files, in order, as the files hold them. Raises UserError for one that cannot be read."""
    found = _transcripts(sources, reading) if sources.layout in _TIMED else _records(sources, reading)
    yield from labelled(found, sources.tables, reading)


def _records(sources: Sources, reading: Reading) -> Iterator[Raw]:
    described = _metadata(sources, reading)
    for file in sources.files:
        yield from _whole_or_counted(_of_file(file, described, sources, reading), sources, reading)


def _of_file(
    file: Path, described: Mapping[str, Mapping[str, object]], sources: Sources, reading: Reading
) -> Iterator[Raw]:
    reader: Callable[[Path, Reading], Iterator[RawRow]] = {
        "jsonl": rows.json_rows,
        "csv": rows.csv_rows,
        "datasets": rows.arrow_rows if file.suffix.lower() == ".arrow" else rows.parquet_rows,
    }[sources.layout]
    own = described.get(sources.name(file))
    for raw in dialogues(reader(file, reading), sources.name(file), reading):
        yield _described(raw, own, reading) if own else raw


def _whole_or_counted(found: Iterator[Raw], sources: Sources, reading: Reading) -> Iterator[Raw]:
    """What a file holds, up to where it is damaged, which is counted where the settings say so. Raises UserError."""
    try:
        yield from found
    except DamagedError as error:
        if reading.config.damaged == "skip":
            reading.tally.skipped["file that cannot be read, or not to its end"] += 1
        elif len(sources.files) > 1:
            raise UserError(f"{error}; or leave such files out with {reading.tally.set('damaged', 'skip')}") from None
        else:
            raise


def _described(raw: Raw, row: Mapping[str, Any], reading: Reading) -> Raw:
    """A dialogue with what ``metadata.csv`` says of its file, where the file does not say it."""
    record = {**row, "turns": []}
    told = next(iter(dialogues([(raw.where, record)], raw.file, _without_columns(reading))))
    return Raw(raw.where, raw.record, raw.patient or told.patient, raw.session or told.session, raw.turns,
               {**told.labels, **raw.labels}, raw.file, raw.date or told.date)  # fmt: skip


def _without_columns(reading: Reading) -> Reading:
    return Reading(reading.config, reading.tally, reading.progress)


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith((".", "__MACOSX")) for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden:
            yield path


def _kind(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return next((kind for kind, suffixes in _SUFFIXES.items() if name.endswith(suffixes)), "")


def _tables(files: list[Path]) -> list[Path]:
    """Parquet files, and the Arrow files that a saved dataset names as its own (not the caches beside them)."""
    kept = [path for path in files if path.suffix.lower() == ".parquet"]
    for folder in sorted({path.parent for path in files if path.suffix.lower() == ".arrow"}):
        try:
            state = json.loads((folder / _STATE).read_text("utf-8"))
            kept += [folder / Path(entry["filename"]).name for entry in state["_data_files"]]
        except (OSError, ValueError, KeyError, TypeError):
            raise UserError(f"{folder} holds Arrow files without a valid {_STATE}: save it with save_to_disk") from None
    return kept


# --- Timed transcripts and texts: a file for each dialogue, or for each of its sides ----------------------------------


def _transcripts(sources: Sources, reading: Reading) -> Iterator[Raw]:
    """One dialogue a file; or a pair of files, ``visit_doctor.TextGrid`` and ``visit_patient.TextGrid``."""
    described = _metadata(sources, reading)
    parse: Callable[[Path, Reading], list[Cue]] = {
        "webvtt": subtitles.webvtt, "srt": subtitles.subrip, "textgrid": textgrid.textgrid, "elan": linguists.elan,
        "chat": linguists.chat, "text": plain_text.plain_text,
    }[sources.layout]  # fmt: skip
    for stem, files in _by_visit(sources).items():
        yield from _whole_or_counted(_of_visit(stem, files, parse, described, sources, reading), sources, reading)


def _of_visit(
    stem: str, files: list[tuple[Path, str]], parse: Callable[[Path, Reading], list[Cue]],
    described: Mapping[str, Mapping[str, object]], sources: Sources, reading: Reading,
) -> Iterator[Raw]:  # fmt: skip
    cues: list[Cue] = []
    row: Mapping[str, object] = {}
    for file, side in files:
        own = parse(file, reading)
        if side and len({cue.role for cue in own}) == 1:  # the file says who speaks, whatever its tier is called
            own = [Cue(cue.start, side, cue.text, cue.where) for cue in own]
        cues += own
        row = row or described.get(sources.name(file), {}) or described.get(stem, {})
    if len(files) > 1:
        cues.sort(key=lambda cue: cue.start)
    record = {"dialogue_id": stem, **row, "turns": []}
    name = sources.name(files[0][0])
    first = next(iter(dialogues([(name, record)], name, _without_columns(reading))))
    yield Raw(first.where, first.record, first.patient, first.session, turns_of(cues), first.labels, name, first.date)


def _by_visit(sources: Sources) -> dict[str, list[tuple[Path, str]]]:
    """Files by visit, each with the side that its name ends in where another side's file is there too."""
    named: dict[str, list[tuple[Path, str]]] = {}
    for file in sources.files:
        stem, _, last = sources.name(file).rsplit(".", 1)[0].rpartition("_")
        timed = sources.layout not in {"text", "chat"}  # without times the two sides cannot be put together
        side = normalised(last) if timed and stem and len(last) > 2 and normalised(last) in known_roles() else ""
        named.setdefault(stem if side else sources.name(file).rsplit(".", 1)[0], []).append((file, side))
    visits: dict[str, list[tuple[Path, str]]] = {}
    for stem, files in named.items():
        if len(files) > 1:
            visits[stem] = files
        else:
            visits[sources.name(files[0][0]).rsplit(".", 1)[0]] = [(files[0][0], "")]
    return visits


def _metadata(sources: Sources, reading: Reading) -> dict[str, Mapping[str, object]]:
    table = sources.root / METADATA
    if not table.is_file() or table in sources.files or not _describes(table, reading):
        return {}
    found: dict[str, Mapping[str, object]] = {}
    for where, row in rows.csv_rows(table, reading):
        name = str(row.get(_file_column(row)) or "").strip()
        if not name:
            raise UserError(f"{where}: the file_name is empty")
        if name in found:
            raise UserError(f"{where}: the file is described twice")
        found[name] = row
    named = {sources.name(file) for file in sources.files}
    absent = sum(name not in named and name not in _by_visit(sources) for name in found)
    if absent and sources.layout in _TIMED:
        if reading.config.absent == "stop":
            raise UserError(
                f"{METADATA} names {absent} files that are not there: add them, remove their rows, or leave them out "
                f"with {reading.tally.set('absent', 'skip')}"
            )
        reading.tally.skipped["file that is not there"] += absent
    return found
