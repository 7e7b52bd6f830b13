"""The chest X-ray filters: retrieval, verification and near-copy, each a density-normalised distance to a patient of T.

Retrieval and verification follow privacy-enhancing sampling (Packhäuser et al. 2023, Generation of anonymous chest
radiographs using latent diffusion models), with three differences: the networks never see a patient outside T, a candidate
is verified against its twenty nearest patients rather than the nearest image, and no threshold is fixed by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from synthgen.modalities.cxr.types import CxrImage
from synthgen.privacy_filters.cxr.identity import Identity
from synthgen.privacy_filters.cxr.near_copy import near_copy_vectors, near_copy_views
from synthgen.privacy_filters.nearest import PatientIndex, chord, local_scale

NEIGHBOURS = 20
_ZOOM = 1.08

Floats = NDArray[np.float32]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Protected:
    """The training records as one filter sees them, with each patient's distance to its nearest other patient."""

    index: PatientIndex
    scale: Scores


@dataclass(frozen=True)
class CxrFilters:
    """Fitted filters over the training records. ``encoders`` are the retrieval embeddings: ours and, on request, a hub's.

    Attributes:
        retrieval, verification: in the identity embedding; they share one index and differ in their scale.
        near_copy: in band-passed pixels.
    """

    identity: Identity
    retrieval: Protected
    verification_scale: Scores
    near_copy: Protected

    @property
    def names(self) -> tuple[str, ...]:
        return ("retrieval", "verification", "near_copy")

    @classmethod
    def over(cls, identity: Identity, payloads: Sequence[CxrImage], patients: Sequence[str]) -> Self:
        """Indexes the training records: ``payloads[i]`` belongs to ``patients[i]``."""
        embedded = PatientIndex.build(_embed(identity, payloads), patients)
        pixels = PatientIndex.build(near_copy_vectors(payloads), patients)
        return cls(
            identity=identity,
            retrieval=Protected(embedded, _scale(embedded)),
            verification_scale=local_scale(_verification_to_others(identity, embedded)),
            near_copy=Protected(pixels, _scale(pixels)),
        )

    def enrolled(self, payloads: Sequence[CxrImage], patients: Sequence[str]) -> Self:
        """The same networks over the training records and these."""
        embedded = _joined(self.retrieval.index, _embed(self.identity, payloads), patients)
        pixels = _joined(self.near_copy.index, near_copy_vectors(payloads), patients)
        return type(self)(
            identity=self.identity,
            retrieval=Protected(embedded, _scale(embedded)),
            verification_scale=local_scale(_verification_to_others(self.identity, embedded)),
            near_copy=Protected(pixels, _scale(pixels)),
        )

    def scores(self, payloads: Sequence[CxrImage], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N, 3], in the order of ``names``; see :class:`synthgen.privacy_filters.gate.Filters`."""
        if not payloads:
            return np.empty((0, len(self.names)))
        views = [_embed(self.identity, list(view)) for view in _identity_views(payloads)]
        retrieval = np.min([_score(self.retrieval, view, exclude) for view in views], axis=0)
        verification = np.min([self._verification(view, exclude) for view in views[:2]], axis=0)
        near_copy = np.empty(len(payloads))
        for i, payload in enumerate(payloads):
            posed = near_copy_views(payload)
            own = None if exclude is None else [exclude[i]] * len(posed)
            near_copy[i] = _score(self.near_copy, posed, own).min()
        return np.stack([retrieval, verification, near_copy], axis=1)

    def distances(self, payloads: Sequence[CxrImage], references: Sequence[CxrImage]) -> Scores:
        """Chord distance in the identity embedding, shape [N, R]."""
        ours, theirs = _embed(self.identity, payloads), _embed(self.identity, references)
        return chord(ours @ theirs.T).astype(np.float64)

    def _verification(self, embeddings: Floats, exclude: Sequence[str] | None) -> Scores:
        numbers, distances = _verify_nearest(self.identity, self.retrieval.index, embeddings, exclude)
        best = distances.argmin(axis=1)
        rows = np.arange(len(embeddings))
        score = distances[rows, best] / self.verification_scale[numbers[rows, best]]
        return np.where(np.isnan(embeddings).any(axis=1), np.nan, score)


def _embed(identity: Identity, payloads: Sequence[CxrImage]) -> Floats:
    return identity.embed(np.stack(list(payloads)))


def _identity_views(payloads: Sequence[CxrImage]) -> Iterator[NDArray[np.uint8]]:
    """As it is, mirrored, and zoomed in: each of shape [N, H, W]."""
    images = np.stack(list(payloads))
    yield images
    yield np.ascontiguousarray(images[:, :, ::-1])
    tensor = torch.from_numpy(images).float()[:, None]
    matrix = torch.tensor([[1 / _ZOOM, 0.0, 0.0], [0.0, 1 / _ZOOM, 0.0]]).expand(len(images), 2, 3)
    grid = F.affine_grid(matrix, list(tensor.shape), align_corners=False)
    zoomed = F.grid_sample(tensor, grid, mode="bilinear", padding_mode="border", align_corners=False)
    yield zoomed[:, 0].round().clamp(0, 255).to(torch.uint8).numpy()


def _score(protected: Protected, vectors: Floats, exclude: Sequence[str] | None) -> Scores:
    """d(x, t*) / scale(t*) of each row of ``vectors`` [Q, D], shape [Q]."""
    numbers, cosines = protected.index.nearest(vectors, exclude=exclude)
    score = chord(cosines[:, 0]) / protected.scale[numbers[:, 0]]
    return np.where(np.isnan(vectors).any(axis=1), np.nan, score)


def _scale(index: PatientIndex) -> Scores:
    """Distance of each patient to its nearest other patient, floored: shape [P]."""
    owners = [index.patients[i] for i in index.owner]
    _, cosines = index.nearest(index.vectors, exclude=owners)
    return local_scale(np.minimum.reduceat(chord(cosines[:, 0]), index.starts))


def _verify_nearest(
    identity: Identity, index: PatientIndex, embeddings: Floats, exclude: Sequence[str] | None
) -> tuple[NDArray[np.intp], Scores]:
    """The nearest patients of each row and -log P(same patient), the smallest over a patient's records: [Q, k] each."""
    numbers, _ = index.nearest(embeddings, NEIGHBOURS, exclude)
    ends = np.append(index.starts[1:], len(index.vectors))
    sizes = (ends - index.starts)[numbers]  # [Q, k] records per neighbour
    rows = np.concatenate([np.arange(index.starts[p], ends[p]) for p in numbers.ravel()])
    queries = np.repeat(np.repeat(np.arange(len(embeddings)), numbers.shape[1]), sizes.ravel())
    logits = identity.verify(embeddings[queries], index.vectors[rows]).astype(np.float64)
    first = np.concatenate([[0], np.cumsum(sizes.ravel())[:-1]])
    best = np.maximum.reduceat(logits, first).reshape(numbers.shape)
    if exclude is not None:
        own = np.asarray(index.patients)[numbers] == np.asarray(exclude)[:, None]
        best = np.where(own, -np.inf, best)
    return numbers, np.logaddexp(0.0, -best)


def _verification_to_others(identity: Identity, index: PatientIndex) -> Scores:
    owners = [index.patients[i] for i in index.owner]
    _, distances = _verify_nearest(identity, index, index.vectors, owners)
    return np.minimum.reduceat(distances.min(axis=1), index.starts)


def _joined(index: PatientIndex, vectors: Floats, patients: Sequence[str]) -> PatientIndex:
    owners = [index.patients[i] for i in index.owner]
    return PatientIndex.build(np.concatenate([index.vectors, vectors]), [*owners, *patients])
