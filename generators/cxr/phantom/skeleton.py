"""Bones: ribs, spine, clavicles, scapulae, humeri, sternum."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.generators.cxr.phantom.anatomy import RIBS, Patient, Visit
from synthgen.generators.cxr.phantom.geometry import Array, Beam, Cloud, cloud, rod, tube
from synthgen.generators.cxr.phantom.thorax import Thorax
from synthgen.payloads.cxr import View

_SIDES = (-1.0, 1.0)


def _spine_y(patient: Patient, vertebra: NDArray[np.integer[Any]]) -> Array:
    """Level of the middle of thoracic vertebra 1, 2, …; the carina lies at the lower edge of the fifth."""
    return (vertebra - 5.4) * patient.vertebra_pitch


def ribs(patient: Patient, visit: Visit, thorax: Thorax, density: float) -> list[Cloud]:
    """Both sides' ribs. Each runs from the spine in an inclined plane round the cage to its cartilage.

    Args:
        density: sample points per cm.
    """
    samples = int(24 * density)
    around = max(10, int(3.2 * density))
    t = np.linspace(0, 1, samples)
    flare = 1 - 0.06 * visit.inspiration
    side = np.array(_SIDES)[:, None, None]
    rib = np.arange(1, RIBS)[:, None]
    jitter = np.array(patient.rib_jitter).reshape(2, RIBS)[:, : RIBS - 1, None]
    head = _spine_y(patient, rib) + jitter
    grown = np.clip((rib + 1.5) / 6, 0.55, 1)
    drop = patient.rib_drop * flare * grown * (1 + 0.05 * np.maximum(rib - 8, 0))
    angle = (0.80 - 0.08 * np.maximum(rib - 7, 0)) * np.pi * t
    slope = patient.rib_slope * (0.4 + 0.1 * rib)
    wide = thorax.at(thorax.lateral, head + drop / 2 + 6 * slope) - 0.95
    deep = thorax.at(thorax.depth, head + drop / 2) + 0.6
    first = rib == 1
    wide, deep = np.where(first, np.maximum(wide * 0.85, 4.0), wide), np.where(first, np.maximum(deep, 3.6), deep)
    x = 1.2 + wide * np.abs(np.sin(angle)) ** 0.96
    y = head + drop * ((1 - np.cos(angle)) / 2) ** 1.15 + slope * (x - 1.2)
    path = np.stack([side * x + thorax.at(thorax.shift, y), y, -deep * np.cos(angle)], axis=-1)
    path = path.reshape(-1, samples, 3)
    front = np.clip((t - 0.55) / 0.4, 0, 1)
    thick = patient.rib_breadth * np.where((rib == 1) | (rib == RIBS - 1), 0.8, 1.0)
    breadth, depth = (np.tile(thick * profile, (2, 1)) for profile in (0.88 + 0.2 * front, 0.62 - 0.18 * front))
    # Bone thins into cartilage, which shows as little as muscle.
    fade = 1 - 0.35 * np.clip((t - 0.5) / 0.3, 0, 1) - 0.65 * np.clip((t - 0.78) / 0.2, 0, 1) ** 1.5
    thin = np.tile(np.where(rib <= 2, 0.75, 1.0), (2, 1))
    # At the side the beam runs along the rib; its flat section turns there and shows less than a round tube would.
    aside = 1 - 0.55 * np.exp(-(((t - 0.61) / 0.13) ** 2))
    wall = patient.rib_cortex * thin * np.maximum(fade, 0.0) * aside
    return tube(path, breadth, depth, wall, around, marrow=0.32)


def cartilage(patient: Patient, thorax: Thorax, density: float) -> Cloud:
    """Calcified flecks in the front ends of the upper ribs; the first is the earliest and the brightest.

    Args:
        density: flecks per cm.
    """
    rng = np.random.default_rng([patient.seed, 0xCA1C])
    rib = np.arange(1, 8)[:, None]
    shape = (2, 7, int(26 * density))
    amount = patient.cartilage_calcium * np.where(rib == 1, 1.6, 0.8) * rng.uniform(0.5, 1.2, (2, 7, 1))
    level = _spine_y(patient, rib) + patient.rib_drop * np.clip((rib + 1.5) / 6, 0.35, 1) * 0.9
    far = np.maximum(thorax.at(thorax.lateral, level) * 0.55, 3.6)
    at = rng.random(shape)
    x = np.array(_SIDES)[:, None, None] * (2.2 + (far - 2.2) * at)
    y = level + rng.normal(0, 0.3, shape) + (0.6 - 0.5 * at)
    return cloud(x, y, np.array(6.0), amount * 0.9 * rng.random(shape) ** 3 / shape[2])


def girdle(patient: Patient, visit: Visit, view: View, density: float) -> tuple[list[Cloud], list[Cloud]]:
    """Clavicles, humeri and the scapulae's borders; and the plates (blades, the sternum's handle), to be blurred."""
    supine = view == "AP"
    t = np.linspace(0, 1, int(17 * density))
    around = max(10, int(2.6 * density))
    # The clavicle, an S seen from above and a shallow one from the front.
    lift = 1.0 if supine else 0.0
    far = patient.shoulder_half_width - 3.6
    x = 1.7 + (far - 1.7) * t
    y = patient.clavicle_y - lift * 0.7 - (patient.clavicle_rise + lift) * t
    y = y + patient.clavicle_sag * (np.sin(2 * np.pi * t) * 0.5 - np.sin(np.pi * t) * 0.6)
    z = 6.0 - 8.5 * t + 1.6 * np.sin(2 * np.pi * t)
    breadth = 2 * patient.clavicle_radius * (1 + 0.55 * np.exp(-t * 12) + 0.35 * t**4 - 0.12 * np.sin(np.pi * t))
    path = np.stack([x, y, z], -1)[None]
    clavicle = tube(path, breadth[None], breadth[None] * 0.85, 0.24, around, marrow=0.35)
    borders, blade = _scapula(patient, visit, supine, t, around)
    left = [*clavicle, *borders, *_humerus(patient, visit, np.linspace(0, 1, int(30 * density)), around)]
    # The manubrium: a plate whose edges show beside the spine when the patient stands turned.
    u, v = np.meshgrid(np.linspace(-1, 1, int(6 * density)), np.linspace(0, 1, int(6 * density)))
    plate_x = u * (2.7 - 1.1 * v)
    plate_y = patient.clavicle_y + 0.2 + 4.8 * v
    volume = np.full(u.shape, 0.3 * 5.4 * 4.8 / u.size) * (1.6 - 0.6 * v)
    handle = cloud(plate_x, plate_y, np.array(7.2), volume)
    higher = patient.clavicle_asymmetry
    return left + [_mirror(c, higher) for c in left], [blade, _mirror(blade, higher), handle]


def _mirror(left: Cloud, higher: float) -> Cloud:
    """The same on the right, ``higher`` cm up."""
    return Cloud(-left.x, left.y - np.float32(higher), left.z, left.volume)


def _scapula(patient: Patient, visit: Visit, supine: bool, t: Array, around: int) -> tuple[list[Cloud], Cloud]:
    out = patient.scapula_x + visit.scapula_shift + (-1.3 if supine else 1.6)
    turn = np.radians(patient.scapula_turn + (2 if supine else 14))
    pivot = np.array([patient.shoulder_half_width - 5.6, patient.shoulder_y + 2.6])

    def place(x: float, y: float) -> tuple[float, float]:
        # Offsets from the joint; arms brought forward turn the lower tip outwards.
        return (
            float(pivot[0] + out * 0.8 + x * np.cos(turn) + y * np.sin(turn)),
            float(pivot[1] + y * np.cos(turn) - x * np.sin(turn)),
        )

    joint, tip, corner, crest = place(-0.6, 0.8), place(-4.6, 12.0), place(-7.2, -0.8), place(-6.6, 1.4)
    acromion, coracoid = place(1.6, -2.0), place(-2.0, -1.1)

    def line(a: tuple[float, float], b: tuple[float, float], bow: float, z: float) -> Array:
        x = a[0] + (b[0] - a[0]) * t + bow * np.sin(np.pi * t)
        y = a[1] + (b[1] - a[1]) * t
        path: Array = np.stack([x, y, np.full(len(t), z)], -1)
        return path

    lines = np.stack(
        [
            line(joint, tip, -0.7, -6.5),
            line(corner, tip, 0.4, -8.0),
            line(crest, acromion, 0.0, -7.0),
            line(corner, coracoid, 0.0, -6.0),
            line(joint, coracoid, 0.3, -4.0),
        ]
    )
    size = np.array([0.8, 0.28, 0.55, 0.3, 0.7])[:, None] * np.ones(len(t))
    borders = tube(lines, size, size * 0.8, 0.13, max(6, around // 2))
    u, v = np.random.default_rng(0).random((2, 30 * len(t)))
    first, second = 1 - np.sqrt(u), np.sqrt(u) * (1 - v)
    third = np.sqrt(u) * v
    x = first * joint[0] + second * tip[0] + third * corner[0]
    y = first * joint[1] + second * tip[1] + third * corner[1]
    area = 0.5 * abs((tip[0] - joint[0]) * (corner[1] - joint[1]) - (corner[0] - joint[0]) * (tip[1] - joint[1]))
    volume = np.full(x.shape, 0.2 * area / x.size)
    blade = cloud(x, y, np.array(-7.5), volume)
    return borders, blade


def _humerus(patient: Patient, visit: Visit, t: Array, around: int) -> list[Cloud]:
    angle = np.radians(visit.arm_angle)
    x = patient.shoulder_half_width - 3.2 + 26 * t * np.sin(angle)
    y = patient.shoulder_y + 3.0 + 26 * t * np.cos(angle)
    shaft = np.stack([x, y, np.full(len(t), -1.0)], -1)[None]
    breadth = (2.1 + 2.3 * np.exp(-((t * 26 / 2.4) ** 2)))[None]
    return tube(shaft, breadth, breadth, 0.22, 3 * around, marrow=0.10)


def spine(patient: Patient, thorax: Thorax, beam: Beam, x: Array, y: Array) -> Array:
    """Path length through the vertebrae in cm of compact bone, over the image."""
    cx, _, size = beam.place(0.0, 0.0, -4.0)
    rear, _, _ = beam.place(0.0, 0.0, -8.5)
    lift = 4.0 * np.tan(beam.tilt)
    out = np.zeros_like(x)
    middle = int(np.clip(((cx - beam.centre_x) / beam.fov + 0.5) * beam.pixels, 0, beam.pixels - 1))
    reach = int((6.5 + 20.0 * abs(np.sin(beam.roll))) * beam.across_per_cm)
    cols = slice(max(0, middle - reach), min(beam.pixels, middle + reach))
    x, y = x[:, cols], y[:, cols]
    u = (x - np.float32(cx) - thorax.at(thorax.shift, y)) / np.float32(size)
    w = y / np.float32(size) - np.float32(lift)
    pitch = np.float32(patient.vertebra_pitch)
    number = w / pitch + np.float32(5.4)
    whole = np.round(number)
    v = (number - whole) * 2  # -1 to 1 within one vertebra with its disc
    half = np.float32(patient.vertebra_half_width) * (1 + np.float32(0.022) * np.clip(whole - 5, -5, 9))
    edge = half * (np.float32(0.90) + np.float32(0.10) * v * v)
    across = np.clip((edge - np.abs(u)) * np.float32(4.0), 0, 1)
    body = np.clip((np.float32(0.84) - np.abs(v)) * 8, 0, 1)
    plate = np.exp(-(((np.abs(v) - np.float32(0.78)) / np.float32(0.07)) ** 2))
    rim = np.exp(-(((np.abs(u) - edge + np.float32(0.12)) / np.float32(0.12)) ** 2))
    bone = across * body * np.float32(0.36) + across * plate * np.float32(0.26) + rim * body * np.float32(0.26)
    # Pedicles: two bright rings; spinous processes: a drop in the midline, one level lower; transverse processes.
    pu, pv = (np.abs(u) - half * np.float32(0.68)) / np.float32(0.36), (v + np.float32(0.28)) / np.float32(0.42)
    ring = np.sqrt(pu * pu + pv * pv)
    bone += np.float32(0.38) * np.exp(-(((ring - np.float32(0.8)) / np.float32(0.35)) ** 2))
    back = np.float32((rear - cx) / size)
    su, sv = (u - back) / np.float32(0.34), (np.abs(v) - np.float32(0.85)) / np.float32(0.40)
    bone += np.float32(0.5) * np.exp(-(su * su + sv * sv) * np.float32(1.2))
    tu = np.clip((half + np.float32(1.5) - np.abs(u)) * 2, 0, 1) * (np.abs(u) > half * np.float32(0.7))
    bone += np.float32(0.16) * tu * np.exp(-(((v + np.float32(0.3)) / np.float32(0.28)) ** 2))
    out[:, cols] = np.float32(0.62) * bone
    return out


def trachea(patient: Patient, density: float) -> Cloud:
    """The windpipe and the main bronchi: air, as volume."""
    n = int(16 * density)
    t = np.linspace(0, 1, n)
    drift = patient.trachea_shift
    pipe = np.stack([drift * np.sin(np.pi * t) + 0.15, -19.0 + 19.0 * t, -2.0 + 2.5 * (1 - t)], -1)
    half = np.radians(patient.carina_angle / 2)
    right = np.stack([-4.2 * t * np.sin(half * 0.75), -0.4 + 4.2 * t * np.cos(half * 0.75) * 0.9, -1.5 * t], -1)
    left = np.stack([5.2 * t * np.sin(half * 1.2), -0.4 + 5.2 * t * np.cos(half * 1.2) * 0.9, -1.5 * t], -1)
    r = 1.12 * patient.trachea_radius
    radius = np.stack([np.full(n, r), r * (0.8 - 0.2 * t), r * (0.72 - 0.2 * t)])
    return rod(np.stack([pipe, right, left]), radius, max(7, int(1.4 * density)))
