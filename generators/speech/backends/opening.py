"""Opens the back-end that the configuration names; heavy libraries are imported here and nowhere before."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata

from synthgen.errors import MissingExtraError, UserError
from synthgen.generators.speech.backends.espeak import Espeak
from synthgen.generators.speech.backends.protocol import Backend
from synthgen.generators.speech.config import GeneratorConfig

GROUP = "synthgen.speech_backends"
"""Entry points of packages that bring a back-end: a name, and a function from the configuration to the back-end."""


def open_backend(config: GeneratorConfig) -> Backend:
    """The back-end, ready to speak.

    Raises:
        UserError: its model cannot be loaded, or there is no such back-end.
        MissingExtraError: its packages are not installed.
    """
    opener = _OWN.get(config.backend)
    return opener(config) if opener else _foreign(config)


def backend_names() -> tuple[str, ...]:
    """Those that come with synthgen, then those of installed packages."""
    return (*_OWN, *sorted({point.name for point in metadata.entry_points(group=GROUP)} - set(_OWN)))


def _espeak(_: GeneratorConfig) -> Backend:
    return Espeak.installed()


def _coqui(config: GeneratorConfig) -> Backend:
    from synthgen.generators.speech.backends.coqui import Coqui

    return Coqui.opened(config.model)


def _transformers(config: GeneratorConfig) -> Backend:
    from synthgen.generators.speech.backends.transformers import Transformers

    return Transformers.opened(config.model)


_OWN: dict[str, Callable[[GeneratorConfig], Backend]] = {
    "espeak": _espeak,
    "coqui": _coqui,
    "transformers": _transformers,
}


def _foreign(config: GeneratorConfig) -> Backend:
    points = metadata.entry_points(group=GROUP, name=config.backend)
    if not points:
        known = ", ".join(backend_names())
        raise UserError(
            f"there is no speech back-end {config.backend!r}: choose one of {known}, or install its package"
        )
    try:
        opener: Callable[[GeneratorConfig], Backend] = next(iter(points)).load()
    except ImportError as error:
        raise MissingExtraError(f"the speech back-end {config.backend}", "speech") from error
    return opener(config)
