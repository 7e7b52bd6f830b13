"""The audit page, for the data steward's eyes only: the closest released samples beside their nearest real patient.

It shows real records, so it lies in the private work folder and never leaves it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from heapq import nsmallest
from importlib import resources
from pathlib import Path
from typing import TypeVar

from jinja2 import Environment

from synthgen.config import Section
from synthgen.files import private_folder, write_atomically
from synthgen.privacy_filters.gate import Gate
from synthgen.records import C, Real
from synthgen.run import Run
from synthgen.sampling import Generated
from synthgen.shards import Row

T = TypeVar("T")
M = TypeVar("M", bound=Section)

_CLOSEST = 16


def write_audit(run: Run[T, C, M], gate: Gate[T], protected: Sequence[Real[T, C]], generated: Generated[T, C]) -> Path:
    """Writes ``index.html`` (mode 0600) with the kept samples that came closest by the gate's calibrated scores.

    Closeness is the gate's common scale, by which filters of different kinds can be compared, told as a rank among the
    calibration patients, who are strangers. Rules, which are not calibrated, order nothing.
    """
    names, calibration = frozenset(gate.calibration.names), gate.calibration
    kept = (row for row in generated.rows() if row.kept)
    rows = nsmallest(_CLOSEST, kept, key=lambda row: (closeness(row, names), row.slot))
    kind = run.modality.cohorts
    payloads = [kind.decode(row.payload, generated.scratch) for row in rows]
    nearest = gate.filters.nearest_patients(payloads) if payloads else []
    pairs = []
    for row, payload, patient in zip(rows, payloads, nearest, strict=True):
        theirs = [record.payload for record in protected if record.patient == patient]
        best = int(gate.filters.distances([payload], theirs)[0].argmin())
        pairs.append(
            {
                "slot": row.slot,
                "sample": kind.show(payload),
                "real": kind.show(theirs[best]),
                "closer": rank_among(calibration.strangers, closeness(row, names)),
                "scores": [(name, _share(score)) for name, score in row.verdicts if name in names],
            }
        )
    page = private_folder(run.work.audit) / "index.html"
    template = resources.files("synthgen").joinpath("audit.html.j2").read_text("utf-8")
    html = Environment(autoescape=True).from_string(template)
    write_atomically(page, html.render(pairs=pairs, strangers=calibration.n, blocked=calibration.k).encode())
    return page


def closeness(row: Row, names: Collection[str]) -> float:
    """The least of the calibrated filters' scores, log P(a stranger comes so close); infinite where all are far."""
    return min((score for name, score in row.verdicts if name in names and score is not None), default=math.inf)


def rank_among(strangers: Sequence[float], score: float) -> int:
    """How many of the calibration patients come as close, or closer: 0 is closer than any of them."""
    return sum(stranger <= score for stranger in strangers)


def _share(score: float | None) -> str:
    """A score as the share of strangers who come so close to a patient by this filter."""
    return "far" if score is None else f"{math.exp(min(score, 0.0)):.1%}"
