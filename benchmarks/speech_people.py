"""Does a patient's voice fit the sex and the age that the session's labels say?

    OMP_NUM_THREADS=1 python benchmarks/speech_people.py --patients 60 --out people.json

Planned patients; the patient's voice says a neutral sentence by the back-end and WORLD, and the median F0 of its first
three seconds is measured on the sound (Harvest, which nothing in the generator uses). A voice is heard as a woman's
above 160 Hz.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from synthgen.generators.dialogue.plan.config import PlanConfig
from synthgen.generators.speech.backends.opening import open_backend
from synthgen.generators.speech.config import RATE, GeneratorConfig
from synthgen.generators.speech.demo_cohort import sentence
from synthgen.generators.speech.emotions import MANNERS
from synthgen.generators.speech.render import Speaker
from synthgen.generators.speech.sampler import cards
from synthgen.generators.speech.words import Planned, planned_conditions
from synthgen.generators.speech.world import pyworld

BETWEEN = 160.0
"""Hz."""
SECONDS = 3
"""Of the sound that are measured: Harvest is slow."""


def patients(count: int, seed: int, backend: str) -> list[dict[str, Any]]:
    plan = PlanConfig(sessions=1)
    words, condition = Planned.by_grammar(plan), planned_conditions(plan)
    config = GeneratorConfig(backend=backend)
    speaker = Speaker(open_backend(config), config)
    return [_patient(slot, words(condition(slot, seed))[0], speaker, seed) for slot in range(count)]


def _patient(slot: int, session: Any, speaker: Speaker, seed: int) -> dict[str, Any]:
    labels = dict(session.labels)
    try:
        from synthgen.generators.speech.voices import person_of

        card = cards(1000 * seed + slot, "en", person_of(labels))["patient"]
    except ImportError:  # before voices knew of people
        card = cards(1000 * seed + slot, "en")["patient"]
    rng = np.random.default_rng([seed, slot])
    said = [speaker.speak(sentence(rng), card, "neutral", 1.0, MANNERS["neutral"], 1).samples for _ in range(1)]
    sound = np.concatenate(said).astype(np.float64)[: SECONDS * RATE]
    f0, _ = pyworld().harvest(sound, RATE, 60.0, 500.0)
    return {"sex": labels["sex"], "age": labels["age_band"], "f0": round(float(np.median(f0[f0 > 0])), 1)}


def summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    wrong = [p for p in found if (p["f0"] > BETWEEN) != (p["sex"] == "female")]
    told: dict[str, Any] = {"patients": len(found), "sex contradicted": len(wrong)}
    for sex in ("female", "male"):
        own = [p for p in found if p["sex"] == sex]
        ages = [float(str(p["age"]).split("-")[0].rstrip("+")) for p in own]
        rank = spearmanr(ages, [p["f0"] for p in own])
        told[sex] = {
            "n": len(own),
            "f0": [round(float(q), 1) for q in np.percentile([p["f0"] for p in own], [5, 50, 95])],
            "rank correlation with age": round(float(rank.statistic), 2),
            "p": round(float(rank.pvalue), 4),
        }
    return told


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--backend", default="espeak")
    options.add_argument("--patients", type=int, default=60)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--out", type=Path, required=True)
    told = options.parse_args()
    found = patients(told.patients, told.seed, told.backend)
    report = {"summary": summary(found), "patients": found}
    print(json.dumps(report["summary"], indent=1))
    told.out.write_text(json.dumps(report, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
