"""The transformers back-end with a tiny randomly initialised VITS, end to end through a session and its release.

Its hop of 128 samples makes a buzz at 125 Hz: a voice, if a plain one.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from synthgen.errors import MissingExtraError, UserError
from synthgen.generators.speech.backends.opening import open_backend
from synthgen.generators.speech.backends.protocol import Backend
from synthgen.generators.speech.backends.transformers import Transformers
from synthgen.generators.speech.config import RATE, GeneratorConfig, GuardConfig
from synthgen.generators.speech.read import read_release
from synthgen.generators.speech.sampler import SpeechGenerator
from synthgen.generators.speech.voices import VoiceCard, draw_voice
from synthgen.generators.speech.world import pitch
from synthgen.generators.speech.write import write_release
from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.payloads.speech import SpeechCondition
from synthgen.records import Request

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("pyworld")

OPEN = GuardConfig(tail_db=0, slowest=0.2, fastest=100)
"""What a random model says has no end that dies away, and any length: the guard would rightly refuse it."""
LETTERS = " abcdefghijklmnopqrstuvwxyz'-,.!?"
DIALOGUE = Dialogue(
    (
        Turn("clinician", "Hello. How have you been since Monday?", "calm"),
        Turn("patient", "I took 50 mg in the café, and I still lie awake at night.", "sad"),
        Turn("clinician", "I see.", "neutral"),
        Turn("patient", "Nobody called me!", "angry"),
    )
)


def save_tiny_vits(folder: Path, speakers: int = 4) -> Path:
    """A VITS of transformers with a tokenizer of letters, in safetensors."""
    folder.mkdir(parents=True)
    vocabulary = ["<pad>", *LETTERS]
    (folder / "letters.json").write_text(json.dumps({c: i for i, c in enumerate(vocabulary)}), "utf-8")
    tokenizer = transformers.VitsTokenizer(
        str(folder / "letters.json"),
        phonemize=False,
        is_uroman=False,
        pad_token="<pad>",  # noqa: S106
        unk_token="<pad>",  # noqa: S106
    )
    config = transformers.VitsConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        window_size=2,
        ffn_dim=16,
        flow_size=16,
        spectrogram_bins=9,
        upsample_initial_channel=32,
        upsample_rates=[8, 4, 4],
        upsample_kernel_sizes=[16, 8, 8],
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1]],
        prior_encoder_num_flows=1,
        prior_encoder_num_wavenet_layers=1,
        posterior_encoder_num_wavenet_layers=1,
        duration_predictor_filter_channels=16,
        use_stochastic_duration_prediction=False,
        num_speakers=speakers,
        speaker_embedding_size=8 if speakers > 1 else 0,
        noise_scale=0.02,
        speaking_rate=0.6,
        sampling_rate=16_000,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)  # whose every speaker has a voice
        model = transformers.VitsModel(config)
    with torch.no_grad():
        model.decoder.conv_post.weight.mul_(0.1)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_vits(tmp_path_factory.mktemp("models") / "vits")


@pytest.fixture(scope="module")
def backend(folder: Path) -> Backend:
    return open_backend(GeneratorConfig(backend="transformers", model=str(folder)))


def voice(speaker: int = 0, rate: float = 1.0, language: str = "en-us") -> VoiceCard:
    return VoiceCard(speaker, "f", language, "f1", 200.0, 2.5, 1.0, (1.0,) * 3, (0.0,) * 10, 0.0, 0.0, 0.3, 0.2, rate)


def say(backend: Backend, text: str, card: VoiceCard, seed: int = 0, rate: float = 1.0) -> np.ndarray:
    return backend(text, card, "neutral", 1.0, seed, rate).samples


def test_a_session_is_spoken_and_released(backend: Backend, tmp_path: Path) -> None:
    config = GeneratorConfig(backend="transformers", guard=OPEN)
    make = SpeechGenerator(lambda _: [DIALOGUE], backend, config, tmp_path / "scratch")
    condition = SpeechCondition(setting="therapy", severity="moderate")
    samples = make([Request(5, condition)])
    again = SpeechGenerator(lambda _: [DIALOGUE], backend, config, tmp_path / "again")([Request(5, condition)])
    tracks = samples[0].payload.recordings[0].tracks
    assert [t.audio.digest for t in tracks] == [t.audio.digest for t in again[0].payload.recordings[0].tracks]
    release = tmp_path / "release"
    release.mkdir()
    facts = write_release(release, enumerate(samples))
    back = read_release(release)[0].payload.recordings[0]
    assert facts.samples == 4 and [t.segments for t in back.tracks] == [t.segments for t in tracks]
    assert [s.text for t in back.tracks for s in t.segments] == [DIALOGUE.turns[i].text for i in (0, 2, 1, 3)]


def test_the_card_gives_the_pitch_whatever_the_models_own_is(backend: Backend, tmp_path: Path) -> None:
    config = GeneratorConfig(backend="transformers", guard=OPEN, intensity=0, intensity_spread=0)
    make = SpeechGenerator(lambda _: [DIALOGUE], backend, config, tmp_path)
    sample = make([Request(1, SpeechCondition())])[0].payload.recordings[0]
    for track, role in zip(sample.tracks, ("clinician", "patient"), strict=True):
        import soundfile

        f0 = pitch(soundfile.read(track.audio.path)[0], RATE)
        assert np.median(f0[f0 > 0]) == pytest.approx(draw_voice(1, role).f0_hz, rel=0.1)


def test_the_same_arguments_give_the_same_sound_whatever_was_said_before(backend: Backend) -> None:
    first = say(backend, "Hello there.", voice())
    say(backend, "Something else.", voice(1), 7, 1.5)
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    assert np.array_equal(say(backend, "Hello there.", voice()), first)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not np.array_equal(say(backend, "Hello there.", voice(), 1), first)


def test_cards_draw_the_models_speakers_and_rates(backend: Backend) -> None:
    said = [say(backend, "Hello there.", voice(speaker)) for speaker in range(4)]
    assert all(not np.array_equal(a, b) for i, a in enumerate(said) for b in said[:i])
    assert np.array_equal(say(backend, "Hello there.", voice(4)), said[0])
    slow, fast = (len(say(backend, "Hello there.", voice(), rate=rate)) for rate in (0.7, 1.4))
    assert 1.5 < slow / fast < 2.5
    assert len(say(backend, "Hello there.", voice(rate=0.8))) > len(said[0])


def test_numbers_and_accents_are_not_left_out(backend: Backend) -> None:
    assert np.array_equal(say(backend, "I took 50 pills.", voice()), say(backend, "I took fifty pills.", voice()))
    assert np.array_equal(say(backend, "Some 5 % of us", voice()), say(backend, "Some five percent of us", voice()))
    assert np.array_equal(say(backend, "A café.", voice()), say(backend, "A cafe.", voice()))


@pytest.mark.parametrize(("text", "language"), [("Привет", "en"), ("你好", "zh"), ("Ich nehme 50 mg.", "xx")])
def test_what_the_model_has_no_letters_for_is_one_clear_line(backend: Backend, text: str, language: str) -> None:
    with pytest.raises(UserError) as error:
        say(backend, text, voice(language=language))
    assert "\n" not in str(error.value) and text not in str(error.value)


@pytest.mark.parametrize("text", ["<b>hello</b> $(x)", "[[h@loU]] `id`; rm", "<pad><pad> hello"])
def test_markup_and_shell_characters_are_not_interpreted(backend: Backend, text: str) -> None:
    assert len(say(backend, text, voice())) > 1000


def save_tiny_bark(folder: Path) -> Path:
    """A Bark with two English presets and a German one."""
    from safetensors.torch import save_model
    from transformers.models.bark.generation_configuration_bark import BarkGenerationConfig

    (folder / "speaker_embeddings").mkdir(parents=True)
    small = {"hidden_size": 8, "num_layers": 1, "num_heads": 2, "block_size": 1024}
    parts = (
        transformers.BarkSemanticConfig(input_vocab_size=129_600, output_vocab_size=10_048, **small),
        transformers.BarkCoarseConfig(input_vocab_size=12_096, output_vocab_size=12_096, **small),
        transformers.BarkFineConfig(input_vocab_size=1056, output_vocab_size=1056, **small),
        transformers.EncodecConfig(num_filters=4, hidden_size=16, num_lstm_layers=1, upsampling_ratios=[8, 5, 4, 2]),
    )
    names = ("semantic_config", "coarse_acoustics_config", "fine_acoustics_config", "codec_config")
    config = transformers.BarkConfig(**{n: part.to_dict() for n, part in zip(names, parts, strict=True)})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_model(transformers.BarkModel(config), str(folder / "model.safetensors"), metadata={"format": "pt"})
    config.architectures = ["BarkModel"]
    config.save_pretrained(folder)
    steps: dict[str, dict[str, object]] = {
        "semantic_config": {"max_new_tokens": 60},
        "coarse_acoustics_config": {},
        "fine_acoustics_config": {},
    }
    (folder / "generation_config.json").write_text(json.dumps(BarkGenerationConfig(**steps).to_dict()), "utf-8")
    pieces = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "there")
    (folder / "vocab.txt").write_text("\n".join(pieces), "utf-8")
    transformers.BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder)
    rng = np.random.default_rng(0)
    presets: dict[str, object] = {"repo_or_path": str(folder)}
    for name in ("en_speaker_0", "en_speaker_1", "de_speaker_0"):
        sizes = {"semantic_prompt": (50,), "coarse_prompt": (2, 80), "fine_prompt": (8, 80)}
        presets[name] = {key: f"speaker_embeddings/{name}_{key}.npy" for key in sizes}
        for key, size in sizes.items():
            np.save(folder / f"speaker_embeddings/{name}_{key}.npy", rng.integers(0, 1024, size))
    (folder / "speaker_embeddings_path.json").write_text(json.dumps(presets), "utf-8")
    (folder / "processor_config.json").write_text('{"processor_class": "BarkProcessor"}', "utf-8")
    return folder


def test_bark_speaks_by_the_preset_that_the_card_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save_tiny_bark(tmp_path / "bark")
    bark = Transformers.opened(str(folder))
    assert not bark.capabilities.rate
    generate, prompts = bark.pipe.model.generate, []

    def watched(*args: object, **options: object) -> object:
        prompts.append(options["history_prompt"]["semantic_prompt"].numpy())  # type: ignore[index]
        return generate(*args, **options)

    monkeypatch.setattr(bark.pipe.model, "generate", watched)
    said = [say(bark, "Hello there.", voice(speaker)) for speaker in (0, 1, 2)]
    said.append(say(bark, "Hello there.", voice(1, language="de")))
    assert len(said[0]) > 4000 and np.array_equal(said[0], said[2])
    for prompt, name in zip(prompts, ("en_speaker_0", "en_speaker_1", "en_speaker_0", "de_speaker_0"), strict=True):
        assert np.array_equal(prompt, np.load(folder / f"speaker_embeddings/{name}_semantic_prompt.npy"))


def test_a_model_that_is_none_is_one_clear_line(tmp_path: Path) -> None:
    for model in ("", str(tmp_path / "nowhere"), str(tmp_path)):
        with pytest.raises(UserError) as error:
            Transformers.opened(model)
        assert "\n" not in str(error.value)


def test_pickled_weights_are_not_opened(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    model = transformers.VitsModel.from_pretrained(folder)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match="safetensors"):
        Transformers.opened(str(tmp_path))


def test_another_speaker_count_is_another_digest(backend: Backend, tmp_path: Path) -> None:
    single = Transformers.opened(str(save_tiny_vits(tmp_path / "single", speakers=1)))
    assert single.digest != backend.digest
    assert np.array_equal(say(single, "Hello there.", voice(1)), say(single, "Hello there.", voice(2)))


def test_without_transformers_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[tts\]"):
        Transformers.opened(str(folder))
