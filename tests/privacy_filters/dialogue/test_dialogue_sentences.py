"""Sentences that tell an event, aligned by an encoder (here: which words they hold, hashed)."""

from collections.abc import Sequence

import numpy as np
import pytest
from dialogue_people import people, visit
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer

from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.pretrained.sentence import remembered
from synthgen.privacy_filters.dialogue.sentences import Sentences, told

TRAIN = people(20)


def encode(texts: Sequence[str]) -> NDArray[np.float32]:
    vectors = HashingVectorizer(n_features=512, alternate_sign=False).transform(texts).toarray()
    return np.asarray(vectors, dtype=np.float32)


def said(*texts: str) -> Dialogue:
    return Dialogue(tuple(Turn("patient", text) for text in texts))


EVENTS = [
    said(f"My {who} fell off the {place} and broke a {bone} in {1950 + 5 * i}.")
    for i, (who, place, bone) in enumerate(
        (who, place, bone)
        for who, bone in (("cousin", "wrist"), ("nephew", "hip"), ("landlord", "rib"), ("daughter", "toe"))
        for place in ("roof", "pier", "stage", "lorry")
    )
]
PATIENTS = [f"p{i:02d}" for i in range(len(EVENTS))]


def test_units_are_sentences_that_tell_an_event() -> None:
    dialogue = said("Fine, thank you. My brother drowned. It was at the lake, and I was a boy of nine. Yes.")
    assert told(dialogue) == [
        "Fine, thank you. My brother drowned. It was at the lake, and I was a boy of nine.",
        "My brother drowned. It was at the lake, and I was a boy of nine.",
    ]
    assert told(Dialogue((Turn("clinician", "Has anybody in your family drowned in a lake?"),))) == []


def test_the_same_event_is_closer_than_another_and_nothing_is_farthest() -> None:
    part = Sentences.over(EVENTS, PATIENTS, encode)
    same, other, nothing = part.scores(
        [EVENTS[1], said("A horse kicked me, then I fell into the icy water."), visit(0)]
    )
    assert same < other < nothing
    assert nothing == pytest.approx(np.exp(10.0))


def test_ones_own_can_be_left_out_and_others_can_be_enrolled() -> None:
    part = Sentences.over(EVENTS, PATIENTS, encode)
    new = said("The tram crushed my foot outside the bakery in nineteen eighty.")
    left_out = part.scores(EVENTS, PATIENTS)
    assert (left_out > part.scores(EVENTS)).all()
    grown = part.enrolled([new], ["new"])
    assert grown.scores([new])[0] < part.scores([new])[0]
    assert grown.scores([new], ["new"])[0] == pytest.approx(part.scores([new], ["new"])[0])


def test_a_cohort_that_tells_nothing_resembles_nobody() -> None:
    part = Sentences.over([r.payload for r in TRAIN], [r.patient for r in TRAIN], encode)
    assert part.scores(EVENTS) == pytest.approx([np.exp(10.0)] * len(EVENTS))


def test_a_remembered_encoder_reads_each_text_once() -> None:
    read: list[str] = []

    def counting(texts: Sequence[str]) -> NDArray[np.float32]:
        read.extend(texts)
        return encode(texts)

    twice = remembered(counting, most=2)
    assert twice(["one", "two", "one"]).tolist() == encode(["one", "two", "one"]).tolist()
    twice(["two"])
    assert read == ["one", "two"]
    twice(["three", "four"])
    twice(["one"])
    assert read == ["one", "two", "three", "four", "one"]
