"""The speech filters: whose voice it is, in more than one ear; whether it is a recording that exists; what is said.

A sample is kept or rejected with all its sessions. Its score in a column is the smallest over its tracks and sessions;
see :class:`synthgen.privacy_filters.gate.Filters` for what a column promises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray

from synthgen.errors import UserError
from synthgen.payloads.sound import Floats
from synthgen.payloads.speech import Speech
from synthgen.pretrained.speaker import unit
from synthgen.privacy_filters.nearest import chord
from synthgen.privacy_filters.speech.listening import Heard, Listener, spread
from synthgen.privacy_filters.speech.recordings import Levels, Recordings, envelope_levels
from synthgen.privacy_filters.speech.strangers import Strangers
from synthgen.privacy_filters.speech.transcripts import Transcripts
from synthgen.privacy_filters.speech.voices import Voices, Whitening

Scores = NDArray[np.float64]

_RETRIEVAL = "speaker"
_WHITENED = "spectrum"
_HALVES = "spectrum_halves"
_EXCERPT, _PASSAGE = "recording", "recording_passage"


@dataclass(frozen=True)
class Preset:
    """A voice that the generator was delivered with, of a real person: protected like a patient's.

    Attributes:
        vectors: per ear the vectors of its windows, shape [W, D], as :class:`Listener` hears them.
    """

    name: str
    vectors: Mapping[str, Floats]

    @classmethod
    def heard(cls, name: str, speech: Speech, listener: Listener) -> Preset:
        """A preset voice by what it says.

        Raises:
            UserError: if nothing is heard of it.
        """
        tracks = listener.all(speech)
        if not tracks:
            raise UserError(f"the preset voice {name} says nothing: give a recording with speech in it")
        return cls(name, {ear: np.concatenate([track.windows[ear] for track in tracks]) for ear in tracks[0].windows})


@dataclass(frozen=True)
class SpeechFilters:
    """The filters over the training records.

    Attributes:
        voices: per ear, the protected speakers.
        register: per ear, the preset voices; empty where there are none.
        recordings: in short stretches, which a copy may have few of, and in long ones, which tell people apart better.
        strangers: per ear and column of recordings, where strangers lie.
        transcripts: None where too few are known, or all read the same.
    """

    listener: Listener
    whitening: Whitening
    presets: tuple[Preset, ...]
    voices: Mapping[str, Voices]
    register: Mapping[str, Voices]
    recordings: Mapping[str, Recordings]
    strangers: Mapping[str, Strangers]
    transcripts: Transcripts | None

    @property
    def parts(self) -> tuple[Passages, Further]:
        """Long stretches need no ear, and see most copies of a recording."""
        return Passages(self.recordings[_PASSAGE], self.strangers[_PASSAGE]), Further(self)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for part in self.parts for name in part.names)

    @classmethod
    def over(
        cls,
        listener: Listener,
        payloads: Sequence[Speech],
        patients: Sequence[str],
        presets: Sequence[Preset] = (),
    ) -> Self:
        """Protects these records, ``payloads[i]`` of ``patients[i]``, and the preset voices.

        Raises:
            UserError: if nobody speaks in any of them.
        """
        tracks, owners = _tracks(listener, payloads, patients)
        if not tracks:
            raise UserError("nobody speaks in the recordings to protect: give recordings with speech in them")
        whitening = Whitening.fit(
            np.concatenate([track.windows[_WHITENED] for track in tracks]),
            np.concatenate([track.windows[_HALVES] for track in tracks]),
        )
        strangers = {
            ear.name: Strangers.among([_heard(t.windows, ear.name, whitening) for t in tracks], owners, Voices.over)
            for ear in listener.ears
            if ear.name != _HALVES
        }
        lengths = {_EXCERPT: listener.config.excerpt_seconds, _PASSAGE: listener.config.passage_seconds}
        for name, seconds in lengths.items():
            levels = [_levels(track, name) for track in tracks]
            strangers[name] = Strangers.among(levels, owners, partial(Recordings.over, seconds=seconds))
        ears = [ear.name for ear in listener.ears if ear.name != _HALVES]
        return cls(
            listener=listener,
            whitening=whitening,
            presets=tuple(presets),
            voices={ear: Voices.over(_windows(tracks, ear, whitening, listener), owners) for ear in ears},
            register={
                ear: Voices.over([_heard(p.vectors, ear, whitening) for p in presets], [p.name for p in presets])
                for ear in (ears if presets else [])
            },
            recordings={
                name: Recordings.over([_levels(track, name) for track in tracks], owners, seconds)
                for name, seconds in lengths.items()
            },
            strangers=strangers,
            transcripts=Transcripts.over(payloads, patients),
        )

    def enrolled(self, payloads: Sequence[Speech], patients: Sequence[str]) -> Self:
        """The same ears, whitening and units, protecting these records too."""
        tracks, owners = _tracks(self.listener, payloads, patients)
        return replace(
            self,
            voices={
                ear: voices.enrolled(_windows(tracks, ear, self.whitening, self.listener), owners)
                for ear, voices in self.voices.items()
            },
            recordings={
                name: known.enrolled([_levels(track, name) for track in tracks], owners)
                for name, known in self.recordings.items()
            },
            transcripts=self.transcripts and self.transcripts.enrolled(payloads, patients),
        )

    def scores(self, payloads: Sequence[Speech], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N, F], in the order of ``names``; NaN for a sample in which nobody speaks."""
        return np.concatenate([part.scores(payloads, exclude) for part in self.parts], axis=1)

    def nearest_patients(self, payloads: Sequence[Speech]) -> list[str]:
        """By the mean vector of each track in Resemblyzer."""
        index = self.voices[_RETRIEVAL].index
        found = []
        for payload in payloads:
            means = self._means(payload)
            similarities = index.similarities(means).max(axis=0) if len(means) else np.zeros(len(index.patients))
            found.append(index.patients[int(similarities.argmax())])
        return found

    def distances(self, payloads: Sequence[Speech], references: Sequence[Speech]) -> Scores:
        """Chord distance of mean vectors in Resemblyzer, the smallest over pairs of tracks, shape [N, R].

        2, the largest there is, where nobody speaks.
        """
        right = [self._means(reference) for reference in references]
        found = np.full((len(payloads), len(references)), 2.0)
        for i, payload in enumerate(payloads):
            left = self._means(payload)
            for j, others in enumerate(right):
                if len(left) and len(others):
                    found[i, j] = chord(left @ others.T).min()
        return found

    def _means(self, payload: Speech) -> Floats:
        """One unit vector per track, shape [K, D]; K may be 0."""
        means = [track.windows[_RETRIEVAL].mean(axis=0) for track in self.listener.all(payload)]
        return unit(np.stack(means)) if means else np.empty((0, 1), dtype=np.float32)


