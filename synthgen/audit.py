"""The audit page, for the data steward's eyes only: the closest released samples beside their nearest real patient.

It shows real records, so it lies in the private work folder and never leaves it.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """Writes ``index.html`` (mode 0600) with the kept samples that came closest to the threshold."""
    kept = (row for row in generated.rows() if row.kept)
    rows = nsmallest(_CLOSEST, kept, key=_closeness)
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
                "scores": row.verdicts,
            }
        )
    page = private_folder(run.work.audit) / "index.html"
    template = resources.files("synthgen").joinpath("audit.html.j2").read_text("utf-8")
    html = Environment(autoescape=True).from_string(template)
    write_atomically(page, html.render(pairs=pairs, threshold=gate.calibration.threshold).encode())
    return page


def _closeness(row: Row) -> tuple[float, int]:
    scores = [score for _, score in row.verdicts if score is not None]
    return min(scores, default=float("inf")), row.slot
