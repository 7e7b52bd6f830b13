"""synthgen: synthetic medical data, screened against the real patients before it is released.

Three tiers. The commands as functions: :func:`generate`, :func:`anonymize`, :func:`compare`, :func:`fit`,
:func:`screen`, :func:`evaluate`, :func:`verify`, :func:`sign`, :func:`demo_cohort`. The gate for data and generators
made elsewhere: :mod:`synthgen.gate`. The building blocks: :func:`load_modality` and a modality's parts in
:mod:`synthgen.modality`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthgen import gate as gate
    from synthgen.api import anonymize as anonymize
    from synthgen.api import compare as compare
    from synthgen.api import demo_cohort as demo_cohort
    from synthgen.api import evaluate as evaluate
    from synthgen.api import fit as fit
    from synthgen.api import generate as generate
    from synthgen.api import screen as screen
    from synthgen.api import sign as sign
    from synthgen.api import verify as verify
    from synthgen.errors import MissingExtraError as MissingExtraError
    from synthgen.errors import NotAsSealedError as NotAsSealedError
    from synthgen.errors import ReleaseRefusedError as ReleaseRefusedError
    from synthgen.errors import SynthgenError as SynthgenError
    from synthgen.errors import UserError as UserError
    from synthgen.modality import Modality as Modality
    from synthgen.modality import Ready as Ready
    from synthgen.modality import load as load_modality  # noqa: F401
    from synthgen.report import Outcome as Outcome

__version__ = "0.1.0"

# Loaded when they are asked for: `import synthgen` costs nothing.
_PLACES = {
    **dict.fromkeys(("generate", "anonymize", "compare", "fit", "pretrain"), "synthgen.api"),
    **dict.fromkeys(("screen", "evaluate", "sign", "verify", "demo_cohort"), "synthgen.api"),
    **dict.fromkeys(("SynthgenError", "UserError", "MissingExtraError", "ReleaseRefusedError"), "synthgen.errors"),
    "NotAsSealedError": "synthgen.errors",
    **dict.fromkeys(("Modality", "Ready"), "synthgen.modality"),
    "Outcome": "synthgen.report",
}


def __getattr__(name: str) -> Any:
    if name == "gate":
        return import_module("synthgen.gate")
    if name == "load_modality":
        return import_module("synthgen.modality").load
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'synthgen' has no attribute {name!r}")


def __dir__() -> list[str]:
    return ["__version__", "gate", "load_modality", *_PLACES]
