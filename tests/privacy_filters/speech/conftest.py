from importlib.util import find_spec
from pathlib import Path

import pytest

from synthgen.privacy_filters.speech.config import VoiceConfig
from synthgen.privacy_filters.speech.listening import Listener


@pytest.fixture(scope="session")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Listener:
    for package in ("soundfile", "soxr", "torch"):
        pytest.importorskip(package)
    if find_spec("resemblyzer") is None:
        pytest.skip("resemblyzer is not installed")
    return Listener.open(VoiceConfig(), tmp_path_factory.mktemp("speech-heard"))


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the people's clips lie."""
    pytest.importorskip("soundfile")
    return tmp_path_factory.mktemp("speech-sounds")
