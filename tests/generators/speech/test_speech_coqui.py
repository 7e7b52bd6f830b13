"""The coqui back-end: a tiny randomly initialised VITS, loaded and spoken by coqui-tts' own Synthesizer, end to end.

Its hop of 128 samples makes a buzz at 125 Hz: a voice, if a plain one.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from synthgen.errors import MissingExtraError, UserError
from synthgen.generators.speech.backends.coqui import Coqui
from synthgen.generators.speech.backends.opening import open_backend
from synthgen.generators.speech.backends.protocol import Backend
from synthgen.generators.speech.config import GeneratorConfig, GuardConfig
from synthgen.generators.speech.read import read_release
from synthgen.generators.speech.sampler import SpeechGenerator
from synthgen.generators.speech.voices import VoiceCard
from synthgen.generators.speech.write import write_release
from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.payloads.speech import SpeechCondition
from synthgen.records import Request

LETTERS = "abcdefghijklmnopqrstuvwxyz"
OPEN = GuardConfig(tail_db=0, slowest=0.2, fastest=100)
"""What a random model says has no end that dies away, and any length: the guard would rightly refuse it."""
DIALOGUE = Dialogue(
    (
        Turn("clinician", "Hello. How have you been since Monday?", "calm"),
        Turn("patient", "I took 50 mg in the café, and I still lie awake at night.", "sad"),
        Turn("clinician", "I see.", "neutral"),
        Turn("patient", "Nobody called me!", "angry"),
    )
)


def test_without_coqui_tts_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "TTS.utils.synthesizer", None)
    monkeypatch.setitem(sys.modules, "TTS", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[coqui\]"):
        open_backend(GeneratorConfig(backend="coqui", model=str(tmp_path)))


def test_a_model_must_be_named() -> None:
    with pytest.raises(UserError, match=r"generator\.model is empty"):
        open_backend(GeneratorConfig(backend="coqui"))


def save_tiny_vits(folder: Path, speakers: int = 4) -> Path:
    """A VITS of coqui-tts over letters, with speakers of its own."""
    import torch
    from TTS.config.shared_configs import BaseAudioConfig
    from TTS.tts.configs.shared_configs import CharactersConfig
    from TTS.tts.configs.vits_config import VitsArgs, VitsConfig
    from TTS.tts.models.vits import Vits
    from TTS.tts.utils.managers import save_file

    folder.mkdir(parents=True)
    names = folder / "speaker_ids.json"
    save_file({f"speaker {number}": number for number in range(speakers)}, names)
    sizes = VitsArgs(
        num_chars=40,
        hidden_channels=16,
        hidden_channels_ffn_text_encoder=16,
        num_layers_text_encoder=1,
        num_layers_posterior_encoder=1,
        num_layers_flow=1,
        resblock_kernel_sizes_decoder=[3],
        resblock_dilation_sizes_decoder=[[1, 3, 5]],
        upsample_rates_decoder=[8, 4, 4],
        upsample_initial_channel_decoder=32,
        upsample_kernel_sizes_decoder=[16, 8, 8],
        inference_noise_scale=0.02,
        use_sdp=False,
        length_scale=2,
        init_discriminator=False,
        use_speaker_embedding=speakers > 1,
        speaker_embedding_channels=8 if speakers > 1 else 256,
        speakers_file=str(names) if speakers > 1 else None,
    )
    characters = CharactersConfig(
        characters_class="TTS.tts.models.vits.VitsCharacters",
        pad="_",
        eos="",
        bos="",
        blank="~",
        characters=LETTERS,
        punctuations=" '-,.!?",
        phonemes="",
    )
    config = VitsConfig(
        model_args=sizes,
        audio=BaseAudioConfig(sample_rate=16_000, hop_length=128, do_trim_silence=False),
        characters=characters,
        text_cleaner="basic_cleaners",
        use_phonemes=False,
        add_blank=True,
    )
    with torch.random.fork_rng():
        torch.manual_seed(1)  # whose every speaker has a voice
        model = Vits(config)
    with torch.no_grad():
        model.waveform_decoder.conv_post.weight.mul_(5)
    torch.save({"model": model.state_dict()}, folder / "model.pth")
    config.save_json(folder / "config.json")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("pyworld")
    try:
        import TTS.utils.synthesizer  # noqa: F401
    except (ImportError, OSError) as error:
        pytest.skip(f"coqui-tts cannot be imported: {error}")
    return save_tiny_vits(tmp_path_factory.mktemp("models") / "vits")


@pytest.fixture(scope="module")
def backend(folder: Path) -> Backend:
    return open_backend(GeneratorConfig(backend="coqui", model=str(folder)))


def say(
    backend: Backend, text: str, speaker: int = 0, seed: int = 0, rate: float = 1.0, language: str = "en-us"
) -> np.ndarray:
    card = VoiceCard(speaker, "f", language, "f1", 200.0, 2.5, 1.0, (1.0,) * 3, (0.0,) * 10, 0.0, 0.0, 0.3, 0.2, 1.0)
    return backend(text, card, "neutral", 1.0, seed, rate).samples


def test_its_own_synthesizer_speaks(backend: Backend) -> None:
    from TTS.utils.synthesizer import Synthesizer

    assert isinstance(backend, Coqui) and isinstance(backend.synthesizer, Synthesizer)
    assert type(backend.synthesizer.tts_model).__module__ == "TTS.tts.models.vits"
    assert backend.capabilities.rate and len(say(backend, "Hello there.")) > 4000


def test_a_session_is_spoken_and_released(backend: Backend, tmp_path: Path) -> None:
    config = GeneratorConfig(backend="coqui", guard=OPEN)
    condition = SpeechCondition(setting="therapy", severity="moderate")
    samples, again = (
        SpeechGenerator(lambda _: [DIALOGUE], backend, config, tmp_path / name)([Request(5, condition)])
        for name in ("a", "b")
    )
    tracks = samples[0].payload.recordings[0].tracks
    assert [t.audio.digest for t in tracks] == [t.audio.digest for t in again[0].payload.recordings[0].tracks]
    release = tmp_path / "release"
    release.mkdir()
    facts = write_release(release, enumerate(samples))
    back = read_release(release)[0].payload.recordings[0]
    assert facts.samples == 4 and [t.segments for t in back.tracks] == [t.segments for t in tracks]


def test_the_same_arguments_give_the_same_sound_whatever_was_said_before(backend: Backend) -> None:
    first = say(backend, "Hello there.")
    say(backend, "Something else.", 1, 7, 1.5)
    assert np.array_equal(say(backend, "Hello there."), first)
    assert not np.array_equal(say(backend, "Hello there.", seed=1), first)


def test_cards_draw_the_models_speakers_and_rates(backend: Backend) -> None:
    said = [say(backend, "Hello there.", speaker) for speaker in range(4)]
    assert all(not np.array_equal(a, b) for i, a in enumerate(said) for b in said[:i])
    slow, fast = (len(say(backend, "Hello there.", rate=rate)) for rate in (0.7, 1.4))
    assert 1.5 < slow / fast < 2.5


def test_numbers_and_accents_are_not_left_out(backend: Backend) -> None:
    assert np.array_equal(say(backend, "I took 50 pills."), say(backend, "I took fifty pills."))
    assert np.array_equal(say(backend, "A café."), say(backend, "A cafe."))


@pytest.mark.parametrize(("text", "language"), [("Привет", "en"), ("你好", "zh"), ("Ich nehme 50 mg.", "xx")])
def test_what_the_model_has_no_letters_for_is_one_clear_line(
    backend: Backend, text: str, language: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UserError) as error:
        say(backend, text, language=language)
    assert "\n" not in str(error.value) and text not in str(error.value) and text not in caplog.text


def test_what_is_said_is_not_logged(backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        say(backend, "My secret (€) is said.".replace("€", "a"))
    assert "secret" not in caplog.text


@pytest.mark.parametrize("text", ["<b>hello</b> $(x)", "[[h@loU]] `id`; rm"])
def test_markup_and_shell_characters_are_not_interpreted(backend: Backend, text: str) -> None:
    assert len(say(backend, text)) > 1000


def test_a_model_that_is_none_is_one_clear_line(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_bytes((folder / "config.json").read_bytes())
    (broken / "model.pth").write_bytes(b"no checkpoint")
    empty = tmp_path / "empty"
    empty.mkdir()
    for model in (str(tmp_path / "nowhere"), "tts_models/en/none/none", str(empty), str(broken)):
        with pytest.raises(UserError) as error:
            Coqui.opened(model)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("change", [{"model": "bark"}, {"audio": {"stats_path": "scale_stats.npy"}}, "no JSON"])
def test_what_would_be_read_as_pickled_code_is_refused(folder: Path, tmp_path: Path, change: object) -> None:
    (tmp_path / "model.pth").write_bytes(b"")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    content = json.dumps({**config, **change}) if isinstance(change, dict) else str(change)
    (tmp_path / "config.json").write_text(content, "utf-8")
    with pytest.raises(UserError, match="pickled code" if isinstance(change, dict) else "cannot be read"):
        Coqui.opened(str(tmp_path))


def test_a_licence_is_the_users_to_accept(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("COQUI_TOS_AGREED", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("TTS_HOME", str(tmp_path))
    with pytest.raises(UserError, match="COQUI_TOS_AGREED"):
        Coqui.opened("tts_models/multilingual/multi-dataset/xtts_v2")
    with pytest.raises(UserError, match="pickled"):
        Coqui.opened("tts_models/multilingual/multi-dataset/bark")
