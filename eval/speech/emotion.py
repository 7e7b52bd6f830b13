"""Is the emotion in the sound? A classifier on acoustic features: unweighted average recall, and recall per class.

Recall per class is what matters: an anonymiser or a synthesiser that erases sadness can keep a fair average (every
baseline of VoicePrivacy 2024 but one does).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.estimates import (
    Floats,
    Indices,
    NotMeasurableError,
    bounded_interval,
    patient_folds,
    patient_weights,
    ratio,
)
from synthgen.eval.speech.features import Measured
from synthgen.eval.utility import utility
from synthgen.records import Estimate

_LEAST_TURNS, _LEAST_VOICES = 5, 2
_FOLDS = 5

Labels = NDArray[np.str_]


def labels_of(found: Measured) -> Labels:
    return np.asarray([turn.segment.emotion for turn in found.turns], dtype=np.str_)


def classes_in(*sets: Measured) -> list[str]:
    """The emotions of which every set has five turns, of two patients."""
    shared: set[str] | None = None
    for found in sets:
        labels, patients = labels_of(found), np.asarray(found.patients, dtype=np.str_)
        counts = Counter(labels.tolist())
        own = {
            str(label)
            for label, count in counts.items()
            if label and count >= _LEAST_TURNS and len(set(patients[labels == label])) >= _LEAST_VOICES
        }
        shared = own if shared is None else shared & own
    return sorted(shared or set())


def recognised_across_voices(synthetic: Measured, *, seed: int) -> tuple[Estimate, ...]:
    """``emotion_uar`` and ``emotion_recall_<emotion>``: trained and tested on the release, on other patients' voices.

    Features are those of the turn, and how they differ from the mean of the voice's turns: a listener too knows a voice
    before telling its mood. Turns are of other sentences as far as the dialogues are.

    Raises:
        NotMeasurableError: fewer than two patients, or two emotions with five turns.
    """
    classes = classes_in(synthetic)
    patients = len(set(synthetic.patients))
    if len(classes) < 2 or patients < 2:
        raise NotMeasurableError("two emotions with five turns each, of two patients, are needed")
    rows = np.concatenate([synthetic.rows, _relative(synthetic)], axis=1)
    labels = labels_of(synthetic)
    kept = np.isin(labels, classes)
    fold = patient_folds(synthetic.patients, len(labels), min(_FOLDS, patients), seed)
    guessed = np.full(len(labels), "", dtype=labels.dtype)
    for f in np.unique(fold):
        learn, test = kept & (fold != f), kept & (fold == f)
        if len(set(labels[learn])) > 1 and test.any():
            guessed[test] = _classifier().fit(rows[learn], labels[learn]).predict(rows[test])
    note = f"trained on held-out synthetic voices ({min(_FOLDS, patients)} folds of patients), {int(kept.sum())} turns"
    return _recalls("emotion", labels[kept], guessed[kept], _at(synthetic.patients, kept), classes, seed, note)


def recognised_by_real(synthetic: Measured, train: Measured, test: Measured, *, seed: int) -> tuple[Estimate, ...]:
    """``emotion_uar_trained_on_real`` with its recalls, on the release; ``emotion_uar_real``, the same on E.

    Raises:
        NotMeasurableError: the release and T share no two labelled emotions with five turns.
    """
    classes = classes_in(synthetic, train)
    if len(classes) < 2:
        raise NotMeasurableError("the real recordings have no labels of two of the release's emotions")
    real = labels_of(train)
    known = np.isin(real, classes)
    model = _classifier().fit(train.rows[known], real[known])
    note = f"trained on {int(known.sum())} real turns of T"
    found: list[Estimate] = []
    for name, suffix, measured in (("emotion_trained_on_real", "", synthetic), ("emotion", "_real", test)):
        labels = labels_of(measured)
        kept = np.isin(labels, classes)
        if len(set(labels[kept])) < 2:
            continue
        guessed = np.asarray(model.predict(measured.rows[kept]), dtype=np.str_)
        rows = _recalls(name, labels[kept], guessed, _at(measured.patients, kept), classes, seed, note)
        found += [_renamed(row, suffix) for row in (rows if not suffix else rows[:1])]
    return tuple(found)


def tstr(synthetic: Measured, train: Measured, test: Measured, *, repeats: int, seed: int) -> tuple[Estimate, ...]:
    """Macro AUC on E of emotion classifiers trained on S, on as many turns of T, and on both; see ``utility``.

    Raises:
        NotMeasurableError: too few labelled turns on a side.
    """
    classes = classes_in(synthetic, train, test)
    if len(classes) < 2:
        raise NotMeasurableError("the real recordings have no labels of two of the release's emotions")
    s, t, e = (found.take(np.isin(labels_of(found), classes)) for found in (synthetic, train, test))
    truth = np.asarray(labels_of(e)[:, None] == np.asarray(classes)[None, :], dtype=np.bool_)
    size = int(0.9 * min(len(s.turns), len(t.turns)))
    scores: dict[str, list[Floats]] = {"synthetic": [], "real": [], "both": []}
    for repeat in range(repeats):
        rng = np.random.default_rng((seed, repeat))
        a, b = (_balanced_draw(labels_of(x), size, rng) for x in (s, t))
        sets = {
            "synthetic": (s.rows[a], labels_of(s)[a]),
            "real": (t.rows[b], labels_of(t)[b]),
            "both": (np.concatenate([s.rows[a], t.rows[b]]), np.concatenate([labels_of(s)[a], labels_of(t)[b]])),
        }
        for name, (rows, labels) in sets.items():
            scores[name].append(_scores(rows, labels, e.rows, classes))
    note = f"emotion by acoustic features, {size} turns of either kind"
    return utility(
        truth, classes, e.patients,
        synthetic=np.stack(scores["synthetic"]), real=np.stack(scores["real"]), both=np.stack(scores["both"]),
        seed=seed, note=note,
    )  # fmt: skip


def _balanced_draw(labels: Labels, size: int, rng: np.random.Generator) -> Indices:
    """``size`` rows, no class left out."""
    order = rng.permutation(len(labels))
    _, first = np.unique(labels[order], return_index=True)
    rest = np.delete(np.arange(len(order)), first)
    return np.asarray(order[np.concatenate([first, rest])[:size]], dtype=np.intp)


def _scores(rows: Floats, labels: Labels, others: Floats, classes: list[str]) -> Floats:
    """[n, L]; a class that was not drawn gets the same score for all."""
    model = _classifier(probability=True).fit(rows, labels)
    found = np.zeros((len(others), len(classes)))
    decided = np.asarray(model.decision_function(others), dtype=np.float64)
    if decided.ndim == 1:  # two classes
        decided = np.stack([-decided, decided], axis=1)
    for column, name in enumerate(model.classes_):
        found[:, classes.index(str(name))] = decided[:, column]
    return found


def _classifier(*, probability: bool = False) -> Any:
    """A support vector machine for recall; logistic regression where classes are ranked."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    if probability:
        return make_pipeline(StandardScaler(), LogisticRegression(C=1.0, class_weight="balanced", max_iter=2000))
    return make_pipeline(StandardScaler(), SVC(C=10.0, gamma=0.03, class_weight="balanced"))


