"""A sentence encoder by name or folder: texts to unit vectors, near to each other for one meaning."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from synthgen.errors import MissingExtraError, UserError

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to unit vectors [N, D]."""


def sentence_encoder(name: str, batch: int = 32) -> Encode:
    """Opens a sentence-transformers model by name or folder, on the machine's best device.

    Args:
        batch: texts that are read at once.

    Raises:
        MissingExtraError: sentence-transformers is not installed.
        UserError: there is no such encoder.
    """
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise MissingExtraError("a sentence encoder", "dialogue") from None
    try:
        model = SentenceTransformer(name)
    except (OSError, ValueError):
        raise UserError(
            f"modality.near_duplicate.encoder: cannot open {name!r} as a sentence encoder: give a "
            "sentence-transformers name or folder"
        ) from None

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        found = model.encode(list(texts), batch_size=batch, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(found, dtype=np.float32)

    return encode


def remembered(encode: Encode, most: int = 2**16) -> Encode:
    """The same encoder, which keeps the vectors of the last texts: every training sentence is read twice."""
    known: dict[str, NDArray[np.float32]] = {}

    def encoded(texts: Sequence[str]) -> NDArray[np.float32]:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        fresh = dict(zip(new, encode(new), strict=True)) if new else {}
        found = np.stack([fresh[text] if text in fresh else known[text] for text in texts])
        known.update(fresh)
        while len(known) > most:
            known.pop(next(iter(known)))
        return found

    return encoded
