"""Planted copies: each is what its name says, seeded, of the originals, which stay as they are."""

from pathlib import Path

import numpy as np
import pytest
from speech_people import audio_of, people, sample, says

from synthgen.payloads.sound import RATE, Floats, read
from synthgen.payloads.speech import Speech, SpeechCondition
from synthgen.privacy_filters.speech import planted
from synthgen.privacy_filters.speech.planted import changed, planted_copies, world
from synthgen.records import Planted, Real, RoundTrip

soundfile = pytest.importorskip("soundfile")
soxr = pytest.importorskip("soxr")
pyworld = pytest.importorskip("pyworld")


def samples(payload: Speech) -> Floats:
    audio = audio_of(payload)
    return read(audio, [(0, audio.frames)])


@pytest.fixture(scope="module")
def originals(sounds: Path) -> list[Floats]:
    return [samples(record.payload) for record in people(2, sounds, first=50)]


@pytest.fixture(scope="module")
def copies(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Planted[Speech]]:
    scratch = tmp_path_factory.mktemp("speech-copies")
    return {p.perturbation: p for p in planted_copies(people(2, sounds, first=50), [], 0, scratch)}


def f0(x: Floats) -> float:
    found, _ = pyworld.harvest(x.astype(np.float64), RATE)  # another method than the copies' own
    return float(np.median(found[found > 0]))


def test_the_exact_copies_come_first_and_one_of_each_record_follows(copies: dict[str, Planted[Speech]]) -> None:
    assert next(iter(copies)) == "exact" and copies["exact"].domain == "exact"
    assert copies["world_round_trip"].domain == "generator"
    assert {"pitch_+2", "pitch_-2", "band_8khz", "mp3_64kbit", "noise_20db", "excerpt_half"} <= set(copies)
    assert {"telephone_gsm", "noise_10db", "reverberation_0.5s", "cuts_of_1s", "speed_0.8_or_1.25"} <= set(copies)
    assert copies["excerpt_half"].domain == "beyond"
    assert all(len(kind.payloads) == 2 for kind in copies.values())


def test_only_the_exact_copy_is_the_same_sound(copies: dict[str, Planted[Speech]], originals: list[Floats]) -> None:
    assert np.array_equal(samples(copies["exact"].payloads[0]), originals[0])
    for name, kind in copies.items():
        made = samples(kind.payloads[0])
        assert np.isfinite(made).all()
        if name != "exact":
            assert len(made) != len(originals[0]) or not np.allclose(made, originals[0], atol=1e-4)


def test_pitch_is_shifted_at_constant_length(copies: dict[str, Planted[Speech]], originals: list[Floats]) -> None:
    for name, semitones in (("world_round_trip", 0.0), ("pitch_+2", 2.0), ("pitch_-2", -2.0)):
        made = samples(copies[name].payloads[0])
        assert abs(len(made) - len(originals[0])) <= RATE // 100
        assert 12 * np.log2(f0(made) / f0(originals[0])) == pytest.approx(semitones, abs=0.4)


def test_the_band_ends_at_4_khz(copies: dict[str, Planted[Speech]], originals: list[Floats]) -> None:
    made = samples(copies["band_8khz"].payloads[0])
    power = np.abs(np.fft.rfft(made, RATE)) ** 2  # of the first second: a bin is 1 Hz
    assert power[4200:].sum() < 1e-4 * power[:4200].sum()
    assert np.corrcoef(made, originals[0])[0, 1] > 0.8


