"""Noise is normal, and never the same twice."""

import numpy as np
import pytest
from scipy import stats

from synthgen.dp.noise import normal, private_rng


def test_noise_is_standard_normal() -> None:
    drawn = normal(private_rng(), (200, 100))
    assert drawn.shape == (200, 100)
    assert drawn.std() == pytest.approx(1.0, abs=0.03)
    assert stats.kstest(drawn.ravel(), "norm").pvalue > 1e-6


def test_two_generators_never_agree() -> None:
    assert not np.array_equal(private_rng().random(8), private_rng().random(8))
