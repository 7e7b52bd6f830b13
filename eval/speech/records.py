"""Speech as the evaluation takes it: parts, each one speaker in one recording, and whose voice it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from synthgen.errors import MissingExtraError
from synthgen.estimates import drawn
from synthgen.payloads.speech import Recording, Role, Segment, SpeechReal, SpeechSynthetic, Track

RATE = 16_000
"""Samples a second at which everything is measured."""

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class SpeakerTrack:
    """One speaker in one recording.

    Attributes:
        patient: the unit that is resampled: the real patient, or the synthetic case.
        voice: who speaks: a real patient, or a case's patient, clinician or companion.
        recording: number of the recording within its set; both sides of a session have the same.
        emotion: of a clip with one label; empty where turns have each their own.
    """

    patient: str
    voice: str
    recording: int
    severity: str
    track: Track

    @property
    def role(self) -> Role:
        return self.track.role


@dataclass(frozen=True)
class Turn:
    """One turn of a part."""

    part: SpeakerTrack
    segment: Segment


@dataclass(frozen=True)
class Voices:
    """A set of recordings by their speakers."""

    parts: tuple[SpeakerTrack, ...]
    recordings: tuple[tuple[str, Recording], ...]
    """Each with its patient, by number."""

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def patients(self) -> tuple[str, ...]:
        return tuple(part.patient for part in self.parts)

    @property
    def voices(self) -> tuple[str, ...]:
        return tuple(part.voice for part in self.parts)

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        return tuple(Turn(part, segment) for part in self.parts for segment in part.track.segments)

    def take(self, rows: Sequence[int] | NDArray[np.intp]) -> Voices:
        """Some parts; the recordings stay."""
        return Voices(tuple(self.parts[i] for i in rows), self.recordings)

    @staticmethod
    def real(records: Sequence[SpeechReal], limit: int, seed: int) -> Voices:
        """At most ``limit`` records, drawn at random."""
        kept = [records[i] for i in drawn(len(records), limit, seed)]
        return _voices([(r.patient, r.condition.severity, list(r.payload.recordings)) for r in kept], one_voice=True)

    @staticmethod
    def synthetic(samples: Sequence[SpeechSynthetic], limit: int, seed: int) -> Voices:
        """The same of a release: each sample is a case, and each role in it a voice."""
        kept = [samples[i] for i in drawn(len(samples), limit, seed)]
        return _voices(
            [(str(i), s.condition.severity, list(s.payload.recordings)) for i, s in enumerate(kept)], one_voice=False
        )


def _voices(found: Sequence[tuple[str, str, Sequence[Recording]]], *, one_voice: bool) -> Voices:
    parts: list[SpeakerTrack] = []
    recordings: list[tuple[str, Recording]] = []
    for patient, severity, own in found:
        for recording in own:
            for track in recording.tracks:
                if not track.segments:
                    continue
                voice = patient if one_voice else f"{patient}/{track.role}"
                parts.append(SpeakerTrack(patient, voice, len(recordings), severity, track))
            recordings.append((patient, recording))
    return Voices(tuple(parts), tuple(recordings))


def some_turns(voices: Voices, most: int, seed: int) -> tuple[Turn, ...]:
    """At most ``most`` turns, at random, as evenly over the voices and, within a voice, over emotions as can be."""
    rng = np.random.default_rng(seed)
    by_voice: dict[str, dict[str, list[Turn]]] = defaultdict(lambda: defaultdict(list))
    for i in rng.permutation(len(voices.turns)):
        turn = voices.turns[i]
        by_voice[turn.part.voice][turn.segment.emotion].append(turn)
    queues = [_interleaved(list(emotions.values())) for _, emotions in sorted(by_voice.items())]
    return tuple(_interleaved(queues)[:most])


def _interleaved(queues: Sequence[Sequence[Turn]]) -> list[Turn]:
    longest = max(map(len, queues), default=0)
    return [queue[i] for i in range(longest) for queue in queues if i < len(queue)]


def sound_of(track: Track, segment: Segment, most_seconds: float) -> Sound:
    """What is said in a turn at :data:`RATE`; of a longer one the middle. Nothing else of the file is read."""
    start, end = max(0, segment.start), min(segment.end, track.audio.frames)
    longest = int(most_seconds * track.audio.rate)
    if end - start > longest:
        start += (end - start - longest) // 2
        end = start + longest
    return read(track, start, end)


def read(track: Track, start: int, end: int) -> Sound:
    """Samples ``start`` to ``end`` of a track, in its own samples, as float32 at :data:`RATE`.

    Raises:
        MissingExtraError: soundfile or soxr is not installed.
    """
    try:
        import soundfile
        import soxr
    except ImportError:
        raise MissingExtraError("reading sound", "speech") from None
    with soundfile.SoundFile(str(track.audio.path)) as file:
        file.seek(start)
        samples = file.read(max(0, end - start), dtype="float32", always_2d=True).mean(axis=1)
    if track.audio.rate != RATE:
        samples = soxr.resample(samples, track.audio.rate, RATE)
    return np.asarray(np.nan_to_num(samples, posinf=0.0, neginf=0.0), dtype=np.float32)
