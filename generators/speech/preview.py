"""A sample to be heard and seen on a page that needs no other file: a player, the waveform, and F0."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synthgen.generators.dialogue.shared_runs import marked
from synthgen.generators.speech.annotations import in_order
from synthgen.generators.speech.spectrogram import HEIGHT, WIDTH, png, spectrogram
from synthgen.generators.speech.tracks import excerpt, soundfile
from synthgen.generators.speech.world import FRAME, pitch
from synthgen.payloads.speech import Recording, Role, Speech, SpeechSynthetic
from synthgen.report import ShownPair

_SECONDS, _REVIEWED = 8.0, 12.0
_WIDTH, _HEIGHT, _SPLIT = 640, 120, 70  # of the picture, and where F0 begins
_LOW, _HIGH = 60.0, 400.0  # Hz, of the plot
_COLOURS = {"clinician": "#4a6fa5", "patient": "#b0563a", "companion": "#5a8a5a", "speaker": "#4a6fa5"}


def show(speech: Speech) -> str:
    """One sample: the first seconds of its first recording from the first turn on."""
    return fragment(speech.recordings[0])


def pair(sample: Speech, real: Speech) -> ShownPair:
    """The beginning of the first recording of each: a player, its spectrogram, and the words, shared runs marked."""
    return ShownPair(_beside(sample, real), _beside(real, sample))


def _beside(speech: Speech, other: Speech) -> str:
    recording = speech.recordings[0]
    pairs, rate = in_order(recording), recording.tracks[0].audio.rate
    start = pairs[0][1].start if pairs else 0
    end = min(recording.tracks[0].audio.frames, start + round(_REVIEWED * rate))
    _, mix = _heard(recording, start, end)
    picture = base64.b64encode(png(spectrogram(mix, rate))).decode()
    texts = marked([segment.text for _, segment in pairs], _said(other))
    length = f"the first {(end - start) / rate:.1f} s"
    return (
        f'<audio controls preload="none" aria-label="{length}" src="data:audio/flac;base64,{_flac(mix, rate)}"></audio>'
        f'<img class="spectrogram" src="data:image/png;base64,{picture}" width="{WIDTH}" height="{HEIGHT}" '
        f'alt="spectrogram of {length}, 0 to {rate / 2000:g} kHz">'
        + "".join(f"<p><b>{track.role}</b> {text}</p>" for (track, _), text in zip(pairs, texts, strict=True) if text)
    )


def _said(speech: Speech) -> list[str]:
    return [segment.text for recording in speech.recordings for _, segment in in_order(recording)]


def preview_html(samples: Sequence[SpeechSynthetic], most: int = 3) -> str:
    """The first samples as HTML, each with its condition and a caption per turn."""
    parts = []
    for sample in samples[:most]:
        c = sample.condition
        title = html.escape(", ".join(part for part in (c.setting, c.disorder, c.severity) if part) or "speech")
        parts.append(f"<figure>{show(sample.payload)}<figcaption>{title}</figcaption></figure>")
    return "\n".join(parts)


def fragment(recording: Recording, seconds: float = _SECONDS) -> str:
    """A player with an excerpt of the mix (FLAC as a data URI), and waveform and F0 of each track as SVG."""
    pairs = in_order(recording)
    rate, frames = recording.tracks[0].audio.rate, recording.tracks[0].audio.frames
    # From the second turn where there is one: the end of one voice and the beginning of the other are heard.
    start = max(0, pairs[1][1].start - round(seconds / 2 * rate)) if len(pairs) > 1 else 0
    end = min(frames, start + round(seconds * rate))
    tracks, mix = _heard(recording, start, end)
    plots = "".join(_plot(sound, rate, _COLOURS[role]) for role, sound in tracks)
    spoken = "".join(
        f'<li style="color:{_COLOURS[track.role]}">{html.escape(track.role)}'
        f"{f' ({segment.emotion})' if segment.emotion else ''}: {html.escape(_short(segment.text))}</li>"
        for track, segment in pairs
        if segment.end > start and segment.start < end
    )
    return (
        f'<audio controls preload="none" src="data:audio/flac;base64,{_flac(mix, rate)}"></audio>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
        f'aria-label="waveform above, F0 from {_LOW:g} to {_HIGH:g} Hz below">{plots}</svg><ul>{spoken}</ul>'
    )


def _heard(
    recording: Recording, start: int, end: int
) -> tuple[list[tuple[Role, NDArray[np.int16]]], NDArray[np.int16]]:
    """The tracks from ``start`` to ``end``, and their sum."""
    tracks = [(track.role, excerpt(track.audio, start, end)) for track in recording.tracks]
    whole = np.sum([sound.astype(np.int32) for _, sound in tracks], axis=0)
    return tracks, np.clip(whole, -32768, 32767).astype(np.int16)


def _short(text: str, most: int = 160) -> str:
    return text if len(text) <= most else text[: most - 1].rsplit(" ", 1)[0] + " …"


def _flac(sound: NDArray[np.int16], rate: int) -> str:
    buffer = io.BytesIO()
    soundfile().write(buffer, sound, rate, format="FLAC", subtype="PCM_16")
    return base64.b64encode(buffer.getvalue()).decode()


def _plot(sound: NDArray[np.int16], rate: int, colour: str) -> str:
    columns = np.array_split(sound, _WIDTH)
    middle = _SPLIT / 2
    top = [middle - int(c.max(initial=0)) / 32768 * middle * 2 for c in columns]
    bottom = [middle - int(c.min(initial=0)) / 32768 * middle * 2 for c in columns]
    wave = "".join(
        f"M{x} {max(0.0, high):.1f}V{min(float(_SPLIT), low) + 0.3:.1f}"
        for x, (high, low) in enumerate(zip(top, bottom, strict=True))
        if low - high > 0.2
    )
    f0 = pitch(sound / 32768.0, rate) if np.any(sound) else np.zeros(0)
    scale = _WIDTH * FRAME * rate / max(1, len(sound))
    room = _HEIGHT - _SPLIT
    points = "".join(
        f"M{i * scale:.1f} {_HEIGHT - room * (np.log(hz / _LOW) / np.log(_HIGH / _LOW)):.1f}h1.6"
        for i, hz in enumerate(f0)
        if _LOW < hz < _HIGH
    )
    return (
        f'<path d="{wave}" stroke="{colour}" stroke-width="1"/><path d="{points}" stroke="{colour}" stroke-width="2"/>'
    )
