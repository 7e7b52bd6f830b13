"""One radiograph under two patients: the same pixels, or the same picture re-encoded, scaled, cropped or mirrored.

Two stages, each cheap. Search: an image becomes a 16 × 16 picture under local contrast normalisation, looked at in 72
poses (mirrored, zoomed, moved) and both polarities; with unit vectors that is a matrix product, taken block by block so
that memory grows with the cohort, not with its square. Registration: the nearest records are aligned by an affine map
that maximises the enhanced correlation coefficient (Evangelidis and Psarakis 2008, as OpenCV has it), and the finest
detail is compared: two people's chests align well in the large and not in the small, a copy aligns in both.

The thresholds were chosen after a look at all patients of ChestX-ray14 (999 images) and of a phantom cohort;
``benchmarks/duplicates.py`` shows how far strangers and copies lie from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from synthgen.patient_ids import linked_groups
from synthgen.payloads.cxr import CxrImage
from synthgen.progress import Progress
from synthgen.records import Link

SAME_PIXELS: Final = "same pixels"
COPY: Final = "registered copy"
MIRRORED: Final = "mirrored copy"
NEGATIVE: Final = "negative copy"

LEAST_SIDE: Final = 48
"""Pixels a side below which two chests cannot be told from two copies: only equal pixels are then looked for."""
_FINE, _MIDDLE, _COARSE, _CROP = 128, 64, 16, 14
_ENOUGH: Final = ((_FINE, 0.65), (0, 0.78))
"""Correlation in fine detail above which two images are one: at 128 pixels a side, and below."""
_WORTH_A_CLOSER_LOOK: Final = 0.40
_ZOOMS: Final = (1.0, 1.05, 1.1, 1.18)
_NEIGHBOURS: Final = 6
_LEAST_OVERLAP: Final = 0.5
_LEAST_ZOOM, _MOST_ZOOM = 0.6, 1.6  # of the determinant's root; beyond, an alignment is no copy but a detail
_BLOCK_BYTES: Final = 2**26

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Pose:
    """How an image is looked at: mirrored, zoomed in, moved (in sixteenths of its side)."""

    mirrored: bool
    zoom: float
    right: int
    down: int

    def matrix(self, side: int) -> Floats:
        """Where a pixel of the other image lies in this one, shape [2, 3]."""
        middle = (side - 1) / 2 * (1 - 1 / self.zoom)
        x, y = (side / _COARSE * step / self.zoom for step in (self.right, self.down))
        return np.array([[1 / self.zoom, 0, middle + x], [0, 1 / self.zoom, middle + y]], dtype=np.float32)


_POSES: Final = tuple(
    _Pose(mirrored, zoom, right, down)
    for mirrored in (False, True)
    for zoom in _ZOOMS
    for down in (-1, 0, 1)
    for right in (-1, 0, 1)
)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A pair of images that may be one: ``moving`` in ``pose``, negated where ``sign`` is −1, resembles ``fixed``."""

    moving: int
    fixed: int
    pose: _Pose
    sign: int
    cosine: float

    @property
    def kind(self) -> str:
        return NEGATIVE if self.sign < 0 else MIRRORED if self.pose.mirrored else COPY


@dataclass(frozen=True, slots=True)
class Compared:
    """Two images of different patients, and how far their fine detail agrees: a correlation, 1 for a copy.

    Attributes:
        agreement: −1 where the two could not be aligned, or already differ at 64 pixels a side.
    """

    first: int
    second: int
    kind: str
    agreement: float


def same_images(images: Sequence[CxrImage], patients: Sequence[str], progress: Progress) -> list[Link]:
    """Pairs of images of different patients that are one image, in the order of their places.

    Args:
        images: uint8 [size, size] each; read one at a time, so that they may be views of a memory-mapped file.
        patients: the patient of each image.
    """
    equal = linked_groups([_digest(image) for image in images], patients, SAME_PIXELS)
    kinds = {(link.first, link.second): link.kind for link in equal}
    enough = enough_for(_side(images)) if images else 0.0
    for pair in compared(images, patients, progress):
        if pair.agreement >= enough:
            kinds.setdefault((pair.first, pair.second), pair.kind)
    return [Link(first, second, kind) for (first, second), kind in sorted(kinds.items())]


