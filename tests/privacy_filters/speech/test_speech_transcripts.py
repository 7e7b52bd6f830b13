"""What is said: turns in order of time, words in another voice, scripted cohorts, recordings without words."""

from pathlib import Path

import numpy as np
import pytest

from synthgen.payloads.speech import Audio, Recording, Segment, Speech, Track
from synthgen.privacy_filters.speech.transcripts import Transcripts, dialogue_of

PLACES = ("garden", "station", "kitchen", "harbour", "library", "market", "chapel", "orchard", "cellar", "bridge")
THINGS = ("ladder", "letter", "kettle", "bicycle", "window", "suitcase", "lantern", "piano", "basket", "mirror")
DOINGS = ("carried", "painted", "borrowed", "repaired", "forgot", "measured", "sold", "cleaned", "hid", "found")


def told(person: int) -> str:
    """Three sentences of a person's own."""
    rng = np.random.default_rng(person)
    return " ".join(
        f"on day {rng.integers(2, 30)} I {rng.choice(DOINGS)} the {rng.choice(THINGS)} near the {rng.choice(PLACES)} "
        f"with {rng.integers(2, 90)} others."
        for _ in range(3)
    )


def speech(*turns: tuple[str, int, str]) -> Speech:
    """Turns of (role, second, text) on the tracks of one recording; no sound is needed to read them."""
    audio = Audio(Path("none.flac"), "", 16_000, 16_000 * 60)
    tracks = {
        role: Track(
            role,  # type: ignore[arg-type]
            audio,
            tuple(
                Segment(number, 16_000 * second, 16_000 * second + 8_000, text)
                for number, (own, second, text) in enumerate(turns)
                if own == role
            ),
        )
        for role, _, _ in turns
    }
    return Speech((Recording(tuple(tracks.values())),))


def answer(person: int) -> Speech:
    return speech(("patient", 0, told(person)))


KNOWN = [answer(person) for person in range(20)]
NAMES = [f"p{person}" for person in range(20)]


def test_turns_are_in_order_of_time_whatever_track_they_are_on() -> None:
    first, second, third = told(1), told(2), told(3)
    found = dialogue_of(speech(("clinician", 5, second), ("patient", 0, first), ("patient", 9, third)))
    assert found is not None
    assert [(turn.speaker, turn.text) for turn in found.turns] == [
        ("patient", first), ("clinician", second), ("patient", third),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "   ", "yes I think so"])
def test_a_few_words_are_no_transcript(text: str) -> None:
    assert dialogue_of(speech(("speaker", 0, text))) is None


def test_words_are_found_again_and_strangers_words_are_not() -> None:
    transcripts = Transcripts.over(KNOWN, NAMES)
    assert transcripts is not None and all(name.startswith("transcript_") for name in transcripts.names)
    copies = transcripts.scores([answer(3), speech(("clinician", 0, told(3)))])
    strangers = transcripts.scores([answer(person) for person in range(100, 120)])
    assert copies.shape == (2, len(transcripts.names))
    assert (copies.max(axis=0) <= strangers.min(axis=0)).all() and copies[0].min() == 0.0
    own = transcripts.scores(KNOWN, NAMES)
    assert (own.min(axis=1) > 0).all()


def test_where_nothing_is_known_to_be_said_nothing_is_said_of_it() -> None:
    transcripts = Transcripts.over(KNOWN, NAMES)
    assert transcripts is not None
    scores = transcripts.scores([speech(("speaker", 0, "")), answer(100)])
    assert np.isinf(scores[0]).all() and np.isfinite(scores[1]).any()
    assert transcripts.scores([]).shape == (0, len(transcripts.names))


def test_a_cohort_that_reads_from_a_script_has_no_transcript_columns() -> None:
    assert Transcripts.over([answer(person % 4) for person in range(20)], NAMES) is None
    twice = [answer(person // 2) for person in range(40)]  # one person's own words, said twice, are no script
    assert Transcripts.over(twice, [f"p{person // 2}" for person in range(40)]) is not None


def test_too_few_transcripts_and_one_speaker_alone() -> None:
    silent = [speech(("speaker", 0, ""))] * 15
    assert Transcripts.over([*KNOWN[:5], *silent], NAMES) is None
    assert Transcripts.over(KNOWN[:1], NAMES[:1]) is None


def test_enrolled_words_are_protected_at_once() -> None:
    transcripts = Transcripts.over(KNOWN, NAMES)
    assert transcripts is not None
    grown = transcripts.enrolled([answer(100), speech(("speaker", 0, ""))], ["new", "mute"])
    assert grown.scores([answer(100)]).min() == 0.0 < transcripts.scores([answer(100)]).min()
    assert transcripts.enrolled([], []) is transcripts
