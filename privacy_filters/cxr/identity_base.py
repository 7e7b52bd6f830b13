"""The public base of the identity networks: an encoder that has seen phantoms alone, and costs nobody's privacy.

A cohort has few patients with several visits; of simulated people there are as many as one likes. The encoder that
tells them apart ships with the package, and ``fit_identity`` starts from it where the configuration has its size and
shape. The heads start afresh.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from synthgen.files import write_atomically
from synthgen.privacy_filters.cxr.config import IdentityConfig
from synthgen.privacy_filters.cxr.identity import CARD, WEIGHTS, Networks
from synthgen.records import JsonValue

FORMAT = "synthgen-cxr-identity-base-1"
FOLDER = Path(__file__).parent / "base"
_SHAPE = ("size", "width", "depth", "dimensions")
_ENCODER = "encoder."


def base_digest(config: IdentityConfig, folder: Path = FOLDER) -> str:
    """Tells bases apart; empty where ``config`` wants none or none has its size and shape."""
    if not config.base or not (folder / CARD).exists() or _shape_of(folder) != _shape(config):
        return ""
    return hashlib.blake2b((folder / WEIGHTS).read_bytes(), digest_size=16).hexdigest()


def start_from_base(networks: Networks, config: IdentityConfig, folder: Path = FOLDER) -> bool:
    """Gives ``networks`` the base's encoder; False, and nothing changed, where ``base_digest`` is empty."""
    if not base_digest(config, folder):
        return False
    networks.encoder.load_state_dict({name: _single(value) for name, value in load_file(folder / WEIGHTS).items()})
    return True


def write_base(weights: dict[str, Tensor], config: IdentityConfig, made_by: dict[str, JsonValue], folder: Path) -> None:
    """Writes the encoder among ``weights`` in half precision, with a card that says how it was made."""
    encoder = {n.removeprefix(_ENCODER): _half(w) for n, w in weights.items() if n.startswith(_ENCODER)}
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / WEIGHTS, save(encoder))
    card = {"format": FORMAT, "config": config.model_dump(mode="json"), "made_by": made_by}
    write_atomically(folder / CARD, (json.dumps(card, indent=1) + "\n").encode())


def _shape_of(folder: Path) -> dict[str, int]:
    """Of the base in ``folder``, which is ours: its card is read without doubt."""
    return _shape(IdentityConfig.model_validate(json.loads((folder / CARD).read_text(encoding="utf-8"))["config"]))


def _shape(config: IdentityConfig) -> dict[str, int]:
    return config.model_dump(include=set(_SHAPE))


def _half(value: Tensor) -> Tensor:
    return value.to(torch.float16).contiguous() if value.is_floating_point() else value


def _single(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value
