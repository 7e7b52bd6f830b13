"""Soft tissue: the trunk, neck, shoulders, arms and breasts; the heart and great vessels; the stomach's gas."""

from __future__ import annotations

import numpy as np

from synthgen.generators.cxr.phantom.anatomy import Patient, Visit
from synthgen.generators.cxr.phantom.geometry import Array, Beam, chord, ramp, rounded, union
from synthgen.generators.cxr.phantom.thorax import Thorax


def body_depth(patient: Patient, visit: Visit, thorax: Thorax, beam: Beam, x: Array, y: Array) -> Array:
    """Path length through the whole body from skin to skin, cm, [n, n]."""
    supine = beam.front < 0
    beside = np.abs(x)
    # The trunk: elliptic sections whose width follows the cage, then the waist.
    lateral = thorax.at(thorax.lateral, np.maximum(y, np.float32(-2.0)))
    low = ramp(y - np.float32(2.0), 22.0)
    wide = np.maximum(lateral, np.float32(patient.cage_half_width * 0.93)) + np.float32(patient.wall)
    wide = wide + np.float32(patient.waist) * low
    thick = (
        np.float32(patient.cage_depth + 3.6 + patient.fat)
        * (np.float32(0.58) + np.float32(0.42) * ramp(y + np.float32(12.0), 20.0))
        + np.float32(2.0 + supine * 2.0 + 0.5 * patient.fat) * low
    )
    q = np.clip(beside / wide, 0, 1)
    q3 = q * q * q
    trunk = thick * np.sqrt(1 - q3 * q3) * ramp(y - np.float32(patient.shoulder_y - 4.0), 9.0)

    # The shoulders: a slab under the slope of the trapezius, closed by the deltoid at the side.
    outer = patient.shoulder_half_width
    neck = patient.neck_radius
    run = np.clip((beside - np.float32(neck - 0.8)) / np.float32(outer - neck), 0, 1.4)
    slope = np.float32(3.0) * np.sqrt(run) + np.float32(2.6) * run
    deltoid = np.float32(9.0) * np.maximum(run - np.float32(0.8), 0) ** 2
    line = np.float32(patient.shoulder_y - 6.2) + slope + deltoid
    below = np.clip(y - line, 0, None)
    end = np.clip((np.float32(outer + 2.0) - beside) / np.float32(5.0), 0, 1)
    fade = 1 - ramp(y - np.float32(patient.shoulder_y + 7.0), 15.0)
    slab = np.float32(14.5 + 0.6 * patient.fat) * np.sqrt(1 - np.exp(-below / np.float32(2.2)))
    slab = slab * np.sqrt(1 - (1 - end) ** 2) * fade * (np.float32(0.86) + np.float32(0.14) * ramp(beside - 5, 9.0))

    pillar = np.clip(beside / np.float32(neck), 0, 1)
    throat = np.float32(2 * neck) * np.sqrt(1 - pillar * pillar) * (1 - ramp(y - np.float32(patient.shoulder_y), 6.0))
    parts = [trunk, slab, throat]
    angle = np.radians(visit.arm_angle * (0.5 if supine else 1.0))
    radius = 4.6 + 0.25 * patient.fat
    for side in (-1.0, 1.0):
        dx = np.float32(side) * x - np.float32(patient.shoulder_half_width - 3.0)
        dy = y - np.float32(patient.shoulder_y + 3.0)
        off = (dx * np.float32(np.cos(angle)) - dy * np.float32(np.sin(angle))) / np.float32(radius)
        parts.append(np.float32(2 * radius) * np.sqrt(np.clip(1 - off * off, 0, None)) * ramp(dy, 6.0))
    out = union(*parts)
    for side in (-1.0, 1.0):
        out = out + _breast(patient, beam, np.float32(side) * x, y)
    return out


def _breast(patient: Patient, beam: Beam, across: Array, y: Array) -> Array:
    """A drop on the front of the chest, fullest near its lower border."""
    _, cy, size = beam.place(0.0, patient.breast_y, 9.0)
    r = patient.breast_radius * size
    dx = (across - np.float32(patient.breast_x * size)) / np.float32(r * 1.08)
    dy = (y - np.float32(cy)) / np.float32(r)
    dy = np.where(dy < 0, dy * np.float32(0.62), dy * np.float32(1.15))
    out: Array = (
        np.float32(1.25 * patient.breast)
        * np.maximum(1 - dx * dx - dy * dy, 0) ** 0.8
        * (np.float32(0.6) + np.float32(0.4) * np.clip(dy + 1, 0, 1))
    )
    return out


