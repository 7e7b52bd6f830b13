"""Readers of users' files under random damage: what is read, what is refused by one line, and what breaks.

    python -m benchmarks.fuzzing --modality dialogue --data transcripts.jsonl --trials 500 --out fuzzing.json

A small valid cohort is copied, one file of it is changed (bits, cut short, slices lost or doubled, tokens that parsers
trip over), and it is loaded as ``synthgen validate`` loads it. Anything but a cohort or a line for the user is a fault;
so is whatever takes longer than ``--seconds``. Faults are told apart by where they were raised.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from synthgen.errors import SynthgenError
from synthgen.modality import Modality, load
from synthgen.progress import Silent

TOKENS: tuple[bytes, ...] = (
    b"\x00", b"\r", b"\n\n", b"\t", b"\xef\xbb\xbf", b"\xff\xfe", b"\xf0\x9f\xa9\xba", b"\\", b"\\ud800", b"\\u0000",
    b'"', b"'", b",", b";", b"{", b"}", b"[", b"]]", b"(" * 300, b"NaN", b"1e999", b"-1", b"9" * 5000,
    b"\xc2\xb2", b"null", b"true", b"../../etc/passwd", b"=cmd|'/c calc'!A1", b"<script>", b"&lol;", b"*a", b"%s%n",
    b"!!python/object/apply:os.system",
)  # fmt: skip


def bits(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 1, 8, 64))):
        at = rng.randrange(8 * len(data))
        data[at // 8] ^= 1 << at % 8


def cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def lost(data: bytearray, rng: random.Random) -> None:
    low = rng.randrange(len(data))
    del data[low : low + rng.randrange(1, 200)]


def doubled(data: bytearray, rng: random.Random) -> None:
    low, at = rng.randrange(len(data)), rng.randrange(len(data))
    data[at:at] = data[low : low + rng.randrange(1, 2000)]


def token(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 5))):
        at = rng.randrange(len(data) + 1)
        data[at : at + rng.choice((0, 0, 1, 4))] = rng.choice(TOKENS)


def noise(data: bytearray, rng: random.Random) -> None:
    low = rng.randrange(len(data))
    data[low : low + 16] = rng.randbytes(16)


CHANGES: tuple[Callable[[bytearray, random.Random], None], ...] = (bits, cut, lost, doubled, token, token, noise)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modality", required=True)
    parser.add_argument("--data", type=Path, required=True, help="a valid cohort, a folder or a file; small")
    parser.add_argument("--set", dest="settings", action="append", default=[], help="key=value, as for validate")
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=int, default=20, help="a trial that takes longer is a fault")
    parser.add_argument("--out", type=Path, required=True, help="JSON")
    given = parser.parse_args()
    kind = load(given.modality)
    found = tried(kind, given.data, given.settings, given.trials, given.seed, given.seconds)
    given.out.write_text(json.dumps({"modality": kind.name, "data": given.data.name, **found}, indent=1) + "\n")
    print(json.dumps({name: found[name] for name in ("ends", "slowest")}))


def tried(
    kind: Modality[Any, Any, Any], data: Path, settings: list[str], trials: int, seed: int, seconds: int
) -> dict[str, Any]:
    """Ends of ``trials`` changed copies of a cohort, and each fault with an example of its changes."""
    rng, ends, slowest = random.Random(seed), Counter[str](), 0.0  # noqa: S311
    faults: dict[str, dict[str, Any]] = {}
    config = kind.config(kind.presets[True], settings, seed=0).modality
    with TemporaryDirectory(prefix="synthgen-fuzzing-") as name:
        for trial in range(trials):
            folder = Path(name) / "cohort"
            shutil.rmtree(Path(name), ignore_errors=True)
            folder.mkdir(parents=True)
            here = folder / data.name
            (shutil.copytree if data.is_dir() else shutil.copyfile)(data, here)
            what = changed(here, rng)
            began = time.perf_counter()
            try:
                with at_most(seconds):
                    kind.cohorts.load(here, config, Path(name) / "cache", Silent())
                end = "read"
            except SynthgenError as error:
                end = "refused" if "\n" not in str(error).strip() else "refused in several lines"
            except Exception as error:
                end = "fault"
                where = traceback.extract_tb(error.__traceback__)[-1]
                key = f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
                faults.setdefault(key, {"trial": trial, "change": what, "says": str(error)[:200], "count": 0})
                faults[key]["count"] += 1
            slowest = max(slowest, time.perf_counter() - began)
            ends[end] += 1
    return {"ends": dict(ends), "faults": faults, "slowest": round(slowest, 2)}


def changed(data: Path, rng: random.Random) -> str:
    """Changes one file, of a random suffix so that tables are hit as often as what they name; says how."""
    files = [data] if data.is_file() else [p for p in sorted(data.rglob("*")) if p.is_file() and p.stat().st_size]
    suffix = rng.choice(sorted({path.suffix for path in files}))
    path = rng.choice([path for path in files if path.suffix == suffix])
    content = bytearray(path.read_bytes())
    change = rng.choice(CHANGES)
    change(content, rng)
    path.chmod(0o600)
    path.write_bytes(content)
    return f"{change.__name__} in {path.name}"


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    def too_long(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


if __name__ == "__main__":
    main()
