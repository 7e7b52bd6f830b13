"""The arms: every patient with all images, and a synthetic set that holds what the real one lacks helps."""

from __future__ import annotations

import numpy as np

from benchmarks.utility_arms import Bench, figures, of_patients, scores
from synthgen.eval.cxr.classifier import LabelledImages
from synthgen.eval.cxr.config import EvaluationConfig
from synthgen.payloads.cxr import CxrCondition
from synthgen.progress import Silent

SIZE = 32


def images(count: int, seed: int, visits: int = 1) -> LabelledImages:
    """A bright corner for every second patient, who has an effusion."""
    rng = np.random.default_rng(seed)
    x = 100 + 25 * rng.normal(size=(count * visits, SIZE, SIZE))
    has = np.arange(count * visits) // visits % 2 == 0
    x[has, 20:30, 3:13] += 45
    conditions = tuple(CxrCondition(("Effusion",) if one else ()) for one in has)
    owners = tuple(f"p{i // visits}" for i in range(count * visits))
    return LabelledImages(np.clip(x, 0, 255).astype(np.uint8), conditions, owners)


def test_patients_are_drawn_with_all_their_images() -> None:
    some = of_patients(images(12, 0, visits=3), 5, 1)
    assert len(set(some.patients)) == 5 and len(some) == 15
    assert set(of_patients(images(12, 0), 5, 2).patients) != set(some.patients)


def test_every_arm_has_its_figure_and_its_gain() -> None:
    config = EvaluationConfig(image_size=SIZE, classifier_steps=25, width=8)
    synthetic = images(60, 3)
    bench = Bench(
        LabelledImages(synthetic.images, synthetic.conditions), images(60, 4), ("Effusion",), config, Silent()
    )
    alone = [bench.train(bench.synthetic, seed, "synthetic") for seed in (0,)]
    found = [scores(bench, of_patients(images(40, 5), 8, seed), net, seed) for seed, net in enumerate(alone)]
    told = {e.metric: e for e in figures(bench, found, 0)}
    arms = {"tstr", "trtr", "train_on_both", "pretrained", "longer"}
    gains = {"tstr_gap", "augmentation_gain", "pretraining_gain", "longer_gain"}
    assert set(told) == {f"{arm}_auc_macro" for arm in arms} | gains
    assert told["tstr_auc_macro"].value > 0.8 and told["tstr_auc_macro"].n == 60
    gain = told["pretrained_auc_macro"].value - told["trtr_auc_macro"].value
    assert abs(told["pretraining_gain"].value - gain) < 1e-9
