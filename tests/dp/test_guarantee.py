"""What is guaranteed, as a file beside the model and in words."""

import json
import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.dp.accounting import Gaussian, default_delta
from synthgen.dp.guarantee import FILE, WITHOUT, Guarantee, guarantee, guarantee_from, read_guarantee
from synthgen.errors import UserError


def votes(sigma: float = 0.506) -> Guarantee:
    return guarantee([Gaussian(sigma)], 409, "noisy votes", public=["the vocabulary"], not_covered=["the screen"])


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_guarantee(tmp_path) is None
    votes().write(tmp_path)
    assert read_guarantee(tmp_path) == votes()
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert json.loads((tmp_path / FILE).read_text())["unit"] == "patient"


def test_the_sentence_says_unit_epsilon_delta_and_what_is_not_covered() -> None:
    said = votes().sentence()
    assert said.startswith(
        "Differentially private with the patient as the unit, ε = 7.99 at δ = 4.1e-04 (409 patients)"
    )
    assert "finds at most 37% of the patients" in said
    assert "Declared public: the number of patients; the vocabulary." in said
    assert "Not covered: the screen." in said
    assert "Not covered: nothing." in guarantee([Gaussian(1.0)], 409, "votes").sentence()
    assert "no such bound" in WITHOUT


def test_a_guarantee_that_is_too_weak_says_so() -> None:
    assert "too weak to bound an attack" in votes(0.1).sentence()


@given(st.floats(0.2, 50))
def test_the_epsilon_in_words_is_never_below_the_epsilon(sigma: float) -> None:
    found = guarantee([Gaussian(sigma)], 409, "votes")
    said = re.search(r"ε = ([\d.]+) .* factor of ([\d.,e+]+), but .* at most (\d+)%", found.sentence())
    told = [float(figure.replace(",", "")) for figure in said.groups()] if said else [found.epsilon, math.inf, 100]
    assert found.epsilon <= told[0] + 1e-6 < found.epsilon * 1.011
    assert math.exp(found.epsilon) <= told[1] * (1 + 1e-6)
    assert found.findable <= told[2] / 100 + 1e-6


def test_delta_is_the_default_unless_given_and_below_one_patient() -> None:
    assert votes().delta == default_delta(409)
    with pytest.raises(UserError, match="below 1/409"):
        guarantee([Gaussian(1.0)], 409, "votes", delta=1 / 409)


@pytest.mark.parametrize(
    "change",
    [{"epsilon": 1.0}, {"epsilon": "8"}, {"epsilon": None}, {"unit": "image"}, {"events": 3}, {"delta": 0.5}],
)
def test_a_file_that_was_changed_is_not_believed(tmp_path: Path, change: dict[str, object]) -> None:
    votes().write(tmp_path)
    path = tmp_path / FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError, match="fit the model again"):
        read_guarantee(tmp_path)
    path.write_text("{")
    with pytest.raises(UserError, match="is damaged"):
        read_guarantee(tmp_path)


def test_a_guarantee_needs_a_number() -> None:
    value = votes().as_dict()
    with pytest.raises(UserError, match="epsilon must be a number"):
        guarantee_from({**value, "epsilon": math.inf})
