"""The base that a fit starts from: a finished model, as a rule one that has seen phantoms alone.

What belongs to nobody can be trained on for as long as one likes, and costs no privacy; the cohort then has to tell the
base only what films have and phantoms lack. ``write_base`` makes such a model of half the size, beside a card
that says what it saw.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel

from synthgen.errors import UserError
from synthgen.files import new_folder, write_atomically
from synthgen.generators.cxr.autoencoder import Autoencoder, read_autoencoder
from synthgen.generators.cxr.conditioning import Encoding
from synthgen.generators.cxr.model_folder import check_folder, copy_card, model_digest, read_encoding, save_part
from synthgen.generators.model_folder import read_json
from synthgen.records import JsonValue

NONE, PACKAGED = "none", "packaged"
_PACKAGED_FOLDER = Path(__file__).parent / "packaged_base"
CARD = "base.json"
_FIRST = "class_embedding.linear_1.weight"  # [D, width of the condition vector]
_CLASS = "projection_class_embeddings_input_dim"


@dataclass(frozen=True)
class Base:
    """A model to start from.

    Attributes:
        size: side of its images, pixels.
        digest: of its weights.
        saw: what it was trained on, as its card says; empty where it has none.
    """

    vae: Autoencoder
    unet: UNet2DConditionModel
    encoding: Encoding
    size: int
    digest: str
    saw: str

    def covering(self, encoding: Encoding) -> Encoding:
        """The base's findings and those of ``encoding``."""
        return Encoding(tuple(sorted({*self.encoding.findings, *encoding.findings})))

    def denoiser(self, encoding: Encoding) -> UNet2DConditionModel:
        """A copy of the denoiser that takes vectors of ``encoding``; what the base does not know is without effect."""
        made = UNet2DConditionModel.from_config({**self.unet.config, _CLASS: encoding.width})
        weights = {name: value.clone() for name, value in self.unet.state_dict().items()}
        known = {field: i for i, field in enumerate(self.encoding.fields)}
        first = torch.zeros(len(weights[_FIRST]), encoding.width)
        for place, field in enumerate(encoding.fields):
            if field in known:
                first[:, place] = weights[_FIRST][:, known[field]]
        made.load_state_dict({**weights, _FIRST: first})
        return made


def open_base(name: str, size: int) -> Base | None:
    """The base of that name: ``none``, ``packaged``, a model folder, or a hub's name.

    Raises:
        UserError: it draws images of another size; see also :func:`read_base`.
    """
    if name == NONE:
        return None
    base = read_base(folder_of(name))
    if base.size != size:
        raise UserError(
            f"the base {name!r} draws images of {base.size} px and {size} are asked for: say --set "
            f"modality.generator.size={base.size}, or --set modality.generator.base={NONE}"
        )
    return base


def read_base(folder: Path) -> Base:
    """The base, or the finished model, in a folder.

    Raises:
        UserError: there is none; it holds pickled weights, is damaged, or is not what its card says.
    """
    check_folder(folder)
    encoding, size = read_encoding(folder)
    digest = model_digest(folder)
    card = read_json(folder / CARD) if (folder / CARD).is_file() else {"digest": digest}
    if card.get("digest") != digest:
        raise UserError(f"the base {folder} is not what its card says (another digest): copy or install it again")
    try:
        vae = read_autoencoder(folder / "vae")
        unet = UNet2DConditionModel.from_pretrained(folder / "unet", use_safetensors=True, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"the base {folder} cannot be read: copy or install it again") from error
    for part in (vae, unet):
        part.register_to_config(_name_or_path="")  # a private path must not travel with what is built on it
    return Base(vae.float(), unet.float(), encoding, size, digest, str(card.get("saw", "")))


def write_base(model: Path, out: Path, made_by: Mapping[str, JsonValue]) -> None:
    """Writes a finished model as a base to the new folder ``out``: in half precision, with its card.

    Raises:
        UserError: it is no finished model, or ``out`` cannot be written.
    """
    base = read_base(model)
    with new_folder(out) as unfinished:
        save_part(base.vae.half(), unfinished / "vae")
        save_part(base.unet.half(), unfinished / "unet")
        copy_card(model, unfinished)
        card = {**made_by, "digest": model_digest(unfinished)}
        write_atomically(unfinished / CARD, (json.dumps(card, indent=1) + "\n").encode())


def folder_of(name: str) -> Path:
    """A folder as it stands; anything else is a name on the hub, from which nothing but weights and cards is taken."""
    folder = _PACKAGED_FOLDER if name == PACKAGED else Path(name)
    if folder.exists() or name.startswith((".", "/", "~")) or name.count("/") != 1:
        return folder
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors"]))
    except (OSError, ValueError) as error:
        raise UserError(
            f"generator.base: there is no folder {name}, and it cannot be had from the hub: give a model folder, "
            f"or {NONE!r}"
        ) from error
