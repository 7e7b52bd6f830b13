"""Attacks find what was planted, find nothing in fresh draws, and say how sure they are."""

from __future__ import annotations

import numpy as np
import pytest

from synthgen.estimates import NotMeasurableError
from synthgen.eval import attacks
from synthgen.report import Limits
from synthgen.verdict import attack_succeeds

N, D = 60, 16


def groups(seed, n=N):
    rng = np.random.default_rng(seed)
    names = tuple(f"t{i}" for i in range(n)), tuple(f"e{i}" for i in range(n))
    return attacks.Groups(rng.normal(size=(n, D)), rng.normal(size=(n, D)), *names), rng


def memorised(who, rng, share=1.0, noise=0.1):
    copies = who.members[: int(share * len(who.members))]
    return np.concatenate([copies + noise * rng.normal(size=copies.shape), rng.normal(size=(N - len(copies), D))])


def run_all(who, synthetic, reference, seed):
    return {
        e.metric: e
        for e in (
            *attacks.nn_membership(who, synthetic, seed=seed),
            *attacks.hole_attack(who, synthetic, seed=seed),
            *attacks.domias(who, synthetic, reference, seed=seed),
            *attacks.identity_attack(who, synthetic, seed=seed),
        )
    }


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_memorised_release_is_found(seed):
    who, rng = groups(seed)
    found = run_all(who, memorised(who, rng), rng.normal(size=(80, D)), seed)
    for attack in ("membership_nn_auc", "membership_domias_auc", "identity_auc"):
        assert attack_succeeds(found[attack], Limits()), found[attack]
    assert found["membership_nn_tpr_at_fpr_0.01"].value > 0.9
    assert not attack_succeeds(found["hole_auc"], Limits())


@pytest.mark.parametrize("seed", [0, 1])
def test_a_release_that_avoids_who_was_trained_on_is_found_by_its_holes(seed):
    who, rng = groups(seed)
    crowd = rng.normal(size=(4000, D))
    screened = crowd[attacks.nearest_distance(crowd, who.members) > 3.6]
    assert len(screened) > 200
    found = run_all(who, screened, rng.normal(size=(80, D)), seed)
    assert attack_succeeds(found["hole_auc"], Limits())


def test_fresh_draws_are_near_one_half_and_seldom_called_a_success():
    aucs, successes = [], 0
    for seed in range(30):
        who, rng = groups(seed)
        found = run_all(who, rng.normal(size=(N, D)), rng.normal(size=(80, D)), seed)
        aucs.append([found[f"{a}_auc"].value for a in ("membership_nn", "membership_domias", "identity")])
        successes += sum(attack_succeeds(e, Limits()) for e in found.values())
    assert np.abs(np.mean(aucs, axis=0) - 0.5).max() < 0.04
    assert (
        successes <= 3
    )  # of 240 estimates, 120 of them AUCs; the limit and the interval together ask for about 2.8 standard errors


def test_a_tenth_of_copies_shows_at_low_false_positives_though_not_in_the_auc():
    who, rng = groups(3)
    area, rate = attacks.nn_membership(who, memorised(who, rng, share=0.1), seed=3)
    assert rate.value >= 0.08
    assert area.value < 0.65


def test_nearest_distance_of_an_exact_copy_is_zero_far_from_the_origin():
    x = np.random.default_rng(0).normal(size=(700, 4)) + 1e4  # a product of matrices would lose the digits
    assert attacks.nearest_distance(x, x[::-1]).max() == 0.0


def test_privacy_gain_is_one_for_noise_and_zero_for_publishing_the_training_set():
    rng = np.random.default_rng(0)
    noise = [attacks.privacy_gain(*rng.normal(size=(2, 50)), seed=s).value for s in range(40)]
    assert abs(np.mean(noise) - 1) < 0.05  # the best threshold of all would find an advantage here
    published = attacks.privacy_gain(np.zeros(50), -rng.random(50) - 1, seed=0)
    assert published.value == pytest.approx(0.0)


def with_attribute(seed, leak):
    who, rng = groups(seed, 150)
    t, e = (rng.choice(["F", "M"], 150) for _ in range(2))
    if leak:  # the release gives each member's image away with its attribute: an embedding's corner per patient
        return who, who.members + 0.01 * rng.normal(size=(150, D)), t, e, t
    s = rng.normal(size=(150, D))
    return who, s, t, e, rng.choice(["F", "M"], 150)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_attribute_inference_finds_a_leak_and_not_chance(seed):
    who, s, t, e, of_s = with_attribute(seed, leak=True)
    area, gain = attacks.attribute_inference(who, s, t, e, of_s, seed=seed).estimates()
    assert attack_succeeds(area, Limits())
    assert gain.ci95[0] > 0
    who, s, t, e, of_s = with_attribute(seed, leak=False)
    area, gain = attacks.attribute_inference(who, s, t, e, of_s, seed=seed).estimates()
    assert not attack_succeeds(area, Limits())
    assert gain.ci95[0] < 0.05


def test_an_attribute_that_anyone_can_see_is_no_leak():
    """Success on members alone is no evidence: the same on non-members is what a useful release allows."""
    who, rng = groups(5, 150)
    s = rng.normal(size=(150, D))
    t, e, of_s = (np.where(x[:, 0] > 0, "F", "M") for x in (who.members, who.nonmembers, s))
    area, gain = attacks.attribute_inference(who, s, t, e, of_s).estimates()
    assert float(area.note.split()[-1]) > 0.85
    assert abs(gain.value) < 0.1
    assert not attack_succeeds(area, Limits())


def test_unknown_attributes_are_left_out_and_one_value_is_not_measured():
    who, rng = groups(0)
    labels = ["F", "M", ""] * (N // 3)
    area, _ = attacks.attribute_inference(who, rng.normal(size=(N, D)), labels, labels, labels).estimates()
    assert area.n == 2 * 2 * N // 3
    with pytest.raises(NotMeasurableError, match="two values"):
        attacks.attribute_inference(who, rng.normal(size=(N, D)), ["F"] * N, ["M"] * N, ["F", "M"] * (N // 2))


def test_a_patient_on_both_sides_is_refused():
    with pytest.raises(ValueError, match="both member and non-member"):
        attacks.Groups(np.zeros((1, 2)), np.zeros((1, 2)), ("a",), ("a",))
