"""Are the labels in the transcripts? TF-IDF and logistic regression, trained on synthetic, tested on real (TSTR)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.estimates import Floats, NotMeasurableError
from synthgen.eval.dialogue.config import EvaluationConfig
from synthgen.eval.dialogue.records import Dialogues
from synthgen.eval.utility import LEAST, utility
from synthgen.records import Estimate


def shared_label(synthetic: Dialogues, train: Dialogues, test: Dialogues, config: EvaluationConfig) -> str:
    """``severity`` or ``disorder``: what the configuration asks for, or the first of which all sets share two values.

    Raises:
        NotMeasurableError: there is none.
    """
    for name in ("severity", "disorder") if config.label == "auto" else (config.label,):
        if len(_shared(name, synthetic, train, test)) >= 2:
            return name
    raise NotMeasurableError("the release and the real dialogues share no two values of severity or disorder")


def _values(x: Dialogues, name: str) -> list[str]:
    return [str(getattr(condition, name)) for condition in x.conditions]


def _shared(name: str, *sets: Dialogues) -> list[str]:
    return sorted(set.intersection(*({*_values(x, name)} for x in sets)) - {""})


@dataclass(frozen=True)
class Trained:
    """What classifiers read in held-out dialogues.

    Attributes:
        test: those of which the label is known.
        truth: [n, L].
        on_synthetic, on_real, on_both: scores [K, n, L].
    """

    test: Dialogues
    classes: tuple[str, ...]
    truth: NDArray[np.bool_]
    on_synthetic: Floats
    on_real: Floats
    on_both: Floats
    note: str

    def utility(self, seed: int = 0) -> tuple[Estimate, ...]:
        """See :func:`synthgen.eval.utility.utility`."""
        return utility(
            self.truth,
            self.classes,
            self.test.patients,
            synthetic=self.on_synthetic,
            real=self.on_real,
            both=self.on_both,
            seed=seed,
            note=self.note,
        )


def tstr(
    synthetic: Dialogues, train: Dialogues, test: Dialogues, config: EvaluationConfig, *, seed: int = 0
) -> Trained:
    """Classifiers trained on S, on as much of T, and on both, on held-out dialogues.

    Every training draws its dialogues anew, so that the intervals hold the chance of the draw.

    Raises:
        NotMeasurableError: no label is shared, or too few dialogues have one.
    """
    name = shared_label(synthetic, train, test, config)
    classes = _shared(name, synthetic, train, test)
    s, t, e = (_labelled(x, name, classes) for x in (synthetic, train, test))
    truth = np.array([[value == label for label in classes] for value in _values(e, name)], dtype=np.bool_)
    on_s: list[Floats] = []
    on_t: list[Floats] = []
    on_both: list[Floats] = []
    for repeat in range(config.classifier_repeats):
        rng = np.random.default_rng((seed, repeat))
        n = min(len(s), len(t))
        if n < 4 * LEAST:
            raise NotMeasurableError(f"training a classifier of {name} needs {4 * LEAST} labelled dialogues, has {n}")
        # A tenth is left out of each draw: where S is as small as n, the trainings would else be the same.
        a, b = (x.take(rng.permutation(len(x))[: max(4 * LEAST, int(0.9 * n))]) for x in (s, t))
        both = Dialogues(a.dialogues + b.dialogues, a.conditions + b.conditions, a.patients + b.patients)
        for scores, x in ((on_s, a), (on_t, b), (on_both, both)):
            scores.append(_scores(x, e, name, classes))
    note = f"{name} by TF-IDF and logistic regression, {int(max(4 * LEAST, 0.9 * n))} dialogues of either kind"
    scores_of = (np.stack(on_s), np.stack(on_t), np.stack(on_both))
    return Trained(e, tuple(classes), truth, *scores_of, note)


def _labelled(x: Dialogues, name: str, classes: list[str]) -> Dialogues:
    return x.take([i for i, value in enumerate(_values(x, name)) if value in classes])


def _scores(x: Dialogues, e: Dialogues, name: str, classes: list[str]) -> Floats:
    """Scores [n, L] of the audit dialogues; a class that was not drawn gets the same score for all."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    tfidf = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, max_features=50_000)
    rows, labels = tfidf.fit_transform(x.texts), np.asarray(_values(x, name))
    found: NDArray[np.float64] = np.zeros((len(e), len(classes)))
    others = tfidf.transform(e.texts)
    for column, label in enumerate(classes):
        on = labels == label
        if on.any() and not on.all():
            model = LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000).fit(rows, on)
            found[:, column] = model.decision_function(others)
    return found
