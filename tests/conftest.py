"""No test writes into the home of whoever runs it; people who are heard once for all tests."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from synthgen.state import VARIABLE

if TYPE_CHECKING:
    from synthgen.privacy_filters.speech.listening import Listener


@pytest.fixture(scope="session", autouse=True)
def state_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One state folder for all runs of a session, in this process and in those that it starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def listener(tmp_path_factory: pytest.TempPathFactory) -> "Listener":
    from synthgen.privacy_filters.speech.config import VoiceConfig
    from synthgen.privacy_filters.speech.listening import Listener

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
