"""What readers of images and of voices share: order, layouts, names that lead outside, licences."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import also_skipped, files_below, in_order, inside, licence_of, whole
from synthgen.generators.cohort.recognise import Layout, recognise
from synthgen.records import Skipped


@dataclass(frozen=True)
class Named:
    record: str
    file: Path = Path("a.wav")
    where: str = "row 2"


@given(st.lists(st.text(max_size=3), max_size=12))
def test_entries_are_in_the_order_of_their_names_which_must_differ(names: list[str]) -> None:
    if len(set(names)) < len(names):
        with pytest.raises(UserError, match="named twice"):
            in_order(map(Named, names))
    else:
        assert [entry.record for entry in in_order(map(Named, names))] == sorted(names)


@given(st.dictionaries(st.sampled_from("abc"), st.integers(1, 5)), st.sampled_from("abcd"), st.integers(0, 5))
def test_reasons_add_up(before: dict[str, int], reason: str, count: int) -> None:
    found = also_skipped([Skipped(name, number) for name, number in before.items()], reason, count)
    assert sum(skip.count for skip in found) == sum(before.values()) + count
    assert [skip.count for skip in found] == sorted((skip.count for skip in found), reverse=True)


@pytest.mark.parametrize("name", ["", " ", "/etc/passwd", "../b.png", "a/../../b.png", "..\\b.png"])
def test_a_name_that_is_no_path_below_the_folder_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"row 3: the file_name"):
        inside(Path("folder"), name, "row 3")


def test_hidden_files_are_nobodys(tmp_path: Path) -> None:
    for name in ("b.PNG", "._a.png", "c.txt", "deep/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in files_below(tmp_path, {".png"})] == ["b.PNG", "a.png"]


def test_a_licence_is_what_the_table_says_or_the_file_or_nobody_knows(tmp_path: Path) -> None:
    assert licence_of(tmp_path) == "as stated by the data holder"
    (tmp_path / "LICENCE.txt").write_text("\n  CC0-1.0 \nmore", "utf-8")
    assert licence_of(tmp_path, Counter({"": 3})) == "CC0-1.0"
    assert licence_of(tmp_path, Counter({"MIT": 1, "CC-BY": 2})) == "CC-BY; MIT"


def test_of_two_layouts_that_fit_the_first_is_taken_only_where_that_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    layouts = [Layout(name, f"{name}.csv", lambda _: True, read=number) for number, name in enumerate("ab")]
    assert recognise(tmp_path, layouts, "auto", holds="files", first=True).read == 0
    assert recognise(tmp_path, layouts, "b", holds="files").read == 1
    with pytest.raises(UserError, match=r"a \(a.csv\) and b \(b.csv\); name one with modality.cohort.layout"):
        recognise(tmp_path, layouts, "auto", holds="files")


def test_a_name_longer_than_any_file_s_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="row 2: the file_name is longer than any file's"):
        inside(tmp_path, "images/" + "9" * 5000, "row 2")


@pytest.mark.parametrize(
    ("text", "number"), [("12", 12), ("007", 7), ("٣", 3), ("²", None), ("9" * 5000, None), ("-1", None), ("", None)]
)
def test_a_cell_is_a_whole_number_or_none(text: str, number: int | None) -> None:
    assert whole(text) == number
