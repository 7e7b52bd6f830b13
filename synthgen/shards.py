"""A finished shard is a file: Parquet, written atomically, with every attempt, kept or not, and why. Private."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from synthgen.errors import UserError
from synthgen.files import write_atomically
from synthgen.records import C, JsonValue
from synthgen.slots import Attempt, Shard

T = TypeVar("T")

_SCHEMA = pa.schema(
    [
        ("slot", pa.int64()),
        ("attempt", pa.int32()),
        ("seed", pa.int64()),
        ("condition", pa.string()),
        ("kept", pa.bool_()),
        ("close", pa.bool_()),
        ("verdicts", pa.string()),
        ("payload", pa.binary()),
    ]
)


@dataclass(frozen=True)
class Row:
    """One attempt as it lies in a shard."""

    slot: int
    attempt: int
    seed: int
    condition: dict[str, JsonValue]
    kept: bool
    close: bool
    verdicts: tuple[tuple[str, float | None], ...]
    payload: bytes

    def entry(self) -> dict[str, JsonValue]:
        """The attempt as it stands in the ledger; the payload by its digest."""
        return {
            "slot": self.slot,
            "attempt": self.attempt,
            "seed": self.seed,
            "kept": self.kept,
            "close": self.close,
            "verdicts": [list(verdict) for verdict in self.verdicts],
            "payload": hashlib.blake2b(self.payload, digest_size=16).hexdigest(),
        }


def shard_path(folder: Path, shard: Shard) -> Path:
    return folder / f"{shard.number:06d}.parquet"


def write_shard(path: Path, attempts: Sequence[Attempt[T, C]], encode: Callable[[T], bytes]) -> None:
    """Writes a shard's attempts in the order in which they were made: byte-identical for the same attempts."""
    columns: Mapping[str, list[object]] = {
        "slot": [a.slot for a in attempts],
        "attempt": [a.number for a in attempts],
        "seed": [a.sample.seed for a in attempts],
        "condition": [json.dumps(a.sample.condition.as_dict(), sort_keys=True) for a in attempts],
        "kept": [a.kept for a in attempts],
        "close": [a.close for a in attempts],
        "verdicts": [json.dumps([[v.filter, _number(v.score)] for v in a.verdicts]) for a in attempts],
        "payload": [encode(a.sample.payload) for a in attempts],
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns, schema=_SCHEMA), buffer, compression="zstd", write_page_checksum=True)
    write_atomically(path, buffer.getvalue())


def read_shard(path: Path) -> Iterator[Row]:
    """Reads a shard's attempts in order.

    Raises:
        UserError: if the file is no shard, or is not what was written.
    """
    try:
        table = pq.read_table(path, schema=_SCHEMA, page_checksum_verification=True)
    except (pa.ArrowException, OSError):
        raise UserError(f"{path} is damaged: delete it and run the same command again") from None
    for batch in table.to_batches(max_chunksize=64):
        for values in batch.to_pylist():
            yield Row(
                slot=values["slot"],
                attempt=values["attempt"],
                seed=values["seed"],
                condition=json.loads(values["condition"]),
                kept=values["kept"],
                close=values["close"],
                verdicts=tuple((name, score) for name, score in json.loads(values["verdicts"])),
                payload=values["payload"],
            )


def _number(score: float) -> float | None:
    """JSON has no NaN or infinity; both mean that the record was rejected out of hand."""
    return score if abs(score) < float("inf") else None
