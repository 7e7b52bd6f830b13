"""Where each word of a known text is heard: forced alignment by pocketsphinx with the English model of its wheel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.errors import MissingExtraError
from synthgen.pretrained.recogniser import MARGIN, RATE, listen, pocketsphinx

_FRAME = RATE // 100


@dataclass(frozen=True)
class Aligner:
    """Finds words whose order is known.

    A word that the dictionary lacks, as names and surrogates may be, is looked for by the sounds of the word that is
    spelt most like it.
    """

    decoder: Any
    spelt: tuple[str, ...]

    def __call__(self, samples: NDArray[np.float32], words: Sequence[str], /) -> list[tuple[int, int]] | None:
        """Samples (start, end) of each word, in order; None where they cannot be heard one after the other.

        Args:
            samples: at 16 kHz, full scale at ±1.
            words: as they are said, numbers in words; only their letters count.
        """
        known = [like for word in words if (like := self._known(word))]
        if not known or len(known) < len(words):
            return None
        found = self._heard(samples, known)
        if found is None and len(known) > 1:  # a recording that is cut within its last word
            found = self._heard(samples, known[:-1])
            found = None if found is None else [*found, (found[-1][1], len(samples))]
        return found

    def _heard(self, samples: NDArray[np.float32], known: Sequence[str]) -> list[tuple[int, int]] | None:
        try:
            self.decoder.set_align_text(" ".join(known))
            listen(self.decoder, samples)
        except RuntimeError:  # no path through the words: they are not what is heard
            return None
        found = [
            (max(0, part.start_frame * _FRAME - MARGIN), min(len(samples), (part.end_frame + 1) * _FRAME - MARGIN))
            for part in self.decoder.seg() or ()
            if not part.word.startswith(("<", "[", "+"))
        ]
        return found if len(found) == len(known) else None

    def _known(self, word: str) -> str | None:
        """A word of the dictionary that sounds like this one."""
        plain = "".join(c for c in word.lower() if c.isalpha() or c == "'").strip("'")
        if not plain:
            return None
        return plain if self.decoder.lookup_word(plain) else self._like(plain)

    def _like(self, word: str) -> str | None:
        try:
            from rapidfuzz import fuzz, process
        except ImportError:
            raise MissingExtraError("finding words in sound", "speech") from None
        same = [other for other in self.spelt if other[0] == word[0]]
        found = process.extractOne(word, same, scorer=fuzz.ratio)
        return None if found is None else str(found[0])


@lru_cache(maxsize=1)
def installed_aligner(language: str) -> Aligner | None:
    """The aligner; None where pocketsphinx is not installed, or the language is not English."""
    sphinx = pocketsphinx(language)
    if sphinx is None:
        return None
    lines = Path(sphinx.get_model_path("en-us/cmudict-en-us.dict")).read_text("utf-8").splitlines()
    spelt = tuple(word for line in lines if (word := line.split(" ", 1)[0]).replace("'", "").isalpha())
    # "live", the default, would make an alignment depend on what was heard before.
    return Aligner(sphinx.Decoder(samprate=RATE, loglevel="FATAL", lm=None, cmn="batch"), spelt)
