"""Speaker encoders: windows of voiced speech to unit vectors, near to each other for one voice.

Resemblyzer is the generalised end-to-end encoder of Wan et al. 2018 (Generalized end-to-end loss for speaker
verification); its wheel carries the weights. The network and the mel spectrogram before it are built here. Spectral
statistics need no weights at all.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from synthgen.errors import MissingExtraError, UserError
from synthgen.payloads.sound import RATE, Floats
from synthgen.pretrained.bars import no_bars
from synthgen.pretrained.threads import one_thread

_BATCH = 64


class SpeakerEncoder(Protocol):
    """Windows of voiced speech at 16 kHz to vectors."""

    @property
    def name(self) -> str:
        """Part of the key under which vectors are cached: what it names gives the same vectors always."""
        ...

    def __call__(self, windows: Sequence[Floats]) -> Floats:
        """Shape [N, D], float32."""
        ...


# --- Resemblyzer -----------------------------------------------------------------------------------------------------

_FFT, _HOP, _MELS = 400, 160, 40
_PARTIAL = 160  # mel frames, 1.6 s
_HIDDEN = 256
_WEIGHTS = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"  # SHA-256 of the file in 0.1.4


@dataclass(frozen=True)
class Resemblyzer:
    """A window's vector is the mean over its partial windows of 1.6 s, as in Wan et al.; unit norm, D = 256.

    Attributes:
        lstm, linear: torch modules; the last hidden state, rectified, is the vector.
    """

    lstm: Any
    linear: Any

    name = "resemblyzer-1"

    @classmethod
    def load(cls) -> Resemblyzer:
        """Loads the weights that the installed package carries, to the CPU.

        The package itself is not imported: with it would come a compiler of Python and a voice activity detector, for
        what is not used here.

        Raises:
            MissingExtraError: it is not installed.
            UserError: it carries other weights.
        """
        found = find_spec("resemblyzer")
        try:
            import torch
        except ImportError:
            found = None
        if found is None or not found.submodule_search_locations:
            raise MissingExtraError("speaker similarity", "speech")
        try:
            stored = Path(found.submodule_search_locations[0], "pretrained.pt").read_bytes()
        except OSError:
            stored = b""
        if hashlib.sha256(stored).hexdigest() != _WEIGHTS:
            raise UserError("the resemblyzer package carries unknown weights: pip install 'resemblyzer==0.1.4'")
        lstm, linear = torch.nn.LSTM(_MELS, _HIDDEN, 3, batch_first=True), torch.nn.Linear(_HIDDEN, _HIDDEN)
        weights = torch.load(io.BytesIO(stored), map_location="cpu", weights_only=True)["model_state"]
        for name, layer in (("lstm.", lstm), ("linear.", linear)):
            layer.load_state_dict({k.removeprefix(name): v for k, v in weights.items() if k.startswith(name)})
        return cls(lstm.eval(), linear.eval())

    def __call__(self, windows: Sequence[Floats]) -> Floats:
        import torch

        partials: list[Floats] = []
        counts: list[int] = []
        for window in windows:
            own = _partials(mel_power(_long_enough(window)))
            partials += own
            counts.append(len(own))
        if not partials:
            return np.empty((0, 256), dtype=np.float32)
        with one_thread(), torch.inference_mode():
            vectors = np.concatenate(
                [
                    self._vectors(torch.from_numpy(np.stack(partials[low : low + _BATCH]))).numpy()
                    for low in range(0, len(partials), _BATCH)
                ]
            )
        first = np.cumsum([0, *counts[:-1]])
        return unit(np.add.reduceat(vectors, first, axis=0))

    def _vectors(self, mels: Any) -> Any:
        """[N, 160, 40] to [N, 256], unit norm."""
        _, (hidden, _) = self.lstm(mels)
        vectors = self.linear(hidden[-1]).relu()
        return vectors / vectors.norm(dim=1, keepdim=True)


def _long_enough(window: Floats) -> Floats:
    """Repeated until it fills one partial window."""
    least = _PARTIAL * _HOP
    return np.tile(window, -(-least // len(window)))[:least] if len(window) < least else window


def _partials(mel: Floats) -> list[Floats]:
    """Evenly spread stretches of 160 frames that overlap by half or less."""
    frames = len(mel)
    count = max(1, round((frames - _PARTIAL) / (_PARTIAL / 2)) + 1)
    starts = np.linspace(0, frames - _PARTIAL, count).astype(int) if count > 1 else [0]
    return [mel[start : start + _PARTIAL] for start in starts]


def mel_power(samples: Floats) -> Floats:
    """Power mel spectrogram (not its logarithm), shape [frames, 40]: 25 ms Hann windows every 10 ms, Slaney's scale."""
    padded = np.pad(samples, _FFT // 2)
    framed = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP]
    power = np.abs(fft.rfft(framed * _hann(_FFT), axis=1)) ** 2
    return np.asarray(power @ _slaney_filters().T, dtype=np.float32)


@cache
def _hann(length: int) -> Floats:
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length), dtype=np.float32)