def test_the_codec_and_the_noise_have_their_levels(
    copies: dict[str, Planted[Speech]], originals: list[Floats], tmp_path: Path
) -> None:
    noise = samples(copies["noise_20db"].payloads[0]) - originals[0]
    assert 20 * np.log10(originals[0].std() / noise.std()) == pytest.approx(20.0, abs=0.2)
    level = samples(copies["level_-12db"].payloads[0])
    assert 20 * np.log10(level.std() / originals[0].std()) == pytest.approx(-12.0, abs=0.1)
    decoded = samples(copies["mp3_64kbit"].payloads[0])
    length = min(len(decoded), len(originals[0]))
    assert (
        max(abs(np.corrcoef(decoded[s : s + length // 2], originals[0][: length // 2])[0, 1]) for s in range(1300))
        > 0.9
    )


def test_the_codec_runs_at_64_kbit(tmp_path: Path) -> None:
    """The bit rate that libsndfile makes of the compression level: 8 kB a second."""
    path = tmp_path / "a.mp3"
    soundfile.write(
        str(path), says(1, 0, 20.0), RATE, format="MP3", subtype="MPEG_LAYER_III",
        compression_level=(160 - 64) / (160 - 8), bitrate_mode="CONSTANT",
    )  # fmt: skip
    assert path.stat().st_size == pytest.approx(20 * 8_000, rel=0.05)


def test_an_excerpt_is_a_stretch_of_it_and_speed_shortens(
    copies: dict[str, Planted[Speech]], originals: list[Floats]
) -> None:
    made = samples(copies["excerpt_half"].payloads[1])
    assert len(made) == len(originals[1]) // 2
    places = np.lib.stride_tricks.sliding_window_view(originals[1], 50)
    start = int(np.abs(places - made[:50]).sum(axis=1).argmin())
    assert np.allclose(originals[1][start : start + len(made)], made, atol=1e-4)
    faster = samples(copies["speed_1.06"].payloads[0])
    assert len(faster) == pytest.approx(len(originals[0]) / 1.06, rel=1e-3)
    assert 12 * np.log2(f0(faster) / f0(originals[0])) == pytest.approx(1.0, abs=0.4)


def test_the_seed_alone_tells_the_noise(sounds: Path, tmp_path: Path) -> None:
    def digests(seed: int) -> dict[str, str]:
        found = planted_copies(people(1, sounds, first=50), [], seed, tmp_path)
        return {p.perturbation: audio_of(p.payloads[0]).digest for p in found}

    first, again, other = digests(0), digests(0), digests(1)
    assert first == again
    changed_by_seed = {name for name in first if first[name] != other[name]}
    always = {"noise_20db", "noise_10db", "reverberation_0.5s", "excerpt_half", "cuts_of_1s"}
    assert always <= changed_by_seed <= always | {"speed_0.8_or_1.25", "tempo_0.8_or_1.25"}


def test_copies_do_not_tell_their_words_and_keep_all_tracks(sounds: Path, tmp_path: Path) -> None:
    both = sample([says(60, 0, 2.0), says(61, 0, 2.0)], sounds, ["how was your week", "hard"])
    record = Real("p", "r", SpeechCondition(), both)
    for kind in planted_copies([record], [], 0, tmp_path):
        (recording,) = kind.payloads[0].recordings
        assert len(recording.tracks) == 2
        assert {t.audio.frames for t in recording.tracks} == {recording.tracks[0].audio.frames}
        texts = [segment.text for t in recording.tracks for segment in t.segments]
        assert texts == (["how was your week", "hard"] if kind.perturbation == "exact" else ["", ""])


def test_of_an_hour_the_first_minute_is_copied(sounds: Path, tmp_path: Path) -> None:
    long = sample([np.tile(says(62, 0, 5.0), 15)], sounds, [""])
    copy = changed(long, lambda x, _: 0.5 * x, np.random.default_rng(0), tmp_path)
    assert audio_of(copy).frames == 60 * RATE


def test_round_trips_of_the_generator_come_last(sounds: Path, tmp_path: Path) -> None:
    records = people(2, sounds, first=50)
    mine = RoundTrip("vocoder", "generator", lambda found: [record.payload for record in found])
    last = list(planted_copies(records, [mine], 0, tmp_path))[-1]
    assert (last.perturbation, last.domain) == ("vocoder", "generator")
    assert last.payloads == tuple(record.payload for record in records)


def test_silence_can_be_copied(sounds: Path, tmp_path: Path) -> None:
    silent = Real("p", "r", SpeechCondition(), sample([np.zeros(RATE, dtype=np.float32)], sounds, [""]))
    for kind in planted_copies([silent], [], 0, tmp_path):
        assert np.isfinite(samples(kind.payloads[0])).all()
    assert np.abs(world(np.zeros(RATE, dtype=np.float32))).max() < 1e-3


def test_cuts_are_the_same_sound_in_another_order() -> None:
    original = np.arange(int(3.6 * RATE), dtype=np.float32)
    made = planted._cuts(original, np.random.default_rng(0))
    assert not np.array_equal(made, original) and np.array_equal(np.sort(made), original)
    assert 3 <= np.count_nonzero(np.diff(made) != 1) + 1 <= 5


def test_tempo_changes_at_constant_pitch(originals: list[Floats]) -> None:
    slower = world(originals[0], tempo=0.8)
    assert len(slower) == pytest.approx(len(originals[0]) / 0.8, rel=0.01)
    assert 12 * np.log2(f0(slower) / f0(originals[0])) == pytest.approx(0.0, abs=0.4)


def test_a_room_adds_echoes_after_the_sound() -> None:
    click = np.zeros(RATE, dtype=np.float32)
    click[100] = 1.0
    made = planted._reverberant(click, np.random.default_rng(0))
    assert np.abs(made[:100]).max() < 1e-6
    assert np.linalg.norm(made[100:] - click[100:]) == pytest.approx(1.0, rel=0.01)
    assert np.linalg.norm(made[100 + RATE // 4 :]) < 0.05


def test_a_telephone_keeps_what_is_said_below_4_khz(originals: list[Floats], tmp_path: Path) -> None:
    made = planted._telephone(originals[0], tmp_path)
    assert len(made) == len(originals[0])
    power = np.abs(np.fft.rfft(made, RATE)) ** 2
    assert power[4200:].sum() < 1e-3 * power[:4200].sum()
    assert not list(tmp_path.iterdir())
