"""Radiographs under an operator: a secret per image, labels that many have, and mistakes in one line."""

import numpy as np
import pytest

from synthgen.errors import UserError
from synthgen.modalities.cxr.anonymise import DP_PIX, WARP, CxrAnonymiser
from synthgen.modality import load
from synthgen.payloads.cxr import CxrCondition, CxrReal
from synthgen.records import Operator, Real

ANONYMISER = CxrAnonymiser()
CONFIG = load("cxr").config("demo").modality


def record(patient: str, number: int = 0, findings: tuple[str, ...] = ("Effusion",)) -> CxrReal:
    image = np.random.default_rng(0).integers(0, 256, (32, 32)).astype(np.uint8)
    return Real(patient, f"{patient}-{number}", CxrCondition(findings, "PA", "F", 63), image)


TRAIN = [record(f"t{i}") for i in range(6)]


def opened(name: str = WARP, strength: float = 1, secret: bytes = b"s") -> Operator[np.ndarray, CxrCondition]:
    return ANONYMISER.open(name, strength, TRAIN, CONFIG, secret)


@pytest.mark.parametrize("name", [WARP, DP_PIX])
def test_every_image_has_a_secret_of_its_own(name: str) -> None:
    one, other = opened(name)(1, [record("p"), record("p", 1)])
    assert (one.payload != other.payload).any() and one.operator == name
    assert (opened(name)(1, [record("p")])[0].payload == one.payload).all()
    assert (opened(name, secret=b"x")(1, [record("p")])[0].payload != one.payload).any()
    assert (opened(name, 0)(1, [record("p")])[0].payload == record("p").payload).all()
    assert "%" in ANONYMISER.describe(name, 1, CONFIG) or "ε" in ANONYMISER.describe(name, 1, CONFIG)


def test_ages_are_rounded_and_rare_findings_are_not_named() -> None:
    made = opened()(1, [record("p", findings=("Effusion", "Hernia"))])[0].condition
    assert made.findings == ("Effusion", "Other finding") and made.age == 65 and made.sex == "F"
    alone = opened()(1, [record("p", findings=("Hernia",))])[0].condition
    assert alone.labels == ("Other finding",)  # and not "No Finding"


def test_too_strong_is_one_line() -> None:
    with pytest.raises(UserError, match="at most 5"):
        opened(strength=6)
