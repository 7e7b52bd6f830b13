"""What an attacker's scores are worth: the ends of every figure, and what no figure may depend on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.linkage import linked

NAMES = [f"p{i:02d}" for i in range(40)]


def scores(seed: int, stands_out: float, others: int = 0) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(40, 40 + others))
    found[np.arange(40), np.arange(40)] += stands_out
    return found


def test_a_perfect_attacker_and_a_guessing_one() -> None:
    perfect = linked("x", scores(0, 100.0), NAMES, 0)
    assert (perfect.auc.value, perfect.eer.value, perfect.tpr.value, perfect.rank1.value) == (1.0, 0.0, 1.0, 1.0)
    assert perfect.eer.ci95[1] > 0.05  # forty people show no more
    guessing = linked("x", scores(0, 0.0), NAMES, 0)
    assert guessing.eer.ci95[0] < 0.5 < guessing.eer.ci95[1] + 0.05
    assert guessing.rank1.value < 0.1 and guessing.d_sys.value < 0.2 < perfect.d_sys.value


def test_an_attacker_who_cannot_tell_finds_one_in_the_size_of_the_gallery() -> None:
    same = linked("x", np.ones((40, 60)), NAMES, 0)
    assert same.rank1.value == pytest.approx(1 / 60)
    assert same.auc.value == same.eer.value == 0.5
    assert same.gallery == 60 and "60" in same.rank1.note


@given(seed=st.integers(0, 1000), stands_out=st.floats(0, 4))
@settings(max_examples=15, deadline=None)
def test_only_the_order_of_scores_counts(seed: int, stands_out: float) -> None:
    plain = scores(seed, stands_out, 5)
    one, other = (linked("x", found, NAMES, 1) for found in (plain, np.exp(plain / 3)))
    for a, b in zip(one.estimates[:4], other.estimates[:4], strict=True):
        assert a.value == pytest.approx(b.value) and a.ci95 == pytest.approx(b.ci95)
        assert a.ci95[0] <= a.value <= a.ci95[1]


def test_shapes_and_people_are_checked() -> None:
    with pytest.raises(ValueError, match="one probe of each"):
        linked("x", np.ones((40, 39)), NAMES, 0)
    with pytest.raises(ValueError, match="one probe of each"):
        linked("x", np.ones((40, 40)), [*NAMES[:-1], NAMES[0]], 0)
    with pytest.raises(ValueError, match="finite"):
        linked("x", np.full((40, 40), np.nan), NAMES, 0)
