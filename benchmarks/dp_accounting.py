"""Holds the accounting of privacy against dp-accounting's, an independent implementation, over 50 settings.

    python -m benchmarks.dp_accounting --out docs/results/data/dp_accounting.json

dp-accounting convolves privacy loss distributions with connected dots (Doroshenko et al. 2022), which bound ε from
above; it is another way than PRV's, and other code.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from dp_accounting import dp_event
from dp_accounting.pld import PLDAccountant

from synthgen.dp.accounting import Gaussian, Spent, default_delta, epsilon_of, event_as_dict

PATIENTS = (200, 409, 1000, 5000)


@dataclass(frozen=True)
class Setting:
    """Events whose ε is compared at δ."""

    events: tuple[Gaussian, ...]
    delta: float


@dataclass(frozen=True)
class Row:
    """Both answers to one setting."""

    setting: Setting
    ours: Spent
    theirs: float

    @property
    def difference(self) -> float:
        """(ours − theirs) / theirs."""
        return self.ours.epsilon / self.theirs - 1


def settings() -> list[Setting]:
    """50: 16 without sampling, 26 of DP-SGD, 8 of several fits together."""
    deltas = [default_delta(n) for n in PATIENTS]
    whole = [((Gaussian(sigma, 1.0, k),), d) for sigma, k in ((0.5, 1), (1.13, 5), (3, 20), (20, 100)) for d in deltas]
    small = [(0.6, 0.05, 50), (0.8, 0.25, 20), (1.0, 0.1, 200), (1.93, 0.25, 200), (4.0, 0.25, 200), (10.0, 0.5, 300)]
    sampled = [((Gaussian(*event),), d) for event in small for d in deltas]
    hard = [((Gaussian(0.4, 0.02, 100),), 1e-4), ((Gaussian(1.0, 0.01, 2000),), 1e-6)]
    pairs = [(Gaussian(2.0, 0.25, 100), Gaussian(1.0)), (Gaussian(3.0, 0.25, 200), Gaussian(1.5, 0.1, 100))]
    several = [(pair, d) for pair in pairs for d in deltas]
    return [Setting(events, d) for events, d in (*whole, *sampled, *hard, *several)]


@lru_cache
def accountant_of(events: tuple[Gaussian, ...]) -> PLDAccountant:
    """dp-accounting's composition, on a grid that suits an ε of 0.5 and more."""
    accountant = PLDAccountant(value_discretization_interval=2e-4)
    for event in events:
        one = dp_event.GaussianDpEvent(event.sigma)
        sampled = one if event.rate == 1 else dp_event.PoissonSampledDpEvent(event.rate, one)
        accountant.compose(dp_event.SelfComposedDpEvent(sampled, event.steps))
    return accountant


def compared(setting: Setting) -> Row:
    ours = epsilon_of(setting.events, setting.delta)
    return Row(setting, ours, float(accountant_of(setting.events).get_epsilon(setting.delta)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    out = parser.parse_args().out
    start = time.process_time()
    rows = [compared(setting) for setting in settings()]
    for row in rows:
        events = " + ".join(f"σ {e.sigma:g} q {e.rate:g} × {e.steps}" for e in row.setting.events)
        print(
            f"{events:44} δ {row.setting.delta:.1e} {row.ours.bound:18} {row.ours.epsilon:9.4f} "
            f"dp-accounting {row.theirs:9.4f} {row.difference:+.3%} RDP {row.ours.rdp:9.4f}"
        )
    worst = max(abs(row.difference) for row in rows)
    print(f"{len(rows)} settings, largest difference {worst:.2%}, {time.process_time() - start:.0f} s of one core")
    if out:
        out.write_text(json.dumps({"rows": [_as_dict(row) for row in rows]}, indent=1) + "\n", encoding="utf-8")


def _as_dict(row: Row) -> dict[str, object]:
    return {
        "events": [event_as_dict(event) for event in row.setting.events],
        "delta": row.setting.delta,
        "bound": row.ours.bound,
        "epsilon": round(row.ours.epsilon, 6),
        "epsilon_rdp": round(row.ours.rdp, 6),
        "epsilon_dp_accounting": round(row.theirs, 6),
        "difference": round(row.difference, 6),
    }


if __name__ == "__main__":
    main()
