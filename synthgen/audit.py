"""What the data steward is shown: the closest samples and the rejected ones, each beside its nearest real patient.

It shows real records, so it lies in the private work folder and never leaves it.
"""

from __future__ import annotations

import io
import json
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from heapq import nsmallest
from pathlib import Path
from typing import Final, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from synthgen.config import Section
from synthgen.errors import UserError
from synthgen.files import private_folder, write_atomically
from synthgen.privacy_filters.calibration import Calibration
from synthgen.records import C, Cohort, Rule
from synthgen.report import ShownPair
from synthgen.run import Run
from synthgen.sampling import Generated
from synthgen.screening import Judgement
from synthgen.shards import Row

T = TypeVar("T")
M = TypeVar("M", bound=Section)

PAIRS: Final = "pairs.parquet"
LAST_PASS: Final = "last pass"  # noqa: S105 - a reason, no password
"""The reason of what the gate kept and the last pass withheld."""
_CLOSEST, _OF_A_REASON = 24, 8
_BY_RULE = "rule"

_SCHEMA: Final = pa.schema(
    [
        *((name, pa.int64()) for name in ("slot", "attempt")),
        ("kept", pa.bool_()),
        ("reasons", pa.list_(pa.string())),
        *((name, pa.string()) for name in ("stratum", "condition")),
        ("closer", pa.int64()),
        ("scores", pa.string()),
        *((name, pa.string()) for name in ("patient", "record", "sample", "real", "difference")),
    ]
)


@dataclass(frozen=True)
class Pair:
    """A sample beside the record that it resembles most.

    Attributes:
        kept: whether it would be released.
        reasons: filters and rules that rejected it, or the last pass.
        condition: the sample's, as JSON.
        closer: how many of the calibration patients come as close to another patient, or closer.
        scores: by filter, the share of strangers who come so close.
        patient, record: the real record's.
        shown: both, as HTML.
    """

    slot: int
    attempt: int
    kept: bool
    reasons: tuple[str, ...]
    stratum: str
    condition: str
    closer: int
    scores: tuple[tuple[str, str], ...]
    patient: str
    record: str
    shown: ShownPair


@dataclass(frozen=True)
class Pairs:
    """What there is to review.

    Attributes:
        run: the run's keyed digest, as noted in its work folder.
        strangers, blocked: calibration patients, and how many of them the gate blocks.
        slots: places in the release, numbered from 0.
        samples, rejected: how many samples would be released, and how many attempts were turned down, shown or not.
    """

    run: str
    strangers: int
    blocked: int
    slots: int
    samples: int
    rejected: int
    pairs: tuple[Pair, ...]


def write_audit(run: Run[T, C, M], judge: Judgement[T], cohort: Cohort[T, C], generated: Generated[T, C]) -> Path:
    """Writes ``pairs.parquet`` (mode 0600): the kept samples that came closest, and the closest of every reason.

    Closeness is the gate's common scale, by which filters of different kinds can be compared, told as a rank among the
    calibration patients, who are strangers. Rules, which are not calibrated, order nothing. Audit patients are shown
    like all others: they are protected by now.
    """
    assert judge.gate is not None  # noqa: S101 - there is a cohort
    gate = judge.gate.protecting(cohort.audit) if cohort.audit else judge.gate
    calibration, kind = gate.calibration, run.modality.cohorts
    names = frozenset(calibration.names)
    chosen, totals = _chosen(generated, calibration)
    rows = {(row.slot, row.attempt): row for row in generated.rows() if (row.slot, row.attempt) in chosen}
    payloads = {key: kind.decode(row.payload, generated.scratch) for key, row in rows.items()}
    nearest = gate.filters.nearest_patients(list(payloads.values())) if payloads else []
    whose = dict(zip(payloads, nearest, strict=True))
    everybody = (*cohort.train, *cohort.calibration, *cohort.audit)
    pairs = []
    for key in chosen:
        row, payload = rows[key], payloads[key]
        theirs = [record for record in everybody if record.patient == whose[key]]
        real = theirs[int(gate.filters.distances([payload], [record.payload for record in theirs])[0].argmin())]
        pairs.append(
            Pair(
                slot=row.slot,
                attempt=row.attempt,
                kept=row.kept and row.slot not in generated.withheld,
                reasons=reasons_of(row, payload, calibration, judge.rules, generated.withheld),
                stratum=kind.condition_from(row.condition).stratum,
                condition=json.dumps(row.condition, sort_keys=True, ensure_ascii=False),
                closer=rank_among(calibration.strangers, closeness(row, names)),
                scores=tuple((name, _share(score)) for name, score in row.verdicts if name in names),
                patient=real.patient,
                record=real.record,
                shown=kind.show_pair(payload, real.payload),
            )
        )
    path = private_folder(run.work.audit) / PAIRS
    found = Pairs(
        run=run.work.noted("run"),
        strangers=calibration.n,
        blocked=calibration.k,
        slots=generated.facts.slots,
        samples=totals[True],
        rejected=totals[False],
        pairs=tuple(pairs),
    )
    write_atomically(path, _table(found))
    return path


