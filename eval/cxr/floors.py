"""What a release of chest X-rays must reach to be fit for use, by its own figures and those of real images beside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from synthgen.eval.cxr.config import FloorConfig
from synthgen.eval.fidelity import expected_coverage
from synthgen.records import Estimate
from synthgen.report import Floor


def floors(quality: Sequence[Estimate], audited: int, samples: int, config: FloorConfig) -> tuple[Floor, ...]:
    """The floors that are set and can be held against a figure.

    Args:
        audited: real images that the coverage is of.
        samples: synthetic images.
    """
    figures = {one.metric: one for one in quality}
    return (*_coverage(figures, audited, samples, config), *_labels(figures, config), *_spectrum(figures, config))


def _coverage(figures: dict[str, Estimate], audited: int, samples: int, config: FloorConfig) -> Iterator[Floor]:
    """A share of what as many images of the very distribution would cover: few cover little, whatever they are."""
    covered, usual = figures.get("neutral_coverage"), expected_coverage(audited, samples)
    if covered is not None and config.coverage:
        yield Floor(covered, config.coverage * usual, usual)


def _labels(figures: dict[str, Estimate], config: FloorConfig) -> Iterator[Floor]:
    """A share of the way from chance to what the reader makes of real images; none where it reads these no better."""
    shown, real = figures.get("label_auc_macro"), figures.get("label_auc_macro_real")
    if shown is not None and real is not None and config.labels and real.ci95[0] > 0.5:
        yield Floor(shown, 0.5 + config.labels * (real.value - 0.5), real.value)


def _spectrum(figures: dict[str, Estimate], config: FloorConfig) -> Iterator[Floor]:
    """Too little detail is blur; as many times too much is noise, and the inverse of the figure is held against it."""
    power = figures.get("radial_power_mean")
    if power is not None and config.detail:
        yield Floor(power if power.value <= 1 else _inverse(power), config.detail, 1.0)


def _inverse(power: Estimate) -> Estimate:
    low, high = power.ci95
    return replace(power, metric="radial_power_inverse", value=1 / power.value, ci95=(1 / high, 1 / low))
