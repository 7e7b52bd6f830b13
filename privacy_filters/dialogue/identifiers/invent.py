"""What stands in for an identifier: invented for one patient, remembered, and in the form of what it replaces.

The same string is the same surrogate, parts of a name follow the whole ("Maria Lopez … Maria"), a short form is a short
form ("Katherine … Kate"), gender and capitals are kept, digits and letters of numbers keep their places. Dates all move
by one number of days, so that the order of events stays (Stubbs & Uzuner 2015), and ages by as many years.

Under the policy ``markov`` a surrogate is kept or drawn anew from mention to mention (Osborne et al. 2022,
BRATsynthetic): where one name is another each time, an original that was missed is one among many and no longer the odd
one out. What moves (dates, ages, years, weekdays) moves by one number under both.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection, Sequence
from functools import cache

from synthgen.english import ONES, TENS, WEEKDAYS
from synthgen.errors import MissingExtraError
from synthgen.privacy_filters.dialogue.clinical import clinical
from synthgen.privacy_filters.dialogue.identifier_config import Entity
from synthgen.privacy_filters.dialogue.identifiers.moved_dates import date_moved
from synthgen.privacy_filters.dialogue.identifiers.numerals import first_numeral
from synthgen.privacy_filters.dialogue.identifiers.patterns import luhn
from synthgen.privacy_filters.dialogue.identifiers.said_anew import email_anew, numbers_anew
from synthgen.privacy_filters.dialogue.identifiers.vocabulary import (
    folded,
    given_names,
    lexicon,
    names,
    place_words,
    titles,
)
from synthgen.wordlists import Lines, WordLists, WordSet, word_lists

MOVED: frozenset[Entity] = frozenset({"DATE", "MONTH", "YEAR", "WEEKDAY", "AGE", "AGE_OVER_89"})
"""Kinds of which all mentions move by one number."""

_REDRAWN = 0.5  # of the mentions of an entity after its first, under ``markov``
_ATTEMPTS = 20
_ADULT = 18
_SPLIT = re.compile(r"([\s.'’-]+)")


class SurrogateWords(WordLists):
    """``surrogates.yaml``."""

    women_short: Lines
    men_short: Lines
    women: WordSet
    men: WordSet


@cache
def surrogate_words() -> SurrogateWords:
    """``surrogates.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(__package__, "surrogates", SurrogateWords)


