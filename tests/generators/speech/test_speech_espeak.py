"""The espeak back-end: deterministic whatever was said before, word times that fit, nothing in a text interpreted."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from synthgen.errors import UserError
from synthgen.generators.speech.backends.espeak import Espeak
from synthgen.generators.speech.backends.protocol import Utterance
from synthgen.generators.speech.voices import draw_voice

TEXT = "Well, I have not been sleeping much since the summer of 1998."
VOICE = draw_voice(3, "patient")


@pytest.fixture(scope="module")
def espeak() -> Iterator[Espeak]:
    pytest.importorskip("espeakng_loader")
    backend = Espeak.installed()
    yield backend
    backend.close()


def say(espeak: Espeak, text: str, seed: int = 3, rate: float = 1.0) -> Utterance:
    return espeak(text, draw_voice(seed, "patient"), "neutral", 1.0, 0, rate)


def test_the_same_text_sounds_the_same_whatever_was_said_before(espeak: Espeak) -> None:
    first = say(espeak, TEXT)
    for seed in range(4, 9):
        say(espeak, f"Something else, number {seed}.", seed)
    again, elsewhere = say(espeak, TEXT), say(Espeak.installed(), TEXT)
    assert np.array_equal(first.samples, again.samples) and first.words == again.words
    assert np.array_equal(first.samples, elsewhere.samples)


def test_threads_take_turns(espeak: Espeak) -> None:
    alone = {seed: say(espeak, TEXT, seed).samples for seed in range(4)}
    heard: dict[int, bool] = {}

    def speak(seed: int) -> None:
        heard[seed] = all(np.array_equal(say(espeak, TEXT, seed).samples, alone[seed]) for _ in range(5))

    threads = [threading.Thread(target=speak, args=(seed,)) for seed in alone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == dict.fromkeys(alone, True)


def test_words_are_in_order_within_the_sound_and_loud_where_they_are(espeak: Espeak) -> None:
    said = say(espeak, TEXT)
    assert [word.text for word in said.words] == TEXT.split()
    edges = [edge for word in said.words for edge in (word.start, word.end)]
    assert edges == sorted(edges) and edges[-1] <= len(said.samples)
    rms = np.sqrt(np.mean(said.samples**2))
    for word in said.words:
        assert np.sqrt(np.mean(said.samples[word.start : word.end] ** 2)) > 0.1 * rms, word.text


def test_it_speaks_at_the_rate_asked_for(espeak: Espeak) -> None:
    slow, plain, fast = (len(say(espeak, TEXT, rate=rate).samples) for rate in (0.7, 1.0, 1.4))
    assert 1.25 < slow / plain < 1.6 and 0.6 < fast / plain < 0.85


def test_markup_and_shell_characters_are_spoken_not_interpreted(espeak: Espeak) -> None:
    plain = len(say(espeak, "hello").samples)
    for text in ('<prosody rate="10">hello</prosody>', "[[h@loU]] hello", "$(touch x) `id` hello; rm -rf / | & hello"):
        assert len(say(espeak, text).samples) > 1.5 * plain, text
    with_nul = say(espeak, "a\0 b \ud800 hello")
    assert with_nul.words[-1].text == "hello"


@pytest.mark.parametrize("text", ["", "...", "!?", "\n", "🙂"])
def test_nothing_to_say_is_no_crash(espeak: Espeak, text: str) -> None:
    assert isinstance(say(espeak, text), Utterance)
    assert len(say(espeak, "Still here.").samples) > 5000


def test_an_unknown_language_is_one_clear_line(espeak: Espeak) -> None:
    with pytest.raises(UserError, match="no language 'xx-nowhere'"):
        espeak("hello", draw_voice(0, "patient", "xx-nowhere"), "neutral", 1.0, 0)
    assert len(espeak("Guten Tag", draw_voice(0, "patient", "de"), "neutral", 1.0, 0).samples) > 5000


def test_a_worker_that_was_killed_is_started_again(espeak: Espeak) -> None:
    before = say(espeak, TEXT)
    espeak._worker.kill()
    espeak._worker.wait()
    assert np.array_equal(say(espeak, TEXT).samples, before.samples)


def test_a_library_that_is_none_is_one_clear_line() -> None:
    with pytest.raises(UserError, match="does not start"):
        say(Espeak("/nowhere/libespeak-ng.so", ""), "hello")
