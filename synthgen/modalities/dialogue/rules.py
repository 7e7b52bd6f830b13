"""Rules of the dialogue modality that are neither about closeness nor about identifiers."""

from __future__ import annotations

from collections.abc import Sequence

from synthgen.generators.dialogue.sampler import is_failed
from synthgen.payloads.dialogue import Dialogue
from synthgen.records import Verdict


class Unfinished:
    """Rejects what stands in the place of a session that the generator gave up."""

    name = "unfinished"

    def __call__(self, payloads: Sequence[Dialogue]) -> list[Verdict]:
        return [Verdict(self.name, 0.0 if is_failed(dialogue) else 1.0, 0.5, rule=True) for dialogue in payloads]
