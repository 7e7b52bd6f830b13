"""An image encoder from a hub, a folder or a package: a further opinion for filters and for evaluation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.errors import MissingExtraError, UserError
from synthgen.pretrained import PACKAGED
from synthgen.pretrained.bars import no_bars
from synthgen.pretrained.neutral import neutral_encoder

Embed = Callable[[NDArray[np.uint8]], NDArray[np.float64]]
"""Images [N, H, W] to features [N, D]."""


def image_encoder(name: str) -> Embed:
    """An image encoder by hub name or folder, or ``"packaged"``: EfficientNet-Lite0, of the extra ``cxr``.

    Raises:
        MissingExtraError: its packages are not installed.
        UserError: it cannot be loaded.
    """
    return neutral_encoder() if name == PACKAGED else hub_encoder(name)


def encoder_label(name: str) -> str:
    """What an encoder is called in a note: never a private path."""
    return "EfficientNet-Lite0" if name == PACKAGED else Path(name).name


def hub_encoder(name: str, batch: int = 32) -> Embed:
    """An image encoder by hub name or folder, in safetensors only: images [n, h, w] to its pooled features [n, d].

    Gray is repeated to three channels; the encoder's own processor resizes and normalises. Without a pooled output the
    mean of the last hidden states is taken.

    Raises:
        MissingExtraError: transformers is not installed.
        UserError: the encoder cannot be loaded.
    """
    try:
        from transformers import AutoImageProcessor, AutoModel
    except ImportError as error:
        raise MissingExtraError("an encoder from the hub", "cxr") from error
    try:
        with no_bars():
            processor = AutoImageProcessor.from_pretrained(name)
            model = AutoModel.from_pretrained(name, use_safetensors=True).eval()
    except (OSError, ValueError) as error:
        raise UserError(
            f"cannot load the image encoder {name!r}: give a folder or hub name with a safetensors image encoder "
            f"and its preprocessor_config.json, or {PACKAGED}"
        ) from error

    @torch.no_grad()
    def embed(images: NDArray[np.uint8]) -> NDArray[np.float64]:
        parts = []
        for start in range(0, len(images), batch):
            colour = [np.repeat(image[:, :, None], 3, axis=2) for image in images[start : start + batch]]
            output = model(**processor(images=colour, return_tensors="pt"))
            pooled = getattr(output, "pooler_output", None)
            vectors = output.last_hidden_state.mean(dim=1) if pooled is None else pooled.flatten(1)
            parts.append(vectors.double().numpy())
        return np.concatenate(parts)

    return embed
