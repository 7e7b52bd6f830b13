"""What model folders of all modalities have in common: a card of JSON, safetensors, and states that resume."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from synthgen.errors import UserError

_PICKLED: Final = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"})


def read_json(path: Path) -> dict[str, Any]:
    """An object. Raises UserError for anything else."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        raise UserError(f"{path} cannot be read as JSON; copy the model again") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} must hold a JSON object; copy the model again")
    return value


def refuse_pickled(folder: Path, files: Iterable[Path]) -> None:
    """Raises UserError for weights below ``folder`` whose format can run code."""
    pickled = sorted(path for path in files if path.suffix.lower() in _PICKLED)
    if pickled:
        name = pickled[0].relative_to(folder)
        raise UserError(f"{folder} holds pickled weights ({name}), which can run code: convert them to safetensors")


def check_kind(folder: Path, card: Mapping[str, object], modality: str, newest: int) -> None:
    """Raises UserError where a folder's card is of another modality, or of a format that is newer than ``newest``."""
    if card.get("modality") != modality:
        raise UserError(f"{folder} is a model of modality {card.get('modality')!r}, not {modality!r}")
    version = card.get("format")
    if not isinstance(version, int) or version > newest:
        raise UserError(f"{folder} has model format {version}; this synthgen reads up to {newest}: upgrade synthgen")


def digest_of(folder: Path, files: Iterable[Path]) -> str:
    """SHA-256 over the names, relative to ``folder``, and the bytes of these files."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def restore_optimiser(optimiser: Any, tensors: Mapping[str, Any]) -> None:
    """Gives a torch optimiser its state back, which lies in ``tensors`` as ``optimiser.<number>.<field>``."""
    state: dict[int, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        if key.startswith("optimiser."):
            _, number, field = key.split(".")
            state.setdefault(int(number), {})[field] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
