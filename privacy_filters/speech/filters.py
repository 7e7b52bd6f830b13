"""The speech filters: whose voice it is, in more than one ear, and whether it is a recording that somebody made.

A sample is kept or rejected with all its sessions. Its score in a column is the smallest over its tracks and sessions;
see :class:`synthgen.privacy_filters.gate.Filters` for what a column promises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from synthgen.modalities.speech.types import Speech
from synthgen.privacy_filters.nearest import chord
from synthgen.privacy_filters.speech.encoders import unit
from synthgen.privacy_filters.speech.listening import Heard, Listener
from synthgen.privacy_filters.speech.sound import Floats
from synthgen.privacy_filters.speech.voices import Voices, Whitening

Scores = NDArray[np.float64]

_RETRIEVAL = "speaker"
_WHITENED = "spectrum"
_HALVES = "spectrum_halves"


@dataclass(frozen=True)
class Preset:
    """A voice that the generator was delivered with, of a real person: protected like a patient's.

    Attributes:
        vectors: per ear the vectors of its windows, shape [W, D], as :class:`Listener` hears them.
    """

    name: str
    vectors: Heard

    @classmethod
    def heard(cls, name: str, speech: Speech, listener: Listener) -> Preset:
        """A preset voice by what it says.

        Raises:
            ValueError: if nothing is heard of it.
        """
        tracks = listener.all(speech)
        if not tracks:
            raise ValueError("a preset voice says nothing")
        return cls(name, {ear: np.concatenate([track[ear] for track in tracks]) for ear in tracks[0]})


@dataclass(frozen=True)
class SpeechFilters:
    """The filters over the training records.

    Attributes:
        tracks, patients: what was heard of every protected track, and of whom.
        voices: per column, the protected speakers.
        register: per column, the preset voices; empty where there are none.
    """

    listener: Listener
    whitening: Whitening
    tracks: tuple[Heard, ...]
    patients: tuple[str, ...]
    presets: tuple[Preset, ...]
    voices: Mapping[str, Voices]
    register: Mapping[str, Voices]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.voices)

    @classmethod
    def over(
        cls,
        listener: Listener,
        payloads: Sequence[Speech],
        patients: Sequence[str],
        presets: Sequence[Preset] = (),
    ) -> Self:
        """Protects these records: ``payloads[i]`` belongs to ``patients[i]``; and the preset voices.

        Raises:
            ValueError: if nobody speaks in any of them.
        """
        tracks, owners = _tracks(listener, payloads, patients)
        if not tracks:
            raise ValueError("nobody speaks in the records to protect")
        whitening = Whitening.fit(
            np.concatenate([track[_WHITENED] for track in tracks]), np.concatenate([track[_HALVES] for track in tracks])
        )
        return cls._built(listener, whitening, tracks, owners, tuple(presets))

    @classmethod
    def _built(
        cls,
        listener: Listener,
        whitening: Whitening,
        tracks: tuple[Heard, ...],
        patients: tuple[str, ...],
        presets: tuple[Preset, ...],
    ) -> Self:
        columns = [ear.name for ear in listener.ears if ear.name != _HALVES]
        voices = {c: Voices.over([_column(t, c, whitening) for t in tracks], patients) for c in columns}
        names = [preset.name for preset in presets]
        register = {
            c: Voices.over([_column(p.vectors, c, whitening) for p in presets], names) for c in columns if presets
        }
        return cls(listener, whitening, tracks, patients, presets, voices, register)

    def enrolled(self, payloads: Sequence[Speech], patients: Sequence[str]) -> Self:
        """The same ears and whitening, protecting these records too."""
        tracks, owners = _tracks(self.listener, payloads, patients)
        return self._built(
            self.listener, self.whitening, (*self.tracks, *tracks), (*self.patients, *owners), self.presets
        )

    def scores(self, payloads: Sequence[Speech], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N, F], in the order of ``names``; NaN for a sample in which nobody speaks."""
        found = np.full((len(payloads), len(self.names)), np.nan)
        for row, payload in enumerate(payloads):
            own = None if exclude is None else exclude[row]
            heard = self.listener.all(payload)
            for column, name in enumerate(self.names) if heard else ():
                found[row, column] = min(
                    self._score(name, _column(track, name, self.whitening), own) for track in heard
                )
        return found

    def _score(self, name: str, track: Floats, exclude: str | None) -> float:
        score = self.voices[name].score(track, exclude)
        return min(score, self.register[name].score(track)) if name in self.register else score

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

        Infinite where nobody speaks.
        """
        right = [self._means(reference) for reference in references]
        found = np.full((len(payloads), len(references)), np.inf)
        for i, payload in enumerate(payloads):
            left = self._means(payload)
            for j, others in enumerate(right):
                if len(left) and len(others):
                    found[i, j] = chord(left @ others.T).min()
        return found

    def _means(self, payload: Speech) -> Floats:
        """One unit vector per track, shape [K, D]; K may be 0."""
        means = [track[_RETRIEVAL].mean(axis=0) for track in self.listener.all(payload)]
        return unit(np.stack(means)) if means else np.empty((0, 1), dtype=np.float32)


def _tracks(
    listener: Listener, payloads: Sequence[Speech], patients: Sequence[str]
) -> tuple[tuple[Heard, ...], tuple[str, ...]]:
    """What is heard of every track, and whose it is."""
    pairs = [(t, patient) for payload, patient in zip(payloads, patients, strict=True) for t in listener.all(payload)]
    return tuple(track for track, _ in pairs), tuple(patient for _, patient in pairs)


def _column(heard: Heard, name: str, whitening: Whitening) -> Floats:
    return whitening(heard[name]) if name == _WHITENED else heard[name]
