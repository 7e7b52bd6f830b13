"""A generator of one's own in the chest X-ray bundle: cohort, filters, attacks and release stay as they are.

    python examples/own_generator.py FOLDER

The generator here is the phantom renderer: it draws a new simulated person for every request, and never saw the cohort.
Everything is tiny (32 pixels, networks of a few thousand weights), so that it takes half a minute of one core: so
little cannot earn a PASS, and the reasons that are printed say what it wants.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from synthgen.engines.local import LocalEngine
from synthgen.generators.cxr.phantom import render, sample_patient, sample_visit
from synthgen.modalities.cxr.binding import CXR
from synthgen.modality import Ready
from synthgen.payloads.cxr import CxrCondition, CxrImage, CxrSynthetic
from synthgen.pipeline import Plan, release_from
from synthgen.progress import Silent
from synthgen.records import Request, Synthetic
from synthgen.release import Sealed
from synthgen.run import Run
from synthgen.workfolder import opened

SIZE = 32
SMALL = (
    "samples=12",
    "threads=1",
    "split={train: 0.4, calibration: 0.4, audit: 0.2}",
    "gate={alpha: 0.05, planted: 3}",
    f"modality.demo={{patients: 60, size: {SIZE}}}",
    f"modality.generator.size={SIZE}",
    f"modality.identity={{size: {SIZE}, width: 8, steps: 12, pairs: 6, singles: 4, views: 1}}",
    f"modality.evaluation={{image_size: {SIZE}, pixel_size: 16, classifier_steps: 10, width: 8}}",
)


def phantoms(requests: Sequence[Request[CxrCondition]]) -> list[CxrSynthetic]:
    """One sample for each request; it depends on its own request only, whatever else is asked for beside it."""
    return [Synthetic(request.seed, request.condition, _phantom(request)) for request in requests]


def _phantom(request: Request[CxrCondition]) -> CxrImage:
    person = sample_patient(request.seed)
    findings, view = request.condition.findings, request.condition.view or "PA"
    return render(person, sample_visit(request.seed + 1, person), findings, view, SIZE)


MINE = Ready(
    lambda scratch: phantoms,
    description="Phantom renderer: simulated people, a new one for every sample",
    version="1",  # another version is another model, which wants a work folder of its own
    saw_cohort=False,  # certain here: leave it True for whatever was trained on patients
)
KIND = replace(CXR, generator=MINE)


def release(folder: Path) -> Sealed:
    """A run over a small demo cohort, from the split by patient to the seal or the quarantine."""
    config = KIND.config("demo", SMALL, seed=1)
    data = folder / "cohort"
    if not data.exists():
        KIND.cohorts.write_demo(data, config.modality, seed=1, progress=Silent())
    plan = Plan(data, None, folder / "release", "demo", ("imagefolder",), (), demo=False)
    with opened(folder / "work", modality=KIND.name, config_digest=config.digest()) as work:
        return release_from(Run(KIND, config, work, Silent()), plan, LocalEngine())


if __name__ == "__main__":
    sealed = release(Path(sys.argv[1]))
    print(f"{sealed.outcome}: {sealed.folder}")
    report = json.loads((sealed.folder / "privacy_report.json").read_text("utf-8"))
    for reason in report["privacy"]["reasons"]:
        print(f"- {reason}")
