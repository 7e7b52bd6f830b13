"""Words of a track said anew where they are heard, in the track's own voice; the rest stays to the sample.

A turn's text is read aloud piece by piece, so that it is known which of its spoken words an edit covers; word times
that came with the recording, or a forced alignment, tell where they are. What is said instead takes the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from synthgen.errors import SynthgenError
from synthgen.generators.speech.backends.protocol import Backend
from synthgen.generators.speech.config import RATE
from synthgen.generators.speech.operators import Floats, Own, as_said_by, at_level
from synthgen.generators.speech.spoken import read_aloud
from synthgen.generators.speech.tracks import RoomTone, TrackWriter, blocks, excerpt
from synthgen.generators.speech.voices import Person, VoiceCard, draw_voice
from synthgen.generators.speech.world import at_rate, speech_bounds
from synthgen.payloads.speech import Audio, Segment, Track, Word

Edit = tuple[int, int, str]
"""Start and end in a turn's text, and what is said there instead; nothing: silence."""

_FADE = RATE // 50
_GAP = RATE // 20  # samples beside a word, where nothing is said, that go with it
_AROUND, _FRAME, _QUIETEST = RATE, RATE // 100, 5.0  # samples, samples, percent
_FEMALE_F0 = 160.0  # Hz
_SLOWEST, _FASTEST = 0.6, 2.0


class Aligner(Protocol):
    """Finds known words in sound; see :class:`synthgen.pretrained.aligner.Aligner`."""

    def __call__(self, samples: NDArray[np.float32], words: Sequence[str], /) -> list[tuple[int, int]] | None: ...


@dataclass(frozen=True)
class Place:
    """Samples of a track, and what is said there instead; nothing: silence."""

    start: int
    end: int
    said: str


@dataclass(frozen=True)
class Voice:
    """Who says it.

    Attributes:
        backend: None: what is to be said is silence.
        card: the back-end's voice that is nearest to the speaker's by its pitch.
        own: what the speaker's voice is.
    """

    backend: Backend | None
    card: VoiceCard
    own: Own

    @classmethod
    def like(cls, own: Own, backend: Backend | None, language: str, seed: int) -> Voice:
        card = draw_voice(seed, "patient", language, Person("f" if own.f0 > _FEMALE_F0 else "m"))
        return cls(backend, card, own)


def written(segment: Segment) -> str:
    """The words of a turn as they are written, where that is known: edits are places in them."""
    return segment.text or segment.spoken


