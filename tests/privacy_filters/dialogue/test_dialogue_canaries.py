"""Canaries are found however they are written, and never where they were not said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.privacy_filters.dialogue.canaries import CanaryRule

CANARY = "4 8 1 3 9 0"


def said(*texts: str) -> Dialogue:
    return Dialogue(tuple(Turn("patient", text) for text in texts))


@pytest.mark.parametrize(
    "texts",
    [
        ("The code of my locker is 4 8 1 3 9 0.",),
        ("it was 481390, I think",),
        ("Four, eight, one, three, nine, zero!",),
        ("48-13-90",),
        ("it begins with 4 8 1", "3 9 0, yes"),
    ],
)
def test_a_canary_is_found_in_any_spelling(texts: tuple[str, ...]) -> None:
    (verdict,) = CanaryRule((CANARY,))([said(*texts)])
    assert not verdict.keeps
    assert verdict.rule


@pytest.mark.parametrize("text", ["4 8 1 3 9", "4 8 1 3 9 1", "the number 4 and 8", "My locker has a code."])
def test_less_than_the_whole_secret_is_kept(text: str) -> None:
    (verdict,) = CanaryRule((CANARY,))([said(text)])
    assert verdict.keeps


def test_words_are_whole() -> None:
    rule = CanaryRule(("amber anchor lemon",))
    found, other = rule([said("AMBER, anchor; lemon?"), said("amber anchor lemonade")])
    assert not found.keeps
    assert other.keeps


def test_no_canaries_keep_everything() -> None:
    assert all(verdict.keeps for verdict in CanaryRule(())([said("anything"), said("4 8 1 3 9 0")]))


def test_an_empty_canary_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one word"):
        CanaryRule(("...",))


@given(st.lists(st.sampled_from(["birch", "copper", "lantern", "olive", "quilt", "velvet"]), min_size=3, max_size=6))
def test_every_secret_is_found_within_other_talk(words: list[str]) -> None:
    secret = " ".join(words)
    (verdict,) = CanaryRule((secret,))([said("Well, as I said.", f"My words: {secret}. That is all.")])
    assert verdict.score <= -1
