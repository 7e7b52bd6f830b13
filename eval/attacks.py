"""Attacks on what would be released. Members are training patients (T), non-members audit patients (E).

Every attack is fitted on what an attacker has: the release S, and a reference population; never on T or E. Then
members and non-members are exchangeable unless S gives members away, and an AUC other than one half is evidence of just
that. (A network fitted on T would tell T from E by its own overfitting, and blame the release.)

Embeddings are [records, dimensions]; distances are Euclidean. Give one record of each patient (``one_per_patient``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.special import logsumexp
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from synthgen.estimates import (
    Floats,
    NotMeasurableError,
    auc,
    best_cut,
    finite,
    patient_folds,
    patient_weights,
    percentile_interval,
    ratio,
    tpr_at_fpr,
)
from synthgen.records import Estimate

_CHUNK = 512


@dataclass(frozen=True)
class Groups:
    """Who is attacked, in one embedding: members [n, D] and non-members [m, D], with the patient of every row."""

    members: Floats
    nonmembers: Floats
    member_patients: tuple[str, ...]
    nonmember_patients: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.member_patients) != len(self.members) or len(self.nonmember_patients) != len(self.nonmembers):
            raise ValueError("one patient per row")
        if set(self.member_patients) & set(self.nonmember_patients):
            raise ValueError("a patient is both member and non-member")

    def attacked(self, name: str, members: Floats, others: Floats, seed: int, note: str) -> tuple[Estimate, ...]:
        """The figures of an attack that gives every row a score; see :func:`by_score`."""
        return by_score(name, members, others, self.member_patients, self.nonmember_patients, seed=seed, note=note)


def unit(rows: Floats) -> Floats:
    """Rows at norm one, shape [..., D]; zero stays zero."""
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-12), dtype=np.float64)


def nearest_distance(queries: NDArray[np.generic], base: NDArray[np.generic]) -> Floats:
    """Distance of each query [n, D] to its nearest row of ``base`` [m, D]. Exact; an exact copy has distance 0."""
    q, b = finite("queries", queries), finite("base", base)
    if len(b) == 0:
        raise ValueError("base has no rows")
    parts = [cdist(q[i : i + _CHUNK], b).min(axis=1) for i in range(0, len(q), _CHUNK)]
    return np.concatenate(parts) if parts else np.zeros(0)


def nearest_other(rows: NDArray[np.generic]) -> Floats:
    """Distance of each row [n, D] to the nearest other row; infinite where there is none."""
    x = finite("rows", rows)
    parts = []
    for start in range(0, len(x), _CHUNK):
        apart = cdist(x[start : start + _CHUNK], x)
        apart[np.arange(len(apart)), start + np.arange(len(apart))] = np.inf
        parts.append(apart.min(axis=1))
    return np.concatenate(parts) if parts else np.zeros(0)


def by_score(
    name: str,
    members: Floats,
    others: Floats,
    member_patients: Sequence[str],
    nonmember_patients: Sequence[str],
    *,
    seed: int = 0,
    note: str = "",
) -> tuple[Estimate, ...]:
    """An attack by its scores, one a record, larger for likelier members: AUC, and TPR at 1% false positives."""
    t, e = member_patients, nonmember_patients
    area = auc(
        f"{name}_auc", members, others,
        positive_patients=t, negative_patients=e, seed=seed, better="0.5", note=note,
    )  # fmt: skip
    rate = tpr_at_fpr(
        f"{name}_tpr_at_fpr_0.01", members, others, 0.01,
        positive_patients=t, negative_patients=e, seed=seed, better="0.01", note=note,
    )  # fmt: skip
    return (area, rate)


def nn_membership(
    groups: Groups, synthetic: NDArray[np.generic], *, seed: int = 0, name: str = "membership_nn", note: str = ""
) -> tuple[Estimate, ...]:
    """Nearest-neighbour membership inference: score −min d(x, S). AUC, and true positive rate at 1% false positives."""
    t, e = -nearest_distance(groups.members, synthetic), -nearest_distance(groups.nonmembers, synthetic)
    return groups.attacked(name, t, e, seed, note)


def hole_attack(
    groups: Groups, synthetic: NDArray[np.generic], *, seed: int = 0, name: str = "hole", note: str = ""
) -> tuple[Estimate, ...]:
    """Does the screening leave a hole around who was trained on? Score min d(x, S): far from S means member."""
    t, e = nearest_distance(groups.members, synthetic), nearest_distance(groups.nonmembers, synthetic)
    return groups.attacked(name, t, e, seed, note)


def _log_density(points: Floats, queries: Floats) -> Floats:
    """Gaussian kernel density of whitened ``points`` [n, D] at ``queries`` [m, D], Scott's bandwidth, less a constant.

    The constant does not depend on the query, so that ranks of density ratios do not either.
    """
    n, d = points.shape
    bandwidth = n ** (-1 / (d + 4))
    parts = [
        logsumexp(-0.5 * cdist(queries[i : i + _CHUNK], points, "sqeuclidean") / bandwidth**2, axis=1)
        for i in range(0, len(queries), _CHUNK)
    ]
    return np.asarray(np.concatenate(parts), dtype=np.float64)


def domias(
    groups: Groups,
    synthetic: NDArray[np.generic],
    reference: NDArray[np.generic],
    *,
    dimensions: int = 8,
    seed: int = 0,
    name: str = "membership_domias",
    note: str = "",
) -> tuple[Estimate, ...]:
    """DOMIAS (van Breugel et al. 2023, eq. 2): score log p_S(x) − log p_ref(x), kernel densities on a whitened PCA.

    Args:
        reference: [r, D], records of a population that is neither T nor E (the calibration patients).
        dimensions: of the PCA, which is fitted on the reference and S together; fewer where there are few records.
    """
    t, e, kept = density_ratios(groups, synthetic, reference, dimensions=dimensions)
    text = "; ".join(part for part in (note, f"kernel densities on {kept} whitened principal components") if part)
    return groups.attacked(name, t, e, seed, text)


def density_ratios(
    groups: Groups, synthetic: NDArray[np.generic], reference: NDArray[np.generic], *, dimensions: int = 8
) -> tuple[Floats, Floats, int]:
    """The scores of :func:`domias`, of members and of non-members, and on how many components."""
    s, ref = finite("synthetic", synthetic), finite("reference", reference)
    if min(len(s), len(ref)) < 4:
        raise NotMeasurableError("DOMIAS needs at least 4 synthetic and 4 reference records")
    both = np.concatenate([s, ref])
    pca = PCA(n_components=min(dimensions, len(both) // 4, both.shape[1]), svd_solver="full").fit(both)
    scale = np.sqrt(np.maximum(pca.explained_variance_, 1e-12))

    def embed(x: Floats) -> Floats:
        return np.asarray(pca.transform(x) / scale, dtype=np.float64)

    def score(x: Floats) -> Floats:
        return _log_density(embed(s), embed(x)) - _log_density(embed(ref), embed(x))

    return score(groups.members), score(groups.nonmembers), len(scale)


def identity_attack(
    groups: Groups, synthetic: NDArray[np.generic], *, seed: int = 0, name: str = "identity", note: str = ""
) -> tuple[Estimate, ...]:
    """Who is in the release? Score: largest cosine similarity to S, in an embedding of identity that no filter used."""
    return groups.attacked(name, *likeness(groups, synthetic), seed, note)


def likeness(groups: Groups, synthetic: NDArray[np.generic]) -> tuple[Floats, Floats]:
    """The scores of :func:`identity_attack`, of members and of non-members."""
    s = unit(finite("embeddings", synthetic))
    t, e = (unit(finite("embeddings", x)) @ s.T for x in (groups.members, groups.nonmembers))
    return t.max(axis=1), e.max(axis=1)


def privacy_gain(
    members: NDArray[np.generic],
    nonmembers: NDArray[np.generic],
    *,
    seed: int = 0,
    metric: str = "privacy_gain",
    note: str = "",
) -> Estimate:
    """1 − (TPR − FPR) of a membership attack by its scores, relative to publishing T (Stadler et al. 2022, eq. 4).

    One record per patient. The threshold for each half of the patients is the best one of the other half: the best one
    of all would find an advantage in pure noise. Ideal 1; above 1 the attack misleads.
    """
    t, e = finite("member scores", members), finite("non-member scores", nonmembers)
    if min(len(t), len(e)) < 4:
        raise NotMeasurableError("privacy gain needs at least 4 members and 4 non-members")
    fold_t, fold_e = patient_folds(None, len(t), 2, seed), patient_folds(None, len(e), 2, seed + 1)
    hit_t, hit_e = np.zeros(len(t)), np.zeros(len(e))
    for side in (0, 1):
        cut = best_cut(t[fold_t != side], e[fold_e != side])
        hit_t[fold_t == side], hit_e[fold_e == side] = t[fold_t == side] > cut, e[fold_e == side] > cut
    wt = patient_weights([str(i) for i in range(len(t))], seed)
    we = patient_weights([str(i) for i in range(len(e))], seed + 1)
    draws = 1 - (wt @ hit_t / len(t) - we @ hit_e / len(e))
    value = float(1 - (hit_t.mean() - hit_e.mean()))
    return Estimate(metric, value, percentile_interval(draws), len(t) + len(e), "1", note)


@dataclass(frozen=True)
class _Guesses:
    """What the attacker says of one group, of those whose attribute is known.

    Attributes:
        confidence, right, truth: probability given to the truth, right or wrong, and the truth.
        known: which of the group these are.
    """

    confidence: Floats
    right: Floats
    truth: NDArray[np.intp]
    patients: list[str]
    known: NDArray[np.bool_]

    def success(self, weights: Floats) -> Floats:
        """Mean over the attribute's values of the weighted share guessed right; NaN where one was not drawn."""
        shares = []
        for value in np.unique(self.truth):
            of = self.truth == value
            total = weights[:, of].sum(axis=1)
            shares.append(ratio(weights[:, of] @ self.right[of], total))
        return np.asarray(np.mean(shares, axis=0), dtype=np.float64)

    @property
    def each(self) -> Floats:
        """1 for whoever was guessed right, 0 for the others, NaN where the attribute is unknown."""
        found = np.full(len(self.known), np.nan)
        found[self.known] = self.right
        return found


