"""Local features: the places of an image, found again in a training image however the copy was cut, turned or pasted.

SIFT keypoints (Lowe 2004) of the locally normalised image, as Hellinger-normalised descriptors (Arandjelović and
Zisserman 2012). A negative and a mirror image only permute a descriptor's 128 bins: the negative turns its 4 × 4 grid
by 180° about the keypoint, the mirror image reverses the rows and the sense of rotation. Written in the four symmetry
classes of these two permutations, one product with all training descriptors answers all four variants at once.

Votes are local naive Bayes nearest neighbours (McCann and Lowe 2012): a keypoint speaks for an image as far as it is
more like that image's best keypoint than like an unrelated image's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.payloads.cxr import CxrImage

_SMALL = 64  # pixels a side up to which an image has fewer places to tell
_WINDOW = 1 / 16  # of the side: slower changes are exposure
_IMAGES = 8  # training images a chunk of the search: fits the cache
_RANK = 8  # the comparison that a vote must beat: the best keypoint of the eighth of all images and variants
_HYPOTHESES = 24
_CELLS = 8
_NEAR = 0.12  # of half a side: how far a keypoint may lie from where the pose puts it
_ZOOM = math.log(3.0)  # a copy three times smaller or larger is looked for, no further
_ALIKE = 0.6  # radians, and logarithm of the size

Floats = NDArray[np.float32]
Scores = NDArray[np.float64]

# Variants of a candidate: as it is, negative, mirrored, both. Rows of a Hadamard matrix: sign of each symmetry class.
NEGATIVE = (False, True, False, True)
MIRRORED = (False, False, True, True)
_SIGNS = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]], dtype=np.float32)


def _orbits() -> NDArray[np.intp]:
    """Bins [4, 32] of a SIFT descriptor that negative and mirror image exchange: as is, negative, mirrored, both."""
    row, column, angle = (part.ravel() for part in np.meshgrid(range(2), range(2), range(8), indexing="ij"))
    turned = (8 - angle) % 8
    places = ((row, column, angle), (3 - row, 3 - column, angle), (3 - row, column, turned), (row, 3 - column, turned))
    return np.stack([(r * 4 + c) * 8 + a for r, c, a in places])


_ORBITS = _orbits()


@dataclass(frozen=True)
class Keypoints:
    """Keypoints of N images, the strongest first, padded with zeros to K.

    Attributes:
        places: shape [N, K], x + iy from the centre, in halves of a side; y down.
        frames: shape [N, K], size · exp(i angle) in halves of a side.
        classes: descriptors in their symmetry classes, unit norm together, shape [4, N, K, 32].
        counts: shape [N].
    """

    places: NDArray[np.complex64]
    frames: NDArray[np.complex64]
    classes: Floats
    counts: NDArray[np.intp]

    @classmethod
    def of(cls, images: Sequence[CxrImage]) -> Self:
        side, most = (128, 100) if len(images[0]) <= _SMALL else (160, 150)
        detector = cv2.SIFT.create(nfeatures=most, contrastThreshold=0.01, edgeThreshold=20)
        found = [_detected(detector, image, side, most) for image in images]
        places, frames, classes, counts = zip(*found, strict=True)
        at: NDArray[np.complex64] = np.stack(places)
        turned: NDArray[np.complex64] = np.stack(frames)
        return cls(at, turned, np.stack(classes, axis=1), np.array(counts, dtype=np.intp))

    def joined(self, other: Keypoints) -> Keypoints:
        """These and the other's."""
        return Keypoints(
            np.concatenate([self.places, other.places]),
            np.concatenate([self.frames, other.frames]),
            np.concatenate([self.classes, other.classes], axis=1),
            np.concatenate([self.counts, other.counts]),
        )

    def taken(self, rows: NDArray[np.intp]) -> Keypoints:
        """The keypoints of these rows."""
        return Keypoints(
            self.places[rows], self.frames[rows], np.ascontiguousarray(self.classes[:, rows]), self.counts[rows]
        )


