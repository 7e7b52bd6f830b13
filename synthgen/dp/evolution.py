"""Private Evolution with the patient as the unit: patients vote on public candidates, and only noisy votes are seen.

A population of candidates is drawn from a public generator. In every round each patient spends one unit of L2 norm on
the candidates nearest to its records; the sum of all patients' votes is released once, with Gaussian noise, and all
that follows (weights, choice of parents, variation) reads nothing else. So r rounds with noise σ are r Gaussian
mechanisms of sensitivity 1, whatever the candidates, the embedding and the number of a patient's records are:
μ = √r / σ in the sense of Gaussian DP (Dong et al. 2022).

Sources: Lin et al. 2024 (Private Evolution, images), Xie et al. 2024 (text), Lin et al. 2025 (over simulators). Votes
normalised per patient make the guarantee one for patients instead of records. What is stated holds in real arithmetic:
the noise is drawn in double precision (Mironov 2012 on what its last bits can tell).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from synthgen.dp.noise import normal

Floats = NDArray[np.float64]
P = TypeVar("P")

_CHUNK: Final = 4096
_FIRST_RATE: Final = 0.02
_DRAW, _VARY = 0xD4A3, 0x7A47


class Population(Protocol[P]):
    """A public generator: what it draws, varies and embeds depends on no patient."""

    def draw(self, rng: np.random.Generator, n: int) -> list[P]:
        """``n`` new candidates."""
        ...

    def vary(self, rng: np.random.Generator, parents: Sequence[P], strength: float) -> list[P]:
        """A child of every parent, of the parent's condition; ``strength`` in (0, 1], 1 changes the most."""
        ...

    def embed(self, candidates: Sequence[P]) -> Floats:
        """Features [n, d] in which Euclidean distance tells how like a record a candidate is."""
        ...

    def conditions(self, candidates: Sequence[P]) -> list[str]:
        """The condition of each, in whose votes alone it takes part; the same for all where there are none."""
        ...


