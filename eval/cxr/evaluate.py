"""The evaluation of a release of chest X-rays: what an attacker gets out of it, and what a user does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synthgen.estimates import drawn, measured, one_per_patient
from synthgen.eval import fidelity
from synthgen.eval.battery import Sets, enough
from synthgen.eval.cxr.attacks import attack_release
from synthgen.eval.cxr.classifier import Classifier, LabelledImages, tstr
from synthgen.eval.cxr.config import EvaluationConfig
from synthgen.eval.cxr.features import Embed, stack
from synthgen.payloads.cxr import CxrCondition, CxrImage, CxrReal, CxrSynthetic
from synthgen.pretrained.image import encoder_label, image_encoder
from synthgen.progress import Progress
from synthgen.records import Cohort, Estimate
from synthgen.report import Evaluation


def _real(records: Sequence[CxrReal], config: EvaluationConfig, seed: int) -> LabelledImages:
    kept = [records[i] for i in drawn(len(records), config.max_samples, seed)]
    return LabelledImages(
        stack([r.payload for r in kept], config.image_size),
        tuple(r.condition for r in kept),
        tuple(r.patient for r in kept),
    )


def _synthetic(samples: Sequence[CxrSynthetic], config: EvaluationConfig, seed: int) -> LabelledImages:
    kept = [samples[i] for i in drawn(len(samples), config.max_samples, seed)]
    return LabelledImages(stack([s.payload for s in kept], config.image_size), tuple(s.condition for s in kept))


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
    sets = Sets.of(
        samples, cohort, lambda x, own: _synthetic(x, config, own), lambda x, own: _real(x, config, own), seed
    )
    synthetic, train, test, calibration = sets.synthetic, sets.train, sets.audit, sets.reference
    encoder = image_encoder(config.encoder) if config.encoder else None
    trained = tstr(synthetic, train, test, config, seed, progress)
    quality = (
        *_fidelity(
            synthetic, test, calibration if cohort.audit else None, trained.on_real, encoder, config, seed, progress
        ),
        *_diversity(synthetic, train, config, seed, progress),
        *trained.estimates,
    )
    if not cohort.audit:
        progress.say("no audit patients: no attack is measured")
        return Evaluation((), quality)
    on_release = trained.on_synthetic.features
    attacks, copying = attack_release(sets, on_release, encoder, config, seed, progress)
    return Evaluation((*attacks, *copying), quality)


def _fidelity(
    synthetic: LabelledImages,
    test: LabelledImages,
    calibration: LabelledImages | None,
    on_real: Classifier,
    encoder: Embed | None,
    config: EvaluationConfig,
    seed: int,
    progress: Progress,
) -> tuple[Estimate, ...]:
    """Against one record per audit patient; ``*_real`` is what real data gets: the same figure of the calibration set.

    The network has seen T, so that T could not stand for real data here; C and E are new to it.
    """
    size = f"{config.image_size} px, bilinear antialiased resize"
    spaces: list[tuple[str, Embed, str]] = [
        ("", on_real.features, f"penultimate features of the network trained on real images of T, {size}")
    ]
    if encoder is not None:
        spaces.append(("encoder_", encoder, f"encoder {encoder_label(config.encoder)}, given {size}"))
    e = test.take(one_per_patient(test.patients, seed))
    found: list[Estimate] = []
    for prefix, embed, note in spaces:
        real, s = embed(e.images), embed(synthetic.images)
        found += measured(progress, fidelity.fid, real, s, seed=seed, metric=f"{prefix}fid", note=note)
        found += measured(progress, fidelity.kid, real, s, seed=seed, metric=f"{prefix}kid", note=note)
        if calibration is not None and len(calibration):
            rows = one_per_patient(calibration.patients, seed, len(s))
            c = embed(calibration.images[rows])
            text = f"{note}; {len(c)} calibration against {len(real)} audit patients"
            found += measured(progress, fidelity.fid, real, c, seed=seed, metric=f"{prefix}fid_real", note=text)
            found += measured(progress, fidelity.kid, real, c, seed=seed, metric=f"{prefix}kid_real", note=text)
        found += measured(
            progress, fidelity.precision_recall_density_coverage, real, s, seed=seed, prefix=prefix, note=note
        )
    return tuple(found)


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