class Inventor:
    """One patient's surrogates, remembered by what they stand for.

    Args:
        taken: folded words that are nobody's surrogate: those of the patient's own identifiers.
        markov: whether a surrogate may change from mention to mention.
        weeks: whether dates move by whole weeks, so that a weekday that stays still fits its date; else by none.

    Raises:
        MissingExtraError: Faker is not installed.
    """

    def __init__(
        self, seed: int, language: str, taken: Collection[str] = (), *, markov: bool = False, weeks: bool = False
    ) -> None:
        try:
            from faker import Faker
        except ModuleNotFoundError:
            raise MissingExtraError("surrogates", "dialogue") from None
        self._random = random.Random(seed)  # noqa: S311 (invented names, no secrets)
        self._faker = Faker("es_ES" if language == "es" else "en_US")
        self._faker.seed_instance(self._random.getrandbits(32))
        self._known: dict[tuple[str, str], str] = {}
        self._taken = frozenset(taken)
        self._markov = markov
        days = self._random.randint(20, 300)
        days = round(days / 7) * 7 if weeks else days + (days % 7 == 0)
        self._days = self._random.choice([-1, 1]) * days
        self._years = round(self._days / 150) or (1 if self._days > 0 else -1)

    def __call__(self, entity: Entity, original: str, before: str = "") -> str:
        """A surrogate for one mention; ``before`` is the text that leads to it."""
        if entity == "PERSON":
            return self._person(original, _told(before))
        key = (entity, folded(original))
        if key in self._known and entity not in MOVED and self._redrawn():
            del self._known[key]
        if key not in self._known:
            self._known[key] = self._different(original, self._maker(entity))
        return self._known[key]

    def _age(self, years: int) -> int:
        """A child's age moves by one year: three and one are not of the same child."""
        by = self._years if years >= _ADULT else (1 if self._years > 0 else -1)
        return min(89, max(1, years + by))

    def _redrawn(self) -> bool:
        return self._markov and self._random.random() < _REDRAWN

    def _maker(self, entity: Entity) -> Callable[[str], str]:
        fake = self._faker
        makers: dict[Entity, Callable[[str], str]] = {
            "ADDRESS": self._address,
            "LOCATION": lambda was: _cased(self._town(), was),
            "ORGANISATION": lambda was: _cased(f"{fake.last_name()} {_kind(was)}", was),
            "EMAIL": self._email,
            "URL": lambda was: f"https://{fake.domain_word()}.example.org" if "." in was else self._page(),
            "USERNAME": lambda was: ("@" if was.startswith("@") else "") + str(fake.user_name()),
            "IP_ADDRESS": lambda _: "192.0.2." + str(self._random.randint(1, 254)),
            "CREDIT_CARD": self._card,
            "PHONE": self._phone,
            "DATE": self._date,
            "MONTH": self._date,
            "AGE_OVER_89": lambda _: "90",
            "AGE": lambda was: _moved(was, self._age),
            "YEAR": lambda was: _moved(was, lambda year: min(2100, max(1900, year + self._years))),
            "WEEKDAY": lambda was: _cased(_weekday(was, self._days), was),
            "COUNTRY": lambda was: _cased(str(fake.country()).split(",")[0].split("(")[0].strip(), was),
        }
        return makers.get(entity, self._digits)

    def _different(self, original: str, make: Callable[[str], str]) -> str:
        """Not the original, nor a word of the patient's identifiers, somebody else's surrogate, or a clinical word."""
        used = {folded(known) for known in self._known.values()}
        made = make(original)
        for _ in range(_ATTEMPTS):
            plain = folded(made)
            if original == "90" or not (
                plain in {folded(original), *self._taken, *used} or any(map(clinical, plain.split()))
            ):
                break
            made = make(original)
        return made

    def _person(self, original: str, told: tuple[str, bool]) -> str:
        """Part by part, so that a first name that comes back alone gets the surrogate that it had in the full name."""
        parts = _SPLIT.split(original)
        words = [part for part in parts if part and part[0].isalpha()]
        named = [part for part in words if folded(part) not in names().particles]
        if self._redrawn():
            for part in named:
                self._known.pop(("PERSON", _full(part)), None)
        made = []
        for part in parts:
            if part not in named:
                made.append(part)
                continue
            made.append(self._name_part(part, first=part is named[0], alone=len(words) == 1, told=told))
        return "".join(made)

    def _name_part(self, part: str, *, first: bool, alone: bool, told: tuple[str, bool]) -> str:
        key = ("PERSON", _full(part))
        if key not in self._known:
            if len(part) == 1:
                self._known[key] = self._random.choice([c for c in "ABCDEGHJKLMNPRSTW" if c != part.upper()])
            else:
                self._known[key] = self._different(part, self._drawn(part, first=first, alone=alone, told=told))
        return _cased(_as_short(part, self._known[key]), part)

    def _drawn(self, part: str, *, first: bool, alone: bool, told: tuple[str, bool]) -> Callable[[str], str]:
        plain, fake, lex = folded(part), self._faker, lexicon()
        told_gender, titled = told
        given = plain in lex.spoken or (plain in lex.given and plain not in lex.family)
        if not first or (alone and (titled or not (given or told_gender))):
            return lambda _: str(fake.last_name()).split()[0]
        for groups in _short_forms().values():
            if any(plain in group for group in groups):
                return lambda _: self._random.choice(groups)[0].title()
        gender = _gender(plain) or told_gender
        drawn = fake.first_name_female if gender == "female" else (
            fake.first_name_male if gender == "male" else fake.first_name
        )  # fmt: skip
        return lambda _: str(drawn()).split()[0]

    def _town(self) -> str:
        return self._random.choice(sorted(place_words().cities)).title()

    def _address(self, original: str) -> str:
        """A street of another name and, where it is known, of the same kind, with a number of as many digits."""
        number = re.search(r"\d+", original)
        last = (re.findall(r"[^\W\d_]+", part)[-1:] for part in re.split("[,\n]", original))
        kind = next((word for words in last for word in words if word.lower() in place_words().streets_after), "")
        said = f"{self._faker.last_name()} {kind}" if kind else str(self._faker.street_name())
        if number:
            said = f"{self._number(number[0])} {said}"
        elif spelt := first_numeral(original):
            said = f"{numbers_anew(spelt, self._random)} {said}"
        return _cased(said, original)

    def _email(self, original: str) -> str:
        if "@" in original:
            return str(self._faker.user_name()) + "@example.org"
        return email_anew(original, lambda: str(self._faker.last_name()))

    def _page(self) -> str:
        """As it is said."""
        return f"{str(self._faker.last_name()).lower()} dot example dot org"

    def _number(self, digits: str) -> str:
        return self._random.choice("123456789") + self._digits(digits[1:])

    def _phone(self, original: str) -> str:
        """What says that it is a telephone number, a leading zero or the country's code, stays."""
        leading = re.match(r"(?:\+\d{1,2}|\(?0\d)?", original)
        kept = leading[0] if leading else ""
        return kept + self._digits(original[len(kept) :])

    def _digits(self, original: str) -> str:
        """Another number of the same form: digits for digits, letters for letters, words for words."""
        if not any(c.isdigit() for c in original):
            return numbers_anew(original, self._random)
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
        moved = date_moved(original, self._days, day_first=self._faker.locales[0] != "en_US")
        return self._digits(original) if moved is None else moved


