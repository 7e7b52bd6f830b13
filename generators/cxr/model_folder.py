"""The model folder: a diffusers folder in safetensors that a stranger can open with diffusers alone.

vae/ unet/ scheduler/   as diffusers' save_pretrained writes them (unet/ holds the moving average of the weights)
condition.json          the places of the condition vector, the image's size, the sampler's defaults
synthgen.json           modality, format version, digest of the settings; written last: without it nothing is finished
model_index.json        the same for diffusers, whose pipeline pipeline.py holds: no remote code
README.md               the lines by which a stranger draws images
checkpoints/ samples/   private: the state of an unfinished training, grids of samples; not part of the model
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import torch
from diffusers import DPMSolverMultistepScheduler, UNet2DConditionModel
from diffusers import __version__ as diffusers_version

from synthgen.digests import agrees
from synthgen.errors import UserError
from synthgen.files import new_folder, write_atomically
from synthgen.generators.cxr.autoencoder import Autoencoder, read_autoencoder
from synthgen.generators.cxr.conditioning import AGE_CENTRE, AGE_SCALE, Encoding
from synthgen.generators.cxr.config import SamplerConfig
from synthgen.generators.cxr.sampler import CxrGenerator
from synthgen.generators.model_folder import check_kind, digest_of, read_json, refuse_pickled
from synthgen.records import JsonValue

MODALITY, FORMAT = "cxr", 1
PARTS = ("vae", "unet", "scheduler")
PIPELINE = "pipeline.py"


@dataclass(frozen=True)
class Card:
    """What ``synthgen.json`` and ``condition.json`` say.

    Attributes:
        autoencoder: diffusers' class of it.
        base: what the base saw that the training started from, or its digest; empty where there was none.
    """

    encoding: Encoding
    size: int
    config_digest: str
    autoencoder: str
    base: str


def save_part(part: Autoencoder | UNet2DConditionModel | DPMSolverMultistepScheduler, folder: Path) -> None:
    """Writes one part of a model to ``folder``, whole or not at all."""
    with new_folder(folder) as temporary:
        part.save_pretrained(temporary)


def finish_folder(folder: Path, card: Card, sampler: SamplerConfig, *, private: bool = False) -> None:
    """Writes what stands beside the parts; ``synthgen.json`` last, which makes the folder a model.

    Args:
        private: the weights were fitted with differential privacy.
    """
    condition: dict[str, JsonValue] = {
        "size": card.size,
        "fields": list(card.encoding.fields),
        "age": {"centre": AGE_CENTRE, "scale": AGE_SCALE},
        "guidance": sampler.guidance,
        "steps": sampler.steps,
    }
    _write_json(folder / "condition.json", condition)
    _write_json(folder / "model_index.json", _index(card, sampler))
    write_atomically(folder / PIPELINE, resources.files(__package__).joinpath(PIPELINE).read_bytes())
    write_atomically(folder / "README.md", _readme(card, _PRIVATE if private else _MEMORISED).encode())
    about: dict[str, JsonValue] = {"modality": MODALITY, "format": FORMAT, "config_digest": card.config_digest}
    if card.base:
        about["base"] = card.base
    _write_json(folder / "synthgen.json", about)


def _index(card: Card, sampler: SamplerConfig) -> dict[str, JsonValue]:
    kinds = (card.autoencoder, "UNet2DConditionModel", "DPMSolverMultistepScheduler")
    return {
        "_class_name": "RadiographPipeline",
        "_diffusers_version": diffusers_version,
        **{part: ["diffusers", kind] for part, kind in zip(PARTS, kinds, strict=True)},
        "fields": list(card.encoding.fields),
        "steps": sampler.steps,
        "guidance": sampler.guidance,
    }


def copy_card(model: Path, folder: Path) -> None:
    """Copies what a fit needs beside the weights of a finished model: its scheduler, and what it calls itself."""
    shutil.copytree(model / "scheduler", folder / "scheduler")
    for name in ("condition.json", "synthgen.json"):
        shutil.copy(model / name, folder / name)


def has_weights(part: Path) -> bool:
    """True where a diffusers part lies whole in ``part``."""
    return (part / "config.json").is_file() and any(part.glob("*.safetensors"))


def is_finished(folder: Path) -> bool:
    """True where ``folder`` holds a model that was trained to its end."""
    return (folder / "synthgen.json").is_file()


def refuse_another(folder: Path, digest: str) -> Path:
    """The mark of a training in ``folder``, which is there where the training of this digest was begun.

    Raises:
        UserError: the folder holds something else.
    """
    mark = folder / "checkpoints" / "run.json"
    if mark.is_file():
        if not agrees(mark, digest):
            raise UserError(f"{folder} holds a training with other settings or images: choose another folder")
    elif folder.exists() and (not folder.is_dir() or any(not path.name.startswith(".") for path in folder.iterdir())):
        raise UserError(f"{folder} is not empty and was not made by this training: choose another folder")
    return mark


def open_generator(folder: Path, sampler: SamplerConfig, rows: int | None) -> CxrGenerator:
    """The generator in ``folder``, on the GPU where there is one.

    Args:
        rows: see :class:`CxrGenerator`.

    Raises:
        UserError: the folder is no finished cxr model, is of a newer format, lacks a part, or holds pickled weights.
    """
    check_folder(folder)
    encoding, size = read_encoding(folder)
    try:
        vae = read_autoencoder(folder / "vae")
        unet = UNet2DConditionModel.from_pretrained(folder / "unet", use_safetensors=True, local_files_only=True)
        scheduler = DPMSolverMultistepScheduler.from_pretrained(folder / "scheduler", local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{folder}: a part of the model cannot be read; fit it again or copy it again") from error
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for module in (vae, unet):
        module.eval().requires_grad_(False).to(device).to(memory_format=torch.channels_last)  # faster on CPUs
    return CxrGenerator(vae, unet, scheduler, encoding, sampler, rows, size)


def read_encoding(folder: Path) -> tuple[Encoding, int]:
    """The encoding of a model's conditions, and the side of its images, pixels.

    Raises:
        UserError: the folder does not say.
    """
    fields, size = read_json(folder / "condition.json").get("fields"), size_of(folder)
    if not isinstance(fields, list):
        raise UserError(f"{folder}/condition.json lacks its fields; fit the model again")
    findings = tuple(str(field).removeprefix("finding:") for field in fields if str(field).startswith("finding:"))
    encoding = Encoding(findings[1:])
    if list(encoding.fields) != fields:
        raise UserError(f"{folder}/condition.json describes another encoding; it needs another version of synthgen")
    return encoding, size


def size_of(folder: Path) -> int:
    """Side of the images that a model makes, in pixels."""
    size = read_json(folder / "condition.json").get("size")
    if not isinstance(size, int):
        raise UserError(f"{folder}/condition.json lacks its size; fit the model again")
    return size


def base_of(folder: Path) -> str:
    """What the base saw that a model started from, or its digest; empty where there was none."""
    return str(read_json(folder / "synthgen.json").get("base", ""))


def check_folder(folder: Path) -> None:
    """Refuses what must not be opened, before anything is loaded.

    Raises:
        UserError: see :func:`open_generator`.
    """
    if not folder.is_dir():
        raise UserError(f"there is no model folder {folder}")
    refuse_pickled(folder, folder.rglob("*"))
    if not is_finished(folder):
        unfinished = (folder / "checkpoints").is_dir()
        hint = "its training is not finished: run the same fit again" if unfinished else "synthgen.json is missing"
        raise UserError(f"{folder} is not a finished synthgen model: {hint}")
    check_kind(folder, read_json(folder / "synthgen.json"), MODALITY, FORMAT)
    if not (folder / "condition.json").is_file():
        raise UserError(f"{folder} lacks condition.json; fit the model again or copy it again")
    for part in PARTS:
        scheduler = folder / part / "scheduler_config.json"
        if not (scheduler.is_file() if part == "scheduler" else has_weights(folder / part)):
            raise UserError(f"{folder} lacks {part}/; fit the model again or copy it again")


def model_digest(folder: Path) -> str:
    """SHA-256 over the names and bytes of the model's own files; checkpoints, samples and README do not count."""
    files = [folder / "condition.json", folder / "synthgen.json"]
    return digest_of(folder, [*files, *(p for part in PARTS for p in (folder / part).rglob("*") if p.is_file())])


