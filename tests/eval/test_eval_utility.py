"""Train-on-synthetic figures: labels left out by name, paired gaps, and the chance of training in the interval."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from synthgen.estimates import NotMeasurableError
from synthgen.eval.utility import measurable_labels, utility

PATIENTS = [str(i // 2) for i in range(120)]


def case(seed, trainings=3, quality=(1.0, 1.5, 1.8), spread=0.0):
    rng = np.random.default_rng(seed)
    labels = rng.random((120, 3)) < np.array([0.5, 0.3, 0.0])
    labels[:2, 2] = True
    scores = [
        labels * (q + spread * rng.normal(size=(trainings, 1, 1))) + rng.normal(size=(trainings, 120, 3))
        for q in quality
    ]
    return labels, scores


def measure(labels, scores):
    found = utility(labels, ("a", "b", "rare"), PATIENTS, synthetic=scores[0], real=scores[1], both=scores[2])
    return {e.metric: e for e in found}


def test_values_are_means_over_trainings_of_sklearns_auc():
    labels, scores = case(0)
    found = measure(labels, scores)
    expected = [np.mean([roc_auc_score(labels[:, :2], s[:, :2], average="macro") for s in of]) for of in scores]
    names = ("tstr_auc_macro", "trtr_auc_macro", "train_on_both_auc_macro")
    assert [found[n].value for n in names] == pytest.approx(expected)
    assert found["tstr_gap"].value == pytest.approx(expected[1] - expected[0])
    assert found["augmentation_gain"].value == pytest.approx(expected[2] - expected[1])
    assert found["tstr_gap"].n == 60


def test_rare_labels_are_left_out_by_name():
    labels, scores = case(1)
    columns, left_out = measurable_labels(labels, ("a", "b", "rare"))
    assert (list(columns), left_out) == ([0, 1], ("rare",))
    assert "rare" in measure(labels, scores)["tstr_auc_macro"].note
    with pytest.raises(NotMeasurableError, match="no label"):
        measure(np.zeros((120, 3), dtype=bool), scores)


def test_the_same_scores_have_no_gap_and_pairing_narrows_it():
    labels, scores = case(2)
    same = measure(labels, [scores[0], scores[0], scores[0]])
    assert same["tstr_gap"].value == 0.0
    assert same["tstr_gap"].ci95 == (0.0, 0.0)
    close = measure(
        labels, [scores[0], scores[0] + 0.1 * np.random.default_rng(0).normal(size=scores[0].shape), scores[0]]
    )

    def width(e):
        return e.ci95[1] - e.ci95[0]

    assert width(close["tstr_gap"]) < 0.5 * width(close["tstr_auc_macro"])


def test_trainings_that_differ_widen_the_interval_and_one_training_says_so():
    labels, steady = case(3, trainings=4)
    _, shaky = case(3, trainings=4, spread=1.0)
    one, two = (measure(labels, s)["tstr_gap"] for s in (steady, shaky))
    assert two.ci95[1] - two.ci95[0] > 1.5 * (one.ci95[1] - one.ci95[0])
    assert "4 trainings" in one.note
    single = measure(labels, [s[:1] for s in steady])["tstr_gap"]
    assert "not in the interval" in single.note
