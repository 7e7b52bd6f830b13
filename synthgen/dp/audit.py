"""An audit that tries to refute ε, in one run (Steinke, Nasr and Jagielski 2023).

Each of m canary patients is in the training data or not by the toss of a coin. An attacker who sees the result scores
them, says "in" of the highest, "out" of the lowest, and abstains on the rest. Under (ε, δ) no attacker guesses better
than coins of chance 1/(1 + e^−ε), but for δ; so right guesses bound ε from below. Of a Gaussian mechanism without
sampling the whole trade-off is put to the test, which shows more (Mahloujifar, Melis and Chaudhuri 2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from synthgen.dp.accounting import gaussian_epsilon
from synthgen.dp.noise import private_rng
from synthgen.errors import UserError

_LARGEST = 100.0  # no canaries can show more


@dataclass(frozen=True, slots=True)
class Bound:
    """What an audit has shown: ε is at least ``epsilon``, at ``confidence``.

    Attributes:
        delta: of the claim that was put to the test.
        canaries, guesses, correct: m, the guesses that gave the bound, and how many were right.
        tried: numbers of guesses that were tried; each had its part of the error (Bonferroni).
    """

    epsilon: float
    delta: float
    confidence: float
    canaries: int
    guesses: int
    correct: int
    tried: int

    def refutes(self, epsilon: float) -> bool:
        """True when a mechanism that claims ``epsilon``, at this δ, does not keep it."""
        return self.epsilon > epsilon


def tossed(canaries: int, rng: np.random.Generator | None = None) -> NDArray[np.bool_]:
    """Which canaries are in: fair coins, from the system's own randomness unless ``rng`` is given."""
    source = rng or private_rng()
    return np.asarray(source.integers(0, 2, canaries), dtype=np.bool_)


def p_value(canaries: int, guesses: int, correct: int, epsilon: float, delta: float) -> float:
    """The chance of so many right guesses, at most, if (ε, δ) holds (their theorem 5.2, add or remove).

    >>> round(p_value(1000, 100, 90, 1.63, 1e-5), 2)
    0.05
    """
    q = float(special.expit(epsilon))
    beta = float(stats.binom.sf(correct - 1, guesses, q))
    if delta == 0 or correct == 0:
        return min(1.0, beta)
    i = np.arange(1, correct + 1)
    slope = float(((stats.binom.sf(correct - i - 1, guesses, q) - beta) / i).max())
    return min(1.0, beta + 2 * canaries * delta * max(slope, 0.0))


def lower_bound(canaries: int, guesses: int, correct: int, delta: float, error: float) -> float:
    """The largest ε that ``correct`` of ``guesses`` refute at ``error``; 0 where none is."""

    def kept(epsilon: float) -> float:
        return p_value(canaries, guesses, correct, epsilon, delta) - error

    if kept(0.0) > 0:
        return 0.0
    if kept(_LARGEST) <= 0:
        return _LARGEST
    return float(optimize.brentq(kept, 0.0, _LARGEST, xtol=1e-6))


def lower_mu(canaries: int, guesses: int, correct: int, error: float) -> float:
    """The largest μ (sensitivity / noise) of a Gaussian mechanism that ``correct`` of ``guesses`` refute."""

    def kept(mu: float) -> float:
        return -1.0 if _too_many(canaries, guesses, correct, mu, error) else 1.0

    low, high = 1e-6, 1.0
    if kept(low) > 0:
        return 0.0
    while kept(high) < 0 and high < _LARGEST:
        low, high = high, 2 * high
    return low if kept(high) < 0 else float(optimize.bisect(kept, low, high, xtol=1e-6)) - 1e-6


def _too_many(canaries: int, guesses: int, correct: int, mu: float, error: float) -> bool:
    """True when under μ so many right guesses have a chance below ``error``.

    Per canary: the chances of a wrong and of a right guess in all runs with i right guesses or more, from i = correct
    down, as large as the trade-off of a Gaussian lets them be; together they may not exceed all guesses.
    """
    wrong, right = error * (guesses - correct) / canaries, error * correct / canaries
    for i in range(correct - 1, -1, -1):
        more = max(wrong, float(special.ndtr(special.ndtri(right) - mu)))
        if more == wrong:
            break
        right = min(1.0, right + i / (guesses - i) * (more - wrong))
        wrong = more
    return right + wrong > guesses / canaries


def audit(
    scores: NDArray[np.floating],
    included: NDArray[np.bool_],
    delta: float,
    *,
    guesses: Sequence[int] | None = None,
    confidence: float = 0.95,
    gaussian: bool = False,
) -> Bound:
    """The best lower bound on ε over several numbers of guesses, which share the error evenly (Bonferroni).

    Args:
        scores: of each canary, higher where the attacker believes that it was in; shape [m]. Ties are broken by chance.
        included: the coins, as :func:`tossed`.
        delta: of the claim; with m canaries it weighs 2mδ, so audit at a small one: (ε(δ), δ) holds for every δ.
        guesses: even numbers of canaries to guess on; m, m/2, m/4, … down to 16 unless given. They may not depend on
            ``included``.
        gaussian: the claim is that of a Gaussian mechanism without sampling, with its ε at ``delta``.

    Raises:
        UserError: no canaries, lengths that differ, NaN, or a confidence or delta outside (0, 1) and [0, 1).
    """
    m = len(scores)
    numbers = _numbers(m) if guesses is None else tuple(guesses)
    if m < 2 or len(included) != m or np.isnan(scores).any() or not all(2 <= r <= m and r % 2 == 0 for r in numbers):
        raise UserError("an audit needs one score, not NaN, and one coin for each of at least 2 canaries")
    if not 0 < confidence < 1 or not 0 <= delta < 1:
        raise UserError(f"an audit needs a confidence in (0, 1) and a delta in [0, 1), got {confidence:g}, {delta:g}")
    order = np.lexsort((np.random.default_rng(m).permutation(m), scores))
    ranked = included[order]
    error = (1 - confidence) / len(numbers)
    right = [int((~ranked[: r // 2]).sum() + ranked[m - r // 2 :].sum()) for r in numbers]
    bounds = [_bound(m, r, v, delta, error, gaussian) for r, v in zip(numbers, right, strict=True)]
    best = int(np.argmax(bounds))
    return Bound(bounds[best], delta, confidence, m, numbers[best], right[best], len(numbers))


def _bound(canaries: int, guesses: int, correct: int, delta: float, error: float, gaussian: bool) -> float:
    if not gaussian:
        return lower_bound(canaries, guesses, correct, delta, error)
    mu = lower_mu(canaries, guesses, correct, error)
    return gaussian_epsilon(mu, delta) if mu > 0 else 0.0


def _numbers(canaries: int) -> tuple[int, ...]:
    """m, m/2, m/4, …, even, down to 16."""
    most = canaries - canaries % 2
    halves = [most >> i for i in range(most.bit_length())]
    return tuple(sorted({most, *(r - r % 2 for r in halves if r >= 16)}, reverse=True))
