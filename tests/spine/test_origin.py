"""A model folder knows whom it was fitted on, and nobody finds them by it."""

import json
from pathlib import Path

import pytest
from spine_cohort import cohort_of

from synthgen.errors import UserError
from synthgen.origin import ORIGIN, Origin, check_origin, write_origin

KEY = b"k" * 32


def check(model: Path, count: int = 12, *, reads_cohort: bool = True, vouched: bool = False) -> Origin:
    return check_origin(model, cohort_of(40)[:count], reads_cohort=reads_cohort, vouched=vouched)


def test_its_own_patients_in_any_order_and_under_any_name(tmp_path: Path) -> None:
    write_origin(tmp_path, cohort_of(40)[:12][::-1], KEY)
    assert check(tmp_path) is Origin.SAME
    before = (tmp_path / ORIGIN).read_bytes()
    write_origin(tmp_path, cohort_of(40), b"x" * 32)
    assert (tmp_path / ORIGIN).read_bytes() == before, "a fit that is run again leaves it"


@pytest.mark.parametrize("count", [11, 13, 40])
def test_another_split_or_cohort_is_refused(tmp_path: Path, count: int) -> None:
    write_origin(tmp_path, cohort_of(40)[:12], KEY)
    for vouched in (False, True):
        with pytest.raises(UserError, match="not fitted on the training patients of this run"):
            check(tmp_path, count, vouched=vouched)


def test_a_model_without_a_digest_needs_the_users_word(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"carries no digest.*--vouch-for-model"):
        check(tmp_path)
    assert check(tmp_path, vouched=True) is Origin.VOUCHED
    assert check(tmp_path, reads_cohort=False) is Origin.NOBODY


def test_it_gives_no_patient_back(tmp_path: Path) -> None:
    """One digest under a random salt: neither names nor single records can be tried against it."""
    write_origin(tmp_path, cohort_of(12), KEY)
    values = json.loads((tmp_path / ORIGIN).read_text())
    assert set(values) == {"salt", "digest"} and all(len(value) == 32 for value in values.values())
    (tmp_path / "other").mkdir()
    write_origin(tmp_path / "other", cohort_of(12), b"x" * 32)
    other = json.loads((tmp_path / "other" / ORIGIN).read_text())
    assert other["salt"] != values["salt"] and other["digest"] != values["digest"]
    assert check_origin(tmp_path / "other", cohort_of(12), reads_cohort=True, vouched=False) is Origin.SAME


@pytest.mark.parametrize("damaged", ["", "[]", '{"salt": 1, "digest": "x"}', '{"salt": "", "digest": "x"}'])
def test_a_damaged_one_is_one_line(tmp_path: Path, damaged: str) -> None:
    (tmp_path / ORIGIN).write_text(damaged)
    with pytest.raises(UserError, match="copy the model again"):
        check(tmp_path, vouched=True)
