"""Rendering: tracks and times agree to the sample, bytes are the same again, a session is never spoken twice."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from synthgen.errors import SynthgenError, UserError
from synthgen.generators.speech.backends.espeak import Espeak
from synthgen.generators.speech.backends.protocol import Capabilities, Utterance
from synthgen.generators.speech.config import RATE, GeneratorConfig, GuardConfig, TimingConfig
from synthgen.generators.speech.emotions import MANNERS
from synthgen.generators.speech.encode import decode, encode
from synthgen.generators.speech.sampler import SpeechGenerator
from synthgen.generators.speech.tracks import BLOCK, RoomTone, TrackWriter, blocks, mixed
from synthgen.generators.speech.voices import VoiceCard
from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.payloads.speech import Emotion, Speech, SpeechCondition
from synthgen.records import Request

DIALOGUE = Dialogue(
    (
        Turn("clinician", "Hello. How have you been?", "calm"),
        Turn("patient", "I lie awake, and I keep thinking about it.", "depressed"),
        Turn("patient", "...", "sad"),
        Turn("clinician", "What do you think about?"),
        Turn("patient", "That nobody called me!", "angry"),
    ),
    (("phq9", 17),),
)
CONDITION = SpeechCondition(setting="therapy", severity="severe")


@pytest.fixture(scope="module")
def espeak() -> Iterator[Espeak]:
    pytest.importorskip("espeakng_loader")
    backend = Espeak.installed()
    yield backend
    backend.close()


def generator(backend: object, scratch: Path, dialogue: Dialogue = DIALOGUE, **timing: float) -> SpeechGenerator:
    config = GeneratorConfig(timing=TimingConfig(**timing))
    return SpeechGenerator(lambda _: [dialogue], backend, config, scratch)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def speech(espeak: Espeak, tmp_path_factory: pytest.TempPathFactory) -> Speech:
    return generator(espeak, tmp_path_factory.mktemp("scratch"))([Request(5, CONDITION)])[0].payload


def sound(path: Path) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return soundfile.read(path, dtype="int16")[0]  # type: ignore[no-any-return]


def test_tracks_are_a_quiet_room_outside_their_segments_and_sound_within(speech: Speech) -> None:
    recording = speech.recordings[0]
    assert [track.role for track in recording.tracks] == ["clinician", "patient"]
    assert [s.turn for track in recording.tracks for s in track.segments] == [0, 3, 1, 4]
    for track in recording.tracks:
        samples = sound(track.audio.path)
        assert len(samples) == track.audio.frames and track.audio.rate == RATE
        for segment in track.segments:
            inside = samples[segment.start : segment.end].astype(float)
            assert inside.std() > 100 and np.abs(inside[:400]).max() > 0 and np.abs(inside[-400:]).max() > 0
            samples[segment.start : segment.end] = 0
        room = samples[samples != 0].astype(float)
        assert len(room) > 0.8 * (len(samples) - sum(s.end - s.start for s in track.segments))
        assert -80 < 20 * np.log10(room.std() / 32768) < -60 and np.abs(room).max() < 200


def test_the_stretches_of_a_turn_leave_its_silences_out(espeak: Espeak, tmp_path: Path) -> None:
    said = "I lay awake. Nobody called. It was late, and I was cold. Then I slept."
    turns = (Turn("clinician", "Yes.", "neutral"), Turn("patient", said, "neutral"))
    made = generator(espeak, tmp_path, Dialogue(turns), sentence=1.5, comma=0.1)([Request(2, CONDITION)])
    track = made[0].payload.recordings[0].tracks[1]
    (segment,) = track.segments
    samples = sound(track.audio.path).astype(float)
    assert len(segment.stretches) >= 4
    edges = [edge for stretch in segment.stretches for edge in stretch]
    assert edges == sorted(edges) and segment.start <= edges[0] and edges[-1] <= segment.end
    for (_, before), (after, _) in pairwise(segment.stretches):
        assert after - before >= 0.3 * RATE
        assert samples[before:after].std() < 0.05 * samples[segment.start : segment.end].std()
    assert all(samples[start:end].std() > 100 for start, end in segment.stretches)


def test_without_room_tone_there_is_digital_silence(espeak: Espeak, tmp_path: Path) -> None:
    config = GeneratorConfig(room_tone=False)
    made = SpeechGenerator(lambda _: [DIALOGUE], espeak, config, tmp_path)([Request(5, CONDITION)])
    for track in made[0].payload.recordings[0].tracks:
        samples = sound(track.audio.path)
        for segment in track.segments:
            samples[segment.start : segment.end] = 0
        assert not samples.any()


def test_room_tone_does_not_depend_on_how_it_is_asked_for() -> None:
    whole = RoomTone(-70.0, 3)(5000)
    parts = RoomTone(-70.0, 3)
    assert np.array_equal(whole, np.concatenate([parts(1), parts(4000), parts(999)]))
    assert 20 * np.log10(whole.std()) == pytest.approx(-70.0, abs=1.0)
    assert not np.array_equal(whole, RoomTone(-70.0, 4)(5000))


def test_words_lie_within_their_turns_and_spell_them(speech: Speech) -> None:
    for track in speech.recordings[0].tracks:
        for segment in track.segments:
            edges = [edge for word in segment.words for edge in (word.start, word.end)]
            assert edges == sorted(edges) and segment.start <= edges[0] and edges[-1] <= segment.end
            assert " ".join(word.text for word in segment.words) == segment.text


def test_the_mix_is_the_sum_of_the_tracks(speech: Speech) -> None:
    audio = [track.audio for track in speech.recordings[0].tracks]
    total = np.sum([sound(a.path).astype(int) for a in audio], axis=0)
    assert np.array_equal(np.concatenate(list(mixed(audio))), total) and np.abs(total).max() < 32767


def test_the_same_request_gives_the_same_bytes_and_another_voice_says_the_same(
    espeak: Espeak, speech: Speech, tmp_path: Path
) -> None:
    make = generator(espeak, tmp_path)
    again, other = (sample.payload for sample in make([Request(5, CONDITION), Request(6, CONDITION)]))
    assert encode(again) == encode(speech) != encode(other)
    assert [t.text for t in again.recordings[0].tracks[1].segments] == [
        t.text for t in other.recordings[0].tracks[1].segments
    ]


def test_encoding_round_trips_and_names_no_path(speech: Speech) -> None:
    scratch = speech.recordings[0].tracks[0].audio.path.parent
    assert decode(encode(speech), scratch) == speech
    assert str(scratch).encode() not in encode(speech)
    for content in (
        b"{}",
        b"[]",
        b"null",
        b'{"recordings":[]}',
        b'{"recordings":[{"labels":[],"tracks":[{}]}]}',
        b"\xff",
    ):
        with pytest.raises(ValueError):
            decode(content, scratch)


@dataclass
class Counting:
    """Counts what the real back-end is asked, and fails from a given call on."""

    inner: Espeak
    calls: int = 0
    fail_at: int = 10**9
    digest: str = "counting"
    name: str = "counting"
    capabilities: Capabilities = field(default=Capabilities(rate=True, words=True, unit="phrase"))

    def speakers(self, language: str) -> tuple[str, ...]:
        return ()

    def __call__(
        self, text: str, voice: VoiceCard, emotion: Emotion, intensity: float, seed: int, rate: float = 1.0
    ) -> Utterance:
        self.calls += 1
        if self.calls >= self.fail_at:
            raise KeyboardInterrupt
        return self.inner(text, voice, emotion, intensity, seed, rate)


def test_a_finished_session_is_found_again_and_an_unfinished_one_leaves_nothing(espeak: Espeak, tmp_path: Path) -> None:
    backend = Counting(espeak, fail_at=5)
    with pytest.raises(KeyboardInterrupt):
        generator(backend, tmp_path)([Request(1, CONDITION)])
    assert list(tmp_path.iterdir()) == []
    backend.fail_at = 10**9
    first = generator(backend, tmp_path)([Request(1, CONDITION)])
    calls = backend.calls
    assert generator(backend, tmp_path)([Request(1, CONDITION)]) == first and backend.calls == calls
    first[0].payload.recordings[0].tracks[0].audio.path.unlink()
    assert generator(backend, tmp_path)([Request(1, CONDITION)]) == first and backend.calls > calls


@dataclass
class Faulty:
    """Speaks a tone, or what a broken model returns; without rate control or word times."""

    fault: str
    good_after: int = 10**9
    calls: int = 0
    digest: str = "faulty"
    name: str = "faulty"
    capabilities: Capabilities = field(default=Capabilities(rate=False, words=False, unit="sentence"))

    def speakers(self, language: str) -> tuple[str, ...]:
        return ()

    def __call__(
        self, text: str, voice: VoiceCard, emotion: Emotion, intensity: float, seed: int, rate: float = 1.0
    ) -> Utterance:
        self.calls += 1
        calibrating = text.startswith("On Monday")
        seconds = len(text) / 15 + 0.4
        fault = "" if calibrating or self.calls > self.good_after else self.fault
        seconds *= {"endless": 12, "short": 0.02}.get(fault, 1)
        times = np.arange(round(seconds * 22050)) / 22050
        tone = sum(np.sin(2 * np.pi * 110 * k * times) / k for k in range(1, 30))
        samples = 0.1 * tone * np.clip(np.minimum(times, times[-1] - times) / 0.05, 0, 1)
        if fault == "nan":
            samples[100] = np.nan
        if fault == "silent":
            samples[:] = 0
        if fault == "cut":  # in the middle of a vowel
            samples = np.concatenate([samples, 0.1 * tone[len(tone) // 2 : len(tone) // 2 + 4000]])
        return Utterance(samples.astype(np.float32), 22050)


@pytest.mark.parametrize("fault", ["nan", "silent", "endless", "short", "cut"])
def test_a_broken_phrase_is_tried_again_and_then_refused_in_one_line(fault: str, tmp_path: Path) -> None:
    text = "This is a rather long sentence that a broken model will not say as it should"
    dialogue = Dialogue((Turn("patient", text, "neutral"),))
    with pytest.raises(SynthgenError, match="failed 3 times") as error:
        generator(Faulty(fault), tmp_path / "a", dialogue)([Request(0, CONDITION)])
    assert "rather" not in str(error.value)
    recovers = Faulty(fault, good_after=2)
    made = generator(recovers, tmp_path / "b", dialogue)([Request(0, CONDITION)])
    assert made[0].payload.recordings[0].tracks[1].segments[0].words == () and recovers.calls == 3


def test_a_recogniser_judges_long_phrases_where_it_is_asked(espeak: Espeak, tmp_path: Path) -> None:
    dialogue = Dialogue(
        (Turn("patient", "I took 50 mg and did not sleep at all.", "neutral"), Turn("clinician", "Oh?"))
    )
    right = "i took fifty mg and did not sleep at all"
    for limit, heard, refused in ((0.0, "", False), (0.2, right, False), (0.2, "something else", True)):
        asked: list[int] = []

        def recogniser(samples: np.ndarray, heard: str = heard, asked: list[int] = asked) -> str:
            asked.append(len(samples))
            return heard

        config = GeneratorConfig(guard=GuardConfig(word_errors=limit, attempts=2), timing=TimingConfig(hesitation=0))
        make = SpeechGenerator(lambda _: [dialogue], espeak, config, tmp_path / f"{limit}{heard}", recogniser)
        if refused:
            with pytest.raises(SynthgenError, match=r"turn 1 of a session.*not understood"):
                make([Request(0, CONDITION)])
        else:
            make([Request(0, CONDITION)])
        assert len(asked) == (0 if not limit else 2 if refused else 1)  # "Oh?" is too short to be judged


def test_tempo_is_made_by_the_layer_where_the_back_end_has_none(tmp_path: Path) -> None:
    def length(emotion: Emotion) -> int:
        dialogue = Dialogue((Turn("clinician", "One sentence of a certain length, spoken evenly.", emotion),))
        config = GeneratorConfig(intensity=1, intensity_spread=0)
        make = SpeechGenerator(lambda _: [dialogue], Faulty(""), config, tmp_path / emotion)
        segment = make([Request(0, CONDITION)])[0].payload.recordings[0].tracks[0].segments[0]
        return segment.end - segment.start

    assert length("depressed") / length("neutral") == pytest.approx(1 / MANNERS["depressed"].rate, rel=0.05)
    assert length("anxious") / length("neutral") == pytest.approx(1 / MANNERS["anxious"].rate, rel=0.05)
    assert length("depressed") > 1.1 * length("neutral")


def test_overlaps_and_backchannels_never_collide_on_a_track(espeak: Espeak, tmp_path: Path) -> None:
    long = "I went there, and nobody spoke, so I left again; it was cold, and I walked home, and I sat down, and slept."
    turns = (Turn("clinician", "Go on.", "neutral"), Turn("patient", f"{long} {long}", "neutral")) * 4
    made = generator(espeak, tmp_path, Dialogue(turns), overlap=0.5, backchannel=1.0)([Request(2, CONDITION)])
    clinician, patient = made[0].payload.recordings[0].tracks
    assert any(a.start < b.end and b.start < a.end for a in clinician.segments for b in patient.segments)
    assert len(clinician.segments) > 4
    for track in (clinician, patient):
        edges = [edge for segment in track.segments for edge in (segment.start, segment.end)]
        assert edges == sorted(edges)
        assert len({(segment.turn) for segment in track.segments}) == len(track.segments)


def test_a_track_is_written_at_exact_positions_across_blocks(tmp_path: Path) -> None:
    with TrackWriter(tmp_path) as writer:
        writer.silence_until(2 * BLOCK + 7)
        writer.write(np.full(3, 0.25, np.float32))
        writer.silence_until(3 * BLOCK)
        audio = writer.finish()
    samples = np.concatenate(list(blocks(audio)))
    assert (
        np.flatnonzero(samples).tolist() == [2 * BLOCK + 7, 2 * BLOCK + 8, 2 * BLOCK + 9] and len(samples) == 3 * BLOCK
    )
    assert [p.name for p in tmp_path.iterdir()] == [f"{audio.digest}.flac"]


def test_bad_text_is_one_clear_line(espeak: Espeak, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no word"):
        generator(espeak, tmp_path, Dialogue((Turn("patient", "?!"),)))([Request(0, CONDITION)])
    with pytest.raises(UserError, match="script"):
        generator(espeak, tmp_path, Dialogue((Turn("patient", "Привет, доктор"),)))([Request(0, CONDITION)])
    assert list(tmp_path.iterdir()) == []
