from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.errors import UserError
from synthgen.generators.cxr.conditioning import Encoding
from synthgen.payloads.cxr import CxrCondition

KNOWN = ("Edema", "Effusion", "Nodule")
ENCODING = Encoding(KNOWN)

conditions = st.builds(
    lambda findings, view, sex, age: CxrCondition(tuple(sorted(findings)), view, sex, age),
    st.sets(st.sampled_from(KNOWN)),
    st.sampled_from(["PA", "AP", ""]),
    st.sampled_from(["F", "M", ""]),
    st.none() | st.integers(0, 120),
)


@given(st.lists(conditions, min_size=2, max_size=8))
def test_different_conditions_have_different_vectors(some: list[CxrCondition]) -> None:
    vectors = {vector.tobytes() for vector in ENCODING.encode(some)}
    assert len(vectors) == len(set(some))


@given(conditions)
def test_no_condition_looks_like_the_unconditional_vector(condition: CxrCondition) -> None:
    assert not np.array_equal(ENCODING.encode([condition]), ENCODING.null(1))


def test_places_are_where_their_names_say() -> None:
    vector = ENCODING.encode([CxrCondition(("Effusion",), "AP", "F", 75)])[0]
    named = {field: value for field, value in zip(ENCODING.fields, vector, strict=True) if value}
    assert named == {"finding:Effusion": 1, "view:AP": 1, "sex:F": 1, "age:known": 1, "age:scaled": 1}


def test_unknown_finding_names_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"cannot draw 'Hernia'.*No Finding, Edema, Effusion, Nodule"):
        ENCODING.encode([CxrCondition(("Hernia",))])


def test_dropping_everything_leaves_the_unconditional_vector() -> None:
    vectors = ENCODING.encode([CxrCondition(("Edema",), "PA", "M", 40)] * 5)
    rng = np.random.default_rng(0)
    assert np.array_equal(ENCODING.drop(vectors, rng, whole=1.0, field=0.0), ENCODING.null(5))


def test_dropping_fields_leaves_the_findings() -> None:
    vectors = ENCODING.encode([CxrCondition(("Edema",), "PA", "M", 40)] * 5)
    kept = ENCODING.drop(vectors, np.random.default_rng(0), whole=0.0, field=1.0)
    assert np.array_equal(kept, ENCODING.encode([CxrCondition(("Edema",))] * 5))
