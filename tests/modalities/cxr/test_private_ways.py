"""The private fits of chest X-rays: which there are, and that the one from a base is guaranteed and spent once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tiny_model import TINY, cohort

pytest.importorskip("opacus")

import synthgen
from synthgen.dp.guarantee import read_guarantee
from synthgen.dp.ledger import FILE as LEDGER
from synthgen.errors import UserError
from synthgen.generators.cxr.base import write_base
from synthgen.generators.cxr.training import fit_generator
from synthgen.modalities.cxr.binding import CXR
from synthgen.origin import ORIGIN
from synthgen.progress import Silent
from synthgen.state import VARIABLE


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("base")
    fit_generator(cohort(8), TINY, folder / "model", seed=0, progress=Silent())
    write_base(folder / "model", folder / "base", {"saw": "8 simulated radiographs"})
    generator = [f"generator.base={folder / 'base'}", "generator.sampler.steps=2", "generator.size=32", "demo.size=32"]
    private = ["private_sgd.trained=scales", "private_sgd.steps=2", "private_sgd.batch=4", "demo.patients=24"]
    return ["privacy.epsilon=8", "privacy.method=sgd", *(f"modality.{s}" for s in (*generator, *private))]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    CXR.cohorts.write_demo(
        tmp_path / "data",
        CXR.config("demo", ["modality.demo.patients=24", "modality.demo.size=32"]).modality,
        0,
        Silent(),
    )
    return tmp_path / "data"


def test_votes_come_first_and_every_way_says_what_it_declares() -> None:
    ways = CXR.generator.private_fits(CXR.config("cpu").modality)
    assert [way.method for way in ways] == ["evolution", "sgd"]
    assert "DP-SGD" in ways[1].mechanism
    assert any("vocabulary of findings" in phrase for phrase in ways[1].public)


def test_a_fit_from_a_base_is_guaranteed_and_makes_images_without_the_cohort(
    settings: list[str], data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = {"data": data, "out": tmp_path / "model", "work": tmp_path / "w", "config": "demo", "seed": 1}
    model = synthgen.fit(CXR, settings=settings, **asked)
    promised = read_guarantee(model)
    assert promised is not None
    assert 7.9 < promised.epsilon <= 8
    assert (
        promised.events[0]
        == CXR.generator.private_fits(CXR.config("demo", settings).modality)[1].events(
            8.0, promised.delta, promised.patients
        )[0]
    )
    assert "loss" not in capfd.readouterr().err
    conditions = CXR.generator.free_conditions(model, CXR.config("demo", settings).modality)
    assert {conditions(slot, 0).findings for slot in range(50)} == {(), ("Edema",), ("Effusion",)}


@pytest.mark.parametrize(
    ("base", "line"), [("none", r"^privacy\.method=sgd needs a public base"), ("own", r"was fitted on a cohort")]
)
def test_without_a_public_base_nothing_is_spent(
    base: str, line: str, settings: list[str], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "state"))
    if base == "own":
        (public,) = (s.partition("=")[2] for s in settings if s.startswith("modality.generator.base="))
        base = str(shutil.copytree(public, tmp_path / "own"))
        (tmp_path / "own" / ORIGIN).write_text("{}")
    asked = {"data": data, "out": tmp_path / "model", "work": tmp_path / "w", "config": "demo", "seed": 1}
    with pytest.raises(UserError, match=line):
        synthgen.fit(CXR, settings=[*settings, f"modality.generator.base={base}"], **asked)
    assert not (tmp_path / "state" / LEDGER).exists()
    assert not (tmp_path / "model").exists()
