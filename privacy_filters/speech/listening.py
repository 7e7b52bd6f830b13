"""What is remembered of a track: a few vectors for each way of listening to it, computed once for each sound file."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthgen.files import private_folder, write_atomically
from synthgen.payloads import sound
from synthgen.payloads.sound import Floats
from synthgen.payloads.speech import Speech, Track
from synthgen.pretrained.speaker import Resemblyzer, SpeakerEncoder, SpectralStatistics, XVector
from synthgen.privacy_filters.speech.config import VoiceConfig
from synthgen.privacy_filters.speech.recordings import Levels, both_levels
from synthgen.privacy_filters.speech.views import narrow

VERSION = 7
"""Raised whenever listening changes, so that vectors of another kind are not reused."""


@dataclass(frozen=True)
class Heard:
    """What is remembered of a track.

    Attributes:
        windows: per ear the vectors of the track's windows, shape [W, D]; W is 0 for silence.
        levels: of its bands over time; see :func:`synthgen.privacy_filters.speech.recordings.band_levels`.
        envelope: the same of the envelope over the harmonics.
    """

    windows: Mapping[str, Floats]
    levels: Levels
    envelope: Levels

    @property
    def silent(self) -> bool:
        return not all(len(vectors) for vectors in self.windows.values())


_LEVELS, _ENVELOPE = "levels", "envelope"
_BLOCK = 60.0  # seconds of a track that are heard at once: pauses and noise are found in each by itself


@dataclass(frozen=True)
class Ear:
    """One way of listening: a view of the sound, and the encoder that hears it.

    Attributes:
        view: from samples to samples, before pauses are cut.
        halved: each window is heard in two halves, one after the other in the rows: what a whitening is fitted on.
    """

    name: str
    encoder: SpeakerEncoder
    view: Callable[[Floats], Floats]
    halved: bool = False


def plain(samples: Floats) -> Floats:
    return samples


def ears(config: VoiceConfig) -> tuple[Ear, ...]:
    """Resemblyzer under two views, spectral statistics, and a further encoder where the configuration names one.

    Raises:
        MissingExtraError, UserError: an encoder cannot be loaded.
    """
    resemblyzer = Resemblyzer.load()
    statistics = SpectralStatistics()
    found = [
        Ear("speaker", resemblyzer, plain),
        Ear("speaker_narrow", resemblyzer, narrow),
        Ear("spectrum", statistics, plain),
        Ear("spectrum_halves", statistics, plain, halved=True),
    ]
    if config.encoder:
        found.append(Ear("speaker_second", XVector.load(config.encoder), plain))
    return tuple(found)


@dataclass(frozen=True)
class Listener:
    """Listens to tracks.

    Attributes:
        cache: a private folder where what was heard is kept by the sound file's digest; None keeps nothing.
    """

    ears: tuple[Ear, ...]
    config: VoiceConfig
    cache: Path | None

    @classmethod
    def open(cls, config: VoiceConfig, cache: Path | None) -> Listener:
        """Loads the encoders.

        Raises:
            MissingExtraError, UserError: an encoder cannot be loaded, or the folder not be made.
        """
        return cls(ears(config), config, None if cache is None else private_folder(cache))

    def __call__(self, track: Track) -> Heard:
        """What each ear hears of the track."""
        if self.cache is None:
            return self._listen(track)
        path = self.cache / f"{self._key(track)}.npz"
        try:
            with np.load(path, allow_pickle=False) as stored:
                return Heard({ear.name: stored[ear.name] for ear in self.ears}, stored[_LEVELS], stored[_ENVELOPE])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):  # absent, or damaged
            heard = self._listen(track)
        buffer = io.BytesIO()
        levels = {_LEVELS: heard.levels, _ENVELOPE: heard.envelope}
        np.savez(buffer, allow_pickle=False, **heard.windows, **levels)
        write_atomically(path, buffer.getvalue())
        return heard

    def all(self, payload: Speech) -> list[Heard]:
        """What is heard of every track in which somebody speaks."""
        heard = [self(track) for recording in payload.recordings for track in recording.tracks]
        return [one for one in heard if not one.silent]

    def _listen(self, track: Track) -> Heard:
        """Every window of the track, block by block, so that no more than a block is in memory."""
        blocks = [self._block(block) for block in sound.blocks(track, _BLOCK)]
        heard = {ear.name: _joined([block[ear.name] for block in blocks]) for ear in self.ears}
        return Heard(heard, *both_levels(track))

    def _block(self, samples: Floats) -> dict[str, tuple[Floats, bool]]:
        """Per ear the vectors of the block's windows, and whether these are of full length."""
        levelled = sound.levelled(samples)
        views = {
            view: sound.windows(sound.voiced(view(levelled)), self.config.seconds)
            for view in dict.fromkeys(ear.view for ear in self.ears)
        }
        parts = {ear.name: _halves(views[ear.view]) if ear.halved else views[ear.view] for ear in self.ears}
        found: dict[str, Floats] = {}
        for encoder in dict.fromkeys(ear.encoder for ear in self.ears):  # once each: a network takes as long for one
            names = [ear.name for ear in self.ears if ear.encoder is encoder]
            vectors = encoder([part for name in names for part in parts[name]])
            ends = np.cumsum([len(parts[name]) for name in names])
            found.update(zip(names, np.split(vectors, ends[:-1]), strict=True))
        full = int(self.config.seconds * sound.RATE)
        return {
            ear.name: (found[ear.name], bool(views[ear.view]) and len(views[ear.view][0]) >= full) for ear in self.ears
        }

    def _key(self, track: Track) -> str:
        digest = hashlib.blake2b(digest_size=16)
        for part in (VERSION, self.config.seconds, track.audio.digest, sound.spoken(track)):
            digest.update(f"{part}\0".encode())
        for ear in self.ears:
            digest.update(f"{ear.name}\0{ear.encoder.name}\0".encode())
        return digest.hexdigest()


def spread(vectors: Floats, most: int) -> Floats:
    """At most ``most`` of the rows, evenly spread."""
    if len(vectors) <= most:
        return vectors
    return np.asarray(vectors[np.linspace(0, len(vectors) - 1, most).round().astype(int)], dtype=np.float32)


def _joined(blocks: Sequence[tuple[Floats, bool]]) -> Floats:
    """The vectors of all blocks; beside windows of full length, shorter ones of a nearly silent block say nothing."""
    full = [vectors for vectors, full in blocks if full]
    return np.concatenate(full or [vectors for vectors, _ in blocks])


def _halves(windows: Sequence[Floats]) -> list[Floats]:
    return [half for window in windows for half in np.array_split(window, 2)]
