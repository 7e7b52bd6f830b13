"""Sound files as they really come: cut off, streamed, on two channels, from telephones, and with nobody in them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy import signal

from synthgen.generators.speech.cohort.channels import compare
from synthgen.generators.speech.cohort.conversion import Store
from synthgen.generators.speech.cohort.damage import cut_off
from tests.helpers.field_speech import (
    RATE,
    Notices,
    advised,
    people_of,
    pitch_of,
    read,
    refusal,
    samples_of,
    voice,
    write,
    write_table,
)

Floats = NDArray[np.float64]


def three(folder: Path, name: str = "bad.wav") -> Path:
    """Two good recordings, and a table that names a third."""
    write(folder / "a.wav", voice(110))
    write(folder / "b.wav", voice(170))
    write_table(folder, [["file_name", "speaker_id"], ["a.wav", "a"], ["b.wav", "b"], [name, "c"]])
    return folder


def reasons(loaded: Any) -> list[tuple[str, int]]:
    return [(skip.reason, skip.count) for skip in loaded.skipped]


def _cut(path: Path, share: float = 0.5, **options: Any) -> None:
    write(path, voice(200, 3.0), **options)
    content = path.read_bytes()
    path.write_bytes(content[: round(len(content) * share)])


CUT: list[tuple[str, Callable[[Path], None]]] = [
    ("bad.wav", _cut),
    ("bad.wav", lambda path: _cut(path, 0.98)),
    ("bad.wav", lambda path: _cut(path, subtype="PCM_24")),
    ("bad.wav", lambda path: _cut(path, subtype="ALAW")),
    ("bad.wav", lambda path: _cut(path, subtype="FLOAT")),
    ("bad.wav", lambda path: _cut(path, format="RF64")),
    ("bad.wav", lambda path: _cut(path, format="WAVEX")),
    ("bad.aiff", _cut),
    ("bad.au", _cut),
    ("bad.flac", _cut),
    ("bad.mp3", _cut),
]
CUT_IDS = ["half", "the last 2%", "24 bit", "A-law", "float", "RF64", "WAVEX", "AIFF", "AU", "FLAC", "MP3 with a count"]


@pytest.mark.field("recordings: files", "refused")
@pytest.mark.parametrize(("name", "make"), CUT, ids=CUT_IDS)
def test_a_file_that_was_cut_off_is_refused_and_may_be_left_out(
    tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    folder = three(tmp_path / "cohort", name)
    make(folder / name)
    said = refusal(folder)
    assert said.startswith(f"{name} (metadata.csv, row 4) ")
    assert "cut off" in said or "decoded to its end" in said
    loaded = read(folder, **advised(said, "damaged"))
    assert people_of(loaded) == ["a", "b"]
    assert reasons(loaded) == [("damaged recording", 1)]


def _patched(path: Path, at: bytes, shift: int, value: bytes) -> None:
    content = path.read_bytes()
    place = content.index(at) + shift
    path.write_bytes(content[:place] + value + content[place + len(value) :])


def _streamed(told: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        write(path, voice(200, 3.0))
        _patched(path, b"RIFF", 4, struct.pack("<I", told))
        _patched(path, b"data", 4, struct.pack("<I", told))

    return make


def _with_a_trailer(path: Path) -> None:
    write(path, voice(200, 3.0))
    path.write_bytes(path.read_bytes() + b"LIST" + struct.pack("<I", 4) + b"INFO")


def _with_bytes_too_many(path: Path) -> None:
    write(path, voice(200, 3.0))
    path.write_bytes(path.read_bytes() + b"\0" * 1000)


def _flac_without_a_length(path: Path) -> None:
    write(path, voice(200, 3.0))
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the length is the last 36 bits before the digest
    content[22:26] = b"\0\0\0\0"
    path.write_bytes(bytes(content))


STREAMED: list[tuple[str, Callable[[Path], None]]] = [
    ("bad.wav", _streamed(0)),
    ("bad.wav", _streamed(0xFFFFFFFF)),
    ("bad.wav", _streamed(0x7FFFF000)),
    ("bad.wav", _with_a_trailer),
    ("bad.wav", _with_bytes_too_many),
    ("bad.flac", _flac_without_a_length),
]
STREAMED_IDS = ["length 0", "length of ffmpeg's pipes", "length of SoX's pipes", "trailer", "padding", "FLAC untold"]


@pytest.mark.field("recordings: files", "read")
@pytest.mark.parametrize(("name", "make"), STREAMED, ids=STREAMED_IDS)
def test_a_file_whose_header_does_not_know_its_length_is_read_to_its_end(
    tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    folder = three(tmp_path / "cohort", name)
    make(folder / name)
    loaded = read(folder)
    assert people_of(loaded) == ["a", "b", "c"]
    assert len(samples_of(loaded, 2)) == pytest.approx(3 * RATE, abs=600)


KINDS: list[tuple[str, int, dict[str, Any]]] = [
    ("clip.wav", 8_000, {"subtype": "ALAW"}),
    ("clip.wav", 8_000, {"subtype": "ULAW"}),
    ("clip.wav", 11_025, {"subtype": "PCM_U8"}),
    ("clip.wav", 192_000, {"subtype": "PCM_24"}),
    ("clip.wav", 96_000, {"subtype": "DOUBLE"}),
    ("clip.wav", 8_000, {"subtype": "GSM610"}),
    ("clip.wav", 22_050, {"subtype": "IMA_ADPCM"}),
    ("clip.WAV", 16_000, {}),
    ("clip.sph", 16_000, {"format": "NIST", "subtype": "PCM_16"}),
    ("clip.sph", 8_000, {"format": "NIST", "subtype": "ULAW"}),
    ("clip.caf", 44_100, {"subtype": "PCM_16"}),
    ("clip.opus", 48_000, {"format": "OGG", "subtype": "OPUS"}),
    ("clip.oga", 44_100, {"format": "OGG", "subtype": "VORBIS"}),
    ("clip.w64", 16_000, {"subtype": "PCM_16"}),
    ("clip.aifc", 16_000, {"format": "AIFF", "subtype": "PCM_16"}),
    ("clip.voc", 16_000, {"subtype": "PCM_16"}),
]


@pytest.mark.field("recordings: files", "read")
@pytest.mark.parametrize(
    ("name", "rate", "options"), KINDS, ids=[f"{n}-{r}-{o.get('subtype', '')}" for n, r, o in KINDS]
)
def test_each_kind_of_file_is_the_same_voice(tmp_path: Path, name: str, rate: int, options: dict[str, Any]) -> None:
    write(tmp_path / "cohort" / "anna" / name, voice(150, 2.0, rate), rate, **options)
    samples = samples_of(read(tmp_path / "cohort"))
    assert len(samples) == pytest.approx(2 * RATE, rel=0.02)
    assert pitch_of(samples) == pytest.approx(150, abs=12)


BY_PYAV: list[tuple[str, str, int]] = [
    ("clip.m4a", "aac", 44_100),
    ("clip.mp4", "aac", 48_000),
    ("clip.mov", "aac", 44_100),
    ("clip.aac", "aac", 22_050),
    ("clip.webm", "libopus", 48_000),
    ("clip.mka", "libopus", 48_000),
    ("clip.mkv", "pcm_s16le", 16_000),
    ("clip.3gp", "aac", 22_050),
    ("clip.wav", "aac", 44_100),  # a telephone's m4a under another name
]


def _encoded(path: Path, codec: str, rate: int, samples: Floats) -> None:
    av = pytest.importorskip("av")
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {".m4a": "mp4", ".wav": "mp4", ".aac": "adts", ".mka": "matroska", ".mkv": "matroska"}.get(path.suffix)
    with av.open(str(path), "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.int16(samples * 32767)[None], format="s16", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(
            stream.codec_context.format, "mono", rate, stream.codec_context.frame_size or None
        )
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))


@pytest.mark.field("recordings: files", "read")
@pytest.mark.parametrize(("name", "codec", "rate"), BY_PYAV, ids=[f"{n}-{c}" for n, c, _ in BY_PYAV])
def test_what_libsndfile_does_not_know_is_read_by_pyav(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    _encoded(tmp_path / "cohort" / "anna" / name, codec, rate, voice(150, 2.0, rate))
    samples = samples_of(read(tmp_path / "cohort"))
    assert len(samples) == pytest.approx(2 * RATE, rel=0.06)
    assert pitch_of(samples) == pytest.approx(150, abs=12)


@pytest.mark.field("recordings: files", "refused")
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_an_m4a_that_was_cut_off_is_refused_and_may_be_left_out(tmp_path: Path, share: float) -> None:
    folder = three(tmp_path / "cohort", "bad.m4a")
    _encoded(folder / "bad.m4a", "aac", 44_100, voice(200, 3.0, 44_100))
    content = (folder / "bad.m4a").read_bytes()
    (folder / "bad.m4a").write_bytes(content[: round(len(content) * share)])
    said = refusal(folder)
    assert "bad.m4a (metadata.csv, row 4) is no sound file, or is cut off" in said
    assert reasons(read(folder, **advised(said, "damaged"))) == [("damaged recording", 1)]


@pytest.mark.field("recordings: files", "refused")
def test_a_playlist_under_the_name_of_a_sound_leads_nowhere(tmp_path: Path) -> None:
    folder = three(tmp_path / "cohort", "bad.m4a")
    (folder / "bad.m4a").write_text("#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/secret.ts\n")
    said = refusal(folder)
    assert "is no sound file" in said
    assert people_of(read(folder, **advised(said, "damaged"))) == ["a", "b"]


def _hum(hz: float, harmonics: int = 1, noise: float = 0.0) -> Floats:
    t = np.arange(4 * RATE) / RATE
    made = sum(0.1 / k * np.sin(2 * np.pi * hz * k * t + k) for k in range(1, harmonics + 1))
    return np.asarray(made + noise * np.random.default_rng(3).standard_normal(len(t)))


def _hiss() -> Floats:
    return np.asarray(0.1 * np.random.default_rng(1).standard_normal(4 * RATE))


def _rumble() -> Floats:
    made = signal.lfilter([1.0], [1.0, -0.98], np.random.default_rng(2).standard_normal(4 * RATE))
    return np.asarray(0.02 * made)


NOBODY: list[tuple[str, Floats, str]] = [
    ("hum of 50 Hz", _hum(50), "recording with no voice in it"),
    ("hum of 60 Hz", _hum(60), "recording with no voice in it"),
    ("hum of 100 Hz with harmonics", _hum(100, 12), "recording with no voice in it"),
    ("hum of 50 Hz with harmonics", _hum(50, 12), "recording with no voice in it"),
    ("hum in hiss", _hum(50, 12, 0.05), "recording with no voice in it"),
    ("hiss", _hiss(), "recording with no voice in it"),
    ("faint hiss", 0.01 * _hiss(), "recording with no voice in it"),
    ("rumble", _rumble(), "recording with no voice in it"),
    ("dialling tone", _hum(425), "recording with no voice in it"),
    ("offset", np.full(4 * RATE, 0.3), "silent recording"),
    ("offset and hiss", np.full(4 * RATE, 0.3) + 0.1 * _hiss(), "recording with no voice in it"),
    ("digital silence", np.zeros(4 * RATE), "silent recording"),
    ("a click", np.eye(1, 4 * RATE, 2 * RATE)[0] * 0.9, "less than 1 s of speech (modality.cohort.shortest_seconds)"),
]


@pytest.mark.field("recordings: nobody", "counted")
@pytest.mark.parametrize(("name", "sound", "reason"), NOBODY, ids=[name for name, _, _ in NOBODY])
def test_hum_hiss_and_silence_are_nobody(tmp_path: Path, name: str, sound: Floats, reason: str) -> None:
    folder = three(tmp_path / "cohort")
    write(folder / "bad.wav", sound)
    notices = Notices()
    loaded = read(folder, notices)
    assert people_of(loaded) == ["a", "b"]
    assert reasons(loaded) == [(reason, 1)]
    assert f"left out 1 × {reason}" in notices.lines


SOMEBODY: list[tuple[str, Floats]] = [
    ("in hiss", voice(110, 4.0) + 0.3 * _hiss()),
    ("over a hum", voice(110, 4.0) + 0.5 * _hum(50, 12)),
    ("with an offset", voice(110, 4.0) + 0.3),
    ("clipped", np.clip(8 * voice(110, 4.0), -1, 1)),
    ("faint", 0.01 * voice(110, 4.0)),
    ("high", voice(320, 4.0)),
    (
        "through a telephone",
        signal.sosfilt(signal.butter(4, (300, 3400), "band", fs=RATE, output="sos"), voice(110, 4.0)),
    ),
    ("rarely", np.concatenate([np.zeros(20 * RATE), voice(110, 2.0)])),
]


@pytest.mark.field("recordings: nobody", "read")
@pytest.mark.parametrize(("name", "sound"), SOMEBODY, ids=[name for name, _ in SOMEBODY])
def test_a_voice_is_heard_through_what_is_wrong_with_the_recording(tmp_path: Path, name: str, sound: Floats) -> None:
    folder = three(tmp_path / "cohort")
    write(folder / "bad.wav", sound, subtype="FLOAT")
    loaded = read(folder)
    assert people_of(loaded) == ["a", "b", "c"]
    assert abs(samples_of(loaded, 2).mean()) < 2e-3


def _pair(left: Floats, right: Floats) -> Floats:
    length = min(len(left), len(right))
    return np.column_stack([left[:length], right[:length]])


def _turns(leak: float = 0.0) -> Floats:
    """Two people who take turns on a channel each, of whose voice a share leaks across."""
    first, second = voice(110, 6.0, seed=1), voice(200, 6.0, seed=2)
    gate = (np.arange(6 * RATE) // RATE) % 2
    one, two = first * (1 - gate), second * gate
    hiss = 2e-4 * np.random.default_rng(5).standard_normal((2, len(one)))
    return _pair(one + leak * two + hiss[0], two + leak * one + hiss[1])


DIFFERENT: list[tuple[str, Floats]] = [
    ("a call", _turns()),
    ("a call that leaks", _turns(0.15)),
    ("both at once", _pair(voice(110, 4.0, seed=1), voice(200, 4.0, seed=2))),
    ("one much quieter", _pair(voice(110, 4.0, seed=1), 0.05 * voice(200, 4.0, seed=2))),
    ("three channels", np.column_stack([voice(110, 4.0), voice(110, 4.0), voice(200, 4.0)])),
]


@pytest.mark.field("recordings: channels", "refused")
@pytest.mark.parametrize("choice", ["left", "right", "mix"])
@pytest.mark.parametrize(("name", "sound"), DIFFERENT, ids=[name for name, _ in DIFFERENT])
def test_channels_that_differ_are_asked_for(tmp_path: Path, name: str, sound: Floats, choice: str) -> None:
    folder = three(tmp_path / "cohort")
    write(folder / "bad.wav", sound)
    said = refusal(folder)
    assert said.startswith("1 of 1 recordings with several channels hold different sound")
    assert choice in said
    notices = Notices()
    samples = samples_of(read(folder, notices, channel=choice), 2)
    wanted = sound.mean(axis=1) if choice == "mix" else sound[:, ("left", "right").index(choice)]
    assert np.allclose(samples, wanted, atol=3e-3)
    assert f"1 recordings have channels that differ; taken: {choice}" in notices.lines


@pytest.mark.field("recordings: channels", "read")
@pytest.mark.parametrize("words", [("left", "right"), ("L", "R"), ("A", "B"), ("1", "2"), ("0", "1")])
def test_a_column_tells_the_channels(tmp_path: Path, words: tuple[str, str]) -> None:
    folder = tmp_path / "cohort"
    write(folder / "call.wav", _turns(), 16_000)
    rows = [["call.wav", "ann", words[0]], ["call.wav", "ben", words[1]]]
    write_table(folder, [["file_name", "speaker_id", "channel"], *rows])
    loaded = read(folder)
    assert people_of(loaded) == ["ann", "ben"]
    assert [round(pitch_of(samples_of(loaded, i)), -1) for i in (0, 1)] == pytest.approx([110, 200], abs=20)


def _room(dry: Floats, seed: int, shift: int) -> Floats:
    rng = np.random.default_rng(seed)
    tail = rng.standard_normal(RATE // 3) * np.exp(-6.9 * np.arange(RATE // 3) / (RATE // 3))
    tail *= 0.6 / np.sqrt((tail**2).sum())
    tail[shift] += 1.0
    return np.asarray(signal.fftconvolve(dry, tail)[: len(dry)])


ALIKE: list[tuple[str, Callable[[Floats], Floats], dict[str, Any]]] = [
    ("the same twice", lambda s: _pair(s, s), {}),
    ("one louder", lambda s: _pair(s, 0.3 * s), {}),
    ("through MP3", lambda s: _pair(s, 0.9 * s), {"format": "MP3"}),
    ("a room through two microphones", lambda s: _pair(_room(s, 1, 3), 0.7 * _room(s, 2, 30)), {}),
    ("one channel empty", lambda s: _pair(s, 0 * s), {}),
    ("one channel of faint hiss", lambda s: _pair(1e-3 * _hiss()[: len(s)], s), {}),
    ("one channel upside down", lambda s: _pair(s, -s), {}),
]


@pytest.mark.field("recordings: channels", "read")
@pytest.mark.parametrize(("name", "made", "options"), ALIKE, ids=[name for name, _, _ in ALIKE])
def test_channels_of_one_sound_are_read_in_silence(
    tmp_path: Path, name: str, made: Callable[[Floats], Floats], options: dict[str, Any]
) -> None:
    folder = three(tmp_path / "cohort")
    sound = voice(140, 4.0)
    write(folder / "bad.wav", made(sound), **options)
    notices = Notices()
    loaded = read(folder, notices)
    assert people_of(loaded) == ["a", "b", "c"]
    assert pitch_of(samples_of(loaded, 2)) == pytest.approx(140, abs=12)
    assert samples_of(loaded, 2).std() > 0.4 * sound.std()
    assert not any("channel" in line for line in notices.lines)


def test_the_comparison_of_channels_is_kept_for_the_next_run(tmp_path: Path) -> None:
    folder = three(tmp_path / "cohort")
    write(folder / "bad.wav", _pair(voice(140), voice(140)))
    first = read(folder)
    before = (tmp_path / "cache" / "conversions.json").read_bytes()
    assert read(folder) == first
    assert (tmp_path / "cache" / "conversions.json").read_bytes() == before
    assert Store(tmp_path / "cache")._compared


def test_a_comparison_does_not_depend_on_how_the_sound_is_cut_into_blocks() -> None:
    sound = _turns(0.1).astype(np.float32)
    whole, parts = compare([sound], RATE), compare(np.split(sound, [4096 * 12]), RATE)
    assert parts.spread == pytest.approx(whole.spread, abs=1.5)
    assert parts.differ
    assert whole.differ


@pytest.mark.field("recordings: files", "counted")
def test_the_same_recording_in_two_formats_is_counted_once(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    for speaker, hz in (("anna", 190), ("ben", 110)):
        write(folder / speaker / "one.wav", voice(hz))
        write(folder / speaker / "one.mp3", voice(hz))
        write(folder / speaker / "two.wav", voice(hz, seed=7))
    loaded = read(folder)
    assert people_of(loaded) == ["anna", "anna", "ben", "ben"]
    assert reasons(loaded) == [("the same recording in another format", 2)]


@pytest.mark.field("recordings: files", "read")
def test_recordings_of_one_name_and_other_lengths_are_two(tmp_path: Path) -> None:
    write(tmp_path / "cohort" / "anna" / "one.wav", voice(190, 2.0))
    write(tmp_path / "cohort" / "anna" / "one.mp3", voice(190, 4.0, seed=3))
    assert people_of(read(tmp_path / "cohort")) == ["anna", "anna"]


@pytest.mark.field("recordings: files", "read")
def test_an_ogg_without_the_mark_of_its_end_is_kept_and_said(tmp_path: Path) -> None:
    folder = three(tmp_path / "cohort", "bad.ogg")
    write(folder / "bad.ogg", voice(200, 20.0))
    content = (folder / "bad.ogg").read_bytes()
    (folder / "bad.ogg").write_bytes(content[: content.rindex(b"OggS")])
    notices = Notices()
    assert people_of(read(folder, notices)) == ["a", "b", "c"]
    assert "1 Ogg files have no mark of their end and may be cut off; kept" in notices.lines


def test_whole_files_of_every_kind_are_not_taken_for_cut_off(tmp_path: Path) -> None:
    for kind, subtypes in {
        "WAV": ("PCM_16", "PCM_U8", "FLOAT"),
        "RF64": ("PCM_16",),
        "AIFF": ("PCM_16", "PCM_24"),
    }.items():
        for subtype in subtypes:
            for frames in (RATE, RATE + 1):
                path = write(tmp_path / f"{kind}-{subtype}-{frames}", np.zeros(frames), format=kind, subtype=subtype)
                assert not cut_off(path), path.name
                assert soundfile.info(path).frames == frames