@cache
def _short_forms() -> dict[str, tuple[tuple[str, ...], ...]]:
    words = surrogate_words()
    return {
        "female": tuple(tuple(line.split()) for line in words.women_short),
        "male": tuple(tuple(line.split()) for line in words.men_short),
    }


@cache
def _group(plain: str) -> tuple[str, ...]:
    """The name that a folded name is short for, and its short forms; empty where none is known."""
    return next((group for groups in _short_forms().values() for group in groups if plain in group), ())


def _full(part: str) -> str:
    """What a part of a name is remembered by: the name that it is short for."""
    plain = folded(part)
    group = _group(plain)
    return group[0] if group else plain


def _as_short(part: str, made: str) -> str:
    """The surrogate as short as the original is."""
    was, group = _group(folded(part)), _group(folded(made))
    if not was or not group:
        return made
    return group[min(was.index(folded(part)), len(group) - 1)].title()


def _gender(plain: str) -> str:
    """``female`` or ``male`` where more locales know a folded given name as that; else empty."""
    known = [given_names(locale) for locale in names().locales]
    women, men = (sum(plain in one[i] for one in known) for i in (0, 1))
    return "female" if women > men else "male" if men > women else ""


def _told(before: str) -> tuple[str, bool]:
    """What the last word before a name tells: the gender, and whether it is a title, which a surname follows."""
    last = [folded(word) for word in re.findall(r"[^\W\d_]+", before[-40:])[-1:]]
    word = last[0] if last else ""
    words = surrogate_words()
    return "female" if word in words.women else "male" if word in words.men else "", word in titles() - names().kin


def _moved(number: str, within: Callable[[int], int]) -> str:
    """Every number of a text moved, spelt-out English ones too; other words stay."""
    if any(c.isdigit() for c in number):
        return re.sub(r"\d+", lambda found: str(within(int(found[0]))), number)
    words: Sequence[str] = re.split(r"([\s-]+)", number.lower())
    tens = {word: 10 * i for i, word in enumerate(TENS, start=2)}
    ones = {word: i for i, word in enumerate(ONES)}
    value = sum(tens.get(word, ones.get(word, 0)) for word in words)
    if not value or not all(word in tens or word in ones for word in words[::2]):
        return number
    made = within(value)
    if made < len(ONES):
        return ONES[made]
    gap = words[1] if len(words) > 1 else "-"
    return TENS[made // 10 - 2] + (f"{gap}{ONES[made % 10]}" if made % 10 else "")


def _weekday(name: str, days: int) -> str:
    """The day so many days later, by its English name; another language's stays."""
    plain = name.lower().rstrip("s")
    if plain not in WEEKDAYS:
        return name
    return WEEKDAYS[(WEEKDAYS.index(plain) + days) % 7].title() + ("s" if name.lower().endswith("s") else "")


def _kind(organisation: str) -> str:
    """The last word, when it says what sort of organisation it is."""
    kinds = place_words().kept_kinds
    last: Sequence[str] = [word for word in organisation.split() if word.lower().strip(".") in kinds]
    return last[-1].strip(".") if last else "Company"


def _cased(made: str, was: str) -> str:
    if was.islower():
        return made.lower()
    return made.upper() if was.isupper() and len(was) > 1 else made
