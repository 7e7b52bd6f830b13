"""A private fit of a chat model as a run knows it: its mechanism, what it costs, and what is declared public.

What trains is loaded when it is asked for: see :mod:`synthgen.generators.dialogue.fit.private_lora`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthgen.dp.accounting import Event, Gaussian, rate_of, sigma_for
from synthgen.errors import MissingExtraError
from synthgen.generators.dialogue.config import GeneratorConfig
from synthgen.generators.dialogue.fit.config import FitConfig, PrivateSgdConfig

if TYPE_CHECKING:
    from synthgen.generators.dialogue.fit.private_lora import PrivateLora

METHOD = "sgd"
MECHANISM = "DP-SGD on low-rank additions to a public chat model"
PUBLIC = (
    "the chat model: weights, tokenizer and chat template",
    "what sessions are planned, which follows the settings and not the cohort",
    "the settings of the fit",
)
NOT_COVERED = (
    "checkpoints/ of the model's folder, which is private: a salted digest by which a fit knows its cohort again, and "
    "the state of an unfinished fit",
)


def events(private: PrivateSgdConfig, epsilon: float, delta: float, patients: int) -> tuple[Event, ...]:
    """All steps, at the least noise that keeps to ε.

    Raises:
        UserError: fewer patients than a batch.
    """
    rate, steps = rate_of(private.batch, patients), private.steps
    return (Gaussian(sigma_for(epsilon, delta, rate=rate, steps=steps), rate, steps),)


def private_lora(generator: GeneratorConfig, config: FitConfig, private: PrivateSgdConfig) -> PrivateLora:
    """The fit itself.

    Raises:
        MissingExtraError: what fine-tunes chat models is not installed.
    """
    try:
        from synthgen.generators.dialogue.fit.private_lora import PrivateLora
    except ModuleNotFoundError as error:
        raise MissingExtraError("fine-tuning a chat model", "dialogue") from error
    return PrivateLora(generator, config, private)
