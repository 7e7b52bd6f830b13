"""What a kernel density estimator over T draws: a record's latent, moved by normal noise, decoded.

Nobody would call it a generator, and distances pass it once it is wide enough, though every draw is of one patient.
"""

from __future__ import annotations

from functools import cache

import torch

from benchmarks.red_team.images import Copy
from benchmarks.red_team.kinds import Kind
from synthgen.generators.cxr.autoencoder import Autoencoder, decode, encode, to_images, to_tensor
from synthgen.generators.cxr.base import PACKAGED, folder_of, read_base
from synthgen.payloads.cxr import CxrImage

WIDTHS = (0.1, 0.25, 0.5, 1.0)
"""Standard deviations of the noise; those of the latents are about one."""


@cache
def _autoencoder() -> Autoencoder:
    return read_base(folder_of(PACKAGED)).vae.eval()


@torch.inference_mode()
def drawn(copy: Copy, width: float) -> CxrImage:
    """One draw about the victim."""
    latent = encode(_autoencoder(), to_tensor(copy.victim[None]))
    noise = torch.from_numpy(copy.rng.standard_normal(tuple(latent.shape)).astype("float32"))
    return to_images(decode(_autoencoder(), latent + width * noise))[0]


def _kind(width: float) -> Kind[CxrImage]:
    return Kind(f"kernel of width {width:g}", lambda copy: drawn(copy, width), held_out=True)


KINDS: tuple[Kind[CxrImage], ...] = tuple(map(_kind, WIDTHS))
