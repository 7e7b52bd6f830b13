"""The chest X-ray filters: whose anatomy it is, and copies, each a density-normalised distance to a patient of T.

Retrieval and verification follow privacy-enhancing sampling (Packhäuser et al. 2023, Generation of anonymous chest
radiographs using latent diffusion models), with three differences: nothing is learnt of a patient outside T, a
candidate is verified against its twenty nearest patients rather than the nearest image, and no threshold is fixed by
hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from synthgen.payloads.cxr import CxrImage
from synthgen.pretrained.image import Embed
from synthgen.privacy_filters.cxr import anatomy
from synthgen.privacy_filters.cxr.identity import Identity
from synthgen.privacy_filters.cxr.local_copies import LocalCopies
from synthgen.privacy_filters.cxr.near_copy import (
    POSES,
    Pose,
    pictures,
    registered_correlation,
    search_vectors,
    search_views,
)
from synthgen.privacy_filters.nearest import LocalScale, PatientIndex, chord

NEIGHBOURS = 20
_RESEMBLING = 100  # patients among whom a resemblance stands out
_ANATOMY = 2.0  # what an opinion of the anatomy weighs
REGISTERED = 8
_REGISTERED_FOR_SCALE = 4
_BATCH = 16  # candidates that are registered together: bounds memory
_ZOOM = 1.08
_LEAST_SPREAD = 0.05  # of agreements: where all are alike, nothing stands out

Floats = NDArray[np.float32]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class CxrFilters:
    """The fitted filters over the training records: five, and a sixth where an encoder is named."""

    people: People
    near_copies: NearCopies
    local_copies: LocalCopies
    encoded: Encoded | None = None

    @property
    def parts(self) -> tuple[NearCopies | LocalCopies | People | Encoded, ...]:
        """Cheapest first; see :class:`synthgen.privacy_filters.gate.Filters`."""
        return (self.near_copies, self.local_copies, self.people, *((self.encoded,) if self.encoded else ()))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for part in self.parts for name in part.names)

    @classmethod
    def over(
        cls,
        identity: Identity,
        payloads: Sequence[CxrImage],
        patients: Sequence[str],
        encoder: Embed | None = None,
    ) -> Self:
        """Protects these records: ``payloads[i]`` belongs to ``patients[i]``."""
        return cls(
            People.over(identity, payloads, patients),
            NearCopies.over(search_vectors(payloads), pictures(payloads), patients),
            LocalCopies.over(payloads, patients),
            None if encoder is None else Encoded.over(encoder, _encode(encoder, np.stack(list(payloads))), patients),
        )

    def enrolled(self, payloads: Sequence[CxrImage], patients: Sequence[str]) -> Self:
        """The same networks, protecting these records too."""
        people, copies = self.people, self.near_copies
        owners = [*copies.index.owners, *patients]
        return type(self)(
            people.enrolled(payloads, patients),
            NearCopies.over(
                np.concatenate([copies.index.vectors, search_vectors(payloads)]),
                np.concatenate([copies.pictures, pictures(payloads)]),
                owners,
            ),
            self.local_copies.enrolled(payloads, patients),
            None if self.encoded is None else self.encoded.enrolled(payloads, patients),
        )

    def scores(self, payloads: Sequence[CxrImage], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N, F], in the order of ``names``; see :class:`synthgen.privacy_filters.gate.Filters`."""
        if not payloads:
            return np.empty((0, len(self.names)))
        return np.concatenate([part.scores(payloads, exclude) for part in self.parts], axis=1)

    def nearest_patients(self, payloads: Sequence[CxrImage]) -> list[str]:
        """By the identity embedding."""
        numbers, _ = self.people.index.nearest(_embed(self.people.identity, payloads))
        return [self.people.index.patients[i] for i in numbers[:, 0]]

    def distances(self, payloads: Sequence[CxrImage], references: Sequence[CxrImage]) -> Scores:
        """Chord distance in the identity embedding, shape [N, R]."""
        identity = self.people.identity
        return chord(_embed(identity, payloads) @ _embed(identity, references).T).astype(np.float64)


