"""Private Evolution on real cohorts: how near what it draws comes to patients who did not vote, by ε.

    python -m benchmarks.private_evolution cxr --data NIH --layout nih --reference NIH64 --neutral --out cxr.json
    python -m benchmarks.private_evolution dialogue --data osce_interviews.jsonl --out dialogue.json
    python -m benchmarks.private_evolution speech --data librispeech_single --out speech.json

cxr: the patients are halved by a seed; half A votes with all films (or B, with --vote B), the other half's patients
judge with one film each. A radiograph is drawn for every judging film, of its view and findings. Fréchet distance is in
32 principal components, at 64 px, of the films of the reference folder (other patients of the same source); with
--neutral, in EfficientNet-Lite0's features, FID, KID (squared MMD) and TSTR too: the AUC of a logistic regression for
any finding, trained on what was drawn, on the judging films. Arms: the phantom as it is shipped; the public
population before any vote; the same weighted once by thresholded votes for the nearest candidate ("one shot"); evolved.

dialogue: half of the patients votes, the other half judges: total variation distance between the shares of the body
systems of complaints (the cohort's own labels, which nothing here reads but the judge), and the Wasserstein-1 distance
of the number of utterances. The least that can be expected is what the voting half itself has.

speech: the same with speakers: Wasserstein-1 distances of the median F0 and of its spread, in semitones.

The noise is the analytic Gaussian mechanism's for δ = 1 / (N ln N), N the patients who vote (Balle and Wang 2018).
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from benchmarks.phantom_distance import Axes, halves, phantoms, principal
from benchmarks.tables import private_evolution
from synthgen.dp.accounting import default_delta, sigma_for
from synthgen.dp.evolution import (
    Ask,
    Ballot,
    EvolutionSettings,
    Evolved,
    Floats,
    Voters,
    evolve,
    noisy_votes,
    sample,
    vote_weights,
)
from synthgen.eval.fidelity import frechet_distance, squared_mmd
from synthgen.generators.cxr.cohort import CohortConfig, load_cohort
from synthgen.generators.cxr.evolution import (
    SIDE,
    CxrCandidate,
    CxrPopulation,
    EvolvedGenerator,
    condition_of,
    cxr_population,
    cxr_voters,
    films,
)
from synthgen.generators.dialogue.evolution import PLAN_SETTINGS, PlanCandidate, PlanPopulation, dialogue_voters
from synthgen.generators.dialogue.plan.config import PlanConfig
from synthgen.generators.speech import cohort as speech_cohort
from synthgen.generators.speech.evolution import VOICE_SETTINGS, VoiceCandidate, VoicePopulation, voice_voters
from synthgen.generators.speech.voices import draw_voice
from synthgen.payloads.cxr import CxrCondition, CxrReal
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, DialogueReal, Turn
from synthgen.pretrained.neutral import neutral_encoder
from synthgen.progress import Silent
from synthgen.records import Real, Request

Images = NDArray[np.uint8]
EPSILONS = (1.0, 3.0, 8.0, math.inf)


def sigma_of(epsilon: float, delta: float, rounds: int = 1) -> float:
    """The noise that a fit has; none for an infinite ε."""
    return 0.0 if math.isinf(epsilon) else sigma_for(epsilon, delta, steps=rounds)


def noise_stream(seed: int, number: int) -> np.random.Generator:
    """One round's noise, the same at every run: no fit has it, whose noise nobody may know."""
    return np.random.default_rng([seed, number, 0x9015E])


def asked(voters: Voters, settings: EvolutionSettings, sigma: float, seed: int) -> Ask:
    """What ``evolve`` asks."""
    return lambda number, ballot: noisy_votes(voters, ballot, settings, sigma, noise_stream(seed, number))


