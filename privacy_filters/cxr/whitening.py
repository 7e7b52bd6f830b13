"""Whitening, learnt from phantoms alone: what all chests share is taken away, what tells people apart is left.

Rib shadows, the edge of the heart and that of a collimator make neighbouring pixels of any two radiographs alike, and
correlations of strangers large. In each cell of the picture the pixels' second moments over many simulated people say
how: multiplied by the inverse root of that matrix, ridged, the pixels of a cell are of equal weight and uncorrelated
(symmetric whitening, Kessy et al. 2018), so that two strangers' cells are next to orthogonal and a copy's are not. This
is a copy descriptor trained without labels in one step; the networks that were tried beside it did worse
(docs/results/gate.md). It ships with the package and has seen nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from synthgen.files import write_atomically
from synthgen.records import JsonValue

FORMAT = "synthgen-cxr-whitening-1"
FOLDER = Path(__file__).parent / "base"
WEIGHTS, CARD = "whitening.safetensors", "whitening.json"
_FLOOR = 0.25  # of a usual norm: a cell in which there is next to nothing, a margin, stays small


@dataclass(frozen=True)
class Whitening:
    """A matrix for each cell of a band: shape [C, D, D]."""

    matrices: Tensor

    def __call__(self, cells: Tensor) -> Tensor:
        """Cells [C, V, D] whitened, each of a norm just below one, whatever its contrast was."""
        white = torch.bmm(cells, self.matrices)
        level: Tensor = torch.linalg.vector_norm(white, dim=2, keepdim=True) + _FLOOR * white.shape[2] ** 0.5
        return white / level


def fitted(cells: Iterable[Tensor], ridge: float) -> Whitening:
    """From the cells [C, V, D] of many pictures, in portions.

    Args:
        ridge: added to every eigenvalue, as a share of their mean: what phantoms hardly show is not blown up.
    """
    moments, count = torch.zeros(0), 0
    for portion in cells:
        new = torch.bmm(portion.transpose(1, 2), portion)
        moments, count = new if not count else moments + new, count + portion.shape[1]
    values, vectors = torch.linalg.eigh(moments.double() / count)
    usual = values.mean(dim=1, keepdim=True)
    scale = (values.clamp_min(0) + ridge * usual).rsqrt()
    return Whitening((vectors * scale[:, None, :] @ vectors.transpose(1, 2)).float())


@cache
def packaged(band: str) -> Whitening:
    """As it ships, of a band: ``detail_128``, ``detail_64``, ``detail_32``, ``coarse`` or ``blurred``."""
    return Whitening(load_file(FOLDER / WEIGHTS)[band].float())


def write(bands: Mapping[str, Whitening], made_by: Mapping[str, JsonValue], folder: Path) -> None:
    """Writes the bands in half precision, with a card that says how they were made."""
    folder.mkdir(parents=True, exist_ok=True)
    halves = {name: band.matrices.to(torch.float16).contiguous() for name, band in bands.items()}
    write_atomically(folder / WEIGHTS, save(halves))
    card = {"format": FORMAT, "made_by": dict(made_by)}
    write_atomically(folder / CARD, (json.dumps(card, indent=1) + "\n").encode())
