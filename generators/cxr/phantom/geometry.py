"""The beam and the arithmetic of path lengths: projection, tubes as weighted points, chords of solids.

Thin things (ribs, vessels) are sampled as points that carry volume, projected, and spread over the pixels: volume per
pixel area is path length, so foreshortening and overlap come out as in a real projection. Large things (lungs, heart)
have chords in closed form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.floating[Any]]


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

    @property
    def per_cm(self) -> float:
        return self.pixels / self.fov

    def grid(self) -> tuple[Array, Array]:
        """x and y in cm (body frame, plane z = 0) of every pixel, each [pixels, pixels]."""
        line = ((np.arange(self.pixels, dtype=np.float32) + 0.5) / self.per_cm - self.fov / 2).astype(np.float32)
        across, down = line[None, :], line[:, None]
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

    def spread(self, cloud: Cloud, blur: float = 0.0) -> Array:
        """Path length in cm of a cloud, [pixels, pixels]; ``blur`` is the sigma of a smoothing, in pixels."""
        n = self.pixels
        px, py = self.onto_plane(cloud.x, cloud.y, cloud.z)
        px, py = px - np.float32(self.centre_x), py - np.float32(self.centre_y)
        cos, sin = math.cos(self.roll), math.sin(self.roll)
        u = ((cos * px - sin * py) + self.fov / 2) * self.per_cm - 0.5
        v = ((sin * px + cos * py) + self.fov / 2) * self.per_cm - 0.5
        inside = (u > 0) & (v > 0) & (u < n - 1) & (v < n - 1)
        u, v, w = u[inside], v[inside], cloud.volume[inside] * self.per_cm**2
        i, j = u.astype(np.int64), v.astype(np.int64)
        fu, fv = u - i, v - j
        at = j * n + i
        out = np.bincount(at, w * (1 - fu) * (1 - fv), n * n)
        out += np.bincount(at + 1, w * fu * (1 - fv), n * n)
        out += np.bincount(at + n, w * (1 - fu) * fv, n * n)
        out += np.bincount(at + n + 1, w * fu * fv, n * n)
        image = out.reshape(n, n).astype(np.float32)
        return smooth(image, blur) if blur > 0 else image


def smooth(image: Array, sigma: float) -> Array:
    """Gaussian smoothing, sigma in pixels."""
    out: Array = ndimage.gaussian_filter(image, sigma, mode="nearest", truncate=3.0)
    return out


def join(*clouds: Cloud) -> Cloud:
    """One cloud of several."""
    return Cloud(
        np.concatenate([c.x for c in clouds]),
        np.concatenate([c.y for c in clouds]),
        np.concatenate([c.z for c in clouds]),
        np.concatenate([c.volume for c in clouds]),
    )


def cloud(x: Array, y: Array, z: Array, volume: Array) -> Cloud:
    """A cloud of any arrays that broadcast to one shape."""
    x, y, z, volume = (a.astype(np.float32).ravel() for a in np.broadcast_arrays(x, y, z, volume))
    return Cloud(x, y, z, volume)


def tube(path: Array, breadth: Array, depth: Array, wall: float | Array, around: int, marrow: float = 0.15) -> Cloud:
    """A bone as a hollow tube of compact bone, its marrow counted as ``marrow`` of compact bone.

    Args:
        path: centre lines, [tubes, samples, 3].
        breadth, depth: full sizes of the elliptic section across and along the radius, [tubes, samples].
        wall: thickness of the compact bone, cm; a number, or per sample.
        around: points around the section.
    """
    path = path.astype(np.float32)
    step = np.gradient(path, axis=1)
    length = np.linalg.norm(step, axis=2)
    tangent = step / np.maximum(length, 1e-6)[..., None]
    up = -tangent * tangent[..., 1:2]
    up[..., 1] += 1.0
    up /= np.maximum(np.linalg.norm(up, axis=2), 1e-3)[..., None]
    side = np.cross(tangent, up)
    shells = []
    for scale, points_around in ((1.0, around), (0.55, around // 2)):
        angle = ((np.arange(points_around) + 0.5) * (2 * np.pi / points_around)).astype(np.float32)
        offset = (
            up[..., None, :] * (breadth[..., None] * 0.5 * scale * np.cos(angle))[..., None]
            + side[..., None, :] * (depth[..., None] * 0.5 * scale * np.sin(angle))[..., None]
        )
        points = path[..., None, :] + offset
        compact = np.pi * (breadth + depth) / 2 * wall
        section = compact if scale == 1.0 else np.pi * breadth * depth / 4 * marrow * (wall / np.max(wall))
        volume = (section * length / points_around)[..., None]
        shells.append(cloud(points[..., 0], points[..., 1], points[..., 2], volume))
    return join(*shells)


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
