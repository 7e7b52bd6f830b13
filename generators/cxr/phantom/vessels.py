"""The branching vessels of the lungs: the finest part of a patient's identity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthgen.generators.cxr.phantom.anatomy import Patient
from synthgen.generators.cxr.phantom.geometry import Array, Beam, Cloud, cloud
from synthgen.generators.cxr.phantom.thorax import Thorax

_GENERATIONS = 7
_LEVELS = (0.45, 0.8, 1.4, 2.4, 4.0)
"""Sigmas, in pixels, of the bins into which vessels are sorted by calibre."""


@dataclass(frozen=True, slots=True)
class Branches:
    """One generation of one lung: sample points, and the radius (cm) at each."""

    points: Cloud
    radius: Array


def grow(patient: Patient, thorax: Thorax, density: float, *, fullness: float = 1.0) -> list[Branches]:
    """Grows both lungs' trees from the hila. Murray's law sets the calibres (r³ is shared at a branching).

    The tree is grown in the frame of the patient's usual breath and stretched with the lung.

    Args:
        density: sample points per cm.
        fullness: factor on the calibres (congestion).
    """
    out = []
    for s, side in enumerate((-1.0, 1.0)):
        out += _lung(patient, thorax, s, side, density, fullness)
    return out


def _lung(patient: Patient, thorax: Thorax, s: int, side: float, density: float, fullness: float) -> list[Branches]:
    rng = np.random.default_rng([patient.seed, 0x7EE5, s])
    hilum_y = (patient.hilum_y_right, patient.hilum_y_left)[s]
    # Headings of the segmental vessels in the frontal plane: 0 sideways, +90 down. The lower lobe has the larger share.
    headings = np.concatenate([rng.uniform(-88, -30, 4), rng.uniform(-25, 25, 3), rng.uniform(28, 92, 6)])
    k = len(headings)
    start = np.stack(
        [
            np.full(k, patient.hilum_x) + rng.normal(0, 0.35, k),
            hilum_y + np.radians(headings) * 0.9 + rng.normal(0, 0.25, k),
            rng.normal(-0.5, 0.7, k),
        ],
        -1,
    )
    rise = rng.normal(0, 0.35, k)
    rad = np.radians(headings)
    heading = np.stack([np.cos(rad), np.sin(rad), rise], -1)
    radius = (0.58 + 0.12 * (headings > 25)) * patient.hilum_size * rng.uniform(0.75, 1.2, k)
    size = patient.lung_height / 23.5
    length = np.where(np.abs(headings) < 28, 2.5, 3.3) * size * rng.uniform(0.75, 1.25, k)
    spread = np.radians(patient.vessel_spread)
    out = []
    stretch = _stretch(thorax, patient)
    for generation in range(_GENERATIONS):
        # Points lie closer than a pixel, or vessels come apart into beads.
        t = np.linspace(0, 1, max(4, int(1.8 * density * length.mean())))
        heading /= np.linalg.norm(heading, axis=1, keepdims=True)
        bow = rng.normal(0, 0.12, heading.shape) * length[:, None]
        bent = np.sin(np.pi * t)[:, None] * bow[:, None]
        path = (start[:, None] + (heading * length[:, None])[:, None] * t[:, None] + bent).astype(np.float32)
        taper = radius[:, None] * (1 - 0.18 * t)
        # Away from the hilum, calibres follow the patient's vessel density.
        gain = patient.vessel_density if generation > 1 else 1.0
        volume = np.pi * taper**2 * length[:, None] / len(t) * gain * fullness**2
        points = cloud(side * path[..., 0], path[..., 1] * stretch, path[..., 2], volume)
        out.append(Branches(points, (taper * fullness).ravel()))
        end = start + heading * length[:, None]
        n = len(radius)
        share = rng.uniform(0.3, 0.7, n)
        start = np.repeat(end, 2, axis=0)
        radius = np.stack([radius * np.cbrt(share), radius * np.cbrt(1 - share)], -1).ravel() * 0.96
        length = np.repeat(length, 2) * rng.uniform(0.62, 1.0, 2 * n)
        turn = spread * rng.uniform(0.35, 1.25, 2 * n) * np.tile([1.0, -1.0], n)
        heading = _turned(np.repeat(heading, 2, axis=0), turn, rng.normal(0, 0.16, 2 * n))
    return out


def _stretch(thorax: Thorax, patient: Patient) -> float:
    usual = patient.lung_height + patient.apex_y - patient.dome_height
    return float(np.clip(thorax.dome[0] / max(usual, 3.0), 0.7, 1.3))


def _turned(heading: Array, turn: Array, out: Array) -> Array:
    cos, sin = np.cos(turn), np.sin(turn)
    x, y, z = heading.T
    return np.stack([cos * x - sin * y, sin * x + cos * y, z * 0.8 + out], -1)


def draw(tree: list[Branches], beam: Beam) -> Array:
    """Path length of blood in cm, [pixels, pixels], as if the lungs had no border."""
    bounds = np.sqrt(np.array(_LEVELS[1:]) * np.array(_LEVELS[:-1]))
    binned: list[list[Cloud]] = [[] for _ in _LEVELS]
    for branches in tree:
        bin_of = np.digitize(0.5 * beam.per_cm * branches.radius, bounds)
        for index in range(bin_of.min(), bin_of.max() + 1):
            chosen, c = bin_of == index, branches.points
            binned[index].append(Cloud(c.x[chosen], c.y[chosen], c.z[chosen], c.volume[chosen]))
    out = np.zeros((beam.pixels, beam.pixels), np.float32)
    for clouds, sigma in zip(binned, _LEVELS, strict=True):
        if clouds:
            out += beam.spread(clouds, sigma)
    return out
