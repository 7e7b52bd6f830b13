"""Findings: where they lie in a patient, how far they have gone at a visit, and what they do to the beam's path.

Each finding acts on the geometry (a larger heart, a flatter dome) or replaces air by fluid or tissue along the path.
Sides and lobes belong to the patient, so that a chronic finding is found where it was; extents belong to the visit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from synthgen.errors import UserError
from synthgen.generators.cxr.phantom.anatomy import Patient, Visit
from synthgen.generators.cxr.phantom.geometry import Array, along, ramp
from synthgen.generators.cxr.phantom.thorax import Thorax

FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Effusion",
    "Emphysema",
    "Nodule",
    "Pneumothorax",
)
"""What the phantom can show, sorted; the names are those of ChestX-ray14."""

Sides = tuple[float, float]
"""A value for the right and one for the left lung."""


@dataclass(frozen=True, slots=True)
class Nodule:
    """A round mass. ``across`` and ``down`` are shares of the lung's width and height; radius in cm."""

    side: int
    across: float
    down: float
    radius: float


@dataclass(frozen=True, slots=True)
class Lesions:
    """All that a set of findings does at one visit; zeros where a finding is absent.

    Attributes:
        heart: factor on the heart's width.
        inflation: of emphysema, 0 to about 1.
        collapse: rise of each dome, cm, with a band of collapsed lung above it.
        effusion: height of the fluid beyond three quarters of each dome's, cm: the angle is filled at the least.
        edema: 0 to 1.
        pneumothorax: width of each side's rim of air at the apex, cm.
        consolidation: side, centre (shares of width and height), half axes (cm) and density, or None.
    """

    seed: int
    heart: float
    inflation: float
    collapse: Sides
    band_tilt: float
    effusion: Sides
    edema: float
    pneumothorax: Sides
    consolidation: tuple[int, float, float, float, float, float] | None
    nodules: tuple[Nodule, ...]


def sample_lesions(patient: Patient, visit: Visit, findings: tuple[str, ...]) -> Lesions:
    """Draws the extent of every finding. The streams are the same whichever findings are asked for.

    Raises:
        UserError: a finding that the phantom does not know.
    """
    unknown = sorted(set(findings) - set(FINDINGS))
    if unknown:
        raise UserError(f"the phantom cannot show {', '.join(unknown)}: choose from {', '.join(FINDINGS)}")
    own = np.random.default_rng([patient.lesion_seed, 0x1E510])
    now = np.random.default_rng([patient.lesion_seed, visit.seed, 0x1E510])

    def one_side(both: float) -> tuple[bool, bool]:
        kind = own.random()
        return (True, True) if kind < both else ((True, False) if kind < both + (1 - both) / 2 else (False, True))

    def sides(which: tuple[bool, bool], low: float, high: float, present: str) -> Sides:
        extent = now.uniform(low, high, 2)
        shown = present in findings
        return (float(extent[0] * which[0] * shown), float(extent[1] * which[1] * shown))

    heart = now.uniform(1.30, 1.50)
    inflation = own.uniform(0.75, 1.15) + now.normal(0, 0.05)
    collapse = sides(one_side(0.15), 2.0, 3.6, "Atelectasis")
    band_tilt = float(own.uniform(-0.25, 0.25))
    effusion = sides(one_side(0.35), 2.2, 6.5, "Effusion")
    edema = now.uniform(0.55, 1.0)
    pneumothorax = sides(one_side(0.0), 2.4, 5.0, "Pneumothorax")
    lobe = int(own.integers(4))
    consolidation = (
        lobe % 2,
        float(own.uniform(0.45, 0.65)),
        float(own.uniform(0.22, 0.34) if lobe < 2 else own.uniform(0.60, 0.74)),
        float(now.uniform(3.2, 4.8)),
        float(now.uniform(3.2, 4.8)),
        float(now.uniform(0.60, 0.85)),
    )
    grown = now.uniform(0.95, 1.15)
    nodules = tuple(
        Nodule(
            int(own.integers(2)),
            float(own.uniform(0.45, 0.78)),
            float(own.uniform(0.18, 0.72)),
            float(own.uniform(1.3, 2.1) * grown),
        )
        for _ in range(int(own.integers(1, 3)))
    )
    return Lesions(
        seed=int(own.integers(2**31)),
        heart=float(heart) if "Cardiomegaly" in findings else 1.0,
        inflation=float(inflation) if "Emphysema" in findings else 0.0,
        collapse=collapse,
        band_tilt=band_tilt,
        effusion=effusion,
        edema=float(edema) if "Edema" in findings else 0.0,
        pneumothorax=pneumothorax,
        consolidation=consolidation if "Consolidation" in findings else None,
        nodules=nodules if "Nodule" in findings else (),
    )