def _detected(
    detector: cv2.SIFT, image: CxrImage, side: int, most: int
) -> tuple[NDArray[np.complex64], NDArray[np.complex64], Floats, int]:
    found, descriptors = detector.detectAndCompute(_levelled(image, side), None)
    places, frames = np.zeros(most, np.complex64), np.zeros(most, np.complex64)
    classes = np.zeros((4, most, 32), np.float32)
    strongest = np.argsort([-point.response for point in found], kind="stable")[:most]
    count = len(strongest)
    if count:
        points = [found[i] for i in strongest]
        at = np.array([point.pt for point in points]) * (2 / side) - (1 - 1 / side)
        places[:count] = at[:, 0] + 1j * at[:, 1]
        sizes, angles = (np.array([getattr(point, name) for point in points]) for name in ("size", "angle"))
        frames[:count] = sizes * (2 / side) * np.exp(1j * np.deg2rad(angles))
        classes[:, :count] = _classes(np.asarray(descriptors, dtype=np.float32)[strongest])
    return places, frames, classes, count


def _levelled(image: CxrImage, side: int) -> NDArray[np.uint8]:
    """At ``side`` pixels, exposure taken away; of a negative the negative, so that its keypoints stay."""
    larger = image.shape[0] < side
    pixels = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC if larger else cv2.INTER_AREA)
    pixels = pixels.astype(np.float32)
    detail = pixels - cv2.GaussianBlur(pixels, (0, 0), side * _WINDOW)
    spread = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), side * _WINDOW))
    return np.asarray(np.clip(128 + 45 * detail / (spread + 4), 0, 255).astype(np.uint8))


def _classes(descriptors: Floats) -> Floats:
    """Descriptors [n, 128] under the square root, as symmetry classes [4, n, 32]."""
    hellinger = np.sqrt(descriptors / (np.abs(descriptors).sum(axis=1, keepdims=True) + 1e-7))
    return np.asarray(np.einsum("ab,nbk->ank", _SIGNS / 2, hellinger[:, _ORBITS]), dtype=np.float32)


@dataclass(frozen=True)
class Votes:
    """What a candidate's keypoints say.

    Attributes:
        totals: votes for each training image in each variant, shape [4, I].
        base: similarity that each keypoint's vote must beat, shape [Q].
    """

    totals: Floats
    base: Floats


def votes(candidate: Keypoints, row: int, training: Keypoints, hidden: NDArray[np.bool_] | None) -> Votes:
    """Votes of candidate ``row`` for every training image; ``hidden`` [I] marks images that are left out."""
    count = int(candidate.counts[row])
    if not count:
        return Votes(np.zeros((4, len(training.counts)), np.float32), np.zeros(0, np.float32))
    queries = torch.from_numpy(np.ascontiguousarray(candidate.classes[:, row, :count]))
    everything = torch.from_numpy(training.classes)
    images, each = everything.shape[1:3]
    best = torch.empty(4, count, images)
    room = torch.empty(3, 4, count, _IMAGES * each)  # used again for every chunk: fresh memory costs as much as sums
    for low in range(0, images, _IMAGES):
        chunk = everything[:, low : low + _IMAGES].flatten(1, 2)
        same, sums, variants = (part[:, :, : chunk.shape[1]] for part in room)
        torch.bmm(queries, chunk.transpose(1, 2), out=same)
        # The fast Hadamard transform: sums that variants share.
        torch.add(same[:2], same[2:], out=sums[:2])
        torch.sub(same[:2], same[2:], out=sums[2:])
        torch.add(sums[::2], sums[1::2], out=variants[::2])
        torch.sub(sums[::2], sums[1::2], out=variants[1::2])
        best[:, :, low : low + _IMAGES] = variants.unflatten(2, (-1, each)).amax(3)
    if hidden is not None:
        best[:, :, torch.from_numpy(hidden)] = 0.0
    ranked = best.transpose(0, 1).flatten(1)
    base = ranked.topk(min(_RANK, ranked.shape[1]), dim=1).values[:, -1]
    totals = (best - base[None, :, None]).clamp_min(0).sum(dim=1)
    return Votes(totals.numpy(), base.numpy())


