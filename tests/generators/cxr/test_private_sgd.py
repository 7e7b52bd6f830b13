"""DP-SGD of a base: few weights move and all others stay, whatever stops it; what it must refuse costs nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_model import SIZE, TINY, cohort

pytest.importorskip("opacus")

from synthgen.dp.accounting import Gaussian, default_delta, epsilon_of
from synthgen.dp.begun import Begun, read_begun, write_begun
from synthgen.dp.sgd import PatientSGD
from synthgen.errors import UserError
from synthgen.generators.cxr import private_sgd
from synthgen.generators.cxr.base import open_base, write_base
from synthgen.generators.cxr.conditioning import Encoding
from synthgen.generators.cxr.config import GeneratorConfig, PrivateSgdConfig
from synthgen.generators.cxr.model_folder import model_digest, open_generator
from synthgen.generators.cxr.private_sgd import PrivateSgd, vectors_of
from synthgen.generators.cxr.training import fit_generator
from synthgen.payloads.cxr import CxrCondition, CxrReal
from synthgen.progress import Silent
from synthgen.records import Request

NOISE = (Gaussian(1.0, 0.5, 3),)
FEW = PrivateSgdConfig(batch=4, steps=3, trained="scales")
STATE = Path("checkpoints", "private_sgd.safetensors")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    fit_generator(cohort(8), TINY, folder / "model", seed=0, progress=Silent())
    write_base(folder / "model", folder / "base", {"saw": "8 simulated radiographs"})
    return folder / "base"


def way(base: Path | str, private: PrivateSgdConfig = FEW, **settings: object) -> PrivateSgd:
    return PrivateSgd(TINY.model_copy(update={"base": str(base), **settings}), private)


def patients(n: int = 8) -> list[CxrReal]:
    """With a finding that the base does not know, alone and beside others."""
    strange = [("Nodule",), ("Effusion", "Nodule")]
    return [
        replace(r, condition=replace(r.condition, findings=strange[i % 4])) if i % 4 < 2 else r
        for i, r in enumerate(cohort(n))
    ]


def weights(folder: Path, part: str) -> dict[str, torch.Tensor]:
    found = load_file(folder / part / "diffusion_pytorch_model.safetensors")
    return {name: value.float() for name, value in found.items()}


def moved(base: Path, model: Path, part: str) -> set[str]:
    before, after = weights(base, part), weights(model, part)
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


TRAINED: dict[str, Callable[[str], bool]] = {
    "scales": lambda name: "norm" in name and name.endswith("weight"),
    "normalisation": lambda name: "norm" in name,
    "low_rank": lambda name: ".to_" in name and name.endswith("weight"),
}


@pytest.mark.parametrize("trained", TRAINED)
def test_exactly_the_trained_weights_move(trained: str, base: Path, tmp_path: Path) -> None:
    if trained == "low_rank":
        pytest.importorskip("peft")
    private = FEW.model_copy(update={"trained": trained})
    way(base, private).fit(patients(), NOISE, tmp_path / "m", 1, Silent())
    assert moved(base, tmp_path / "m", "unet") == {name for name in weights(base, "unet") if TRAINED[trained](name)}
    assert moved(base, tmp_path / "m", "vae") == set()
    written = {path.name: path.read_text() for path in tmp_path.rglob("*.json")}
    assert not [name for name, text in written.items() if str(base.parent) in text or "Nodule" in text]
    assert [path.name for path in (tmp_path / "m" / "checkpoints").iterdir()] == ["run.json"]
    generator = open_generator(tmp_path / "m", TINY.sampler, 1)
    assert set(generator.vocabulary) == {"Edema", "Effusion"}
    assert generator([Request(1, CxrCondition(("Effusion",), "AP", "M", 60))])[0].payload.shape == (SIZE, SIZE)


def test_the_events_come_to_the_epsilon_that_was_asked_for() -> None:
    delta = default_delta(400)
    events = PrivateSgd(TINY, PrivateSgdConfig(batch=40, steps=30)).events(8.0, delta, 400)
    (event,) = events
    assert isinstance(event, Gaussian)
    assert (event.rate, event.steps) == (0.1, 30)
    assert 7.9 < epsilon_of(events, delta).epsilon <= 8


class KilledError(Exception):
    pass


def test_a_fit_that_was_killed_does_the_steps_that_are_missing(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, whole = [], PatientSGD.step

    def step(sgd: PatientSGD) -> None:
        if len(steps) == 2:
            raise KilledError
        whole(sgd)
        steps.append(sgd.done)

    monkeypatch.setattr(private_sgd.PatientSGD, "step", step)
    write_begun(tmp_path / "m", Begun("entered"))
    with pytest.raises(KilledError):
        way(base).fit(patients(), NOISE, tmp_path / "m", 1, Silent())
    assert (tmp_path / "m" / STATE).exists()
    assert way(base).drawn(tmp_path / "m") == 2 and read_begun(tmp_path / "m") == Begun("entered", 2)
    kept = load_file(tmp_path / "m" / STATE)
    assert not (tmp_path / "m" / "synthgen.json").exists()
    with pytest.raises(UserError, match="holds a training with other settings"):
        way(base).check(patients()[1:], NOISE, tmp_path / "m", 1)

    def again(sgd: PatientSGD) -> None:
        assert sgd.done == 2 == int(next(iter(sgd._optimizer.state.values()))["step"])
        now = {name: p for name, p in sgd._model.named_parameters() if p.requires_grad}
        assert all(torch.equal(p, kept[name.replace("unet.", "weight.", 1)]) for name, p in now.items())
        whole(sgd)
        steps.append(sgd.done)

    monkeypatch.setattr(private_sgd.PatientSGD, "step", again)
    way(base).check(patients(), NOISE, tmp_path / "m", 1)
    way(base).fit(patients(), NOISE, tmp_path / "m", 1, Silent())
    assert steps == [1, 2, 3]
    digest = model_digest(tmp_path / "m")
    way(base).fit(patients(), NOISE, tmp_path / "m", 1, Silent())
    assert steps == [1, 2, 3]
    assert model_digest(tmp_path / "m") == digest
    assert not (tmp_path / "m" / STATE).exists()
    assert way(base).drawn(tmp_path / "m") == 3 and read_begun(tmp_path / "m") == Begun("entered", 3)
    (tmp_path / "m" / "synthgen.json").unlink()  # what is there is no model, and no state to go on from
    assert way(base).drawn(tmp_path / "m") == 0


def test_the_model_says_of_itself_what_is_true_of_a_private_one(base: Path, tmp_path: Path) -> None:
    way(base).fit(patients(), NOISE, tmp_path / "m", 1, Silent())
    told = (tmp_path / "m" / "README.md").read_text()
    assert "fitted with **differential privacy**" in told and "`privacy.json`" in told
    assert "memorised" not in told
    assert "memorised" in (base.parent / "model" / "README.md").read_text()


def test_nothing_of_a_step_is_told(base: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    notes: list[str] = []

    class Told(Silent):
        def task(self, name: str, total: int | None, unit: str, done: int = 0) -> Told:  # type: ignore[override]
            return self

        def advance(self, steps: int = 1, note: str = "") -> None:
            notes.append(note)

    way(base).fit(patients(), NOISE, tmp_path / "m", 1, Told())
    assert notes == ["", "", ""]
    assert capfd.readouterr().out == ""


def test_a_finding_that_the_base_lacks_is_neither_learnt_nor_taken_for_none() -> None:
    encoding = Encoding(("Effusion",))
    vectors = vectors_of(
        [replace(cohort(1)[0], condition=CxrCondition(f)) for f in ((), ("Nodule",), ("Effusion", "Nodule"))], encoding
    )
    place = {field: i for i, field in enumerate(encoding.fields)}
    findings = vectors[:, [place["finding:No Finding"], place["finding:Effusion"]]]
    assert findings.tolist() == [[1, 0], [0, 0], [0, 1]]


def test_a_records_draws_fall_into_all_strata_of_the_schedule(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private = FEW.model_copy(update={"draws": 4})
    opened = open_base(str(base), SIZE)
    assert opened is not None
    fit = way(base, private)._sgd(opened, patients(), NOISE, 1)
    fit.rows.read(opened, patients())
    seen: list[int] = []

    def rows(*parts: torch.Tensor) -> torch.Tensor:
        seen.extend(parts[2].tolist())
        return torch.zeros(len(parts[0]))

    monkeypatch.setattr(fit.rows._loss, "rows", rows)
    for chunk in ([0, 0, 0], [0, 3], [3, 3, 3, 5, 5, 5, 5]):  # as a chunk may cut a patient
        fit.rows(torch.nn.Module(), chunk)
    assert np.sort(np.array(seen).reshape(3, 4) // 250, axis=1).tolist() == [[0, 1, 2, 3]] * 3


@pytest.mark.parametrize(
    ("settings", "private", "line"),
    [
        ({"base": "none"}, {}, r"^privacy\.method=sgd needs a public base.*--set modality\.generator\.base=packaged"),
        ({"size": 64}, {}, "draws images of 32 px and 64 are asked for"),
        ({"base": "/nowhere/at/all"}, {}, "there is no model folder"),
    ],
)
def test_what_cannot_be_fitted_is_refused_before_anything_is_written(
    settings: dict[str, object], private: dict[str, object], line: str, base: Path, tmp_path: Path
) -> None:
    asked = PrivateSgd(TINY.model_copy(update={"base": str(base), **settings}), FEW.model_copy(update=private))
    for attempt in (
        lambda: asked.check(patients(), NOISE, tmp_path / "m", 1),
        lambda: asked.fit(patients(), NOISE, tmp_path / "m", 1, Silent()),
    ):
        with pytest.raises(UserError, match=line) as refused:
            attempt()
        assert "\n" not in str(refused.value)
    assert not (tmp_path / "m").exists()


def test_a_base_without_attention_takes_no_additions_to_it(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    denoiser = TINY.denoiser.model_copy(update={"attention_levels": 0})
    plain = GeneratorConfig.model_validate({**TINY.model_dump(), "denoiser": denoiser.model_dump()})
    fit_generator(cohort(8), plain, tmp_path / "base", seed=0, progress=Silent())
    private = FEW.model_copy(update={"trained": "low_rank"})
    with pytest.raises(UserError, match="the base has no attention to add to"):
        way(tmp_path / "base", private).check(patients(), NOISE, tmp_path / "m", 1)


def test_fewer_patients_than_a_batch_and_another_models_folder_are_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a batch of 4 patients cannot be drawn from 3"):
        way(base).events(8.0, 0.1, 3)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="was not made by this training"):
        way(base).check(patients(), NOISE, tmp_path / "m", 1)
    assert json.dumps([path.name for path in (tmp_path / "m").iterdir()]) == '["notes.txt"]'


@pytest.mark.parametrize("images", [1, 100])
def test_a_patient_with_many_images_gives_a_step_as_many_rows_as_one_with_one(images: int, base: Path) -> None:
    opened = open_base(str(base), SIZE)
    assert opened is not None
    many = [replace(record, patient="patient-000") for record in cohort(images)]
    owned = [*many, *(replace(record, patient=f"other-{i}") for i, record in enumerate(cohort(6)))]
    sgd = way(base, FEW.model_copy(update={"records": 1, "draws": 3}))._sgd(opened, owned, NOISE, 1).sgd
    assert sgd.state["patients"] == 7
    assert [len(sgd._rows(who)) for who in range(7)] == [3] * 7
