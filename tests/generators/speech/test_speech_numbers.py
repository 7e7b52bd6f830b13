"""Numbers in words, for models whose alphabet has no digits."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.generators.speech.numbers import cardinal, spelled

_SMALL = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
"""
_TENS = """twenty thirty forty fifty sixty seventy eighty ninety"""
_VALUES = {word: value for value, word in enumerate(re.findall(r"\w+", _SMALL))}
_VALUES |= {word: 10 * value for value, word in enumerate(re.findall(r"\w+", _TENS), start=2)}
_SCALES = {"thousand": 1000, "million": 10**6, "billion": 10**9}


def value_of(words: str) -> int:
    """Reads the words back."""
    total = part = 0
    for word in words.replace(" and ", " ").split():
        if word == "hundred":
            part *= 100
        elif word in _SCALES:
            total, part = total + part * _SCALES[word], 0
        else:
            part += _VALUES[word]
    return total + part


@given(st.integers(0, 10**12 - 1))
def test_a_number_reads_back_as_itself(number: int) -> None:
    assert value_of(cardinal(number)) == number


@pytest.mark.parametrize("number", [-1, 10**12])
def test_numbers_outside_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="must be in"):
        cardinal(number)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("I take 50 mg.", "I take fifty mg."),
        ("1,500 steps", "one thousand five hundred steps"),
        ("7.5 of 10", "seven point five of ten"),
        ("room 007", "room zero zero seven"),
        ("a 20mg pill", "a twenty mg pill"),
        ("B12", "B twelve"),
        ("in 1998.", "in one thousand nine hundred and ninety eight."),
        ("no number", "no number"),
    ],
)
def test_numbers_in_a_sentence(text: str, said: str) -> None:
    assert spelled(text) == said


@given(st.text(max_size=60))
def test_no_ascii_digit_is_left(text: str) -> None:
    assert not any(character in "0123456789" for character in spelled(text))
