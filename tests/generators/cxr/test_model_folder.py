from __future__ import annotations

import json
from pathlib import Path

import pytest
from card_blocks import blocks_of, run_blocks
from PIL import Image
from tiny_model import SIZE, TINY

from synthgen.errors import UserError
from synthgen.generators.cxr.model_folder import model_digest, open_generator


def refused(folder: Path, match: str) -> None:
    with pytest.raises(UserError, match=match) as caught:
        open_generator(folder, TINY.sampler, 2)
    assert "\n" not in str(caught.value)


@pytest.mark.field("loading", "read")
def test_a_stranger_draws_with_the_lines_of_the_readme(model: Path, tmp_path: Path) -> None:
    blocks = blocks_of(model / "README.md")
    assert len(blocks) == 2
    assert all(len(block.strip().splitlines()) <= 25 and "synthgen" not in block for block in blocks)
    there = "from pathlib import Path; Path('radiograph.png').rename('first.png')"
    run_blocks([blocks[0], there, blocks[1]], model.parent, tmp_path / "home")
    for name in ("first.png", "radiograph.png"):
        assert Image.open(model.parent / name).size == (SIZE, SIZE)


@pytest.mark.field("loading", "read")
def test_the_pipeline_draws_what_is_asked_for_and_names_what_it_lacks(model: Path, tmp_path: Path) -> None:
    code = """
import sys; sys.path.insert(0, "model")
import torch
from diffusers import DiffusionPipeline
from pipeline import RadiographPipeline

draw = RadiographPipeline.from_pretrained("model")
other = DiffusionPipeline.from_pretrained("model", custom_pipeline="model/pipeline.py", trust_remote_code=True)
pictures = [
    [image.tobytes() for image in pipe(["finding:Effusion"], 2, generator=torch.manual_seed(1)).images]
    for pipe in (draw, other)
]
assert pictures[0] == pictures[1] and pictures[0][0] != pictures[0][1]
try:
    draw(["finding:Gout"])
except ValueError as error:
    print(error)
"""
    told = run_blocks([code], model.parent, tmp_path / "home")
    assert "no field 'finding:Gout': give some of " in told and "finding:Effusion" in told


def test_nothing_in_the_model_names_a_patient(trained: Path) -> None:
    parts = [p for p in trained.rglob("*") if p.is_file() and p.parent.name != "samples"]
    assert {p.suffix for p in parts} == {".json", ".md", ".py", ".safetensors"}
    for path in parts:
        content = path.read_bytes()
        assert b"patient-0" not in content, path
        assert b"secret-0" not in content, path
        assert str(trained.parent).encode() not in content, path


def test_pickled_weights_are_refused(model: Path) -> None:
    (model / "vae" / "diffusion_pytorch_model.bin").write_bytes(b"")
    refused(model, "pickled weights")


@pytest.mark.parametrize("part", ["vae", "unet", "scheduler"])
def test_a_missing_part_is_named(model: Path, part: str) -> None:
    for path in (model / part).iterdir():
        path.unlink()
    refused(model, f"lacks {part}/")


def test_damaged_weights_are_one_line(model: Path) -> None:
    (model / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"cut")
    refused(model, "cannot be read")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"modality": "speech"}, "modality 'speech', not 'cxr'"),
        ({"format": 99}, "format 99.*upgrade"),
        ({"format": "x"}, "format x"),
    ],
)
def test_other_models_are_refused(model: Path, change: dict[str, object], match: str) -> None:
    about = json.loads((model / "synthgen.json").read_text())
    (model / "synthgen.json").write_text(json.dumps(about | change))
    refused(model, match)


def test_what_is_no_model_is_refused(model: Path, tmp_path: Path) -> None:
    refused(tmp_path / "nothing", "no model folder")
    (model / "condition.json").write_text("{")
    refused(model, "cannot be read as JSON")
    (model / "condition.json").unlink()
    refused(model, "lacks condition.json")
    (model / "synthgen.json").unlink()
    refused(model, "not a finished")


def test_the_digest_sees_the_model_and_nothing_else(model: Path) -> None:
    digest = model_digest(model)
    (model / "samples" / "more.png").write_bytes(b"x")
    (model / "README.md").write_text("other")
    assert model_digest(model) == digest
    weights = model / "unet" / "diffusion_pytorch_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert model_digest(model) != digest
