"""How long and how varied dialogues are: each figure of the release with the same figure of real dialogues beside it.

Figures that change with the size of a set (distinct-n, self-BLEU, entropy, shared openings) are taken at equal size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from synthgen.errors import MissingExtraError
from synthgen.estimates import (
    Floats,
    NotMeasurableError,
    finite,
    jackknife_interval,
    mean,
    patient_folds,
)
from synthgen.eval.dialogue.records import Dialogues, words
from synthgen.records import Estimate

_GROUPS = 20


def lengths(synthetic: Dialogues, real: Dialogues, *, seed: int = 0) -> tuple[Estimate, ...]:
    """``turns_per_dialogue``, ``words_per_dialogue`` and ``words_per_turn``: means, ideal the real ones."""

    def per_dialogue(x: Dialogues) -> tuple[Floats, Floats, Floats]:
        turns = np.array([len(turns) for turns in x.turn_words], dtype=np.float64)
        spoken = np.array([sum(map(len, turns)) for turns in x.turn_words], dtype=np.float64)
        return turns, spoken, spoken / turns

    found: list[Estimate] = []
    names = ("turns_per_dialogue", "words_per_dialogue", "words_per_turn")
    for name, s, r in zip(names, per_dialogue(synthetic), per_dialogue(real), strict=True):
        found += beside(
            mean(name, s, synthetic.patients, seed=seed, note=f"SD {s.std():.4g}"),
            mean(name, r, real.patients, seed=seed + 1, note=f"SD {r.std():.4g}"),
        )
    return tuple(found)


def beside(synthetic: Estimate, real: Estimate) -> tuple[Estimate, Estimate]:
    """The pair of figures; the real one, whose name gets ``_real``, is the ideal of both."""
    ideal = f"{real.value:.4g}"
    s = Estimate(synthetic.metric, synthetic.value, synthetic.ci95, synthetic.n, ideal, synthetic.note)
    return s, Estimate(f"{real.metric}_real", real.value, real.ci95, real.n, ideal, real.note)


def _jackknifed(
    metric: str, figure: Callable[[Sequence[int]], float], patients: Sequence[str], seed: int, note: str
) -> Estimate:
    """A figure in [0, 1] of a whole set, with the interval of leaving out a twentieth of the patients at a time."""
    everybody = list(range(len(patients)))
    groups = min(_GROUPS, len(set(patients)))
    if groups < 2:
        raise NotMeasurableError(f"{metric} needs two patients")
    fold = patient_folds(patients, len(patients), groups, seed)
    value = figure(everybody)
    left = np.array([figure([i for i in everybody if fold[i] != f]) for f in range(groups)])
    low, high = jackknife_interval(value, finite(metric, left))
    return Estimate(metric, value, (max(0.0, low), min(1.0, high)), len(set(patients)), "higher", note)


def distinct(synthetic: Dialogues, real: Dialogues, n: int, *, budget: int, seed: int = 0) -> tuple[Estimate, ...]:
    """distinct-n (Li et al. 2016): different n-grams over n-grams, within turns, of as many words on either side.

    Args:
        budget: at most so many words; dialogues come in random order, and the last is cut at a turn.

    The jackknife holds the number of words in what is left within a twentieth of the whole's.
    """
    shared = min(budget, *(sum(sum(map(len, turns)) for turns in x.turn_words) for x in (synthetic, real)))
    if shared < 100 * n:
        raise NotMeasurableError(f"distinct-{n} needs {100 * n} words on either side")

    def one(x: Dialogues, seed: int) -> Estimate:
        grams: list[list[tuple[str, ...]]] = []
        owners: list[str] = []
        left = shared
        for index in np.random.default_rng(seed).permutation(len(x)):
            own: list[tuple[str, ...]] = []
            for turn in x.turn_words[index]:
                if left <= 0:
                    break
                left -= len(turn)
                own += zip(*(turn[k:] for k in range(n)), strict=False)
            if own:
                grams.append(own)
                owners.append(x.patients[index])

        def ratio(rows: Sequence[int]) -> float:
            kept = [gram for i in rows for gram in grams[i]]
            return len(set(kept)) / max(1, len(kept))

        return _jackknifed(f"distinct_{n}", ratio, owners, seed, f"on {shared:,} words")

    return beside(one(synthetic, seed), one(real, seed + 1))


def self_bleu(
    synthetic: Dialogues, real: Dialogues, *, dialogues: int, references: int, window: int, seed: int = 0
) -> tuple[Estimate, ...]:
    """Self-BLEU (Zhu et al. 2018): BLEU-4 of a dialogue against dialogues of other patients; lower is more varied.

    sacrebleu computes it (effective order, exponential smoothing, in 0 to 1 here). It depends on the number of
    references and on lengths, so both sides have as many, and ``window`` words of each dialogue from a random place on.

    Raises:
        NotMeasurableError: fewer than four patients on a side.
        MissingExtraError: sacrebleu is not installed.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError:
        raise MissingExtraError("self-BLEU", "dialogue") from None
    patients = min(len(set(synthetic.patients)), len(set(real.patients)))
    if patients < 4:
        raise NotMeasurableError("self-BLEU needs four patients on either side")
    count = min(references, patients - 1)
    bleu = BLEU(tokenize="none", lowercase=False, effective_order=True)

    def one(x: Dialogues, seed: int) -> Estimate:
        rng = np.random.default_rng(seed)
        said = []
        for turns in x.turn_words:
            own = [word for turn in turns for word in turn]
            start = int(rng.integers(max(1, len(own) - window + 1)))
            said.append(" ".join(own[start : start + window]))
        owners = np.asarray(x.patients)
        scored = rng.permutation(len(x))[:dialogues]
        values = []
        for index in scored:
            others: list[int] = []
            taken = {x.patients[index]}
            for candidate in rng.permutation(len(x)):  # one dialogue of each other patient
                if owners[candidate] not in taken and len(others) < count:
                    taken.add(str(owners[candidate]))
                    others.append(int(candidate))
            values.append(bleu.sentence_score(said[index], [said[i] for i in others]).score / 100)
        note = f"sacrebleu, {len(scored)} dialogues, {count} references each, {window} words of each"
        return mean("self_bleu", np.array(values), [x.patients[i] for i in scored], seed=seed, note=note, bounded=True)

    return beside(one(synthetic, seed), one(real, seed + 1))