def read_pairs(path: Path) -> Pairs:
    """What :func:`write_audit` wrote.

    Raises:
        UserError: the file is damaged.
    """
    try:
        table = pq.read_table(path)
        about = json.loads(table.schema.metadata[b"about"])
        rows = [
            Pair(
                shown=ShownPair(values.pop("sample"), values.pop("real"), values.pop("difference")),
                **{**values, "reasons": tuple(values["reasons"])},
            )
            for values in ({**row, "scores": tuple(map(tuple, json.loads(row["scores"])))} for row in table.to_pylist())
        ]
        return Pairs(**about, pairs=tuple(rows))
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
        raise UserError(
            f"{path} is damaged: delete it, and run the same synthgen generate again, which writes it anew"
        ) from None


def _table(found: Pairs) -> bytes:
    about = {name: getattr(found, name) for name in ("run", "strangers", "blocked", "slots", "samples", "rejected")}
    schema = _SCHEMA.with_metadata({"about": json.dumps(about, sort_keys=True)})
    rows = [
        {**asdict(pair), **asdict(pair.shown), "scores": json.dumps(pair.scores, ensure_ascii=False)}
        for pair in found.pairs
    ]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer, compression="zstd")
    return buffer.getvalue()


def _chosen(generated: Generated[T, C], calibration: Calibration) -> tuple[list[tuple[int, int]], Counter[bool]]:
    """Slot and attempt of what is shown, the closest first: of what is kept, then of each reason; and how many of both.

    Only keys are held, so that memory does not grow with the payloads.
    """
    names = frozenset(calibration.names)
    kept: list[tuple[float, int, int]] = []
    rejected: defaultdict[str, list[tuple[float, int, int]]] = defaultdict(list)
    totals: Counter[bool] = Counter()
    for row in generated.rows():
        key, stays = (closeness(row, names), row.slot, row.attempt), row.kept and row.slot not in generated.withheld
        totals[stays] += 1
        for reason in () if stays else _groups(row, calibration):
            rejected[reason].append(key)
        if stays:
            kept.append(key)
    best = [nsmallest(_CLOSEST, kept), *(nsmallest(_OF_A_REASON, rejected[reason]) for reason in sorted(rejected))]
    return list(dict.fromkeys((slot, attempt) for found in best for _, slot, attempt in found)), totals


def _groups(row: Row, calibration: Calibration) -> tuple[str, ...]:
    """The reasons by which a rejected attempt is shown: its filters; that rules did it; or the last pass."""
    if row.kept:
        return (LAST_PASS,)
    return tuple(_blocking(row, calibration)) if row.close else (_BY_RULE,)


def _blocking(row: Row, calibration: Calibration) -> Iterator[str]:
    """The calibrated filters that reject an attempt; a score that is no number rejects too."""
    for name, score in row.verdicts:
        if name in calibration.names and (score is None or score <= calibration.threshold):
            yield name


def reasons_of(
    row: Row, payload: T, calibration: Calibration, rules: Sequence[Rule[T]], withheld: Collection[int]
) -> tuple[str, ...]:
    """The filters and rules that reject an attempt, or the last pass; nothing where it would be released."""
    if row.kept:
        return (LAST_PASS,) if row.slot in withheld else ()
    broken = [rule.name for rule in rules if not rule([payload])[0].keeps]
    return (*(_blocking(row, calibration) if row.close else ()), *broken)


def closeness(row: Row, names: Collection[str]) -> float:
    """The least of the calibrated filters' scores, log P(a stranger comes so close); infinite where all are far."""
    return min((score for name, score in row.verdicts if name in names and score is not None), default=math.inf)


def rank_among(strangers: Sequence[float], score: float) -> int:
    """How many of the calibration patients come as close, or closer: 0 is closer than any of them."""
    return sum(stranger <= score for stranger in strangers)


def _share(score: float | None) -> str:
    """A score as the share of strangers who come so close to a patient by this filter."""
    return "far" if score is None else f"{math.exp(min(score, 0.0)):.1%}"
