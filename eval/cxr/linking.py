"""Attackers who tell by two radiographs whether they are of one person.

``Registered`` learns nothing: the largest correlation of local contrast over shifts. It finds the very film again,
however it was smoothly bent. ``Embedding`` learns from pairs: the layers of a public network (EfficientNet-Lite0, which
has seen no film), reduced to their principal components, in units of how far two films of one person lie apart
(within-class covariance normalisation, Hatch et al. 2006). From changed films it learns what the change leaves alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft, ndimage
from torch.nn.functional import adaptive_avg_pool2d

from synthgen.eval.cxr.features import stack
from synthgen.payloads.cxr import CxrImage
from synthgen.pretrained.neutral import neutral_input, neutral_maps
from synthgen.pretrained.threads import one_thread
from synthgen.records import Matcher

Floats = NDArray[np.float64]

_SIDE, _SMOOTH, _FARTHEST = 64, 4.0, 8  # pixels
_BLOCKS, _GRID = (4, 7, 10), 4
_COMPONENTS = 100
_LEAST_WITHIN = 0.01  # of the variance between people: pairs may be the same film


@dataclass(frozen=True)
class Registered:
    """See :class:`synthgen.records.Attacker`."""

    name: str = "registered correlation"
    learns: bool = False

    def trained(self, probes: Sequence[CxrImage], gallery: Sequence[CxrImage], seed: int) -> Matcher[CxrImage]:
        return registered_correlation


def registered_correlation(probes: Sequence[CxrImage], gallery: Sequence[CxrImage]) -> Floats:
    """The largest correlation of local contrast over shifts of up to an eighth of the side, shape [P, G]."""
    first, second = (fft.rfft2(_contrast(stack(x, _SIDE)), s=(2 * _SIDE, 2 * _SIDE)) for x in (probes, gallery))
    found = np.empty((len(first), len(second)))
    near = np.r_[: _FARTHEST + 1, -_FARTHEST:0]
    for row, spectrum in enumerate(first):
        shifts = fft.irfft2(spectrum.conj() * second, s=(2 * _SIDE, 2 * _SIDE))
        found[row] = shifts[:, near][:, :, near].max(axis=(1, 2))
    return found


def _contrast(images: NDArray[np.uint8]) -> Floats:
    """Each image less its surroundings, in units of their spread, scaled to norm one, shape as given."""
    grey = images.astype(np.float64)
    around = (0.0, _SMOOTH, _SMOOTH)
    centred = grey - ndimage.gaussian_filter(grey, around)
    local = centred / (np.sqrt(ndimage.gaussian_filter(centred**2, around)) + 1.0)
    return np.asarray(local / np.sqrt((local**2).sum(axis=(1, 2), keepdims=True)).clip(min=1e-9), dtype=np.float64)


@dataclass(frozen=True)
class Embedding:
    """See :class:`synthgen.records.Attacker`."""

    name: str = "public network, normalised within people"
    learns: bool = True

    def trained(self, probes: Sequence[CxrImage], gallery: Sequence[CxrImage], seed: int) -> Matcher[CxrImage]:
        from sklearn.covariance import LedoitWolf
        from sklearn.decomposition import PCA

        first, second = public_layers(probes), public_layers(gallery)
        layers = np.concatenate([first, second])
        components = PCA(min(_COMPONENTS, len(layers) // 2), whiten=True, random_state=seed).fit(layers)
        apart = (components.transform(first) - components.transform(second)) / np.sqrt(2.0)
        within = LedoitWolf(assume_centered=True).fit(apart).covariance_
        unlike = np.linalg.cholesky(np.linalg.inv(within + _LEAST_WITHIN * np.eye(len(within))))

        def places(images: Sequence[CxrImage]) -> Floats:
            found = components.transform(public_layers(images)) @ unlike
            return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True).clip(min=1e-9), dtype=np.float64)

        return lambda probes, gallery: np.asarray(places(probes) @ places(gallery).T, dtype=np.float64)


def public_layers(images: Sequence[CxrImage]) -> Floats:
    """Means over the places of a coarse grid of some of the network's layers, shape [n, D]."""
    rows = [_layers_of(np.ascontiguousarray(image).tobytes(), *image.shape) for image in images]
    return np.stack(rows).astype(np.float64)


@lru_cache(maxsize=4096)  # four attacks look at the same images: 60 MB
@torch.no_grad()
def _layers_of(pixels: bytes, height: int, width: int) -> NDArray[np.float32]:
    image = np.frombuffer(pixels, dtype=np.uint8).reshape(1, height, width)
    with one_thread():
        found = neutral_maps(_BLOCKS)(neutral_input(image))
        return torch.cat([adaptive_avg_pool2d(one, _GRID).flatten() for one in found]).numpy()