def compared(images: Sequence[CxrImage], patients: Sequence[str], progress: Progress) -> list[Compared]:
    """The pairs of different patients that resemble each other most, each once, with how far they agree.

    Empty where the images are too small to tell, see :data:`LEAST_SIDE`.
    """
    if len(set(patients)) < 2 or _side(images) < LEAST_SIDE:
        return []
    with _one_thread():
        best: dict[tuple[int, int], _Candidate] = {}
        for candidate in _candidates(images, patients, progress):
            pair = min(candidate.moving, candidate.fixed), max(candidate.moving, candidate.fixed)
            if pair not in best or best[pair].cosine < candidate.cosine:
                best[pair] = candidate
        pictures = lru_cache(maxsize=512)(lambda at, pixels: _Pictures.of(images[at], pixels))
        task = progress.task("compare images", len(best), "pair")
        found = []
        for pair, candidate in sorted(best.items()):
            found.append(Compared(*pair, candidate.kind, _agreement(candidate, pictures, _side(images))))
            task.advance()
    return found


def enough_for(side: int) -> float:
    """The agreement from which two images of ``side`` pixels are one."""
    return next(level for least, level in _ENOUGH if side >= least)


def _side(images: Sequence[CxrImage]) -> int:
    return min(_FINE, *(int(side) for image in images for side in image.shape))


def _digest(image: CxrImage) -> str:
    return hashlib.blake2b(image.tobytes(), digest_size=16).hexdigest()


def _candidates(images: Sequence[CxrImage], patients: Sequence[str], progress: Progress) -> Iterator[_Candidate]:
    """For each image the images of other patients that it resembles most, each in the pose in which it does."""
    vectors = _unit(np.stack([_coarse(image)[1:-1, 1:-1].ravel() for image in images]))
    _, owner = np.unique(np.asarray(patients), return_inverse=True)
    task = progress.task("look for images twice", len(images), "image")
    step = max(1, _BLOCK_BYTES // (4 * len(_POSES) * len(images)))
    for low in range(0, len(images), step):
        rows = range(low, min(low + step, len(images)))
        views = np.concatenate([_views(images[row]) for row in rows])
        cosines = (views @ vectors.T).reshape(len(rows), len(_POSES), -1)
        poses = np.abs(cosines).argmax(axis=1)
        signed = np.take_along_axis(cosines, poses[:, None], axis=1)[:, 0]
        closest = np.where(owner[low : low + step, None] == owner[None, :], -1.0, np.abs(signed))
        most = min(_NEIGHBOURS, len(images))
        top = np.argpartition(-closest, most - 1, axis=1)[:, :most]
        for i, row in enumerate(rows):
            for j in map(int, top[i]):
                if closest[i, j] > 0:
                    sign = 1 if signed[i, j] >= 0 else -1
                    yield _Candidate(row, j, _POSES[poses[i, j]], sign, float(closest[i, j]))
        task.advance(len(rows))


def _views(image: CxrImage) -> Floats:
    """Unit vectors of an image in every pose of ``_POSES``, shape [72, 196]."""
    found = []
    for mirrored in (False, True):
        seen = np.ascontiguousarray(image[:, ::-1]) if mirrored else np.asarray(image)
        for zoom in _ZOOMS:
            coarse = _coarse(_zoomed(seen, zoom))
            found += [coarse[y : y + _CROP, x : x + _CROP].ravel() for y in range(3) for x in range(3)]
    return _unit(np.stack(found))


def _zoomed(image: CxrImage, zoom: float) -> CxrImage:
    if zoom == 1.0:
        return image
    height, width = image.shape
    matrix = _Pose(False, zoom, 0, 0).matrix(width)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE))


@dataclass(frozen=True, slots=True)
class _Pictures:
    """An image at some side: smooth, to be aligned by; fine, to be compared by. Both under local contrast."""

    smooth: Floats
    fine: Floats

    @classmethod
    def of(cls, image: CxrImage, side: int) -> _Pictures:
        background, detail = (2.0, 0.8) if side > _MIDDLE else (1.5, 0.6)
        return cls(_local_contrast(image, side, 3.0, 1.2), _local_contrast(image, side, background, detail))

    def seen(self, candidate: _Candidate) -> _Pictures:
        """Mirrored and negated as the candidate says; local contrast is odd in the image's own."""
        step = -1 if candidate.pose.mirrored else 1
        smooth, fine = (np.ascontiguousarray(candidate.sign * p[:, ::step]) for p in (self.smooth, self.fine))
        return _Pictures(smooth, fine)