def _relative(found: Measured) -> Floats:
    """Rows less the mean of their voice's rows."""
    _, index = np.unique(np.asarray(found.voices, dtype=np.str_), return_inverse=True)
    sums = np.zeros((int(index.max()) + 1, found.rows.shape[1]))
    np.add.at(sums, index, found.rows)
    return np.asarray(found.rows - (sums / np.bincount(index)[:, None])[index], dtype=np.float64)


def _at(patients: list[str], kept: NDArray[np.bool_]) -> list[str]:
    return [patient for patient, keep in zip(patients, kept, strict=True) if keep]


def _recalls(
    name: str, truth: Labels, guessed: Labels, patients: list[str], classes: list[str], seed: int, note: str
) -> tuple[Estimate, ...]:
    """UAR first, then the classes; patients of the tested turns are resampled, the classifier is not trained anew."""
    weights = np.concatenate([np.ones((1, len(truth))), patient_weights(patients, seed)])
    right = (truth == guessed).astype(np.float64)
    found: list[Estimate] = []
    shares: list[Floats] = []
    for label in classes:
        of = truth == label
        if not of.any():
            continue
        draws = ratio(weights[:, of] @ right[of], weights[:, of].sum(axis=1))
        owners = len({p for p, o in zip(patients, of, strict=True) if o})
        value = float(draws[0])
        confused = Counter(guessed[of & (guessed != label)].tolist()).most_common(1)
        text = f"{int(of.sum())} turns" + (f", taken most often for {confused[0][0]}" if confused else "")
        interval = bounded_interval(value, draws[1:], owners)
        found.append(Estimate(f"{name}_recall_{label}", value, interval, owners, "higher", text))
        shares.append(draws)
    mean = np.mean(np.stack(shares), axis=0)
    n, value = len(set(patients)), float(mean[0])
    chance = f"{note}; {len(shares)} emotions, chance {1 / len(shares):.2f}"
    uar = Estimate(f"{name}_uar", value, bounded_interval(value, mean[1:], n), n, "higher", chance)
    return (uar, *found)


def _renamed(figure: Estimate, suffix: str) -> Estimate:
    return Estimate(f"{figure.metric}{suffix}", figure.value, figure.ci95, figure.n, figure.better, figure.note)
