"""Who is on the table, and how: the parameters of a simulated patient and of one visit, each drawn from a seed.

Frame of the body, in cm: x to the patient's left (the right of the image), y down, z forward; the origin lies at the
carina, mid-depth. Sizes are those of adults as found in anatomy and radiology textbooks, with a wide spread; they are
plausible, not measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthgen.payloads.cxr import Sex

RIBS = 12
"""Pairs of ribs for which a patient has parameters; the last may be too short to be seen."""


@dataclass(frozen=True, slots=True)
class Patient:
    """The identity: it stays the same over all visits. Lengths in cm, angles in degrees, unless said otherwise.

    Attributes:
        seed: of the vessel tree and the textures.
        age: years.
        lesion_seed: where chronic findings of this patient lie (see ``findings``).
    """

    seed: int
    lesion_seed: int
    sex: Sex
    age: int
    # the rib cage and the lungs
    cage_half_width: float  # inner, at the widest level
    cage_depth: float  # inner, front to back, at the deepest level
    lung_height: float  # apex to the lateral costophrenic angle
    apex_y: float
    apex_x: float  # distance of the apex from the midline
    widest_level: float  # of the lung height, 0 to 1
    shoulder_fullness: float  # 0: the cage tapers to the apex; 1: it is square
    base_taper: float  # loss of width from the widest level to the base, of the half width
    right_left_width: float  # ratio of the two lungs' widths
    # diaphragm
    dome_height: float  # right dome above its costophrenic angle
    left_dome_lower: float  # left dome below the right
    dome_x_right: float
    dome_x_left: float
    # heart and great vessels
    heart_width: float  # greatest transverse diameter
    heart_height: float
    heart_tilt: float  # of the long axis below the horizontal
    heart_left_share: float  # of the width that lies left of the midline
    atrium_bulge: float  # of the right border, a factor
    knob_radius: float
    knob_x: float
    knob_y: float
    knob_calcium: float  # 0 to 1
    aorta_unfolding: float  # how far the descending aorta stands out
    cava_x: float  # right border of the upper mediastinum
    pulmonary_trunk: float  # a factor
    # airways and hila
    trachea_radius: float
    trachea_shift: float
    carina_angle: float  # between the main bronchi
    hilum_x: float
    hilum_y_right: float
    hilum_y_left: float
    hilum_size: float  # a factor
    # spine
    vertebra_pitch: float
    vertebra_half_width: float
    scoliosis: float  # amplitude, signed
    scoliosis_phase: float  # radians
    kyphosis: float  # lift of the beam's view, degrees
    # ribs
    rib_drop: float  # from the spine to the front, of the middle ribs
    rib_slope: float  # of the posterior arcs, cm per cm
    rib_breadth: float
    rib_cortex: float  # thickness of the compact bone
    rib_jitter: tuple[float, ...]  # 2 x RIBS: heights of single ribs, right then left
    cartilage_calcium: float  # 0 to 1
    # shoulder girdle
    clavicle_y: float
    clavicle_rise: float  # of the lateral end
    clavicle_sag: float
    clavicle_radius: float
    clavicle_asymmetry: float
    scapula_x: float
    scapula_turn: float
    shoulder_y: float
    shoulder_half_width: float
    # soft tissue
    wall: float  # thickness of the chest wall at the side
    fat: float  # added to the body's depth
    waist: float  # change of width below the ribs, signed
    neck_radius: float
    breast: float  # depth, 0 for none
    breast_x: float
    breast_y: float
    breast_radius: float
    # lungs' inside
    vessel_density: float  # a factor
    vessel_spread: float  # degrees at a branching
    texture: float  # a factor
    bone_density: float  # a factor
    stomach_x: float


@dataclass(frozen=True, slots=True)
class Visit:
    """One exposure: what differs between two films of one patient. Lengths in cm, angles in degrees.

    Attributes:
        seed: of the noise and of what comes and goes (gas, where acute findings lie).
        inspiration: how far the diaphragm is drawn down; 0 is this patient's usual film.
        plate: uniform, 0 to 1: which of the usual detectors is used (``fitted.plate``).
        margin: of the field above the apices, cm.
        breath: uniform, 0 to 1: how shallow the breath is at the bedside.
        photons: exponent of ten of the photons that meet one cm² of detector in air, sets the noise.
        collimation: of the four sides (left, top, right, bottom), share of the image cut off, 0 to 0.1.
        collimation_turn: angle of the four edges, as a multiple of the view's usual deviation.
    """

    seed: int
    inspiration: float
    yaw: float
    roll: float
    tilt: float
    shift_x: float
    shift_y: float
    zoom: float
    plate: float
    margin: float
    breath: float
    photons: float
    arm_angle: float
    scapula_shift: float
    stomach_gas: float
    collimation: tuple[float, float, float, float]
    collimation_turn: tuple[float, float, float, float]


class _Draw:
    """Clipped normals and uniforms from one stream."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def normal(self, mean: float, sd: float, limit: float = 2.3) -> float:
        return float(mean + sd * np.clip(self._rng.standard_normal(), -limit, limit))

    def uniform(self, low: float, high: float) -> float:
        return float(self._rng.uniform(low, high))