def topic_entropy(
    synthetic: Dialogues, real: Dialogues, fitted_on: Dialogues, *, topics: int, seed: int = 0
) -> tuple[Estimate, ...]:
    """Entropy of the leading topics over its maximum: 0, all dialogues are on one topic; 1, on all alike.

    Topics are a non-negative factorisation of the TF-IDF of ``fitted_on`` (T), so that the real side is new to them.
    As many dialogues on either side, since entropy is biased downwards in small sets.
    """
    from sklearn.decomposition import NMF
    from sklearn.feature_extraction.text import TfidfVectorizer

    n = min(len(synthetic), len(real))
    if n < 8 or len(fitted_on) < 2 * topics:
        raise NotMeasurableError(f"topic entropy needs 8 dialogues on either side, and {2 * topics} to find topics in")
    tfidf = TfidfVectorizer(stop_words="english", sublinear_tf=True, min_df=2, max_df=0.5, max_features=5000)
    try:
        weights = tfidf.fit_transform(fitted_on.texts)
    except ValueError:
        raise NotMeasurableError("topic entropy needs words that some, not most, dialogues share") from None
    found = NMF(min(topics, weights.shape[1]), init="nndsvd", random_state=seed, max_iter=300).fit(weights)

    def one(x: Dialogues, seed: int) -> Estimate:
        x = x.take(np.sort(np.random.default_rng(seed).permutation(len(x))[:n]))
        leading = found.transform(tfidf.transform(x.texts)).argmax(axis=1)

        def entropy(rows: Sequence[int]) -> float:
            share = np.bincount(leading[list(rows)]) / len(rows)
            share = share[share > 0]
            return float(-(share * np.log(share)).sum() / np.log(found.n_components_))

        note = f"{found.n_components_} topics of T, {n} dialogues"
        return _jackknifed("topic_entropy", entropy, x.patients, seed, note)

    return beside(one(synthetic, seed), one(real, seed + 1))


def shared_openings(synthetic: Dialogues, real: Dialogues, *, seed: int = 0) -> tuple[Estimate, ...]:
    """Share of dialogues whose opening another one has word for word, among equally many.

    ``shared_opening``: the first utterance of the clinician and of the patient both; ``shared_first_utterance``:
    whatever is said first. SMILE has 48% (its first utterances).
    """
    n = min(len(synthetic), len(real))

    def keys(x: Dialogues) -> tuple[list[str], list[str]]:
        first, both = [], []
        for dialogue in x.dialogues:
            sides = [dialogue.said_by(side)[:1] for side in ("clinician", "patient")]
            both.append("|".join(" ".join(words(side[0])) if side else "" for side in sides))
            first.append(" ".join(words(dialogue.turns[0].text)))
        return both, first

    def one(x: Dialogues, seed: int) -> tuple[Estimate, ...]:
        x = x.take(np.sort(np.random.default_rng(seed).permutation(len(x))[:n]))
        figures = []
        for name, own in zip(("shared_opening", "shared_first_utterance"), keys(x), strict=True):
            seen = Counter(own)
            shared = np.array([float(seen[key] > 1) for key in own])
            figures.append(
                mean(name, shared, x.patients, seed=seed, better="lower", note=f"among {n} dialogues", bounded=True)
            )
        return tuple(figures)

    pairs = zip(one(synthetic, seed), one(real, seed + 1), strict=True)
    return tuple(estimate for s, r in pairs for estimate in beside(s, r))
