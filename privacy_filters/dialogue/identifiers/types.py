"""What an identifier is: a span of text and the kind of thing it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """One hit: ``text[start:end]`` is an ``entity`` with confidence ``score``, 0 to 1."""

    start: int
    end: int
    entity: Entity
    score: float

    def overlaps(self, other: Identifier) -> bool:
        return self.start < other.end and other.start < self.end
