"""How things come out when they are said: hesitations, repeats, corrections, sentences strung together; and listening.

Words that carry what the plan has to tell are left whole. What is put in is set off by commas, so that :func:`bare`
takes it out again: whoever listens hears the words that were meant.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from functools import cache, cached_property, lru_cache
from typing import Annotated, Final

from synthgen.english import MONTHS, WEEKDAYS
from synthgen.generators.dialogue.plan.grammar import plain
from synthgen.wordlists import Lines, Phrases, WordLists, WordSet, with_keys, word_lists

CLINICIAN: Final = {"therapy": "clinician, therapy", "visit": "clinician, visit"}
_STYLES = ("plain", "verbose", "terse", "tangential", "guarded", "pleasing", *CLINICIAN.values())
_NUMBERS: Final = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_UNITS: Final = r"(?:days?|weeks?|months?|years?|times|hours?|o'clock|nights?)"
_DAYS: Final = tuple(day.title() for day in WEEKDAYS)
NAMED: Final = re.compile(
    rf"(?:I|(?:{'|'.join(_DAYS)})s?|{'|'.join(MONTHS).title()}|Christmas|Easter|PHQ|GAD|PCL|AUDIT|Y-BOCS)\b"
)
"""What begins with a capital wherever it stands."""
_ASKS: Final = re.compile(
    r"(?:do|does|did|have|has|had|is|are|was|were|can|could|would|will|how|what|when|where|which|who|whom|why|any|"
    r"since)\b",
    re.IGNORECASE,
)
_DENIES: Final = re.compile(
    r"(?:never|none|nothing|not|nobody|neither|i haven't|i've not|i've no|i don't|i didn't)\b", re.I
)
_JOINING: Final = frozenset({"and", "so", "then", "now"})
_SPLIT: Final = re.compile(r"(?<=[.?!])\s+")


class Speech(WordLists):
    """``speech.yaml``."""

    hesitations: Phrases
    little_words: Phrases
    of_the_young: Phrases
    openers: Lines
    openers_of_denials: Lines
    openers_asking: Lines
    strings: Lines
    strings_of_the_clinician: Lines
    ends_telling: Lines
    joints: WordSet
    repeated: WordSet
    styles: Annotated[Mapping[str, Mapping[str, float]], with_keys(*_STYLES)]

    @cached_property
    def put_in(self) -> re.Pattern[str]:
        """What is put into a sentence, with its commas."""
        words = "|".join(re.escape(w) for w in sorted({*self.hesitations, *self.little_words}, key=len, reverse=True))
        return re.compile(rf"(?:(?<![^.?!]\s)(?<![^\s])(?:{words}),\s|,\s(?:{words}),(?=\s))", re.IGNORECASE)

    @cached_property
    def twice(self) -> re.Pattern[str]:
        """A word that is said twice."""
        words = "|".join(re.escape(word) for word in sorted(self.repeated, key=len, reverse=True))
        return re.compile(rf"\b({words}), \1(?![\w'])", re.IGNORECASE)


@cache
def between() -> str:
    """A pattern of a word that a clinician may put in where a sentence ends, as :func:`plain` has it."""
    put_in = (*speech().openers_asking, *speech().strings_of_the_clinician, *speech().hesitations)
    return "|".join(sorted({re.escape(word) for one in put_in for word in plain(one).split()}))


@cache
def speech() -> Speech:
    """``speech.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(__package__, "speech", Speech)


def rates(style: str) -> Mapping[str, float]:
    """The chances of a style: of a patient's, or of :data:`CLINICIAN`."""
    return speech().styles[style]


_CORRECTED: Final = re.compile(rf"\b(?:{'|'.join((*_NUMBERS, *_DAYS))}), no, (?=(?:{'|'.join((*_NUMBERS, *_DAYS))})\b)")


@lru_cache(maxsize=65_536)
def bare(text: str) -> str:
    """A text without hesitations, little words, repeats and corrections."""
    for _ in range(2):  # two may stand in a row
        text = speech().put_in.sub("", text)
    text = _CORRECTED.sub("", text)
    return speech().twice.sub(r"\1", text)


