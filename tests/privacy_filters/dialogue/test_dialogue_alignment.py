"""Alignment: what is left of a record after words were dropped or added still lies in its order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.privacy_filters.dialogue.alignment import Alignment

VOCABULARY = [f"{first}{second}" for first in "bdfgklmnprst" for second in ("a", "e", "i", "o", "u", "an", "en")]


def talk(seed: int, words: int = 160) -> Dialogue:
    """Words of a small vocabulary, so that strangers have many in common, in turns of ten."""
    rng = np.random.default_rng(seed)
    said = [VOCABULARY[i] for i in rng.integers(len(VOCABULARY), size=words)]
    return Dialogue(tuple(Turn("patient", " ".join(said[i : i + 10])) for i in range(0, words, 10)))


def kept(dialogue: Dialogue, share: float, seed: int) -> Dialogue:
    rng = np.random.default_rng(seed)
    turns = []
    for turn in dialogue.turns:
        words = [word for word in turn.text.split() if rng.random() < share]
        turns.append(Turn(turn.speaker, " ".join(words) or turn.text))
    return Dialogue(tuple(turns))


OWNERS = [f"p{i:02d}" for i in range(60)]


@pytest.fixture(scope="module")
def protected() -> Alignment:
    return Alignment.over([talk(i, 120 + 4 * i) for i in range(60)], OWNERS)


@given(person=st.integers(0, 59), seed=st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_a_record_with_a_third_of_its_words_left_out_is_nearer_than_any_stranger(
    protected: Alignment, person: int, seed: int
) -> None:
    strangers = protected.scores([talk(1000 + i) for i in range(40)])
    copy = protected.scores([kept(talk(person, 120 + 4 * person), 2 / 3, seed)])
    assert copy[0] < strangers.min()


def test_ones_own_record_can_be_left_out_and_others_enrolled(protected: Alignment) -> None:
    mine, new = talk(3, 132), talk(5000)
    assert protected.scores([mine])[0] < 0.5 * protected.scores([mine], ["p03"])[0]
    grown = protected.enrolled([new], ["n"])
    assert grown.scores([new])[0] < 0.5 * protected.scores([new])[0]
    assert grown.scores([new], ["n"]) == pytest.approx(protected.scores([new]))


def test_no_words_cannot_be_judged_and_nobody_is_infinitely_far(protected: Alignment) -> None:
    assert np.isnan(protected.scores([Dialogue((Turn("patient", "..."),))]))[0]
    alone = Alignment.over([talk(0)], ["only"])
    assert np.isposinf(alone.scores([talk(0)], ["only"]))[0]