def _write_json(path: Path, value: Mapping[str, JsonValue]) -> None:
    write_atomically(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


_PIPELINE = """import sys

import torch

sys.path.insert(0, "model")  # where pipeline.py lies, seventy lines to read first
from pipeline import RadiographPipeline

draw = RadiographPipeline.from_pretrained("model")
images = draw([WANTED], count=2, generator=torch.manual_seed(0)).images
images[0].save("radiograph.png")"""

_SNIPPET = """import json
from pathlib import Path

import torch
from PIL import Image
from diffusers import AUTOENCODER, DPMSolverMultistepScheduler, UNet2DConditionModel

folder = Path("model")
vae = AUTOENCODER.from_pretrained(folder / "vae")
unet = UNet2DConditionModel.from_pretrained(folder / "unet")
scheduler = DPMSolverMultistepScheduler.from_pretrained(folder / "scheduler")
about = json.loads((folder / "condition.json").read_text())

wanted = {WANTED}
condition = torch.tensor([[float(field in wanted) for field in about["fields"]]])
null = torch.tensor([[float(field == "unconditional") for field in about["fields"]]])
latent = torch.randn(1, unet.config.in_channels, unet.config.sample_size, unet.config.sample_size)
scheduler.set_timesteps(about["steps"])
with torch.inference_mode():
    for t in scheduler.timesteps:
        v, v0 = unet(torch.cat([latent] * 2), t, None, class_labels=torch.cat([condition, null])).sample.chunk(2)
        latent = scheduler.step(v0 + about["guidance"] * (v - v0), t, latent).prev_sample
    shift = vae.config.get("shift_factor") or 0.0
    pixels = vae.decode(latent / vae.config.scaling_factor + shift).sample.mean(1)
Image.fromarray(((pixels[0] + 1) * 127.5).round().clamp(0, 255).byte().numpy()).save("radiograph.png")"""


_MEMORISED = """\
What these lines draw is **unscreened**. The model was trained on radiographs of patients and may have memorised some:
only `synthgen generate` holds each image against them before release. `checkpoints/` and `samples/`, where they are
present, are private; leave them out when you share the model. Not for diagnosis."""
_PRIVATE = """\
The weights were fitted with **differential privacy**, the patient being the unit: `privacy.json` says with which
epsilon and delta, what that covers and what not. It bounds what the weights, and all that is drawn from them, can tell
of any one patient. Nothing was held against patients beside it: what these lines draw is **unscreened**. Whatever else
is released of the same patients adds to it. `checkpoints/` and the hidden files, where they are present, are private;
leave them out when you share the model. Not for diagnosis."""


def _readme(card: Card, told: str) -> str:
    finding = (card.encoding.findings or ("No Finding",))[0]
    wanted = f'"finding:{finding}", "view:PA"'
    return f"""# A generator of synthetic chest radiographs, {card.size} x {card.size}

Class-conditional latent diffusion. From the folder that holds this one, which is called `model` here
(`pip install diffusers torch pillow`), by the pipeline that lies in it:

```python
{_PIPELINE.replace("WANTED", wanted)}
```

No code comes from elsewhere: the import names the file. (`DiffusionPipeline.from_pretrained("model",
custom_pipeline="model/pipeline.py", trust_remote_code=True)` opens the same.) Or step by step, with diffusers alone:

```python
{_SNIPPET.replace("WANTED", wanted).replace("AUTOENCODER", card.autoencoder)}
```

`condition.json` names every place of the condition vector: findings are 0 or 1; an unknown view, sex or age stays at 0;
an age needs `age:known` = 1 and `age:scaled` = (years - {AGE_CENTRE:.0f}) / {AGE_SCALE:.0f}; the unconditional vector
has only `unconditional` = 1.

{told}
"""
