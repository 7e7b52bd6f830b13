"""Identifiers that a generator said are replaced by invented ones, where the configuration asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from synthgen.payloads.dialogue import Dialogue, DialogueCondition, DialogueSynthetic
from synthgen.privacy_filters.dialogue.identifiers import IdentifierConfig, surrogate
from synthgen.records import Generator, Request


@dataclass(frozen=True)
class Surrogated:
    """A generator whose samples are de-identified by surrogates before anything judges them."""

    generator: Generator[Dialogue, DialogueCondition]
    config: IdentifierConfig

    def __call__(self, requests: Sequence[Request[DialogueCondition]]) -> list[DialogueSynthetic]:
        samples = self.generator(requests)
        return [replace(s, payload=surrogate(s.payload, s.seed, self.config)) for s in samples]
