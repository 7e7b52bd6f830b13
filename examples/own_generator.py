"""A generator of one's own in the chest X-ray bundle: cohort, filters, attacks and release stay as they are.

    python examples/own_generator.py FOLDER            # tiny: half a minute of one core
    python examples/own_generator.py FOLDER --demo     # the demo preset: some minutes

The generator here is the phantom renderer: it draws a new simulated person for every request, and never saw the cohort.
Tiny means 32 pixels, 60 patients and networks of a few thousand weights: so little cannot earn a PASS, and the reasons
that are printed say what it wants. With the cohort and the filters of the demo preset it can.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import synthgen
from synthgen.generators.cxr.phantom import render, sample_patient, sample_visit
from synthgen.modalities.cxr.binding import CXR, CxrConfig
from synthgen.modality import Modality, Ready
from synthgen.payloads.cxr import CxrCondition, CxrImage
from synthgen.progress import Silent
from synthgen.records import Generator, Request, Synthetic
from synthgen.release import Sealed

SIZE = 32
SMALL = (
    "samples=12",
    "threads=1",
    "split={train: 0.4, calibration: 0.4, audit: 0.2}",
    "gate={alpha: 0.05, planted: 3}",
    f"modality.demo={{patients: 60, size: {SIZE}}}",
    f"modality.generator.size={SIZE}",
    f"modality.identity.size={SIZE}",
    f"modality.evaluation={{image_size: {SIZE}, pixel_size: 16, classifier_steps: 10, width: 8}}",
)


def phantoms(size: int) -> Generator[CxrImage, CxrCondition]:
    """One sample for each request; it depends on its own request only, whatever else is asked for beside it."""
    return lambda requests: [Synthetic(r.seed, r.condition, _phantom(r, size)) for r in requests]


def _phantom(request: Request[CxrCondition], size: int) -> CxrImage:
    person = sample_patient(request.seed)
    findings, view = request.condition.findings, request.condition.view or "PA"
    return render(person, sample_visit(request.seed + 1, person), findings, view, size)


def mine(size: int) -> Modality[CxrImage, CxrCondition, CxrConfig]:
    """The bundle with another generator in it."""
    renderer = Ready(
        lambda scratch: phantoms(size),
        description="Phantom renderer: simulated people, a new one for every sample",
        version="1",  # another version is another model, which wants a work folder of its own
        saw_cohort=False,  # certain here: leave it True for whatever was trained on patients
    )
    return replace(CXR, generator=renderer)


def release(folder: Path, settings: Sequence[str] = SMALL) -> Sealed:
    """A run over a demo cohort, from the split by patient to the seal or the quarantine."""
    config = CXR.config("demo", settings, seed=1)
    kind, data = mine(config.modality.generator.size), folder / "cohort"
    if not data.exists():
        kind.cohorts.write_demo(data, config.modality, seed=1, progress=Silent())
    return synthgen.generate(
        kind, data=data, out=folder / "release", work=folder / "work", config="demo", settings=settings, seed=1
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--demo", action="store_true", help="as large as the demo preset")
    given = parser.parse_args()
    sealed = release(given.folder, ("threads=1",) if given.demo else SMALL)
    print(f"{sealed.outcome}: {sealed.folder}")
    report = json.loads((sealed.folder / "privacy_report.json").read_text("utf-8"))
    for reason in report["privacy"]["reasons"]:
        print(f"- {reason}")
