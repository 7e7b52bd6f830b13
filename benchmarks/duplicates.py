"""One radiograph under two patients: how far strangers and copies lie from the threshold, and what a duplicate does.

    python benchmarks/duplicates.py images COHORT --size 128    # a folder that the product reads, e.g. ChestX-ray14
    python benchmarks/duplicates.py gate --work work            # the demo cohort, with and without the linking

``images`` deals the patients into two halves; the threshold was chosen after a look at strangers of both.
``gate`` puts a copy of a training patient's image under the id of a new patient who falls into calibration.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from synthgen import modality
from synthgen.cohort import split_by_patient
from synthgen.errors import SynthgenError
from synthgen.generators.cxr.cohort import CohortConfig, load_cohort
from synthgen.payloads.cxr import CxrImage, CxrReal
from synthgen.people import find_people
from synthgen.privacy_filters.cxr.same_image import compared, enough_for, same_images
from synthgen.progress import Silent
from synthgen.records import Cohort, Loaded
from synthgen.run import Run
from synthgen.screening import open_screen
from synthgen.workfolder import opened

Make = Callable[[CxrImage], CxrImage]


def jpeg(image: CxrImage, quality: int) -> CxrImage:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("L"))


def cut(image: CxrImage, left: float, top: float, right: float, bottom: float) -> CxrImage:
    side = len(image)
    box = (left * side, top * side, (1 - right) * side, (1 - bottom) * side)
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC, box=box))


def padded(image: CxrImage, share: float) -> CxrImage:
    side, margin = len(image), round(share * len(image))
    return np.asarray(Image.fromarray(np.pad(image, margin)).resize((side, side), Image.Resampling.BICUBIC))


def other_size(image: CxrImage) -> CxrImage:
    side = len(image)
    return np.asarray(Image.fromarray(image).resize((side // 2, side // 2)).resize((side, side)))


KINDS: dict[str, Make] = {
    "exact": lambda image: image.copy(),
    "JPEG 90": lambda image: jpeg(image, 90),
    "JPEG 50": lambda image: jpeg(image, 50),
    "half size": other_size,
    "gamma 0.7": lambda image: (255 * (image / 255.0) ** 0.7).astype(np.uint8),
    "crop 2%": lambda image: cut(image, 0.02, 0.02, 0.02, 0.02),
    "crop 5%": lambda image: cut(image, 0.05, 0.05, 0.05, 0.05),
    "crop 10%": lambda image: cut(image, 0.1, 0.1, 0.1, 0.1),
    "10% off the top": lambda image: cut(image, 0, 0.1, 0, 0),
    "8% off the left": lambda image: cut(image, 0.08, 0, 0, 0),
    "pad 10%": lambda image: padded(image, 0.1),
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
    "negative": lambda image: 255 - image,
}


def images(cohort: Path, size: int, seed: int, most: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as cache:
        config = CohortConfig(absent="skip")
        records = load_cohort(cohort, config, size=size, cache=Path(cache), progress=Silent()).records
        started = time.process_time()
        links = same_images([r.payload for r in records], [r.patient for r in records], Silent())
        found: dict[str, Any] = {
            "images": len(records),
            "patients": len({r.patient for r in records}),
            "links": len(links),
            "cpu_seconds": round(time.process_time() - started, 1),
            "threshold": enough_for(size),
        }
        patients = np.random.default_rng(seed).permutation(sorted({r.patient for r in records}))
        for name, half in zip(("chosen_on", "judged_on"), np.array_split(patients, 2), strict=True):
            found[name] = _half([r for r in records if r.patient in set(half)], list(half), size, most)
    return found


def _half(records: list[CxrReal], patients: list[str], size: int, most: int) -> dict[str, Any]:
    """One copy of each of some patients, another kind for each, so that copies do not crowd one another out."""
    per_kind = min(most, len(patients) // len(KINDS))
    first = {r.patient: at for at, r in reversed(list(enumerate(records)))}
    pictures, owners, made = [r.payload for r in records], [r.patient for r in records], []
    for number, patient in enumerate(patients[: per_kind * len(KINDS)]):
        kind = list(KINDS)[number % len(KINDS)]
        made.append((kind, first[patient], len(pictures)))
        pictures.append(KINDS[kind](records[first[patient]].payload))
        owners.append(f"copy of {patient}")
    agreement = {(pair.first, pair.second): pair.agreement for pair in compared(pictures, owners, Silent())}
    of_kind = {kind: [agreement.get((a, b), -1.0) for k, a, b in made if k == kind] for kind in KINDS}
    people = [owner.removeprefix("copy of ") for owner in owners]
    strangers = sorted((level for (a, b), level in agreement.items() if people[a] != people[b]), reverse=True)
    return {
        "images": len(records),
        "closest_strangers": [round(level, 3) for level in strangers[:3]],
        "linked": {kind: f"{sum(v >= enough_for(size) for v in of)} of {len(of)}" for kind, of in of_kind.items()},
        "least_agreement": {kind: round(min(of), 3) for kind, of in of_kind.items()},
    }


def gate(work: Path, settings: list[str]) -> None:
    """Threshold and planted copies of the demo cohort: as it is, with a duplicate linked, and with it not linked.

    The networks are fitted once, on the cohort as it is.
    """
    kind = modality.load("cxr")
    config = kind.config("demo", settings)
    data, folder = work / "cohort", work / "filters"
    if not data.exists():
        kind.cohorts.write_demo(data, config.modality, 0, Silent())
    loaded = kind.cohorts.load(data, config.modality, work / "cache", Silent())
    plain = split_by_patient(loaded, config.split)
    kind.filters.fit(plain.train, config.modality, folder, 0, Silent())
    _show("as it is", _screened(kind, config, plain, folder))
    original = min(plain.train, key=lambda r: (r.patient, r.record))
    for name in ("exact", "JPEG 90", "crop 5%"):
        copy = replace(original, patient="zz-new", record="zz-new", payload=KINDS[name](original.payload))
        doubled: Loaded[Any, Any] = replace(loaded, records=(*loaded.records, copy))
        people = find_people(kind.cohorts, doubled, config, work, Silent())
        cohort = split_by_patient(people.loaded, config.split, people.person_of)
        _show(f"{name}, linked", {"links": people.facts.links, **_screened(kind, config, cohort, folder)})
        apart = replace(plain, calibration=(*plain.calibration, copy))
        _show(f"{name}, not linked", _screened(kind, config, apart, folder))


def _show(name: str, found: dict[str, Any]) -> None:
    print(json.dumps({name: found}), flush=True)


def _screened(kind: Any, config: Any, cohort: Cohort[Any, Any], folder: Path) -> dict[str, Any]:
    try:
        with opened(folder.parent / "run", modality=kind.name, config_digest=config.digest()) as work:
            screen = open_screen(Run(kind, config, work, Silent()), cohort, folder=folder, model=None)
    except (SynthgenError, ValueError) as error:
        return {"refused": f"{type(error).__name__}: {error}"}
    return {
        "threshold": round(float(screen.gate.calibration.threshold), 3),
        "caught": {result.perturbation: f"{result.caught} of {result.planted}" for result in screen.planted},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("images")
    one.add_argument("cohort", type=Path)
    one.add_argument("--size", type=int, default=128)
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--most", type=int, default=24)
    two = commands.add_parser("gate")
    two.add_argument("--work", type=Path, required=True)
    two.add_argument("--set", action="append", default=[], help="key=value over the demo preset")
    given = parser.parse_args()
    if given.command == "images":
        print(json.dumps(images(given.cohort, given.size, given.seed, given.most), indent=1))
    else:
        gate(given.work, given.set)


if __name__ == "__main__":
    main()