def sample_patient(seed: int) -> Patient:
    """Draws an anatomy. The same seed gives the same patient, on any machine."""
    rng = np.random.default_rng([seed, 0x9A71E])
    d = _Draw(rng)
    sex: Sex = "F" if rng.random() < 0.46 else "M"
    age = int(np.clip(rng.normal(54, 17), 18, 92))
    old = float(np.clip((age - 40) / 45, 0, 1))
    female = sex == "F"
    size = d.normal(0.94 if female else 1.03, 0.05)
    fat = float(np.clip(rng.gamma(1.5, 2.3), 0, 11))
    width = d.normal(12.9, 0.8) * size
    height = d.normal(24.3, 1.8) * size
    heart_width = 2 * width * d.normal(0.445 + 0.025 * old, 0.03)
    pitch = d.normal(2.28, 0.12) * size
    return Patient(
        seed=seed,
        lesion_seed=int(rng.integers(2**31)),
        sex=sex,
        age=age,
        cage_half_width=width,
        cage_depth=d.normal(15.5 + 2.0 * old, 1.4) * size,
        lung_height=height,
        apex_y=-height * d.normal(0.42, 0.025),
        apex_x=d.normal(4.3, 0.4) * size,
        widest_level=d.uniform(0.74, 1.0),
        shoulder_fullness=d.uniform(0.15, 0.95),
        base_taper=d.uniform(0.0, 0.12),
        right_left_width=d.normal(1.0, 0.035),
        dome_height=d.normal(5.0, 0.9),
        left_dome_lower=d.normal(0.9, 0.7),
        dome_x_right=d.normal(6.4, 0.8) * size,
        dome_x_left=d.normal(6.8, 0.8) * size,
        heart_width=heart_width,
        heart_height=d.normal(11.0, 0.9) * size,
        heart_tilt=d.normal(41, 7),
        heart_left_share=d.normal(0.66, 0.04),
        atrium_bulge=d.normal(1.0, 0.13),
        knob_radius=d.normal(1.3 + 0.45 * old, 0.18),
        knob_x=d.normal(1.5 + 0.6 * old, 0.3),
        knob_y=d.normal(-3.6, 0.5),
        knob_calcium=float(np.clip(rng.normal(old * 1.1 - 0.35, 0.3), 0, 1)),
        aorta_unfolding=float(np.clip(rng.normal(old, 0.35), 0, 1.6)),
        cava_x=d.normal(2.2 + 0.3 * old, 0.35),
        pulmonary_trunk=d.normal(1.0, 0.16),
        trachea_radius=d.normal(0.78 if female else 0.95, 0.09),
        trachea_shift=d.normal(-0.2 * old, 0.3),
        carina_angle=d.normal(68, 9),
        hilum_x=d.normal(2.75, 0.3) * size,
        hilum_y_right=d.normal(1.6, 0.5),
        hilum_y_left=d.normal(0.5, 0.5),
        hilum_size=d.normal(1.0, 0.16),
        vertebra_pitch=pitch,
        vertebra_half_width=d.normal(1.65 if female else 1.9, 0.15) * size,
        scoliosis=d.normal(0.0, 0.55),
        scoliosis_phase=d.uniform(0, 6.2),
        kyphosis=d.normal(3.5 * old, 2.2),
        rib_drop=d.normal(8.2 - 0.6 * old, 1.5),
        rib_slope=d.normal(0.20, 0.09),
        rib_breadth=d.normal(0.98 if female else 1.15, 0.11),
        rib_cortex=d.normal(0.18 - 0.03 * old, 0.025),
        rib_jitter=tuple(float(v) for v in np.clip(rng.normal(0, 0.22, 2 * RIBS), -0.5, 0.5)),
        cartilage_calcium=float(np.clip(rng.normal(old * 1.2 - 0.3, 0.35), 0, 1)),
        clavicle_y=-height * 0.42 + d.normal(3.2, 0.8),
        clavicle_rise=d.normal(2.4, 1.2),
        clavicle_sag=d.normal(1.1, 0.4),
        clavicle_radius=d.normal(0.52 if female else 0.62, 0.06),
        clavicle_asymmetry=d.normal(0.0, 0.4),
        scapula_x=d.normal(0.0, 0.8),
        scapula_turn=d.normal(0, 6),
        shoulder_y=d.normal(-9.8, 1.3) * size,
        shoulder_half_width=d.normal(19.2 if female else 20.2, 0.9) * size,
        wall=d.normal(2.1, 0.5) + 0.42 * fat,
        fat=fat,
        waist=d.normal(-1.4 if female else -0.7, 1.1) + 0.28 * fat,
        neck_radius=d.normal(5.8 if female else 6.7, 0.4) + 0.12 * fat,
        breast=float(np.clip(rng.normal(2.0 + 0.32 * fat, 0.8), 0.6, 5.5)) if female else 0.12 * fat,
        breast_x=width * d.normal(0.66, 0.05),
        breast_y=d.normal(5.2 + 2.2 * old, 1.0),
        breast_radius=width * d.normal(0.47, 0.05) + 0.15 * fat,
        vessel_density=d.normal(0.92, 0.14),
        vessel_spread=d.normal(33, 5),
        texture=d.normal(1.0, 0.25),
        bone_density=d.normal(1.0 - 0.16 * old, 0.08),
        stomach_x=d.normal(6.3, 1.2),
    )


