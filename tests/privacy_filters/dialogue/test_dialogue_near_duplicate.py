"""Near-duplicates: passages, hashed runs of words, and distances that mean the same everywhere."""

import numpy as np
import pytest
from dialogue_people import people, visit
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.privacy_filters.dialogue.config import NearDuplicateConfig
from synthgen.privacy_filters.dialogue.near_duplicate import (
    Lexicon,
    NearDuplicate,
    Neighbours,
    Passages,
    passages,
)

PEOPLE = 30
CONFIG = NearDuplicateConfig()


@pytest.fixture(scope="module")
def near() -> NearDuplicate:
    records = people(PEOPLE)
    return NearDuplicate.over([r.payload for r in records], [r.patient for r in records])


@pytest.fixture(scope="module")
def by_passage(near: NearDuplicate) -> Passages:
    records = people(PEOPLE)
    return Passages.over([r.payload for r in records], [r.patient for r in records], near.lexicon, CONFIG)


@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=30),
    least=st.integers(20, 100),
    step=st.sampled_from([0.1, 0.25, 0.5, 1.0]),
)
@settings(max_examples=150, deadline=None)
def test_passages_cover_every_turn_and_are_long_enough(lengths: list[int], least: int, step: float) -> None:
    dialogue = Dialogue(tuple(Turn("patient", " ".join(["word"] * n)) for n in lengths))
    spans = passages(dialogue, least, step)
    assert {i for start, end in spans for i in range(start, end)} == set(range(len(lengths)))
    assert [start for start, _ in spans] == sorted({start for start, _ in spans})
    for start, end in spans:
        assert sum(lengths[start:end]) >= least or (len(spans) == 1 and sum(lengths) < least)
    assert spans[-1][1] == len(lengths)


def test_a_copy_scores_lowest_and_its_owner_can_be_left_out(near: NearDuplicate, by_passage: Passages) -> None:
    records = people(PEOPLE)
    dialogues, patients = [r.payload for r in records], [r.patient for r in records]
    for part in (near, by_passage):
        assert part.scores(dialogues) == pytest.approx([1e-4] * PEOPLE)  # zero is for the same words alone
        assert (part.scores(dialogues, patients) > 1).all()
    assert near.nearest_patients(dialogues) == patients


def test_a_reworded_passage_in_a_long_dialogue_is_found_by_passages(near: NearDuplicate, by_passage: Passages) -> None:
    stolen = [
        Turn(t.speaker, t.text.replace("Well, ", "").replace(" when I go ", " as I do ").replace(" was ", " is "))
        for t in visit(3).turns[:8]
    ]
    own = tuple(turn for seed in range(500, 504) for turn in visit(seed).turns)
    hosts = [Dialogue((*own[:20], *stolen, *own[20:])), Dialogue(own)]
    found, plain = by_passage.scores(hosts)
    assert found < 0.4 * plain
    whole_found, whole_plain = near.scores(hosts)
    assert found / plain < whole_found / whole_plain


def test_distances_are_scaled_by_the_neighbourhood_and_twins_do_not_hide_a_copy() -> None:
    sparse_people, twins = np.eye(8, dtype=np.float32)[:4], np.zeros((2, 8), dtype=np.float32)
    twins[0, 4], twins[1, 4], twins[1, 5] = 1.0, np.sqrt(0.98), np.sqrt(0.02)
    neighbours = Neighbours.over(np.concatenate([sparse_people, twins]), list("abcdef"))
    assert neighbours.density[0] == pytest.approx(1.0)
    assert neighbours.density[4] == pytest.approx(0.25)
    copy = np.zeros((1, 8), dtype=np.float32)
    copy[0, 4], copy[0, 6] = np.sqrt(0.9), np.sqrt(0.1)
    stranger = np.zeros((1, 8), dtype=np.float32)
    stranger[0, 7] = 1.0
    assert neighbours.scores(copy)[0] < 0.4 * neighbours.scores(stranger)[0]
    assert neighbours.index.patients[neighbours.nearest(copy)[0][0]] in "ef"


def test_nobody_left_to_compare_to_is_infinitely_far() -> None:
    neighbours = Neighbours.over(np.eye(2, dtype=np.float32)[:1], ["a"])
    _, ratios = neighbours.nearest(np.eye(2, dtype=np.float32), ["a", "b"])
    assert np.isinf(ratios[0])
    assert np.isfinite(ratios[1])


def test_texts_shorter_than_a_run_are_compared_as_wholes() -> None:
    lexicon = Lexicon.of([["no"], ["yes", "please"], ["a", "b", "c", "d"]])
    vectors = lexicon.vectors([["no"], ["no"], ["yes"], []])
    cosines = (vectors @ vectors.T).toarray()
    assert cosines[0, 1] == pytest.approx(1.0)
    assert cosines[0, 2] == 0.0
    assert vectors[3].nnz == 0


def test_enrolling_protects_without_fitting(near: NearDuplicate, by_passage: Passages) -> None:
    new = [visit(900), visit(901)]
    for part in (near, by_passage):
        assert (part.scores(new) > 0.5).all()
        grown = part.enrolled(new, ["q0", "q1"])
        assert grown.scores(new) == pytest.approx([1e-4, 1e-4])
        assert grown.lexicon is part.lexicon


def test_a_dialogue_of_fillers_cannot_be_judged(near: NearDuplicate, by_passage: Passages) -> None:
    fillers = Dialogue((Turn("patient", "Um, uh."), Turn("clinician", "…")))
    for part in (near, by_passage):
        scores = part.scores([fillers, visit(0)])
        assert np.isnan(scores[0])
        assert scores[1] == pytest.approx(1e-4)
