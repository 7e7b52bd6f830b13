"""What is said, made ready to be spoken: cleaned, checked for its script, and divided into phrases or sentences."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from synthgen.errors import UserError
from synthgen.generators.speech.spoken.sounds import PAUSE

Boundary = Literal["comma", "sentence"]

LONGEST_WORDS = 30
"""Longest unit, words: longer ones are divided wherever a word ends, so that memory stays bounded."""
_LONGEST_LETTERS = 400

_END = re.compile(r"""(?<=[.!?…。！？])["'”’)\]]*\s+|(?<=[。！？])""")
_CLAUSE = re.compile(r"(?<=[,;:،，、；])\s+|\s+[–—-]+\s+|(?<=—)(?=\w)")
_ABBREVIATION = re.compile(r"(?:^|\s)(?:dr|mr|mrs|ms|prof|st|vs|etc|e\.g|i\.e|approx|no|[a-z])\.$", re.IGNORECASE)
_PAUSED = re.compile(rf"(?:(?<=\s)|^){PAUSE}(?=[\s,.;:!?]|$)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+")

_SCRIPTS = {
    "CYRILLIC": ("ru", "uk", "bg", "be", "mk", "sr", "kk", "ky", "tt", "ba", "cv"),
    "GREEK": ("el", "grc"),
    "ARABIC": ("ar", "fa", "ur", "ug", "sd"),
    "HEBREW": ("he",),
    "DEVANAGARI": ("hi", "mr", "ne", "kok"),
    "CJK": ("zh", "cmn", "yue", "ja", "hak"),
    "HIRAGANA": ("ja",),
    "KATAKANA": ("ja",),
    "HANGUL": ("ko",),
}
_NOT_LATIN = {language for languages in _SCRIPTS.values() for language in languages}


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of a turn that is spoken in one go, and what kind of boundary follows it."""

    text: str
    boundary: Boundary


def clean(text: str) -> str:
    """NFC, without control and direction characters, white space collapsed. Nothing else is taken for markup.

    Letters of ornamental founts and the digits of other scripts become plain ones, which every back-end knows.
    """
    return " ".join(_CONTROL.sub(" ", plain(text)).split())


def plain(text: str) -> str:
    """NFC, with plain letters and digits; white space and control characters stay."""
    return "".join(_plain(character) for character in unicodedata.normalize("NFC", text))


def _plain(character: str) -> str:
    if character.isascii():
        return character
    if unicodedata.decomposition(character).startswith("<font>"):
        character = unicodedata.normalize("NFKC", character)
    return str(unicodedata.decimal(character)) if character.isdecimal() else character


def is_speakable(text: str) -> bool:
    """True when there is a letter or a digit to be spoken."""
    return any(character.isalnum() for character in text)


def script_of(language: str) -> str:
    """The script that a language (BCP-47) is written in, by its Unicode name; ``"LATIN"`` where none is known."""
    own = language.split("-")[0].lower()
    if own == "ja":
        return "HIRAGANA"
    return next((script for script, languages in _SCRIPTS.items() if own in languages), "LATIN")


def check_script(text: str, language: str) -> None:
    """Refuses a text that is mostly in another script than its language is written in.

    Raises:
        UserError: without the text.
    """
    own = language.split("-")[0].lower()
    scripts = Counter(unicodedata.name(c, "?").split()[0] for c in text if c.isalpha())
    if not scripts:
        return
    foreign = 0
    for script, count in scripts.items():
        if script in _SCRIPTS:
            foreign += count * (own not in _SCRIPTS[script])
        elif script == "LATIN":
            foreign += count * (own in _NOT_LATIN)
    if 2 * foreign > sum(scripts.values()):
        script = max(scripts, key=lambda name: scripts[name]).title()
        raise UserError(
            f"a turn is written in {script} script and the voices speak {language!r}: set language to match"
        )


def divide(text: str, unit: Literal["phrase", "sentence"]) -> tuple[Unit, ...]:
    """Divides a cleaned text into units in order; what has nothing to speak joins the unit before it.

    A pause sign that stands by itself ends a unit like a sentence, and is in none.
    Every word of the text is in exactly one unit, and no unit has more than :data:`LONGEST_WORDS` words.
    """
    found: list[Unit] = []
    for sentence in (sentence for part in _PAUSED.split(text) for sentence in _sentences(part)):
        clauses = [part for part in _CLAUSE.split(sentence) if part] if unit == "phrase" else [sentence]
        pieces = [piece for clause in _joined(clauses) for piece in _short(clause)]
        for index, piece in enumerate(pieces):
            boundary: Boundary = "sentence" if index == len(pieces) - 1 else "comma"
            if is_speakable(piece):
                found.append(Unit(piece, boundary))
            elif found:
                found[-1] = Unit(f"{found[-1].text} {piece}", boundary)
    return tuple(found)


def _sentences(text: str) -> list[str]:
    sentences: list[str] = []
    start = 0
    for match in _END.finditer(text):
        before = text[start : match.start()]
        if _ABBREVIATION.search(before) or text[match.end() : match.end() + 1].islower():
            continue
        sentences.append(text[start : match.end()].strip())
        start = match.end()
    return [sentence for sentence in (*sentences, text[start:].strip()) if sentence]


def _joined(clauses: list[str]) -> list[str]:
    """Clauses of which none but the last is a single short word, as the items of a list are."""
    joined: list[str] = []
    for clause in clauses:
        if joined and len(joined[-1].split()) == 1 and len(clause.split()) == 1:
            joined[-1] += f" {clause}"
        else:
            joined.append(clause)
    return joined


def _short(clause: str) -> list[str]:
    words = [word[i : i + _LONGEST_LETTERS] for word in clause.split() for i in range(0, len(word), _LONGEST_LETTERS)]
    pieces: list[list[str]] = [[]]
    for word in words:
        if len(pieces[-1]) == LONGEST_WORDS or sum(map(len, pieces[-1])) + len(word) > _LONGEST_LETTERS:
            pieces.append([])
        pieces[-1].append(word)
    return [" ".join(piece) for piece in pieces if piece]
