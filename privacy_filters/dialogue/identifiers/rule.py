"""The rule: a dialogue with an identifier is rejected, never just masked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from synthgen.payloads.dialogue import Dialogue
from synthgen.privacy_filters.dialogue.identifier_config import IdentifierConfig
from synthgen.privacy_filters.dialogue.identifiers.analyser import find_identifiers
from synthgen.records import Verdict

_THRESHOLD = -0.5


@dataclass(frozen=True)
class IdentifierRule:
    """Rejects a dialogue that has an identifier of the kinds in ``config.reject``.

    Real strangers have identifiers by nature, so that this is a rule and no calibrated filter: the score is minus the
    number of hits, and one hit rejects.
    """

    config: IdentifierConfig = field(default_factory=IdentifierConfig)

    name = "identifiers"

    def __call__(self, payloads: Sequence[Dialogue]) -> list[Verdict]:
        return [Verdict(self.name, -float(self.hits(dialogue)), _THRESHOLD, rule=True) for dialogue in payloads]

    def hits(self, dialogue: Dialogue) -> int:
        """Identifiers in all turns together; a name counts once where two turns are needed to see it."""
        found = find_identifiers(dialogue.text, self.config)
        return sum(hit.entity in self.config.reject for hit in found)
