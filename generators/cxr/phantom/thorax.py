"""The shape of the chest at one visit: the outline of the rib cage and the diaphragm, which lungs and ribs follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthgen.generators.cxr.phantom.anatomy import Patient, Visit
from synthgen.generators.cxr.phantom.geometry import Array, along

_STEP = 0.02
_ROWS = 3000


@dataclass(frozen=True, slots=True)
class Thorax:
    """Outlines at one visit, in the body frame (cm). Tables run down from ``top`` in steps of ``step``.

    Attributes:
        lateral: half width of the cage inside, per level.
        medial: distance from the midline to the lung's inner border, per level.
        depth: half depth of the cage, per level.
        shift: sideways bend of the spine, per level.
        dome: level of the top of the right and the left dome.
        dome_height: how far the costophrenic angles lie below them, right and left.
        dome_x: distance of the domes from the midline, right and left.
    """

    top: float
    step: float
    lateral: Array
    medial: Array
    depth: Array
    shift: Array
    apex_y: float
    dome: tuple[float, float]
    dome_height: tuple[float, float]
    dome_x: tuple[float, float]

    def at(self, table: Array, y: Array) -> Array:
        """Values of a table at the levels ``y``."""
        return along(table, self.top, self.step, y)


def shape_thorax(
    patient: Patient,
    visit: Visit,
    *,
    volume: float = 0.0,
    raised: tuple[float, float] = (0.0, 0.0),
    lift: float = 0.0,
) -> Thorax:
    """The outlines for this patient's breath at this visit.

    Args:
        volume: hyperinflation, 0 to 1 and beyond: lower, flatter domes and a wider cage.
        lift: cm by which both domes stand higher (a shallow breath).
        raised: cm by which the right and the left dome stand higher than usual (loss of volume).
    """
    breath = visit.inspiration - lift
    top = -26.0
    y = top + _STEP * np.arange(_ROWS)
    level = (y - patient.apex_y) / patient.lung_height
    width = patient.cage_half_width * (1 + 0.012 * breath + 0.03 * volume)
    # From the apex to the widest level the outline is a quarter of a superellipse, squarer for full shoulders.
    rise = np.clip(level / patient.widest_level, 0, 1)
    power = 1.45 + 0.6 * patient.shoulder_fullness
    arc = (1 - (1 - rise) ** power) ** (1 / power)
    lateral = patient.apex_x + (width - patient.apex_x) * arc
    beyond = np.clip((level - patient.widest_level) / 0.5, 0, 1.2)
    lateral -= width * patient.base_taper * beyond**2
    lateral[level < 0] = patient.apex_x
    dip = np.clip(level / 0.16, 0, 1)
    medial = patient.apex_x - (patient.apex_x - 1.1) * np.sqrt(1 - (1 - dip) ** 2)
    deepening = np.sin(np.pi / 2 * np.clip(level / 0.55, 0, 1)) ** 0.8
    depth = 0.5 * patient.cage_depth * (1 + 0.10 * volume) * (0.26 + 0.74 * deepening)
    shift = patient.scoliosis * np.sin(patient.scoliosis_phase + y * (2 * np.pi / 42)) * np.clip((y + 20) / 10, 0, 1)
    base = patient.apex_y + patient.lung_height + 0.9 * breath + 2.2 * volume
    height = patient.dome_height * (1 - 0.07 * breath) * (1 - 0.5 * volume)
    right, left = raised
    dome = (base - height - right, base - height + patient.left_dome_lower - left)
    return Thorax(
        top=top,
        step=_STEP,
        lateral=lateral.astype(np.float32),
        medial=medial.astype(np.float32),
        depth=depth.astype(np.float32),
        shift=shift.astype(np.float32),
        apex_y=patient.apex_y,
        dome=dome,
        dome_height=(max(height + 0.5 * right, 1.2), max(height + 0.5 * left, 1.2)),
        dome_x=(patient.dome_x_right, patient.dome_x_left),
    )
