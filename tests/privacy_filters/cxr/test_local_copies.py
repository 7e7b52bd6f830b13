"""Local copies: keypoints and regions find what a list of poses cannot, and strangers stay far."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.payloads.cxr import CxrCondition
from synthgen.privacy_filters.cxr.keypoints import MIRRORED, NEGATIVE, Keypoints, agreement, votes
from synthgen.privacy_filters.cxr.local_copies import NAMES, LocalCopies
from synthgen.privacy_filters.cxr.planted import planted_copies
from synthgen.records import Real
from tests.privacy_filters.cxr.test_near_copy import body

PEOPLE = 40
SHARP = slice(0, NAMES.index("blurred"))  # the scores that see a copy which is not blurred


@pytest.fixture(scope="module")
def people() -> list[np.ndarray]:
    return [body(seed) for seed in range(PEOPLE)]


@pytest.fixture(scope="module")
def owners() -> list[str]:
    return [f"p{i:02d}" for i in range(PEOPLE)]


@pytest.fixture(scope="module")
def protected(people: list[np.ndarray], owners: list[str]) -> LocalCopies:
    return LocalCopies.over(people, owners)


@pytest.mark.parametrize("variant", range(4))
def test_a_negative_and_a_mirror_image_have_the_keypoints_of_the_original(
    people: list[np.ndarray], protected: LocalCopies, variant: int
) -> None:
    image = people[7][:, ::-1] if MIRRORED[variant] else people[7]
    candidate = Keypoints.of([np.ascontiguousarray(255 - image if NEGATIVE[variant] else image)])
    count = votes(candidate, 0, protected.keypoints, np.zeros(PEOPLE, bool))
    assert divmod(int(count.totals.argmax()), PEOPLE) == (variant, 7)
    pose = agreement(candidate, 0, protected.keypoints, 7, variant, count.base)
    assert pose.turn == pytest.approx(1, abs=0.03)
    assert abs(pose.shift) < 0.03


@given(quarter=st.integers(1, 3), cut=st.integers(0, 14), person=st.integers(0, PEOPLE - 1))
@settings(max_examples=10, deadline=None)
def test_keypoints_tell_the_pose_of_a_turned_detail(
    people: list[np.ndarray], protected: LocalCopies, quarter: int, cut: int, person: int
) -> None:
    size = people[0].shape[0]
    detail = np.ascontiguousarray(np.rot90(people[person][cut : size - cut, cut : size - cut], quarter))
    candidate = Keypoints.of([detail])
    count = votes(candidate, 0, protected.keypoints, np.zeros(PEOPLE, bool))
    pose = agreement(candidate, 0, protected.keypoints, person, 0, count.base)
    assert pose.turn == pytest.approx((1 - 2 * cut / size) * 1j**quarter, abs=0.06)


def test_every_planted_copy_scores_below_the_closest_stranger(
    people: list[np.ndarray], owners: list[str], protected: LocalCopies
) -> None:
    few = range(0, PEOPLE, 8)
    records = [Real(owners[i], owners[i], CxrCondition(), people[i]) for i in few]
    strangers = protected.scores([body(1000 + i) for i in range(40)])
    hosts = [body(2000 + i) for i in range(8)]
    for planted in planted_copies(records, (), seed=0, hosts=hosts):
        caught = (protected.scores(planted.payloads) < strangers.min(axis=0)).any(axis=1).mean()
        assert caught >= (0.8 if planted.perturbation == "lung_pasted" else 1), planted.perturbation


def test_ones_own_records_can_be_left_out_and_others_enrolled(
    people: list[np.ndarray], owners: list[str], protected: LocalCopies
) -> None:
    copies = protected.scores(people[:4])
    left_out = protected.scores(people[:4], owners[:4])
    assert (copies < 0.2 * left_out)[:, SHARP].all()
    new = [body(3000), body(3001)]
    more = protected.enrolled(new, ["n0", "a1"])
    assert (more.scores(new) < 0.2 * protected.scores(new))[:, SHARP].all()
    assert more.scores(new, ["n0", "a1"]) == pytest.approx(protected.scores(new), rel=0.5)
    assert more.scores(people[:4]) == pytest.approx(copies, rel=0.5, abs=0.01)


def test_a_second_number_for_the_same_person_hides_nobody(people: list[np.ndarray], owners: list[str]) -> None:
    twice = LocalCopies.over([*people, *people[:6]], [*owners, *[f"again{i}" for i in range(6)]])
    strangers = twice.scores([body(1000 + i) for i in range(20)])
    assert (twice.scores(people[:6]) < 0.5 * strangers.min(axis=0))[:, SHARP].all()


def test_with_nobody_to_compare_to_a_candidate_is_infinitely_far(people: list[np.ndarray]) -> None:
    alone = LocalCopies.over(people[:1], ["only"])
    assert np.isposinf(alone.scores(people[:1], ["only"])).all()
    assert alone.scores(people[:1]).shape == (1, len(NAMES))


def test_an_image_without_keypoints_is_scored(protected: LocalCopies) -> None:
    assert np.isfinite(protected.scores([np.full((96, 96), 7, np.uint8)])).all()
