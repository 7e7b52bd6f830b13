"""A fit starts from a base: what the base knows stays, what it does not know is learned beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file
from tiny_model import SIZE, TINY, cohort

from synthgen.errors import UserError
from synthgen.generators.cxr.base import CARD, open_base, write_base
from synthgen.generators.cxr.conditioning import Encoding
from synthgen.generators.cxr.config import GeneratorConfig, TuningConfig
from synthgen.generators.cxr.model_folder import base_of, open_generator
from synthgen.generators.cxr.training import fit_generator
from synthgen.payloads.cxr import CxrCondition, CxrReal
from synthgen.progress import Silent
from synthgen.records import Request


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "model"
    fit_generator(cohort(8), TINY, folder, seed=0, progress=Silent())
    return folder


@pytest.fixture(scope="module")
def base(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("written") / "base"
    write_base(model, out, {"phantoms": 8, "saw": "8 simulated radiographs"})
    return out


def fitted_from(base: Path, folder: Path, **tuning: str) -> Path:
    config = TINY.model_copy(update={"base": str(base), "tuning": TuningConfig.model_validate(tuning)})
    fit_generator(others(), config, folder, seed=1, progress=Silent())
    return folder


def others() -> list[CxrReal]:
    """Records with a finding that the base has not seen."""
    nodule = CxrCondition(("Nodule",), "PA", "F", 40)
    return [replace(record, condition=nodule) if i % 2 else record for i, record in enumerate(cohort(6))]


def weights(folder: Path, part: str) -> dict[str, torch.Tensor]:
    return load_file(folder / part / "diffusion_pytorch_model.safetensors")


def test_a_base_is_half_as_large_and_draws_the_same(model: Path, base: Path) -> None:
    whole, half = (weights(folder, "unet") for folder in (model, base))
    assert {value.dtype for value in half.values()} == {torch.float16}
    assert all(torch.allclose(whole[name], half[name].float(), atol=1e-3) for name in whole)
    assert json.loads((base / CARD).read_text())["phantoms"] == 8
    assert not [path for path in base.rglob("*.json") if str(model.parent) in path.read_text()]
    request = Request(3, CxrCondition(("Effusion",), "PA", "F", 50))
    one, two = (open_generator(folder, TINY.sampler, 1)([request])[0].payload for folder in (model, base))
    assert abs(one.astype(int) - two.astype(int)).max() <= 2


def test_what_a_base_does_not_know_starts_without_effect(base: Path) -> None:
    opened = open_base(str(base), SIZE)
    assert opened is not None
    encoding = opened.covering(Encoding(("Nodule",)))
    assert set(encoding.findings) == {"Edema", "Effusion", "Nodule"}
    wide = opened.denoiser(encoding).eval()
    latents, t = torch.randn(2, 3, 8, 8), torch.tensor([5, 5])
    with_it, without = (CxrCondition(findings, "PA", "F", 40) for findings in (("Effusion", "Nodule"), ("Effusion",)))
    with torch.no_grad():
        labels = torch.from_numpy(encoding.encode([with_it, without]))
        old = torch.from_numpy(opened.encoding.encode([without, without]))
        made = wide(latents[:1].expand(2, -1, -1, -1), t, None, class_labels=labels).sample
        was = opened.unet.eval()(latents[:1].expand(2, -1, -1, -1), t, None, class_labels=old).sample
    assert torch.allclose(made[0], made[1], atol=1e-6)
    assert torch.allclose(made, was, atol=1e-6)


@pytest.mark.parametrize("tuned", ["frozen", "decoder", "full"])
def test_of_the_autoencoder_what_was_asked_for_is_tuned(tuned: str, base: Path, tmp_path: Path) -> None:
    before, after = weights(base, "vae"), weights(fitted_from(base, tmp_path / "m", autoencoder=tuned), "vae")

    def same(part: str) -> bool:
        return all(torch.equal(before[n].float(), after[n]) for n in before if n.startswith(part))

    assert same("encoder") == (tuned != "full")
    assert same("decoder") == (tuned == "frozen")
    config = json.loads((tmp_path / "m" / "vae" / "config.json").read_text())
    assert config["scaling_factor"] == json.loads((base / "vae" / "config.json").read_text())["scaling_factor"]


@pytest.mark.parametrize("tuned", ["full", "low_rank"])
def test_the_denoiser_learns_the_new_finding_and_stays_a_plain_one(tuned: str, base: Path, tmp_path: Path) -> None:
    if tuned == "low_rank":
        pytest.importorskip("peft")
    folder = fitted_from(base, tmp_path / "m", denoiser=tuned)
    before, after = weights(base, "unet"), weights(folder, "unet")
    assert set(before) == set(after)
    moved = {
        name
        for name in before
        if before[name].shape == after[name].shape and not torch.equal(before[name].float(), after[name])
    }
    assert any("resnets.0.conv1.weight" in name for name in moved)
    assert any("norm1" in name for name in moved) == (tuned == "full")
    generator = open_generator(folder, TINY.sampler, 1)
    assert "Nodule" in generator.vocabulary
    assert base_of(folder) == "8 simulated radiographs"
    assert not [path for path in folder.rglob("*.json") if str(base.parent) in path.read_text()]
    assert base_of(base) == ""
    place = generator.encoding.fields.index("finding:Nodule")
    assert after["class_embedding.linear_1.weight"][:, place].abs().sum() > 0
    assert generator([Request(1, CxrCondition(("Nodule",), "AP", "M", 60))])[0].payload.shape == (SIZE, SIZE)
    UNet2DConditionModel.from_pretrained(folder / "unet", use_safetensors=True, local_files_only=True)


def damaged(base: Path) -> None:
    path = base / "unet" / "diffusion_pytorch_model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


def pickled(base: Path) -> None:
    (base / "vae" / "weights.bin").write_bytes(b"")


def half_gone(base: Path) -> None:
    for path in (base / "unet").iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (damaged, "is not what its card says"),
        (pickled, "pickled weights"),
        (half_gone, "lacks unet/"),
    ],
)
def test_a_base_that_must_not_be_used_is_refused(
    change: Callable[[Path], None], line: str, model: Path, tmp_path: Path
) -> None:
    write_base(model, tmp_path / "base", {})
    change(tmp_path / "base")
    with pytest.raises(UserError, match=line):
        fitted_from(tmp_path / "base", tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_a_base_of_another_size_or_of_no_place_is_refused(base: Path, tmp_path: Path) -> None:
    large = GeneratorConfig(base=str(base), size=64)
    with pytest.raises(
        UserError, match=r"draws images of 32 px and 64 are asked for: say --set modality\.generator\.size=32"
    ):
        fit_generator(cohort(4), large, tmp_path / "m", seed=0, progress=Silent())
    with pytest.raises(UserError, match="there is no model folder"):
        fitted_from(tmp_path / "nowhere", tmp_path / "m")
    assert not (tmp_path / "m").exists()
