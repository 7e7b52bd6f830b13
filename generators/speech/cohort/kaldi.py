"""A data directory of Kaldi: ``wav.scp``, ``utt2spk``, and perhaps ``segments`` and ``text``.

A command in wav.scp ("sph2pipe … |") is never run: the sound file that it names is taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import counted, in_order, licence_of
from synthgen.generators.speech.cohort import listing
from synthgen.generators.speech.cohort.described import LONGER, OVERHANG, header_of_sound
from synthgen.generators.speech.cohort.finding import Finder
from synthgen.generators.speech.cohort.listing import Entry, Listing
from synthgen.generators.speech.cohort.turns import text_of
from synthgen.generators.speech.cohort_config import CohortConfig

Spans = tuple[tuple[float, float], ...]
_TO_THE_END: Final = -1.0
LOOKED_FOR: Final = "wav.scp and utt2spk, as Kaldi has them"


def recognises(data: Path) -> bool:
    return (data / "wav.scp").is_file() and (data / "utt2spk").is_file()


def read(data: Path, config: CohortConfig) -> Listing:
    """Lists the utterances. Raises UserError for a line that is none, or that names what the others do not."""
    if not recognises(data):
        raise UserError(f"the kaldi layout needs {LOOKED_FOR}, in {data}")
    finder = Finder(data, listing.sound_files(data))
    sounds = {name: _sound(finder, data, command) for name, command in _lines(data / "wav.scp").items()}
    speakers, texts = _lines(data / "utt2spk"), _lines(data / "text")
    unended: Counter[str] = Counter()
    segments = {name: _segment(name, told) for name, told in _lines(data / "segments").items()}
    sides = {name: _side(told) for name, told in _lines(data / "reco2file_and_channel").items()}
    entries = []
    for utterance, speaker in speakers.items():
        recording, spans = segments.get(utterance, (utterance, ()))
        recording, channel = sides.get(recording, (recording, None)) if recording not in sounds else (recording, None)
        if recording not in sounds:
            raise UserError(
                f"utt2spk names {utterance}, which is in neither wav.scp nor segments: delete its line, or add it there"
            )
        stretch = _ended(utterance, spans, sounds[recording], config)
        if stretch is None:
            unended["segment beyond the end of its recording"] += 1
            continue
        entries.append(
            Entry(
                speaker=speaker,
                record=utterance,
                file=sounds[recording],
                where="utt2spk",
                transcript=texts.get(utterance, ""),
                spans=stretch,
                channel=channel,
            )
        )
    unknown = Counter({"utterance without a speaker in utt2spk": len({*(segments or sounds)} - {*speakers})})
    return Listing("kaldi", licence_of(data), in_order(entries), counted(+(unknown + unended)), finder.notices())


def _lines(path: Path) -> Mapping[str, str]:
    """The first word of each line, and the rest."""
    if not path.is_file():
        return {}
    split = (line.strip().split(None, 1) for line in text_of(path).splitlines() if line.strip())
    return {parts[0]: parts[1] if len(parts) > 1 else "" for parts in split}


def _sound(finder: Finder, data: Path, command: str) -> Path:
    words = [command] if not command.endswith("|") else command.rstrip("|").split()
    for word in reversed(words):
        found = finder.find(word, data)
        if found is not None:
            return found
    return data / Path(words[-1] if words else "nothing").name


def _side(told: str) -> tuple[str, int | None]:
    """The file of a recording that is one side of a call, and its channel."""
    file, _, side = told.partition(" ")
    return file, {"A": 0, "1": 0, "B": 1, "2": 1}.get(side.strip().upper())


def _segment(name: str, told: str) -> tuple[str, Spans]:
    parts = told.split()
    try:
        start, end = float(parts[1]), float(parts[2])
        if start < 0 or not (end > start or end == _TO_THE_END):
            raise ValueError
    except (IndexError, ValueError):
        raise UserError(f"segments, {name}: needs utterance recording start end, in seconds") from None
    return parts[0], ((start, end),)


def _ended(utterance: str, spans: Spans, sound: Path, config: CohortConfig) -> Spans | None:
    """The times with the recording's end in the place of -1; None, where that is wanted, for what lies beyond it.

    Raises:
        UserError: a segment ends beyond its recording.
    """
    if not spans:
        return spans
    (start, end), told = spans[0], header_of_sound(sound)
    if told is None or told.frames < 0:
        return ((start, end if end > start else max(start, 60 * config.longest_minutes)),)
    last = told.seconds if end == _TO_THE_END else end
    if start < told.seconds and last <= told.seconds * LONGER + OVERHANG:
        return ((start, min(last, told.seconds)),)
    if config.damaged == "skip":
        return None
    raise UserError(
        f"segments, {utterance}: lies at {start:g} to {last:g} s in a recording of {told.seconds:g} s: the sound is "
        "cut off, or the times are of another recording or not in seconds; mend or delete its line, or set "
        "modality.cohort.damaged=skip"
    )
