"""Names said otherwise in the very place where they are heard: by given times, by alignment, and in silence."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from synthgen.generators.speech.backends.espeak import Espeak
from synthgen.generators.speech.operators import SILENT
from synthgen.generators.speech.respeak import Place, Voice, edited, places_of, respoken
from synthgen.generators.speech.revoice import own_voice
from synthgen.generators.speech.tracks import TrackWriter, excerpt
from synthgen.generators.speech.voices import draw_voice
from synthgen.generators.speech.world import at_rate
from synthgen.payloads.speech import Audio, Segment, Track, Word
from synthgen.pretrained.aligner import installed_aligner

TEXT = "My name is Margaret Fielding, and I sleep badly."
EDITS = ((11, 28, "Rosalind Okafor"),)
RATE = 16_000
LEAD = RATE // 2


@pytest.fixture(scope="module")
def backend() -> Espeak:
    return Espeak.installed()


@pytest.fixture(scope="module")
def track(backend: Espeak, tmp_path_factory: pytest.TempPathFactory) -> Track:
    """Half a second of silence, then the sentence, with the times of its words."""
    said = backend(TEXT, draw_voice(3, "patient", "en-us"), "neutral", 1.0, 0)
    sound, scale = 0.5 * at_rate(said.samples, said.rate), RATE / said.rate
    words = tuple(Word(w.text, LEAD + round(w.start * scale), LEAD + round(w.end * scale)) for w in said.words)
    with TrackWriter(tmp_path_factory.mktemp("track")) as writer:
        writer.silence_until(LEAD)
        writer.write(sound.astype(np.float32))
        audio = writer.finish()
    return Track("patient", audio, (Segment(0, LEAD, audio.frames, TEXT, words=words),))


def sound(audio: Audio) -> NDArray[np.int16]:
    return excerpt(audio, 0, audio.frames)


def test_what_lies_outside_is_the_same_to_the_sample(track: Track, backend: Espeak, tmp_path: Path) -> None:
    (place,) = places_of(track, track.segments[0], EDITS, "en-us", None) or []
    own = own_voice(track)
    assert own is not None and place.said == "Rosalind Okafor"
    made = respoken(track, [place], Voice.like(own, backend, "en-us", 1), "en-us", tmp_path)
    before, after = sound(track.audio), sound(made)
    assert len(before) == len(after)
    outside = np.ones(len(before), dtype=bool)
    outside[place.start : place.end] = False
    assert (before[outside] == after[outside]).all()
    was, now = (s[place.start : place.end].astype(float) for s in (before, after))
    assert abs(np.corrcoef(was, now)[0, 1]) < 0.3
    assert 0.5 < np.sqrt(np.mean(now**2) / np.mean(was**2)) < 2
    again = respoken(track, [place], Voice.like(own, backend, "en-us", 1), "en-us", tmp_path)
    assert again.digest == made.digest


def test_silence_is_silence(track: Track, tmp_path: Path) -> None:
    places = [Place(LEAD + 2_000, LEAD + 9_000, ""), Place(LEAD + 8_000, LEAD + 10_000, "never heard")]
    after = sound(respoken(track, places, Voice.like(SILENT, None, "en-us", 1), "en-us", tmp_path))
    assert not after[LEAD + 2_400 : LEAD + 9_600].any() and after[LEAD + 10_000 :].any()


def test_a_turn_whose_words_are_not_known_has_no_place(track: Track) -> None:
    (turn,) = track.segments
    assert places_of(track, replace(turn, words=()), EDITS, "en-us", None) is None


def test_words_are_found_by_alignment_where_they_are(track: Track) -> None:
    pytest.importorskip("pocketsphinx")
    (turn,) = track.segments
    known = places_of(track, turn, EDITS, "en-us", None)
    found = places_of(track, replace(turn, words=()), EDITS, "en-us", installed_aligner("en-us"))
    assert known is not None and found is not None
    assert abs(found[0].start - known[0].start) < 0.12 * RATE and abs(found[0].end - known[0].end) < 0.12 * RATE


def test_a_last_word_that_is_not_heard_to_its_end_keeps_the_others_in_their_places(track: Track) -> None:
    pytest.importorskip("pocketsphinx")
    (turn,) = track.segments
    aligner, said = installed_aligner("en-us"), [word.text for word in turn.words]
    assert aligner is not None
    heard = excerpt(track.audio, 0, track.audio.frames).astype(np.float32) / 32768
    found = aligner(heard, [*said, "extraordinarily"])
    assert found is not None and len(found) == len(said) + 1 and found[-1][1] == len(heard)
    assert abs(found[3][0] - turn.words[3].start) < 0.12 * RATE


def test_numbers_are_aligned_as_they_are_said(track: Track) -> None:
    def aligner(samples: NDArray[np.float32], words: object) -> list[tuple[int, int]]:
        assert words == ["born", "on", "March", "fourth,", "nineteen", "sixty", "one", "in", "Leeds"]
        return [(i * 1_600, (i + 1) * 1_600) for i in range(9)]

    turn = replace(track.segments[0], text="born on 4 March 1961 in Leeds", words=())
    (place,) = places_of(track, turn, ((8, 20, "9 June 1960"),), "en-us", aligner) or []
    assert (place.start - LEAD, place.end - LEAD) == (3_200, 11_200)


def test_the_text_says_what_is_said() -> None:
    told = edited(Segment(0, 0, 9, TEXT, spoken="spoken", words=(Word("My", 0, 9),)), EDITS)
    assert told.text == "My name is Rosalind Okafor, and I sleep badly." and not told.spoken and not told.words
