"""Names, places, and above all the words that look like names and are none.

Names and places come from Faker's locales (MIT); everything else is our own, in the YAML files of this folder.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from synthgen.errors import MissingExtraError
from synthgen.wordlists import Phrases, PhraseSet, WordLists, Words, WordSet, word_lists


class Names(WordLists):
    """``names.yaml``."""

    locales: Words
    spoken_locales: Words
    words_too: WordSet
    mostly_names: WordSet
    not_ordinary: WordSet
    titles: WordSet
    weak_titles: WordSet
    after_title: WordSet
    particles: WordSet
    kin: WordSet
    no_person: WordSet


class Eponyms(WordLists):
    """``eponyms.yaml``."""

    people: WordSet
    named_after: WordSet


class Ordinary(WordLists):
    """``ordinary.yaml``."""

    words: WordSet
    endings: Words
    clinical_endings: Words
    medicines: WordSet
    not_streets: WordSet
    before_eponyms: WordSet


class Places(WordLists):
    """``places.yaml``."""

    locales: Words
    countries: PhraseSet
    cities: PhraseSet
    nationalities: WordSet
    states: Words
    streets_after: Phrases
    streets_before: Phrases
    streets_ending: Phrases
    organisations_after: Phrases
    organisations_before: Phrases
    organisations_said: Phrases
    organisations_of_saints: Phrases
    kept_kinds: WordSet
    plain_kinds: Phrases
    leading: Phrases


class Cues(WordLists):
    """``cues.yaml``."""

    greetings: Phrases
    professions: Phrases
    doing: Phrases
    doing_unknown: Phrases
    details: Phrases
    belongings: Phrases
    before_person: Phrases
    before_place: Phrases
    before_address: Phrases
    filed: Phrases
    measures: Phrases


class Dates(WordLists):
    """``dates.yaml``."""

    months_short: Words
    months_es: Words
    units_es: Words
    tens_es: Words


@cache
def names() -> Names:
    """``names.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(__package__, "names", Names)


@cache
def eponyms() -> Eponyms:
    """``eponyms.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(__package__, "eponyms", Eponyms)


@cache
def ordinary_words() -> Ordinary:
    """``ordinary.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(__package__, "ordinary", Ordinary)


@cache
def place_words() -> Places:
    """``places.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(__package__, "places", Places)


@cache
def cues() -> Cues:
    """``cues.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(__package__, "cues", Cues)


@dataclass(frozen=True)
class Lexicon:
    """Names and places, case-folded and without accents.

    Attributes:
        spoken: given names that are recognised without a capital.
        countries: states too.
    """

    given: frozenset[str]
    spoken: frozenset[str]
    family: frozenset[str]
    places: frozenset[str]
    countries: frozenset[str]


@cache
def dates() -> Dates:
    """``dates.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(__package__, "dates", Dates)


@cache
def titles(*, weak: bool = False) -> frozenset[str]:
    """What stands before a name, folded; ``weak`` ones are also said alone."""
    return frozenset(folded(title) for title in (names().weak_titles if weak else names().titles))


def folded(word: str) -> str:
    """Lower case without accents, so that "Garc\u00eda" and "garcia" are one name."""
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c)).replace("\u2019", "'")


def ordinary(word: str) -> bool:
    """Whether a word is one of the language rather than a name; ``word`` as :func:`folded` gives it."""
    stem = word.removesuffix("'s")
    listed = ordinary_words()
    return (
        word in _ordinary()
        or stem in _ordinary()
        or stem in listed.medicines
        or stem in _faker_words()
        or word.endswith(listed.endings)
        or (len(stem) > 6 and stem.endswith(listed.clinical_endings))
    )


@cache
def lexicon() -> Lexicon:
    """Gathered from Faker's locales, once.

    Raises:
        MissingExtraError: Faker is not installed.
    """
    given, spoken, family = set[str](), set[str](), set[str]()
    listed, words_too, words = place_words(), names().words_too, ordinary_words().words
    for locale in names().locales:
        first, last = _names_of(locale)
        given |= first
        family |= last
        if locale in names().spoken_locales:
            spoken |= {name for name in first if len(name) > 2}
    places = {folded(city) for city in listed.cities}
    for locale in listed.locales:
        for kind in ("cities", "states", "communes", "provinces", "counties"):
            places |= {folded(place) for place in _listed("address", locale, kind)}
    countries = {folded(name) for name in (*_listed("address", "en", "countries"), *listed.countries)}
    for locale in ("en_US", "es_ES"):
        countries |= {folded(name) for kind in ("countries", "regions") for name in _listed("address", locale, kind)}
    countries |= {folded(state) for state in _listed("address", "en_US", "states")}
    return Lexicon(
        given=frozenset(given),
        spoken=frozenset(name for name in spoken if name not in words_too and name not in words),
        family=frozenset(family),
        places=frozenset(place for place in places if len(place) > 2 and place not in words_too | words),
        countries=frozenset(countries),
    )


@cache
def given_names(locale: str) -> tuple[frozenset[str], frozenset[str]]:
    """Given names of women and of men, folded."""
    women, men = (
        frozenset(folded(name) for name in _listed("person", locale, f"first_names_{gender}"))
        for gender in ("female", "male")
    )
    return women, men


def _names_of(locale: str) -> tuple[set[str], set[str]]:
    first, last = set[str](), set[str]()
    for kind, found in (("first_name", first), ("last_name", last)):
        for name in _listed("person", locale, kind):
            found.update(folded(part) for part in name.split() if len(part) > 1)
    particles = names().particles | {"-"}
    return first - particles, last - particles


def _listed(provider: str, locale: str, prefix: str) -> Iterable[str]:
    """Every string in the lists of a Faker provider whose names begin with ``prefix``."""
    try:
        module = import_module(f"faker.providers.{provider}.{locale}")
    except ModuleNotFoundError as error:
        if error.name == "faker":
            raise MissingExtraError("the identifier rule", "dialogue") from None
        return
    for name, value in vars(module.Provider).items():
        if (
            name.startswith(prefix)
            and not name.endswith(("formats", "abbr", "postcode"))
            and isinstance(value, tuple | list | dict)
        ):
            yield from (entry if isinstance(entry, str) else entry[-1] for entry in value)


@cache
def _ordinary() -> frozenset[str]:
    return frozenset(folded(word) for word in ordinary_words().words)


@cache
def _faker_words() -> frozenset[str]:
    lists = [_listed("lorem", locale, "word_list") for locale in ("en_US", "es_ES")]
    return frozenset(folded(word) for words in lists for word in words if folded(word) not in names().not_ordinary)