@cache
def _slaney_filters() -> Floats:
    """Triangles of unit area on the mel scale of Slaney's Auditory Toolbox: linear to 1 kHz, logarithmic above."""
    step = np.log(6.4) / 27.0
    top = 15.0 + np.log(RATE / 2 / 1000.0) / step
    mels = np.linspace(0.0, top, _MELS + 2)
    edges = np.where(mels < 15.0, mels * 200.0 / 3.0, 1000.0 * np.exp(step * (mels - 15.0)))
    bins = np.arange(_FFT // 2 + 1) * RATE / _FFT
    rise = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    triangles = np.maximum(0.0, np.minimum(rise, fall))
    return np.asarray(triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None], dtype=np.float32)


# --- A second encoder by folder --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class XVector:
    """A transformers speaker model with an x-vector head (WavLM, wav2vec 2.0, UniSpeech, …)."""

    model: Any
    extractor: Any
    name: str

    @classmethod
    def load(cls, name_or_folder: str) -> XVector:
        """Loads ``AutoModelForAudioXVector`` from a folder or, where the network allows, by name; safetensors only.

        Raises:
            MissingExtraError: transformers is not installed.
            UserError: there is no such model.
        """
        try:
            from transformers import AutoFeatureExtractor, AutoModelForAudioXVector
        except ImportError:
            raise MissingExtraError("a second speaker encoder", "speech") from None
        try:
            with no_bars():
                extractor = AutoFeatureExtractor.from_pretrained(name_or_folder)
                model = AutoModelForAudioXVector.from_pretrained(name_or_folder, use_safetensors=True)
        except (OSError, ValueError):
            raise UserError(
                f"voice.encoder: no x-vector model with safetensors in {name_or_folder}: give a folder that "
                "transformers' AutoModelForAudioXVector opens, or leave it empty"
            ) from None
        if extractor.sampling_rate != RATE:
            raise UserError(f"voice.encoder: {name_or_folder} hears {extractor.sampling_rate} Hz, not {RATE}")
        return cls(model.eval(), extractor, f"xvector-{name_or_folder}")

    def __call__(self, windows: Sequence[Floats]) -> Floats:
        import torch

        vectors = []
        with one_thread(), torch.inference_mode():
            for window in windows:  # one at a time: no padding, so that no window depends on its neighbours
                inputs = self.extractor(_long_enough(window), sampling_rate=RATE, return_tensors="pt")
                vectors.append(self.model(**inputs).embeddings[0].numpy())
        size = self.model.config.xvector_output_dim
        return unit(np.stack(vectors)) if vectors else np.empty((0, size), dtype=np.float32)


# --- Spectral statistics ---------------------------------------------------------------------------------------------

_CEPSTRA = 20
_BANDS = 30
_RANGE = (120.0, 3800.0)  # Hz: what telephone speech and 8 kHz files still carry


@dataclass(frozen=True)
class SpectralStatistics:
    """Mean and spread of cepstra: the long-term spectrum, smoothed, and how it moves. D = 40, of no common unit.

    :class:`synthgen.privacy_filters.speech.voices.Whitening` makes a metric of them. F0 is left out: within a speaker
    it moves with the mood, and the equal error rate on LibriSpeech was higher with it than without.
    """

    name = "statistics-1"

    def __call__(self, windows: Sequence[Floats]) -> Floats:
        if not windows:
            return np.empty((0, 2 * _CEPSTRA), dtype=np.float32)
        return np.stack([self._of(window) for window in windows]).astype(np.float32)

    def _of(self, window: Floats) -> NDArray[np.float64]:
        bands = _log_bands(window)
        loud = bands.mean(axis=1) >= np.percentile(bands.mean(axis=1), 30)
        cepstra = fft.dct(bands[loud], norm="ortho", axis=1)[:, 1 : _CEPSTRA + 1]
        return np.concatenate([cepstra.mean(axis=0), np.log(cepstra.std(axis=0) + 0.05)])


def _log_bands(window: Floats) -> NDArray[np.float64]:
    """Log energies in mel bands from 120 to 3800 Hz, shape [frames, 30]: 32 ms every 10 ms, floored at −50 dB."""
    padded = np.pad(window, (0, max(0, 512 - len(window))))
    framed = np.lib.stride_tricks.sliding_window_view(padded, 512)[::160]
    power = np.abs(fft.rfft(framed * _hann(512), axis=1)) ** 2
    energies = power @ _even_filters().T
    return np.asarray(np.log(energies + 1e-5 * float(energies.mean()) + 1e-12), dtype=np.float64)


@cache
def _even_filters() -> Floats:
    def mel(hertz: float) -> float:
        return 2595.0 * float(np.log10(1.0 + hertz / 700.0))

    edges = 700.0 * (10.0 ** (np.linspace(mel(_RANGE[0]), mel(_RANGE[1]), _BANDS + 2) / 2595.0) - 1.0)
    bins = np.arange(257) * RATE / 512
    rise = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.asarray(np.maximum(0.0, np.minimum(rise, fall)), dtype=np.float32)


def unit(vectors: NDArray[np.floating]) -> Floats:
    """Rows at norm one."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)