def one_shot(
    population: CxrPopulation, voters: Voters, sigma: float, settings: EvolutionSettings, seed: int
) -> Evolved[CxrCandidate]:
    """The baseline: one ballot, a vote for the nearest candidate alone, weights in proportion to votes above σ."""
    alone = replace(settings, spread=1e-9)
    drawn = population.draw(np.random.default_rng([seed, 1]), settings.candidates)
    ballot = Ballot(population.embed(drawn), tuple(population.conditions(drawn)))
    votes = noisy_votes(voters, ballot, alone, sigma, noise_stream(seed, 99))
    return Evolved(tuple(drawn), vote_weights(votes, sigma))


@dataclass(frozen=True)
class Judges:
    """The films of patients who did not vote, and in what they are compared."""

    films: Sequence[CxrReal]
    axes: Axes
    neutral: bool

    @cached_property
    def neutral_films(self) -> Floats:
        return neutral_encoder()(np.stack([film.payload for film in self.films]))

    def judge(self, images: Images) -> dict[str, float]:
        """Distances of images, one for each film and in their order."""
        theirs = np.stack([film.payload for film in self.films])
        a, b = self.axes.features(theirs), self.axes.features(images)
        views = np.array([film.condition.view for film in self.films])
        out = {"frechet": frechet_distance(a, b)}
        out |= {f"frechet {v}": frechet_distance(a[views == v], b[views == v]) for v in ("AP", "PA")}
        if self.neutral:
            c, d = self.neutral_films, neutral_encoder()(images)
            out |= {"neutral fid": frechet_distance(c, d), "neutral kid": squared_mmd(c, d)}
            out["tstr"] = _tstr(d, c, np.array([bool(film.condition.findings) for film in self.films]), views)
        return {name: round(value, 5) for name, value in out.items()}

    def requests(self, seed: int) -> list[Request[CxrCondition]]:
        kept = [CxrCondition(film.condition.findings, film.condition.view) for film in self.films]
        return [Request(1_000_000 * seed + i, condition) for i, condition in enumerate(kept)]


def _tstr(synthetic: Floats, real: Floats, ill: NDArray[np.bool_], views: NDArray[np.str_]) -> float:
    """AUC of "any finding" on films, of a logistic regression trained on what was drawn for them; mean of both views.

    Within a view, for views and findings go together.
    """
    scale = StandardScaler().fit(synthetic)
    fitted = LogisticRegression(C=0.01, max_iter=500).fit(scale.transform(synthetic), ill)
    scores = fitted.decision_function(scale.transform(real))
    return float(np.mean([roc_auc_score(ill[views == view], scores[views == view]) for view in ("AP", "PA")]))


def drawn(prior: Evolved[CxrCandidate], judges: Judges, seed: int, quick: bool) -> Images:
    """An image for every film of the judges; ``quick``: the candidates themselves, at 64 px, instead of others of their
    kind, which costs a twentieth."""
    if not quick:
        size = len(judges.films[0].payload)
        return np.stack([one.payload for one in EvolvedGenerator(prior, size)(judges.requests(seed))])
    rng = np.random.default_rng([seed, 2])
    conditions = [one.condition for one in prior.candidates]
    return films([sample(prior, conditions, kind(film), rng, 1)[0] for film in judges.films], SIDE)


def films_of(folder: Path, layout: str, size: int) -> tuple[CxrReal, ...]:
    with tempfile.TemporaryDirectory() as cache:
        found = load_cohort(folder, CohortConfig(layout=layout), size=size, cache=Path(cache), progress=Silent())
        return tuple(replace(record, payload=np.array(record.payload)) for record in found.records)


