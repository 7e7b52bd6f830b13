"""Praat's TextGrid, long and short, with an interval tier for each speaker."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

from synthgen.generators.dialogue.cohort.cues import Cue
from synthgen.generators.dialogue.cohort.raw import Reading
from synthgen.generators.dialogue.cohort.text import DamagedError, clean, whole

# What stands free in a TextGrid: strings (with "" for a quote), numbers and flags; all else is decoration.
_ALIGNED: Final = re.compile(r"(?P<speaker>.*?)\s*[-_]\s*(?P<what>words?|phones?|phonemes?|syllables?)", re.IGNORECASE)
_SILENCES: Final = frozenset({"sil", "sp", "spn", "<sil>", "<eps>", "<p:>", "<p>", "<usb>", "#"})
"""How aligners (MFA, Kaldi, MAUS) label an interval in which nobody speaks."""
_TOKEN: Final = re.compile(r'"((?:[^"]|"")*)"|(?<![\w\[.])(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w\]])|(<\w+>)')


def textgrid(path: Path, reading: Reading) -> list[Cue]:
    """The intervals with text of every interval tier of a TextGrid, by the tier's name, in the order of time.

    Raises:
        DamagedError: it is no TextGrid, or ends early.
    """
    tokens = [match.groups() for match in _TOKEN.finditer(whole(path, reading.progress))]
    strings = [string for string, _, _ in tokens[:2]]
    if strings != ["ooTextFile", "TextGrid"]:
        raise DamagedError(f"{path.name} is no TextGrid in Praat's text format")
    damaged = DamagedError(f"{path.name} is a damaged TextGrid: save it again as a text file in Praat")
    at = 2

    def number() -> float:
        nonlocal at
        value = tokens[at][1]
        at += 1
        if value is None:
            raise damaged
        return float(value)

    def string() -> str:
        nonlocal at
        value = tokens[at][0]
        at += 1
        if value is None:
            raise damaged
        return value.replace('""', '"')

    cues: list[Cue] = []
    try:
        number(), number()  # the whole's times
        if tokens[at][2] is not None:  # <exists>
            at += 1
        for _ in range(int(number())):
            kind, name = string(), string()
            number(), number()
            for entry in range(1, int(number()) + 1):
                if kind == "IntervalTier":
                    start, _ = number(), number()
                    said = clean(string())
                    if said and said.lower() not in _SILENCES:
                        cues.append(Cue(start, name, said, f"{path.name}, interval {entry}"))
                else:  # points mark moments; nobody speaks in them
                    number(), string()
    except (IndexError, ValueError, OverflowError):  # an infinite count is none
        raise damaged from None
    return sorted(_without_alignment(cues), key=lambda cue: cue.start)


def _without_alignment(cues: list[Cue]) -> list[Cue]:
    """Without tiers of sounds, and without those of words whose speaker has a tier of sentences, as MFA writes them."""
    names = {cue.role for cue in cues}
    kept = []
    for cue in cues:
        aligned = _ALIGNED.fullmatch(cue.role)
        if aligned is None:
            kept.append(cue)
        elif aligned["what"].lower().startswith("word") and aligned["speaker"] not in names:
            kept.append(replace(cue, role=aligned["speaker"]))
    return kept
