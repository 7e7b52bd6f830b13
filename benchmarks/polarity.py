"""Counts how often a radiograph is taken for a negative by its picture, as it is and negated.

    python -m benchmarks.polarity --data COHORT [--size 64] [--phantoms 300]

The cohort is any that ``generate --data`` reads; what it is asked of must not be negatives. Phantoms are drawn besides.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from synthgen.generators.cxr.cohort import CohortConfig, load_cohort
from synthgen.generators.cxr.cohort.polarity import polarity
from synthgen.generators.cxr.phantom.anatomy import sample_patient, sample_visit
from synthgen.generators.cxr.phantom.render import render
from synthgen.payloads.cxr import CxrImage
from synthgen.progress import Silent


def phantoms(count: int, size: int) -> Iterator[CxrImage]:
    """Phantoms of as many persons, half of them AP."""
    for seed in range(count):
        patient = sample_patient(seed)
        yield render(patient, sample_visit(seed, patient), (), ("PA", "AP")[seed % 2], size)


def images(data: Path, size: int) -> Iterator[CxrImage]:
    """The images of a cohort."""
    with tempfile.TemporaryDirectory() as cache:
        for real in load_cohort(data, CohortConfig(), size=size, cache=Path(cache), progress=Silent()).records:
            yield real.payload


def told(name: str, shown: Iterator[CxrImage]) -> str:
    """A row of the table: what is said of the images, and of the negated ones."""
    as_they_are: Counter[str] = Counter()
    negated: Counter[str] = Counter()
    for image in shown:
        as_they_are[polarity(image)] += 1
        negated[polarity(255 - image)] += 1
    numbers = [as_they_are.total(), as_they_are["negative"], as_they_are["doubtful"]]
    numbers += [negated["negative"], negated["doubtful"], negated["positive"]]
    return f"| {name} | " + " | ".join(str(number) for number in numbers) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="*", default=[])
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--phantoms", type=int, default=300)
    options = parser.parse_args()
    print("| images | n | taken for negatives | doubtful | negated: found | doubtful | missed |\n|" + " --- |" * 7)
    for data in options.data:
        print(told(data.name, images(data, options.size)))
    print(told("phantoms", phantoms(options.phantoms, options.size)))


if __name__ == "__main__":
    main()
