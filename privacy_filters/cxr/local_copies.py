"""Copies found by what is local: keypoints, whatever the pose, and regions, whatever surrounds them.

Both scores compare a candidate's best training image with what the same candidate has in common with all the others:
anatomy that everybody shares, text and a plain style lift all of them alike. A patient's twin in the cohort, or the
same person under two numbers, is one of many others and hides nobody. Nothing here is learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from synthgen.modalities.cxr.types import CxrImage
from synthgen.privacy_filters.cxr.keypoints import MIRRORED, NEGATIVE, Agreement, Keypoints, Votes, agreement, votes
from synthgen.privacy_filters.cxr.near_copy import one_thread
from synthgen.privacy_filters.cxr.regions import SIDE, Views, aligned, cells, correlations, in_place, thumbnails

NAMES = ("keypoints", "regions")
POSED = 8  # training images that the keypoints name, whose pose is looked at
_LAID = 6  # of them laid over the candidate
_OTHERS = slice(5, 25)  # patients by votes that stand for everybody else
_BEST = 8  # images that do not count among the others: further visits, the same person under a second number
_SPREAD_FLOOR = 0.02
_LEAST = 0.1  # evidence below this is none

Floats = NDArray[np.float32]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class LocalCopies:
    """Training records as keypoints and cells; rows in the order of their patients.

    Attributes:
        patients: the patient of every row, sorted.
        pictures: shape [N, 1, 64, 64], 0 to 1.
        cells: see :func:`synthgen.privacy_filters.cxr.regions.cells`.
        energies: squared norm of every cell, per band [16, N].
    """

    patients: NDArray[np.str_]
    keypoints: Keypoints
    pictures: Tensor
    cells: tuple[Tensor, ...]
    energies: tuple[Tensor, ...]

    @classmethod
    @one_thread()
    def over(cls, payloads: Sequence[CxrImage], patients: Sequence[str]) -> Self:
        return cls._of(Keypoints.of(payloads), thumbnails(payloads), np.asarray(patients))

    @one_thread()
    def enrolled(self, payloads: Sequence[CxrImage], patients: Sequence[str]) -> Self:
        """These records too."""
        return self._of(
            self.keypoints.joined(Keypoints.of(payloads)),
            torch.cat([self.pictures, thumbnails(payloads)]),
            np.concatenate([self.patients, np.asarray(patients)]),
        )

    @classmethod
    def _of(cls, keypoints: Keypoints, pictures: Tensor, patients: NDArray[np.str_]) -> Self:
        order = np.argsort(patients, kind="stable")
        ordered = pictures[torch.from_numpy(order)]
        parts = cells(ordered)
        energies = tuple(part.square().sum(dim=2) for part in parts)
        return cls(patients[order], keypoints.taken(order), ordered, parts, energies)

    @one_thread()
    @torch.no_grad()
    def scores(self, payloads: Sequence[CxrImage], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N, 2], in the order of ``NAMES``; infinite for a candidate with nobody to compare to."""
        found = Keypoints.of(payloads)
        return np.array(
            [
                self._scores(payload, found, row, None if exclude is None else exclude[row])
                for row, payload in enumerate(payloads)
            ]
        )

    def _scores(self, payload: CxrImage, found: Keypoints, row: int, own: str | None) -> tuple[float, float]:
        hidden = np.zeros(len(self.patients), dtype=np.bool_) if own is None else self.patients == own
        if hidden.all():
            return np.inf, np.inf
        count = votes(found, row, self.keypoints, hidden)
        named = self._named(found, row, count, hidden)
        known = torch.from_numpy(~hidden)
        return self._by_keypoints(count, [pose for *_, pose in named]), self._by_regions(payload, named, known)

    def _named(
        self, found: Keypoints, row: int, count: Votes, hidden: NDArray[np.bool_]
    ) -> list[tuple[int, int, Agreement]]:
        """Image, variant and pose of the training images with the most votes."""
        totals = np.where(hidden, -1.0, count.totals).ravel()
        best = [divmod(int(i), len(self.patients)) for i in np.argsort(-totals, kind="stable")[:POSED]]
        return [
            (image, variant, agreement(found, row, self.keypoints, image, variant, count.base))
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

    def _by_regions(self, payload: CxrImage, named: Sequence[tuple[int, int, Agreement]], known: Tensor) -> float:
        candidate = thumbnails([payload], 2 * SIDE)
        evidence = [self._evidence(in_place(F.avg_pool2d(candidate, 2)), known)]
        laid = [entry for entry in named if entry[2].turn != 0][:_LAID]
        if laid:
            images = torch.tensor([image for image, *_ in laid])
            starts = torch.tensor(np.stack([_map(pose, MIRRORED[variant]) for _, variant, pose in laid]))
            signs = torch.tensor([-1.0 if NEGATIVE[variant] else 1.0 for _, variant, _ in laid])
            evidence.append(self._evidence(aligned(candidate, self.pictures[images], starts, signs), known))
        return 1 / max(*evidence, _LEAST, _LEAST)

    def _evidence(self, views: Views, known: Tensor) -> float:
        """By how many standard deviations the best image stands out from the others in any view, band and window."""
        alike = torch.atanh(correlations(views, self.cells, self.energies)[..., known].clamp(max=0.9999))
        count = alike.shape[-1]
        if count < 3:
            return 0.0
        best = alike.topk(min(_BEST, 1 + count // 8), dim=3).values
        others = count - best.shape[3]
        mean = (alike.sum(dim=3) - best.sum(dim=3)) / others
        variance = (alike.square().sum(dim=3) - best.square().sum(dim=3)) / others - mean.square()
        stands_out = (best[..., 0] - mean) / (variance.clamp_min(0).sqrt() + _SPREAD_FLOOR)
        return float(stands_out.nan_to_num(0.0).max())


def _map(pose: Agreement, mirrored: bool) -> Floats:
    """[2, 3], from the training image's coordinates to the candidate's."""
    back = 1 / pose.turn
    shift = -pose.shift * back
    matrix = np.array([[back.real, -back.imag, shift.real], [back.imag, back.real, shift.imag]], dtype=np.float32)
    if mirrored:
        matrix[0] *= -1
    return matrix
