"""Filters for images that others use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from synthgen.records import Cohort

Embed = Callable[[Sequence[CxrImage]], NDArray[np.float64]]
_NAMED = 20  # records whom a verification looks at

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
    """Retrieval, then a verification of pairs: logistic regression on how the neutral vectors differ, learnt on T.

    Pairs of one person are two visits, or a record and itself cropped a little; as many of two persons.
    """
    rng = np.random.default_rng(seed)
    train = list(cohort.train)
    own, views = (
        embed([r.payload for r in train]),
        embed([cropped(r.payload, *rng.uniform(0, 0.06, 4)) for r in train]),
    )
    visits = [(i, j) for i, a in enumerate(train) for j, b in enumerate(train) if i < j and a.patient == b.patient]
    same = [np.abs(own - views), *(np.abs(own[i] - own[j])[None] for i, j in visits)]
    pairs = rng.integers(len(train), size=(sum(map(len, same)), 2))
    others = [(i, j) for i, j in pairs if train[i].patient != train[j].patient]
    rows = np.concatenate([*same, np.stack([np.abs(own[i] - own[j]) for i, j in others])])
    judge = LogisticRegression(max_iter=2000, class_weight="balanced", C=100.0)
    judge.fit(rows, np.arange(len(rows)) < sum(map(len, same)))
    known = embed(protected(cohort))

    def scores(images: Sequence[CxrImage]) -> Scores:
        found = []
        for vector in embed(images):
            named = np.argsort(-(known @ vector))[:_NAMED]
            found.append(1.0 - judge.predict_proba(np.abs(known[named] - vector))[:, 1].max())
        return np.array(found)

    return Fitted(scores, 0.5)


RULES: tuple[Rule[CxrImage], ...] = (
    Rule("identical bytes", _exact),
    Rule("perceptual hash, up to 10 of 64 bits (ImageHash)", _hashed),
    Rule("nearest record in pixels (DCR)", _pixels),
    Rule("nearest record in EfficientNet-Lite0, as SSCD is used", _copy_detection),
    Rule("verification of the 20 nearest at 0.5, after Packhäuser et al. 2023", _verified),
)
