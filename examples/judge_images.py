"""The gate on arrays: who made the images, and how, it need not know.

    python examples/judge_images.py

The "patients" are phantoms, fifteen of them to protect and twenty strangers to set the threshold. Eight further
phantoms stand for an honest generator's samples, and eight patients whose image was only brightened for a leaky one's.
"""

import numpy as np

from synthgen.gate import OpenGate, gate
from synthgen.generators.cxr.phantom import render, sample_patient, sample_visit
from synthgen.payloads.cxr import CxrCondition, CxrImage, CxrReal
from synthgen.records import Real

SIZE = 32
SMALL = (
    "threads=1",
    "gate={alpha: 0.05, planted: 1}",
    f"modality.identity.size={SIZE}",
)


def image(person: int, exposure: int = 0) -> CxrImage:
    """A chest radiograph of a simulated person, shape [SIZE, SIZE], 0 to 255, bone bright."""
    anatomy = sample_patient(person)
    return render(anatomy, sample_visit(exposure, anatomy), (), "PA", SIZE)


def record(person: int) -> CxrReal:
    return Real(patient=f"p{person}", record="one", condition=CxrCondition(view="PA"), payload=image(person))


def brightened(picture: CxrImage) -> CxrImage:
    return (255 * (picture / 255) ** 0.8).astype(np.uint8)


def main() -> None:
    people = [record(person) for person in range(41)]
    train, calibration, audit = people[:15], people[15:35], people[35:]
    honest = [image(person) for person in range(1000, 1008)]
    leaky = [brightened(real.payload) for real in train[:8]]
    with gate("cxr", train=train, calibration=calibration, audit=audit, config="demo", settings=SMALL) as opened:
        tell("honest", opened, honest)
        tell("leaky", opened, leaky)


def tell(name: str, opened: OpenGate, images: list[CxrImage]) -> None:
    found = opened.judge(images)
    report = opened.report(found)  # with opened.attack(samples) as a second argument the attacks are weighed too
    print(f"{name}: {found.kept.sum()} of {len(images)} kept; {report.outcome}")
    for reason in report.reasons:
        print(f"  - {reason}")


if __name__ == "__main__":
    main()
