"""Identifiers of people in dialogues: found, rejected, or replaced by invented ones."""

from synthgen.privacy_filters.dialogue.identifier_config import IdentifierConfig
from synthgen.privacy_filters.dialogue.identifiers.analyser import find_identifiers
from synthgen.privacy_filters.dialogue.identifiers.rule import IdentifierRule
from synthgen.privacy_filters.dialogue.identifiers.surrogates import surrogate, surrogates
from synthgen.privacy_filters.dialogue.identifiers.types import SAFE_HARBOR, Entity, Identifier

__all__ = [
    "SAFE_HARBOR",
    "Entity",
    "Identifier",
    "IdentifierConfig",
    "IdentifierRule",
    "find_identifiers",
    "surrogate",
    "surrogates",
]
