"""The emotion layer: what is asked of F0, level, tilt, breath and tempo is what can be measured afterwards."""

import numpy as np
import pytest
from numpy.typing import NDArray

from synthgen.errors import SynthgenError
from synthgen.generators.speech import world
from synthgen.generators.speech.backends.protocol import Utterance
from synthgen.generators.speech.config import RATE
from synthgen.generators.speech.emotions import Manner
from synthgen.generators.speech.voices import COLOURS, WARPS, VoiceCard
from synthgen.payloads.speech import Word

pytest.importorskip("pyworld")

PLAIN = VoiceCard(1, "m", "en", "m1", 120.0, 2.0, 1.0, (1.0,) * WARPS, (0.0,) * COLOURS, 0.0, 0.0, 0.0, 0.0, 1.0)
OWN = world.Reference(120.0, 2.0, 0.05)


def vowels(seconds: float = 2.0, seed: int = 0) -> NDArray[np.float64]:
    """Glottal pulses around 120 Hz with a contour of 2 semitones, through three formants; a pause in the middle."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * RATE)) / RATE
    f0 = 120 * 2 ** (2 * np.sqrt(2) * np.sin(2 * np.pi * 1.5 * times) / 12)
    phase = np.cumsum(f0 / RATE)
    pulses = np.diff(np.floor(phase), prepend=0.0) + 1e-3 * rng.standard_normal(len(times))
    spectrum = np.fft.rfft(pulses)
    frequency = np.fft.rfftfreq(len(pulses), 1 / RATE)
    gain = sum(1 / (1 + ((frequency - centre) / width) ** 2) for centre, width in ((500, 80), (1500, 120), (2500, 160)))
    sound = np.fft.irfft(spectrum * (gain + 0.01), len(pulses))
    sound[round(0.45 * len(sound)) : round(0.55 * len(sound))] = 0
    return 0.05 * sound / sound.std()


def shaped(manner: Manner, voice: VoiceCard = PLAIN, stretch: float = 1.0, pauses: float = 1.0) -> NDArray[np.float64]:
    said = Utterance(vowels().astype(np.float32), RATE)
    return world.shape(said, voice, OWN, manner, 0, stretch=stretch, pauses=pauses).samples.astype(np.float64)


def f0_of(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    f0, _ = world.pyworld().harvest(samples, RATE, frame_period=10.0)  # another method than the layer's own
    return f0[f0 > 0]


def band_db(samples: NDArray[np.float64], low: float, high: float) -> float:
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / RATE)
    return float(10 * np.log10(power[(frequency >= low) & (frequency < high)].sum()))


def range_of(samples: NDArray[np.float64]) -> float:
    low, high = np.percentile(12 * np.log2(f0_of(samples)), [15.87, 84.13])  # Harvest slides off at the edges of sound
    return float(high - low) / 2


@pytest.mark.parametrize("factor", [0.8, 0.9, 1.3])
def test_f0_is_moved_by_its_factor(factor: float) -> None:
    assert np.median(f0_of(shaped(Manner(f0=factor)))) == pytest.approx(120 * factor, rel=0.05)


@pytest.mark.parametrize("factor", [0.5, 1.8])
def test_the_range_of_f0_is_scaled(factor: float) -> None:
    assert range_of(shaped(Manner(f0_range=factor))) / range_of(shaped(Manner())) == pytest.approx(factor, rel=0.2)


@pytest.mark.parametrize("decibels", [-4.0, 6.0])
def test_the_level_moves_by_its_decibels(decibels: float) -> None:
    change = 20 * np.log10(shaped(Manner(gain=decibels)).std() / shaped(Manner()).std())
    assert change == pytest.approx(decibels, abs=0.5)


@pytest.mark.parametrize("decibels", [-4.0, 5.0])
def test_the_tilt_above_one_kilohertz_moves_and_the_level_stays(decibels: float) -> None:
    plain, tilted = shaped(Manner()), shaped(Manner(tilt=decibels))
    change = [band_db(s, 2200, 6000) - band_db(s, 100, 600) for s in (plain, tilted)]
    assert change[1] - change[0] == pytest.approx(decibels, abs=1.0)
    assert 20 * np.log10(tilted.std() / plain.std()) == pytest.approx(0, abs=0.7)


def test_breath_makes_noise_between_the_harmonics() -> None:
    def noise_share(samples: NDArray[np.float64]) -> float:
        frames = world.analyse(samples)
        voiced = frames.f0 > 0
        return float(frames.aperiodicity[voiced][:, 75:200].mean())

    shares = [noise_share(shaped(Manner(breathy=share))) for share in (0.0, 0.3, 0.6)]
    assert shares[0] < shares[1] < shares[2]


def test_a_longer_tract_lowers_the_formants() -> None:
    def second_formant(tract: float) -> float:
        card = VoiceCard(1, "m", "en", "m1", 120.0, 2.0, tract, PLAIN.warp, PLAIN.colour, 0.0, 0.0, 0.0, 0.0, 1.0)
        samples = shaped(Manner(), card)
        frames = world.analyse(samples)
        envelope = frames.envelope[frames.f0 > 0].mean(axis=0)
        low, high = (round(hz * 1024 / RATE) for hz in (1100, 2000))
        return (low + int(np.argmax(envelope[low:high]))) * RATE / 1024

    assert second_formant(1.1) == pytest.approx(1500 / 1.1, rel=0.03)
    assert second_formant(0.9) == pytest.approx(1500 / 0.9, rel=0.03)


def test_speech_and_silence_stretch_each_by_their_own_factor() -> None:
    plain = len(shaped(Manner()))
    speech, silence = 0.9 * plain, 0.1 * plain
    assert len(shaped(Manner(), stretch=1.25)) == pytest.approx(1.25 * speech + silence, rel=0.03)
    assert len(shaped(Manner(), pauses=3.0)) == pytest.approx(speech + 3 * silence, rel=0.03)


def test_words_stay_with_their_sound_at_another_rate_and_tempo() -> None:
    sound = np.concatenate([np.zeros(8000), vowels(1.0), np.zeros(8000)])
    said = Utterance(sound.astype(np.float32), RATE, (Word("one", 8000, 16000), Word("two", 16000, 24000)))
    found = world.shape(said, PLAIN, OWN, Manner(), 0, stretch=1.5, pauses=1.0)
    assert found.words[0].start < 0.06 * RATE and abs(found.words[-1].end - len(found.samples)) < 0.06 * RATE
    assert found.words[0].end == found.words[1].start
    assert abs(found.words[1].start - len(found.samples) / 2) < 0.05 * len(found.samples)


def test_the_same_seed_gives_the_same_samples_and_another_another() -> None:
    card = VoiceCard(1, "m", "en", "m1", 120.0, 2.0, 1.0, PLAIN.warp, PLAIN.colour, 0.0, 0.1, 0.5, 0.3, 1.0)
    said = Utterance(vowels().astype(np.float32), RATE)
    first, again, other = (world.shape(said, card, OWN, Manner(), s, stretch=1, pauses=1).samples for s in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_no_peak_leaves_the_room_of_its_track() -> None:
    loud = shaped(Manner(gain=30.0))
    assert 0.4 < np.abs(loud).max() <= 0.4501


def test_silence_is_one_clear_line() -> None:
    with pytest.raises(SynthgenError, match="silence"):
        world.shape(Utterance(np.zeros(8000, np.float32), RATE), PLAIN, OWN, Manner(), 0, stretch=1, pauses=1)
