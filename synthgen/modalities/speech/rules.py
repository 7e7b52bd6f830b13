"""Rules of the dialogue modality, on what is said in a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synthgen.payloads.dialogue import Dialogue
from synthgen.payloads.speech import Speech
from synthgen.privacy_filters.speech.transcripts import dialogue_of
from synthgen.records import Rule, Verdict


@dataclass(frozen=True)
class OnTranscript:
    """A rule for dialogues, applied to the turns of all sessions of a sample together."""

    rule: Rule[Dialogue]

    @property
    def name(self) -> str:
        return self.rule.name

    def __call__(self, payloads: Sequence[Speech]) -> list[Verdict]:
        return [self._of(payload) for payload in payloads]

    def _of(self, payload: Speech) -> Verdict:
        dialogue = dialogue_of(payload)
        if dialogue is None:  # a few words, or somebody else's sound without a transcript: nothing to read
            return Verdict(self.name, 1.0, 0.0, rule=True)
        return self.rule([dialogue])[0]
