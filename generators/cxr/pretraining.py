"""The public base: autoencoder and denoiser trained on phantoms alone, for as long as one likes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthgen.errors import UserError
from synthgen.generators.cxr.base import CARD, write_base
from synthgen.generators.cxr.config import DemoCohortConfig, GeneratorConfig, PretrainingConfig
from synthgen.generators.cxr.model_folder import base_of
from synthgen.generators.cxr.phantom_pool import rendered
from synthgen.generators.cxr.training import fit_generator
from synthgen.progress import Progress
from synthgen.records import JsonValue


def pretrain(
    out: Path,
    *,
    phantoms: DemoCohortConfig,
    pretraining: PretrainingConfig,
    generator: GeneratorConfig,
    scratch: Path,
    seed: int,
    progress: Progress,
) -> None:
    """Trains a generator on simulated radiographs and writes it to the new folder ``out`` as a base.

    Goes on where an earlier call was cut short. To train on, name the base as the base of a further call, with another
    seed: it then sees other phantoms.

    Args:
        phantoms: what is simulated; its ``size`` and ``patients`` are not looked at.
        scratch: a private folder for phantoms and for the unfinished training.

    Raises:
        UserError: ``out`` cannot be written; ``scratch`` holds another training; see also ``fit_generator``.
    """
    if (out / CARD).is_file():
        progress.say(f"base found in {out}: nothing to train")
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"--out {out} is not empty and is no base: choose another folder")
    pool = rendered(scratch / "phantoms", pretraining.phantoms, generator.size, phantoms, seed, progress)

    def emphasis(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return pool.emphasis(rows, pretraining.lesions)

    fit_generator(pool, generator, scratch / "model", seed=seed, progress=progress, emphasis=emphasis)
    saw, before = f"{pretraining.phantoms:,} simulated radiographs and no real one", base_of(scratch / "model")
    made_by: dict[str, JsonValue] = {
        "saw": f"{saw}, after {before}" if before else saw,
        "command": "synthgen pretrain --modality cxr",
        "seed": seed,
        "phantoms": phantoms.model_dump(mode="json"),
        "pretraining": pretraining.model_dump(mode="json"),
        "generator": generator.model_dump(mode="json", exclude={"base": True, "autoencoder": {"pretrained"}}),
    }
    write_base(scratch / "model", out, made_by)