@dataclass(frozen=True, slots=True)
class EvolutionSettings:
    """How a population is evolved. None of it may be chosen by looking at the patients who vote.

    Attributes:
        candidates: of the first round, over all conditions, >= 2.
        children: variations that every further round adds, >= 1.
        rounds: noisy votes that are released, >= 1.
        refinements: further generations that are weighted by the votes of the rounds before, at no cost of privacy.
        spread: share of its condition's candidates on which a record's vote is spread, in (0, 1]. With L2 norm one,
            k votes of one patient add up to √k, against noise that is the same for each candidate.
        prior: weight of the relative entropy that holds the weights near uniform ones, > 0.
        strength: of the first variation, in (0, 1].
        decay: factor on the strength from one generation to the next, in (0, 1].
        steps: most steps of the fit of the weights.
    """

    candidates: int = 1000
    children: int = 500
    rounds: int = 1
    refinements: int = 2
    spread: float = 0.16
    prior: float = 30.0
    strength: float = 0.4
    decay: float = 0.8
    steps: int = 250

    def __post_init__(self) -> None:
        for name, least in (("candidates", 2), ("children", 1), ("rounds", 1), ("refinements", 0), ("steps", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be >= {least}, got {getattr(self, name)}")
        for name in ("spread", "strength", "decay"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in (0, 1], got {getattr(self, name)}")
        if not (math.isfinite(self.prior) and self.prior > 0):
            raise ValueError(f"prior must be finite and > 0, got {self.prior}")

    def neighbours(self, candidates: int) -> int:
        """On how many of so many candidates a vote is spread: at least one."""
        return min(candidates, max(1, round(self.spread * candidates)))


@dataclass(frozen=True, slots=True)
class Ballot:
    """What is voted on: features [m, d] of the candidates and their conditions, m."""

    features: Floats
    conditions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Voters:
    """The records of the patients who vote: features [r, d], and of each record the patient and the condition."""

    features: Floats
    patients: tuple[str, ...]
    conditions: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.features) == len(self.patients) == len(self.conditions):
            raise ValueError("features, patients and conditions must be of the same length")


def patient_votes(voters: Voters, ballot: Ballot, settings: EvolutionSettings) -> Floats:
    """The votes of every patient, [patients, m], rows in the order of the sorted identifiers, of L2 norm 1 or 0.

    A record votes alike for the nearest candidates of its own condition (``settings.spread``). A patient's records are
    summed, then divided by their norm, so that a hundred of them weigh no more than one. A record without a candidate
    of its condition does not vote.
    """
    names = sorted(set(voters.patients))
    row = {name: i for i, name in enumerate(names)}
    rows = np.array([row[name] for name in voters.patients], dtype=np.int64)
    votes = np.zeros((len(names), len(ballot.conditions)))
    asked, offered = np.array(voters.conditions), np.array(ballot.conditions)
    for condition in sorted(set(ballot.conditions)):
        records, candidates = np.flatnonzero(asked == condition), np.flatnonzero(offered == condition)
        k = settings.neighbours(len(candidates))
        nearest = _nearest(voters.features[records], ballot.features[candidates], k)
        np.add.at(votes, (rows[records][:, None], candidates[nearest]), 1.0)
    norms = np.linalg.norm(votes, axis=1, keepdims=True)
    return np.asarray(votes / np.maximum(norms, 1.0))


def _nearest(records: Floats, candidates: Floats, k: int) -> NDArray[np.int64]:
    """Places of the ``k`` nearest candidates of each record, [r, k]; of equally near ones the first."""
    chunks = [np.zeros((0, k), np.int64)]
    for start in range(0, len(records), _CHUNK):
        distance = cdist(records[start : start + _CHUNK], candidates)
        chunks.append(np.argsort(distance, axis=1, kind="stable")[:, :k])
    return np.concatenate(chunks)


def noisy_votes(
    voters: Voters, ballot: Ballot, settings: EvolutionSettings, sigma: float, rng: np.random.Generator
) -> Floats:
    """The votes of all patients for each candidate with Gaussian noise, [m]: one Gaussian mechanism of sensitivity 1.

    Args:
        sigma: standard deviation of the noise in votes; 0 is no privacy at all.
        rng: a private stream that is used for nothing else; whoever knows its seed can take the noise off.

    Raises:
        ValueError: ``sigma`` is negative or not finite.
    """
    if not (math.isfinite(sigma) and sigma >= 0):
        raise ValueError(f"sigma must be finite and >= 0, got {sigma}")
    votes = np.zeros(len(ballot.conditions))
    for block in patient_blocks(voters):
        votes += patient_votes(block, ballot, settings).sum(axis=0)
    return np.asarray(votes + sigma * normal(rng, votes.shape))


def patient_blocks(voters: Voters) -> Iterator[Voters]:
    """The same in blocks of so many patients, each with all records, so that a large cohort's votes fit in memory."""
    names, codes = np.unique(np.array(voters.patients, dtype=np.str_), return_inverse=True)
    for start in range(0, len(names), _CHUNK):
        kept = np.flatnonzero((codes >= start) & (codes < start + _CHUNK))
        patients, conditions = ([them[i] for i in kept] for them in (voters.patients, voters.conditions))
        yield Voters(voters.features[kept], tuple(patients), tuple(conditions))


def expected_votes(candidates: Ballot, ballot: Ballot, settings: EvolutionSettings, start: int | None = None) -> Floats:
    """How each candidate would spread one vote if it were a record, [m, n]; columns sum to 1, or to 0 unheard.

    Args:
        start: where the ballot stands among the candidates, when it does: none of them votes for itself.
    """
    votes = np.zeros((len(ballot.conditions), len(candidates.conditions)))
    asked, offered = np.array(candidates.conditions), np.array(ballot.conditions)
    for condition in sorted(set(ballot.conditions)):
        places = np.flatnonzero(offered == condition)
        k = settings.neighbours(len(places))
        columns = np.flatnonzero(asked == condition)
        distance = cdist(candidates.features[columns], ballot.features[places])
        if start is not None and len(places) > 1:
            distance[columns[:, None] == places[None, :] + start] = np.inf
        nearest = np.argsort(distance, axis=1, kind="stable")[:, :k]
        votes[places[nearest], columns[:, None]] = 1 / k
    return votes


@dataclass(frozen=True, slots=True)
class Evidence:
    """A round's release beside what was to be expected: noisy votes [m], expected votes [m, n] of the n candidates."""

    votes: Floats
    expected: Floats


def matched_weights(evidence: Sequence[Evidence], sigma: float, settings: EvolutionSettings) -> Floats:
    """The weights [n], >= 0 and of sum 1, under which the population would vote as the patients did.

    Votes alone are no weights: the candidates in the middle are near to everybody ("hubs"), so that by votes the
    population shrinks from round to round. Here a hub is expected to have many votes. Least squares over the simplex,
    held back by ``settings.prior`` times the relative entropy from uniform weights, which is what keeps the noise
    out; by exponentiated gradient (Kivinen and Warmuth 1997) with steps that only go down.
    """
    parts = [_scaled(one, sigma) for one in evidence]
    fit = _Fit(np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts]), settings.prior)
    here, rate = fit.at(np.zeros(evidence[0].expected.shape[1])), _FIRST_RATE
    for _ in range(settings.steps):
        there, rate = fit.lower(here, rate)
        if here.loss - there.loss < 1e-6 * abs(here.loss):
            break
        here = there
    return here.weights


@dataclass(frozen=True, slots=True)
class _Point:
    """Weights [n], their logarithms against uniform ones, what they leave unexplained [m], and the loss."""

    weights: Floats
    logs: Floats
    left: Floats
    loss: float


