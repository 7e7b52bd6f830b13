"""The film: transmitted intensity with scatter, glare and noise, the detector's curve, and what a processor adds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from synthgen.generators.cxr.phantom.anatomy import Patient, Visit
from synthgen.generators.cxr.phantom.devices import marked
from synthgen.generators.cxr.phantom.fitted import Spread, development, surroundings
from synthgen.generators.cxr.phantom.geometry import AERATED, SOFT, Array, smooth
from synthgen.payloads.cxr import View

_FIELD = 36.0
"""Width of a usual field, cm: what lengths in the detector are counted by."""


@dataclass(frozen=True, slots=True)
class Process:
    """One exposure's way to the display: an ``Exposure`` in absolute terms.

    Attributes:
        middle, slope: of the curve over the logarithm of the light.
        radius: of the sharpening, cm.
    """

    middle: float
    slope: float
    black: float
    white: float
    gamma: float
    scatter: float
    glare: float
    sharpening: float
    radius: float
    flattening: float


@dataclass(frozen=True, slots=True)
class Exposure:
    """The same in the terms of ``fitted.Development``, whatever the patient's thickness; ``radius`` in cm."""

    middle: float
    slope: float
    black: float
    white: float
    gamma: float
    scatter: float
    glare: float
    sharpening: float
    radius: float
    flattening: float


def sample_exposure(seed: int, view: View) -> Exposure:
    """Draws it for the exposure that ``seed`` (of a visit) stands for."""
    rng = np.random.default_rng([seed, 0xDE7])
    figures = development(view)

    def of(spread: Spread, low: float, high: float) -> float:
        return float(np.clip(spread.mean + spread.deviation * np.clip(rng.standard_normal(), -2.2, 2.2), low, high))

    return Exposure(
        middle=of(figures.middle, -0.22, 0.8),
        slope=of(figures.slope, 0.7, 3.6),
        black=of(figures.black, 0.0, 0.12),
        white=of(figures.white, 0.65, 1.0),
        gamma=of(figures.gamma, 0.6, 1.4),
        scatter=of(figures.scatter, 0.0, 0.5),
        glare=of(figures.glare, 0.0, 0.35),
        sharpening=of(figures.sharpening, 0.0, 3.0),
        radius=float(rng.uniform(0.15, 0.35)),
        flattening=of(figures.flattening, 0.0, 0.5),
    )


def process(patient: Patient, visit: Visit, view: View, exposure: Exposure | None = None) -> Process:
    """For this visit; the automatic exposure knows how thick the patient is. Drawn where none is given."""
    how = exposure or sample_exposure(visit.seed, view)
    heart = SOFT * (patient.cage_depth + 5.0 + patient.fat)
    way = (SOFT - AERATED) * 0.85 * patient.cage_depth
    return Process(
        middle=heart - way + way * how.middle,
        slope=how.slope / way,
        black=how.black,
        white=how.white,
        gamma=how.gamma,
        scatter=how.scatter,
        glare=how.glare,
        sharpening=how.sharpening,
        radius=how.radius,
        flattening=how.flattening,
    )


def develop(depth: Array, patient: Patient, visit: Visit, view: View = "PA", exposure: Exposure | None = None) -> Array:
    """The film: exposed, processed, and framed.

    Args:
        depth: ∫μ dz, [n, n].
        exposure: drawn for the visit where none is given.

    Returns:
        Display values, [n, n], 0 to 1; bright where little light came.
    """
    how = process(patient, visit, view, exposure)
    film = expose(depth, visit, how)
    film = sharpen(film, how) + grain(film, visit, how)
    film = how.black + (how.white - how.black) * np.clip(film, 0, 1.06) ** np.float32(how.gamma)
    out: Array = np.clip(framed(marked(film, visit, view), visit, view), 0, 1)
    return out


def expose(depth: Array, visit: Visit, how: Process) -> Array:
    """The curve over the logarithm of the light, scatter and glare with it, 0 to 1.

    No pixel falls when the line integral rises anywhere: curve, scatter and glare are monotone.
    """
    # Focal spot and detector blur a little more than the pixel; edges of solids are sampled and need it.
    primary = smooth(np.exp(-depth), 0.42)
    light = primary + np.float32(how.scatter) * _coarse(np.minimum(primary, np.float32(0.35)), 3.4)
    light = light + np.float32(how.glare) * _coarse(np.minimum(primary, np.float32(0.35)), 1.2)
    seen = -np.log(light)
    film = 1 / (1 + np.exp((np.float32(how.middle) - seen) * np.float32(how.slope)))
    floor = 1 / (1 + math.exp(how.middle * how.slope))
    out: Array = (film - np.float32(floor)) / np.float32(1 - floor)
    return out


def _coarse(image: Array, centimetres: float) -> Array:
    """Smooth beyond ``centimetres``, worked out on a coarse grid."""
    n = image.shape[0]
    block = max(1, n // (64 if centimetres < 2 else 32))
    whole = np.pad(image, (0, -n % block), mode="edge")
    cells = len(whole) // block
    small = smooth(whole.reshape(cells, block, cells, block).mean(axis=(1, 3)), centimetres * n / _FIELD / block)
    wide: Array = ndimage.zoom(small, block, order=1, mode="nearest", grid_mode=True)[:n, :n]
    return wide


def sharpen(film: Array, how: Process) -> Array:
    """What processors do: fine detail raised, coarse differences pressed together."""
    fine = film - smooth(film, how.radius * film.shape[0] / _FIELD)
    coarse = _coarse(film, 5.0)
    out: Array = film + np.float32(how.sharpening) * fine - np.float32(how.flattening) * (coarse - np.float32(0.5))
    return out


def grain(film: Array, visit: Visit, how: Process) -> Array:
    """Quantum noise. Relative noise of a count is 1/sqrt(count); it shows by the slope of the curve."""
    n = film.shape[0]
    noise = np.random.default_rng([visit.seed, 0x0F]).standard_normal((n, n)).astype(np.float32)
    counts = 10.0**visit.photons * (_FIELD / n) ** 2 * math.exp(-how.middle)
    out: Array = np.float32(0.25 * how.slope / math.sqrt(counts)) * noise
    return out


def framed(film: Array, visit: Visit, view: View) -> Array:
    """Cuts off what the collimator covers, with edges a little turned."""
    if not any(visit.collimation):
        return film
    n, around = film.shape[0], surroundings(view)
    line = ((np.arange(n, dtype=np.float32) + 0.5) / n).astype(np.float32)
    x, y = line[None, :], line[:, None]
    white = np.random.default_rng([visit.seed, 0xB0]).random() < around.white_margin
    from_edge = ((x, y), (y, x), (1 - x, y), (1 - y, x))
    for share, turn, (inward, along) in zip(visit.collimation, visit.collimation_turn, from_edge, strict=True):
        if share > 0:
            edge = np.float32(share) + np.float32(math.tan(math.radians(turn * around.tilt))) * (along - 0.5)
            film = np.where(inward < edge, np.float32(0.98 if white else 0.015), film)
    return film
