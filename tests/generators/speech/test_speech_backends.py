"""Back-ends by entry point: a package of one's own speaks, and says which speakers are its own."""

import sys
from pathlib import Path

import pytest

from synthgen.errors import UserError
from synthgen.generators.speech.backends.espeak import Espeak
from synthgen.generators.speech.backends.opening import backend_names, open_backend
from synthgen.generators.speech.config import SpeakingConfig
from synthgen.generators.speech.model_folder import check, fit, open_fitted_backend, read_card
from synthgen.progress import Silent

MODULE = """
from synthgen.generators.speech.backends.protocol import Capabilities, Utterance


class Humming:
    name, digest = "humming", "1"
    capabilities = Capabilities(rate=False, words=False, unit="sentence")

    def speakers(self, language):
        return ("Ada", "Bert")

    def __call__(self, text, voice, emotion, intensity, seed, rate=1.0):
        raise NotImplementedError


def opened(config):
    return Humming()
"""


@pytest.fixture
def humming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with a back-end, as it is when it is installed."""
    (tmp_path / "humming_voice.py").write_text(MODULE)
    metadata = tmp_path / "humming_voice-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: humming-voice\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[synthgen.speech_backends]\nhumming = humming_voice:opened\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "humming_voice", raising=False)


@pytest.mark.usefixtures("humming")
def test_a_back_end_of_another_package_is_opened_and_fitted_by_its_name(tmp_path: Path) -> None:
    config = SpeakingConfig(backend="humming")
    assert "humming" in backend_names()
    backend = open_backend(config)
    assert backend.name == "humming" and backend.speakers("en") == ("Ada", "Bert")
    fit(config, tmp_path / "model", Silent())
    assert read_card(tmp_path / "model").backend == "humming"
    assert open_fitted_backend(tmp_path / "model", config).name == "humming"


@pytest.mark.field("spoken text", "refused")
def test_a_back_end_that_is_not_installed_is_one_line_that_names_the_others(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no speech back-end 'hum'.*espeak, coqui, transformers") as error:
        fit(SpeakingConfig(backend="hum"), tmp_path / "model", Silent())
    assert "\n" not in str(error.value) and not (tmp_path / "model").exists()


@pytest.mark.field("spoken text", "refused")
@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"language": "xx"}, "no language 'xx'"),
        ({"backend": "hum"}, "no speech back-end"),
        ({"dialogues": "/nowhere.jsonl"}, "there is no file"),
    ],
)
def test_what_cannot_be_spoken_is_refused_before_a_cohort_is_read(chosen: dict[str, str], told: str) -> None:
    pytest.importorskip("espeakng_loader")
    with pytest.raises(UserError, match=told):
        check(SpeakingConfig(**chosen))  # type: ignore[arg-type]
    check(SpeakingConfig())


def test_espeak_has_nobodys_voice() -> None:
    pytest.importorskip("espeakng_loader")
    assert Espeak.installed().speakers("en") == ()
