"""Patient-wise cross-validation of the identity embedding: verification and retrieval of patients never trained on.

    python benchmarks/verification_cv.py --data nih14 [--extra more] --layout nih --folds 4 --seed 0 \\
        --work work/verification --out verification.json

Patients of ``--data`` are dealt into folds, those with several images first, so that every fold has as many; a patient
who is also in ``--extra`` is held out of both. A fold's embedding never sees its patients. Every patient with two
images gives one positive pair, over all folds; negatives are pairs of patients of one fold, a random record of each.
The scores of the folds are pooled as they are. A killed run continues; ``--only I`` fits one fold, for runs side by
side.

``another_visit_caught`` is what the gate makes of it: one record of each of the fold's patients is enrolled
beside ``--data``'s training patients, the threshold is set on another of their records (or the same, who has no other)
with its own patient left out, at ``--alpha``; then those with two return, none left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from synthgen.errors import SynthgenError, UserError
from synthgen.estimates import RESAMPLES, bounded_interval, patient_counts, proportion, tpr_draws
from synthgen.eval.reidentification import Pairs, retrieval, verification, verification_pairs
from synthgen.generators.cxr.cohort import CohortConfig, load_cohort
from synthgen.payloads.cxr import CxrCondition, CxrReal
from synthgen.privacy_filters.calibration import calibrate
from synthgen.privacy_filters.cxr.config import IdentityConfig
from synthgen.privacy_filters.cxr.contrast import local_contrast, resized
from synthgen.privacy_filters.cxr.filters import People
from synthgen.privacy_filters.cxr.identity import fit_identity, open_identity
from synthgen.progress import Progress, bars
from synthgen.records import Estimate

LOADED = 128  # pixels a side in the cache; the networks resize to their own


@dataclass(frozen=True)
class Held:
    """Pair scores and gallery vectors of one fold's patients; ``matched`` marks pairs alike in sex, view and age."""

    same: NDArray[np.float32]
    different: NDArray[np.float32]
    pairs: Pairs
    vectors: NDArray[np.float32]
    owners: tuple[str, ...]
    matched: NDArray[np.bool_]


@dataclass(frozen=True)
class Returned:
    """Of one fold: patients who came again and how many were caught; strangers, and how many of them are blocked."""

    again: int
    caught: int
    strangers: int
    blocked: int


def deal(patients: Sequence[str], folds: int, seed: int) -> dict[str, int]:
    """A fold per patient; those with several records are dealt first, so that no fold lacks them."""
    rng = np.random.default_rng(seed)
    counts = Counter(patients)
    several = rng.permutation(sorted(p for p in counts if counts[p] > 1))
    one = rng.permutation(sorted(p for p in counts if counts[p] == 1))
    return {str(patient): i % folds for i, patient in enumerate([*several, *one])}


def judged(held: Sequence[CxrReal], folder: Path, seed: int) -> tuple[Held, Held]:
    """The fold's patients in the embedding of ``folder``, and by the correlation of normalised 32 × 32 pixels."""
    identity = open_identity(folder)
    images = np.stack([record.payload for record in held])
    owners = tuple(record.patient for record in held)
    pairs = verification_pairs(owners, seed)
    pixels = local_contrast(resized(images, 32), 7).flatten(1).numpy()
    pixels /= np.linalg.norm(pixels, axis=1, keepdims=True)
    vectors = identity.embed(images)
    (same, different), (same_pixels, different_pixels) = (
        [np.einsum("nd,nd->n", rows[p[:, 0]], rows[p[:, 1]]) for p in (pairs.same, pairs.different)]
        for rows in (vectors, pixels)
    )
    matched = np.array([alike(held[i].condition, held[j].condition) for i, j in pairs.different])
    return (
        Held(same, different, pairs, vectors, owners, matched),
        Held(same_pixels, different_pixels, pairs, pixels, owners, matched),
    )


def returned(train: Sequence[CxrReal], held: Sequence[CxrReal], folder: Path, alpha: float, seed: int) -> Returned:
    """The gate's columns of people over ``train`` and one record of each held-out patient; another one comes."""
    identity = open_identity(folder)
    rng = np.random.default_rng(seed)
    owners = np.array([record.patient for record in held])
    orders = [rng.permutation(np.flatnonzero(owners == patient)) for patient in np.unique(owners)]
    known, new = [held[order[0]] for order in orders], [held[order[-1]] for order in orders]
    enrolled = [*train, *known]
    people = People.over(identity, [record.payload for record in enrolled], [record.patient for record in enrolled])
    images, patients = [record.payload for record in new], [record.patient for record in new]
    calibration = calibrate(people.names, people.scores(images, patients), alpha)
    came = [image for image, order in zip(images, orders, strict=True) if len(order) > 1]
    caught = int(calibration.rejects(people.scores(came, None)).sum())
    return Returned(len(came), caught, calibration.n, calibration.k)


def alike(one: CxrCondition, other: CxrCondition) -> bool:
    """Same sex, same view, ages within five years: what is left to tell them apart by is the anatomy."""
    close = one.age is not None and other.age is not None and abs(one.age - other.age) <= 5
    return close and one.sex == other.sex and one.view == other.view


