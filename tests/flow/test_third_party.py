"""A modality from a package outside the tree, and a generator of one's own in somebody else's bundle."""

import json
import subprocess
import sys
from pathlib import Path

from flow_command import EXAMPLES, command

LEAKY = """
from dataclasses import replace
from pathlib import Path
import sys
import numpy as np
from synthgen_vitals import SIGNS, VITALS
from synthgen.engines.local import LocalEngine
from synthgen.modality import Ready
from synthgen.pipeline import Plan, release_from
from synthgen.progress import Silent
from synthgen.records import Synthetic
from synthgen.run import Run
from synthgen.workfolder import opened

data, folder = map(Path, sys.argv[1:])
known = [real.payload for real in VITALS.cohorts.load(data, None, None, Silent()).records]

def copier(requests):
    drawn = [np.random.default_rng(r.seed) for r in requests]
    return [
        Synthetic(r.seed, r.condition, tuple(1.001 * np.array(known[rng.integers(len(known))])))
        for r, rng in zip(requests, drawn)
    ]

kind = replace(VITALS, generator=Ready(lambda scratch: copier, "A copier"))
config = kind.config("demo", seed=1)
with opened(folder / "work", modality=kind.name, config_digest=config.digest()) as work:
    plan = Plan(data, None, folder / "release", "demo", ("csv",), (), False)
    print(release_from(Run(kind, config, work, Silent()), plan, LocalEngine()).outcome)
"""


def test_a_modality_of_a_hundred_lines_from_outside_reaches_a_pass(installed: dict[str, str], tmp_path: Path) -> None:
    lines = (EXAMPLES / "vitals" / "synthgen_vitals" / "__init__.py").read_text().splitlines()
    assert sum(bool(line.strip()) and not line.startswith(("import ", "from ")) for line in lines) <= 100
    made = subprocess.run(
        command("generate", "--modality", "vitals", "--seed", "1"),
        cwd=tmp_path, env=installed, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    report = json.loads((tmp_path / "release" / "privacy_report.json").read_text())
    assert report["privacy"]["outcome"] == "PASS"
    assert report["privacy"]["generator_test"]["attempts"] > 100
    assert len((tmp_path / "release" / "data" / "vitals.csv").read_text().splitlines()) == 61


def test_a_copier_in_its_place_is_refused(installed: dict[str, str], tmp_path: Path) -> None:
    data = tmp_path / "data"
    told = ("demo-cohort", "--modality", "vitals", "--out", data)
    subprocess.run(command(*told), env=installed, check=True, capture_output=True)
    made = subprocess.run(
        [sys.executable, "-c", LEAKY, data, tmp_path], env=installed, capture_output=True, text=True, check=False
    )
    assert made.stdout.strip() == "REFUSE", made.stderr
    assert not (tmp_path / "release").exists()
