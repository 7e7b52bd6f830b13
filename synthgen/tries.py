"""Which try on a cohort a run is, so that ten tries at a PASS are seen: other seeds, settings and splits count as one.

The log lies in the user's state folder, outside every work folder: JSON lines, appended under a lock. Patients and
records stand in it as keyed digests only.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from synthgen.digests import content_digest, form, keyed
from synthgen.errors import UserError
from synthgen.progress import Progress
from synthgen.records import C, JsonValue, Real
from synthgen.state import State, locked, open_state, state_folder
from synthgen.workfolder import Workfolder

T = TypeVar("T")

LOG = "tries.jsonl"
_SKETCH = 64
_SHARED = 0.5  # of the records of two cohorts, from which on they count as one


@dataclass(frozen=True)
class Fingerprint:
    """By what a cohort is known again: bottom-k sketches (Broder 1997) of keyed digests of its records.

    A cohort from which some records were taken, or that other settings read, is still the same one.

    Attributes:
        names: the least digests of (patient, record, condition), hex, sorted.
        contents: the least digests of what the records hold.
        form: of a payload; contents that were read in two forms (at two sizes) cannot be compared, so names decide.
    """

    names: tuple[str, ...]
    contents: tuple[str, ...]
    form: str

    def same(self, other: Fingerprint) -> bool:
        """True when half of all records are in both."""
        if similarity(self.contents, other.contents) >= _SHARED:
            return True
        return self.form != other.form and similarity(self.names, other.names) >= _SHARED


@dataclass(frozen=True)
class TryFacts:
    """The number of a try on its cohort, from 1, and the verdicts of the earlier tries, ``""`` where one had none."""

    number: int
    earlier: tuple[tuple[str, int], ...] = ()


def fingerprint(records: Sequence[Real[T, C]], key: bytes) -> Fingerprint:
    """The fingerprint of a cohort of at least one record, whatever its folder, order and split."""
    names = (json.dumps([r.patient, r.record, r.condition.as_dict()], sort_keys=True) for r in records)
    contents = (content_digest(r.payload) for r in records)
    return Fingerprint(_least(names, key), _least(contents, key), keyed(key, form(records[0].payload)))


def similarity(a: Sequence[str], b: Sequence[str]) -> float:
    """The Jaccard index of two sets, estimated from their sketches; exact where they hold the whole sets."""
    first, second = set(a), set(b)
    least = sorted(first | second)[:_SKETCH]
    return sum(one in first and one in second for one in least) / len(least) if least else 0.0


def level_for_try(level: float, number: int) -> float:
    """The part of a level that try ``number`` (from 1) gets: 1/j², which adds up to 1.65 levels over all j.

    The first try has the whole level; all further ones together add two thirds of it.

    Raises:
        ValueError: if ``number`` is below 1.
    """
    if number < 1:
        raise ValueError(f"tries count from 1, got {number}")
    return level / number**2


def judged(entries: Iterable[Mapping[str, JsonValue]], run: str, cohort: Fingerprint) -> TryFacts | None:
    """What a log says of ``run``: None where it has not begun. A run that was resumed is the try that it was."""
    before: list[str] = []
    verdicts: dict[str, str] = {}
    begun = False
    for entry in entries:
        name = str(entry.get("run"))
        verdicts[name] = str(entry.get("verdict", verdicts.get(name, "")))
        begun = begun or name == run
        if not begun and name not in before and (known := _fingerprint_in(entry)) and known.same(cohort):
            before.append(name)
    earlier = Counter(verdicts[name] for name in before)
    return TryFacts(len(before) + 1, tuple(sorted(earlier.items()))) if begun else None


def register(state: State, run: str, cohort: Fingerprint) -> TryFacts:
    """Logs the begin of a run, unless it is logged, and says which try it is.

    Raises:
        OSError: the log cannot be written.
    """
    with locked(state.folder):
        entries = read_log(state.folder / LOG)
        known = judged(entries, run, cohort)
        if known is None:
            begin: dict[str, JsonValue] = {
                "run": run,
                "names": list(cohort.names),
                "contents": list(cohort.contents),
                "form": cohort.form,
            }
            _append(state.folder / LOG, begin)
            known = judged([*entries, begin], run, cohort)
        assert known is not None  # noqa: S101 - the run has begun
        return known


def conclude(state: State, run: str, verdict: str) -> None:
    """Logs the verdict of a run that has begun; once, however often it is run again.

    Raises:
        OSError: the log cannot be written.
    """
    with locked(state.folder):
        log = read_log(state.folder / LOG)
        if not any(entry.get("run") == run and entry.get("verdict") == verdict for entry in log):
            _append(state.folder / LOG, {"run": run, "verdict": verdict})


def read_log(path: Path) -> list[dict[str, JsonValue]]:
    """The entries of a log, in their order; a line that a crash has torn is passed over."""
    entries = []
    for line in path.read_bytes().split(b"\n") if path.exists() else ():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries


def begin_try(records: Sequence[Real[T, C]], draw: Sequence[str], work: Workfolder, progress: Progress) -> int | None:
    """Counts a run on a cohort, in the state folder and in the work folder: its number, None where nobody knows.

    The same draw (settings with their seed, split, weights) gives the same release, so it is the same try, in whatever
    work folder; since seeds are random unless one is given, any two runs are two tries.

    Args:
        draw: digests of all that the outcome depends on; they never leave the two private folders.
    """
    run = keyed(work.key, "run", *draw)
    work.note("run", run)
    state = open_state()
    try:
        if state is None:
            raise OSError
        number: int | None = register(state, run, fingerprint(records, state.key)).number
    except (OSError, UserError):
        number = int(work.noted("try")) if work.noted("try") else None
        progress.say(
            f"tries on this cohort cannot be counted: no permission to write in {state_folder() or 'a home folder'}; "
            "name a folder with the environment variable SYNTHGEN_STATE"
        )
    if number is not None:
        number = int(work.noted("try") or number)  # a release that is made again says what it said
        work.note("try", str(number))
    return number


def end_try(work: Workfolder, verdict: str) -> None:
    """Notes the verdict of the run that this work folder holds."""
    work.note("verdict", verdict)
    state = open_state(create=False)
    if state is not None and work.noted("run"):
        try:
            conclude(state, work.noted("run"), verdict)
        except OSError:
            return  # begin_try has said that nothing can be counted


def _least(values: Iterable[str | bytes], key: bytes) -> tuple[str, ...]:
    return tuple(sorted({keyed(key, value)[:16] for value in values})[:_SKETCH])


def _fingerprint_in(entry: Mapping[str, JsonValue]) -> Fingerprint | None:
    names, contents = entry.get("names"), entry.get("contents")
    if not isinstance(names, list) or not isinstance(contents, list):
        return None
    return Fingerprint(tuple(map(str, names)), tuple(map(str, contents)), str(entry.get("form")))


def _append(path: Path, entry: Mapping[str, JsonValue]) -> None:
    whole = not path.exists() or path.stat().st_size == 0 or path.read_bytes().endswith(b"\n")
    time = datetime.now(UTC).isoformat(timespec="seconds")
    line = ("" if whole else "\n") + json.dumps({**entry, "time": time}, sort_keys=True) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())
