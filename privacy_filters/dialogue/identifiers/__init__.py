"""Identifiers of people in dialogues: found, rejected, or replaced by invented ones."""

from synthgen.privacy_filters.dialogue.identifier_config import IdentifierConfig
from synthgen.privacy_filters.dialogue.identifiers.analyser import find_identifiers
from synthgen.privacy_filters.dialogue.identifiers.planted_recall import Plant, planted_recall
from synthgen.privacy_filters.dialogue.identifiers.rule import IdentifierRule
from synthgen.privacy_filters.dialogue.identifiers.spans import identifier_spans
from synthgen.privacy_filters.dialogue.identifiers.surrogates import replaced, surrogate, surrogate_edits, surrogates
from synthgen.privacy_filters.dialogue.identifiers.types import SAFE_HARBOR, Entity, Identifier

__all__ = [
    "SAFE_HARBOR",
    "Entity",
    "Identifier",
    "IdentifierConfig",
    "IdentifierRule",
    "Plant",
    "find_identifiers",
    "identifier_spans",
    "planted_recall",
    "replaced",
    "surrogate",
    "surrogate_edits",
    "surrogates",
]
