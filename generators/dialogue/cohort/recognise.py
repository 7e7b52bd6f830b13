"""Which kind of files a cohort is made of, and in which order they are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.dialogue.cohort import rows, transcripts
from synthgen.generators.dialogue.cohort.raw import Raw, RawRow, dialogues
from synthgen.generators.dialogue.cohort.roles import known_roles, normalised
from synthgen.generators.dialogue.cohort_config import CohortConfig
from synthgen.progress import Progress

METADATA: Final = "metadata.csv"
_STATE: Final = "state.json"
_SUFFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "jsonl": (".jsonl", ".ndjson", ".json"),
    "csv": (".csv", ".tsv"),
    "datasets": (".parquet", ".arrow"),
    "webvtt": (".vtt",),
    "textgrid": (".textgrid",),
}
_READ: Final = "JSON lines, CSV or TSV, Parquet, a datasets folder, WebVTT, TextGrid"


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of a cohort, of one kind, sorted by their names relative to ``root``."""

    layout: str
    root: Path
    files: tuple[Path, ...]

    def name(self, file: Path) -> str:
        return file.relative_to(self.root).as_posix()


def recognise(data: Path, config: CohortConfig) -> Sources:
    """The cohort's files and their kind.

    Raises:
        UserError: the path is absent or empty, nothing in it is a transcript, or it holds more than one kind.
    """
    if not data.exists():
        raise UserError(f"the cohort {data} does not exist")
    if data.is_file():
        kind = _kind(data) if config.layout == "auto" else config.layout
        if not kind:
            raise UserError(f"{data.name} is no transcript that can be read: give {_READ}")
        return Sources(kind, data.parent, (data,))
    try:
        found = sorted(_files(data), key=lambda path: path.relative_to(data).as_posix())
    except OSError as error:
        raise UserError(f"the cohort folder {data} cannot be read: {error.strerror}") from None
    if not found:
        raise UserError(f"the cohort folder {data} is empty")
    by_kind = {kind: [path for path in found if _kind(path) == kind] for kind in _SUFFIXES}
    by_kind["datasets"] = _tables(by_kind["datasets"])
    if by_kind["webvtt"] or by_kind["textgrid"]:
        by_kind["csv"] = [path for path in by_kind["csv"] if path.name.lower() != METADATA]
    # Other layouts come with JSON files that describe them; such a file is a transcript where nothing else is.
    lines = [path for path in by_kind["jsonl"] if not path.name.lower().endswith((".json", ".json.gz"))]
    others = any(by_kind[kind] for kind in _SUFFIXES if kind != "jsonl")
    by_kind["jsonl"] = lines if lines or others else by_kind["jsonl"]
    kinds = [kind for kind, paths in by_kind.items() if paths]
    if config.layout != "auto":
        kinds = [kind for kind in kinds if kind == config.layout]
    if not kinds:
        raise UserError(f"no transcript in {data}: give {_READ}")
    if len(kinds) > 1:
        raise UserError(
            f"{data} holds more than one kind of transcript ({', '.join(kinds)}): name one, as in "
            f"--set modality.cohort.layout={kinds[0]}"
        )
    return Sources(kinds[0], data, tuple(by_kind[kinds[0]]))


def read(sources: Sources, progress: Progress) -> Iterator[Raw]:
    """The dialogues of all files, in order, as the files hold them. Raises UserError for one that cannot be read."""
    if sources.layout in {"webvtt", "textgrid"}:
        yield from _transcripts(sources, progress)
        return
    for file in sources.files:
        reader: Callable[[Path, Progress], Iterator[RawRow]] = {
            "jsonl": rows.json_rows,
            "csv": rows.csv_rows,
            "datasets": rows.arrow_rows if file.suffix.lower() == ".arrow" else rows.parquet_rows,
        }[sources.layout]
        yield from dialogues(reader(file, progress), sources.name(file))


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
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


def _transcripts(sources: Sources, progress: Progress) -> Iterator[Raw]:
    """One dialogue a file; or a pair of files, ``visit_doctor.TextGrid`` and ``visit_patient.TextGrid``."""
    described = _metadata(sources, progress)
    parse = transcripts.webvtt if sources.layout == "webvtt" else transcripts.textgrid
    for stem, files in _by_visit(sources).items():
        cues = []
        row: Mapping[str, object] = {}
        for file, side in files:
            own = parse(file, progress)
            if side:  # the file says who speaks, whatever its tier is called
                own = [transcripts.Cue(cue.start, side, cue.text, cue.where) for cue in own]
            cues += own
            row = row or described.get(sources.name(file), {}) or described.get(stem, {})
        record = {"dialogue_id": stem, **row, "turns": []}
        first = next(iter(dialogues([(sources.name(files[0][0]), record)], stem)))
        yield Raw(first.where, first.record, first.patient, first.session, transcripts.turns_of(cues), first.labels)


def _by_visit(sources: Sources) -> dict[str, list[tuple[Path, str]]]:
    """Files by visit, each with the side that its name ends in where another side's file is there too."""
    named: dict[str, list[tuple[Path, str]]] = {}
    for file in sources.files:
        stem, _, last = sources.name(file).rsplit(".", 1)[0].rpartition("_")
        side = normalised(last) if stem and normalised(last) in known_roles() else ""
        named.setdefault(stem if side else sources.name(file).rsplit(".", 1)[0], []).append((file, side))
    visits: dict[str, list[tuple[Path, str]]] = {}
    for stem, files in named.items():
        if len(files) > 1:
            visits[stem] = files
        else:
            visits[sources.name(files[0][0]).rsplit(".", 1)[0]] = [(files[0][0], "")]
    return visits


def _metadata(sources: Sources, progress: Progress) -> dict[str, Mapping[str, object]]:
    table = sources.root / METADATA
    if not table.is_file():
        return {}
    found: dict[str, Mapping[str, object]] = {}
    for where, row in rows.csv_rows(table, progress):
        name = str(row.get("file_name") or "").strip()
        if not name:
            raise UserError(f"{where}: the file_name is empty")
        if name in found:
            raise UserError(f"{where}: the file is described twice")
        found[name] = row
    named = {sources.name(file) for file in sources.files}
    absent = sum(name not in named and name not in _by_visit(sources) for name in found)
    if absent:
        raise UserError(f"{METADATA} names {absent} files that are not there: add them, or remove their rows")
    return found