def estimates(folds: Sequence[Held], seed: int) -> tuple[Estimate, ...]:
    """Verification and retrieval over all folds; a query's gallery is its own fold."""
    same = np.concatenate([fold.same for fold in folds])
    different = np.concatenate([fold.different for fold in folds])
    same_patients = [p for fold in folds for p in fold.pairs.same_patients]
    different_patients = [p for fold in folds for p in fold.pairs.different_patients]
    # Half of each square is the own fold's axis: records of two folds have the similarity 0, the least there is.
    axes = np.eye(len(folds), dtype=np.float32)
    width = max(fold.vectors.shape[1] for fold in folds)
    gallery = np.zeros((sum(len(fold.owners) for fold in folds), len(folds) * width + len(folds)), np.float32)
    row = 0
    for i, fold in enumerate(folds):
        rows = slice(row, row + len(fold.owners))
        gallery[rows, i * width : (i + 1) * width] = fold.vectors * 0.5**0.5
        gallery[rows, -len(folds) :] = axes[i] * 0.5**0.5
        row = rows.stop
    owners = [p for fold in folds for p in fold.owners]
    matched = np.flatnonzero(np.concatenate([fold.matched for fold in folds]))
    against_alike = verification(
        same, different[matched], same_patients, [different_patients[i] for i in matched], seed
    )[0]
    return (
        *verification(same, different, same_patients, different_patients, seed),
        replace(
            against_alike, metric="verification_auc_matched", note=f"{len(matched)} negatives alike in sex, view, age"
        ),
        tpr_at(1e-2, same, different, same_patients, different_patients, seed),
        *retrieval(gallery, owners, seed),
    )


def caught(folds: Sequence[Returned]) -> Estimate:
    """Of all folds: the share of returning patients that the gate catches."""
    k, n = sum(fold.blocked for fold in folds), sum(fold.strangers for fold in folds)
    note = f"strangers blocked in calibration: {k} of {n}"
    total = sum(fold.again for fold in folds)
    return proportion("another_visit_caught", sum(fold.caught for fold in folds), total, better="higher", note=note)


def tpr_at(
    fpr: float,
    same: NDArray[np.float32],
    different: NDArray[np.float32],
    same_patients: Sequence[str],
    different_patients: Sequence[tuple[str, str]],
    seed: int,
) -> Estimate:
    """True positive rate at another false positive rate, patients resampled as in ``verification``."""
    index = {name: i for i, name in enumerate(sorted(set(same_patients).union(*different_patients)))}
    own = np.array([index[p] for p in same_patients])
    left, right = (np.array([index[pair[i]] for pair in different_patients]) for i in (0, 1))
    positive, negative = same.astype(np.float64), different.astype(np.float64)
    value = tpr_draws(positive, negative, np.ones((1, len(same))), np.ones((1, len(different))), fpr)[0]
    draws = [
        tpr_draws(positive, negative, count[None, own], (count[left] * count[right])[None], fpr)
        for count in patient_counts(len(index), seed, RESAMPLES)
    ]
    interval = bounded_interval(float(value), np.concatenate(draws), len(same))
    return Estimate(f"verification_tpr_at_fpr_{fpr:g}", float(value), interval, len(same))


def run(arguments: argparse.Namespace, progress: Progress) -> dict[str, tuple[Estimate, ...]]:
    """Fits what is not yet fitted; the estimates by score, empty when only one fold was asked for."""
    torch.set_num_threads(arguments.threads)
    cohort = CohortConfig(layout=arguments.layout)
    folders = [arguments.data] + ([arguments.extra] if arguments.extra else [])
    own, *more = [
        load_cohort(folder, cohort, size=LOADED, cache=arguments.work / "cache" / str(i), progress=progress).records
        for i, folder in enumerate(folders)
    ]
    extra = [record for records in more for record in records]
    fold_of = deal([record.patient for record in own], arguments.folds, arguments.seed)
    config = IdentityConfig.model_validate(dict(pair.split("=", 1) for pair in arguments.set))
    networks, pixels, visits = [], [], []
    for fold in range(arguments.folds):
        if arguments.only is not None and fold != arguments.only:
            continue
        folder = arguments.work / f"fold{fold}"
        train = [record for record in (*own, *extra) if fold_of.get(record.patient) != fold]
        started = time.process_time()
        fit_identity(train, config, folder, seed=arguments.seed, progress=progress)
        progress.say(f"fold {fold}: {len(train)} training records, {time.process_time() - started:.0f} s of computing")
        if arguments.only is None:
            held = [record for record in own if fold_of[record.patient] == fold]
            by_network, by_pixels = judged(held, folder, arguments.seed)
            visits.append(
                returned([r for r in own if fold_of[r.patient] != fold], held, folder, arguments.alpha, arguments.seed)
            )
            networks.append(by_network)
            pixels.append(by_pixels)
    if arguments.only is not None:
        return {}
    return {
        "identity embedding": (*estimates(networks, arguments.seed), caught(visits)),
        "pixel correlation": estimates(pixels, arguments.seed),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="cohort whose patients are held out in turn")
    parser.add_argument("--extra", type=Path, help="cohort that is only trained on")
    parser.add_argument("--layout", default="auto", help="nih, plain, ... (default: recognised)")
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--only", type=int, help="fit this fold alone and stop")
    parser.add_argument("--alpha", type=float, default=0.01, help="level of the gate for another_visit_caught")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of IdentityConfig")
    parser.add_argument("--work", type=Path, default=Path("verification-work"), help="private: models and cache")
    parser.add_argument("--out", type=Path, required=True, help="JSON of the estimates")
    arguments = parser.parse_args()
    try:
        if arguments.folds < 2:
            raise UserError(f"--folds must be at least 2, got {arguments.folds}")
        with bars(Console(stderr=True)) as progress:
            results = run(arguments, progress)
    except SynthgenError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    if not results:
        return 0
    for name, figures in results.items():
        print(name)
        for e in figures:
            print(f"  {e.metric:<32}{e.value:7.4f}  [{e.ci95[0]:.4f}, {e.ci95[1]:.4f}]  n = {e.n}")
    text = {name: [figure.as_dict() for figure in figures] for name, figures in results.items()}
    arguments.out.write_text(json.dumps(text, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
