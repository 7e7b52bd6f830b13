"""From anatomy to film: integrates attenuation along the beam (Beer-Lambert), adds scatter, and develops the image."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from synthgen.generators.cxr.phantom import findings as lesions_of
from synthgen.generators.cxr.phantom import skeleton, vessels
from synthgen.generators.cxr.phantom.anatomy import Patient, Visit
from synthgen.generators.cxr.phantom.body import body_depth, mediastinum, stomach
from synthgen.generators.cxr.phantom.findings import Lesions, Lung, sample_lesions
from synthgen.generators.cxr.phantom.geometry import BLOCK, Array, Beam, smooth
from synthgen.generators.cxr.phantom.thorax import Thorax, shape_thorax
from synthgen.payloads.cxr import CxrImage, View

SOFT = 0.19
"""Attenuation of soft tissue at the beam's effective energy of about 65 keV, per cm."""
BONE = 0.55
"""Of compact bone, per cm."""
AERATED = 0.042
"""Of inflated lung, per cm."""

_SUPERSAMPLED_UP_TO = 96


def render(patient: Patient, visit: Visit, findings: tuple[str, ...], view: View, size: int) -> CxrImage:
    """One radiograph.

    Args:
        findings: of ``FINDINGS``; empty for a healthy chest.
        view: ``"PA"`` (also for unknown) or ``"AP"``: nearer source, heart farther from the detector, arms down,
            shallower breath.
        size: pixels on a side, 32 to 1024.

    Returns:
        Shape [size, size], 0 to 255, bone bright.

    Raises:
        UserError: a finding that the phantom does not know.
        ValueError: a size out of range.
    """
    if not 32 <= size <= 1024:
        raise ValueError(f"size must be in 32 to 1024, got {size}")
    pixels = 2 * size if size <= _SUPERSAMPLED_UP_TO else size
    depth = attenuation(patient, visit, findings, view, pixels)
    film = develop(depth, patient, visit)
    if pixels != size:
        film = film.reshape(size, 2, size, 2).mean(axis=(1, 3))
    return np.clip(np.round(film * 255), 0, 255).astype(np.uint8)