def mediastinum(
    patient: Patient, visit: Visit, thorax: Thorax, beam: Beam, x: Array, y: Array, enlarged: float
) -> tuple[Array, Array]:
    """Path length through heart, great vessels and hila, cm: where lungs would be, there is this instead.

    Args:
        enlarged: factor on the heart's width.

    Returns:
        Of all, and of the heart's muscle and chambers alone (a bound on its parts, not their union).
    """
    breath = 1 - 0.025 * visit.inspiration
    width = patient.heart_width * breath * enlarged
    left, right = width * patient.heart_left_share, width * (1 - patient.heart_left_share)
    tall = patient.heart_height * 0.42 * enlarged**0.5
    tilt = patient.heart_tilt - 8 * (enlarged - 1) / 0.4 + 2 * visit.inspiration
    floor = 0.5 * (thorax.dome[0] + thorax.dome[1])
    middle = floor - 2.3
    centre = 0.28 * left
    reach = left - centre
    long = reach / np.sqrt(np.cos(np.radians(tilt)) ** 2 + 0.45 * np.sin(np.radians(tilt)) ** 2)
    z = 3.0

    def solid(cx: float, cy: float, cz: float, a: float, b: float, depth: float, turn: float = 0.0) -> Array:
        px, py, size = beam.place(cx, cy, cz)
        return rounded(x, y, (px, py), (a * size, b * size), depth, turn)

    atrium = 3.4 * patient.atrium_bulge * enlarged**0.6
    trunk = patient.pulmonary_trunk
    knob = patient.knob_radius
    parts = [
        solid(centre, middle + 0.2, z, long, tall, 6.3, tilt),
        solid(-right + atrium, middle - 0.5, z, atrium, 4.4 * enlarged**0.4, 5.6),
        solid(0.2, middle - 0.2, z + 1, 0.62 * left, 5.6, 6.4),
        solid(1.6 * trunk + 0.3, 0.5 * middle - 2.2, z - 1, 1.9 * trunk, 3.4, 5.0, -12),
        solid(patient.knob_x, patient.knob_y, 0.0, knob, 1.2 * knob, 4.0),
        solid(-0.55 * patient.cava_x, 0.3, z, 0.62 * patient.cava_x, 4.6, 4.5, 4),
        _column(patient, thorax, beam, x, y),
        _descending(patient, beam, x, y),
    ]
    for side, level in ((-1.0, patient.hilum_y_right), (1.0, patient.hilum_y_left)):
        g = patient.hilum_size
        parts.append(solid(side * (patient.hilum_x - 0.1), level + 0.3, 0.0, 1.1 * g, 2.2 * g, 1.6 * g, side * 14))
        parts.append(solid(side * (patient.hilum_x + 0.5), level + 1.7, 0.0, 0.75 * g, 2.3 * g, 1.3 * g, -side * 14))
    heart = np.maximum(np.maximum(parts[0], parts[1]), parts[2])
    return union(*parts), heart


def _column(patient: Patient, thorax: Thorax, beam: Beam, x: Array, y: Array) -> Array:
    """The upper mediastinum: vena cava on the right, arteries on the left, widest at the arch."""
    cx, _, _ = beam.place(0.0, 0.0, 1.0)
    flare = ramp(y + np.float32(15.0), 13.0)
    right = np.float32(patient.cava_x) * (np.float32(0.82) + np.float32(0.18) * flare)
    left = np.float32(2.0) * (np.float32(0.85) + np.float32(0.15) * flare)
    off = x - np.float32(cx) - thorax.at(thorax.shift, y)
    q = np.where(off < 0, off / right, off / left)
    out: Array = (
        np.float32(9.0) * np.maximum(1 - q * q, 0) ** 0.75 * (1 - np.float32(0.3) * ramp(y - np.float32(2.0), 7.0))
    )
    return out


def _descending(patient: Patient, beam: Beam, x: Array, y: Array) -> Array:
    cx, _, _ = beam.place(0.9, 0.0, -4.5)
    bow = np.sin(np.clip((y - np.float32(patient.knob_y)) / np.float32(16.0), 0, 1) * np.float32(np.pi))
    radius = np.float32(0.75 * patient.knob_radius)
    centre = (
        np.float32(cx)
        + np.float32(0.35 * patient.aorta_unfolding + 0.2)
        + np.float32(1.1 * patient.aorta_unfolding) * bow
    )
    q = (x - centre) / radius
    out: Array = 2 * radius * np.sqrt(np.maximum(1 - q * q, 0)) * ramp(y - np.float32(patient.knob_y - 0.5), 1.5)
    return out


def stomach(patient: Patient, visit: Visit, thorax: Thorax, x: Array, y: Array) -> Array:
    """Path length of gas under the left dome and in the bowel, cm: comes and goes between visits."""
    rng = np.random.default_rng([visit.seed, 0x6A5])
    top = thorax.dome[1]
    out = np.zeros_like(x)
    if visit.stomach_gas > 0:
        g = visit.stomach_gas
        bubble = chord(x, y, (patient.stomach_x, top + 1.9), (1.4 + 1.6 * g, 0.7 + 0.9 * g), 1.0 + 1.6 * g, 8)
        out = np.maximum(out, bubble)
    for _ in range(int(rng.integers(0, 4))):
        at = (float(rng.uniform(-7, 10)), top + float(rng.uniform(4.5, 9)))
        loop = chord(
            x,
            y,
            at,
            (float(rng.uniform(0.8, 2.2)), float(rng.uniform(0.6, 1.2))),
            float(rng.uniform(0.5, 1.6)),
            float(rng.uniform(-40, 40)),
        )
        out = np.maximum(out, loop)
    return out
