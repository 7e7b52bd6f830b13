"""Statistics of copying: fresh draws sit at their ideal, copies do not; known implementations' faults are absent."""

from __future__ import annotations

import numpy as np
import pytest

from synthgen.estimates import NotMeasurableError
from synthgen.eval import copying

D = 6


def three(seed, n=80):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, D)), rng.normal(size=(n, D)), rng.normal(size=(n, D)), [f"t{i}" for i in range(n)]


def test_authenticity_agrees_with_a_plain_loop():
    t, _, s, owners = three(0)
    authentic = []
    for x in s:
        star = min(range(len(t)), key=lambda i, x=x: np.linalg.norm(t[i] - x))
        others = [np.linalg.norm(t[star] - t[i]) for i in range(len(t)) if i != star]
        authentic.append(np.linalg.norm(t[star] - x) > min(others))
    assert copying.authenticity(t, owners, s).value == pytest.approx(np.mean(authentic))


def test_copies_are_not_authentic_whatever_their_order_and_number():
    """One known implementation looks up the real distance by the synthetic index, another subsamples both sets."""
    t, _, _, owners = three(1)
    found = copying.authenticity(t, owners, np.concatenate([t[::-1], t[:5], t[:5]]))
    assert found.value == 0.0
    assert found.ci95[1] < 0.05


def test_a_second_image_of_the_same_patient_does_not_make_a_copy_authentic():
    t, *_, owners = three(2)
    twins = np.concatenate([t, t + 1e-6])
    assert copying.authenticity(twins, owners + owners, t + 1e-4).value == 0.0
    assert copying.nearest_neighbour_distance_ratio(twins, owners + owners, t + 1e-4).value < 0.01


def test_ratio_is_zero_for_copies_with_an_interval_of_some_width():
    t, _, s, owners = three(3)
    copied = copying.nearest_neighbour_distance_ratio(t, owners, t)
    assert copied.value == 0.0
    assert copied.ci95[1] > 0
    assert 0.5 < copying.nearest_neighbour_distance_ratio(t, owners, s).value < 1


def test_dcr_share_is_one_half_for_fresh_draws_and_its_interval_covers_it():
    values, covered = [], 0
    for seed in range(60):
        t, c, s, _ = three(seed, 60)
        found = copying.dcr_share(t, c, s, seed=seed)
        values.append(found.value)
        covered += found.ci95[0] <= 0.5 <= found.ci95[1]
    assert abs(np.mean(values) - 0.5) < 0.03
    assert covered >= 52
    t, c, _, _ = three(0)
    assert copying.dcr_share(t, c, t).value == 1.0
    assert copying.dcr_share(t, t, c).value == 0.5


def test_one_per_cent_of_copies_hides_from_the_dcr_share():
    """Why the share is reported and never gates."""
    t, c, s, _ = three(4, 200)
    s[:2] = t[:2]
    found = copying.dcr_share(t, c, s)
    assert found.ci95[0] <= 0.5 <= found.ci95[1]


def test_unequal_sizes_are_refused():
    t, c, s, _ = three(0)
    with pytest.raises(ValueError, match="size-matched"):
        copying.dcr_share(t, c[:40], s)
    with pytest.raises(ValueError, match="size-matched"):
        copying.epsilon_identifiability(t, c[:40], s)


def test_data_copying_is_standard_normal_for_fresh_draws_and_far_below_zero_for_copies():
    null = []
    for seed in range(60):
        t, c, s, _ = three(seed)
        null.append(copying.data_copying(t, c, s, cells=1).value)
    assert abs(np.mean(null)) < 0.5
    assert 0.7 < np.std(null) < 1.3
    t, c, _, _ = three(0)
    assert copying.data_copying(t, c, t + 0.01).ci95[1] < -3
    far = copying.data_copying(t, c, t + 5, cells=1)
    assert far.ci95[0] > 3  # underfitting, not copying


def test_identifiability_is_nought_for_fresh_draws_and_large_for_copies():
    values = []
    for seed in range(20):
        t, c, s, _ = three(seed)
        values.append(copying.epsilon_identifiability(t, c, s).value)
    assert abs(np.mean(values)) < 0.05
    t, c, _, _ = three(0)
    assert copying.epsilon_identifiability(t, c, t + 0.01).ci95[0] > 0.2


def test_identifiability_weighs_features_by_inverse_entropy():
    """Known implementations overwrite the weights with ones."""
    rng = np.random.default_rng(0)
    common, rare = rng.random(500), (rng.random(500) < 0.02).astype(float)
    weight = copying._inverse_entropy(np.stack([common, rare], axis=1))
    assert weight[1] > 5 * weight[0]


def test_outliers_that_were_copied_are_found():
    t, c, s, _ = three(0, 200)
    t[:8] *= 4
    assert copying.outlier_similarity(t, c, s).value < 0.2
    assert copying.outlier_similarity(t, c, np.concatenate([s, t[:8]])).value > 0.6
    with pytest.raises(NotMeasurableError, match="outliers"):
        copying.outlier_similarity(np.tile(t[:1], (20, 1)), c, s)