@dataclass(frozen=True)
class People:
    """Training records as people: whom a candidate resembles in the identity embedding, and whose anatomy it shows.

    The embedding names the patients who come into question; the anatomy of their nearest records is compared patch by
    patch. In both, what counts is how far one stands out from all who come into question: a chest that resembles
    everybody, or two unusual ones, tell nothing. Both opinions are one score, distance * exp(-standing out): two
    columns of a kind would each pay at the gate.

    Attributes:
        pictures: shape [N, 64, 64], in the order of the index.
    """

    identity: Identity
    index: PatientIndex
    pictures: Floats

    names = ("person",)

    @classmethod
    def over(cls, identity: Identity, payloads: Sequence[CxrImage], patients: Sequence[str]) -> Self:
        """Protects these records: ``payloads[i]`` belongs to ``patients[i]``."""
        return cls._of(identity, _embed(identity, payloads), anatomy.pictures(np.stack(list(payloads))), patients)

    def enrolled(self, payloads: Sequence[CxrImage], patients: Sequence[str]) -> Self:
        """These records too."""
        return self._of(
            self.identity,
            np.concatenate([self.index.vectors, _embed(self.identity, payloads)]),
            np.concatenate([self.pictures, anatomy.pictures(np.stack(list(payloads)))]),
            [*self.index.owners, *patients],
        )

    @classmethod
    def _of(cls, identity: Identity, vectors: Floats, pictures: Floats, patients: Sequence[str]) -> Self:
        ordered = pictures[np.argsort(np.asarray(patients), kind="stable")]
        return cls(identity, PatientIndex.build(vectors, patients), ordered)

    def scores(self, payloads: Sequence[CxrImage], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N, 1]; next to 0 for a copy."""
        vectors, images = _embed(self.identity, payloads), anatomy.pictures(np.stack(list(payloads)))
        numbers, cosines = self.index.nearest(vectors, _RESEMBLING, exclude)
        named = slice(0, min(NEIGHBOURS, numbers.shape[1]))
        agreements = np.stack([self._agreements(*row) for row in zip(vectors, images, numbers[:, named], strict=True)])
        others = np.isfinite(cosines)
        out = standing_out(cosines, others)[:, named] + _ANATOMY * standing_out(
            agreements, others[:, named], _LEAST_SPREAD
        )
        scores = np.where(others[:, named], chord(cosines[:, named]) * np.exp(-out), np.inf)
        return _known(scores.min(axis=1), vectors)[:, None]

    def _agreements(self, vector: Floats, image: Floats, numbers: NDArray[np.intp]) -> Floats:
        """Of one candidate with the record of each of these patients that is nearest in the embedding, shape [k]."""
        cosines = self.index.vectors @ vector
        ends = np.append(self.index.starts[1:], len(cosines))
        rows = [self.index.starts[n] + cosines[self.index.starts[n] : ends[n]].argmax() for n in numbers]
        return anatomy.agreement(image, self.pictures[rows])


def standing_out(values: Floats, others: NDArray[np.bool_], least: float = 1e-3) -> Scores:
    """By how many standard deviations each value exceeds the mean of its row: [N, k] each; only ``others`` are counted.

    The greatest is part of both (Grubbs 1950), so that one of k can stand out by sqrt(k - 1) at most: a row of two says
    nothing, and who resembles two of the others alike stands out less than who resembles one.
    ``least`` is added to every deviation.
    """
    count = np.maximum(others.sum(axis=1, keepdims=True), 1)
    known = np.where(others, values, 0.0)
    mean = known.sum(axis=1, keepdims=True) / count
    spread = np.sqrt(np.where(others, np.square(known - mean), 0.0).sum(axis=1, keepdims=True) / count)
    return np.asarray(np.where(others, (known - mean) / (spread + least), 0.0), dtype=np.float64)


@dataclass(frozen=True)
class Encoded:
    """Training records in the features of a further encoder: another opinion than that of our own networks."""

    encoder: Embed
    index: PatientIndex
    scale: LocalScale

    names = ("encoder",)

    @classmethod
    def over(cls, encoder: Embed, vectors: Floats, patients: Sequence[str]) -> Self:
        index = PatientIndex.build(vectors, patients)
        return cls(encoder, index, _embedded_scale(index))

    def enrolled(self, payloads: Sequence[CxrImage], patients: Sequence[str]) -> Self:
        vectors = np.concatenate([self.index.vectors, _encode(self.encoder, np.stack(list(payloads)))])
        return self.over(self.encoder, vectors, [*self.index.owners, *patients])

    def scores(self, payloads: Sequence[CxrImage], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N, 1]: the smallest over the views."""
        scores = []
        for view in _views(payloads):
            vectors = _encode(self.encoder, view)
            numbers, cosines = self.index.nearest(vectors, exclude=exclude)
            scale = self.scale.of(numbers[:, 0], self.index.numbers(exclude))
            scores.append(_known(chord(cosines[:, 0]) / scale, vectors))
        return np.asarray(np.min(scores, axis=0))[:, None]


