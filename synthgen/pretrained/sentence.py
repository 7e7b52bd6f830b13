"""A sentence encoder by name or folder, for the evaluation's attacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from synthgen.errors import MissingExtraError, UserError


def sentence_encoder(name: str) -> Callable[[Sequence[str]], NDArray[np.generic]]:
    """Texts to unit vectors [N, D].

    Raises:
        MissingExtraError: sentence-transformers is not installed.
        UserError: there is no such encoder.
    """
    try:
        from sentence_transformers import SentenceTransformer
    except ModuleNotFoundError:
        raise MissingExtraError("a sentence encoder", "dialogue") from None
    try:
        model = SentenceTransformer(name)
    except (OSError, ValueError):
        raise UserError(f"modality.near_duplicate.encoder: cannot open {name!r} as a sentence encoder") from None

    def encode(texts: Sequence[str]) -> NDArray[np.generic]:
        return np.asarray(model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False))

    return encode