@dataclass(frozen=True, slots=True)
class Lung:
    """One lung over the image, all arrays [n, n].

    Attributes:
        across: distance from the midline, towards the side, cm.
        y: level, cm.
        lateral: distance of the chest wall from the midline at that level, cm.
        air: path length of aerated lung, cm.
    """

    side: int
    across: Array
    y: Array
    lateral: Array
    air: Array


@dataclass(frozen=True, slots=True)
class Changed:
    """What findings leave of a lung.

    Attributes:
        air: path length of aerated lung, cm.
        free: path length of free air (pneumothorax), cm.
        tissue: extra path length of soft tissue that does not replace air (the pleural line), cm.
        fluid: share of the aerated lung's path that holds fluid, 0 to 1.
    """

    air: Array
    free: Array
    tissue: Array
    fluid: Array


def apply(lung: Lung, thorax: Thorax, lesions: Lesions, hilum_y: float) -> Changed:
    """Puts the findings into one lung."""
    air, tissue = lung.air, np.zeros_like(lung.air)
    free, fluid = np.zeros_like(lung.air), np.zeros_like(lung.air)
    s = lung.side
    if lesions.effusion[s] > 0:
        air = air * (1 - _effusion(lung, thorax, lesions.effusion[s]))
    if lesions.edema > 0:
        fluid = np.maximum(fluid, _edema(lung, lesions, hilum_y))
    if lesions.consolidation is not None and lesions.consolidation[0] == s:
        fluid = np.maximum(fluid, _consolidation(lung, thorax, lesions))
    if lesions.collapse[s] > 0:
        tissue = tissue + _bands(lung, thorax, lesions, s)
    for nodule in lesions.nodules:
        if nodule.side == s:
            tissue = tissue + _nodule(lung, thorax, nodule)
    if lesions.pneumothorax[s] > 0:
        outside, line = _rim(lung, thorax, lesions.pneumothorax[s])
        free, air = air * outside, air * (1 - outside)
        # The lung that has shrunk is denser by what it lost in volume.
        fluid = np.maximum(fluid, np.float32(0.02 * lesions.pneumothorax[s])) * (1 - outside)
        tissue = tissue * (1 - outside) + line
    return Changed(air=air, free=free, tissue=tissue * (air + free > 0.5), fluid=fluid)


def _spot(lung: Lung, thorax: Thorax, across: float, down: float) -> tuple[float, float]:
    y = thorax.apex_y + down * (thorax.dome[lung.side] + 1.5 - thorax.apex_y)
    return across * float(thorax.at(thorax.lateral, np.array([y]))[0]), y


def _effusion(lung: Lung, thorax: Thorax, height: float) -> Array:
    """Share of the path that is fluid: a level that climbs towards the wall, the meniscus."""
    height += 0.75 * thorax.dome_height[lung.side]
    floor = thorax.dome[lung.side] + thorax.dome_height[lung.side]
    inward = np.clip((lung.lateral - lung.across) / lung.lateral, 0, 1)
    rim = inward - np.float32(0.42)
    climb = np.float32(0.34 * height) * (1 - np.exp(-inward * 6)) - np.float32(0.5) * rim * rim
    surface = np.float32(floor - height) + climb
    return ramp(lung.y - surface + np.float32(0.5), 2.2)


def _edema(lung: Lung, lesions: Lesions, hilum_y: float) -> Array:
    """Bat wings: densest round the hilum, sparing the rim and the apex; patchy."""
    a = (lung.across - np.float32(4.0)) / np.float32(5.2)
    b = (lung.y - np.float32(hilum_y + 2.2)) / np.float32(7.0)
    wing = np.exp(-(a * a + b * b))
    patches = np.float32(1.0) + np.float32(0.35) * _cloudy(lung, lesions.seed + 1, 1.3)
    out: Array = np.clip(np.float32(0.55 * lesions.edema) * wing * patches + np.float32(0.06 * lesions.edema), 0, 0.7)
    return out


