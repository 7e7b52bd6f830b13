"""What mechanisms cost a patient: ε at δ of composed events, and the noise that a wanted ε needs.

Adjacency is adding or removing one patient with all records. Every figure is an upper bound, and says which:

- ``"analytic Gaussian"``: exact, where nothing was sampled (Balle and Wang 2018; k events compose to one of
  μ² = Σ k/σ², Dong, Roth and Su 2022).
- ``"PRV"``: privacy loss convolved numerically (Gopi, Lee and Wutschitz 2021), as in Opacus, with its error added.
- ``"RDP"``: Rényi (Mironov, Talwar and Zhang 2019). Where PRV cannot be trusted (it fails, its grid would be too large,
  or δ comes near the rounding of its Fourier transform), and where settings were chosen after earlier results.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from synthgen.errors import MissingExtraError, UserError
from synthgen.records import JsonValue

Floats = NDArray[np.float64]

_ORDERS: Floats = np.array(
    [1 + x / 10 for x in range(1, 30)] + [x / 2 for x in range(8, 21)] + [*range(11, 65), 80, 96, 128, 192, 256, 512]
)
_RELATIVE_ERROR = 0.002  # of ε, that PRV may add
_LARGEST_GRID = 4_000_000  # points of PRV's discretisation: about a second, 300 MB
_LARGEST_EPSILON = 1000.0  # beyond it nothing is said of anybody


@dataclass(frozen=True, slots=True)
class Gaussian:
    """A Gaussian mechanism whose sum each patient changes by an L2 norm of at most 1, run ``steps`` times.

    Attributes:
        sigma: standard deviation of the noise, in units of that norm; > 0.
        rate: chance by which each patient takes part in a step, independently (Poisson sampling); in (0, 1].
        steps: how often it is run; >= 1.
    """

    sigma: float
    rate: float = 1.0
    steps: int = 1

    def __post_init__(self) -> None:
        if not (math.isfinite(self.sigma) and self.sigma > 0):
            raise UserError(f"the noise of a private mechanism must be above 0, got {self.sigma:g}")
        if not 0 < self.rate <= 1:
            raise UserError(f"the rate at which patients are sampled must be in (0, 1], got {self.rate:g}")
        if self.steps < 1:
            raise UserError(f"a private mechanism runs at least once, got {self.steps} steps")


@dataclass(frozen=True, slots=True)
class Stated:
    """A mechanism of which only its (ε, δ) is known; it adds both (basic composition)."""

    epsilon: float
    delta: float = 0.0

    def __post_init__(self) -> None:
        check_epsilon(self.epsilon)
        if not 0 <= self.delta < 1:
            raise UserError(f"delta must be in [0, 1), got {self.delta:g}")


Event = Gaussian | Stated


def event_as_dict(event: Event) -> dict[str, JsonValue]:
    """An event as it stands in ``privacy.json`` and in the ledger."""
    return {"mechanism": type(event).__name__.lower(), **asdict(event)}


def event_from(value: object) -> Event:
    """The event that :func:`event_as_dict` wrote.

    Raises:
        ValueError: it is none.
        UserError: its numbers are out of range.
    """
    match value:
        case {"mechanism": "gaussian", "sigma": float(sigma), "rate": float(rate), "steps": int(steps)}:
            return Gaussian(sigma, rate, steps)
        case {"mechanism": "stated", "epsilon": float(epsilon), "delta": float(delta)}:
            return Stated(epsilon, delta)
    raise ValueError("not an event of a private mechanism")


@dataclass(frozen=True, slots=True)
class Spent:
    """(ε, δ) of all events together.

    Attributes:
        bound: what ``epsilon`` is: ``"analytic Gaussian"``, ``"PRV"``, ``"RDP"``, ``"stated"``, ``"nothing"``.
        rdp: ε by Rényi accounting, an upper bound that is reached by another way.
    """

    epsilon: float
    delta: float
    bound: str
    rdp: float


def default_delta(patients: int) -> float:
    """1/(N ln N), which is below 1/N from three patients on.

    >>> f"{default_delta(409):.2e}"
    '4.07e-04'

    Raises:
        UserError: fewer than three patients.
    """
    if patients < 3:
        raise UserError(f"differential privacy needs at least 3 patients to state a delta, got {patients}")
    return 1 / (patients * math.log(patients))


def check_delta(delta: float, patients: int) -> float:
    """``delta``, if it says anything: one patient of N could be published whole at δ = 1/N.

    Raises:
        UserError: outside (0, 1/N).
    """
    if not 0 < delta < 1 / patients:
        raise UserError(f"delta must be above 0 and below 1/{patients} = {1 / patients:.3g}, got {delta:g}")
    return delta


def check_epsilon(epsilon: float) -> float:
    """``epsilon``, if it is a number above 0.

    Raises:
        UserError: otherwise.
    """
    if not (math.isfinite(epsilon) and epsilon > 0):
        raise UserError(f"epsilon must be a number above 0, got {epsilon:g}")
    return epsilon


def rate_of(batch: float, patients: int) -> float:
    """The sampling rate that gives ``batch`` patients a step in the mean.

    Raises:
        UserError: fewer patients than a batch, or an empty batch.
    """
    if not 0 < batch <= patients:
        raise UserError(
            f"a batch of {batch:g} patients cannot be drawn from {patients}: choose one between 1 and {patients}"
        )
    return batch / patients


def epsilon_of(events: Sequence[Event], delta: float, *, adaptive: bool = False) -> Spent:
    """ε at ``delta`` of all events together.

    Args:
        adaptive: later events were chosen after the results of earlier ones were seen. Then sampled ones are added up
            by RDP, whose budget may be filled adaptively (Feldman and Zrnic 2021); those without sampling stay exact
            (Smith and Thakurta 2022).

    Raises:
        UserError: a delta outside (0, 1), or used up by stated events.
        MissingExtraError: sampled events without Opacus.
    """
    if not 0 < delta < 1:
        raise UserError(f"delta must be in (0, 1), got {delta:g}")
    gaussians, plus, rest = _parts(events, delta)
    if not gaussians:
        return Spent(plus, delta, "stated" if events else "nothing", plus)
    rdp = rdp_epsilon(gaussians, rest)
    epsilon, bound = _tightest(gaussians, rest, rdp, adaptive)
    return Spent(plus + epsilon, delta, bound, plus + rdp)


def sigma_for(epsilon: float, delta: float, *, rate: float = 1.0, steps: int = 1, spent: Sequence[Event] = ()) -> float:
    """The least noise, within 0.1% of ε, by which ``steps`` at ``rate`` and what was ``spent`` stay at or below ε.

    Raises:
        UserError: ``spent`` alone exceeds ε; as :func:`epsilon_of`.
    """
    check_epsilon(epsilon)
    before = epsilon_of(spent, delta, adaptive=bool(spent)).epsilon if spent else 0.0
    if before >= epsilon:
        raise UserError(f"an epsilon of {epsilon:g} is spent already: {before:.3g}")

    def over(log_sigma: float) -> float:
        event = Gaussian(math.exp(log_sigma), rate, steps)
        return epsilon_of([*spent, event], delta, adaptive=bool(spent)).epsilon / epsilon - 1

    def over_by_rdp(log_sigma: float) -> float:
        return _epsilon_by_rdp([*spent, Gaussian(math.exp(log_sigma), rate, steps)], delta) / epsilon - 1

    return math.exp(_crossing(over, _crossing(over_by_rdp, math.log(0.5), 0.01), 0.001))


def largest_tpr(events: Sequence[Event], fpr: float) -> float:
    """The most that an attack on one patient can find at ``fpr`` false alarms: min over δ of e^ε(δ) · fpr + δ.

    Exact for unsampled Gaussian mechanisms: Φ(Φ⁻¹(fpr) + μ); by Rényi accounting, and so from above, for others.

    Raises:
        UserError: an ``fpr`` outside [0, 1].
    """
    if not 0 <= fpr <= 1:
        raise UserError(f"a rate of false alarms must be in [0, 1], got {fpr:g}")
    gaussians = _merged([event for event in events if isinstance(event, Gaussian)])
    if len(events) and len(gaussians) == 1 and gaussians[0].rate == 1 and all(isinstance(e, Gaussian) for e in events):
        return float(special.ndtr(special.ndtri(fpr) + 1 / gaussians[0].sigma))
    spent = sum(event.delta for event in events if isinstance(event, Stated))
    deltas = spent + np.geomspace(1e-9, 1.0, 200)
    limits = (math.exp(min(700.0, _epsilon_by_rdp(events, float(d)))) * fpr + float(d) for d in deltas if d < 1)
    return min(1.0, *limits)


def gaussian_delta(mu: float, epsilon: float) -> float:
    """δ at ε of a Gaussian mechanism of sensitivity / noise ``mu`` (Balle and Wang 2018, theorem 8)."""
    above = special.log_ndtr(mu / 2 - epsilon / mu)
    below = special.log_ndtr(-mu / 2 - epsilon / mu) + epsilon
    return float(np.exp(above) * -np.expm1(min(0.0, below - above)))


def gaussian_epsilon(mu: float, delta: float) -> float:
    """ε at δ of a Gaussian mechanism of sensitivity / noise ``mu``; 0 where δ alone covers it."""
    if gaussian_delta(mu, 0.0) <= delta:
        return 0.0
    high = 1.0
    while gaussian_delta(mu, high) > delta:
        high *= 2
    return float(optimize.brentq(lambda epsilon: gaussian_delta(mu, epsilon) - delta, 0.0, high, xtol=1e-10))


def rdp_epsilon(events: Sequence[Gaussian], delta: float) -> float:
    """ε at δ by Rényi accounting, converted by Canonne, Kamath and Steinke 2020 (proposition 12)."""
    total = sum((_rdp(event) for event in events), start=np.zeros(len(_ORDERS)))
    a = _ORDERS
    converted = total + np.log1p(-1 / a) - (math.log(delta) + np.log(a)) / (a - 1)
    return max(0.0, float(np.nanmin(converted)))


def _rdp(event: Gaussian) -> Floats:
    """Rényi divergence of an event at every order."""
    if event.rate == 1:
        return np.asarray(event.steps * _ORDERS / (2 * event.sigma**2), dtype=np.float64)
    return np.asarray(event.steps * np.array(_sampled_rdp(event.sigma, event.rate)), dtype=np.float64)


@lru_cache(maxsize=256)
def _sampled_rdp(sigma: float, rate: float) -> tuple[float, ...]:
    """Rényi divergence of one sampled step at every order."""
    return tuple(map(float, _opacus_rdp()(q=rate, noise_multiplier=sigma, steps=1, orders=_ORDERS.tolist())))


def _merged(events: Sequence[Gaussian]) -> list[Gaussian]:
    """The same events, shorter: what is not sampled composes to one event, like events add their steps."""
    whole = sum(event.steps / event.sigma**2 for event in events if event.rate == 1)
    steps: dict[tuple[float, float], int] = {}
    for event in events:
        if event.rate < 1:
            steps[event.sigma, event.rate] = steps.get((event.sigma, event.rate), 0) + event.steps
    found = [Gaussian(sigma, rate, count) for (sigma, rate), count in sorted(steps.items())]
    return ([Gaussian(whole**-0.5)] if whole else []) + found


def _parts(events: Sequence[Event], delta: float) -> tuple[list[Gaussian], float, float]:
    """The merged Gaussians, what stated events add to ε, and what they leave of δ."""
    stated = [event for event in events if isinstance(event, Stated)]
    gaussians = _merged([event for event in events if isinstance(event, Gaussian)])
    rest = delta - sum(event.delta for event in stated)
    if rest < 0 or (gaussians and rest == 0):
        raise UserError(f"a delta of {delta:g} is less than what has been spent of it")
    return gaussians, sum(event.epsilon for event in stated), rest


def _epsilon_by_rdp(events: Sequence[Event], delta: float) -> float:
    gaussians, plus, rest = _parts(events, delta)
    return plus + (rdp_epsilon(gaussians, rest) if gaussians else 0.0)


def _tightest(events: Sequence[Gaussian], delta: float, rdp: float, adaptive: bool) -> tuple[float, str]:
    """ε and its bound, of merged events."""
    if len(events) == 1 and events[0].rate == 1:
        return gaussian_epsilon(1 / events[0].sigma, delta), "analytic Gaussian"
    prv = None if adaptive else _prv_epsilon(events, delta, rdp)
    return (rdp, "RDP") if prv is None or prv >= rdp else (prv, "PRV")


def _prv_epsilon(events: Sequence[Gaussian], delta: float, rdp: float) -> float | None:
    """PRV's upper bound, over a domain that is safe (their remark 5.6); None where it cannot be trusted."""
    prv, slack, steps = _opacus_prv(), delta / 1000, [event.steps for event in events]
    error = max(_RELATIVE_ERROR * min(rdp, _LARGEST_EPSILON), 1e-5)
    once = [rdp_epsilon([Gaussian(event.sigma, event.rate)], slack / 8 / sum(steps)) for event in events]
    half = max(rdp_epsilon(events, slack / 4), *once, error) + 3
    fine = 1 / math.sqrt(sum(steps) * math.log(12 / slack) / 2)
    error = max(error, 2 * half / fine / _LARGEST_GRID)
    # Rounding of float64 adds up over the grid, and must stay far below δ; a coarse grid must not eat what PRV gains.
    rounding = np.finfo(np.float64).eps * 2 * half / (error * fine)
    if rounding > delta / 100 or error > 0.05 * max(rdp, 0.1) or rdp > _LARGEST_EPSILON:
        return None
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            domain = prv.Domain.create_aligned(-half, half, error * fine)
            losses = [prv.PoissonSubsampledGaussianPRV(event.rate, event.sigma) for event in events]
            cut = [prv.TruncatedPrivacyRandomVariable(loss, domain.t_min, domain.t_max) for loss in losses]
            composed = prv.compose_heterogeneous([prv.discretize(loss, domain) for loss in cut], steps)
            found = float(composed.compute_epsilon(delta, slack, error)[2])
    except (RuntimeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and found > 0 else None


def _crossing(over: Callable[[float], float], start: float, within: float) -> float:
    """Where a falling function lies in [-within, 0]; below it where a jump leaves that out (bounds may change)."""
    known: dict[float, float] = {}

    def value(x: float) -> float:
        return known.setdefault(x, over(x) if x not in known else 0.0) + within / 2

    low = high = start
    while value(high) > 0:
        high += 0.5
    while value(low) <= 0:
        low -= 0.25
    optimize.brentq(value, low, high, xtol=within / 8)
    return min(x for x, found in known.items() if found <= 0)


def _opacus_prv() -> Any:
    try:
        from opacus.accountants.analysis import prv
    except ModuleNotFoundError:
        raise MissingExtraError("accounting of sampled patients", "dp") from None
    return prv


def _opacus_rdp() -> Callable[..., Iterable[float]]:
    try:
        from opacus.accountants.analysis.rdp import compute_rdp
    except ModuleNotFoundError:
        raise MissingExtraError("accounting of sampled patients", "dp") from None
    return compute_rdp  # type: ignore[no-any-return]