def places_of(
    track: Track, segment: Segment, edits: Sequence[Edit], language: str, aligner: Aligner | None
) -> list[Place] | None:
    """Where a turn's edits are heard; None where its words cannot be told apart."""
    words, covered = _read(written(segment), edits, language)
    times = _times(track, segment, words, aligner)
    if times is None:
        return None
    found = []
    for (first, last), (_, _, said) in zip(covered, edits, strict=True):
        if first == last:  # it is heard somehow, and not known where
            return None
        before = times[first - 1][1] if first else segment.start
        after = times[last][0] if last < len(times) else segment.end
        start, end = times[first][0], times[last - 1][1]
        start -= min(_GAP, max(0, start - before) // 2)
        end += min(_GAP, max(0, after - end) // 2)
        found.append(Place(max(segment.start, start), min(segment.end, end), said))
    return found


def _read(text: str, edits: Sequence[Edit], language: str) -> tuple[list[str], list[tuple[int, int]]]:
    """The words of a turn as they are said, and which of them (first, last exclusive) each edit covers."""
    words: list[str] = []
    covered: list[tuple[int, int]] = []
    at = 0
    for start, end, _ in edits:
        words += _spoken(text[at:start], language)
        first = len(words)
        words += _spoken(text[start:end], language)
        covered.append((first, len(words)))
        at = end
    return [*words, *_spoken(text[at:], language)], covered


def _spoken(text: str, language: str) -> list[str]:
    return [
        part for word in read_aloud(text, language).split() for part in word.split("-") if any(map(str.isalpha, part))
    ]


def _times(
    track: Track, segment: Segment, words: Sequence[str], aligner: Aligner | None
) -> list[tuple[int, int]] | None:
    """Samples of each word in the track."""
    if known := _given(segment.words, words):
        return known
    if aligner is None:
        return None
    sound = excerpt(track.audio, segment.start, segment.end).astype(np.float32) / 32768
    heard = aligner(np.asarray(sound, dtype=np.float32), words)
    return None if heard is None else [(segment.start + start, segment.start + end) for start, end in heard]


def _given(known: Sequence[Word], words: Sequence[str]) -> list[tuple[int, int]]:
    """Times that came with the recording, whatever they were divided into; none where they are of other words."""
    theirs, ours = ([_letters(word) for word in side] for side in ((w.text for w in known), words))
    if not known or "".join(theirs) != "".join(ours):
        return []
    ends = np.cumsum([0, *map(len, theirs)])
    edges = [known[0].start, *(word.end for word in known)]
    places = np.interp(np.cumsum([0, *map(len, ours)]), ends, edges).astype(int).tolist()
    begins = {int(end): word.start for end, word in zip(ends, known, strict=False)}
    starts = [begins.get(at, place) for at, place in zip(np.cumsum([0, *map(len, ours)]).tolist(), places, strict=True)]
    return list(zip(starts[:-1], places[1:], strict=True))


def _letters(word: str) -> str:
    return "".join(filter(str.isalnum, word.lower()))


def respoken(track: Track, places: Sequence[Place], voice: Voice, language: str, scratch: Path) -> Audio:
    """The track with every place said anew, a file in ``scratch`` of the same length.

    Places that overlap become one, which is silent. All samples outside them are those of the track; within, the first
    and last 20 ms are cross-faded.

    Raises:
        UserError: the disk is full, or the back-end cannot speak.
    """
    with TrackWriter(scratch) as writer:
        for place in _apart(places):
            _copied(writer, track.audio, place.start)
            was = excerpt(track.audio, place.start, place.end).astype(np.float64) / 32768
            now = _said(place, was, voice, language) + _room(track.audio, place)
            writer.write(_faded(was, now).astype(np.float32))
        _copied(writer, track.audio, track.audio.frames)
        return writer.finish()


def _apart(places: Sequence[Place]) -> list[Place]:
    found: list[Place] = []
    for place in sorted(places, key=lambda one: (one.start, one.end)):
        if place.end <= place.start:
            continue
        if found and place.start < found[-1].end:
            found[-1] = Place(found[-1].start, max(found[-1].end, place.end), "")
        else:
            found.append(place)
    return found


def _copied(writer: TrackWriter, audio: Audio, end: int) -> None:
    for block in blocks(audio, writer.position, end):
        writer.write(np.asarray(block.astype(np.float32) / 32768, dtype=np.float32))


def _said(place: Place, was: Floats, voice: Voice, language: str) -> Floats:
    """What is heard instead, at the level of what was."""
    said = read_aloud(place.said, language) if place.said else ""
    if voice.backend is None or not any(map(str.isalnum, said)):
        return np.zeros(len(was))
    natural = _spoken_by(voice.backend, said, voice.card, 1.0)
    if natural is not None and voice.backend.capabilities.rate:
        rate = float(np.clip(len(natural) / len(was), _SLOWEST, _FASTEST))
        natural = _spoken_by(voice.backend, said, voice.card, rate)
    if natural is None:
        return np.zeros(len(was))
    return at_level(as_said_by(natural, voice.own, len(was)), was)


def _spoken_by(backend: Backend, said: str, card: VoiceCard, rate: float) -> Floats | None:
    spoken = backend(said, card, "neutral", 1.0, card.seed, rate / card.rate)
    sound = at_rate(spoken.samples, spoken.rate)
    try:
        first, last = speech_bounds(sound)
    except SynthgenError:  # it is silent
        return None
    return sound[first:last]


def _room(audio: Audio, place: Place) -> Floats:
    """Noise as loud as the quietest frames of the seconds about the place, so that no hole is heard there."""
    around = excerpt(audio, max(0, place.start - _AROUND), min(audio.frames, place.end + _AROUND)) / 32768
    framed = around[: len(around) // _FRAME * _FRAME].reshape(-1, _FRAME)
    floor = float(np.percentile(np.sqrt(np.mean(framed**2, axis=1)), _QUIETEST)) if len(framed) else 0.0
    if floor <= 0:
        return np.zeros(place.end - place.start)
    tone = RoomTone(20 * float(np.log10(floor)), place.start)
    return tone(place.end - place.start).astype(np.float64)


def _faded(was: Floats, now: Floats) -> Floats:
    size = min(_FADE, len(was) // 4)
    share = np.ones(len(was))
    if size:
        share[:size] = np.linspace(0, 1, size)
        share[-size:] = np.linspace(1, 0, size)
    return np.asarray(was * (1 - share) + now * share)


def edited(segment: Segment, edits: Sequence[Edit]) -> Segment:
    """The turn with what is said instead in its text; times of words and what was read aloud go."""
    was, text, at = written(segment), "", 0
    for start, end, said in edits:
        text += was[at:start] + said
        at = end
    return replace(segment, text=" ".join((text + was[at:]).split()), spoken="", words=())
