"""Singling out: predicates drawn from the release, of which each should be true of exactly one real patient.

As Giomi et al. 2023 do, after the predicates of Cohen and Nissim 2020 (Towards Formalizing the GDPR's
Notion of Singling Out); and for records that are no table: to lie near a sample, in an embedding.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats
from scipy.spatial.distance import cdist
from scipy.special import betaln

from synthgen.estimates import Floats, NotMeasurableError, jackknife_interval, patient_folds
from synthgen.eval.known import Known, is_number
from synthgen.records import Estimate
from synthgen.risks import Risk, risk_of, wilson

GUESSES: Final = 500
_CLAUSES: Final = 3
_TRIES: Final = 20
_FEWEST: Final = 20
_FOLDS: Final = 20

Holds = NDArray[np.bool_]
"""Of whom each predicate is true: [guesses, people]."""

_SIGNS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "==": operator.eq, "!=": operator.ne, "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt
}  # fmt: skip


@dataclass(frozen=True)
class Clause:
    """What a predicate says of one attribute."""

    name: str
    sign: str
    value: float | str

    def holds(self, known: Known) -> NDArray[np.bool_]:
        return np.asarray(_SIGNS[self.sign](known[self.name], self.value), dtype=np.bool_)


Predicate = tuple[Clause, ...]
"""Clauses that are all true."""


def holds(predicates: Sequence[Predicate], known: Known) -> Holds:
    """Of which records each predicate is true."""
    return np.array([np.all([c.holds(known) for c in one], axis=0) for one in predicates], dtype=np.bool_).reshape(
        len(predicates), len(known)
    )


def of_one_attribute(release: Known, most: int, rng: np.random.Generator) -> list[Predicate]:
    """The largest, the smallest, and every value that one sample alone has."""
    found: list[Predicate] = []
    for name in release.names:
        column = release[name]
        told = column[~np.isnan(column)] if is_number(column) else column[column != ""]
        values, counts = np.unique(told, return_counts=True)
        if is_number(column) and len(values):
            found += [(Clause(name, "<=", float(values[0])),), (Clause(name, ">=", float(values[-1])),)]
        found += [(Clause(name, "==", _plain(value)),) for value in values[counts == 1]]
    return _isolating([found[i] for i in rng.permutation(len(found))], release)[:most]


def of_several(release: Known, most: int, rng: np.random.Generator) -> list[Predicate]:
    """Three attributes of a sample; of a number, that it is at least, or at most, as far from the median."""
    middle = {name: float(np.nanmedian(release[name])) for name in release.names if is_number(release[name])}

    def clause(name: str, at: int) -> Clause:
        value = _plain(release[name][at])
        if isinstance(value, str):
            return Clause(name, "==", value)
        return Clause(name, ">=" if value > middle[name] else "<=", value)

    found: dict[Predicate, None] = {}
    for _ in range(_TRIES):
        drawn = [_drawn(release, clause, rng) for _ in range(most)]
        found.update(dict.fromkeys(_isolating(drawn, release)))
        if len(found) >= most:
            break
    return list(found)[:most]


def _drawn(release: Known, clause: Callable[[str, int], Clause], rng: np.random.Generator) -> Predicate:
    at = int(rng.integers(len(release)))
    names = rng.choice(len(release.names), min(_CLAUSES, len(release.names)), replace=False)
    return tuple(clause(release.names[i], at) for i in sorted(names))


def blind(release: Known, clauses: int, most: int, rng: np.random.Generator) -> list[Predicate]:
    """Random signs and values: what a guess is worth that does not look where it isolates."""

    def clause(name: str) -> Clause:
        column = release[name]
        signs = list(_SIGNS) if is_number(column) else ["==", "!="]
        return Clause(name, signs[int(rng.integers(len(signs)))], _plain(column[int(rng.integers(len(column)))]))

    size = min(clauses, len(release.names))
    return [
        tuple(clause(release.names[i]) for i in rng.choice(len(release.names), size, replace=False))
        for _ in range(most)
    ]


def _isolating(predicates: Sequence[Predicate], release: Known) -> list[Predicate]:
    """Those that are true of one sample; samples that are the same count as one."""
    rows = list(zip(*(column.tolist() for column in release.columns), strict=True))
    first = np.array(sorted({row: i for i, row in reversed(list(enumerate(rows)))}.values()), dtype=np.intp)
    one = holds(predicates, release.take(first)).sum(axis=1) == 1
    return list(dict.fromkeys(p for p, keep in zip(predicates, one, strict=True) if keep))


def _plain(value: Any) -> float | str:
    return str(value) if isinstance(value, str) else float(value)


def by_attributes(
    release: Known, members: Known, others: Known, *, seed: int, guesses: int = GUESSES, note: str = ""
) -> Iterator[Risk]:
    """By one attribute, and by up to three together."""
    for attack, clauses, drawn in (
        ("one attribute", 1, of_one_attribute),
        ("several attributes", _CLAUSES, of_several),
    ):
        if clauses > 1 and len(release.names) < 2:
            continue
        rng = np.random.default_rng((seed, clauses))
        predicates = drawn(release, guesses, rng)
        if len(predicates) < _FEWEST:
            continue
        naive = holds(blind(release, clauses, guesses, rng), members)
        yield singled_out(attack, holds(predicates, members), holds(predicates, others), naive, seed=seed, note=note)


def near_a_sample(
    release: Floats, members: Floats, others: Floats, reference: Floats, *, seed: int, guesses: int = GUESSES,
    attack: str = "near a sample", note: str = "",
) -> Risk:  # fmt: skip
    """To lie nearer to a sample than half the way to the next one. Rows are [n, D].

    The naive guess takes people of the reference population C for the samples, at the same distances.

    Raises:
        NotMeasurableError: too few samples, or nobody in C.
    """
    if min(len(release), len(members), len(others)) < _FEWEST or not len(reference):
        raise NotMeasurableError(f"singling out needs {_FEWEST} samples and people on each side, and patients of C")
    rng = np.random.default_rng((seed, 0))
    chosen = rng.permutation(len(release))[:guesses]
    apart = cdist(release[chosen], release)
    apart[np.arange(len(chosen)), chosen] = np.inf
    apart[apart == 0] = np.inf  # samples that are the same count as one
    reach = apart.min(axis=1, keepdims=True) / 2
    elsewhere = reference[rng.integers(len(reference), size=len(chosen))]
    return singled_out(
        attack,
        cdist(release[chosen], members) <= reach,
        cdist(release[chosen], others) <= reach,
        cdist(elsewhere, members) <= reach,
        seed=seed,
        note=note,
    )


def singled_out(attack: str, members: Holds, others: Holds, naive: Holds, *, seed: int = 0, note: str = "") -> Risk:
    """The risk of predicates that were drawn from the release: share that is true of exactly one person.

    How easily a predicate isolates depends on among how many: the control is told for as many people as T has (see
    :func:`size_ratio`). The interval is the wider of two: over guesses (Wilson), as Giomi et al. have it, and over
    patients (delete-a-group jackknife, which errs on the wide side: Efron and Stein 1981).
    """
    n, m = members.shape[1], others.shape[1]
    ratio = 1.0 if n == m else size_ratio(others.sum(axis=1), m, n)
    told = "; ".join(
        part
        for part in (note, f"{len(members)} predicates", "" if n == m else f"control of {m} patients scaled to {n}")
        if part
    )
    success = _isolates("singling_out_success", members, 1.0, seed, told)
    control = _isolates("singling_out_control", others, ratio, seed + 1, told)
    guess = _isolates("singling_out_naive", naive, 1.0, seed + 2, told)
    return risk_of("singling_out", attack, success, control, guess, told)


def _isolates(metric: str, held: Holds, ratio: float, seed: int, note: str) -> Estimate:
    counts, guesses = held.sum(axis=1), len(held)
    value = float((counts == 1).mean())
    folds = patient_folds(None, held.shape[1], min(_FOLDS, held.shape[1]), seed)
    left_out = [((counts - held[:, folds == fold].sum(axis=1)) == 1).mean() for fold in np.unique(folds)]
    by_chance, by_patients = wilson(value * guesses, guesses), jackknife_interval(value, np.array(left_out))
    low, high = max(0.0, min(by_chance[0], by_patients[0])), max(by_chance[1], by_patients[1])
    scaled = [min(1.0, ratio * end) for end in (value, low, high)]
    return Estimate(metric, scaled[0], (scaled[1], scaled[2]), guesses, "lower", note)


def size_ratio(counts: NDArray[np.intp], m: int, n: int) -> float:
    """How much oftener a predicate isolates one of n people than one of m, by of how many of the m each is true.

    The share w of all people of whom a predicate is true is taken to vary as a Beta distribution, which is fitted to
    the counts by maximum likelihood; one of n is isolated with a chance of n w (1 − w)^(n − 1) (Cohen and Nissim 2020).
    Giomi et al. 2023 fit a uniform one to counts in subsamples. Of nobody true: n / m, the limit.
    """
    values, often = np.unique(counts, return_counts=True)
    if not values.any():
        return n / m

    def unlikely(log: Floats) -> float:
        a, b = np.exp(log)
        return -float(often @ stats.betabinom.logpmf(values, m, a, b))

    fitted = optimize.minimize(unlikely, np.log([0.5, 0.5 * m]), method="Nelder-Mead", bounds=[(-12, 12)] * 2)
    a, b = np.exp(fitted.x)

    def isolates(size: int) -> float:
        return float(np.log(size) + betaln(a + 1, b + size - 1))

    return float(np.exp(isolates(n) - isolates(m)))
