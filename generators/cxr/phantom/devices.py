"""What lies on and in the patient besides the body: electrodes and their wires, lines and tubes, a pacemaker.

They come and go between visits and carry no label, as on real films. Only the pacemaker belongs to the patient.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import make_interp_spline

from synthgen.generators.cxr.phantom.anatomy import Patient, Visit
from synthgen.generators.cxr.phantom.fitted import surroundings
from synthgen.generators.cxr.phantom.geometry import Array, Cloud, cloud
from synthgen.generators.cxr.phantom.thorax import Thorax
from synthgen.payloads.cxr import View

_WIRE, _LINE, _TUBE, _LEAD = 0.18, 0.20, 0.24, 0.34
"""Sections of compact bone, cm², that attenuate as much as a cable, a catheter, a tube's stripe, a pacemaker's lead."""
_STEP = 0.12  # cm between points: under a pixel at 256 px

Points = list[tuple[float, float, float]]


def devices(patient: Patient, visit: Visit, view: View, thorax: Thorax) -> list[Cloud]:
    """Everything that this visit's film shows, as volumes of compact bone."""
    share = surroundings(view)
    rng = np.random.default_rng([visit.seed, 0xDE71CE])
    drawn = rng.random(4)
    out: list[Cloud] = []
    if drawn[0] < share.electrodes:
        out += _electrodes(patient, thorax, rng)
    if drawn[1] < share.venous_line:
        out.append(_venous_line(patient, thorax, rng))
    if drawn[2] < share.airway_tube:
        out.append(_strand(_airway(rng), _TUBE))
    if drawn[3] < share.feeding_tube:
        out.append(_strand(_oesophagus(patient, thorax, rng), _LINE))
    if patient.age > 50 and np.random.default_rng([patient.seed, 0x9ACE]).random() < share.pacemaker:
        out += _pacemaker(patient, thorax)
    return out


def _strand(through: Points, section: float) -> Cloud:
    """A smooth line through points in the body (cm), of the given section of compact bone."""
    knots = np.array(through)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    count = max(8, int(along[-1] / _STEP))
    path = make_interp_spline(along, knots, k=min(3, len(knots) - 1))(np.linspace(0, along[-1], count))
    return cloud(path[:, 0], path[:, 1], path[:, 2], np.array(section * along[-1] / count))


def _disc(x: float, y: float, z: float, radius: float, thickness: float) -> Cloud:
    """A plate seen from the front, of so many cm of compact bone."""
    line = np.linspace(-1, 1, max(5, int(2 * radius / _STEP)))
    u, v = np.meshgrid(line, line)
    inside = u * u + v * v <= 1
    volume = np.pi * radius**2 * thickness / max(int(inside.sum()), 1)
    return cloud(x + radius * u[inside], y + radius * v[inside], np.array(z), np.array(volume))


def _electrodes(patient: Patient, thorax: Thorax, rng: np.random.Generator) -> list[Cloud]:
    wide = patient.cage_half_width
    usual = [(-0.72, -6.0), (0.72, -6.0), (-0.9, 7.0), (0.9, 7.5), (0.25, 2.0)]
    out = []
    leave = float(rng.choice([-1.0, 1.0]))
    for index in rng.permutation(len(usual))[: int(rng.integers(2, 6))]:
        x, y = usual[index][0] * wide + float(rng.normal(0, 1.2)), usual[index][1] + float(rng.normal(0, 1.5))
        out.append(_disc(x, y, 8.0, float(rng.uniform(0.35, 0.6)), float(rng.uniform(1.2, 3.0))))
        if rng.random() < 0.8:
            end = (leave * float(rng.uniform(15, 22)), y + float(rng.uniform(-4, 14)), 9.0)
            bow = (0.5 * (x + end[0]) + float(rng.normal(0, 2.5)), 0.5 * (y + end[1]) + float(rng.normal(0, 3)), 9.0)
            out.append(_strand([(x, y, 8.0), bow, end], _WIRE))
    return out


def _venous_line(patient: Patient, thorax: Thorax, rng: np.random.Generator) -> Cloud:
    """A central line from the neck, the collar bone or the arm into the upper vena cava; its tip near the carina."""
    tip = (-0.75 * patient.cava_x + float(rng.normal(0, 0.2)), float(rng.uniform(-1.0, 4.0)), 2.5)
    knee = (-0.85 * patient.cava_x, -5.0, 2.0)
    kind, jitter = rng.random(), float(rng.normal(0, 0.4))
    if kind < 0.4:
        return _strand([(-3.4 + jitter, -17.0, 2.0), (-3.0, -11.0, 1.5), knee, tip], _LINE)
    side = -1.0 if rng.random() < 0.65 else 1.0
    level = patient.clavicle_y
    far = [(side * 17.0, level + 7.0, 0.0)] if kind > 0.7 else []
    entry = (side * 10.0, level + 0.8 + jitter, 3.0)
    over = (side * 5.0, level - 0.6 + jitter, 4.0)
    return _strand([*far, entry, over, *([(0.6, level + 2.0, 3.0)] if side > 0 else []), knee, tip], _LINE)


def _airway(rng: np.random.Generator) -> Points:
    tip = float(rng.uniform(-6.0, -2.5))
    return [(0.4, -20.0, 0.0), (0.2, -14.0, 0.0), (0.15, tip, 0.0)]


