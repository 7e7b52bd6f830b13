"""Canaries: random secrets planted in the training transcripts; a dialogue that says one betrays its training.

Carlini et al. 2019, The secret sharer. The rule reads words, not characters: a canary is found whatever its case,
accents and punctuation, whether its digits are written together, apart or by name, and across a change of turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from synthgen.payloads.dialogue import Dialogue
from synthgen.privacy_filters.dialogue.words import words
from synthgen.records import Verdict

_THRESHOLD = -0.5


@dataclass(frozen=True)
class CanaryRule:
    """Rejects a dialogue that contains a canary.

    Attributes:
        canaries: the secrets as they were planted. Private.

    Raises:
        ValueError: if a canary has no word to look for.
    """

    canaries: tuple[str, ...]

    name = "canary"

    def __post_init__(self) -> None:
        if not all(_pieces(canary) for canary in self.canaries):
            raise ValueError("every canary must have at least one word")

    def __call__(self, payloads: Sequence[Dialogue]) -> list[Verdict]:
        """The score is minus the number of canaries that the dialogue says."""
        secrets = [_bounded(_pieces(canary)) for canary in dict.fromkeys(self.canaries)]
        verdicts = []
        for dialogue in payloads:
            text = _bounded(_pieces(dialogue.text)) if secrets else ""
            found = sum(secret in text for secret in secrets)
            verdicts.append(Verdict(self.name, -float(found), _THRESHOLD, rule=True))
        return verdicts


def _pieces(text: str) -> list[str]:
    """The words of a text, digits one by one: "48 13", "4813" and "four eight one three" are the same secret."""
    return list(_digit_by_digit(words(text)))


def _digit_by_digit(tokens: Iterable[str]) -> Iterator[str]:
    for token in tokens:
        if token.isdigit():
            yield from token
        else:
            yield token


def _bounded(pieces: Sequence[str]) -> str:
    """Joined so that a run of pieces is found only where whole pieces agree."""
    return f"\n{chr(10).join(pieces)}\n"
