"""Filters for images that others use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression

from benchmarks.gates.rules import Fitted, Rule, Scores, nearest, protected
from benchmarks.red_team.images import cropped
from synthgen.payloads.cxr import CxrImage
from synthgen.pretrained.neutral import neutral_encoder
from synthgen.privacy_filters.cxr.config import IdentityConfig
from synthgen.privacy_filters.cxr.identity import fit_identity, open_identity
from synthgen.progress import Silent
from synthgen.records import Cohort

Embed = Callable[[Sequence[CxrImage]], NDArray[np.float64]]

neutral = neutral_encoder()


def embed(images: Sequence[CxrImage]) -> NDArray[np.float64]:
    """Unit vectors in a network that saw photographs alone, shape [N, 1280]."""
    features = neutral(np.stack(list(images)))
    return np.asarray(features / np.linalg.norm(features, axis=1, keepdims=True))


def _exact(cohort: Cohort[CxrImage, Any], seed: int) -> Fitted[CxrImage]:
    known = {image.tobytes() for image in protected(cohort)}
    return Fitted(lambda images: np.array([0.0 if i.tobytes() in known else 1.0 for i in images]), 0.0)


def _hashed(cohort: Cohort[CxrImage, Any], seed: int) -> Fitted[CxrImage]:
    def hashes(images: Sequence[CxrImage]) -> NDArray[np.bool_]:
        return np.stack([imagehash.phash(Image.fromarray(image)).hash.ravel() for image in images])

    known = hashes(protected(cohort))

    def scores(images: Sequence[CxrImage]) -> Scores:
        return np.array([(known != own).sum(axis=1).min() for own in hashes(images)], dtype=np.float64)

    return Fitted(scores, 10.0)


def _pixels(cohort: Cohort[CxrImage, Any], seed: int) -> Fitted[CxrImage]:
    def rows(images: Sequence[CxrImage]) -> NDArray[np.float64]:
        small = [cv2.resize(i, (64, 64), interpolation=cv2.INTER_AREA).ravel().astype(np.float64) for i in images]
        centred = np.stack(small) - np.mean(small, axis=1, keepdims=True)
        return np.asarray(centred / (np.linalg.norm(centred, axis=1, keepdims=True) + 1e-9))

    return Fitted(nearest(rows, protected(cohort)), None)


def _copy_detection(cohort: Cohort[CxrImage, Any], seed: int) -> Fitted[CxrImage]:
    return Fitted(nearest(embed, protected(cohort)), None)


def _verified(cohort: Cohort[CxrImage, Any], seed: int) -> Fitted[CxrImage]:
    """The nearest record in an identity embedding, as log odds that it is another person: 0 is a probability of 0.5.

    Packhäuser et al. verify by a network that a hundred thousand films taught, which is not to be had. Here the
    embedding learns from one half of T's patients, and logistic regression of its cosine from the other: pairs of one
    person are two visits, or a record and itself cropped a little; as much weight is given to pairs of two.
    """
    rng = np.random.default_rng(seed)
    patients = sorted({record.patient for record in cohort.train})
    taught = {patients[i] for i in rng.permutation(len(patients))[: len(patients) // 2]}
    first, second = ([r for r in cohort.train if (r.patient in taught) is side] for side in (True, False))
    with TemporaryDirectory(prefix="synthgen-gates-") as folder:
        fit_identity(first, IdentityConfig(), Path(folder) / "identity", seed=seed, progress=Silent())
        identity = open_identity(Path(folder) / "identity")

    def vectors(images: Sequence[CxrImage]) -> NDArray[np.float32]:
        return identity.embed(np.stack(list(images)))

    own = vectors([r.payload for r in second])
    views = vectors([cropped(r.payload, *rng.uniform(0, 0.06, 4)) for r in second])
    cosines, names = own @ own.T, np.array([r.patient for r in second])
    above = np.triu(np.ones_like(cosines, dtype=np.bool_), 1)
    same = names[:, None] == names[None]
    pairs = np.concatenate([(own * views).sum(axis=1), cosines[above & same], cosines[above & ~same]])
    judge = LogisticRegression(class_weight="balanced", C=1e6)
    judge.fit(pairs[:, None], np.arange(len(pairs)) < len(own) + (above & same).sum())
    distances = nearest(vectors, protected(cohort))

    def scores(images: Sequence[CxrImage]) -> Scores:
        return np.asarray(-judge.decision_function(1.0 - distances(images)[:, None]))

    return Fitted(scores, 0.0)


RULES: tuple[Rule[CxrImage], ...] = (
    Rule("identical bytes", _exact),
    Rule("perceptual hash, up to 10 of 64 bits (ImageHash)", _hashed),
    Rule("nearest record in pixels (DCR)", _pixels),
    Rule("nearest record in EfficientNet-Lite0, as SSCD is used", _copy_detection),
    Rule("verification at 0.5, after Packhäuser et al. 2023", _verified),
)
