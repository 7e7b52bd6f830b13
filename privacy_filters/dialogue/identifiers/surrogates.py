"""Surrogates: identifiers replaced by invented ones, so that a text still reads and no hole shows what stood there.

Within the dialogues of one patient the same string always becomes the same surrogate, parts of a name follow the whole
("Maria Lopez … Maria"), gender and capitals are kept, digits and letters of numbers keep their places. Dates all move
by one number of days, so that the order of events stays (Stubbs & Uzuner 2015), and ages by as many years for the one
patient. Drawn from the seed alone.
"""

from __future__ import annotations

import datetime as dt
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from synthgen.english import MONTHS, WEEKDAYS
from synthgen.errors import MissingExtraError
from synthgen.payloads.dialogue import Dialogue
from synthgen.privacy_filters.dialogue.identifier_config import IdentifierConfig
from synthgen.privacy_filters.dialogue.identifiers.analyser import find_identifiers
from synthgen.privacy_filters.dialogue.identifiers.patterns import luhn
from synthgen.privacy_filters.dialogue.identifiers.types import Entity, Identifier
from synthgen.privacy_filters.dialogue.identifiers.vocabulary import folded, given_names, lexicon, names, place_words

_ATTEMPTS = 20
_WORDS = re.compile(r"[^\W\d_]{3,}")
_NEXT = re.compile(r" ([^\W\d_]{3,})")


def surrogate(dialogue: Dialogue, seed: int, config: IdentifierConfig | None = None) -> Dialogue:
    """The dialogue with every identifier of ``config.reject`` replaced.

    The labels stay as they are. Equal arguments give equal dialogues; another seed gives other surrogates.

    Raises:
        MissingExtraError: Presidio or Faker is not installed.
    """
    return surrogates([dialogue], seed, config)[0]


def surrogates(dialogues: Sequence[Dialogue], seed: int, config: IdentifierConfig | None = None) -> list[Dialogue]:
    """The same for all dialogues of one patient, in their order: who has one name in them keeps one name.

    Raises:
        MissingExtraError: Presidio or Faker is not installed.
    """
    config = config or IdentifierConfig()
    draw = _Draw(seed, config.language)
    found = [
        [hit for hit in find_identifiers(dialogue.text, config) if hit.entity in config.reject]
        for dialogue in dialogues
    ]
    known = frozenset(
        folded(word)
        for dialogue, hits in zip(dialogues, found, strict=True)
        for hit in hits
        if hit.entity == "PERSON"
        for word in _WORDS.findall(dialogue.text[hit.start : hit.end])
    )
    return [
        _replaced(dialogue, [_with_surname(hit, dialogue.text, hits, known) for hit in hits], draw)
        for dialogue, hits in zip(dialogues, found, strict=True)
    ]


def _with_surname(hit: Identifier, text: str, hits: Sequence[Identifier], known: frozenset[str]) -> Identifier:
    """A name, and the word after it where that is a name elsewhere: "kelly wood" of whom "mrs. wood" is said too."""
    after = _NEXT.match(text, hit.end) if hit.entity == "PERSON" else None
    if after is None or folded(after[1]) not in known or any(one.start == after.start(1) for one in hits):
        return hit
    return replace(hit, end=after.end())


def _replaced(dialogue: Dialogue, hits: Sequence[Identifier], draw: _Draw) -> Dialogue:
    text = dialogue.text
    turns = []
    start = 0
    for turn in dialogue.turns:
        end = start + len(turn.text)
        pieces, at = [], start
        for hit in hits:
            # A hit across turns is replaced in the turn where it begins.
            if hit.end <= start or hit.start >= end:
                continue
            pieces.append(text[at : max(hit.start, start)])
            if hit.start >= start:
                pieces.append(draw(hit.entity, text[hit.start : min(hit.end, end)]))
            at = min(hit.end, end)
        pieces.append(text[at:end])
        turns.append(replace(turn, text="".join(pieces) or "…"))
        start = end + 1
    return replace(dialogue, turns=tuple(turns))


