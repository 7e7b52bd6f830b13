"""From files to windows of voiced speech: ranges, rates, pauses, silence, damage, and views of them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from speech_people import says, track

from synthgen.errors import UserError
from synthgen.payloads import sound
from synthgen.payloads.sound import RATE
from synthgen.payloads.speech import Audio, Segment, Track
from synthgen.privacy_filters.speech import views

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("soxr")


def written(path: Path, samples: np.ndarray, rate: int = RATE, subtype: str = "PCM_16") -> Audio:
    soundfile.write(str(path), samples, rate, subtype=subtype)
    return Audio(path, path.name, rate, len(samples))


def test_ranges_are_read_one_after_the_other(tmp_path: Path) -> None:
    samples = np.linspace(-0.5, 0.5, RATE, dtype=np.float32)
    audio = written(tmp_path / "a.wav", samples, subtype="FLOAT")
    found = sound.read(audio, [(100, 200), (50, 60)])
    assert found.dtype == np.float32
    assert np.array_equal(found, np.concatenate([samples[100:200], samples[50:60]]))
    assert len(sound.read(audio, [])) == 0


def test_other_rates_and_two_channels_become_mono_at_16_khz(tmp_path: Path) -> None:
    times = np.arange(44_100) / 44_100
    both = np.stack([np.sin(2 * np.pi * 440 * times), np.zeros(44_100)], axis=1) * 0.5
    found = sound.read(written(tmp_path / "a.wav", both, 44_100), [(0, 44_100)])
    assert abs(len(found) - RATE) <= 1
    spectrum = np.abs(np.fft.rfft(found[:RATE]))
    assert abs(int(spectrum.argmax()) - 440) <= 1
    assert found.std() == pytest.approx(0.25 / np.sqrt(2), rel=0.02)


def test_what_is_no_number_is_silence_and_nothing_is_endlessly_loud(tmp_path: Path) -> None:
    samples = says(1, 0)
    broken = samples.copy()
    broken[100:200], broken[300], broken[400] = np.nan, np.inf, 1e30
    found = sound.read(written(tmp_path / "a.wav", broken, subtype="FLOAT"), [(0, len(broken))])
    assert np.isfinite(found).all() and np.abs(found).max() <= 16
    assert not found[100:200].any() and found[300] == 0
    assert np.array_equal(found[500:], samples[500:])


@pytest.mark.parametrize("content", [None, b"", b"RIFFthis is no sound"])
def test_a_file_that_is_gone_or_damaged_is_one_clear_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.flac"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.flac is gone or damaged"):
        sound.read(Audio(path, "", RATE, 100), [(0, 100)])


@given(st.lists(st.tuples(st.integers(-50, 1200), st.integers(-50, 1200)), min_size=1, max_size=12))
def test_spoken_ranges_are_in_order_disjoint_and_hold_every_turn(turns: list[tuple[int, int]]) -> None:
    segments = tuple(Segment(i, start, end, "") for i, (start, end) in enumerate(turns))
    ranges = sound.spoken(Track("patient", Audio(Path("a"), "", RATE, 1000), segments))
    flat = [edge for pair in ranges for edge in pair]
    assert flat == sorted(set(flat)) and all(0 <= edge <= 1000 for edge in flat)
    covered = {sample for start, end in turns for sample in range(max(start, 0), min(end, 1000))}
    assert covered == {sample for start, end in ranges for sample in range(start, end)}


def test_a_track_without_turns_is_all_speech() -> None:
    assert sound.spoken(Track("speaker", Audio(Path("a"), "", RATE, 7), ())) == [(0, 7)]


def test_a_long_track_is_read_whole_in_pieces_of_its_turns(tmp_path: Path) -> None:
    samples = np.zeros(RATE * 120, dtype=np.float32)
    samples[RATE * 30 : RATE * 60] = np.linspace(0.1, 0.2, RATE * 30)
    samples[RATE * 90 :] = np.linspace(0.2, 0.3, RATE * 30)
    audio = written(tmp_path / "a.flac", samples)
    turns = (Segment(0, RATE * 30, RATE * 60, ""), Segment(1, RATE * 90, RATE * 120, ""))
    found = list(sound.blocks(Track("patient", audio, turns), seconds=25.0))
    assert [len(block) for block in found] == [20 * RATE] * 3
    spoken = np.concatenate([samples[RATE * 30 : RATE * 60], samples[RATE * 90 :]])
    assert np.allclose(np.concatenate(found), spoken, atol=1e-4)


def test_pauses_are_cut_and_level_says_nothing() -> None:
    speech = says(3, 0, 2.0)
    pause = (1e-4 * np.random.default_rng(0).standard_normal(2 * RATE)).astype(np.float32)
    kept = sound.voiced(np.concatenate([speech, pause, speech]))
    assert 0.5 * 2 * len(speech) < len(kept) < 1.15 * 2 * len(speech)
    (one,) = sound.windows(sound.voiced(speech)[:RATE], 1.0)
    (quiet,) = sound.windows(sound.voiced(speech * np.float32(0.05))[:RATE], 1.0)
    assert np.sqrt(np.mean(one**2)) == pytest.approx(0.05, rel=1e-4)
    assert np.allclose(one, quiet, atol=1e-5)


@pytest.mark.parametrize("length", [0, 1, 100, 5 * RATE])
def test_nothing_is_left_of_silence(length: int) -> None:
    silence = np.zeros(length, dtype=np.float32)
    assert len(sound.voiced(silence)) == 0
    assert sound.windows(silence[:0], 3.0) == []


def test_levels_are_one_and_silence_stays_silence() -> None:
    quiet = sound.levelled(says(3, 0, 1.0) * np.float32(1e-3))
    assert np.sqrt(np.mean(quiet**2)) == pytest.approx(0.05, rel=1e-4)
    assert not sound.levelled(np.zeros(100, dtype=np.float32)).any() and len(sound.levelled(quiet[:0])) == 0


@given(st.integers(1, 200_000))
def test_windows_cover_all_but_a_short_rest_and_a_short_sound_is_one_window(length: int) -> None:
    samples = np.arange(1, length + 1, dtype=np.float32)
    found = sound.windows(samples, 1.0)
    if length < RATE:
        assert [len(window) for window in found] == [length]
        return
    assert {len(window) for window in found} == {RATE}
    starts = [round(float(window[0] / (window[1] - window[0]))) - 1 for window in found]  # levels say nothing
    assert starts[0] == 0 and np.diff(starts, append=starts[-1]).max(initial=0) <= 1.3 * RATE
    assert length - starts[-1] <= 1.3 * RATE


def test_the_narrow_view_keeps_what_a_telephone_carries() -> None:
    noise = np.random.default_rng(2).standard_normal(RATE).astype(np.float32)
    before, after = (np.abs(np.fft.rfft(x)) ** 2 for x in (noise, views.narrow(noise)))
    assert after[4500:].sum() < 1e-3 * before[4500:].sum()
    assert after[200:3000].sum() == pytest.approx(before[200:3000].sum(), rel=0.05)


def test_a_track_of_the_helpers_is_what_was_said(tmp_path: Path) -> None:
    samples = says(8, 0, 1.0)
    made = track(samples, tmp_path)
    assert np.allclose(sound.read(made.audio, sound.spoken(made)), samples, atol=2**-15)
