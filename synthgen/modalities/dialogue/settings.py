"""What can be chosen about dialogues, and what of it the command line knows before their code is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from synthgen.config import Section
from synthgen.eval.dialogue.config import EvaluationConfig
from synthgen.generators.dialogue.cohort_config import CohortConfig
from synthgen.generators.dialogue.config import DemoCohortConfig, GeneratorConfig
from synthgen.generators.dialogue.fit.config import FitConfig, PrivateSgdConfig
from synthgen.offer import Offer
from synthgen.privacy_filters.dialogue.config import NearDuplicateConfig
from synthgen.privacy_filters.dialogue.identifier_config import IdentifierConfig


class DialogueConfig(Section):
    """The configuration's ``modality`` section for dialogues."""

    short: ClassVar[Mapping[str, str]] = {
        "base": "modality.generator.base",
        "realiser": "modality.generator.realiser",
    }

    demo: DemoCohortConfig = DemoCohortConfig()
    cohort: CohortConfig = CohortConfig()
    generator: GeneratorConfig = GeneratorConfig()
    fit: FitConfig = FitConfig()
    private_sgd: PrivateSgdConfig = PrivateSgdConfig()
    near_duplicate: NearDuplicateConfig = NearDuplicateConfig()
    identifiers: IdentifierConfig = IdentifierConfig()
    evaluation: EvaluationConfig = EvaluationConfig()


OFFER = Offer("dialogue", DialogueConfig, presets=("demo", "cpu"), formats=("parquet",))
