"""Speaker encoders: the network is the package's own, voices are told apart, nothing depends on its neighbours."""

import importlib.machinery
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from speech_people import says

from synthgen.errors import MissingExtraError, UserError
from synthgen.payloads.sound import RATE, Floats, voiced, windows
from synthgen.pretrained import speaker as encoders
from synthgen.pretrained.speaker import Resemblyzer, SpectralStatistics, XVector, mel_power
from synthgen.privacy_filters.speech.listening import Listener
from synthgen.privacy_filters.speech.voices import Whitening

PEOPLE = range(12)


@pytest.fixture(scope="module")
def resemblyzer(listener: Listener) -> Resemblyzer:
    encoder = listener.ears[0].encoder
    assert isinstance(encoder, Resemblyzer)
    return encoder


def window(person: int, utterance: int) -> Floats:
    return windows(voiced(says(person, utterance)), 2.0)[0]


def nearest_is_own(vectors: Floats, others: Floats) -> float:
    """Share of rows whose nearest row in the other set is the same person's."""
    return float(np.mean((vectors @ others.T).argmax(axis=1) == np.arange(len(vectors))))


def test_the_package_is_not_imported() -> None:
    """Importing it takes librosa and numba along."""
    program = (
        "import sys\n"
        "from synthgen.pretrained.speaker import Resemblyzer\n"
        "Resemblyzer.load()\n"
        "sys.exit('resemblyzer' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_vectors_are_those_of_the_package(resemblyzer: Resemblyzer) -> None:
    """Values of resemblyzer 0.1.4's own ``VoiceEncoder`` for the same partial windows of a chirp."""
    times = np.arange(2 * RATE) / RATE
    chirp = (0.05 * np.sin(2 * np.pi * (200 * times + 400 * times**2))).astype(np.float32)
    (vector,) = resemblyzer([chirp])
    assert np.linalg.norm(vector) == pytest.approx(1.0, rel=1e-5)
    assert vector[[159, 18, 125, 66, 124]] == pytest.approx([0.24263, 0.22696, 0.20484, 0.19954, 0.19683], abs=1e-4)
    assert vector.max() == vector[159]


def test_a_persons_clips_lie_nearer_to_each_other_than_to_others(resemblyzer: Resemblyzer) -> None:
    first = resemblyzer([window(person, 0) for person in PEOPLE])
    second = resemblyzer([window(person, 1) for person in PEOPLE])
    assert nearest_is_own(first, second) >= 0.4  # chance: 0.08; simulated voices are few numbers


def test_statistics_tell_people_apart_once_they_are_whitened() -> None:
    encoder = SpectralStatistics()
    cut = [window(person, utterance) for person in PEOPLE for utterance in range(2)]
    vectors = encoder(cut)
    halves = encoder([half for one in cut for half in np.array_split(one, 2)])
    white = Whitening.fit(vectors, halves)(vectors)
    assert nearest_is_own(white[0::2], white[1::2]) >= 0.4


def test_a_window_does_not_depend_on_its_neighbours(resemblyzer: Resemblyzer) -> None:
    cut = [window(1, 0), window(2, 0)[: RATE // 2], window(3, 0)]
    for encoder in (resemblyzer, SpectralStatistics()):
        together = encoder(cut)
        alone = np.concatenate([encoder([one]) for one in cut])
        assert np.allclose(together, alone, atol=1e-5)


def test_short_windows_and_none_at_all(resemblyzer: Resemblyzer) -> None:
    assert resemblyzer([]).shape == (0, 256)
    assert SpectralStatistics()([]).shape == (0, 40)
    tiny = np.full(10, 0.05, dtype=np.float32)
    assert np.isfinite(resemblyzer([tiny])).all() and np.isfinite(SpectralStatistics()([tiny])).all()
    half = window(4, 0)[: int(0.8 * RATE)]
    assert np.allclose(resemblyzer([half]), resemblyzer([np.tile(half, 2)]), atol=1e-5)  # what fills 1.6 s


def test_mel_bands_lie_where_they_should() -> None:
    times = np.arange(RATE) / RATE
    bands = [int(mel_power(np.sin(2 * np.pi * f * times).astype(np.float32))[50].argmax()) for f in (300, 1000, 4000)]
    assert bands == sorted(bands) and bands[0] < 6 and 12 <= bands[1] <= 15 and bands[2] > 25
    tone = np.sin(2 * np.pi * 500 * times).astype(np.float32)
    assert mel_power(2 * tone) == pytest.approx(4 * mel_power(tone), rel=1e-3, abs=1e-9)


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[speech\]"):
        Resemblyzer.load()


@pytest.mark.parametrize("content", [None, b"other weights"])
def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "pretrained.pt").write_bytes(content)
    spec = importlib.machinery.ModuleSpec("resemblyzer", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(encoders, "find_spec", lambda _: spec)
    with pytest.raises(UserError, match="unknown weights"):
        Resemblyzer.load()


def tiny_x_vector(folder: Path, rate: int = RATE) -> Path:
    transformers = pytest.importorskip("transformers")
    config = transformers.WavLMConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8, 8),
        conv_stride=(5, 64),
        conv_kernel=(10, 64),
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
        tdnn_dim=(8, 8, 8, 8, 16),
        xvector_output_dim=8,
    )
    transformers.WavLMForXVector(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(sampling_rate=rate).save_pretrained(folder)
    return folder


def test_a_second_encoder_is_opened_from_a_folder(tmp_path: Path) -> None:
    encoder = XVector.load(str(tiny_x_vector(tmp_path)))
    cut = [window(1, 0), window(2, 0)]
    vectors = encoder(cut)
    assert vectors.shape == (2, 8) and np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, rel=1e-4)
    assert np.allclose(encoder(cut[1:]), vectors[1:], atol=1e-5)
    assert encoder([]).shape == (0, 8)
    assert str(tmp_path) in encoder.name


def test_a_folder_without_an_encoder_is_one_clear_line(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(UserError, match=r"voice\.encoder: no x-vector model"):
        XVector.load(str(tmp_path))
    with pytest.raises(UserError, match="hears 8000 Hz"):
        XVector.load(str(tiny_x_vector(tmp_path / "narrow", 8_000)))
