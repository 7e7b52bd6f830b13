"""A patient's radiograph drawn again: noised in the latent space of a generator, and denoised under its findings.

SDEdit (Meng et al. 2022). The more of the noise schedule is run, the less of the film is left: first vessels and the
edges of ribs, then the outline of heart and diaphragm. A generator that saw no patient can only put there what nobody
has; the packaged base saw phantoms alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from synthgen.errors import UserError
from synthgen.generators.cxr.base import PACKAGED, folder_of, read_base
from synthgen.generators.cxr.config import SamplerConfig
from synthgen.generators.cxr.model_folder import open_generator
from synthgen.generators.cxr.sampler import CxrGenerator
from synthgen.payloads.cxr import CxrCondition, CxrImage
from synthgen.pretrained.threads import one_thread

SHARE = 0.3  # of the noise schedule, for each unit of strength
_SAMPLER = SamplerConfig(steps=10, guidance=1.0)


def check_redrawing(name: str, size: int) -> None:
    """Looks at the generator that redraws.

    Raises:
        UserError: there is none of that name, or it draws images of another size.
    """
    base = read_base(folder_of(name or PACKAGED))
    if base.size != size:
        raise UserError(
            f"the generator that redraws makes images of {base.size} px and {size} are asked for: say --set "
            f"modality.generator.size={base.size}, or name another by modality.redrawn_by"
        )


def redrawer(name: str, strength: float) -> Callable[[CxrImage, CxrCondition, int], CxrImage]:
    """From an image, its condition and a seed to the image drawn again.

    Args:
        name: of the generator, as ``generator.base`` takes it; empty: the packaged one.
        strength: in units of ``SHARE``.
    """
    generator = open_generator(folder_of(name or PACKAGED), _SAMPLER, None)
    share = min(1.0, strength * SHARE)

    def redrawn(image: CxrImage, condition: CxrCondition, seed: int) -> CxrImage:
        with one_thread():
            asked = _known(condition, generator)
            (found,) = generator.noised_round_trip([image], [asked], strength=share, seed=seed)
        return found

    return redrawn


def _known(condition: CxrCondition, generator: CxrGenerator) -> CxrCondition | None:
    """What of a condition the generator can be asked for; None where it knows none of the findings.

    Asked for no finding, it would take them out.
    """
    known = tuple(name for name in condition.findings if name in generator.vocabulary)
    return None if condition.findings and not known else replace(condition, findings=known)
