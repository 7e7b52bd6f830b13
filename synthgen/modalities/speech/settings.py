"""What can be chosen about speech, and what of it the command line knows before its code is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from synthgen.config import Section
from synthgen.eval.speech.config import EvaluationConfig
from synthgen.generators.speech.cohort_config import CohortConfig
from synthgen.generators.speech.config import DemoCohortConfig, SpeakingConfig
from synthgen.offer import Offer
from synthgen.privacy_filters.dialogue.identifier_config import IdentifierConfig
from synthgen.privacy_filters.speech.config import VoiceConfig

SpokenIdentifiers = Literal["replace", "silence", "keep"]


class SpeechConfig(Section):
    """The configuration's ``modality`` section for speech."""

    short: ClassVar[Mapping[str, str]] = {
        "backend": "modality.generator.backend",
        "model": "modality.generator.model",
        "dialogues": "modality.generator.dialogues",
    }

    demo: DemoCohortConfig = DemoCohortConfig()
    cohort: CohortConfig = CohortConfig()
    generator: SpeakingConfig = SpeakingConfig()
    voice: VoiceConfig = VoiceConfig()
    identifiers: IdentifierConfig = IdentifierConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    spoken_identifiers: SpokenIdentifiers = Field(
        "replace",
        description="of anonymised recordings: identifiers that the rules find in a transcript are said otherwise, "
        "silenced, or kept to be heard, without their transcript",
    )
    pseudo_speaker: Literal["session", "patient"] = Field(
        "session",
        description="of anonymised recordings, whose a changed voice is: each recording's own, so that nobody links "
        "them by it, or the patient's over all recordings",
    )


OFFER = Offer("speech", SpeechConfig, presets=("demo", "cpu"), formats=("audiofolder",))
