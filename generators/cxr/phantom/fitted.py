"""Figures fitted to public statistics of real films, with the source of each; no image is kept here, only numbers.

Fitted by hand and by ``benchmarks/phantom_distance.py --half A`` on ChestX-ray14 (Wang et al. 2017): 999 films of 682
patients, of whom half A (split seed 0) were looked at. The other half is only reported on (docs/results/cxr.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from synthgen.payloads.cxr import View


@dataclass(frozen=True, slots=True)
class Plate:
    """A detector: width and height in cm, and its share of the films of a view."""

    width: float
    height: float
    share: float


# Original width and height x pixel spacing in the metadata table of the films of half A; a set of public square images
# squeezes each to a square.
_PA = (
    Plate(42.0, 34.4, 0.24),
    Plate(42.8, 35.0, 0.11),
    Plate(42.8, 42.8, 0.22),
    Plate(38.5, 39.5, 0.08),
    Plate(34.4, 42.0, 0.20),
    Plate(35.0, 42.8, 0.15),
)
_AP = (Plate(42.0, 34.4, 0.76), Plate(42.8, 35.0, 0.20), Plate(34.4, 42.0, 0.04))


def plate(view: View, at: float) -> Plate:
    """The detector of an exposure; ``at`` is uniform, 0 to 1."""
    plates = _AP if view == "AP" else _PA
    for one in plates:
        at -= one.share
        if at < 0:
            return one
    return plates[-1]


@dataclass(frozen=True, slots=True)
class Spread:
    """A clipped normal: mean and standard deviation."""

    mean: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Development:
    """How films of one view come out: what a processor does to the logarithm of the light, per exposure.

    Attributes:
        middle: of the curve, as a share of the way from the line integral through lung to that through heart.
        slope: of the curve, grey levels (0 to 1) over the same way.
        black, white: display value of no and of full attenuation.
        gamma: exponent of the display value.
        scatter: scattered by primary radiation, behind the grid.
        glare: share of the light that spreads over a few centimetres in the detector.
        sharpening: weight of the band-pass that processors add ("unsharp masking").
        flattening: share of the coarse structure (beyond some 5 cm) taken off the logarithm ("dynamic range control").
    """

    middle: Spread
    slope: Spread
    black: Spread
    white: Spread
    gamma: Spread
    scatter: Spread
    glare: Spread
    sharpening: Spread
    flattening: Spread


# Chosen so that the quantiles of the mean histogram, the spread of mean and deviation between films, the contrast by
# grey and the radial power of half A are met, per view.
_UPRIGHT = Development(
    middle=Spread(0.08, 0.27),
    slope=Spread(2.43, 0.20),
    black=Spread(0.003, 0.020),
    white=Spread(0.985, 0.06),
    gamma=Spread(0.80, 0.18),
    scatter=Spread(0.07, 0.03),
    glare=Spread(0.065, 0.04),
    sharpening=Spread(1.3, 0.3),
    flattening=Spread(0.11, 0.09),
)
_BEDSIDE = Development(
    middle=Spread(-0.08, 0.18),
    slope=Spread(1.90, 0.18),
    black=Spread(0.004, 0.030),
    white=Spread(0.88, 0.08),
    gamma=Spread(0.72, 0.17),
    scatter=Spread(0.08, 0.08),
    glare=Spread(0.18, 0.03),
    sharpening=Spread(1.1, 0.35),
    flattening=Spread(0.05, 0.07),
)


def development(view: View) -> Development:
    """The figures of a view."""
    return _BEDSIDE if view == "AP" else _UPRIGHT


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Shares of films of one view with what does not belong to the body.

    Attributes:
        collimated: of the four sides, each, with a dark margin; ``tilt`` is its angle's deviation in degrees.
        white_margin: of margins, that are white instead.
        marker: with a side marker; ``text`` with a line of small print besides.
        electrodes, venous_line, airway_tube, feeding_tube: with such a device.
        pacemaker: of patients over fifty.
    """

    collimated: float
    tilt: float
    white_margin: float
    marker: float
    text: float
    electrodes: float
    venous_line: float
    airway_tube: float
    feeding_tube: float
    pacemaker: float


# Counted by eye on 32 films of half A per view, rounded.
_AROUND_PA = Surroundings(0.10, 0.5, 0.08, 0.90, 0.05, 0.03, 0.06, 0.0, 0.0, 0.03)
_AROUND_AP = Surroundings(0.09, 3.0, 0.02, 0.85, 0.30, 0.38, 0.30, 0.08, 0.10, 0.03)


def surroundings(view: View) -> Surroundings:
    """The shares of a view."""
    return _AROUND_AP if view == "AP" else _AROUND_PA