def sample_visit(seed: int, patient: Patient) -> Visit:
    """Draws the circumstances of one exposure of ``patient``."""
    rng = np.random.default_rng([seed, patient.seed, 0x71517])
    d = _Draw(rng)
    sides = np.where(rng.random(4) < 0.10, np.minimum(rng.exponential(0.03, 4) + 0.01, 0.1), 0.0)
    turns = rng.normal(0, 1, 4).clip(-2, 2)
    return Visit(
        seed=int(rng.integers(2**31)),
        inspiration=d.normal(0.0, 0.75),
        yaw=d.normal(0.0, 2.2),
        roll=d.normal(0.0, 1.7),
        tilt=d.normal(0.0, 1.8),
        shift_x=d.normal(-0.15, 0.9),
        shift_y=d.normal(0.0, 0.9),
        zoom=d.normal(1.0, 0.04),
        plate=d.uniform(0.0, 1.0),
        margin=d.normal(4.6, 1.4),
        breath=d.uniform(0.0, 1.0),
        photons=d.uniform(6.0, 7.0),
        arm_angle=d.uniform(6, 24),
        scapula_shift=d.normal(0.0, 0.5),
        stomach_gas=d.uniform(-0.5, 1.0),
        collimation=(float(sides[0]), float(sides[1]), float(sides[2]), float(sides[3])),
        collimation_turn=(float(turns[0]), float(turns[1]), float(turns[2]), float(turns[3])),
    )
