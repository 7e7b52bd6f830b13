"""Exact search, grouped by patient, against a plain loop; and the floor that keeps twins from masking a copy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from synthgen.privacy_filters.nearest import LocalScale, PatientIndex, chord, local_scale


def unit(rng: np.random.Generator, n: int, d: int = 8) -> np.ndarray:
    x = rng.normal(size=(n, d)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@given(n=st.integers(2, 30), people=st.integers(2, 8), k=st.integers(1, 9), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_nearest_patients_as_in_a_plain_loop(n: int, people: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, patients = unit(rng, n), [f"p{i}" for i in rng.integers(people, size=n)]
    index = PatientIndex.build(vectors, patients)
    queries = unit(rng, 5)
    exclude = [f"p{i}" for i in rng.integers(people, size=5)]
    numbers, cosines = index.nearest(queries, k, exclude)
    for row, query in enumerate(queries):
        best: dict[str, float] = {}
        for vector, patient in zip(vectors, patients, strict=True):
            if patient != exclude[row]:
                best[patient] = max(best.get(patient, -2.0), float(vector @ query))
        wanted = sorted(best.values(), reverse=True)[:k]
        got = [float(c) for c in cosines[row] if np.isfinite(c)]
        assert got == pytest.approx(wanted, abs=1e-5)
        for number, cosine in zip(numbers[row], cosines[row], strict=True):
            if np.isfinite(cosine):
                assert best[index.patients[number]] == pytest.approx(float(cosine), abs=1e-5)


@given(n=st.integers(1, 30), people=st.integers(1, 8), k=st.integers(1, 9), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_sparse_vectors_are_searched_as_dense_ones_are(n: int, people: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, patients = unit(rng, n), [f"p{i}" for i in rng.integers(people, size=n)]
    queries, exclude = unit(rng, 5), [f"p{i}" for i in rng.integers(people + 1, size=5)]
    dense, scarce = PatientIndex.build(vectors, patients), PatientIndex.build(sparse.csr_matrix(vectors), patients)
    assert dense.owners == scarce.owners == sorted(patients)
    for told in (None, exclude):
        found = scarce.similarities(sparse.csr_matrix(queries), told)
        assert found == pytest.approx(dense.similarities(queries, told), abs=1e-6)
        both = (dense.nearest(queries, k, told)[1], scarce.nearest(sparse.csr_matrix(queries), k, told)[1])
        assert both[0] == pytest.approx(both[1], abs=1e-6)


@given(rows=st.integers(1, 25), people=st.integers(2, 6), k=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_a_patients_scale_without_somebody_is_that_of_the_others(rows: int, people: int, k: int, seed: int) -> None:
    """Against a plain loop; records may name one other patient twice, or lack others."""
    rng = np.random.default_rng(seed)
    owner = np.concatenate([np.arange(people), rng.integers(people, size=rows)])
    others = (owner[:, None] + rng.integers(1, people, size=(len(owner), k))) % people
    distances = rng.choice([0.2, 0.5, 1.0, 1.5, np.inf, np.nan], size=others.shape)
    scale = LocalScale.over(distances, others, owner)

    def to_the_nearest(patient: int, left_out: int) -> float:
        own = others[owner == patient] != left_out
        return float(min([d for d in distances[owner == patient][own] if np.isfinite(d)], default=np.inf))

    first = np.array([to_the_nearest(p, -1) for p in range(people)])
    second = np.array([to_the_nearest(p, int(scale.neighbour[p])) for p in range(people)])
    everybody = np.arange(people)
    assert scale.of(everybody) == pytest.approx(local_scale(first))
    for left_out in range(-1, people):
        wanted = np.where(
            scale.neighbour == left_out, np.maximum(local_scale(second), local_scale(first)), scale.nearest
        )
        found = scale.of(everybody, np.array(left_out))
        assert found == pytest.approx(scale.nearest if left_out < 0 else wanted)
        assert (found >= scale.nearest).all()


def test_a_patients_own_records_do_not_crowd_out_other_patients() -> None:
    """One patient with many records must not fill the list of neighbours."""
    rng = np.random.default_rng(0)
    base = unit(rng, 1)
    crowd = base + 0.01 * rng.normal(size=(50, 8)).astype(np.float32)
    crowd /= np.linalg.norm(crowd, axis=1, keepdims=True)
    others = unit(rng, 3)
    index = PatientIndex.build(np.concatenate([crowd, others]), ["a"] * 50 + ["b", "c", "d"])
    numbers, _ = index.nearest(base, k=4)
    assert {index.patients[i] for i in numbers[0]} == {"a", "b", "c", "d"}


def test_chord_is_the_euclidean_distance() -> None:
    rng = np.random.default_rng(1)
    a, b = unit(rng, 10), unit(rng, 10)
    assert chord((a * b).sum(axis=1)) == pytest.approx(np.linalg.norm(a - b, axis=1), abs=1e-5)
    assert chord(np.array([1.0000001], dtype=np.float32))[0] == 0.0


def test_a_twin_does_not_mask_a_copy() -> None:
    """Without the floor a copy of somebody with a twin would score d / tiny: far."""
    others = np.array([0.001, 0.9, 1.0, 1.1, 1.2])
    scale = local_scale(others)
    assert scale[0] == pytest.approx(0.5 * 1.0)
    assert 0.01 / scale[0] < 0.05 < 0.01 / others[0]


def test_patients_without_neighbours_take_the_median() -> None:
    assert local_scale(np.array([np.inf, 1.0, 3.0]))[0] == pytest.approx(2.0)
    assert (local_scale(np.array([np.inf, np.nan])) > 0).all()
    assert (local_scale(np.zeros(3)) > 0).all()


def test_rows_and_patients_must_agree() -> None:
    with pytest.raises(ValueError, match="one patient per row"):
        PatientIndex.build(np.zeros((2, 3), np.float32), ["a"])


@pytest.mark.parametrize(
    "counts",
    [[1] * 1500, [1, 2, 40] * 500, [3] * 700 + [30], [9, 8] * 400, [1]],
    ids=lambda counts: f"{len(counts)} patients, up to {max(counts)}",
)
def test_in_large_cohorts_the_nearest_are_those_of_a_plain_maximum_and_a_plain_sort(counts: list[int]) -> None:
    rng = np.random.default_rng(len(counts))
    names = [f"p{number:04d}" for number in np.repeat(np.arange(len(counts)), rng.permutation(counts))]
    vectors, queries = unit(rng, len(names)), unit(rng, 40)
    index = PatientIndex.build(vectors, names)
    expected = np.maximum.reduceat(queries @ index.vectors.T, index.starts, axis=1)
    assert np.array_equal(index.similarities(queries), expected)
    own = list(rng.choice(names, len(queries)))
    expected[np.arange(len(queries)), index.numbers(own)] = -np.inf
    for k in (1, 2, 5):
        numbers, cosines = index.nearest(queries, k, own)
        order = np.argsort(-expected, axis=1)[:, :k]
        assert np.array_equal(numbers, order)
        assert np.array_equal(cosines, np.take_along_axis(expected, order, axis=1))
