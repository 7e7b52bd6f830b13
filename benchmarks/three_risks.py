"""Our three risks beside Anonymeter's (Giomi et al. 2023) on tables of conditions, and their false alarms.

Anonymeter asks for older numpy and pyarrow than ours, so that it stands in a folder of its own, which PYTHONPATH names:

    pip install --no-deps --target anon anonymeter polars polars-runtime-32
    PYTHONPATH=anon python -m benchmarks.three_risks [--seeds 3] [--people 400]

The table: age, sex, view and three numbers that hang together, as many people in T as in E and in the release. Of the
release a share is copied from T; the rest are other people. For each share, kind and attack: our risk and interval,
Anonymeter's, and whether ours lies within its interval. Anonymeter's attacker of inference is handed ours too, so that
both count the same guesses. ``--honest N`` draws N releases without a copy instead, with four times as many people in T
as in E, and counts intervals that lie above 0.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from synthgen.estimates import NotMeasurableError
from synthgen.eval.known import Known, Row, is_number, tables
from synthgen.eval.risks import Tables, inferred_from_attributes, linked_by_attributes
from synthgen.eval.singling_out import by_attributes
from synthgen.risks import Risk

NAMES = ("age", "sex", "view", "weight", "pressure", "rate")
SECRETS = ("sex", "view")


def people(count: int, rng: np.random.Generator) -> list[Row]:
    """Rows of a table of conditions; all of one population."""
    frail = rng.normal(size=count)
    age = np.clip(58 + 14 * frail + 8 * rng.normal(size=count), 18, 95).round(1)
    female = rng.random(count) < 0.48
    ap = rng.random(count) < 1 / (1 + np.exp(-frail))
    weight = (80 - 12 * female + 9 * rng.normal(size=count)).round(1)
    pressure = (125 + 0.4 * (age - 58) + 12 * rng.normal(size=count)).round(1)
    rate = (78 + 6 * frail + 9 * rng.normal(size=count)).round(1)
    columns = (age, np.where(female, "F", "M"), np.where(ap, "AP", "PA"), weight, pressure, rate)
    return [dict(zip(NAMES, (_plain(v) for v in row), strict=True)) for row in zip(*columns, strict=True)]


def _plain(value: Any) -> str | float:
    return str(value) if isinstance(value, str) else float(value)


def drawn(train: int, audit: int, samples: int, share: float, seed: int) -> Tables:
    """T, E, and a release of which a share is copied from T."""
    rng = np.random.default_rng(seed)
    t, e, s, c = (people(n, rng) for n in (train, audit, samples, audit))
    copied = int(share * samples)
    s[:copied] = [t[i] for i in rng.choice(train, copied, replace=False)]
    return Tables(*tables(s, t, e, c))


def ours(found: Tables, seed: int) -> Iterator[Risk]:
    yield from by_attributes(found.release, found.members, found.others, seed=seed)
    yield linked_by_attributes(found).risk
    owners = ([f"t{i}" for i in range(len(found.members))], [f"e{i}" for i in range(len(found.others))])
    for secret in SECRETS:
        try:
            yield inferred_from_attributes(found, secret, None, owners, seed=seed).risk
        except NotMeasurableError as error:
            print(f"{secret}: {error}")


def theirs(found: Tables, seed: int) -> Iterator[tuple[str, str, Any]]:
    """(kind, attack, PrivacyRisk) of Anonymeter."""
    from anonymeter.evaluators import InferenceEvaluator, LinkabilityEvaluator, SinglingOutEvaluator

    s, t, e = (frame(x) for x in (found.release, found.members, found.others))
    attacks = min(500, len(t), len(e))
    for attack, mode in (("one attribute", "univariate"), ("several attributes", "multivariate")):
        singled = SinglingOutEvaluator(t, s, n_attacks=500, n_cols=3, control=e, seed=seed).evaluate(mode=mode)
        yield "singling_out", attack, singled.risk()
    np.random.seed(seed)  # noqa: NPY002 - pandas draws Anonymeter's targets from it
    names = found.release.names
    linked = LinkabilityEvaluator(t, s, (list(names[::2]), list(names[1::2])), n_attacks=attacks, control=e)
    yield "linkability", "halves of the attributes", linked.evaluate(n_jobs=1).risk()
    for secret in SECRETS:
        known = [name for name in names if name != secret]
        for attack, model in ((secret, Ours(found, secret, seed)), (f"{secret}, its nearest sample", None)):
            inferred = InferenceEvaluator(t, s, known, secret, n_attacks=attacks, control=e, inference_model=model)
            yield "inference", attack, inferred.evaluate(n_jobs=1).risk()


class Ours:
    """Our attacker as Anonymeter takes one: it is asked for people of T or of E, whole rows."""

    def __init__(self, found: Tables, secret: str, seed: int) -> None:
        owners = ([f"t{i}" for i in range(len(found.members))], [f"e{i}" for i in range(len(found.others))])
        made = inferred_from_attributes(found, secret, None, owners, seed=seed)
        other = {"F": "M", "M": "F", "AP": "PA", "PA": "AP"}
        self._guesses = {}
        for side, right in ((found.members, made.members), (found.others, made.others)):
            for key, truth, hit in zip(_keys(frame(side)), side[secret].tolist(), right, strict=True):
                self._guesses[key] = truth if hit else other[truth]

    def predict(self, rows: Any) -> Any:
        import pandas as pd

        return pd.Series([self._guesses[key] for key in _keys(rows)], index=rows.index)


def _keys(rows: Any) -> list[tuple[Any, ...]]:
    return list(rows[list(NAMES)].itertuples(index=False, name=None))


def frame(known: Known) -> Any:
    import pandas as pd

    # Words as objects: Anonymeter, which is older, takes no other kind of text for one.
    return pd.DataFrame(
        {name: known[name] if is_number(known[name]) else known[name].astype(object) for name in known.names}
    )


def beside(people_count: int, seeds: int) -> None:
    print("| copied | kind | attack | ours | 95% | anonymeter | 95% | within |\n" + "| --- " * 8 + "|")
    within = compared = 0
    for share in (0.0, 0.1, 0.5, 1.0):
        for seed in range(seeds):
            found = drawn(people_count, people_count, people_count, share, seed)
            own = {(r.kind, r.attack): r.risk for r in ours(found, seed)}
            for kind, attack, risk in theirs(found, seed):
                figure = own.get((kind, attack.partition(",")[0]))
                if figure is None:
                    continue
                value = max(0.0, figure.value)  # Anonymeter puts risks below 0 at 0
                low, high = risk.ci
                holds = low <= value <= high
                if "," not in attack:
                    compared, within = compared + 1, within + holds
                if seed == 0:
                    told = f"{figure.value:.3f} | {figure.ci95[0]:.3f} to {figure.ci95[1]:.3f}"
                    told += f" | {risk.value:.3f} | {low:.3f} to {high:.3f} | {'yes' if holds else 'no'}"
                    print(f"| {share:.0%} | {kind.replace('_', ' ')} | {attack} | {told} |")
    print(f"\nOf {compared} figures of {seeds} seeds, {within} lie within Anonymeter's intervals.")


def honest(releases: int, people_count: int) -> None:
    alarms: dict[str, list[float]] = {}
    above: dict[str, int] = {}
    for seed in range(releases):
        for risk in ours(drawn(people_count, people_count // 4, people_count, 0.0, seed), seed):
            name = f"{risk.kind}, {risk.attack}"
            alarms.setdefault(name, []).append(risk.risk.value)
            above[name] = above.get(name, 0) + (risk.risk.ci95[0] > 0)
    print("| attack | mean risk | standard deviation | intervals above 0 |\n| --- | --- | --- | --- |")
    for name, values in alarms.items():
        print(f"| {name} | {np.mean(values):.3f} | {np.std(values):.3f} | {above[name]} of {len(values)} |")


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--people", type=int, default=400)
    parser.add_argument("--honest", type=int, default=0)
    asked = parser.parse_args(words)
    if asked.honest:
        honest(asked.honest, asked.people)
    else:
        beside(asked.people, asked.seeds)


if __name__ == "__main__":
    main()