class _Draw:
    """One patient's surrogates, remembered by what they stand for."""

    def __init__(self, seed: int, language: str) -> None:
        try:
            from faker import Faker
        except ModuleNotFoundError:
            raise MissingExtraError("surrogates", "dialogue") from None
        self._random = random.Random(seed)  # noqa: S311 (invented names, no secrets)
        self._faker = Faker("es_ES" if language == "es" else "en_US")
        self._faker.seed_instance(self._random.getrandbits(32))
        self._known: dict[tuple[str, str], str] = {}
        self._days = self._random.choice([-1, 1]) * self._random.randint(20, 300)
        self._years = round(self._days / 150) or (1 if self._days > 0 else -1)

    def __call__(self, entity: Entity, original: str) -> str:
        if entity == "PERSON":
            return self._person(original)
        key = (entity, folded(original))
        if key not in self._known:
            self._known[key] = self._different(original, self._maker(entity))
        return self._known[key]

    def _maker(self, entity: Entity) -> Callable[[str], str]:
        fake = self._faker
        makers: dict[Entity, Callable[[str], str]] = {
            "ADDRESS": lambda _: str(fake.street_address()).replace("\n", ", "),
            "LOCATION": lambda was: _cased(str(fake.city()), was),
            "ORGANISATION": lambda was: _cased(f"{fake.last_name()} {_kind(was)}", was),
            "EMAIL": lambda _: str(fake.user_name()) + "@example.org",
            "URL": lambda _: f"https://{fake.domain_word()}.example.org",
            "USERNAME": lambda was: ("@" if was.startswith("@") else "") + str(fake.user_name()),
            "IP_ADDRESS": lambda _: "192.0.2." + str(self._random.randint(1, 254)),
            "CREDIT_CARD": self._card,
            "DATE": self._date,
            "MONTH": self._date,
            "AGE_OVER_89": lambda _: "90",
            "AGE": lambda was: _moved(was, self._years, 1, 89),
            "YEAR": lambda was: _moved(was, self._years, 1900, 2100),
            "WEEKDAY": lambda was: _cased(_weekday(was, self._days), was),
            "COUNTRY": lambda was: _cased(str(fake.country()).split(",")[0].split("(")[0].strip(), was),
        }
        return makers.get(entity, self._digits)

    def _different(self, original: str, make: Callable[[str], str]) -> str:
        made = make(original)
        for _ in range(_ATTEMPTS):
            if folded(made) != folded(original) or original == "90":
                break
            made = make(original)
        return made

    def _person(self, original: str) -> str:
        """Part by part, so that a first name that comes back alone gets the surrogate that it had in the full name."""
        parts = re.split(r"([\s.'’-]+)", original)
        words = [part for part in parts if part and part[0].isalpha()]
        position = 0
        made = []
        for part in parts:
            if not part or not part[0].isalpha() or folded(part) in names().particles:
                made.append(part)
                continue
            made.append(self._name_part(part, first=position == 0, alone=len(words) == 1))
            position += 1
        return "".join(made)

    def _name_part(self, part: str, *, first: bool, alone: bool) -> str:
        key = ("PERSON", folded(part))
        if key not in self._known:
            if len(part) == 1:
                self._known[key] = self._random.choice([c for c in "ABCDEGHJKLMNPRSTW" if c != part.upper()])
            else:
                female, male = given_names(self._faker.locales[0])
                plain = folded(part)
                lex = lexicon()
                given = plain in lex.spoken or (plain in lex.given and plain not in lex.family)
                surname = (alone and not given) or (not alone and not first)
                drawn = self._faker.last_name if surname else (
                    self._faker.first_name_female if plain in female and plain not in male
                    else self._faker.first_name_male if plain in male and plain not in female
                    else self._faker.first_name
                )  # fmt: skip
                self._known[key] = self._different(part, lambda _: str(drawn()).split()[0])
        return _cased(self._known[key], part)

    def _digits(self, original: str) -> str:
        """Another number of the same form: digits for digits, letters for letters."""
        return "".join(
            self._random.choice("0123456789") if c.isdigit()
            else self._random.choice("ABCDEFGHJKLMNPRSTUVWXYZ") if c.isalpha() and c.isupper()
            else c
            for c in original
        )  # fmt: skip

    def _card(self, original: str) -> str:
        made = self._digits(original)
        while not luhn(made) and sum(c.isdigit() for c in original) >= 13:
            made = self._digits(original)
        return made

    def _date(self, original: str) -> str:
        """The date moved by the dialogue's days, in its own form; a form that is not understood gets other digits."""
        iso = re.fullmatch(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(.*)", original, re.DOTALL)
        if iso and (day := _day(int(iso[1]), int(iso[3]), int(iso[4]))):
            moved = day + dt.timedelta(self._days)
            return f"{moved.year}{iso[2]}{moved.month:02d}{iso[2]}{moved.day:02d}{iso[5]}"
        plain = re.fullmatch(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{2}|\d{4})", original)
        if plain:
            first, second, year = int(plain[1]), int(plain[3]), int(plain[4]) + (1900 if len(plain[4]) == 2 else 0)
            day_first = first > 12 or (second <= 12 and self._faker.locales[0] != "en_US")
            if day := _day(year, *((second, first) if day_first else (first, second))):
                moved = day + dt.timedelta(self._days)
                order = (moved.day, moved.month) if day_first else (moved.month, moved.day)
                return plain[2].join([f"{order[0]:02d}", f"{order[1]:02d}", str(moved.year)[-len(plain[4]) :]])
        shift = self._days % 11 + 1

        def month(match: re.Match[str]) -> str:
            return _cased(MONTHS[(MONTHS.index(match[0].lower()) + shift) % 12].title(), match[0])

        return re.sub("|".join(MONTHS), month, re.sub(r"(?<!\d)\d{1,2}(?!\d)", self._small, original), flags=re.I)

    def _small(self, match: re.Match[str]) -> str:
        return str((int(match[0]) + abs(self._days)) % 28 + 1)


def _moved(number: str, by: int, least: int, most: int) -> str:
    """Every number of a text moved by ``by``, within bounds; words stay."""
    return re.sub(r"\d+", lambda found: str(min(most, max(least, int(found[0]) + by))), number)


def _weekday(name: str, days: int) -> str:
    """The day so many days later, by its English name; another language's stays."""
    plain = name.lower().rstrip("s")
    if plain not in WEEKDAYS:
        return name
    return WEEKDAYS[(WEEKDAYS.index(plain) + days) % 7].title() + ("s" if name.lower().endswith("s") else "")


def _day(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def _kind(organisation: str) -> str:
    """The last word, when it says what sort of organisation it is."""
    kinds = place_words().kept_kinds
    last: Sequence[str] = [word for word in organisation.split() if word.lower().strip(".") in kinds]
    return last[-1].strip(".") if last else "Company"


def _cased(made: str, was: str) -> str:
    if was.islower():
        return made.lower()
    return made.upper() if was.isupper() and len(was) > 1 else made