@dataclass(frozen=True)
class Passages:
    """Whether long stretches of a recording are there."""

    recordings: Recordings
    strangers: Strangers

    names = (_PASSAGE,)

    def scores(self, payloads: Sequence[Speech], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N, 1]."""
        own = [None] * len(payloads) if exclude is None else exclude
        return np.array([self._of(payload, name) for payload, name in zip(payloads, own, strict=True)]).reshape(-1, 1)

    def _of(self, payload: Speech, exclude: str | None) -> float:
        tracks = [track for recording in payload.recordings for track in recording.tracks]
        return min(self.strangers(self.recordings.score(envelope_levels(track), exclude)) for track in tracks)


@dataclass(frozen=True)
class Further:
    """Every ear, short stretches, and what is said."""

    filters: SpeechFilters

    @property
    def names(self) -> tuple[str, ...]:
        transcripts = self.filters.transcripts
        return (*self.filters.voices, _EXCERPT, *(transcripts.names if transcripts else ()))

    def scores(self, payloads: Sequence[Speech], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N, F], in the order of ``names``; NaN for a sample in which nobody speaks."""
        unknown = [float("nan")] * (len(self.filters.voices) + 1)
        rows = []
        for number, payload in enumerate(payloads):
            own = None if exclude is None else exclude[number]
            heard = self.filters.listener.all(payload)
            rows.append(np.min([self._of(track, own) for track in heard] or [unknown], axis=0))
        found = np.stack(rows) if rows else np.empty((0, len(unknown)))
        transcripts = self.filters.transcripts
        return found if transcripts is None else np.concatenate([found, transcripts.scores(payloads, exclude)], axis=1)

    def _of(self, track: Heard, exclude: str | None) -> list[float]:
        """The score of one track in each ear, and as a recording."""
        known, scores = self.filters, []
        for ear, voices in known.voices.items():
            windows = _heard(track.windows, ear, known.whitening)
            score = voices.score(windows, exclude)
            if known.register:
                score = min(score, known.register[ear].score(windows))
            scores.append(known.strangers[ear](score))
        return [*scores, known.strangers[_EXCERPT](known.recordings[_EXCERPT].score(track.levels, exclude))]


def _tracks(
    listener: Listener, payloads: Sequence[Speech], patients: Sequence[str]
) -> tuple[tuple[Heard, ...], tuple[str, ...]]:
    """What is heard of every track, and whose it is."""
    pairs = [(t, patient) for payload, patient in zip(payloads, patients, strict=True) for t in listener.all(payload)]
    return tuple(track for track, _ in pairs), tuple(patient for _, patient in pairs)


def _windows(tracks: Sequence[Heard], ear: str, whitening: Whitening, listener: Listener) -> list[Floats]:
    """Of each protected track the windows that are kept."""
    return [spread(_heard(track.windows, ear, whitening), listener.config.windows) for track in tracks]


def _levels(track: Heard, column: str) -> Levels:
    return track.envelope if column == _PASSAGE else track.levels


def _heard(windows: Mapping[str, Floats], ear: str, whitening: Whitening) -> Floats:
    return whitening(windows[ear]) if ear == _WHITENED else windows[ear]