@dataclass(frozen=True, slots=True)
class _Fit:
    """½ |seen − expected · w|² + prior · Σ w ln(n w)."""

    expected: Floats
    seen: Floats
    prior: float

    def at(self, logs: Floats) -> _Point:
        """The point whose weights are as exp(logs)."""
        raised = np.exp(logs - logs.max())
        weights = raised / raised.sum()
        above = logs - logs.max() - math.log(float(raised.mean()))
        left = self.seen - self.expected @ weights
        return _Point(weights, above, left, 0.5 * float(left @ left) + self.prior * float(weights @ above))

    def lower(self, point: _Point, rate: float) -> tuple[_Point, float]:
        """A step that does not go up, and the rate to try next; the point itself where there is none."""
        slope = self.prior * point.logs - self.expected.T @ point.left
        slope -= slope @ point.weights
        while rate > 1e-9:
            there = self.at(point.logs - rate * slope)
            if there.loss <= point.loss:
                return there, 1.3 * rate
            rate *= 0.5
        return point, rate


def _scaled(one: Evidence, sigma: float) -> tuple[Floats, Floats]:
    """Both sides in standard deviations: the noise's, and what sampling and a simulator that is not the world add."""
    mass = max(float(one.votes.sum()), 1.0)
    deviation = math.sqrt(sigma**2 + max(mass / len(one.votes), 0.05))
    return mass * one.expected / deviation, one.votes / deviation


def vote_weights(votes: Floats, sigma: float, threshold: float = 1.0) -> Floats:
    """Weights [m] in proportion to what the noisy votes exceed ``threshold`` · σ by; uniform where none does.

    The weighting of Lin et al. 2024, and the one-shot baseline.
    """
    above = np.maximum(votes - threshold * sigma, 0.0)
    return np.asarray(above / above.sum()) if above.sum() > 0 else np.full(len(votes), 1 / len(votes))


@dataclass(frozen=True)
class Evolved(Generic[P]):
    """A private prior: candidates and their weights, which sum to one."""

    candidates: tuple[P, ...]
    weights: Floats


Ask = Callable[[int, Ballot], Floats]
"""Puts the ballot of a round to the patients and returns their noisy votes [m]: all that ever sees them.

A caller that resumes returns for a finished round the votes that it has saved: a ballot follows from the seed and the
votes before, so that it is the same again, and drawing other noise for it would be a second release.
"""


def evolve(population: Population[P], ask: Ask, sigma: float, settings: EvolutionSettings, seed: int) -> Evolved[P]:
    """Evolves candidates under the patients' noisy votes. All but ``ask`` is post-processing and costs no privacy.

    Args:
        sigma: of the noise in the votes that ``ask`` returns.
        seed: of the candidates and of their variation; not of the noise.

    Raises:
        ValueError: ``ask`` returned other than one finite number per candidate.
    """
    pool: list[P] = []
    features, conditions = np.zeros((0, 0)), list[str]()
    ballots: list[tuple[int, Ballot, Floats]] = []
    weights = np.zeros(0)
    for number in range(settings.rounds + settings.refinements):
        new = _next(population, pool, weights, number, settings, seed)
        start = len(pool)
        pool += new
        embedded = np.asarray(population.embed(new), dtype=np.float64)
        features = np.concatenate([features, embedded]) if start else embedded
        conditions += population.conditions(new)
        if number < settings.rounds:
            ballot = Ballot(embedded, tuple(conditions[start:]))
            ballots.append((start, ballot, _checked(ask(number, ballot), len(new))))
        everyone = Ballot(features, tuple(conditions))
        evidence = [
            Evidence(votes, expected_votes(everyone, ballot, settings, first)) for first, ballot, votes in ballots
        ]
        weights = matched_weights(evidence, sigma, settings)
    return Evolved(tuple(pool), weights)


def _next(
    population: Population[P], pool: Sequence[P], weights: Floats, number: int, settings: EvolutionSettings, seed: int
) -> list[P]:
    """The first population, or variations of parents drawn by weight."""
    if not number:
        return population.draw(np.random.default_rng([seed, _DRAW]), settings.candidates)
    rng = np.random.default_rng([seed, number, _VARY])
    parents = [pool[i] for i in rng.choice(len(pool), settings.children, p=weights)]
    return population.vary(rng, parents, settings.strength * settings.decay ** (number - 1))


def _checked(votes: Floats, n: int) -> Floats:
    if votes.shape != (n,) or not np.isfinite(votes).all():
        raise ValueError(f"a round's votes must be {n} finite numbers, got {votes.shape}")
    return votes


def sample(prior: Evolved[P], conditions: Sequence[str], wanted: str, rng: np.random.Generator, n: int) -> list[P]:
    """``n`` candidates of a condition by weight; of all conditions where none of that one has any weight.

    Args:
        conditions: of the prior's candidates.
    """
    held = np.array([condition == wanted for condition in conditions])
    weights = np.where(held, prior.weights, 0.0) if prior.weights[held].sum() > 0 else prior.weights
    return [prior.candidates[i] for i in rng.choice(len(weights), n, p=weights / weights.sum())]
