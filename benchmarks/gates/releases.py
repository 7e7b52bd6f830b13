"""Gates that judge a release as a whole: do they raise the alarm when a share of it are copies?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 0.05
"""At which the tests of others raise the alarm; ours has a level of its own, 0.8%."""


@dataclass(frozen=True)
class Pool:
    """Samples of which releases are made, M of them, beside as many patients of T as of C.

    Attributes:
        close: bool [M], rejected by our gate.
        limit: our alarm, for a release of so many: more rejected ones than this.
        identical: bool [M], equal to a record byte for byte.
        to_train, to_strangers: [P, M], distances to the patients of either in a neutral embedding.
        among: [P], distance of each patient of C to the nearest of T.
    """

    close: NDArray[np.bool_]
    limit: Callable[[int], int]
    identical: NDArray[np.bool_]
    to_train: NDArray[np.float64]
    to_strangers: NDArray[np.float64]
    among: NDArray[np.float64]


Alarm = Callable[[Pool, NDArray[np.intp]], bool]


def _ours(pool: Pool, chosen: NDArray[np.intp]) -> bool:
    return int(pool.close[chosen].sum()) > pool.limit(len(chosen))


def _identical(pool: Pool, chosen: NDArray[np.intp]) -> bool:
    return bool(pool.identical[chosen].any())


def _dcr_share(pool: Pool, chosen: NDArray[np.intp]) -> bool:
    train, strangers = (distances[:, chosen].min(axis=0) for distances in (pool.to_train, pool.to_strangers))
    nearer, ties = int((train < strangers).sum()), int((train == strangers).sum())
    return bool(stats.binomtest(nearer + ties // 2, len(chosen), 0.5, alternative="greater").pvalue < LEVEL)


def _fifth_percentile(pool: Pool, chosen: NDArray[np.intp]) -> bool:
    return bool(np.quantile(pool.to_train[:, chosen].min(axis=0), 0.05) < np.quantile(pool.among, 0.05))


def _membership(pool: Pool, chosen: NDArray[np.intp]) -> bool:
    members, others = (distances[:, chosen].min(axis=1) for distances in (pool.to_train, pool.to_strangers))
    return bool(stats.mannwhitneyu(members, others, alternative="less").pvalue < LEVEL)


ALARMS: dict[str, Alarm] = {
    "our test of first attempts": _ours,
    "identical records": _identical,
    "share nearer to T than to C (DCR share)": _dcr_share,
    "5th percentile of distances below that of C": _fifth_percentile,
    "membership by the nearest sample": _membership,
}


def alarms(
    pool: Pool, honest: NDArray[np.intp], copies: NDArray[np.intp], size: int, share: float, draws: int, seed: int
) -> dict[str, int]:
    """Of ``draws`` releases, each of ``size`` samples and ``share`` of them copies, how many raise each alarm.

    People come once in a release, copies as often as it takes.
    """
    rng, count = np.random.default_rng(seed), round(share * size)
    raised = dict.fromkeys(ALARMS, 0)
    for _ in range(draws):
        chosen = np.concatenate([rng.choice(honest, size - count, replace=False), rng.choice(copies, count)])
        for name, alarm in ALARMS.items():
            raised[name] += alarm(pool, chosen)
    return raised
