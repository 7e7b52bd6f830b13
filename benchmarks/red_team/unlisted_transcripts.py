"""Kinds of copies of transcripts of a second adversary: told otherwise, exported badly, mixed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from benchmarks.red_team.kinds import Kind, Material
from benchmarks.red_team.synonyms import WordNet
from synthgen.payloads.dialogue import Dialogue, Speaker, Turn

Copy = Material[Dialogue]
Changed = Callable[[str, np.random.Generator], str]

_SENTENCE = re.compile(r"(?<=[.?!])\s+")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_SHORT = {
    "patient": "pt", "history": "hx", "pain": "px", "medication": "med", "medications": "meds", "without": "w/o",
    "weeks": "wks", "week": "wk", "days": "d", "months": "mo", "years": "yrs", "blood": "bld", "pressure": "press",
    "doctor": "dr", "appointment": "appt", "prescription": "rx", "symptoms": "sx", "treatment": "tx",
}  # fmt: skip
_OTHER_SIDE = {
    "i": "you", "me": "you", "my": "your", "mine": "yours", "i'm": "you're", "i've": "you've", "i'll": "you'll",
    "i'd": "you'd", "myself": "yourself", "you": "i", "your": "my", "yours": "mine", "you're": "i'm", "you've": "i've",
    "you'll": "i'll", "you'd": "i'd", "yourself": "myself", "am": "are",
}  # fmt: skip
_TOLD = {
    "i": "she", "me": "her", "my": "her", "mine": "hers", "i'm": "she was", "i've": "she had", "i'll": "she would",
    "i'd": "she would", "myself": "herself", "you": "he", "your": "his", "you're": "he was", "you've": "he had",
    "am": "was", "is": "was", "are": "was", "have": "had", "has": "had", "do": "did", "will": "would", "can": "could",
    "think": "thought", "feel": "felt", "take": "took", "go": "went", "get": "got", "know": "knew", "want": "wanted",
    "this": "that", "today": "that day", "now": "then", "it's": "it was", "that's": "that was", "don't": "did not",
}  # fmt: skip
_LOOKALIKE = str.maketrans("aeopcxy", "аеорсху")
_MISREAD = (("rn", "m"), ("cl", "d"), ("l", "1"), ("o", "0"), ("e", "c"), ("h", "b"), ("i", "l"), ("s", "5"))


def _each(changed: Changed) -> Callable[[Copy], Dialogue]:
    """Every turn's text changed; a turn that loses all of it is left out."""

    def copied(copy: Copy) -> Dialogue:
        turns = [replace(turn, text=changed(turn.text, copy.rng)) for turn in copy.victim.turns]
        return Dialogue(tuple(turn for turn in turns if turn.text.strip()) or copy.victim.turns[:1])

    return copied


def _words(text: str, said: Callable[[str], str]) -> str:
    return _WORD.sub(lambda match: said(match[0]), text)


def in_other_words(wordnet: WordNet) -> Kind[Dialogue]:
    """Every content word by its first synonym, where WordNet has one."""

    def said(word: str) -> str:
        lower = word.lower()
        other = None if lower in ENGLISH_STOP_WORDS or len(lower) < 3 else wordnet.other(lower)
        return word if other is None else other.capitalize() if word[0].isupper() else other

    return Kind("synonyms for all", _each(lambda text, rng: _words(text, said)), held_out=True)


def _mapped(table: dict[str, str]) -> Callable[[str], str]:
    return lambda text: _words(text, lambda word: table.get(word.lower(), word))


def _reported(copy: Copy) -> Dialogue:
    """The visit as somebody tells it afterwards, in the past and in the third person."""
    told = _mapped(_TOLD)
    turns = []
    for turn in copy.victim.turns:
        opening = "He asked whether" if "?" in turn.text else "He told her that"
        opening = opening if turn.speaker == "clinician" else "She answered that"
        turns.append(Turn("patient", f"{opening} {told(turn.text).replace('?', '.')}"))
    return Dialogue(tuple(turns))


def _notes(text: str, rng: np.random.Generator) -> str:
    """Content words alone, shortened as in notes."""
    kept = [w.lower() for w in re.findall(r"[\w']+", text) if w.lower() not in ENGLISH_STOP_WORDS]
    return "- " + " ".join(_SHORT.get(word, word) for word in kept) if kept else ""


def _roles_swapped(copy: Copy) -> Dialogue:
    """Who asked answers: sides exchanged, and I and you."""
    other = _mapped(_OTHER_SIDE)
    sides: dict[Speaker, Speaker] = {"clinician": "patient", "patient": "clinician", "companion": "clinician"}
    turns = [replace(turn, speaker=sides[turn.speaker], text=other(turn.text)) for turn in copy.victim.turns]
    return Dialogue(tuple(turns))


