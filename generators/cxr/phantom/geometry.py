"""The beam and the arithmetic of path lengths: projection, tubes as weighted points, chords of solids.

Thin things (ribs, vessels) are sampled as points that carry volume, projected, and spread over the pixels: volume per
pixel area is path length, so foreshortening and overlap come out as in a real projection. Large things (lungs, heart)
have chords in closed form.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.floating[Any]]

SOFT = 0.19
"""Attenuation of soft tissue at the beam's effective energy of about 65 keV, per cm."""
BONE = 0.55
"""Of compact bone, per cm."""
AERATED = 0.042
"""Of inflated lung, per cm."""

BLOCK = 16_384
"""Elements worked on at once: temporaries stay in the cache, and below the size for which memory is mapped anew."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """Points in the body frame that carry volume. x, y, z in cm, volume in cm³; all of one shape [k]."""

    x: Array
    y: Array
    z: Array
    volume: Array


@dataclass(frozen=True, slots=True)
class Beam:
    """A cone beam onto a square detector.

    Attributes:
        pixels: on a side.
        fov: width of the image in the plane z = 0, cm.
        centre_x, centre_y: the body's point at the middle of the image, cm.
        roll, yaw, tilt: of the body about the beam, about its long axis, and towards the beam, radians.
        source: distance from the source to the plane z = 0, cm.
        front: +1 when the patient's front faces the detector (PA), -1 when the back does (AP).
        aspect: width of the field by its height; an image that is not square is squeezed into a square one.
    """

    pixels: int
    fov: float
    centre_x: float
    centre_y: float
    roll: float
    yaw: float
    tilt: float
    source: float
    front: int
    aspect: float = 1.0

    @property
    def per_cm(self) -> float:
        """Pixels per cm, the geometric mean of both directions."""
        return math.sqrt(self.across_per_cm * self.down_per_cm)

    @property
    def across_per_cm(self) -> float:
        return self.pixels / self.fov

    @property
    def down_per_cm(self) -> float:
        return self.pixels * self.aspect / self.fov

    def grid(self) -> tuple[Array, Array]:
        """x and y in cm (body frame, plane z = 0) of every pixel, each [pixels, pixels]."""
        line = np.arange(self.pixels, dtype=np.float32) + np.float32(0.5 - 0.5 * self.pixels)
        across, down = line[None, :] / np.float32(self.across_per_cm), line[:, None] / np.float32(self.down_per_cm)
        cos, sin = math.cos(self.roll), math.sin(self.roll)
        x = cos * across + sin * down + np.float32(self.centre_x)
        y = cos * down - sin * across + np.float32(self.centre_y)
        return x, y

    def onto_plane(self, x: Array, y: Array, z: Array) -> tuple[Array, Array]:
        """Where body points fall in the plane z = 0, in cm."""
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        forward = z * cos - x * sin
        magnification = self.source / (self.source + self.front * forward)
        across = (x * cos + z * sin) * magnification
        down = (y - forward * math.tan(self.tilt)) * magnification
        return across.astype(np.float32), down.astype(np.float32)

    def place(self, x: float, y: float, z: float) -> tuple[float, float, float]:
        """As ``onto_plane`` for one point; also the magnification there."""
        px, py = self.onto_plane(np.array([x]), np.array([y]), np.array([z]))
        return float(px[0]), float(py[0]), self.source / (self.source + self.front * z)

    def spread(self, clouds: Iterable[Cloud], blur: float = 0.0) -> Array:
        """Path length in cm of clouds, [pixels, pixels]; ``blur`` is the sigma of a smoothing, in pixels."""
        n = self.pixels
        flat = np.zeros(n * n, np.float32)
        for cloud in clouds:
            for start in range(0, len(cloud.x), BLOCK):
                self._spread_block(cloud, slice(start, start + BLOCK), flat)
        image = flat.reshape(n, n)
        return smooth(image, blur) if blur > 0 else image

    def _spread_block(self, cloud: Cloud, block: slice, flat: Array) -> None:
        """Adds points to ``flat``, each shared by the four pixels around it."""
        n = self.pixels
        px, py = self.onto_plane(cloud.x[block], cloud.y[block], cloud.z[block])
        px, py = px - self.centre_x, py - self.centre_y
        cos, sin = math.cos(self.roll), math.sin(self.roll)
        middle = 0.5 * n - 0.5
        u = self.across_per_cm * (cos * px - sin * py) + middle
        v = self.down_per_cm * (sin * px + cos * py) + middle
        inside = (u > 0) & (v > 0) & (u < n - 1) & (v < n - 1)
        u, v, w = u[inside], v[inside], cloud.volume[block][inside] * np.float32(self.per_cm**2)
        i, j = u.astype(np.int32), v.astype(np.int32)
        fu, fv = u - i.astype(np.float32), v - j.astype(np.float32)
        at = (j * n + i).astype(np.intp)
        low, high = w * (1 - fv), w * fv
        np.add.at(flat, at, low * (1 - fu))
        np.add.at(flat, at + 1, low * fu)
        np.add.at(flat, at + n, high * (1 - fu))
        np.add.at(flat, at + n + 1, high * fu)


def smooth(image: Array, sigma: float) -> Array:
    """Gaussian smoothing, sigma in pixels."""
    out: Array = ndimage.gaussian_filter(image, sigma, mode="nearest", truncate=3.0)
    return out


def cloud(x: Array, y: Array, z: Array, volume: Array) -> Cloud:
    """A cloud of any arrays that broadcast to one shape."""
    x, y, z, volume = (a.astype(np.float32, copy=False).ravel() for a in np.broadcast_arrays(x, y, z, volume))
    return Cloud(x, y, z, volume)


def tube(
    path: Array, breadth: Array, depth: Array, wall: float | Array, around: int, marrow: float = 0.15
) -> list[Cloud]:
    """A bone as a hollow tube of compact bone, its marrow counted as ``marrow`` of compact bone.

    Args:
        path: centre lines, [tubes, samples, 3].
        breadth, depth: full sizes of the elliptic section across and along the radius, [tubes, samples].
        wall: thickness of the compact bone, cm; a number, or per sample.
        around: points around the section.
    """
    walls = np.broadcast_to(np.asarray(wall), breadth.shape)
    full = float(np.max(walls))
    at_once = max(1, BLOCK // (around * path.shape[1]))
    clouds = []
    for start in range(0, len(path), at_once):
        part = slice(start, start + at_once)
        p, b, d, w = (a[part].astype(np.float32) for a in (path, breadth, depth, walls))
        clouds += _tube(p, b, d, w, full, around, marrow)
    return clouds


def _tube(
    path: Array, breadth: Array, depth: Array, wall: Array, full: float, around: int, marrow: float
) -> list[Cloud]:
    sx, sy, sz = np.moveaxis(np.gradient(path, axis=1), 2, 0)
    length = np.sqrt(sx * sx + sy * sy + sz * sz)
    scale_down = 1 / np.maximum(length, 1e-6)
    tx, ty, tz = sx * scale_down, sy * scale_down, sz * scale_down
    # Across the tube: the part of the vertical that is normal to it, and the normal to both.
    rise = 1 / np.maximum(np.sqrt(1 - np.minimum(ty * ty, 1)), 1e-3)
    up = (-tx * ty * rise, (1 - ty * ty) * rise, -tz * ty * rise)
    side = (ty * up[2] - tz * up[1], tz * up[0] - tx * up[2], tx * up[1] - ty * up[0])
    compact = np.pi * (breadth + depth) / 2 * wall
    spongy = np.pi * breadth * depth / 4 * marrow * (wall / full)
    clouds = []
    for scale, points, section in ((1.0, around, compact), (0.55, around // 2, spongy)):
        angle = ((np.arange(points) + 0.5) * (2 * np.pi / points)).astype(np.float32)
        high = (breadth * (0.5 * scale))[..., None] * np.cos(angle)
        wide = (depth * (0.5 * scale))[..., None] * np.sin(angle)
        x, y, z = (path[..., k, None] + up[k][..., None] * high + side[k][..., None] * wide for k in range(3))
        clouds.append(cloud(x, y, z, (section * length / points)[..., None]))
    return clouds


def rod(path: Array, radius: Array, across: int = 9) -> Cloud:
    """Solid round rods: [rods, samples, 3] and [rods, samples]; the chord profile lies in the frontal plane."""
    step = np.gradient(path, axis=1)
    length = np.linalg.norm(step, axis=2)
    flat = np.hypot(step[..., 0], step[..., 1]) + 1e-6
    normal = np.stack([-step[..., 1] / flat, step[..., 0] / flat, np.zeros_like(flat)], axis=-1)
    at = (np.arange(across) + 0.5) / across * 2 - 1
    share = np.sqrt(1 - at**2)
    share /= share.sum()
    points = path[..., None, :] + normal[..., None, :] * (radius[..., None] * at)[..., None]
    volume = (np.pi * radius**2 * length)[..., None] * share
    return cloud(points[..., 0], points[..., 1], points[..., 2], volume)


def chord(
    x: Array, y: Array, centre: tuple[float, float], axes: tuple[float, float], depth: float, turn: float = 0.0
) -> Array:
    """Path length through an ellipsoid with half axes ``axes`` in the image, turned by ``turn`` degrees, x to y."""
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    cos, sin = np.float32(np.cos(np.radians(turn))), np.float32(np.sin(np.radians(turn)))
    a, b = (cos * dx + sin * dy) / np.float32(axes[0]), (cos * dy - sin * dx) / np.float32(axes[1])
    out: Array = np.float32(2 * depth) * np.sqrt(np.maximum(np.float32(1) - a * a - b * b, np.float32(0)))
    return out


def rounded(
    x: Array, y: Array, centre: tuple[float, float], axes: tuple[float, float], depth: float, turn: float = 0.0
) -> Array:
    """As ``chord``, with a gentler rim: a heart lies in lung before and behind, and moves while it is exposed."""
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    cos, sin = np.float32(np.cos(np.radians(turn))), np.float32(np.sin(np.radians(turn)))
    a, b = (cos * dx + sin * dy) / np.float32(axes[0]), (cos * dy - sin * dx) / np.float32(axes[1])
    left = np.maximum(np.float32(1) - a * a - b * b, np.float32(0))
    out: Array = np.float32(2 * depth) * np.sqrt(left) * (np.float32(0.6) + np.float32(0.4) * left)
    return out


def union(*chords: Array) -> Array:
    """Path length through overlapping solids of one material: between the largest and the sum, without a crease."""
    total = np.zeros_like(chords[0])
    for c in chords:
        square = c * c
        total += square * square
    return np.sqrt(np.sqrt(total))


def ramp(value: Array, width: float) -> Array:
    """0 below zero, 1 above ``width``, smooth between."""
    t = np.clip(value / np.float32(width), 0, 1)
    out: Array = t * t * (3 - 2 * t)
    return out


def along(table: Array, start: float, step: float, at: Array) -> Array:
    """Looks up a finely sampled function of one variable; constant beyond its ends."""
    index = np.clip((at - np.float32(start)) * np.float32(1 / step), 0, len(table) - 1).astype(np.int32)
    out: Array = table[index]
    return out
