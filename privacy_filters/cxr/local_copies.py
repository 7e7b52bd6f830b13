"""Copies found by what is local: keypoints, whatever the pose, and regions, whatever surrounds or covers them.

Keypoints compare a candidate's best training image with what the same candidate has in common with all the others:
anatomy that everybody shares, text and a plain style lift all of them alike. Regions are compared after whitening,
which leaves little that everybody shares. Nothing here is learnt from a patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthgen.payloads.cxr import CxrImage
from synthgen.pretrained.threads import one_thread
from synthgen.privacy_filters.cxr.keypoints import MIRRORED, Agreement, Keypoints, Votes, agreement, votes
from synthgen.privacy_filters.cxr.regions import (
    Cells,
    Products,
    Views,
    alike_as_a_whole,
    alike_in_windows,
    energy,
    in_place,
    posed,
    side_of,
    thumbnails,
    tiles,
)
from synthgen.privacy_filters.nearest import chord

NAMES = ("keypoints", "overlay", "regions", "coarse", "blurred")
POSED = 8  # training images that the keypoints name, whose pose is looked at
_LAID = 6  # of them, how many poses the regions look at
_OTHERS = slice(5, 25)  # patients by votes that stand for everybody else
_LEAST = 0.1  # evidence of keypoints below this is none

Floats = NDArray[np.float32]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class LocalCopies:
    """Training records as keypoints and cells; rows in the order of their patients.

    Attributes:
        patients: the patient of every row, sorted.
        side: pixels a side at which regions are looked at.
    """

    patients: NDArray[np.str_]
    keypoints: Keypoints
    cells: Cells
    side: int

    names = NAMES

    @classmethod
    @one_thread()
    def over(cls, payloads: Sequence[CxrImage], patients: Sequence[str]) -> Self:
        side = side_of(payloads[0])
        found = Keypoints.of(payloads), Cells.of_training(thumbnails(payloads, side))
        return cls(np.asarray(patients), *found, side)._sorted()

    @one_thread()
    def enrolled(self, payloads: Sequence[CxrImage], patients: Sequence[str]) -> Self:
        """These records too."""
        new = Cells.of_training(thumbnails(payloads, self.side))
        return type(self)(
            np.concatenate([self.patients, np.asarray(patients)]),
            self.keypoints.joined(Keypoints.of(payloads)),
            self.cells.joined(new),
            self.side,
        )._sorted()

    @cached_property
    def energies(self) -> tuple[Tensor, ...]:
        """Squared norms of the cells, [64, N] for each band."""
        return tuple(energy(band) for band in self.cells.bands)

    def _sorted(self) -> Self:
        order = np.argsort(self.patients, kind="stable")
        cells = self.cells.taken(torch.from_numpy(order))
        return type(self)(self.patients[order], self.keypoints.taken(order), cells, self.side)

    def scores(self, payloads: Sequence[CxrImage], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N, 5], in the order of ``NAMES``; infinite for a candidate with nobody to compare to."""
        own = [None] * len(payloads) if exclude is None else list(exclude)
        # A thread for each candidate: its products are too small to be shared out.
        workers = min(torch.get_num_threads(), max(len(payloads), 1))
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return np.array(list(pool.map(self._scores, payloads, own))).reshape(len(payloads), len(NAMES))

    @torch.no_grad()
    def _scores(self, payload: CxrImage, own: str | None) -> tuple[float, ...]:
        hidden = np.zeros(len(self.patients), dtype=np.bool_) if own is None else self.patients == own
        if hidden.all():
            return (np.inf,) * len(NAMES)
        found = Keypoints.of([payload])
        count = votes(found, 0, self.keypoints, hidden)
        named = self._named(found, count, hidden)
        known = torch.from_numpy(~hidden)
        return self._by_keypoints(count, [pose for *_, pose in named]), *self._by_regions(payload, named, known)

    def _named(self, found: Keypoints, count: Votes, hidden: NDArray[np.bool_]) -> list[tuple[int, int, Agreement]]:
        """Image, variant and pose of the training images with the most votes."""
        totals = np.where(hidden, -1.0, count.totals).ravel()
        best = [divmod(int(i), len(self.patients)) for i in np.argsort(-totals, kind="stable")[:POSED]]
        return [
            (image, variant, agreement(found, 0, self.keypoints, image, variant, count.base))
            for variant, image in best
            if not hidden[image]
        ]

    def _by_keypoints(self, count: Votes, poses: Sequence[Agreement]) -> float:
        starts = np.flatnonzero(np.append(True, self.patients[1:] != self.patients[:-1]))
        per_patient = -np.sort(-np.maximum.reduceat(count.totals.max(axis=0), starts))
        usual = float(per_patient[_OTHERS].mean()) if len(per_patient) > _OTHERS.start else 0.0
        support = -np.sort([-pose.support for pose in poses])
        posed = (support[0] + 0.02) / (float(support[2:].mean() if len(support) > 2 else 0.0) + 0.02)
        return 1 / max(float(np.sqrt(per_patient[0] / (usual + 0.05) * posed)), _LEAST)

    def _by_regions(
        self, payload: CxrImage, named: Sequence[tuple[int, int, Agreement]], known: Tensor
    ) -> tuple[float, ...]:
        """Overlay, regions, coarse and blurred: the least chord distance in any view."""
        picture = thumbnails([payload], self.side)
        maps = [torch.from_numpy(_map(pose, MIRRORED[variant])) for _, variant, pose in named if pose.turn != 0]
        views = (in_place(picture), posed(picture, torch.stack([*tiles(), *maps[:_LAID]])))
        alike = np.max([self._alike(view, known) for view in views], axis=0)
        return tuple(chord(alike).tolist())

    def _alike(self, views: Views, known: Tensor) -> tuple[float, ...]:
        """The largest cosine with an image that is ``known``: in detail as a whole and in windows, coarse, blurred."""
        detail, coarse, blurred = (
            Products.of(seen, band, norms)
            for seen, band, norms in zip(views.cells.bands, self.cells.bands, self.energies, strict=True)
        )
        found = (
            alike_as_a_whole(detail, views.covered),
            alike_in_windows(detail, views.covered),
            alike_as_a_whole(coarse, views.covered),
            alike_as_a_whole(blurred, views.covered),
        )
        return tuple(float(alike[..., known].max()) for alike in found)


def _map(pose: Agreement, mirrored: bool) -> Floats:
    """[2, 3], from the training image's coordinates to the candidate's."""
    back = 1 / pose.turn
    shift = -pose.shift * back
    matrix = np.array([[back.real, -back.imag, shift.real], [back.imag, back.real, shift.imag]], dtype=np.float32)
    if mirrored:
        matrix[0] *= -1
    return matrix
