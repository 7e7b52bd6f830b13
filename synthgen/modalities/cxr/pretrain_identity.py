"""Makes the public base of the identity networks: trains them on phantoms, who are nobody.

    python -m synthgen.modalities.cxr.pretrain_identity --work work/base --out privacy_filters/cxr/base

Every phantom is seen at several visits, with findings that come and go, from the front and from behind. The defaults
are those of the base that ships. A killed run continues.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from safetensors.torch import load_file

from synthgen.errors import SynthgenError
from synthgen.generators.cxr.config import DemoCohortConfig
from synthgen.generators.cxr.demo_cohort import draw_findings
from synthgen.generators.cxr.phantom import render, sample_patient, sample_visit
from synthgen.payloads.cxr import CxrCondition, CxrReal, View
from synthgen.privacy_filters.cxr.config import IdentityConfig
from synthgen.privacy_filters.cxr.identity import WEIGHTS
from synthgen.privacy_filters.cxr.identity_base import FOLDER, write_base
from synthgen.privacy_filters.cxr.identity_training import fit_identity
from synthgen.progress import Progress, bars
from synthgen.records import JsonValue, Real

RENDERED = 128  # pixels a side, as real radiographs come to the networks, which resize to their own
_SHARE_AP = 0.4
_MODULE = "synthgen.modalities.cxr.pretrain_identity"
_SETTINGS = {"pairs": 48, "singles": 0, "steps": 550, "learning_rate": 2e-3, "base": False, "precision": "bfloat16"}


def phantom_visits(number: int, visits: int, seed: int) -> list[CxrReal]:
    """One simulated person, from ``seed`` and ``number`` alone, at each of several visits."""
    rng = np.random.default_rng([seed, number])
    patient, found, records = sample_patient(int(rng.integers(2**62))), None, []
    for visit in range(visits):
        found = draw_findings(rng, patient, DemoCohortConfig(), found)
        view: View = "AP" if rng.random() < _SHARE_AP else "PA"
        condition = CxrCondition(tuple(sorted(found)), view, patient.sex, min(patient.age, 120))
        exposure = sample_visit(int(rng.integers(2**62)), patient)
        image = render(patient, exposure, condition.findings, view, RENDERED)
        records.append(Real(f"p{number:06d}", f"v{visit}", condition, image))
    return records


def phantoms(patients: int, visits: int, seed: int, progress: Progress) -> list[CxrReal]:
    """Simulated people at their visits."""
    bar, records = progress.task("phantoms", patients, "patient"), []
    for number in range(patients):
        records.extend(phantom_visits(number, visits, seed))
        bar.advance()
    return records


def pretrain(arguments: argparse.Namespace, progress: Progress) -> None:
    """Trains on phantoms under ``arguments.work`` and writes the base to ``arguments.out``."""
    settings = dict(pair.split("=", 1) for pair in arguments.set)
    config = IdentityConfig.model_validate(_SETTINGS | settings)
    people = phantoms(arguments.patients, arguments.visits, arguments.seed, progress)
    fit_identity(people, config, arguments.work, seed=arguments.seed, progress=progress)
    facts = ("patients", "visits", "seed")
    made_by: dict[str, JsonValue] = {"module": _MODULE} | {name: getattr(arguments, name) for name in facts}
    write_base(load_file(arguments.work / WEIGHTS), config, made_by | {"torch": torch.__version__}, arguments.out)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=2400)
    parser.add_argument("--visits", type=int, default=3)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of IdentityConfig")
    parser.add_argument("--work", type=Path, required=True, help="checkpoints")
    parser.add_argument("--out", type=Path, default=FOLDER, help="the base's folder")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    console = Console(stderr=True)
    try:
        with bars(console) as progress:
            pretrain(arguments, progress)
    except SynthgenError as error:
        console.print(f"error: {error}", style="red", markup=False)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
