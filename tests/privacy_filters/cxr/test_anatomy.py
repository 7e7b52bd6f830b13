"""Anatomy that is found again, and people who stand out from the list of those who come into question."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter

from synthgen.privacy_filters.cxr import anatomy
from synthgen.privacy_filters.cxr.filters import standing_out

Images = NDArray[np.uint8]


def films(seed: int, n: int) -> Images:
    """Smooth random textures with detail of a few pixels, uint8 [n, 96, 96]."""
    noise = np.random.default_rng(seed).normal(size=(n, 96, 96))
    smooth = gaussian_filter(noise, (0, 2.5, 2.5))
    return np.clip(128 + 50 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def moved(image: Images, zoom: float, shift: tuple[float, float]) -> Images:
    """The image as another positioning and exposure shows it."""
    offset = 48 - 48 / zoom - np.array(shift)
    again = affine_transform(image.astype(float), np.eye(2) / zoom, offset, mode="nearest", order=1)
    return np.clip(0.7 * again + 60, 0, 255).astype(np.uint8)


def test_an_image_agrees_with_itself_alone() -> None:
    shown = anatomy.pictures(films(0, 6))
    table = np.stack([anatomy.agreement(picture, shown) for picture in shown])
    assert table.shape == (6, 6) and table.dtype == np.float32
    np.testing.assert_allclose(table.diagonal(), 1, atol=1e-3)
    assert table[~np.eye(6, dtype=bool)].max() < 0.6


@pytest.mark.parametrize(("zoom", "shift"), [(1.0, (5, -4)), (1.08, (0, 0)), (0.94, (3, 3))])
def test_moved_and_exposed_otherwise_it_is_found_again(zoom: float, shift: tuple[float, float]) -> None:
    images = films(1, 12)
    found = anatomy.agreement(
        anatomy.pictures(moved(images[0], zoom, shift)[None])[0],
        anatomy.pictures(images),
    )
    assert found.argmax() == 0
    assert found[0] > found[1:].max() + 0.15


def test_what_covers_a_part_spoils_patches_and_not_the_rest() -> None:
    images = films(2, 12)
    covered = images[0].copy()
    covered[:40, :40] = 255
    found = anatomy.agreement(anatomy.pictures(covered[None])[0], anatomy.pictures(images))
    assert found[0] > 0.95 > found[1:].max() + 0.3


def test_flat_images_agree_with_nobody() -> None:
    flat = anatomy.pictures(np.full((2, 50, 70), 255, np.uint8))
    np.testing.assert_allclose(anatomy.agreement(flat[0], anatomy.pictures(films(3, 3))), 0, atol=0.01)
    np.testing.assert_allclose(anatomy.agreement(anatomy.pictures(films(3, 1))[0], flat), 0, atol=0.01)


def test_a_candidate_is_compared_alone() -> None:
    shown = anatomy.pictures(films(4, 9))
    whole = anatomy.agreement(shown[0], shown)
    parts = np.concatenate([anatomy.agreement(shown[0], shown[i : i + 1]) for i in range(9)])
    np.testing.assert_allclose(parts, whole, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(3, 20), gain=st.floats(0.05, 0.5))
def test_who_stands_out_more_agrees_more(seed: int, k: int, gain: float) -> None:
    row = np.random.default_rng(seed).uniform(0, 0.5, (1, k)).astype(np.float32)
    others = np.ones((1, k), dtype=bool)
    before = standing_out(row, others)
    assert np.isfinite(before).all()
    assert (before.argsort() == row.argsort()).all()
    best = row.argmax()
    row[0, best] += gain
    assert standing_out(row, others)[0, best] > before[0, best]


def test_a_twin_does_not_hide_the_patient() -> None:
    """Who is like two of twenty stands out less, and still more than any stranger among twenty is likely to."""
    row = np.full((1, 20), 0.3, np.float32)
    row[0, 4] = 0.9
    alone = standing_out(row, np.ones((1, 20), dtype=bool))[0, 4]
    row[0, 7] = 0.9
    assert standing_out(row, np.ones((1, 20), dtype=bool))[0, 4] > 0.6 * alone


def test_the_excluded_do_not_count() -> None:
    row = np.random.default_rng(0).uniform(0, 0.5, (1, 8)).astype(np.float32)
    others = np.array([[True] * 7 + [False]])
    expected = standing_out(row[:, :7], others[:, :7])
    row[0, 7] = 1.0
    np.testing.assert_allclose(standing_out(row, others)[:, :7], expected, rtol=1e-4)
