"""Settings of the evaluation of dialogues."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthgen.config import Section


class EvaluationConfig(Section):
    """How a release of dialogues is evaluated. The defaults take about a minute on one core for 400 dialogues."""

    max_samples: int = Field(1000, ge=16, description="At most so many records of each set are used, drawn at random.")
    words: int = Field(
        50_000, ge=500, description="Words on which distinct-n is counted: it falls with their number, so the same."
    )
    self_bleu_dialogues: int = Field(40, ge=4, description="At most so many dialogues are scored in self-BLEU.")
    self_bleu_references: int = Field(20, ge=2, description="Dialogues of other patients that each is scored against.")
    self_bleu_words: int = Field(
        400, ge=50, description="Words of each that are compared, from a random place on: BLEU depends on the length."
    )
    topics: int = Field(12, ge=2, le=100, description="Topics of the factorisation that topic entropy counts.")
    label: Literal["auto", "severity", "disorder"] = Field(
        "auto", description="What a classifier learns from the transcripts; auto: severity where it is known."
    )
    classifier_repeats: int = Field(3, ge=1, le=20, description="Trainings of each classifier, on other draws.")
    dimensions: int = Field(64, ge=4, le=512, description="Dimensions of the attacker's text space (TF-IDF, SVD).")
    density_dimensions: int = Field(8, ge=1, le=64, description="Principal components of the density attack (DOMIAS).")
    longest_run: int = Field(100, ge=20, le=1000, description="Words at which a shared run is counted no further.")
    judge_dialogues: int = Field(
        0, ge=0, le=1000, description="Dialogues of either kind that a language model judges; 0: none does."
    )
    judge_words: int = Field(2000, ge=100, description="Words of a transcript that the judge is shown at most.")
