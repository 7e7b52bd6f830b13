"""What a screen that is itself differentially private can do, and plausible deniability as one that is.

Whether a candidate passes is an output like any other: if releasing it is (ε, δ)-private for one patient, then a screen
catches copies of the patient's records at most e^ε times as often as it blocks a stranger's, plus δ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.spatial.distance import cdist, pdist

from synthgen.dp.accounting import Gaussian
from synthgen.dp.evolution import Ballot, Floats, Population, Voters, patient_blocks
from synthgen.dp.noise import normal
from synthgen.errors import UserError

P = TypeVar("P")

_PAIRS = 0x9A12


def most_caught(epsilon: float, delta: float, blocked: float) -> float:
    """The largest share of copies that an (ε, δ)-private screen catches while it blocks ``blocked`` of strangers.

    >>> round(most_caught(3.0, 0.0, 0.01), 3)
    0.201
    """
    return min(1.0, math.exp(min(epsilon, 700.0)) * _share(blocked) + _share(delta))


def epsilon_to_catch(share: float, blocked: float, delta: float = 0.0) -> float:
    """The least ε at which a private screen can catch ``share`` of copies and block ``blocked`` of strangers.

    >>> round(epsilon_to_catch(0.95, 0.01), 2)
    4.55

    Infinite where nobody may be blocked, 0 where δ or blind blocking suffices.
    """
    needed = _share(share) - _share(delta)
    if needed <= _share(blocked):
        return 0.0
    return math.log(needed / blocked) if blocked > 0 else math.inf


@dataclass(frozen=True)
class Deniability:
    """A candidate passes when about ``k`` patients or more could explain it (Bindschaedler, Shokri and Gunter 2017).

    All candidates are judged at once, by noisy counts. Of one patient at most ``nearest`` of them change, each by 1: a
    Gaussian mechanism of L2 sensitivity √nearest, whatever the number of candidates, of which each would cost by itself
    where a patient may count for all of them (their test: a threshold with noise of its own for every candidate).

    Candidates are those of a model that is private: none came of a patient's record, and both that one passed and that
    one was refused is covered.

    Attributes:
        k: patients who must be able to explain a candidate, but for the noise; >= 2.
        nearest: candidates for which a patient counts at most; >= 1.
        noise: standard deviation of the noise in each count, in patients; > 0.
    """

    k: int
    nearest: int
    noise: float

    def __post_init__(self) -> None:
        if self.k < 2 or self.nearest < 1 or not (math.isfinite(self.noise) and self.noise > 0):
            raise UserError(
                f"deniability needs k of at least 2, nearest of at least 1 and noise above 0, got {self.k}, "
                f"{self.nearest} and {self.noise:g}"
            )

    @property
    def event(self) -> Gaussian:
        """What judging costs."""
        return Gaussian(self.noise / math.sqrt(self.nearest))

    @property
    def lone(self) -> float:
        """The chance by which a candidate passes that one patient alone could explain."""
        return float(special.ndtr((1 - self.k) / self.noise))

    def most_explained(self, patients: int, candidates: int) -> float:
        """By how many patients a candidate can be explained in the mean at most; below ``k`` few can pass."""
        return patients * min(self.nearest, candidates) / candidates


def explained(voters: Voters, ballot: Ballot, radius: float, nearest: int) -> NDArray[np.int64]:
    """How many patients could explain each candidate, [m]: a record of the candidate's condition lies within reach.

    A patient counts for the ``nearest`` candidates that lie nearest to any of the records, and once for each. What has
    no features (nan) explains nothing.

    Args:
        radius: public; a record reaches candidates at this distance or nearer.
    """
    counts = np.zeros(len(ballot.conditions), np.int64)
    for block in patient_blocks(voters):
        distance = _reach(block, ballot)
        near = np.argsort(distance, axis=1, kind="stable")[:, :nearest]
        within = np.take_along_axis(distance, near, axis=1) <= radius
        counts += np.bincount(near[within], minlength=len(counts))
    return counts


def _reach(voters: Voters, ballot: Ballot) -> Floats:
    """The distance of every patient to every candidate, [patients, m]; infinite where no record is of its condition."""
    _, rows = np.unique(np.array(voters.patients, dtype=np.str_), return_inverse=True)
    found = np.full((int(rows.max(initial=-1)) + 1, len(ballot.conditions)), np.inf)
    asked, offered = np.array(voters.conditions), np.array(ballot.conditions)
    for condition in sorted(set(ballot.conditions)):
        records, candidates = np.flatnonzero(asked == condition), np.flatnonzero(offered == condition)
        distance = cdist(voters.features[records], ballot.features[candidates])
        distance[np.isnan(distance)] = np.inf
        np.minimum.at(found, (rows[records][:, None], candidates[None, :]), distance)
    return found


def public_radius(population: Population[P], share: float, draws: int = 1000) -> float:
    """The distance below which ``share`` of the pairs of public candidates of one condition lie: no patient sets it."""
    drawn = population.draw(np.random.default_rng(_PAIRS), draws)
    features, conditions = population.embed(drawn), np.array(population.conditions(drawn))
    pairs = [pdist(features[conditions == condition]) for condition in sorted(set(conditions))]
    return float(np.quantile(np.concatenate(pairs), share))


def plausible(counts: NDArray[np.integer], rule: Deniability, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which candidates pass: count + noise >= k, a draw each.

    Args:
        counts: as :func:`explained` gives them for ``rule.nearest``, shape [candidates].
        rng: private; a draw that can be repeated protects nobody.
    """
    return np.asarray(counts + rule.noise * normal(rng, counts.shape) >= rule.k, dtype=np.bool_)


def _share(value: float) -> float:
    if not 0 <= value <= 1:
        raise UserError(f"a share must be in [0, 1], got {value:g}")
    return value