@dataclass(frozen=True)
class Agreement:
    """A pose on which keypoints agree: place in the training image = turn · place in the variant + shift.

    Attributes:
        turn: scale · exp(i angle) of the candidate, after mirroring where the variant is mirrored.
        support: votes of the keypoints that agree.
        count: how many they are.
    """

    turn: complex
    shift: complex
    support: float
    count: int


def agreement(candidate: Keypoints, row: int, training: Keypoints, image: int, variant: int, base: Floats) -> Agreement:
    """The similarity transform with most votes behind it; strong matches propose one each (Lowe 2004, section 7)."""
    count, known = int(candidate.counts[row]), int(training.counts[image])
    if not count or not known:
        return Agreement(0j, 0j, 0.0, 0)
    signs = _SIGNS[variant][:, None, None]
    similar = np.einsum(
        "aqk,ank->qn", candidate.classes[:, row, :count] * signs, training.classes[:, image, :known], optimize=True
    )
    match = similar.argmax(axis=1)
    weight = np.maximum(similar[np.arange(count), match] - base, 0)
    places, frames = candidate.places[row, :count], candidate.frames[row, :count]
    if NEGATIVE[variant]:
        frames = -frames
    if MIRRORED[variant]:
        places, frames = -places.conj(), -frames.conj()
    goals, goal_frames = training.places[image, match], training.frames[image, match]
    turns = goal_frames / frames
    first = np.argsort(-weight)[:_HYPOTHESES]
    put = turns[first, None] * (places[None] - places[first, None]) + goals[first, None]
    relative = turns[None] / turns[first, None]
    agree = (
        (np.abs(put - goals[None]) < _NEAR)
        & (np.abs(np.log(np.abs(relative))) < _ALIKE)
        & (np.abs(np.angle(relative)) < _ALIKE)
    )
    sized = np.abs(np.log(np.abs(turns[first]))) < _ZOOM
    spread = np.array([_spread(goals, weight * row) if ok else 0.0 for row, ok in zip(agree, sized, strict=True)])
    best = int(spread.argmax())
    inliers = agree[best] & (weight > 0)
    turn, shift = turns[first[best]], goals[first[best]] - turns[first[best]] * places[first[best]]
    if inliers.sum() > 2:
        better = _least_squares(places[inliers], goals[inliers], weight[inliers])
        if abs(math.log(max(abs(better[0]), 1e-9))) < _ZOOM:
            turn, shift = better
    return Agreement(complex(turn), complex(shift), float(spread[best]), int(inliers.sum()))


def _spread(places: NDArray[np.complex64], weight: Floats) -> float:
    """Votes by place: the best of every cell, but for the two best cells, which a burned-in marker may fill."""
    cell = np.clip(((places + (1 + 1j)) * (_CELLS / 2)).view(np.float32).reshape(-1, 2).astype(int), 0, _CELLS - 1)
    best = np.zeros(_CELLS * _CELLS, np.float32)
    np.maximum.at(best, cell[:, 1] * _CELLS + cell[:, 0], weight)
    return float(np.sort(best)[:-2].sum())


def _least_squares(
    places: NDArray[np.complex64], goals: NDArray[np.complex64], weight: Floats
) -> tuple[complex, complex]:
    """turn and shift with the least weighted Σ|turn · place + shift − goal|²."""
    w = weight / weight.sum()
    here, there = (w * places).sum(), (w * goals).sum()
    spread = (w * np.abs(places - here) ** 2).sum()
    turn = (w * (places - here).conj() * (goals - there)).sum() / max(spread, 1e-9)
    return complex(turn), complex(there - turn * here)
