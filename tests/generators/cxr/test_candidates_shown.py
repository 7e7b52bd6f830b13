"""Radiographs that were made elsewhere: what a table says of them, and where one differs from another."""

import json
from pathlib import Path

import numpy as np
import pytest

from synthgen.errors import UserError
from synthgen.generators.cxr.candidates import candidate_conditions
from synthgen.generators.cxr.difference import difference
from synthgen.payloads.cxr import CxrCondition
from synthgen.progress import Silent


def test_the_difference_is_black_where_both_are_alike() -> None:
    image = np.random.default_rng(0).integers(0, 256, (16, 16)).astype(np.uint8)
    other = image.copy()
    other[2, 3] ^= 0x80
    found = difference(image, other)
    assert found[2, 3] == 128 and found.sum() == 128 and found.dtype == np.uint8
    assert difference(image, np.kron(image, np.ones((2, 2), np.uint8))).shape == (16, 16)


def test_conditions_are_read_from_either_table(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "metadata.csv").write_text("file_name,labels,view,sex,age\na.png,Effusion|Edema,PA,F,40\n")
    row = {"file_name": "c.png", "labels": ["No Finding"], "view": None, "sex": "M", "age": None}
    (tmp_path / "b" / "metadata.jsonl").write_text(json.dumps(row) + "\n")
    found = candidate_conditions(tmp_path, ["a.png", "b/c.png"], Silent())
    assert found == [CxrCondition(("Edema", "Effusion"), "PA", "F", 40), CxrCondition((), "", "M", None)]
    assert candidate_conditions(tmp_path, ["a.png", "d.png"], Silent()) is None


def test_without_a_table_nothing_is_known_and_a_broken_one_is_one_line(tmp_path: Path) -> None:
    assert candidate_conditions(tmp_path, ["a.png"], Silent()) is None
    (tmp_path / "metadata.jsonl").write_text("[]\n")
    with pytest.raises(UserError, match=r"metadata\.jsonl, line 1: give file_name, labels"):
        candidate_conditions(tmp_path, ["a.png"], Silent())