@dataclass(frozen=True)
class Inferred:
    """What an attacker who learnt from S guesses of T and of E.

    Attributes:
        naive: of T, for whom the release's commonest value is right: likewise NaN where it is unknown.
    """

    name: str
    members: _Guesses
    others: _Guesses
    naive: Floats
    seed: int
    note: str

    def estimates(self) -> tuple[Estimate, ...]:
        """Two figures: the probability given to the truth, T against E, as an AUC; and the gain.

        The gain is the success on T minus the success on E, where success is the mean over the attribute's values of
        the share guessed right (T and E may be composed differently). Guessing right on both alike is what a useful
        release allows; ideal gain 0.
        """
        t, e, seed = self.members, self.others, self.seed
        on_t, on_e = (float(g.success(np.ones((1, len(g.truth))))[0]) for g in (t, e))
        draws = t.success(patient_weights(t.patients, seed)) - e.success(patient_weights(e.patients, seed + 1))
        text = "; ".join(part for part in (self.note, f"success on E {on_e:.3f}") if part)
        area = auc(
            f"{self.name}_auc",
            t.confidence,
            e.confidence,
            positive_patients=t.patients,
            negative_patients=e.patients,
            seed=seed,
            better="0.5",
            note=text,
        )
        return (area, Estimate(f"{self.name}_gain", on_t - on_e, percentile_interval(draws), area.n, "0", text))


