"""Identifiers as they are said, and said otherwise."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.privacy_filters.dialogue.identifiers import IdentifierConfig, find_identifiers
from synthgen.privacy_filters.dialogue.identifiers.moved_dates import date_moved
from synthgen.privacy_filters.dialogue.identifiers.said import codes, words_of
from synthgen.privacy_filters.dialogue.identifiers.said_anew import numbers_anew
from synthgen.privacy_filters.dialogue.identifiers.surrogates import surrogate

SAID = [
    ("born twelve August nineteen fifty eight", "twelve August nineteen fifty eight", "DATE"),
    ("it was the twenty second of the eleventh, eighty four", "twenty second of the eleventh, eighty four", "DATE"),
    ("on March the fifth two thousand and three", "March the fifth two thousand and three", "DATE"),
    ("moved to the fifteenth of um december", "fifteenth of um december", "DATE"),
    ("we buried him on boxing day twenty seventeen", "boxing day twenty seventeen", "DATE"),
    ("it began in October of nineteen ninety two", "October of nineteen ninety two", "MONTH"),
    ("i live at fifteen acacia avenue", "fifteen acacia avenue", "ADDRESS"),
    ("Flat two, one hundred and four Queens Road", "Flat two, one hundred and four Queens Road", "ADDRESS"),
    ("my landlord owns lindenstrasse thirty four", "lindenstrasse thirty four", "ADDRESS"),
    ("it is S W sixteen six J T", "S W sixteen six J T", "POSTCODE"),
    ("M as in mother five V three L nine", "M as in mother five V three L nine", "POSTCODE"),
    ("the zip is nine oh two one oh", "nine oh two one oh", "POSTCODE"),
    ("nine oh two one oh, that's my zip code", "nine oh two one oh", "POSTCODE"),
    ("john dot smith at gmail dot com", "john dot smith at gmail dot com", "EMAIL"),
    ("write to j dot o k a f o r at n h s dot net", "j dot o k a f o r at n h s dot net", "EMAIL"),
    ("ring oh seven seven double oh nine hundred one two three",
     "oh seven seven double oh nine hundred one two three", "PHONE"),
    ("my policy number is alpha x ray four four nine", "alpha x ray four four nine", "ID"),
    ("the registration is K V one nine Z R T", "K V one nine Z R T", "PLATE"),
    ("she goes to st ebba's primary", "st ebba's primary", "ORGANISATION"),
    ("i work at castellano and goodacre", "castellano and goodacre", "ORGANISATION"),
]  # fmt: skip

TALK = (
    "The pressure was one twenty over eighty, and one forty five over ninety at night.",
    "Count with me: one two three four five six seven eight nine ten.",
    "ninety three eighty six seventy nine seventy two sixty five",
    "It is a two way street and a ten minutes drive.",
    "I may one day march on, and second that.",
    "Take twenty five milligrams twice a day for the first of two weeks.",
    "There is stenosis at L two L three, L three L four, and L five S one.",
    "I have C O P D. I smoke one or two a day.",
    "He kept his appointments, finished high school and was admitted to the hospital.",
    "My primary told me to avoid spicy foods and fatty foods.",
    "It hurts three to five out of ten, around the clock, twenty four seven.",
)


@pytest.mark.parametrize(("text", "said", "kind"), SAID, ids=[said for _, said, _ in SAID])
def test_what_is_said_is_found(text: str, said: str, kind: str) -> None:
    found = {(text[hit.start : hit.end], hit.entity) for hit in find_identifiers(text, IdentifierConfig())}
    assert (said, kind) in found


@pytest.mark.parametrize("text", TALK)
def test_talk_is_kept(text: str) -> None:
    config = IdentifierConfig()
    assert [hit for hit in find_identifiers(text, config) if hit.entity in config.reject] == []


@pytest.mark.parametrize(
    ("said", "later"),
    [
        ("twelve August nineteen fifty eight", "eleven September nineteen fifty eight"),
        ("the third of May", "the second of June"),
        ("March the fifth two thousand and three", "April the fourth two thousand and three"),
        ("december twenty second, eighty four", "january twenty first, eighty five"),
        ("October of nineteen ninety nine", "November of nineteen ninety nine"),
        ("march twelve", "april eleven"),
        ("The thirty-first of May nineteen oh four", "The thirtieth of June nineteen oh four"),
        ("June 12th, '84", "July 12th, '84"),
        ("May two thousand", "June two thousand"),
    ],
)
def test_a_date_moves_in_its_own_words(said: str, later: str) -> None:
    assert date_moved(said, 30, day_first=True) == later


@given(st.integers(0, 2**32), st.sampled_from([said for _, said, kind in SAID if kind in {"ID", "PLATE", "PHONE"}]))
def test_a_number_said_otherwise_is_another_of_as_many_words(seed: int, said: str) -> None:
    made = numbers_anew(said, random.Random(seed))  # noqa: S311
    assert made != said
    first, second = (next(next(codes(text, words_of(text)))) for text in (said, made))
    assert first.spelt != second.spelt and abs(len(first.spelt) - len(second.spelt)) <= 1


@pytest.mark.parametrize("seed", range(3))
def test_surrogates_leave_nothing_of_what_was_said(seed: int) -> None:
    made = surrogate(Dialogue(tuple(Turn("patient", text) for text, _, _ in SAID)), seed).text
    assert [said for _, said, _ in SAID if said in made] == []
