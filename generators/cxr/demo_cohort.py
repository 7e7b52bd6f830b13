"""The demo cohort: phantom patients with known identity, in the plain folder that a user's own data would be."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from synthgen.files import demo_folder
from synthgen.generators.cxr.config import DemoCohortConfig
from synthgen.generators.cxr.phantom import FINDINGS, Patient, render, sample_patient, sample_visit
from synthgen.payloads.cxr import CxrCondition, View
from synthgen.progress import Progress

_README = """Simulated chest radiographs: a digital phantom drawn from random numbers. Free of any patient.

Labels stand in metadata.csv, separated by '|'. Patients and visits are the phantom's: images of one patient_id
show the same simulated anatomy. Not for diagnosis, nor for training anything that will meet a patient.
"""

_CHRONIC = frozenset({"Cardiomegaly", "Emphysema", "Nodule"})
"""Findings that a patient who has them mostly still has at the next visit."""


@dataclass(frozen=True, slots=True)
class _Row:
    file_name: str
    patient_id: str
    condition: CxrCondition


def write_demo_cohort(folder: Path, config: DemoCohortConfig, seed: int, progress: Progress) -> None:
    """Writes ``folder/images/*.png``, ``folder/metadata.csv`` and a README that says that all of it is simulated.

    The same configuration and seed give the same bytes. The folder appears when it is complete, or not at all.

    Raises:
        UserError: the folder exists and is not empty, or cannot be written.
    """
    with demo_folder(folder) as unfinished:
        _write(unfinished, config, seed, progress)


def _write(folder: Path, config: DemoCohortConfig, seed: int, progress: Progress) -> None:
    (folder / "images").mkdir()
    (folder / "README.txt").write_text(_README, encoding="utf-8")
    digits = max(4, len(str(config.patients)))
    task = progress.task("demo cohort", config.patients, "patient")
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["file_name", "patient_id", "labels", "view", "sex", "age"])
        for index in range(config.patients):
            patient_id = f"p{index + 1:0{digits}d}"
            for row in _patient(folder, patient_id, index, config, seed):
                c = row.condition
                table.writerow([row.file_name, row.patient_id, "|".join(c.labels), c.view, c.sex, c.age])
            task.advance()


def _patient(folder: Path, patient_id: str, index: int, config: DemoCohortConfig, seed: int) -> list[_Row]:
    # One stream per patient, so that the first hundred patients are the same in a cohort of any size.
    rng = np.random.default_rng([seed, index, 0xC0407])
    patient = sample_patient(int(rng.integers(2**62)))
    visits = 1 + int(rng.random() < config.share_second_visit)
    visits += int(visits == 2 and rng.random() < config.share_third_visit)
    findings: frozenset[str] = frozenset()
    age, rows = patient.age, []
    for number in range(visits):
        findings = draw_findings(rng, patient, config, None if number == 0 else findings)
        ill = len(findings & {"Edema", "Effusion", "Consolidation", "Pneumothorax"}) > 0
        view: View = "AP" if rng.random() < config.share_ap * (1.3 if ill else 0.7) else "PA"
        condition = CxrCondition(findings=tuple(sorted(findings)), view=view, sex=patient.sex, age=min(age, 120))
        image = render(patient, sample_visit(int(rng.integers(2**62)), patient), condition.findings, view, config.size)
        name = f"images/{patient_id}_v{number}.png"
        Image.fromarray(image).save(folder / name)
        rows.append(_Row(name, patient_id, condition))
        age += int(rng.random() < 0.4)
    return rows


def draw_findings(
    rng: np.random.Generator, patient: Patient, config: DemoCohortConfig, before: frozenset[str] | None
) -> frozenset[str]:
    """Findings of a visit, given those of the visit before. Hyperinflation and fluid of the heart seldom meet."""
    if before is None and rng.random() < config.share_no_finding:
        return frozenset()
    kept = frozenset(f for f in sorted(before or ()) if rng.random() < (config.persistence if f in _CHRONIC else 0.45))
    wanted = 1 + rng.poisson(config.mean_findings - 1) if before is None else int(rng.random() < 0.35)
    old = max(0, patient.age - 45) / 45
    weights = np.array([1 + old * (f in {"Cardiomegaly", "Emphysema", "Effusion"}) for f in FINDINGS])
    added = rng.choice(FINDINGS, size=min(int(wanted), 4), replace=False, p=weights / weights.sum())
    findings = kept | frozenset(str(f) for f in added)
    if "Emphysema" in findings and findings & {"Edema", "Cardiomegaly"}:
        findings -= {"Emphysema"} if "Emphysema" not in kept else {"Edema", "Cardiomegaly"}
    return findings
