"""Synonyms from WordNet's own files (Fellbaum 1998; Debian's wordnet-base), for a transcript in other words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_FILES = ("noun", "verb", "adj", "adv")
_SENSES = 2  # the first, which are the most common
_ENDINGS = (("ies", "y", "s"), ("es", "", "s"), ("s", "", "s"), ("ied", "y", "ed"), ("ed", "e", "ed"), ("ed", "", "ed"),
            ("ing", "e", "ing"), ("ing", "", "ing"))  # fmt: skip


@dataclass(frozen=True)
class WordNet:
    """What may be said in a word's place.

    Attributes:
        folder: with ``index.noun``, ``data.noun`` and so on.
    """

    folder: Path

    @cached_property
    def _senses(self) -> Mapping[str, list[str]]:
        """Words of the common senses of each lemma, across parts of speech, most used first."""
        found: dict[str, list[tuple[int, str]]] = {}
        for part in _FILES:
            sets = self._sets(part)
            for line in (self.folder / f"index.{part}").read_text("utf-8").splitlines():
                fields = line.split()
                if line.startswith(" ") or "_" in fields[0]:
                    continue
                tagged = int(fields[5 + int(fields[3])])
                chosen = fields[-int(fields[2]) :][:_SENSES]
                others = [w for at in chosen for w in sets[at] if w != fields[0]]
                found.setdefault(fields[0], []).extend((-tagged, word) for word in others)
        return {lemma: [word for _, word in sorted(words, key=lambda w: w[0])] for lemma, words in found.items()}

    def _sets(self, part: str) -> Mapping[str, list[str]]:
        """Single words of each set of synonyms, by its offset."""
        found = {}
        for line in (self.folder / f"data.{part}").read_text("utf-8").splitlines():
            if not line.startswith(" "):
                fields = line.split()
                words = [fields[4 + 2 * i].split("(")[0].lower() for i in range(int(fields[3], 16))]
                found[fields[0]] = [word for word in words if word.isalpha()]
        return found

    def other(self, word: str) -> str | None:
        """Another word for a lower-case one, with its ending; None where WordNet has none."""
        for ending, instead, back in _ENDINGS:
            if word.endswith(ending) and (found := self._senses.get(word[: -len(ending)] + instead)):
                return _ended(found[0], back)
        return direct[0] if (direct := self._senses.get(word)) else None


def _ended(word: str, ending: str) -> str:
    if ending == "s":
        return word + "s"
    return (word[:-1] if word.endswith("e") else word) + ending
