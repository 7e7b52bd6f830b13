"""The audit page, for the data steward's eyes only: the closest released samples beside their nearest real patient.

It shows real records, so it lies in the private work folder and never leaves it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from heapq import nsmallest
from pathlib import Path
from typing import TypeVar

from jinja2 import Environment

from synthgen.config import Section
from synthgen.files import private_folder, write_atomically
from synthgen.generate import Generated
from synthgen.modality import Modality
from synthgen.privacy_filters.gate import Gate
from synthgen.records import C, Real
from synthgen.shards import Row

T = TypeVar("T")
M = TypeVar("M", bound=Section)

_CLOSEST = 16

_PAGE = Environment(autoescape=True).from_string(
    """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Audit: private</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #1a1a1a }
.private { background: #8c1d18; color: #fff; padding: .6rem 1rem; border-radius: 4px }
section { display: grid; grid-template-columns: 1fr 1fr 1.2fr; gap: 1rem; margin: 1.2rem 0; align-items: start }
figure { margin: 0 } img { width: 100%; image-rendering: auto; background: #000 }
figcaption { color: #555; font-size: .9em }
table { border-collapse: collapse } td, th { padding: .15rem .7rem .15rem 0; text-align: left }
</style>
<p class="private">Private: this page shows real patients. It stays in the work folder.</p>
<h1>The closest samples that the gate kept</h1>
<p>Left the sample, in the middle the training patient whom it resembles most in the identity embedding, right its scores
in units of the spread among training patients; a sample is rejected at {{ "%.2f"|format(threshold) }} or below. If one of
these pairs looks like the same person to you, do not share the release.</p>
{% for pair in pairs %}
<section>
<figure><img src="data:image/png;base64,{{ pair.sample }}" alt="sample"><figcaption>sample {{ pair.slot }}</figcaption></figure>
<figure><img src="data:image/png;base64,{{ pair.real }}" alt="real"><figcaption>nearest training record</figcaption></figure>
<table>{% for name, score in pair.scores %}<tr><th>{{ name }}</th><td>{{ "%.2f"|format(score) }}</td></tr>{% endfor %}</table>
</section>
{% endfor %}
</html>
"""
)


def write_audit(
    modality: Modality[T, C, M], gate: Gate[T], train: Sequence[Real[T, C]], generated: Generated[T, C], folder: Path
) -> Path:
    """Writes ``folder/index.html`` (mode 0600) with the kept samples that came closest to the threshold."""
    kept = (row for row in generated.rows() if row.kept)
    rows = nsmallest(_CLOSEST, kept, key=_closeness)
    payloads = [modality.decode(row.payload) for row in rows]
    nearest = gate.filters.nearest_patients(payloads) if payloads else []
    pairs = []
    for row, payload, patient in zip(rows, payloads, nearest, strict=True):
        theirs = [record.payload for record in train if record.patient == patient]
        best = int(gate.filters.distances([payload], theirs)[0].argmin())
        pairs.append(
            {
                "slot": row.slot,
                "sample": base64.b64encode(modality.picture(payload)).decode(),
                "real": base64.b64encode(modality.picture(theirs[best])).decode(),
                "scores": row.verdicts,
            }
        )
    page = private_folder(folder) / "index.html"
    write_atomically(page, _PAGE.render(pairs=pairs, threshold=gate.calibration.threshold).encode())
    return page


def _closeness(row: Row) -> tuple[float, int]:
    scores = [score for _, score in row.verdicts if score is not None]
    return min(scores, default=float("inf")), row.slot
