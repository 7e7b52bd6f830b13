"""Near copies: registration finds what was done to a copy, and does not find it in strangers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from synthgen.payloads.cxr import CxrCondition
from synthgen.privacy_filters.cxr.filters import NearCopies
from synthgen.privacy_filters.cxr.near_copy import (
    POSES,
    Pose,
    pictures,
    registered_correlation,
    search_vectors,
    search_views,
)
from synthgen.privacy_filters.cxr.planted import planted_copies
from synthgen.records import Real

PEOPLE = 24
BEYOND_ITS_POSES = {
    "crop_10%", "crop_20%", "trimmed_margin", "pad_12%", "shift_10%", "rotation_+20", "rotation_90", "rotation_180",
    "blur_4%", "elastic_4%", "half_pasted", "lung_pasted", "mean_of_two", "contact_sheet_of_two",
}  # fmt: skip


def body(seed: int, size: int = 96) -> np.ndarray:
    """Smooth random anatomy: a common trunk with a person's own structures over it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    trunk = 140 - 90 * np.exp(-((np.abs(x) - 0.45) ** 2 / 0.06 + y**2 / 0.3))
    own = ndimage.gaussian_filter(rng.normal(size=(size, size)), 3)
    ribs = 12 * np.sin((14 + 3 * rng.random()) * (y + 0.3 * x**2) + 6 * rng.random())
    image = trunk + 30 * own / own.std() * 0.6 + ribs
    return np.clip(image, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def people() -> list[np.ndarray]:
    return [body(seed) for seed in range(PEOPLE)]


@pytest.fixture(scope="module")
def protected(people: list[np.ndarray]) -> NearCopies:
    return NearCopies.over(search_vectors(people), pictures(people), [f"p{i:02d}" for i in range(PEOPLE)])


def test_views_come_in_the_order_of_the_poses(people: list[np.ndarray]) -> None:
    views = search_views(people[:3])
    assert views.shape == (3, len(POSES), search_vectors(people[:1]).shape[1])
    unmoved = POSES.index(Pose(False, 1.0, 0.0, 0, 0))
    assert views[:, unmoved] == pytest.approx(search_vectors(people[:3]), abs=1e-5)
    assert np.linalg.norm(views, axis=2) == pytest.approx(np.ones(views.shape[:2]), abs=1e-4)


@given(
    degrees=st.floats(-4, 4),
    zoom=st.floats(0.92, 1.08),
    right=st.floats(-3, 3),
    down=st.floats(-3, 3),
    seed=st.integers(0, 9),
)
@settings(max_examples=25, deadline=None)
def test_registration_undoes_small_affine_maps(
    degrees: float, zoom: float, right: float, down: float, seed: int
) -> None:
    image = body(100 + seed)
    centre = (np.array(image.shape) - 1) / 2
    a = np.deg2rad(degrees)
    matrix = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) / zoom
    offset = centre - matrix @ (centre + np.array([down, right]))
    moved = ndimage.affine_transform(image.astype(float), matrix, offset, order=1, mode="nearest").astype(np.uint8)
    still = [Pose(False, 1.0, 0.0, 0, 0)]
    before = float((pictures([moved])[0] * pictures([image])[0]).mean())
    found = registered_correlation(pictures([moved]), pictures([image]), still)[0]
    stranger = registered_correlation(pictures([moved]), pictures([body(500 + seed)]), still)[0]
    assert found > 0.85
    assert found > stranger + 0.1
    assert found >= before / max(1e-6, float((pictures([image])[0] ** 2).mean())) - 0.05


def test_copies_score_far_below_strangers(people: list[np.ndarray], protected: NearCopies) -> None:
    records = [Real(f"p{i:02d}", f"p{i:02d}_0", CxrCondition(), image) for i, image in enumerate(people)]
    strangers = protected.scores([body(1000 + i) for i in range(40)])
    threshold = float(strangers.min())
    for planted in planted_copies(records, (), seed=0):
        if planted.perturbation in BEYOND_ITS_POSES:
            continue
        caught = np.mean(protected.scores(planted.payloads) < threshold)
        assert caught >= (0.9 if planted.perturbation != "crop_5%" else 0.75), planted.perturbation


def test_exact_copies_score_zero_and_ones_own_record_can_be_left_out(
    people: list[np.ndarray], protected: NearCopies
) -> None:
    assert protected.scores(people)[:, 0] == pytest.approx(np.zeros(PEOPLE), abs=0.01)
    left_out = protected.scores(people, [f"p{i:02d}" for i in range(PEOPLE)])
    assert (left_out > 0.3).all()


def test_contrast_and_exposure_do_not_hide_a_copy(people: list[np.ndarray], protected: NearCopies) -> None:
    faded = [(40 + 0.5 * image).astype(np.uint8) for image in people]
    assert (protected.scores(faded) < 0.25).all()


def test_a_constant_image_cannot_be_scored(protected: NearCopies) -> None:
    assert np.isnan(protected.scores([np.full((96, 96), 7, np.uint8)])).all()


def test_planted_copies_leave_the_originals_alone_and_are_seeded(people: list[np.ndarray]) -> None:
    records = [Real(f"p{i}", f"r{i}", CxrCondition(), image) for i, image in enumerate(people[:3])]
    before = [image.copy() for image in people[:3]]
    once, again = (list(planted_copies(records, (), seed=1)) for _ in range(2))
    assert [p.perturbation for p in once] == [p.perturbation for p in again]
    for one, two in zip(once, again, strict=True):
        assert all((a == b).all() for a, b in zip(one.payloads, two.payloads, strict=True))
        changed = [bool((a != b).any()) for a, b in zip(one.payloads, before, strict=True)]
        assert all(changed) is (one.domain != "exact")
        assert all(a.dtype == np.uint8 and a.shape == (96, 96) for a in one.payloads)
    assert all((a == b).all() for a, b in zip(people[:3], before, strict=True))