@dataclass(frozen=True)
class NearCopies:
    """Training records as contrast-free pictures: searched coarsely, registered finely.

    Attributes:
        pictures: shape [N, 64, 64], in the order of the index.
        scale: each patient's registered distance to its nearest other patient.
    """

    index: PatientIndex
    pictures: Floats
    scale: LocalScale

    names = ("near_copy",)

    @classmethod
    def over(cls, vectors: Floats, images: Floats, patients: Sequence[str]) -> Self:
        index = PatientIndex.build(vectors, patients)
        ordered = images[np.argsort(np.asarray(patients), kind="stable")]
        unposed = (Pose(False, 1.0, 0.0, 0, 0),)
        views = index.vectors[:, None]
        distances, others = _registered(index, ordered, ordered, views, unposed, _REGISTERED_FOR_SCALE, index.owners)
        return cls(index, ordered, LocalScale.over(distances, others, index.owner))

    def scores(self, payloads: Sequence[CxrImage], exclude: Sequence[str] | None = None) -> Scores:
        """Registered distance over the patient's scale, shape [N, 1]."""
        scores = np.empty(len(payloads))
        for low in range(0, len(payloads), _BATCH):
            rows = slice(low, low + _BATCH)
            batch = list(payloads[rows])
            views = search_views(batch)
            known = ~np.isnan(views).any(axis=(1, 2))
            own = None if exclude is None else exclude[rows]
            distances, patients = _registered(
                self.index, self.pictures, pictures(batch), np.nan_to_num(views), POSES, REGISTERED, own
            )
            scaled = distances / self.scale.of(patients, _column(self.index.numbers(own)))
            scores[rows] = np.where(known, scaled.min(axis=1), np.nan)
        return scores[:, None]


def _registered(
    index: PatientIndex,
    images: Floats,
    candidates: Floats,
    views: Floats,
    poses: Sequence[Pose],
    most: int,
    exclude: Sequence[str] | None,
) -> tuple[Scores, NDArray[np.intp]]:
    """Distance of each candidate to its nearest records after registration, and whose they are, [N, most] each.

    The ``most`` nearest records in the search, each from its best pose in ``views`` [N, V, 784], are registered. What
    lacks a record to compare to is infinitely far.
    """
    found = np.full((len(candidates), most), np.inf)
    patients = np.zeros((len(candidates), most), dtype=np.intp)
    for low in range(0, len(candidates), _BATCH):
        rows = np.arange(low, min(low + _BATCH, len(candidates)))
        cosines = (views[rows].reshape(-1, views.shape[2]) @ index.vectors.T).reshape(len(rows), views.shape[1], -1)
        np.abs(cosines, out=cosines)  # local contrast is odd: a negative correlates with -1
        closest = cosines.max(axis=1)
        for i, row in enumerate(rows):
            own = None if exclude is None else index.number(exclude[int(row)])
            if own is not None:
                closest[i, index.owner == own] = -np.inf
        k = min(most, closest.shape[1])
        top = np.argpartition(-closest, k - 1, axis=1)[:, :k]
        starts = np.take_along_axis(cosines.argmax(axis=1), top, axis=1)
        correlations = registered_correlation(
            np.repeat(candidates[rows], k, axis=0), images[top.ravel()], [poses[v] for v in starts.ravel()]
        )
        others = np.isfinite(np.take_along_axis(closest, top, axis=1))
        found[rows, :k] = np.where(others, chord(correlations).reshape(top.shape), np.inf)
        patients[rows, :k] = index.owner[top]
    return found, patients


def _embedded_scale(index: PatientIndex) -> LocalScale:
    others, cosines = index.nearest(index.vectors, 2, exclude=index.owners)
    return LocalScale.over(chord(cosines), others, index.owner)


def _column(numbers: NDArray[np.intp] | None) -> NDArray[np.intp] | None:
    return None if numbers is None else numbers[:, None]


def _embed(identity: Identity, payloads: Sequence[CxrImage]) -> Floats:
    return identity.embed(np.stack(list(payloads)))


def _encode(encoder: Embed, images: NDArray[np.uint8]) -> Floats:
    """Unit vectors of a further encoder, shape [N, D]."""
    features = encoder(images)
    return np.asarray(features / np.linalg.norm(features, axis=1, keepdims=True), dtype=np.float32)


def _views(payloads: Sequence[CxrImage]) -> Iterator[NDArray[np.uint8]]:
    """As they are, mirrored, and zoomed in: each of shape [N, H, W]."""
    images = np.stack(list(payloads))
    yield images
    yield np.ascontiguousarray(images[:, :, ::-1])
    pixels = torch.from_numpy(images).float()[:, None]
    zoom = torch.tensor([[1 / _ZOOM, 0.0, 0.0], [0.0, 1 / _ZOOM, 0.0]]).expand(len(images), 2, 3)
    grid = F.affine_grid(zoom, list(pixels.shape), align_corners=False)
    zoomed = F.grid_sample(pixels, grid, mode="bilinear", padding_mode="border", align_corners=False)
    yield zoomed[:, 0].round().clamp(0, 255).to(torch.uint8).numpy()


def _known(scores: Scores, vectors: Floats) -> Scores:
    """NaN where the record could not be embedded, so that the gate rejects it."""
    return np.where(np.isnan(vectors).any(axis=1), np.nan, scores)
