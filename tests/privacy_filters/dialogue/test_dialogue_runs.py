"""Shared runs of words: equal to what comparing everything with everything finds."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.privacy_filters.dialogue.runs import RunIndex
from synthgen.privacy_filters.dialogue.words import words

few = st.sampled_from("ab")
text = st.lists(few | st.sampled_from("cdz"), max_size=40) | st.lists(few, max_size=40)
cohort = st.lists(st.tuples(st.sampled_from("PQR"), text), min_size=1, max_size=7)


def common(a: Sequence[str], b: Sequence[str]) -> int:
    """Words that the beginnings of both share."""
    n = 0
    while n < min(len(a), len(b)) and a[n] == b[n]:
        n += 1
    return n


def longest_from(candidate: Sequence[str], i: int, records: list[tuple[str, list[str]]], barred: str | None) -> int:
    """The longest run from word i on that anybody but ``barred`` shares, by brute force."""
    lengths = [
        common(candidate[i:], record[j:])
        for patient, record in records
        if patient != barred
        for j in range(len(record))
    ]
    return max(lengths, default=0)


@given(records=cohort, candidates=st.lists(text, min_size=1, max_size=3), barred=st.sampled_from(["P", "Q", "X", None]))
@settings(max_examples=150, deadline=None)
def test_every_position_agrees_with_brute_force(
    records: list[tuple[str, list[str]]], candidates: list[list[str]], barred: str | None
) -> None:
    index = RunIndex.over([record for _, record in records], [patient for patient, _ in records])
    exclude = None if barred is None else [barred] * len(candidates)
    for candidate, match, run in zip(
        candidates, index.matches(candidates, exclude), index.longest(candidates, exclude), strict=True
    ):
        expected = [longest_from(candidate, i, records, barred) for i in range(len(candidate))]
        assert match.lengths.tolist() == expected
        assert run.length == max(expected, default=0)
        for i, (length, owner) in enumerate(zip(match.lengths, match.owners, strict=True)):
            if length:
                patient = index.patients[owner]
                assert patient != barred
                assert any(
                    common(candidate[i:], record[j:]) >= length
                    for name, record in records
                    if name == patient
                    for j in range(len(record))
                )


@given(first=cohort, second=cohort, candidate=text)
@settings(max_examples=50, deadline=None)
def test_enrolling_is_indexing_all_at_once(
    first: list[tuple[str, list[str]]], second: list[tuple[str, list[str]]], candidate: list[str]
) -> None:
    grown = RunIndex.over([r for _, r in first], [p for p, _ in first]).enrolled(
        [r for _, r in second], [p for p, _ in second]
    )
    whole = RunIndex.over([r for _, r in (*first, *second)], [p for p, _ in (*first, *second)])
    assert grown.patients == whole.patients
    assert grown.matches([candidate])[0].lengths.tolist() == whole.matches([candidate])[0].lengths.tolist()


def test_no_run_crosses_from_one_record_to_the_next() -> None:
    index = RunIndex.over([["a", "b"], ["c", "d"]], ["P", "P"])
    assert index.longest([["a", "b", "c", "d"]])[0].length == 2


def test_a_long_copy_in_a_large_vocabulary_is_found_where_it_stands() -> None:
    rng = np.random.default_rng(0)
    records = [[f"w{i}" for i in rng.integers(0, 90_000, 2_000)] for _ in range(60)]
    index = RunIndex.over(records, [f"p{i:02d}" for i in range(60)])
    assert len(index.vocabulary) > 2**16
    candidate = [*records[3][:40], "unheard", *records[17][500:1_300], "of"]
    run = index.longest([candidate])[0]
    assert (run.length, run.start, run.patient) == (800, 41, "p17")
    without = index.longest([candidate], ["p17"])[0]
    assert (without.length, without.patient) == (40, "p03")


def test_an_empty_index_is_refused() -> None:
    with pytest.raises(ValueError, match="one patient per record"):
        RunIndex.over([], [])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I 'm fine , do n't worry .", "I'm fine, don't worry!"),
        ("I’m fine", "i am FINE"),
        ("It's seventy-six , um , years", "it is 76 years"),
        ("I I just can't", "I just cannot"),
        ("café ＡＢＣ", "cafe abc"),
        ("zero\u200bwidth", "zerowidth"),
        ("Martha 's knee", "martha's knee"),
        ("Тhе сарe оf mу реople, ВАD hеаrt", "the cape of my people, bad heart"),  # Cyrillic among Latin
        ("ПРИВЕТ", "привет"),
        ("IHavePainInMyChest", "I have pain in my chest"),
        ("McDonald", "MCDONALD"),
    ],
)
def test_what_two_typists_write_differently_has_the_same_words(one: str, other: str) -> None:
    assert words(one) == words(other)


@given(st.text(max_size=60))
def test_words_are_stable_under_normalising_twice(text: str) -> None:
    once = words(text)
    assert all(word and not word.isspace() for word in once)
    assert words(" ".join(once)) == once


def test_digits_are_not_a_stutter() -> None:
    assert words("5 5 5, no no no") == ("5", "5", "5", "no")