def _oesophagus(patient: Patient, thorax: Thorax, rng: np.random.Generator) -> Points:
    floor = thorax.dome[1]
    end = (patient.stomach_x + float(rng.normal(0, 1.0)), floor + float(rng.uniform(4.0, 7.0)), 0.0)
    return [(0.5, -20.0, -1.0), (0.6, -8.0, -3.0), (0.8, 4.0, -3.0), (1.8, floor + 1.5, -1.0), end]


def _pacemaker(patient: Patient, thorax: Thorax) -> list[Cloud]:
    """A generator below the left clavicle, rarely the right, and one or two leads into the heart."""
    rng = np.random.default_rng([patient.seed, 0x9ACE, 1])
    side = 1.0 if rng.random() < 0.85 else -1.0
    x, y = side * float(rng.uniform(8.5, 10.5)), patient.clavicle_y + float(rng.uniform(3.0, 4.5))
    out = [_disc(x, y, 8.5, 2.2, 3.5)]
    floor = 0.5 * (thorax.dome[0] + thorax.dome[1])
    level = patient.clavicle_y
    vein: Points = [(x, y - 1.5, 8.0), (side * 5.5, level - 0.3, 4.0), (side * 1.5, level + 2.2, 3.0)]
    cava = (-0.8 * patient.cava_x, -1.5, 2.5)
    tips: Points = [(0.45 * patient.heart_width, floor - 0.8, 5.0), (-2.2, floor - 5.5, 5.0)]
    for tip in tips[: int(rng.integers(1, 3))]:
        out.append(_strand([*vein, cava, (-1.8, floor - 4.0, 4.0), tip], _LEAD))
    return out


def marked(film: Array, visit: Visit, view: View) -> Array:
    """Adds the lead marker of a side and, now and then, a line of small print, beside the neck and off the lungs."""
    rng = np.random.default_rng([visit.seed, 0x1E77E])
    share = surroundings(view)
    shown, text = rng.random() < share.marker, rng.random() < share.text
    left = rng.random() < 0.8
    x, y = float(rng.uniform(0.88, 0.96)), float(rng.uniform(0.05, 0.17))
    height, turn = float(rng.uniform(0.030, 0.055)), float(rng.normal(0, 14))
    grey = float(rng.uniform(0.8, 1.0))
    kind = rng.random()
    if shown:
        at = (x if left else 1 - x, y)
        if kind < 0.15:
            film = _inked(film, _circle(at, 0.25 * height), 0.85 * height, 0.02, 1.0)
        film = _inked(film, _glyph(_L if left else _R, at, height, turn), 0.09 * height, grey, 1.0)
        if kind > 0.75:
            film = _inked(film, _circle((at[0], at[1] - 1.3 * height), 0.15 * height), 0.45 * height, grey, 0.8)
    if text:
        side = float(rng.choice([0.03, 0.86]))
        film = _inked(film, _print(rng, (side, float(rng.uniform(0.05, 0.3)))), 0.0022, 0.9, 0.7)
    return film


_L = (((-0.3, -0.5), (-0.3, 0.5)), ((-0.3, 0.5), (0.35, 0.5)))
_R = (
    ((-0.3, -0.5), (-0.3, 0.5)),
    ((-0.3, -0.5), (0.2, -0.45)),
    ((0.2, -0.45), (0.25, -0.1)),
    ((0.25, -0.1), (-0.3, 0.02)),
    ((-0.05, 0.02), (0.35, 0.5)),
)
Stroke = tuple[tuple[float, float], tuple[float, float]]


def _glyph(strokes: tuple[Stroke, ...], at: tuple[float, float], height: float, turn: float) -> list[Stroke]:
    cos, sin = np.cos(np.radians(turn)) * height, np.sin(np.radians(turn)) * height

    def placed(p: tuple[float, float]) -> tuple[float, float]:
        return (float(at[0] + cos * p[0] - sin * p[1]), float(at[1] + sin * p[0] + cos * p[1]))

    return [(placed(a), placed(b)) for a, b in strokes]


def _circle(at: tuple[float, float], radius: float) -> list[Stroke]:
    """A short stroke, to be inked with a broad pen."""
    return [((at[0] - radius * 0.1, at[1]), (at[0] + radius * 0.1, at[1]))]


def _print(rng: np.random.Generator, at: tuple[float, float]) -> list[Stroke]:
    """Letters too small to be read: upright strokes of one height."""
    heights = rng.uniform(0.006, 0.010, int(rng.integers(5, 10)))
    return [((at[0] + 0.011 * k, at[1] - float(h)), (at[0] + 0.011 * k + 0.003, at[1])) for k, h in enumerate(heights)]


def _inked(film: Array, strokes: list[Stroke], pen: float, grey: float, cover: float) -> Array:
    """Strokes (shares of the side) drawn with a round pen of radius ``pen`` over a copy of the film."""
    n = film.shape[0]
    points = np.array(strokes).reshape(-1, 2) * n
    low = np.clip(np.floor(points.min(axis=0) - pen * n - 2), 0, n).astype(int)
    high = np.clip(np.ceil(points.max(axis=0) + pen * n + 2), 0, n).astype(int)
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]].astype(np.float32) + np.float32(0.5)
    away = np.full(x.shape, np.inf, np.float32)
    for (ax, ay), (bx, by) in points.reshape(-1, 2, 2):
        dx, dy = bx - ax, by - ay
        t = np.clip(((x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
        away = np.minimum(away, np.hypot(x - ax - t * dx, y - ay - t * dy))
    ink = np.float32(cover) * np.clip(np.float32(pen * n + 0.5) - away, 0, 1)
    out = film.copy()
    box = out[low[1] : high[1], low[0] : high[0]]
    box += ink * (np.float32(grey) - box)
    return out