def _agreement(candidate: _Candidate, pictures: Callable[[int, int], _Pictures], side: int) -> float:
    """Aligned at 64 pixels from the candidate's pose, and at the full side if that is promising: the fine detail."""
    middle = min(_MIDDLE, side)
    warp, agreement = candidate.pose.matrix(middle), -1.0
    for pixels, steps in ((middle, 20), (side, 10)):
        moving = pictures(candidate.moving, pixels).seen(candidate)
        fixed = pictures(candidate.fixed, pixels)
        aligned = _align(moving.smooth, fixed.smooth, warp, steps)
        agreement = -1.0 if aligned is None else _overlapping(moving.fine, fixed.fine, aligned)
        if aligned is None or agreement < _WORTH_A_CLOSER_LOOK:
            return -1.0
        warp = _enlarged(aligned, side / pixels)
    return agreement


def _align(moving: Floats, fixed: Floats, start: Floats, steps: int) -> Floats | None:
    """The affine map of ``fixed``'s pixels into ``moving``, shape [2, 3]; None where the search leaves the image."""
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, steps, 1e-4)
    everywhere = np.ones(fixed.shape, np.uint8)
    try:
        _, warp = cv2.findTransformECC(fixed, moving, start.copy(), cv2.MOTION_AFFINE, criteria, everywhere, 1)
    except cv2.error:
        return None
    zoom = abs(float(np.linalg.det(warp[:, :2]))) ** 0.5
    return np.asarray(warp, dtype=np.float32) if _LEAST_ZOOM < zoom < _MOST_ZOOM else None


def _overlapping(moving: Floats, fixed: Floats, warp: Floats) -> float:
    """Correlation where the two overlap; −1 where they hardly do."""
    side, edge = len(fixed), len(fixed) // 20
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = np.asarray(cv2.warpAffine(moving, warp, (side, side), flags=flags), dtype=np.float32)
    inside = cv2.warpAffine(np.ones_like(moving), warp, (side, side), flags=flags) > 0.99
    inside[:edge] = inside[-edge:] = inside[:, :edge] = inside[:, -edge:] = False
    if inside.mean() < _LEAST_OVERLAP:
        return -1.0
    return float(_unit(warped[inside][None])[0] @ _unit(fixed[inside][None])[0])


def _enlarged(warp: Floats, scale: float) -> Floats:
    """The same map for pictures ``scale`` times as large; pixels are counted by their centres."""
    half = (scale - 1) / 2
    offset = scale * warp[:, 2] + half * (1 - warp[:, :2].sum(axis=1))
    return np.concatenate([warp[:, :2], offset[:, None]], axis=1).astype(np.float32)


def _coarse(image: CxrImage) -> Floats:
    """Local contrast at 16 × 16, which a shift or a crop of a few percent hardly changes."""
    picture = _local_contrast(image, _MIDDLE, 6.0, 2.4)
    return np.asarray(cv2.resize(picture, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA), dtype=np.float32)


def _local_contrast(image: CxrImage, side: int, background: float, smooth: float) -> Floats:
    """Band-passed by a difference of Gaussians (sigmas in pixels) and divided by its local standard deviation."""
    small = cv2.resize(np.array(image), (side, side), interpolation=cv2.INTER_AREA)
    pixels = np.asarray(small, dtype=np.float32) / np.float32(255)
    band = _blurred(pixels, smooth) - _blurred(pixels, background)
    spread = np.sqrt(np.maximum(_blurred(np.square(band), background), 0))
    return np.asarray(band / (spread + 0.01), dtype=np.float32)


def _blurred(pixels: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), dtype=np.float32)


def _unit(vectors: Floats) -> Floats:
    """Rows centred and scaled to norm one; a constant row becomes zero, which resembles nothing."""
    centred = vectors - vectors.mean(axis=-1, keepdims=True)
    norms = np.linalg.norm(centred, axis=-1, keepdims=True)
    return np.asarray(np.where(norms > 1e-3, centred / np.maximum(norms, 1e-3), 0.0), dtype=np.float32)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Small pictures: handing them to threads takes longer than the work itself."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
