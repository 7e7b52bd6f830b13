"""What a screen that is itself differentially private can do, and plausible deniability as one that is.

Whether a candidate passes is an output like any other: if releasing it is (ε, δ)-private for one patient, then a screen
catches copies of the patient's records at most e^ε times as often as it blocks a stranger's, plus δ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.dp.accounting import Stated, check_epsilon
from synthgen.errors import UserError


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
    """A candidate passes when at least about ``k`` patients could explain it (Bindschaedler, Shokri and Gunter 2017).

    Attributes:
        k: patients who must be able to explain a candidate; >= 1.
        epsilon0: of the threshold's Laplace noise, whose scale is 1/ε₀; > 0.
        gamma: patients explain a candidate when its likelihood given them lies in the same of the bins of ratio γ as
            its likelihood given the patient it came from; > 1.
    """

    k: int
    epsilon0: float
    gamma: float = 2.0

    def __post_init__(self) -> None:
        check_epsilon(self.epsilon0)
        if self.k < 1 or not self.gamma > 1:
            raise UserError(f"deniability needs k of at least 1 and gamma above 1, got {self.k} and {self.gamma:g}")


def plausible(counts: NDArray[np.integer], rule: Deniability, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which candidates pass: count >= k + Laplace(1/ε₀), a draw each.

    Args:
        counts: how many patients could explain each candidate, shape [candidates]; each patient counts once at most.
        rng: private; a draw that can be repeated protects nobody.
    """
    noise = rng.laplace(0.0, 1 / rule.epsilon0, len(counts))
    return np.asarray(counts >= rule.k + noise, dtype=np.bool_)


def cost_of_seeded(rule: Deniability, delta: float) -> Stated:
    """(ε, δ) of one candidate that was made from one patient's record and passed (their theorem 1).

    ε = ε₀ + ln(1 + γ/t) at δ = exp(−ε₀(k − t)) for every whole t with 1 <= t < k; the largest t whose δ is allowed.
    Outcomes are released candidates. That one was refused is not covered: one patient in N whom nobody else explains
    makes it more likely by 1/N. So nobody may learn how many were refused.

    Raises:
        UserError: no t reaches ``delta``.
    """
    t = math.floor(rule.k + math.log(delta) / rule.epsilon0) if 0 < delta < 1 else 0
    t = min(t, rule.k - 1)
    if t < 1:
        least = math.ceil(1 - math.log(delta) / rule.epsilon0) if 0 < delta < 1 else rule.k
        raise UserError(f"a delta of {delta:g} cannot be reached with k = {rule.k}: set k to at least {max(2, least)}")
    return Stated(rule.epsilon0 + math.log1p(rule.gamma / t), math.exp(-rule.epsilon0 * (rule.k - t)))


def cost_of_unseeded(rule: Deniability) -> Stated:
    """(ε₀, 0) of one candidate that was made without a record, by a private or a public model; passed or refused.

    A count that one patient changes by 1, with noise, against a threshold: every candidate that is judged costs it.
    """
    return Stated(rule.epsilon0)


def composed(cost: Stated, candidates: int, delta: float) -> Stated:
    """(ε, δ) of ``candidates`` such decisions: the smaller of basic and advanced composition.

    Advanced: Kairouz, Oh and Viswanath 2015, theorem 3.4, with ``delta`` for its slack.
    """
    n, e = candidates, cost.epsilon
    basic = Stated(n * e, min(1 - 1e-12, n * cost.delta))
    slack = n * e * math.tanh(e / 2) + e * math.sqrt(2 * n * math.log(1 / delta))
    if slack >= basic.epsilon:
        return basic
    return Stated(slack, min(1 - 1e-12, 1 - (1 - cost.delta) ** n * (1 - delta)))


def _share(value: float) -> float:
    if not 0 <= value <= 1:
        raise UserError(f"a share must be in [0, 1], got {value:g}")
    return value
