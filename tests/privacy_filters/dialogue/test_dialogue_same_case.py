"""One case under two numbers is linked; small talk, topics and templates link nobody."""

from dataclasses import replace

import numpy as np
import pytest
from dialogue_people import people, visit

from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.privacy_filters.dialogue.planted import planted_copies
from synthgen.privacy_filters.dialogue.same_case import same_case, same_cases
from synthgen.records import Link

PEOPLE = people(40)
DIALOGUES = [r.payload for r in PEOPLE]
NAMES = [r.patient for r in PEOPLE]


def said(*texts: str) -> Dialogue:
    return Dialogue(tuple(Turn("patient", text) for text in texts))


def test_strangers_are_not_linked() -> None:
    assert same_cases(DIALOGUES, NAMES) == []
    assert same_cases([], []) == []


@pytest.mark.parametrize(
    "kind",
    ["exact", "half_of_turns_dropped", "turns_shuffled", "turns_resegmented", "misspelt_10%", "case_and_punctuation"],
)
def test_a_changed_record_under_a_second_number_is_linked_to_its_first(kind: str) -> None:
    copies = next(p for p in planted_copies(PEOPLE, (), 0) if p.perturbation == kind)
    found = same_cases([*DIALOGUES, *copies.payloads], [*NAMES, *(f"{name}x" for name in NAMES)])
    pairs = {(link.first, link.second - len(PEOPLE)) for link in found}
    assert pairs == {(i, i) for i in range(len(PEOPLE))}


def with_words_left_out(dialogue: Dialogue, share: float, seed: int) -> Dialogue:
    rng = np.random.default_rng(seed)
    return said(*(" ".join(w for w in turn.text.split() if rng.random() >= share) or "." for turn in dialogue.turns))


VOCABULARY = [f"{first}{second}" for first in "bdfgklmnprst" for second in ("a", "e", "i", "o", "u", "an", "en")]


def talk(seed: int, words: int) -> Dialogue:
    """Words of a small vocabulary, so that strangers have many in one order, in turns of ten."""
    rng = np.random.default_rng(seed)
    spoken = [VOCABULARY[i] for i in rng.integers(len(VOCABULARY), size=words)]
    return said(*(" ".join(spoken[i : i + 10]) for i in range(0, words, 10)))


LONG = [talk(i, 300 + 5 * i) for i in range(60)]
THEIRS = [f"p{i:02d}" for i in range(60)]


def test_a_visit_told_turn_by_turn_in_other_words_is_linked_to_its_first() -> None:
    again = [with_words_left_out(dialogue, 0.3, i) for i, dialogue in enumerate(LONG[20:30])]
    assert same_cases(LONG, THEIRS) == []
    found = same_cases([*LONG, *again], [*THEIRS, *(f"x{i}" for i in range(10))])
    assert found == [Link(20 + i, 60 + i, "the same course of words") for i in range(10)]


def test_a_reworded_template_links_nobody() -> None:
    form = talk(1000, 400)
    filled = [
        Dialogue((*with_words_left_out(form, 0.3, i).turns, *talk(2000 + i, 60 + 10 * i).turns)) for i in range(8)
    ]
    assert same_cases([*LONG, *filled], [*THEIRS, *(f"t{i}" for i in range(8))]) == []
    two = same_cases([*LONG, *filled[:2]], [*THEIRS, "t0", "t1"])
    assert two == [Link(60, 61, "the same course of words")]


def test_links_name_their_kind_and_skip_ones_own_records() -> None:
    again = said(*(turn.text.upper() for turn in DIALOGUES[3].turns))
    assert same_cases([*DIALOGUES, again], [*NAMES, "z"]) == [Link(3, 40, "same transcript")]
    assert same_cases([*DIALOGUES, again], [*NAMES, NAMES[3]]) == []


def test_records_of_the_same_words_make_one_chain() -> None:
    short = said("Any known allergies to medicines?", "No.")
    found = same_cases([short, DIALOGUES[0], short, short], ["a", "b", "c", "d"])
    assert found == [Link(0, 2, "same transcript"), Link(2, 3, "same transcript")]


def test_short_visits_that_are_merely_alike_are_not_linked() -> None:
    one = said("Any known allergies to medicines?", "No.")
    other = said("Any known allergies to medicines?", "Yes, to penicillin.")
    assert same_cases([one, other], ["a", "b"]) == []


def test_a_template_links_nobody() -> None:
    form = " ".join(f"item {i} of the form that everybody is read aloud here, please" for i in range(60))
    filled = [said(form, *(turn.text for turn in visit(900 + i).turns)) for i in range(12)]
    assert len(form.split()) > 0.5 * len(filled[0].text.split())
    assert same_cases(filled, [f"t{i}" for i in range(12)]) == []


def test_a_case_under_two_numbers_counts_as_the_first_by_name() -> None:
    half = Dialogue((*DIALOGUES[2].turns[:10], *visit(700).turns[:6]))
    cases = same_case([*DIALOGUES, half, DIALOGUES[0]], [*NAMES, "y", "z"])
    assert cases[:40] == NAMES
    assert cases[-2:] == ["p002", "p000"]


def test_order_does_not_matter() -> None:
    records = [*PEOPLE[:10], replace(PEOPLE[4], patient="x")]
    order = np.random.default_rng(1).permutation(len(records))
    found = same_cases([records[i].payload for i in order], [records[i].patient for i in order])
    assert [{records[order[link.first]].patient, records[order[link.second]].patient} for link in found] == [
        {"p004", "x"}
    ]
