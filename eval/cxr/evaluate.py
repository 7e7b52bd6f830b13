"""The evaluation of a release of chest X-rays: what an attacker gets out of it, and what a user does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from synthgen.estimates import drawn, measured, one_per_patient
from synthgen.eval import fidelity, subgroups
from synthgen.eval.battery import Sets, enough
from synthgen.eval.cxr.attacks import attack_release, rows
from synthgen.eval.cxr.classifier import LabelledImages, Tstr, label_matrix, tstr
from synthgen.eval.cxr.config import EvaluationConfig
from synthgen.eval.cxr.features import Embed, Floats, stack
from synthgen.eval.cxr.floors import floors
from synthgen.eval.cxr.labels import label_figures
from synthgen.eval.known import tables
from synthgen.payloads.cxr import CxrAnonymised, CxrCondition, CxrImage, CxrReal, CxrSynthetic
from synthgen.pretrained import PACKAGED
from synthgen.pretrained.image import encoder_label, image_encoder
from synthgen.pretrained.neutral import neutral_encoder
from synthgen.progress import Progress
from synthgen.records import Cohort, Estimate
from synthgen.report import Evaluation
from synthgen.risks import Exposure, Subgroups


def _real(records: Sequence[CxrReal], config: EvaluationConfig, side: int, seed: int) -> LabelledImages:
    kept = [records[i] for i in drawn(len(records), config.max_samples, seed)]
    return _labelled([r.payload for r in kept], [r.condition for r in kept], [r.patient for r in kept], config, side)


def _synthetic(samples: Sequence[CxrSynthetic], config: EvaluationConfig, side: int, seed: int) -> LabelledImages:
    kept = [samples[i] for i in drawn(len(samples), config.max_samples, seed)]
    return _labelled([s.payload for s in kept], [s.condition for s in kept], [], config, side)


def _labelled(
    images: Sequence[CxrImage],
    conditions: Sequence[CxrCondition],
    patients: Sequence[str],
    config: EvaluationConfig,
    side: int,
) -> LabelledImages:
    """At the classifiers' size, and whole at ``side`` px."""
    small, whole = stack(images, config.image_size), stack(images, side)
    return LabelledImages(small, tuple(conditions), tuple(patients), whole)


def _side(samples: Sequence[CxrSynthetic], cohort: Cohort[CxrImage, CxrCondition]) -> int:
    """Pixels a side at which synthetic and real images are compared: the smaller of both, since detail is compared."""
    return min(len(samples[0].payload), len(cohort.train[0].payload))


def evaluate(
    *,
    samples: Sequence[CxrSynthetic],
    cohort: Cohort[CxrImage, CxrCondition],
    config: EvaluationConfig,
    seed: int,
    progress: Progress,
) -> Evaluation:
    """Attacks on the release with the audit patients as non-members; fidelity, diversity and utility against them.

    Without audit patients there is nobody to attack beside T: no attacks, and quality is measured on the calibration
    patients. With fewer than 8 samples, training patients or patients to measure on, nothing is, and a line says so.
    """
    if not enough(len(samples), cohort, progress):
        return Evaluation((), ())
    side = _side(samples, cohort)
    sets = Sets.of(
        samples,
        cohort,
        lambda x, own: _synthetic(x, config, side, own),
        lambda x, own: _real(x, config, side, own),
        seed,
    )
    synthetic, train, test, calibration = sets.synthetic, sets.train, sets.audit, sets.reference
    encoder = image_encoder(config.encoder) if config.encoder else None
    trained = tstr(synthetic, train, test, config, seed, progress)
    spaces = _spaces(trained, encoder, config, side)
    held_out = test.and_those_of(calibration) if cohort.audit else test
    quality = (
        *_fidelity(synthetic, test, calibration if cohort.audit else None, spaces, seed, progress),
        *measured(progress, label_figures, synthetic, held_out, trained, seed=seed),
        *_diversity(synthetic, train, config, seed, progress),
        *trained.estimates,
    )
    asked = floors(quality, len(set(test.patients)), len(synthetic), config.floor)
    use = _by_group(trained, test, seed)
    if not cohort.audit:
        progress.say("no audit patients: no attack is measured")
        return Evaluation((), quality, asked, Exposure((), use))
    on_release = trained.on_synthetic.features
    found = attack_release(sets, on_release, encoder, config, seed, progress)
    exposed = replace(found.exposure, subgroups=subgroups.together((found.exposure.subgroups, use)))
    return Evaluation((*found.attacks, *found.copying), quality, asked, exposed, found.patients)


def _by_group(trained: Tstr, test: LabelledImages, seed: int) -> Subgroups:
    """What networks trained on the release read, by whose images they read."""
    if trained.told is None:
        return Subgroups()
    (known,) = tables(rows(test.conditions))
    truth = label_matrix(test.conditions, trained.names)
    read = subgroups.Read("tstr_auc_macro", truth, trained.names, trained.told, replace(known, patients=test.patients))
    return subgroups.of_use(read, seed=seed)