def _sentences(dialogue: Dialogue) -> list[Turn]:
    return [replace(turn, text=s) for turn in dialogue.turns for s in _SENTENCE.split(turn.text) if s.strip()]


def _interleaved(copy: Copy) -> Dialogue:
    """Sentence by sentence with a stranger's session."""
    pairs = zip_longest(_sentences(copy.victim), _sentences(copy.stranger)[: len(_sentences(copy.victim))])
    return Dialogue(tuple(turn for turn in chain.from_iterable(pairs) if turn is not None))


def _shuffled(copy: Copy) -> Dialogue:
    """All sentences in another order."""
    said = _sentences(copy.victim)
    return Dialogue(tuple(said[i] for i in copy.rng.permutation(len(said))))


def _half_of_words(text: str, rng: np.random.Generator) -> str:
    """Half of the words, and other numbers."""
    kept = " ".join(word for word in text.split() if rng.random() < 0.5)
    return re.sub(r"\d", lambda match: str((int(match[0]) + 3) % 10), kept)


def _neighbours_swapped(text: str, rng: np.random.Generator) -> str:
    """Words in pairs, the second first."""
    said = text.split()
    return " ".join(chain.from_iterable(said[i : i + 2][::-1] for i in range(0, len(said), 2)))


def _openings(text: str, rng: np.random.Generator) -> str:
    """The first six words of every sentence."""
    return " ".join(" ".join(s.split()[:6]) for s in _SENTENCE.split(text))


def _hyphenated(text: str, rng: np.random.Generator) -> str:
    """As a narrow column comes out of a PDF: words longer than five letters cut by a hyphen and a line."""
    return _words(text, lambda w: w if len(w) < 6 else f"{w[: len(w) // 2]}-\n{w[len(w) // 2 :]}")


def _misread(text: str, rng: np.random.Generator) -> str:
    """As a poor scan is read: a letter mistaken in half of the words of three letters and more."""

    def read(word: str) -> str:
        fitting = [pair for pair in _MISREAD if pair[0] in word]
        if len(word) < 3 or not fitting or rng.random() < 0.5:
            return word
        old, new = fitting[rng.integers(len(fitting))]
        return word.replace(old, new, 1)

    return _words(text, read)


def _lookalikes(text: str, rng: np.random.Generator) -> str:
    """With Cyrillic letters where they look alike."""
    return text.translate(_LOOKALIKE)


def _spaced(text: str, rng: np.random.Generator) -> str:
    """No spaces between words, as some exports leave it within a line."""
    return "".join(word.capitalize() for word in text.split())


def _run_together(text: str, rng: np.random.Generator) -> str:
    """The same without capitals."""
    return "".join(text.lower().split())


def _vowels_dropped(text: str, rng: np.random.Generator) -> str:
    """As typed in haste: words of four letters and more without their inner vowels."""
    return _words(text, lambda w: w if len(w) < 4 else w[0] + re.sub("[aeiou]", "", w[1:-1]) + w[-1])


def _told_back(copy: Copy) -> Dialogue:
    """The clinician says back all that the patient told, who only agrees."""
    other = _mapped(_OTHER_SIDE)
    turns: list[Turn] = []
    for turn in copy.victim.turns:
        if turn.speaker == "clinician":
            turns.append(turn)
        else:
            turns += [Turn("clinician", f"So {other(turn.text)}"), Turn("patient", "Yes.")]
    return Dialogue(tuple(turns))


def _notes_shuffled(copy: Copy) -> Dialogue:
    """Notes of content words, in another order."""
    noted = _each(_notes)(copy)
    return Dialogue(tuple(noted.turns[i] for i in copy.rng.permutation(len(noted.turns))))


TRANSCRIPTS: tuple[Kind[Dialogue], ...] = tuple(
    Kind(name, change, held_out=True)
    for name, change in (
        ("reported speech", _reported),
        ("bullet notes", _each(_notes)),
        ("bullet notes, shuffled", _notes_shuffled),
        ("roles swapped", _roles_swapped),
        ("sentence by sentence with a stranger", _interleaved),
        ("sentences shuffled", _shuffled),
        ("half of the words, other numbers", _each(_half_of_words)),
        ("neighbouring words swapped", _each(_neighbours_swapped)),
        ("openings of sentences", _each(_openings)),
        ("hyphenated", _each(_hyphenated)),
        ("misread", _each(_misread)),
        ("Cyrillic letters", _each(_lookalikes)),
        ("no spaces", _each(_spaced)),
        ("no spaces, no capitals", _each(_run_together)),
        ("vowels dropped", _each(_vowels_dropped)),
        ("told back", _told_back),
    )
)


def with_wordnet(folder: Path | None) -> tuple[Kind[Dialogue], ...]:
    """All kinds, with synonyms where WordNet's files are at hand."""
    return TRANSCRIPTS if folder is None else (in_other_words(WordNet(folder)), *TRANSCRIPTS)