def run_cxr(options: argparse.Namespace) -> dict[str, object]:
    size = SIDE if options.quick else options.size
    everybody = films_of(options.data, options.layout, size)
    known = {film.patient for film in everybody}
    others = [film for film in films_of(options.reference, "auto", 64) if film.patient not in known]
    in_a = halves([film.patient for film in everybody], options.split_seed)
    votes = in_a if options.vote == "A" else ~in_a
    train = [film for film, voting in zip(everybody, votes, strict=True) if voting]
    judging = one_each([film for film, voting in zip(everybody, votes, strict=True) if not voting])
    judges = Judges(judging, principal(np.stack([film.payload for film in others])), options.neutral)
    patients = len({film.patient for film in train})
    delta = default_delta(patients)
    settings = replace(EvolutionSettings(), rounds=options.rounds, refinements=options.refinements)
    population = cxr_population()
    voters = cxr_voters(train, population.features)
    rows: list[dict[str, object]] = []

    def add(arm: str, epsilon: float | None, seed: int, images: Images, seconds: float, **more: float) -> None:
        rows.append(
            {
                "arm": arm,
                "epsilon": told(epsilon),
                "seed": seed,
                **judges.judge(images),
                "seconds": round(seconds),
                **more,
            }
        )
        print(rows[-1], flush=True)
        options.out.write_text(
            json.dumps({"facts": facts, "rows": rows}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )

    facts = {
        "size": size, "quick": options.quick, "vote": options.vote, "split_seed": options.split_seed,
        "voting patients": patients,
        "voting films": len(train), "judging films": len(judging), "delta": delta,
        "settings": {name: getattr(settings, name) for name in EvolutionSettings.__slots__},
    }  # fmt: skip
    add("films that voted", None, 0, _as_many(train, judging), 0.0)
    for seed in range(options.seeds):
        for epsilon in options.epsilons:
            start = time.process_time()
            sigma = sigma_of(epsilon, delta, settings.rounds)
            prior = evolve(population, asked(voters, settings, sigma, seed), sigma, settings, seed)
            spent = time.process_time() - start
            effective = 1 / float((prior.weights**2).sum())
            add(
                "evolved",
                epsilon,
                seed,
                drawn(prior, judges, seed, options.quick),
                spent,
                sigma=sigma,
                effective=round(effective),
            )
        public = population.draw(np.random.default_rng([seed, 1]), settings.candidates)
        add("no evolution", None, seed, drawn(_even(public), judges, seed, options.quick), 0.0)
        shipped, _ = phantoms(judging, size, 7_000_000 + 100_000 * seed)
        add("phantom", None, seed, shipped, 0.0)
        for epsilon in options.one_shot:
            sigma = sigma_of(epsilon, delta)
            prior = one_shot(population, voters, sigma, settings, seed)
            add("one shot", epsilon, seed, drawn(prior, judges, seed, options.quick), 0.0, sigma=sigma)
    return {"facts": facts, "rows": rows}


def one_each(films: Sequence[CxrReal]) -> list[CxrReal]:
    """The first film of each patient."""
    return list({film.patient: film for film in reversed(films)}.values())[::-1]


def _even(candidates: Sequence[CxrCandidate]) -> Evolved[CxrCandidate]:
    return Evolved(tuple(candidates), np.full(len(candidates), 1 / len(candidates)))


def _as_many(train: Sequence[CxrReal], judging: Sequence[CxrReal]) -> Images:
    """A film of those who voted for every judging one, of its condition: what no generator is expected to beat."""
    rng = np.random.default_rng(0)
    found = [f for f in train if f.condition.view]
    alike = {kind(f): [g.payload for g in found if kind(g) == kind(f)] for f in found}
    return np.stack([alike[kind(f)][int(rng.integers(len(alike[kind(f)])))] for f in judging])


def kind(film: CxrReal) -> str:
    return condition_of(film.condition.view, film.condition.findings)


SYSTEMS = {
    "cough": "respiratory", "asthma": "respiratory", "low_back_pain": "musculoskeletal", "knee_pain": "musculoskeletal",
    "chest_pain": "cardiovascular", "palpitations": "cardiovascular", "hypertension_review": "cardiovascular",
    "abdominal_pain": "gastrointestinal", "rash": "dermatological",
}  # fmt: skip
"""Of complaints; all others are "general"."""


@dataclass(frozen=True)
class Interview:
    """A session and the body system that its cohort names."""

    record: DialogueReal
    system: str


def interviews(path: Path) -> list[Interview]:
    """Sessions of a file with one a line; those without an utterance are left out."""
    found = []
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        turns = tuple(
            Turn("patient" if turn["role"] == "patient" else "clinician", turn["text"])
            for turn in row["turns"]
            if turn["text"].strip()
        )
        if turns:
            record = Real(row["patient_id"], row["dialogue_id"], DialogueCondition(), Dialogue(turns))
            found.append(Interview(record, row["topic"]))
    return found


def topics_and_lengths(prior: Evolved[PlanCandidate], held: Sequence[Interview]) -> dict[str, float]:
    """How far plans are from held-out sessions."""
    systems = [SYSTEMS.get(one.disorder, "general") for one in prior.candidates]
    lengths = [one.utterances for one in prior.candidates]
    return _apart(systems, lengths, prior.weights, held)


def _apart(
    systems: Sequence[str], lengths: Sequence[int], weights: Floats, held: Sequence[Interview]
) -> dict[str, float]:
    names = sorted({*systems, *(one.system for one in held)})
    ours = np.array([sum(w for s, w in zip(systems, weights, strict=True) if s == name) for name in names])
    theirs = np.array([np.mean([one.system == name for one in held]) for name in names])
    turns = [len(one.record.payload.turns) for one in held]
    return {
        "topics": round(0.5 * float(np.abs(ours - theirs).sum()), 4),
        "length": round(float(wasserstein_distance(turns, lengths, None, weights)), 2),
    }


def run_dialogue(options: argparse.Namespace) -> dict[str, object]:
    everybody = interviews(options.data)
    order = np.random.default_rng(options.split_seed).permutation(len(everybody))
    train, held = ([everybody[i] for i in part] for part in np.array_split(order, 2))
    population, voters = PlanPopulation(PlanConfig()), dialogue_voters([one.record for one in train])
    delta = default_delta(len(set(voters.patients)))
    even = np.full(len(train), 1 / len(train))
    themselves = _apart([i.system for i in train], [len(i.record.payload.turns) for i in train], even, held)
    rows: list[dict[str, object]] = [{"arm": "those who voted", **themselves}]
    for seed in range(options.seeds):
        public = population.draw(np.random.default_rng([seed, 1]), PLAN_SETTINGS.candidates)
        none = Evolved(tuple(public), np.full(len(public), 1 / len(public)))
        rows.append({"arm": "no evolution", "epsilon": None, "seed": seed, **topics_and_lengths(none, held)})
        for epsilon in options.epsilons:
            sigma = sigma_of(epsilon, delta, PLAN_SETTINGS.rounds)
            prior = evolve(population, asked(voters, PLAN_SETTINGS, sigma, seed), sigma, PLAN_SETTINGS, seed)
            found = topics_and_lengths(prior, held)
            rows.append({"arm": "evolved", "epsilon": told(epsilon), "seed": seed, **found, "sigma": sigma})
    print(*rows, sep="\n")
    facts = {"voting patients": len(set(voters.patients)), "held out": len(held), "delta": delta}
    return {"facts": facts, "rows": rows}


def run_speech(options: argparse.Namespace) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as cache:
        config = speech_cohort.CohortConfig()
        everybody = voice_voters(speech_cohort.load_cohort(options.data, config, Path(cache), Silent()).records)
    people = sorted(set(everybody.patients))
    voting = set(np.random.default_rng(options.split_seed).permutation(people)[: len(people) // 2].tolist())
    mine = np.array([patient in voting for patient in everybody.patients])
    voters, held = _those(everybody, mine), everybody.features[~mine]
    scale = [VoicePopulation().embed([VoiceCandidate("f", f0, 1.0)])[0, 0] for f0 in (110.0, 220.0)]
    octave = float(scale[1] - scale[0])

    def judged(features: Floats, weights: Floats) -> dict[str, float]:
        apart = [
            float(wasserstein_distance(held[:, i], features[:, i], None, weights)) * by
            for i, by in ((0, 12 / octave), (1, 1.0))
        ]
        return {"pitch": round(apart[0], 3), "spread": round(apart[1], 3)}

    delta = default_delta(len(voting))
    even = np.full(len(voters.features), 1.0)
    rows: list[dict[str, object]] = [{"arm": "those who voted", **judged(voters.features, even)}]
    for seed in range(options.seeds):
        cards = [draw_voice(1000 * seed + i, "patient") for i in range(400)]
        shipped = [VoiceCandidate(card.sex, card.f0_hz, card.f0_range) for card in cards]
        public = VoicePopulation().draw(np.random.default_rng([seed, 1]), VOICE_SETTINGS.candidates)
        for arm, drawn_ones in (("voice cards", shipped), ("no evolution", public)):
            found = judged(VoicePopulation().embed(drawn_ones), np.full(len(drawn_ones), 1.0))
            rows.append({"arm": arm, "epsilon": None, "seed": seed, **found})
        for epsilon in options.epsilons:
            sigma = sigma_of(epsilon, delta, VOICE_SETTINGS.rounds)
            prior = evolve(VoicePopulation(), asked(voters, VOICE_SETTINGS, sigma, seed), sigma, VOICE_SETTINGS, seed)
            found = judged(VoicePopulation().embed(prior.candidates), prior.weights)
            rows.append({"arm": "evolved", "epsilon": told(epsilon), "seed": seed, **found, "sigma": sigma})
    print(*rows, sep="\n")
    return {"facts": {"voting speakers": len(voting), "held out": len(held), "delta": delta}, "rows": rows}


def _those(voters: Voters, kept: NDArray[np.bool_]) -> Voters:
    places = np.flatnonzero(kept)
    return Voters(
        voters.features[places],
        tuple(voters.patients[i] for i in places),
        tuple(voters.conditions[i] for i in places),
    )


def told(epsilon: float | None) -> float | str | None:
    """As JSON knows it."""
    return "∞" if epsilon is not None and math.isinf(epsilon) else epsilon


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    cxr = kinds.add_parser("cxr")
    cxr.add_argument("--data", type=Path, required=True)
    cxr.add_argument("--layout", default="auto")
    cxr.add_argument("--reference", type=Path, required=True)
    cxr.add_argument("--size", type=int, default=128)
    cxr.add_argument("--vote", choices=("A", "B"), default="A")
    cxr.add_argument("--split-seed", type=int, default=0)
    cxr.add_argument("--one-shot", type=float, nargs="*", default=(), help="its values of epsilon")
    cxr.add_argument("--quick", action="store_true", help="judge the candidates themselves, at 64 px")
    cxr.add_argument("--rounds", type=int, default=EvolutionSettings().rounds)
    cxr.add_argument("--refinements", type=int, default=EvolutionSettings().refinements)
    cxr.add_argument("--neutral", action="store_true")
    dialogue = kinds.add_parser("dialogue")
    dialogue.add_argument("--data", type=Path, required=True)
    dialogue.add_argument("--split-seed", type=int, default=0)
    speech = kinds.add_parser("speech")
    speech.add_argument("--data", type=Path, required=True)
    speech.add_argument("--split-seed", type=int, default=0)
    for one in (cxr, dialogue, speech):
        one.add_argument("--seeds", type=int, default=3)
        one.add_argument("--epsilons", type=float, nargs="+", default=EPSILONS)
        one.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    runs = {"cxr": run_cxr, "dialogue": run_dialogue, "speech": run_speech}
    result = runs[options.kind](options)
    options.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(private_evolution(result))


if __name__ == "__main__":
    main()