_OF_CHANGED = {
    "tstr_auc_macro": "trained_on_changed_auc_macro",
    "trtr_auc_macro": "trained_on_real_auc_macro",
    "tstr_gap": "auc_lost",
}
"""What the figures of :func:`synthgen.eval.utility.utility` are of, where the samples are changed records of T."""


def changed_utility(
    changed: Sequence[CxrAnonymised],
    cohort: Cohort[CxrImage, CxrCondition],
    config: EvaluationConfig,
    seed: int,
    progress: Progress,
) -> tuple[Estimate, ...]:
    """A classifier trained on the changed images of T and one trained on T, on the images of E."""
    if not cohort.audit or not changed:
        return ()
    side = len(cohort.train[0].payload)
    kept = [changed[i] for i in drawn(len(changed), config.max_samples, seed)]
    samples = _labelled([s.payload for s in kept], [s.condition for s in kept], [], config, side)
    train, test = (_real(part, config, side, seed) for part in (cohort.train, cohort.audit))
    found = tstr(samples, train, test, config, seed, progress).estimates
    return tuple(replace(e, metric=_OF_CHANGED[e.metric]) for e in found if e.metric in _OF_CHANGED)


@dataclass(frozen=True)
class _Space:
    """A feature space in which fidelity is measured, and the prefix of its figures."""

    prefix: str
    embed: Callable[[LabelledImages], Floats]
    note: str


def _spaces(trained: Tstr, encoder: Embed | None, config: EvaluationConfig, side: int) -> tuple[_Space, ...]:
    """That of the network trained on T, the neutral one, and that of an encoder that is named."""
    size = f"{config.image_size} px, bilinear antialiased resize"
    told = f"penultimate features of the network trained on real images of T, {size}"
    found = [_Space("", lambda x: trained.on_real.features(x.images), told)]
    if config.neutral:
        neutral = encoder if encoder is not None and config.encoder == PACKAGED else neutral_encoder()
        note = f"EfficientNet-Lite0 (ImageNet), 1280 penultimate features, {side} px, bicubic antialiased to 224"
        found.append(_Space("neutral_", lambda x: neutral(x.films), note))
    if encoder is not None:
        note = f"encoder {encoder_label(config.encoder)}, given {side} px"
        found.append(_Space("encoder_", lambda x: encoder(x.films), note))
    return tuple(found)


def _fidelity(
    synthetic: LabelledImages,
    test: LabelledImages,
    calibration: LabelledImages | None,
    spaces: Sequence[_Space],
    seed: int,
    progress: Progress,
) -> tuple[Estimate, ...]:
    """Against one record per audit patient; ``*_real`` is what real data gets: the same figure of the calibration set.

    The network has seen T, so that T could not stand for real data here; C and E are new to it.
    """
    e = test.take(one_per_patient(test.patients, seed))
    c = calibration.take(one_per_patient(calibration.patients, seed, len(synthetic))) if calibration else None
    found: list[Estimate] = []
    for space in spaces:
        of_e = space.embed(e)
        found += _in_space(of_e, space.embed(synthetic), space.prefix, "", space.note, seed, progress)
        if c is not None:
            note = f"{space.note}; {len(c)} calibration against {len(e)} audit patients"
            found += _in_space(of_e, space.embed(c), space.prefix, "_real", note, seed, progress)
    found += measured(progress, fidelity.radial_power, e.films, synthetic.films, seed=seed)
    if c is not None:
        found += measured(progress, fidelity.radial_power, e.films, c.films, seed=seed, suffix="_real")
    return tuple(found)


def _in_space(
    real: Floats, other: Floats, prefix: str, suffix: str, note: str, seed: int, progress: Progress
) -> tuple[Estimate, ...]:
    """Every figure of likeness of one set to the audit patients."""
    judged = fidelity.precision_recall_density_coverage
    return (
        *measured(progress, fidelity.fid, real, other, seed=seed, metric=f"{prefix}fid{suffix}", note=note),
        *measured(progress, fidelity.kid, real, other, seed=seed, metric=f"{prefix}kid{suffix}", note=note),
        *measured(progress, judged, real, other, seed=seed, prefix=prefix, suffix=suffix, note=note),
    )


def _diversity(
    synthetic: LabelledImages, train: LabelledImages, config: EvaluationConfig, seed: int, progress: Progress
) -> tuple[Estimate, ...]:
    """MS-SSIM within conditions, synthetic beside the real images of the same conditions."""
    of_s, of_t = ([c.stratum for c in x.conditions] for x in (synthetic, train))
    shared = set(of_s) & set(of_t)
    rows_s, rows_t = (np.flatnonzero([name in shared for name in x]) for x in (of_s, of_t))
    limit = config.ms_ssim_pairs
    return (
        *measured(
            progress,
            fidelity.ms_ssim_within,
            synthetic.images[rows_s],
            [of_s[i] for i in rows_s],
            max_pairs=limit,
            seed=seed,
            metric="ms_ssim_within_synthetic",
        ),
        *measured(
            progress,
            fidelity.ms_ssim_within,
            train.images[rows_t],
            [of_t[i] for i in rows_t],
            patients=[train.patients[i] for i in rows_t],
            max_pairs=limit,
            seed=seed,
            metric="ms_ssim_within_real",
            note="training images of the same conditions",
        ),
    )
