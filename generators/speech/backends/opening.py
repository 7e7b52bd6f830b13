"""Opens the back-end that the configuration names; heavy libraries are imported here and nowhere before."""

from __future__ import annotations

from synthgen.generators.speech.backends.espeak import Espeak
from synthgen.generators.speech.backends.protocol import Backend
from synthgen.generators.speech.config import GeneratorConfig


def open_backend(config: GeneratorConfig) -> Backend:
    """The back-end, ready to speak.

    Raises:
        UserError: its model cannot be loaded.
        MissingExtraError: its packages are not installed.
    """
    if config.backend == "espeak":
        return Espeak.installed()
    if config.backend == "coqui":
        from synthgen.generators.speech.backends.coqui import Coqui

        return Coqui.opened(config.model)
    from synthgen.generators.speech.backends.transformers import Transformers

    return Transformers.opened(config.model)