def spoken(text: str, rng: random.Random, style: str, *, kept: Sequence[str] = (), young: bool = False) -> str:
    """A text as this speaker would get it out.

    Args:
        style: as :func:`rates` knows it.
        kept: phrases that must stay whole, such as a thought or a number that the other side listens for.
        young: whether the speaker is young.
    """
    of, words, asking = rates(style), speech(), style in CLINICIAN.values()
    out: list[str] = []
    for sentence in (one for one in _SPLIT.split(text) if one):
        said, question = _hesitant(sentence, rng, of, words, kept, young), sentence.endswith("?")
        if not asking and not question:
            said = _corrected(said, rng, of, kept)
            long = said.endswith(".") and len(said.split()) > 3
            if long and rng.random() < of["ending"] and not _holds(said, kept):
                said = f"{said[:-1]}{rng.choice(words.ends_telling)}."
        if out and rng.random() < of["string"] and _stringable(out[-1], said, kept, asking):
            link = rng.choice(words.strings_of_the_clinician if asking else words.strings)
            out[-1] = f"{out[-1][:-1]}{link} {lowered(said)}"
            continue
        denied = not asking and _DENIES.match(said) is not None
        if rng.random() < max(of["opener"], 0.7 * denied) and (question if asking else not question and not out):
            said = _opened(said, rng, words, asking)
        out.append(said)
    return " ".join(out)


def _opened(sentence: str, rng: random.Random, words: Speech, asking: bool) -> str:
    """A question of the clinician, or an answer, as one comes to it from what went before."""
    if asking and not _ASKS.match(sentence):
        return sentence
    if asking:
        opener = rng.choice(words.openers_asking)
    elif _DENIES.match(sentence):
        opener = rng.choice(words.openers_of_denials)
    else:
        short = tuple(one for one in words.openers if " " not in one and one not in _JOINING)
        opener = rng.choice(short if len(sentence.split()) < 5 else words.openers)
    # What is no conjunction is set off.
    return f"{_cap(opener)}{'' if opener.split()[-1] in _JOINING else ','} {lowered(sentence)}"


def _stringable(before: str, after: str, kept: Sequence[str], asking: bool) -> bool:
    """Whether two sentences may become one: the first is a statement, and neither holds what must stay whole."""
    if not before.endswith(".") or before.endswith("..") or _holds(before, kept) or _holds(after, kept):
        return False
    if asking:  # "Okay. How long" becomes "Okay, and how long"
        return len(before.split()) <= 4 and after.endswith("?") and _ASKS.match(after) is not None
    return len(before.split()) > 3 and len(after.split()) > 2 and len(before.split()) + len(after.split()) < 40


def _holds(text: str, kept: Sequence[str]) -> bool:
    low = text.lower()
    return any(phrase.lower() in low for phrase in kept if phrase)


def _hesitant(
    sentence: str, rng: random.Random, of: Mapping[str, float], words: Speech, kept: Sequence[str], young: bool
) -> str:
    """Hesitations, little words and repeats, between words that need not stay together."""
    low = sentence.lower()
    spans = [(at, at + len(phrase)) for phrase in kept if phrase and (at := low.find(phrase.lower())) >= 0]
    parts = sentence.split(" ")
    if len(parts) < 5:
        return sentence
    little = [w for w in words.little_words if young or w not in words.of_the_young]
    out, at = [], 0
    for part, after in zip(parts, [*parts[1:], ""], strict=True):
        out.append(part)
        at += len(part) + 1
        # Not behind a comma, not before the last word, not within what must stay whole.
        if len(out) + 2 > len(parts) or not part[-1:].isalpha() or any(low < at < high for low, high in spans):
            continue
        plainly, roll = part.strip("\"'").lower(), rng.random()
        if plainly in words.repeated and roll < 6 * of["repeat"]:
            out[-1] = f"{part}, {lowered(part)}"
        elif plainly != "thank" and roll > 1 - 1.4 * of["hesitation"]:
            out[-1] = f"{part}, {rng.choice(words.hesitations)},"
        elif roll > 1 - 1.4 * of["hesitation"] - 4 * of["little"] and len(out) > 2 and after in words.joints:
            out[-1] = f"{part}, {rng.choice(little)},"
    return " ".join(out)


def _corrected(sentence: str, rng: random.Random, of: Mapping[str, float], kept: Sequence[str]) -> str:
    """A day or a number that is put right as it is said; the right one comes last."""
    if _holds(sentence, kept) or not rng.random() < of["correction"]:
        return sentence
    pattern = rf"\b(?:(?<=on )({'|'.join(_DAYS)})\b|({'|'.join(_NUMBERS)})(?= {_UNITS}))"
    found = re.search(pattern, sentence)
    if not found:
        return sentence
    right = found.group()
    pool = _DAYS if right in _DAYS else tuple(n for n in _NUMBERS if abs(_NUMBERS.index(n) - _NUMBERS.index(right)) < 3)
    wrong = rng.choice([one for one in pool if one != right])
    return f"{sentence[: found.start()]}{wrong}, no, {sentence[found.start() :]}"


def lowered(text: str) -> str:
    """A sentence as it stands behind other words."""
    return text if NAMED.match(text) else text[:1].lower() + text[1:]


def _cap(text: str) -> str:
    return text[:1].upper() + text[1:]
