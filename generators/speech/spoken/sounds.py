"""What a transcript holds that is not said in words: remarks, sounds, emoji, stutter. They are never read out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection
from functools import cache

from synthgen.wordlists import WordLists, WordSet, word_lists

PAUSE = "…"
"""Stands by itself in what is said, for a pause."""

_ENCLOSED = re.compile(r"\[([^\[\]]{0,200})\](?!\()|\{([^{}]{0,200})\}|\(\(([^()]{0,200})\)\)")
_TAG = re.compile(r"<(/?)([A-Za-z][^<>]{0,200}?)(/?)>")
_MARKUP = re.compile(
    r"(?:speak|break|emphasis|prosody|voice|say-as|p|br|b|i|u|em|strong|span|div|v|c|unk|s)(?:\s.*)?", re.DOTALL
)
_ROUND = re.compile(r"\(([^()]{1,80})\)")
_STARRED = re.compile(r"(?<![\w*])\*{1,3}(?=\S)([^*\n]{1,120}?)(?<=\S)\*{1,3}(?![\w*])")
_CHAT = re.compile(r"&[=~+-]\w+(?::\w+)*")
_LINK = re.compile(r"\[([^\[\]]{1,200})\]\([^()\s]{1,400}\)")
_TIMED = re.compile(r"(?:\.{1,3}|-{1,3}|\d{1,2}(?:[.,]\d{1,2})?\s*(?:s|sec|sek)?\.?)")
_UNDERSCORED = re.compile(r"(?<![\w_])_{1,2}(?=\S)([^_\n]{1,120}?)(?<=\S)_{1,2}(?![\w_])")
_EMOTICON = re.compile(r"(?<![\w:;=])(?:[:;=][-'^o]?[)(\[\]DPpOo/\\|*3]+|<3+(?!\s*[\w%.,])|\^_+\^|:'\(|[)(]:)(?!\w)")
_SHORTCODE = re.compile(r"(?<!\w):[a-z][a-z0-9_+-]{1,40}:(?!\w)")


class Remarks(WordLists):
    """``sounds.yaml``."""

    sounds: WordSet
    beside: WordSet
    actions: WordSet


@cache
def _known() -> Remarks:
    return word_lists(__package__, "sounds", Remarks)


def without_remarks(text: str) -> str:
    """The text with a pause for every remark, sound and emoji; emphasis and links keep their words."""
    return _replaced(text, lambda _: f" {PAUSE} ")


def remarks(text: str) -> int:
    """How many remarks, sounds and emoji of the text become pauses."""
    found: list[str] = []

    def noted(what: str) -> str:
        found.append(what)
        return " "

    _replaced(without_links(text), noted)
    return len(found)


def without_links(text: str) -> str:
    """Links of Markdown as their words."""
    return _LINK.sub(r"\1", text)


def _replaced(text: str, by: Callable[[str], str]) -> str:
    text = _ENCLOSED.sub(lambda match: by(match.group()), text)
    text = _TAG.sub(lambda match: by(match.group()) if _is_tag(match) else match.group(), text)
    text = _CHAT.sub(lambda match: by(match.group()), text)
    text = _ROUND.sub(lambda match: by(match.group()) if is_sound(match.group(1)) else match.group(), text)
    text = _STARRED.sub(lambda match: by(match.group()) if is_sound(match.group(1), True) else match.group(1), text)
    text = _UNDERSCORED.sub(r"\1", text)
    text = _EMOTICON.sub(lambda match: by(match.group()), text)
    text = _SHORTCODE.sub(lambda match: by(match.group()), text)
    return re.sub(rf"{_PICTURE}+", lambda match: by(match.group()), text)


_PICTURE = (
    "[\u2600-\u27bf\u2b00-\u2bff\ufe00-\ufe0f\u20e3\u200d"
    "\U0001f000-\U0001faff\U0001fb00-\U0001fbff\U000e0000-\U000e007f]"
)


def _is_tag(match: re.Match[str]) -> bool:
    """Of a markup language, or a sound: the words in ``<left>`` are said."""
    closing, inside, closed = match.groups()
    marked = bool(closing or closed) or any(sign in inside for sign in "=:")
    return marked or _MARKUP.fullmatch(inside.lower()) is not None or is_sound(inside)


def is_sound(remark: str, starred: bool = False) -> bool:
    """Whether a remark in round brackets (or asterisks) is a sound, an action or a pause, and no words."""
    if _TIMED.fullmatch(remark.strip()):
        return True
    known, words = _known(), re.findall(r"[^\W\d_]+|\d+", remark.lower())
    if not words:
        return False
    if starred and words[0] in known.actions and len(words) > 1:
        return True
    return any(word in known.sounds for word in words) and all(_in_remark(word, known) for word in words)


def _in_remark(word: str, known: Remarks) -> bool:
    return word in known.sounds or word in known.beside or word.isdigit() or word.endswith("ly")


# --- Stutter ---------------------------------------------------------------------------------------------------------

_STUTTER = re.compile(r"(?<![\w-])((?:([^\W\d_]{1,4})[-‑–—]\s?)+)([^\W\d_]+(?:['’][^\W\d_]+)?)(?![\w-])")
_VOWELS = frozenset("aeiouyäöü")


def unstuttered(text: str, words: Collection[str]) -> str:
    """``"I-I-I"`` as "I, I, I", and ``"b-b-but"`` as "bu, bu, but": every piece can be said.

    Args:
        words: in lower case, that look like it and are no stutter, such as ``"t-test"``.
    """
    return _STUTTER.sub(lambda match: _pieces(match, words), text)


def _pieces(match: re.Match[str], words: Collection[str]) -> str:
    *pieces, word = [part for part in re.split(r"[-‑–—]\s?", match.group()) if part]
    bare = _bare(word)
    alike = all(bare.startswith(_bare(piece)) for piece in pieces)
    whole = all(_bare(piece) == bare for piece in pieces)
    alike = alike and len({_bare(piece) for piece in pieces}) == 1
    partial = all(len(piece) == 1 or not _has_vowel(piece) for piece in pieces) or len(pieces) > 1
    if match.group().lower() in words or not alike or not (whole or partial):
        return match.group()
    return ", ".join([*(piece if whole else _sayable(piece, word) for piece in pieces), word])


def _sayable(piece: str, word: str) -> str:
    """The beginning of the word up to its first vowel, where the piece has none."""
    if _has_vowel(piece):
        return piece
    end = next((place for place, letter in enumerate(_bare(word)) if letter in _VOWELS and place), len(piece) - 1)
    return piece[:1] + word[1 : end + 1].lower()


def _has_vowel(text: str) -> bool:
    return any(letter in _VOWELS for letter in _bare(text))


def _bare(text: str) -> str:
    return unicodedata.normalize("NFC", text).lower()