def attribute_inference(
    groups: Groups,
    synthetic: NDArray[np.generic],
    member_attribute: Sequence[str],
    nonmember_attribute: Sequence[str],
    synthetic_attribute: Sequence[str],
    *,
    seed: int = 0,
    name: str = "attribute_inference",
    note: str = "",
) -> Inferred:
    """An attacker knows all of x but one attribute, and learns from S to guess it (Yeom et al. 2018, section 5).

    Rows are what the attacker knows: the image's embedding and the other attributes. A logistic regression (what S says
    of everybody) and the five nearest of S (what it gives away of one) learn the attribute; their mean guesses. The
    empty string is an unknown value, and left out.

    Raises:
        NotMeasurableError: the attribute has fewer than two values that S, T and E share.
    """
    shared = sorted((set(member_attribute) & set(nonmember_attribute) & set(synthetic_attribute)) - {""})
    if len(shared) < 2:
        raise NotMeasurableError("the attribute needs two values that S, T and E share")

    def known(x: NDArray[np.generic], attribute: Sequence[str]) -> tuple[Floats, NDArray[np.intp], NDArray[np.bool_]]:
        values = np.asarray(attribute, dtype=np.str_)
        keep = np.isin(values, shared)
        return finite("features", x)[keep], np.asarray(np.searchsorted(shared, values[keep]), dtype=np.intp), keep

    x, y, _ = known(synthetic, synthetic_attribute)
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000)).fit(
        x, y
    )
    nearest = make_pipeline(StandardScaler(), KNeighborsClassifier(min(5, len(x)), weights="distance")).fit(x, y)

    def guess(x: Floats, attribute: Sequence[str], patients: Sequence[str]) -> _Guesses:
        rows, truth, keep = known(x, attribute)
        probability = np.asarray((linear.predict_proba(rows) + nearest.predict_proba(rows)) / 2, dtype=np.float64)
        right = (probability.argmax(axis=1) == truth).astype(np.float64)
        owners = [p for p, k in zip(patients, keep, strict=True) if k]
        return _Guesses(probability[np.arange(len(truth)), truth], right, truth, owners, keep)

    t = guess(groups.members, member_attribute, groups.member_patients)
    e = guess(groups.nonmembers, nonmember_attribute, groups.nonmember_patients)
    naive = np.where(t.known, np.asarray(member_attribute) == shared[int(np.bincount(y).argmax())], np.nan)
    return Inferred(name, t, e, naive, seed, note)
