"""Radiographs under an operator: a secret per image, labels that many have, and mistakes in one line."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from dicom_exports import write_dicom

from synthgen.errors import UserError
from synthgen.generators.cxr.config import DeformerConfig
from synthgen.modalities.cxr.anonymise import DP_PIX, LATENT, LEARNED, WARP, Change, CxrAnonymiser
from synthgen.modality import load
from synthgen.payloads.cxr import CxrCondition, CxrReal
from synthgen.progress import Silent
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


@pytest.mark.parametrize(("name", "most"), [(WARP, 5), (LEARNED, 5), (DP_PIX, 5), (LATENT, 3)])
def test_too_strong_is_one_line_before_a_record_is_read(name: str, most: int) -> None:
    ANONYMISER.check(name, most, CONFIG)
    with pytest.raises(UserError, match=f"--strength of {name} is at most {most}, got {most + 1}"):
        ANONYMISER.check(name, most + 1, CONFIG)


def test_another_size_than_the_generator_s_is_told_before_a_record_is_read() -> None:
    small = CONFIG.model_copy(update={"generator": CONFIG.generator.model_copy(update={"size": 64})})
    with pytest.raises(UserError, match=r"modality\.generator\.size=128"):
        ANONYMISER.check(LATENT, 1, small)


def test_what_is_learnt_lies_in_the_folder_and_nothing_else_learns(tmp_path: Path) -> None:
    short = DeformerConfig(nodes=4, steps=2, warmup=1, batch=2)
    config = CONFIG.model_copy(update={"deformer": short})

    def fitted(name: str, strength: float, folder: Path) -> CxrAnonymiser:
        return ANONYMISER.fitted(name, strength, TRAIN, config, folder, 1, Silent())

    assert fitted(WARP, 1, tmp_path / "no") is ANONYMISER and fitted(LEARNED, 0, tmp_path / "no") is ANONYMISER
    assert not (tmp_path / "no").exists()
    learnt = fitted(LEARNED, 1, tmp_path / "w")
    assert sorted(path.suffix for path in (tmp_path / "w").iterdir()) == [".json", ".safetensors"]
    one, other = (learnt.open(LEARNED, 1, TRAIN, config, secret)(1, [record("p")])[0] for secret in (b"s", b"t"))
    assert (one.payload != record("p").payload).any() and (one.payload != other.payload).any()
    assert "learnt against" in learnt.describe(LEARNED, 1, config)


def test_redrawn_is_told_no_more_than_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    def redrawer(name: str, strength: float) -> Change:
        return lambda image, condition, seed: (told.append(condition), image)[1]  # type: ignore[func-returns-value]

    monkeypatch.setattr("synthgen.modalities.cxr.anonymise.redrawer", redrawer)
    made = ANONYMISER.open(LATENT, 1, TRAIN, CONFIG, b"s")(1, [record("p", findings=("Effusion", "Hernia"))])
    assert told == [made[0].condition] and told[0].age == 65


def test_a_dicom_header_goes_with_its_image_where_it_is_asked_for(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.dcm" for name in ("one", "two", "other")]
    for path, study in zip(files, ("1.2.3.1", "1.2.3.1", "1.2.3.2"), strict=True):
        write_dicom(path, StudyInstanceUID=study, StudyDescription="chest of Jane Doe")
    films = [replace(record("p", number), source=path) for number, path in enumerate(files)]
    asked = CONFIG.model_copy(update={"headers": True})
    for config, wanted in ((CONFIG, 0), (asked, 3)):
        made = ANONYMISER.open(WARP, 1, (*TRAIN, *films), config, b"s")(7, films)
        out = tmp_path / f"release-{wanted}"
        facts = ANONYMISER.write(out, lambda made=made: enumerate(made))  # type: ignore[misc]
        assert len(list(out.glob("dicom/*.dcm"))) == wanted and ("dicom" in facts.formats) == bool(wanted)
    read = [pydicom.dcmread(path) for path in sorted((tmp_path / "release-3/dicom").iterdir())]
    assert {one.PatientID for one in read} == {"ANONYMISED-P000007"}
    studies = [one.StudyInstanceUID for one in read]
    assert studies[0] == studies[1] != studies[2] and "1.2.3.1" not in studies
    assert len({one.SOPInstanceUID for one in read}) == 3
    for one, record_made in zip(read, made, strict=True):
        assert (one.pixel_array == record_made.payload).all() and one.PatientAge == "065Y"
        assert one.StudyDate not in ("", "20200102") and "StudyDescription" not in one
    for path in (tmp_path / "release-3/dicom").iterdir():
        assert b"Jane" not in path.read_bytes() and b"4711" not in path.read_bytes()


def test_headers_of_a_cohort_that_has_none_are_refused() -> None:
    with pytest.raises(UserError, match="holds no DICOM"):
        ANONYMISER.open(WARP, 1, TRAIN, CONFIG.model_copy(update={"headers": True}), b"s")


def test_text_is_taken_off_before_the_image_is_changed() -> None:
    film = np.full((128, 128), 90, np.uint8)
    written = film.copy()
    cv2.putText(written, "MARY K.", (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1, cv2.LINE_AA)
    real = replace(record("p"), payload=written)
    made = opened()(1, [real])[0].payload
    assert written.max() == 255 and made.max() < 130
    assert (opened(strength=0)(1, [real])[0].payload == written).all()
