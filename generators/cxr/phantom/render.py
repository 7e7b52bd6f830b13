"""From anatomy to film: integrates attenuation along the beam (Beer-Lambert), adds scatter, and develops the image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from synthgen.generators.cxr.phantom import findings as lesions_of
from synthgen.generators.cxr.phantom import skeleton, vessels
from synthgen.generators.cxr.phantom.anatomy import Patient, Visit
from synthgen.generators.cxr.phantom.body import body_depth, mediastinum, stomach
from synthgen.generators.cxr.phantom.devices import devices
from synthgen.generators.cxr.phantom.film import develop
from synthgen.generators.cxr.phantom.findings import Lesions, Lung, sample_lesions
from synthgen.generators.cxr.phantom.fitted import plate
from synthgen.generators.cxr.phantom.geometry import AERATED, BLOCK, BONE, SOFT, Array, Beam
from synthgen.generators.cxr.phantom.thorax import Thorax, shape_thorax
from synthgen.payloads.cxr import CxrImage, View

_SUPERSAMPLED_UP_TO = 96
_RIB, _HEART, _AIR, _FILLED, _FREE = 0.22, 3.0, 1.2, 0.7, 0.4
"""Path lengths, cm, from which a ray counts as through a rib, the heart, a lung, a lesion's water, a lesion's air."""

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Masks:
    """Where things lie on one radiograph, each bool [size, size].

    Attributes:
        lungs: both lung fields as they are seen, above the diaphragm and beside the heart, air or fluid in them.
        heart: its shadow.
        ribs: bone of the ribs over the lungs and beside them.
        lesions: what the findings have changed: fluid, tissue, free air; the heart of cardiomegaly; the lungs of
            emphysema. Empty without findings.
    """

    lungs: Bools
    heart: Bools
    ribs: Bools
    lesions: Bools


def render(patient: Patient, visit: Visit, findings: tuple[str, ...], view: View, size: int) -> CxrImage:
    """One radiograph.

    Args:
        findings: of ``FINDINGS``; empty for a healthy chest.
        view: ``"PA"`` (also for unknown) or ``"AP"``: at the bedside, with a nearer source, the heart farther from the
            detector, a shallower breath, more scatter, and often electrodes, lines and tubes.
        size: pixels on a side, 32 to 1024.

    Returns:
        Shape [size, size], 0 to 255, bone bright.

    Raises:
        UserError: a finding that the phantom does not know.
        ValueError: a size out of range.
    """
    return render_with_masks(patient, visit, findings, view, size)[0]


def masks(patient: Patient, visit: Visit, findings: tuple[str, ...], view: View, size: int) -> Masks:
    """Where heart, lungs, ribs and lesions lie on the radiograph that ``render`` makes of the same arguments."""
    pixels = _pixels(size)
    return _binned(trace(patient, visit, findings, view, pixels)[1], pixels // size)


def render_with_masks(
    patient: Patient, visit: Visit, findings: tuple[str, ...], view: View, size: int
) -> tuple[CxrImage, Masks]:
    """``render`` and ``masks`` in one go, at the cost of ``render``."""
    pixels = _pixels(size)
    depth, where = trace(patient, visit, findings, view, pixels)
    film = develop(depth, patient, visit, view)
    if pixels != size:
        film = film.reshape(size, 2, size, 2).mean(axis=(1, 3))
    return np.clip(np.round(film * 255), 0, 255).astype(np.uint8), _binned(where, pixels // size)


def _pixels(size: int) -> int:
    if not 32 <= size <= 1024:
        raise ValueError(f"size must be in 32 to 1024, got {size}")
    return 2 * size if size <= _SUPERSAMPLED_UP_TO else size


def _binned(fine: Masks, step: int) -> Masks:
    """A pixel belongs where more than half of it does."""
    if step == 1:
        return fine

    def half(mask: Bools) -> Bools:
        n = len(mask) // step
        kept: Bools = mask.reshape(n, step, n, step).mean(axis=(1, 3)) > 0.5
        return kept

    return Masks(half(fine.lungs), half(fine.heart), half(fine.ribs), half(fine.lesions))


def attenuation(patient: Patient, visit: Visit, findings: tuple[str, ...], view: View, pixels: int) -> Array:
    """The line integral of the attenuation coefficient along every ray, ∫μ dz, [pixels, pixels], without unit."""
    return trace(patient, visit, findings, view, pixels)[0]


def trace(patient: Patient, visit: Visit, findings: tuple[str, ...], view: View, pixels: int) -> tuple[Array, Masks]:
    """``attenuation``, and what the rays meet."""
    lesions = sample_lesions(patient, visit, findings)
    beam = aim(patient, visit, view, pixels)
    thorax = shape_thorax(patient, visit, volume=lesions.inflation, raised=lesions.collapse, lift=_lift(visit, view))
    density = min(beam.per_cm, 16.0)
    tree = vessels.grow(patient, thorax, 0.75 * density, fullness=1 + 0.22 * lesions.edema - 0.2 * lesions.inflation)
    blood = vessels.draw(tree, beam)
    windpipe = beam.spread([skeleton.trachea(patient, 0.8 * density)], 0.8)
    girdle, plates = skeleton.girdle(patient, visit, view, density)
    ribs = beam.spread(skeleton.ribs(patient, visit, thorax, density), 0.5)
    bones = ribs + beam.spread([*girdle, *devices(patient, visit, view, thorax)], 0.55)
    bones += beam.spread(plates, 0.35 * beam.per_cm)
    bones += beam.spread([skeleton.cartilage(patient, thorax, density)], max(0.6, 0.09 * beam.per_cm))
    lattice = _lattice(patient)

    total = np.empty((pixels, pixels), np.float32)
    where = Masks(np.empty(total.shape, bool), np.empty(total.shape, bool), ribs > _RIB, np.empty(total.shape, bool))
    x_all, y_all = beam.grid()
    strip = max(1, BLOCK // pixels)
    for start in range(0, pixels, strip):
        rows = slice(start, start + strip)
        x, y = x_all[rows], y_all[rows]
        grain = _texture(lattice, x, y)
        middle, heart = mediastinum(patient, visit, thorax, beam, x, y, lesions.heart)
        thin = AERATED * (1 - 0.22 * min(lesions.inflation, 1.2) + 0.08 * _lift(visit, view))
        aerated = np.float32(thin) * (1 + np.float32(0.10 * patient.texture) * grain)
        lungs = _lungs(patient, thorax, x, y, middle, lesions, blood[rows], aerated)
        gas = stomach(patient, visit, thorax, x, y)
        soft = body_depth(patient, visit, thorax, beam, x, y) * (1 + np.float32(0.006) * grain)
        soft = np.maximum(soft - lungs.taken - windpipe[rows] - gas, 0)
        bone = bones[rows] + skeleton.spine(patient, thorax, beam, x, y) + _calcium(patient, beam, x, y)
        total[rows] = np.float32(SOFT) * soft + lungs.put + np.float32((BONE - SOFT) * patient.bone_density) * bone
        where.lungs[rows] = lungs.field
        where.heart[rows] = (heart > _HEART) & ~lungs.field & (y < np.float32(max(thorax.dome) + 2.5))
        where.lesions[rows] = lungs.changed
        if lesions.heart > 1:
            where.lesions[rows] |= where.heart[rows]
        if lesions.inflation > 0:
            where.lesions[rows] |= lungs.field
    return total, where


def _lift(visit: Visit, view: View) -> float:
    """How far the diaphragm stands higher at the bedside: supine or sitting up, and seldom on a full breath."""
    return 0.3 + 3.2 * visit.breath if view == "AP" else 0.0


def aim(patient: Patient, visit: Visit, view: View, pixels: int) -> Beam:
    """The geometry of the exposure: 180 cm from behind for PA, 105 cm from the front for AP."""
    supine = view == "AP"
    source = 105.0 if supine else 170.0
    detector = plate(view, visit.plate)
    # The plate stands some 12 cm behind the middle of the chest, its upper edge a hand's breadth above the apices.
    shrink = visit.zoom * source / (source + 12.0)
    below = 0.5 * detector.height * shrink - visit.margin
    return Beam(
        pixels=pixels,
        fov=detector.width * shrink,
        aspect=detector.width / detector.height,
        centre_x=visit.shift_x * (2.1 if supine else 1.0),
        centre_y=patient.apex_y + below + visit.shift_y,
        roll=math.radians(visit.roll),
        yaw=math.radians(visit.yaw * (1.4 if supine else 1.0)),
        tilt=math.radians(visit.tilt + patient.kyphosis * 0.5 + (3.0 if supine else 0.0)),
        source=source,
        front=-1 if supine else 1,
    )


@dataclass(frozen=True, slots=True)
class _Lungs:
    """Path lengths through both lungs, [rows, columns].

    Attributes:
        taken: cm that the lungs take from the soft tissue.
        put: attenuation that they put in its place.
        field: where lung is what is mostly seen.
        changed: where findings have put fluid, tissue or free air.
    """

    taken: Array
    put: Array
    field: Bools
    changed: Bools


def _lungs(
    patient: Patient,
    thorax: Thorax,
    x: Array,
    y: Array,
    middle: Array,
    lesions: Lesions,
    blood: Array,
    aerated: Array,
) -> _Lungs:
    bend = thorax.at(thorax.shift, y)
    dep = thorax.at(thorax.depth, y)
    lat, med = thorax.at(thorax.lateral, y), thorax.at(thorax.medial, y)
    taken, depth = np.zeros_like(x), np.zeros_like(x)
    field, change = np.zeros(x.shape, bool), np.zeros(x.shape, bool)
    for s, side in enumerate((-1.0, 1.0)):
        across = np.float32(side) * (x - bend)
        wide = lat * np.float32(patient.right_left_width if s == 0 else 2 - patient.right_left_width)
        q = np.clip(across / wide, 0, 1)
        # Towards the side the lung thins out gradually: muscle and shoulder blade lie over a rounded cage.
        section = 1 - q * q * q * np.sqrt(q)
        half = np.float32(1.15) * dep * section * (np.float32(1.6) - np.float32(0.6) * section)
        inner = np.clip((across - med) / np.float32(6.5), 0, 1)
        half = half * np.sqrt(1 - (1 - inner) ** 2) * (y > np.float32(thorax.apex_y))
        air = np.maximum(_above_dome(thorax, s, across, y, wide, dep, half) - middle, 0)
        lung = Lung(side=s, across=across, y=y, lateral=wide, air=air)
        hilum = (patient.hilum_y_right, patient.hilum_y_left)[s]
        changed = lesions_of.apply(lung, thorax, lesions, hilum)
        vessel = np.minimum(blood * changed.air / (changed.air + np.float32(1.5)), changed.air)
        share = changed.fluid
        replaced = changed.air * (1 - share)
        taken += changed.air + changed.free
        depth += aerated * (replaced - np.minimum(vessel * (1 - share), replaced))
        depth += np.float32(SOFT) * (changed.air * share + vessel * (1 - share) + changed.tissue)
        field |= air > np.maximum(np.float32(_AIR), half)
        filled = air - changed.air - changed.free + changed.air * share + changed.tissue
        change |= (filled > _FILLED) | (changed.free > _FREE)
    return _Lungs(taken, depth, field, change)


def _above_dome(thorax: Thorax, s: int, across: Array, y: Array, wide: Array, dep: Array, half: Array) -> Array:
    """Path length of the lung above the diaphragm, a paraboloid whose crest lies in front of the middle."""
    x0, h = np.float32(thorax.dome_x[s]), np.float32(thorax.dome_height[s])
    away = across - x0
    reach = np.where(away > 0, np.maximum(wide - x0, 3.0), np.float32(13.0))
    g = (y - np.float32(thorax.dome[s])) / h - (away / reach) ** 2
    g = np.maximum(g, 0)
    span = np.float32(1.3) * dep * g / np.sqrt(g + np.float32(0.05))
    crest = np.float32(0.25) * dep
    covered = np.minimum(half, crest + span) - np.maximum(-half, crest - span)
    out: Array = 2 * half - np.where(g > 0, np.clip(covered, 0, None), 0)
    return np.maximum(out, 0)


def _lattice(patient: Patient) -> Array:
    """Two octaves of periodic noise, unit variance, [144, 144]."""
    lattice = np.random.default_rng([patient.seed, 0x7E87]).standard_normal((144, 144)).astype(np.float32)
    fine = ndimage.gaussian_filter(lattice, 0.8, mode="wrap")
    coarse = ndimage.gaussian_filter(lattice[::-1], 3.0, mode="wrap")
    field = fine / fine.std() + coarse / coarse.std()
    out: Array = field / field.std()
    return out


def _texture(lattice: Array, x: Array, y: Array) -> Array:
    """The noise where it lies in the body, a lattice point every 0.32 cm."""
    where = np.stack([y, x]) * np.float32(1 / 0.32) + np.float32(72)
    out: Array = ndimage.map_coordinates(lattice, where, order=1, mode="wrap")
    return out


def _calcium(patient: Patient, beam: Beam, x: Array, y: Array) -> Array:
    """An arc of calcified wall on the aortic knob, in cm of compact bone."""
    if patient.knob_calcium < 0.05:
        return np.zeros_like(x)
    cx, cy, size = beam.place(patient.knob_x, patient.knob_y, 0.0)
    dx, dy = x - np.float32(cx), y - np.float32(cy)
    ring = (np.hypot(dx, dy) - np.float32(0.88 * patient.knob_radius * size)) / np.float32(0.12)
    arc: Array = np.float32(1.1 * patient.knob_calcium) * np.exp(-ring * ring) * (dx > 0) * (dy < 1.0)
    return arc
