"""Voices are moved in pitch and formants and never in time; nothing clips; silence and what is outside stay."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from speech_people import says, track
from speech_signals import vowel

from synthgen.eval.speech.changed import contour_correlation
from synthgen.eval.speech.features import pitch
from synthgen.generators.speech import operators
from synthgen.generators.speech.operators import PseudoSpeaker, draw_speaker, mcadams, measure, world
from synthgen.generators.speech.revoice import own_voice, revoiced
from synthgen.payloads.speech import Segment

SOUND = says(3, 1, 4.0).astype(np.float64)
COMMON = np.zeros(24)
NOBODY = PseudoSpeaker(150.0, 1.0, (1.0,) * 6, (0.0,) * 12, 0.0, 1.0, 0.0)


def spoken_as(speaker: PseudoSpeaker, sound: np.ndarray = SOUND) -> np.ndarray:
    own = measure(sound)
    assert own is not None
    return world(sound, own, COMMON, speaker)


def centre(sound: np.ndarray) -> float:
    """Hz, of the power between 300 Hz and 3 kHz."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    hertz = np.fft.rfftfreq(len(sound), 1 / 16_000)
    band = (hertz > 300) & (hertz < 3000)
    return float((hertz[band] * power[band]).sum() / power[band].sum())


@pytest.mark.parametrize("hertz", [95.0, 220.0])
def test_pitch_goes_to_the_pseudo_speaker_and_its_contour_is_kept(hertz: float) -> None:
    made = spoken_as(replace(NOBODY, f0=hertz, reach=1.0))
    f0 = pitch(made.astype(np.float32))
    assert np.median(f0[f0 > 0]) == pytest.approx(hertz, rel=0.06)
    correlation = contour_correlation(SOUND.astype(np.float32), made.astype(np.float32))
    assert correlation is not None and correlation > 0.7


def test_half_the_reach_is_half_the_way_in_log() -> None:
    own = measure(SOUND)
    assert own is not None
    f0 = pitch(spoken_as(replace(NOBODY, f0=4 * own.f0 / 2, reach=0.5)).astype(np.float32))
    assert np.median(f0[f0 > 0]) == pytest.approx(own.f0 * 2**0.5, rel=0.08)


def test_a_warp_moves_formants_and_the_colour_the_spectrum() -> None:
    voice = vowel(120.0, 2.0, formant=900.0).astype(np.float64)
    higher, lower = (spoken_as(replace(NOBODY, warp=(f,) * 6), voice) for f in (0.8, 1.25))
    assert centre(higher) > 1.1 * centre(voice) > 1.2 * centre(lower)
    bright = spoken_as(replace(NOBODY, colour=tuple(np.linspace(-9, 9, 12).tolist())), voice)
    assert centre(bright) > 1.02 * centre(voice)


def test_the_long_term_spectrum_goes_to_the_common_one() -> None:
    made = spoken_as(replace(NOBODY, reach=1.0))
    was, now = measure(SOUND), measure(made)
    assert was is not None and now is not None
    assert np.abs(now.spectrum).mean() < 0.6 * np.abs(was.spectrum).mean()


def test_angles_to_a_power_move_formants_and_leave_the_pitch() -> None:
    voice = vowel(120.0, 2.0, formant=900.0).astype(np.float64)
    assert centre(mcadams(voice, 0.8)) > 1.1 * centre(voice) > 1.2 * centre(mcadams(voice, 1.25))
    f0 = pitch(mcadams(voice, 0.8).astype(np.float32))
    assert np.median(f0[f0 > 0]) == pytest.approx(120.0, rel=0.02)
    assert (mcadams(voice, 1.0) == voice).all()


@given(seed=st.integers(0, 2**127), strength=st.floats(0.1, 2.0), length=st.integers(1, 9000), loud=st.floats(0.01, 8))
@settings(max_examples=15, deadline=None)
def test_length_and_level_stay_and_nothing_clips(seed: int, strength: float, length: int, loud: float) -> None:
    samples = np.clip(SOUND[8000 : 8000 + length] * loud, -1, 1)
    own, speaker = measure(SOUND), draw_speaker(seed, strength)
    assert own is not None
    made = mcadams(world(samples, own, COMMON, speaker), speaker.power)
    assert len(made) == length and np.isfinite(made).all() and np.abs(made).max() < 1


def test_nothing_moves_in_time() -> None:
    speaker = draw_speaker(5)
    made = mcadams(spoken_as(speaker), speaker.power)
    levels = [np.sqrt(np.mean(x[: len(x) // 160 * 160].reshape(-1, 160) ** 2, axis=1)) for x in (SOUND, made)]
    shifts = [np.corrcoef(levels[0][20:-20], np.roll(levels[1], k)[20:-20])[0, 1] for k in range(-8, 9)]
    assert abs(int(np.argmax(shifts)) - 8) <= 1 and max(shifts) > 0.6


def test_silence_is_no_voice_and_stays() -> None:
    own = measure(SOUND)
    assert own is not None and measure(np.zeros(4000)) is None
    assert not world(np.zeros(4000), own, COMMON, draw_speaker(1)).any()
    assert not mcadams(np.zeros(4000), 0.8).any()


def test_a_stronger_speaker_lies_farther() -> None:
    weak, strong = draw_speaker(7, 0.5), draw_speaker(7, 1.0)
    assert np.abs(np.log(weak.warp)).sum() < np.abs(np.log(strong.warp)).sum()
    assert weak.reach == 0.5 and weak.f0 == strong.f0
    with pytest.raises(ValueError, match="strength"):
        draw_speaker(7, 0.0)


def test_a_track_is_changed_in_its_turns_alone_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synthgen.generators.speech.revoice._LONGEST", 16_000)
    monkeypatch.setattr("synthgen.generators.speech.revoice._SEARCHED", 8_000)
    one = track(says(3, 1, 6.0), tmp_path)
    turns = (Segment(0, 8_000, 50_000, ""), Segment(1, 60_000, 61_000, ""))
    one = replace(one, segments=turns)
    sizes: list[int] = []

    def louder(samples: np.ndarray) -> np.ndarray:
        sizes.append(len(samples))
        return 2 * samples

    made = revoiced(one, louder, tmp_path)
    was, now = (soundfile.read(audio.path, dtype="int16")[0].astype(int) for audio in (one.audio, made))
    assert len(was) == len(now) == made.frames and max(sizes) <= 16_000 + 3_200 and len(sizes) >= 4
    inside = np.zeros(len(was), dtype=bool)
    inside[8_000:50_000] = inside[60_000:61_000] = True
    assert (now[~inside] == was[~inside]).all()
    assert np.abs(now[inside] - 2 * was[inside]).max() <= 1
    assert revoiced(one, louder, tmp_path) == made and not list(tmp_path.glob(".track*"))
    own = own_voice(one)
    assert own is not None and own.f0 > 50


def test_the_angles_of_a_polynomial_are_those_that_are_asked_for() -> None:
    poles = 0.9 * np.exp(1j * np.array([0.5, 1.0, 2.0]))
    polynomial = np.poly(np.concatenate([poles, poles.conj(), np.full(14, 0.1)])).real
    turned = np.roots(operators._with_angles(polynomial[None], 0.8)[0])
    found = np.sort(np.angle(turned[(np.abs(turned) > 0.8) & (turned.imag > 0)]))
    assert found == pytest.approx(np.array([0.5, 1.0, 2.0]) ** 0.8, abs=0.02)