def attenuation(patient: Patient, visit: Visit, findings: tuple[str, ...], view: View, pixels: int) -> Array:
    """The line integral of the attenuation coefficient along every ray, ∫μ dz, [pixels, pixels], without unit."""
    lesions = sample_lesions(patient, visit, findings)
    beam = aim(patient, visit, view, pixels)
    thorax = shape_thorax(
        patient, visit, volume=lesions.inflation, raised=lesions.collapse, lift=1.3 if view == "AP" else 0.0
    )
    density = min(beam.per_cm, 16.0)
    tree = vessels.grow(patient, thorax, 0.75 * density, fullness=1 + 0.22 * lesions.edema - 0.2 * lesions.inflation)
    blood = vessels.draw(tree, beam)
    windpipe = beam.spread([skeleton.trachea(patient, 0.8 * density)], 0.8)
    girdle, plates = skeleton.girdle(patient, visit, view, density)
    bones = beam.spread(skeleton.ribs(patient, visit, thorax, density), 0.7)
    bones += beam.spread(girdle, 0.7)
    bones += beam.spread(plates, 0.35 * beam.per_cm)
    bones += beam.spread([skeleton.cartilage(patient, thorax, density)], max(0.6, 0.09 * beam.per_cm))
    lattice = _lattice(patient)

    total = np.empty((pixels, pixels), np.float32)
    x_all, y_all = beam.grid()
    strip = max(1, BLOCK // pixels)
    for start in range(0, pixels, strip):
        rows = slice(start, start + strip)
        x, y = x_all[rows], y_all[rows]
        grain = _texture(lattice, x, y)
        heart = mediastinum(patient, visit, thorax, beam, x, y, lesions.heart)
        thin = AERATED * (1 - 0.22 * min(lesions.inflation, 1.2))
        aerated = np.float32(thin) * (1 + np.float32(0.10 * patient.texture) * grain)
        taken, put = _lungs(patient, thorax, x, y, heart, lesions, blood[rows], aerated)
        gas = stomach(patient, visit, thorax, x, y)
        soft = body_depth(patient, visit, thorax, beam, x, y) * (1 + np.float32(0.012) * grain)
        soft = np.maximum(soft - taken - windpipe[rows] - gas, 0)
        bone = bones[rows] + skeleton.spine(patient, thorax, beam, x, y) + _calcium(patient, beam, x, y)
        total[rows] = np.float32(SOFT) * soft + put + np.float32((BONE - SOFT) * patient.bone_density) * bone
    return total


def aim(patient: Patient, visit: Visit, view: View, pixels: int) -> Beam:
    """The geometry of the exposure: 180 cm from behind for PA, 105 cm from the front for AP."""
    supine = view == "AP"
    # The technician frames the chest: the field follows the patient's size only in part.
    field = (12.7 + 0.85 * patient.cage_half_width + 0.36 * patient.lung_height) * visit.zoom
    middle = patient.apex_y + 0.5 * patient.lung_height + 0.4
    return Beam(
        pixels=pixels,
        fov=field * (1.05 if supine else 1.0),
        centre_x=visit.shift_x,
        centre_y=middle + visit.shift_y,
        roll=math.radians(visit.roll),
        yaw=math.radians(visit.yaw * (1.4 if supine else 1.0)),
        tilt=math.radians(visit.tilt + patient.kyphosis * 0.5 + (3.0 if supine else 0.0)),
        source=105.0 if supine else 170.0,
        front=-1 if supine else 1,
    )


def _lungs(
    patient: Patient,
    thorax: Thorax,
    x: Array,
    y: Array,
    heart: Array,
    lesions: Lesions,
    blood: Array,
    aerated: Array,
) -> tuple[Array, Array]:
    """Path length that the lungs take from the soft tissue, and what attenuation they put in its place."""
    bend = thorax.at(thorax.shift, y)
    dep = thorax.at(thorax.depth, y)
    lat, med = thorax.at(thorax.lateral, y), thorax.at(thorax.medial, y)
    taken, depth = np.zeros_like(x), np.zeros_like(x)
    for s, side in enumerate((-1.0, 1.0)):
        across = np.float32(side) * (x - bend)
        wide = lat * np.float32(patient.right_left_width if s == 0 else 2 - patient.right_left_width)
        q = np.clip(across / wide, 0, 1)
        half = dep * np.sqrt(1 - q * q * q)
        inner = np.clip((across - med) / np.float32(3.6), 0, 1)
        half = half * np.sqrt(1 - (1 - inner) ** 2) * (y > np.float32(thorax.apex_y))
        air = np.maximum(_above_dome(thorax, s, across, y, wide, dep, half) - heart, 0)
        lung = Lung(side=s, across=across, y=y, lateral=wide, air=air)
        hilum = (patient.hilum_y_right, patient.hilum_y_left)[s]
        changed = lesions_of.apply(lung, thorax, lesions, hilum)
        vessel = np.minimum(blood * changed.air / (changed.air + np.float32(1.5)), changed.air)
        share = changed.fluid
        replaced = changed.air * (1 - share)
        taken += changed.air + changed.free
        depth += aerated * (replaced - np.minimum(vessel * (1 - share), replaced))
        depth += np.float32(SOFT) * (changed.air * share + vessel * (1 - share) + changed.tissue)
    return taken, depth


def _above_dome(thorax: Thorax, s: int, across: Array, y: Array, wide: Array, dep: Array, half: Array) -> Array:
    """Path length of the lung above the diaphragm, a paraboloid whose crest lies in front of the middle."""
    x0, h = np.float32(thorax.dome_x[s]), np.float32(thorax.dome_height[s])
    away = across - x0
    reach = np.where(away > 0, np.maximum(wide - x0, 3.0), np.float32(13.0))
    g = (y - np.float32(thorax.dome[s])) / h - (away / reach) ** 2
    span = np.float32(1.3) * dep * np.sqrt(np.maximum(g, 0))
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


def develop(depth: Array, patient: Patient, visit: Visit) -> Array:
    """The film: transmitted intensity with scatter and noise, then the detector's curve; bright where little came.

    No pixel of the result falls when the line integral rises anywhere (the curve and the scatter are monotone, and the
    noise is drawn from the visit's seed alone).

    Args:
        depth: ∫μ dz, [n, n].

    Returns:
        Display values, [n, n], 0 to 1.
    """
    n = depth.shape[0]
    primary = np.exp(-depth)
    # Scatter is so smooth that an eighth of the resolution holds it.
    block = max(1, n // 32)
    edge = n // block * block
    small = primary[:edge, :edge].reshape(edge // block, block, edge // block, block).mean(axis=(1, 3))
    small = np.minimum(small, np.float32(0.35))
    veil = ndimage.zoom(smooth(small, 3.0), n / len(small), order=1, mode="nearest", grid_mode=True)[:n, :n]
    light = primary + np.float32(visit.scatter) * veil
    seen = -np.log(light)
    middle, slope = _curve(patient, visit)
    film = 1 / (1 + np.exp((middle - seen) * slope))
    floor = 1 / (1 + math.exp(middle * slope))
    film = (film - floor) / (1 - floor)
    # Relative noise of a count is 1/sqrt(count); its size on the film is set where the curve is steep.
    noise = np.random.default_rng([visit.seed, 0x0F]).standard_normal((n, n)).astype(np.float32)
    area = (34.0 / n) ** 2
    counts = 10.0**visit.photons * area * math.exp(-middle)
    film = film + np.float32(0.25 * slope / math.sqrt(counts)) * noise
    left, top, right, bottom = (round(share * n) for share in visit.collimation)
    film[:, :left] = 0.02
    film[:top] = 0.02
    film[:, n - right :] = 0.02
    film[n - bottom :] = 0.02
    out: Array = np.clip(film, 0, 1)
    return out


def _curve(patient: Patient, visit: Visit) -> tuple[float, float]:
    """Middle (in ∫μ dz) and slope of the detector's curve; the automatic exposure knows how thick the patient is."""
    through_heart = SOFT * (patient.cage_depth + 5.0 + patient.fat)
    through_lung = through_heart - (SOFT - AERATED) * 0.85 * patient.cage_depth
    middle = 0.86 * through_lung + 0.14 * through_heart + visit.exposure
    slope = 2.5 / (through_heart - through_lung) * visit.contrast
    return middle, slope