def _consolidation(lung: Lung, thorax: Thorax, lesions: Lesions) -> Array:
    if lesions.consolidation is None:
        return np.zeros_like(lung.air)
    _, across, down, wide, tall, dense = lesions.consolidation
    x0, y0 = _spot(lung, thorax, across, down)
    a, b = (lung.across - np.float32(x0)) / np.float32(wide), (lung.y - np.float32(y0)) / np.float32(tall)
    ragged = _cloudy(lung, lesions.seed, 1.1)
    reach = np.float32(1.1) - np.sqrt(a * a + b * b) + np.float32(0.20) * ragged
    holes = np.clip(np.float32(1) - np.float32(0.16) * np.abs(_cloudy(lung, lesions.seed + 2, 0.6)), 0, 1)
    out: Array = np.float32(dense) * ramp(reach, 0.62) * holes
    return out


def _bands(lung: Lung, thorax: Thorax, lesions: Lesions, s: int) -> Array:
    """Plates of collapsed lung above the raised dome, and crowding below them."""
    rng = np.random.default_rng([lesions.seed, s, 0xA7E1])
    out = np.zeros_like(lung.air)
    for k in range(int(rng.integers(2, 4))):
        x0, y0 = float(rng.uniform(6.0, 8.0)), thorax.dome[s] - 1.1 - 1.5 * k + float(rng.uniform(-0.3, 0.3))
        tilt = lesions.band_tilt + float(rng.normal(0, 0.08))
        half, thick = float(rng.uniform(2.6, 4.0)), float(rng.uniform(0.32, 0.60))
        dx = lung.across - np.float32(x0)
        dy = lung.y - np.float32(y0) - np.float32(tilt) * dx - np.float32(0.02) * dx * dx
        ends = np.clip(1.25 - np.abs(dx) / np.float32(half), 0, 1)
        out += np.float32(3.2) * np.exp(-((dy / np.float32(thick)) ** 2)) * ramp(ends, 0.6)
    base = ramp(lung.y - np.float32(thorax.dome[s] - 3.2), 3.4)
    crowded: Array = base * np.float32(2.2) * np.minimum(lung.air * np.float32(0.12), 1)
    return out + crowded


def _nodule(lung: Lung, thorax: Thorax, nodule: Nodule) -> Array:
    x0, y0 = _spot(lung, thorax, nodule.across, nodule.down)
    r2 = ((lung.across - np.float32(x0)) ** 2 + (lung.y - np.float32(y0)) ** 2) / np.float32(nodule.radius**2)
    inside = np.maximum(1 - r2, 0)
    # A little softer at the rim than a ball: masses are lobed and grow into the lung.
    out: Array = np.float32(2.9 * nodule.radius) * inside / np.sqrt(inside + np.float32(0.12))
    return out


def _rim(lung: Lung, thorax: Thorax, width: float) -> tuple[Array, Array]:
    """The space outside the lung that has come away from the wall, and the visceral pleura on its border.

    The lung shrinks away from the apex and, less and less towards the base, from the side.
    """
    down = np.clip((lung.y - np.float32(thorax.apex_y)) / np.float32(thorax.dome[lung.side] - thorax.apex_y), 0, 1.2)
    gap = np.float32(width) * np.clip(np.float32(1.05) - np.float32(0.75) * down, 0.12, 1.1)
    # The shrunken outline is the cage's, moved down and in.
    lifted = lung.y - np.float32(0.9 * width)
    outline = along(thorax.lateral, thorax.top, thorax.step, lifted) - gap
    apex = np.float32(thorax.apex_y + 1.5 * width)
    near_apex = np.clip((lung.y - apex) / np.float32(3.0), 0, 1)
    outline = outline * np.sqrt(1 - (1 - near_apex) ** 2)
    beyond = lung.across - outline
    outside = ramp(beyond + np.float32(0.1), 0.25)
    line = np.float32(1.5) * np.exp(-((beyond / np.float32(0.13)) ** 2)) * (lung.y > apex - 0.3)
    return outside, line


def _cloudy(lung: Lung, seed: int, cell: float) -> Array:
    """Smooth noise of unit variance fixed to the lung, grain ``cell`` cm."""
    lattice = np.random.default_rng([seed, lung.side]).standard_normal((48, 48)).astype(np.float32)
    lattice = ndimage.gaussian_filter(lattice, 0.9, mode="wrap")
    lattice /= lattice.std()
    where = np.stack([lung.y / np.float32(cell), lung.across / np.float32(cell)]) + np.float32(24)
    out: Array = ndimage.map_coordinates(lattice, where, order=1, mode="wrap")
    return out
