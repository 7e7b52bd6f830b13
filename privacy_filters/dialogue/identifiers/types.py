"""What an identifier is: a span of text and the kind of thing it names."""

from __future__ import annotations

from dataclasses import dataclass

from synthgen.privacy_filters.dialogue.identifier_config import SAFE_HARBOR as SAFE_HARBOR
from synthgen.privacy_filters.dialogue.identifier_config import Entity as Entity


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """One hit: ``text[start:end]`` is an ``entity`` with confidence ``score``, 0 to 1."""

    start: int
    end: int
    entity: Entity
    score: float

    def overlaps(self, other: Identifier) -> bool:
        return self.start < other.end and other.start < self.end
