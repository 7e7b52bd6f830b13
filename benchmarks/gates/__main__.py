"""The command line of the gates' benchmark: see :mod:`benchmarks.gates`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gates.releases import Pool, alarms
from benchmarks.gates.rules import Fitted, Rule, Scores, at_one_in_a_hundred
from benchmarks.red_team.bench import kinds_of
from benchmarks.red_team.caught import copies_of, nobody_twice, options_of_cohort, parts_of, victims_of
from benchmarks.red_team.kinds import AnyKind, number
from synthgen.estimates import one_record_each
from synthgen.fitting import fit_filters
from synthgen.modality import load
from synthgen.privacy_filters.gate import FIRST_LEVEL, Gate, calibrate_gate
from synthgen.progress import Silent
from synthgen.records import Cohort, Real
from synthgen.run import Run
from synthgen.workfolder import opened, recorded_seed

OURS = "ours"
SHARES = (0.0, 0.005, 0.01, 0.05, 1.0)
RELEASE = 200
DRAWS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options_of_cohort(parser)
    parser.add_argument("--seeds", type=int, default=3, help="so many splits")
    parser.add_argument("--out", type=Path, required=True, help="JSON; splits that stand in it are not run again")
    given = parser.parse_args()
    kind = load(given.modality)
    preset, settings = kind.presets[given.data != "demo"], ("threads=1", *given.settings)
    done = json.loads(given.out.read_text("utf-8")) if given.out.exists() else []
    records = nobody_twice(kind, given.data, preset, settings, given.work)
    for seed in range(len(done), given.seeds):
        parts = parts_of(records, given.parts, seed)
        folder = given.work / f"{Path(given.data).stem}-{seed}"
        config = kind.config(preset, settings, seed=recorded_seed(folder))
        with (
            opened(folder, modality=kind.name, config_digest=config.digest(), seed=config.seed) as work,
            TemporaryDirectory(prefix="synthgen-gates-") as scratch,
        ):
            run: Run[Any, Any, Any] = Run(kind, config, work, Silent())
            copies = dict(copies_of(_kinds(kind.name), parts, Path(scratch), given.copies, seed))
            key = {"modality": kind.name, "data": Path(given.data).name, "seed": seed}
            line = {**key, **split(run, parts, records, copies, seed)}
        done.append(line)
        given.out.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
        print(f"split {seed}: {len(copies)} kinds, {line['people']} people", flush=True)


def _kinds(name: str) -> list[AnyKind]:
    kinds = [kind for kind in kinds_of(name) if kind.sessions == 1]
    if name == "cxr":
        from benchmarks.gates import kernels

        kinds += kernels.KINDS
    return kinds


def _others(name: str) -> tuple[tuple[Rule[Any], ...], Callable[[Sequence[Any]], NDArray[Any]]]:
    """The filters of others, and the embedding in which whole releases are measured."""
    if name == "cxr":
        from benchmarks.gates import images

        return images.RULES, images.embed
    if name == "speech":
        from benchmarks.gates import sounds

        return sounds.RULES, sounds.embed
    from benchmarks.gates import transcripts

    return transcripts.RULES, transcripts.embed


def split(
    run: Run[Any, Any, Any],
    parts: Cohort[Any, Any],
    records: Sequence[Real[Any, Any]],
    copies: dict[str, list[Any]],
    drawn: int,
) -> dict[str, Any]:
    """What every gate makes of the copies and of the people of the split that ``drawn`` gives."""
    rules, embed = _others(run.modality.name)
    seed = run.seed("calibration")
    filters = run.modality.filters.open(parts.train, run.settings, fit_filters(run, parts))
    gate = calibrate_gate(filters, parts.train, parts.calibration, run.config.gate.alpha, seed)
    everybody = {r.patient for part in (parts.train, parts.calibration) for r in part}
    people = [r.payload for r in one_record_each([r for r in records if r.patient not in everybody], seed)]
    samples = {"": people, **copies}
    fitted = {OURS: _ours(gate), **{rule.name: rule.fit(parts, number("gates", seed)) for rule in rules}}
    scores = {name: {kind: one.scores(s) for kind, s in samples.items() if s} for name, one in fitted.items()}
    identical = fitted[rules[0].name], scores[rules[0].name]
    return {
        "people": len(people),
        "samples": {name: _sampled(fitted[name], found) for name, found in scores.items()},
        "releases": _released(gate, parts, samples, embed, scores[OURS], _rejected(*identical), drawn),
    }


def _ours(gate: Gate[Any]) -> Fitted[Any]:
    return Fitted(lambda samples: gate.calibration.common(gate.scores(samples)), gate.calibration.threshold)


def _rejected(one: Fitted[Any], found: dict[str, Scores]) -> dict[str, NDArray[np.bool_]]:
    limit = -np.inf if one.rejects_at is None else one.rejects_at
    return {kind: ~(scores > limit) for kind, scores in found.items()}


def _sampled(one: Fitted[Any], found: dict[str, Scores]) -> dict[str, Any]:
    """By its own rule, and at the threshold that blocks one in a hundred people: rejected of each kind, of how many."""
    equal = at_one_in_a_hundred(found[""])
    own = None if one.rejects_at is None else {k: int(r.sum()) for k, r in _rejected(one, found).items()}
    return {
        "n": {kind: len(scores) for kind, scores in found.items()},
        "own": own,
        "equal": {kind: int((~(scores >= equal)).sum()) for kind, scores in found.items()},
    }


def _released(
    gate: Gate[Any],
    parts: Cohort[Any, Any],
    samples: dict[str, list[Any]],
    embed: Callable[[Sequence[Any]], NDArray[Any]],
    ours: dict[str, Scores],
    identical: dict[str, NDArray[np.bool_]],
    seed: int,
) -> dict[str, Any]:
    """How many of ``DRAWS`` releases raise each alarm, by kind and share.

    As many patients of T as of C are known to the tests of others, those whose copies are in the pool first.
    """
    train, strangers = victims_of(parts, seed), one_record_each(parts.calibration, seed)
    train = train[: len(strangers)]
    strangers = strangers[: len(train)]
    vectors = {side: embed([r.payload for r in of]) for side, of in (("T", train), ("C", strangers))}
    kinds = [kind for kind in ours if len(samples[kind])]
    pooled = np.concatenate([embed(samples[kind]) for kind in kinds])
    close = _rejected(_ours(gate), ours)
    pool = Pool(
        close=np.concatenate([close[kind] for kind in kinds]),
        limit=lambda size: gate.block_rate.limit(size, FIRST_LEVEL),
        identical=np.concatenate([identical[kind] for kind in kinds]),
        to_train=np.asarray(1.0 - vectors["T"] @ pooled.T, dtype=np.float64),
        to_strangers=np.asarray(1.0 - vectors["C"] @ pooled.T, dtype=np.float64),
        among=np.asarray(1.0 - (vectors["C"] @ vectors["T"].T).max(axis=1), dtype=np.float64),
    )
    ends = np.cumsum([0, *(len(samples[kind]) for kind in kinds)])
    places = {kind: np.arange(ends[i], ends[i + 1]) for i, kind in enumerate(kinds)}
    size = min(RELEASE, len(places[""]))
    found: dict[str, Any] = {"size": size, "draws": DRAWS, "kinds": {}}
    for kind in kinds[1:]:
        found["kinds"][kind] = {
            str(share): alarms(pool, places[""], places[kind], size, share, DRAWS, number(kind, share, seed))
            for share in SHARES
        }
    return found


if __name__ == "__main__":
    main()
