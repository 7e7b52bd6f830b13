"""What can be chosen about chest X-rays, and what of it the command line knows before their code is loaded."""

from __future__ import annotations

from pydantic import Field

from synthgen.config import Section
from synthgen.eval.cxr.config import EvaluationConfig
from synthgen.generators.cxr.cohort_config import CohortConfig
from synthgen.generators.cxr.config import (
    ConditionConfig,
    DeformerConfig,
    DemoCohortConfig,
    GeneratorConfig,
    PretrainingConfig,
    PrivateSgdConfig,
)
from synthgen.offer import Offer
from synthgen.privacy_filters.cxr.config import IdentityConfig


class CxrConfig(Section):
    """The configuration's ``modality`` section for chest X-rays."""

    demo: DemoCohortConfig = DemoCohortConfig()
    cohort: CohortConfig = CohortConfig()
    conditions: ConditionConfig = ConditionConfig()
    generator: GeneratorConfig = GeneratorConfig()
    private_sgd: PrivateSgdConfig = PrivateSgdConfig()
    pretraining: PretrainingConfig = PretrainingConfig()
    headers: bool = Field(
        False,
        description="anonymize writes DICOM too, with cleaned headers, where the cohort is DICOM; images of a patient "
        "share a number then, so that nobody has to link them",
    )
    redrawn_by: str = Field(
        "",
        description="generator by which anonymize --operator latent redraws: a model folder; empty: the packaged base, "
        "which saw no patient",
    )
    deformer: DeformerConfig = DeformerConfig()
    identity: IdentityConfig = IdentityConfig()
    encoder: str = Field("", description="of images, for one more filter: hub name, folder or packaged; empty: none")
    evaluation: EvaluationConfig = EvaluationConfig()


OFFER = Offer("cxr", CxrConfig, presets=("demo", "cpu"), formats=("imagefolder", "dicom"), base="base")
