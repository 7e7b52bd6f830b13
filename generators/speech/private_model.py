"""Speech with a private prior: speakers vote on pitch, and their noisy votes say which voices patients are drawn in.

Words, the voices of clinicians and companions, and all else of a patient's voice are those of any other model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from synthgen.dp.accounting import Event
from synthgen.dp.ballots import evolved, vote_events
from synthgen.generators.speech.config import SpeakingConfig
from synthgen.generators.speech.evolution import (
    VOICE_SETTINGS,
    VoicePopulation,
    draw_card,
    read_prior,
    voice_voters,
    write_prior,
)
from synthgen.generators.speech.model_folder import PRIOR, fit, holds_prior
from synthgen.generators.speech.sampler import Voice, card_of
from synthgen.generators.speech.voices import Person, VoiceCard
from synthgen.payloads.speech import SpeechReal
from synthgen.progress import Progress

MECHANISM = "Private Evolution: noisy votes of patients on the pitch of voices"


def events(epsilon: float, delta: float, patients: int) -> tuple[Event, ...]:
    """What the votes need for (ε, δ), whatever the number of patients."""
    return vote_events(epsilon, delta, VOICE_SETTINGS)


def fit_prior(
    train: Sequence[SpeechReal],
    noise: tuple[Event, ...],
    config: SpeakingConfig,
    folder: Path,
    seed: int,
    progress: Progress,
) -> None:
    """Fits a prior over pitch into ``folder``, beside the card; resumes, and returns at once when it is finished.

    Args:
        noise: as :func:`events` gives it.
        config: with espeak and planned words: nothing else may have heard a patient.
        seed: of the candidates, not of the noise.
    """
    if not holds_prior(folder):
        prior = evolved(VoicePopulation(), voice_voters(train), noise, VOICE_SETTINGS, folder, seed, progress)
        write_prior(folder / PRIOR, prior)
    fit(config, folder, progress)


def voice_of(model: Path) -> Voice:
    """How a model draws its patients' voices.

    Raises:
        UserError: its prior is damaged.
    """
    if not holds_prior(model):
        return card_of
    prior = read_prior(model / PRIOR)

    def voice(seed: int, language: str, person: Person) -> VoiceCard:
        return draw_card(prior, seed, language, person)

    return voice
