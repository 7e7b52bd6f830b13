"""Images are bent within a bound and never folded, or blurred with noise of known scale; strength 0 changes nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.generators.cxr.operators import BLOCK, displacement, dp_pix, warp

IMAGE = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)


@given(seed=st.integers(0, 2**127), bound=st.floats(0.005, 0.2))
@settings(max_examples=20, deadline=None)
def test_no_pixel_moves_farther_than_the_bound_and_nothing_folds(seed: int, bound: float) -> None:
    field = displacement(64, seed, bound * 64)
    assert np.sqrt((field**2).sum(axis=0)).max() <= bound * 64 + 1e-9
    moved = field + np.indices((64, 64))
    stretch = np.gradient(moved[0], axis=0) * np.gradient(moved[1], axis=1)
    shear = np.gradient(moved[0], axis=1) * np.gradient(moved[1], axis=0)
    assert (stretch - shear).min() > 0


def test_the_seed_decides_and_bound_zero_is_the_image() -> None:
    assert (warp(IMAGE, 1, 0.0) == IMAGE).all()
    assert (warp(IMAGE, 1) == warp(IMAGE, 1)).all()
    assert (warp(IMAGE, 1) != warp(IMAGE, 2)).any()
    assert warp(IMAGE, 1).dtype == np.uint8 and warp(IMAGE, 1).shape == IMAGE.shape
    with pytest.raises(ValueError, match="bound"):
        warp(IMAGE, 1, 0.3)


def test_blocks_have_one_value_and_the_noise_that_epsilon_asks_for() -> None:
    grey = np.full((256, 256), 128, dtype=np.uint8)
    made = dp_pix(grey, 3, epsilon=1.0)
    blocks = made.reshape(32, BLOCK, 32, BLOCK)
    assert (blocks == blocks[:, :1, :, :1]).all()
    scale = np.abs(blocks[:, 0, :, 0].astype(float) - 128).mean()
    assert scale == pytest.approx(255 / 64, rel=0.15)
    assert dp_pix(IMAGE[:50, :50], 3).shape == (50, 50)
    with pytest.raises(ValueError, match="epsilon"):
        dp_pix(grey, 3, epsilon=0.0)
