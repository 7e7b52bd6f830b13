"""An answer as it is taken: what a model puts around the words that are said is taken off before the words are judged.

A repair only takes away: marks, labels, stage directions, what comes behind the own utterance. It never puts in a word.
"""

from __future__ import annotations

import re
from functools import cache

from synthgen.generators.dialogue.realisers.protocol import Response
from synthgen.payloads.dialogue import Speaker
from synthgen.wordlists import PhraseSet, WordLists, WordSet, word_lists


class UtteranceWords(WordLists):
    """``utterances.yaml``."""

    directions: WordSet
    emphatic: WordSet
    signs: WordSet
    about_the_task: PhraseSet
    letters: PhraseSet
    only_patient: PhraseSet
    only_clinician: PhraseSet


@cache
def utterance_words() -> UtteranceWords:
    """``utterances.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(__package__, "utterances", UtteranceWords)


_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"'})
_NAMES: dict[Speaker, str] = {
    "clinician": r"therapist|counsell?or|clinician|doctor|physician|nurse|psychologist|psychiatrist|dr\.?|assistant",
    "patient": r"client|patient",
}
_LABEL = (
    r"(?:\*\*|__)?(?:the\s+)?(?:{names})(?:'s)?(?:\s+(?:answer|response|reply|utterance|\d))?(?:\*\*|__)?\s*"
    r"(?:\([^)\n]*\)\s*)?:(?:\*\*|__)?\s*"
)
_SIDES = {side: re.compile(rf"^\W*{_LABEL.format(names=names)}", re.IGNORECASE) for side, names in _NAMES.items()}
_ANY = re.compile(
    rf"(?:^|\n|(?<=[.!?\"'*] ))\W{{0,3}}{_LABEL.format(names='|'.join((*_NAMES.values(), 'user', 'system')))}",
    re.IGNORECASE,
)
_MARKED = re.compile(r"\*\*?([^*\n]+?)\*\*?|\[([^\]\n]*)\]|\(([^)\n]*)\)|(?<!\w)_([^_\n]+)_(?!\w)")
_PLACEHOLDER = re.compile(
    r"name|date|time|number|insert|your|location|place|city|address|age|occupation|day|month|\.\.\.|"
    r"^(?:client|patient|doctor|therapist|clinician)$",
    re.IGNORECASE,
)
_END = re.compile(r"""[.!?…]["')]*(?=\s|$)""")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_TURN_END = re.compile(r"<\|[^>\n]*\|>|</?s>|\[/?INST\]|<(?:start|end)_of_turn>|\n\s*(?:---+|===+|###)")


def repaired(response: Response, speaker: Speaker, most_words: int) -> str:
    """What is said in an answer: the words alone, cut where the own utterance ends, at most ``most_words`` of them.

    Taken off: a reasoning model's thoughts, chat markup and all behind it, the label of the own side, all from the
    label of any other, stage directions; the marks around words that are said; what is left of a sentence that was not
    finished, and sentences beyond ``most_words``, where a whole one stays.
    """
    text = re.sub(r"(?s)^.*</think>", "", response.text.translate(_QUOTES)).strip()
    text = _TURN_END.split(text.lstrip(), maxsplit=1)[0] if not _TURN_END.match(text) else text
    text = _SIDES[speaker].sub("", text, count=1) if _SIDES[speaker].match(text) else text
    later = _ANY.search(text)
    if later and later.start() > 0 and _WORD.search(text[: later.start()]):
        text = text[: later.start()].rstrip(" \n\"'*-")
    text = _unquoted(_MARKED.sub(_said, text).strip())
    if response.finish == "length" or len(_WORD.findall(text)) > most_words:
        text = _whole_sentences(text, most_words)
    return spoken(text)


def spoken(text: str) -> str:
    """A text with straight quotation marks and single spaces, without quotation marks around it."""
    text = _unquoted(re.sub(r"(?s)^.*</think>", "", text.translate(_QUOTES)).strip())
    if re.search(r"^\s*(?:[-•]|\d+[.)])\s", text, re.MULTILINE):  # a list is seen by its lines
        return re.sub(r"[ \t]+", " ", text).strip()
    return re.sub(r"\s+", " ", text).strip()


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"' and '"' not in text[1:-1]:
        return text[1:-1].strip()
    return text.lstrip('"').lstrip() if text.count('"') == 1 and text.startswith('"') else text


def _said(match: re.Match[str]) -> str:
    """What stays of a marked passage: nothing of a stage direction, the words of anything else. A placeholder stays as
    it is, to be seen."""
    emphasised, square, round_, underlined = match.groups()
    inside = next(part for part in (emphasised, square, round_, underlined) if part is not None)
    words = _WORD.findall(inside.casefold())
    if square is not None and (_PLACEHOLDER.search(inside) or not words or inside.lstrip("/").isupper()):
        return match.group()
    if not words or (words[0] in utterance_words().directions and len(words) <= 12 and ":" not in inside):
        return ""
    return inside


def _whole_sentences(text: str, most_words: int) -> str:
    """The longest beginning of whole sentences with at most ``most_words``; the text where that would hold no word."""
    best = ""
    for end in _END.finditer(text):
        part = text[: end.end()]
        if len(_WORD.findall(part)) > most_words:
            break
        best = part
    return best if _WORD.search(best) else text
