"""One person is one person: linked patients count as one before the split, or the command stops."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from synthgen.cohort import split_by_patient
from synthgen.config import PeopleConfig, RunConfig, Section, SplitConfig
from synthgen.errors import UserError
from synthgen.modality import Cohorts
from synthgen.patient_ids import linked_groups, number_key, one_spelling, patient_key
from synthgen.people import LIST, People, find_people
from synthgen.progress import Progress
from synthgen.records import Link, Loaded, Real
from synthgen.release import words
from synthgen.report import LinkedFacts
from synthgen.workfolder import opened


@dataclass(frozen=True)
class Label:
    stratum: str = "any"

    def as_dict(self) -> dict[str, object]:
        return {"label": self.stratum}


class Words:
    """The part of a modality that people are found by: records are words, and equal words are one record."""

    def links(self, records: Sequence[Real[str, Label]], config: Section, progress: Progress) -> Sequence[Link]:
        return linked_groups([r.payload or None for r in records], [r.patient for r in records], "same words")


class Said:
    """Keeps the lines that a user would see."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def cohort(*people: tuple[str, str], links: tuple[Link, ...] = ()) -> Loaded[str, Label]:
    """(patient, word) for each record."""
    records = tuple(Real(patient, f"r{at:03d}", Label(), word) for at, (patient, word) in enumerate(people))
    return Loaded(records, "test", "none", links=links)


def strangers(count: int) -> list[tuple[str, str]]:
    return [(f"p{at:03d}", f"own words of {at}") for at in range(count)]


def found(loaded: Loaded[str, Label], folder: Path, said: Said | None = None, **settings: object) -> People[str, Label]:
    config = RunConfig[Section](modality=Section(), people=PeopleConfig.model_validate(settings))
    cohorts: Cohorts[str, Label, Section] = Words()  # type: ignore[assignment]
    return find_people(cohorts, loaded, config, folder, said or Said())  # type: ignore[arg-type]


def test_patients_with_the_same_record_are_one_under_the_first_name(tmp_path: Path) -> None:
    said = Said()
    loaded = cohort(*strangers(8), ("p900", "own words of 3"), ("p900", "more"), ("p901", "more"))
    people = found(loaded, tmp_path, said)
    assert {r.patient for r in people.loaded.records} == {f"p{at:03d}" for at in range(8)}
    assert [r.record for r in people.loaded.records] == [r.record for r in loaded.records]
    assert [r.record for r in people.loaded.records if r.patient == "p003"] == ["r003", "r008", "r009", "r010"]
    assert people.facts == LinkedFacts(10, 8, (("same words", 2),))
    assert people.person_of["p901"] == "p003"
    assert "8 people (2 × same words)" in said.lines[0]
    assert not any(name in "".join(said.lines) for name in ("p003", "p900", "r003"))


def test_the_private_list_names_the_pairs_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    found(cohort(*strangers(8), ("p900", "own words of 3")), tmp_path)
    listed = tmp_path / LIST
    assert listed.stat().st_mode & 0o777 == 0o600
    (row,) = csv.DictReader(listed.read_text().splitlines())
    assert row == {"first": "r003", "second": "r008", "kind": "same words", "first_patient": "p003",
                   "second_patient": "p900"}  # fmt: skip
    found(cohort(*strangers(8)), tmp_path)
    assert not listed.exists()


def test_without_links_nothing_changes(tmp_path: Path) -> None:
    loaded, said = cohort(*strangers(8)), Said()
    people = found(loaded, tmp_path, said)
    assert people.loaded == loaded
    assert people.facts == LinkedFacts(8, 8, ())
    assert said.lines == []
    assert words.linked(people.facts) == []
    assert split_by_patient(people.loaded, SplitConfig(), people.person_of) == split_by_patient(loaded, SplitConfig())


def test_what_the_loader_knows_counts_too(tmp_path: Path) -> None:
    loaded = cohort(*strangers(8), links=(Link(1, 2, "one study"), Link(2, 1, "one study"), Link(4, 4, "one study")))
    people = found(loaded, tmp_path)
    assert people.facts == LinkedFacts(8, 7, (("one study", 1),))


@pytest.mark.parametrize("other", ["p001 ", "P001", "\u00a0p001", "ｐ００１"])
def test_spellings_of_one_identifier_are_one_patient(tmp_path: Path, other: str) -> None:
    said = Said()
    people = found(cohort(*strangers(4), (other, "words")), tmp_path, said)
    assert len({r.patient for r in people.loaded.records}) == 4
    assert people.facts == LinkedFacts(5, 4, (), spellings=1)
    assert "1 patient ids differ from another in spaces, case or Unicode form" in said.lines[0]
    assert "written in several ways" in words.linked(people.facts)[0]


def test_composed_and_decomposed_letters_are_one_and_other_letters_are_not() -> None:
    assert patient_key("Mu\u0308ller") == patient_key("M\u00fcller") != patient_key("Muller")
    assert one_spelling(["b", "B", "b ", "c"]) == ["B", "B", "B", "c"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("007", "7", True), ("P007", "p7", True), ("7.0", "007", True), ("p70", "p7", False), ("a1", "b1", False),
     ("0", "00", True), ("1-07", "1-7", True), ("1-70", "1-7", False), ("p", "p0", False)],
)  # fmt: skip
def test_leading_zeros_make_a_link_and_not_a_silent_merge(tmp_path: Path, one: str, other: str, same: bool) -> None:
    assert (number_key(one) == number_key(other)) is same
    people = found(cohort(*[(f"x{at}", "") for at in range(1, 4)], (one, ""), (other, "")), tmp_path)
    assert people.facts.links == ((("same number", 1),) if same else ())
    assert people.facts.patients == (4 if same else 5)


@given(st.text(min_size=1, max_size=12))
def test_a_key_is_its_own_key(written: str) -> None:
    assert patient_key(patient_key(written)) == patient_key(written)
    assert number_key(number_key(written)) == number_key(written)
    assert patient_key(f" {written}\t") == patient_key(written)


def test_numbers_that_a_spreadsheet_rounded_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"2 patient ids are written like 1\.2E\+11") as error:
        found(cohort(("1.20000E+11", "a"), ("1,3e+11", "b"), ("p3", "c")), tmp_path)
    assert "1.20000E+11" not in str(error.value)


@st.composite
def linked_cohorts(draw: DrawFn) -> Loaded[str, Label]:
    patients = draw(st.lists(st.integers(0, 30), min_size=2, max_size=40))
    records = tuple(Real(f"q{p:02d}", f"s{at}", Label(), "") for at, p in enumerate(patients))
    pairs = draw(st.lists(st.tuples(*[st.integers(0, len(records) - 1)] * 2), max_size=6))
    return Loaded(records, "test", "none", links=tuple(Link(a, b, "drawn") for a, b in pairs))


@given(linked_cohorts())
@settings(max_examples=60, deadline=None)
def test_linked_records_share_a_person_and_nobody_is_lost(tmp_path_factory: pytest.TempPathFactory, loaded) -> None:  # type: ignore[no-untyped-def]
    try:
        people = found(loaded, tmp_path_factory.mktemp("people"))
    except UserError:
        return
    records = people.loaded.records
    assert [r.payload for r in records] == [r.payload for r in loaded.records]
    assert all(records[k.first].patient == records[k.second].patient for k in loaded.links)
    assert len({(r.patient, r.record) for r in records}) == len(records)
    by_old: dict[str, set[str]] = {}
    for before, after in zip(loaded.records, records, strict=True):
        by_old.setdefault(before.patient, set()).add(after.patient)
        assert after.patient <= before.patient
    assert all(len(names) == 1 for names in by_old.values())
    assert len({r.patient for r in records}) == people.facts.patients <= people.facts.patients_before


def test_a_record_name_that_the_person_has_already_is_changed(tmp_path: Path) -> None:
    records = (Real("a", "scan", Label(), "x"), Real("b", "scan", Label(), "x"), Real("c", "scan", Label(), "y"))
    people = found(Loaded(records, "test", "none"), tmp_path)
    assert [(r.patient, r.record) for r in people.loaded.records] == [("a", "scan"), ("a", "scan'"), ("c", "scan")]


def chain(length: int, others: int) -> Loaded[str, Label]:
    """Each patient shares a record with the next."""
    people = [(f"k{at:03d}", f"link {at + side}") for at in range(length) for side in (0, 1)]
    return cohort(*people, *strangers(others))


def test_a_chain_stops_the_command_with_counts_and_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        found(chain(6, 20), tmp_path)
    said = str(error.value)
    assert "6 of 26 patients are linked into one chain (5 × same words)" in said
    assert str(tmp_path / LIST) in said
    assert "\n" not in said
    assert "k000" not in said
    assert len((tmp_path / LIST).read_text().splitlines()) == 6


def test_a_chain_of_a_few_is_a_person_and_more_are_where_the_cohort_is_large(tmp_path: Path) -> None:
    assert found(chain(5, 20), tmp_path).facts.patients == 21
    assert found(chain(8, 400), tmp_path).facts.patients == 401
    with pytest.raises(UserError, match="9 of 409 patients"):
        found(chain(9, 400), tmp_path)


def test_many_numbers_that_all_share_a_record_are_one_person(tmp_path: Path) -> None:
    people = found(cohort(*[(f"k{at}", "the same") for at in range(9)], *strangers(12)), tmp_path)
    assert people.facts == LinkedFacts(21, 13, (("same words", 36),))


def test_a_record_that_very_many_share_is_a_template(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="60 of 72 patients are linked into one chain"):
        found(cohort(*[(f"k{at:02d}", "the same") for at in range(60)], *strangers(12)), tmp_path)


def test_a_cohort_that_is_one_person_after_linking(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="one person after linking: its 4 patients") as error:
        found(cohort(*[(f"k{at}", "the same") for at in range(4)]), tmp_path)
    assert "k0" not in str(error.value)


def test_the_steward_can_ask_to_stop_and_can_set_pairs_apart(tmp_path: Path) -> None:
    loaded = cohort(*strangers(8), ("p900", "own words of 3"))
    with pytest.raises(UserError, match="1 patients are linked to another") as error:
        found(loaded, tmp_path, link="stop")
    assert "p900" not in str(error.value)
    apart = tmp_path / "apart.csv"
    apart.write_text((tmp_path / LIST).read_text())
    said = Said()
    people = found(loaded, tmp_path, said, link="stop", apart=apart)
    assert people.facts == LinkedFacts(9, 9, (), set_apart=1)
    assert (tmp_path / LIST).exists(), "what was set apart stays on the list"
    assert "1 linked pairs of records are set apart" in said.lines[0]
    assert "set apart by the data steward" in words.linked(people.facts)[0]


def test_a_chain_is_broken_where_the_steward_says(tmp_path: Path) -> None:
    apart = tmp_path / "apart.csv"
    apart.write_text("second,first\nr006,r005\n")
    assert found(chain(6, 20), tmp_path, apart=apart).facts.patients == 22


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n"])
def test_a_bad_file_of_pairs_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "apart.csv").write_text(content)
    with pytest.raises(UserError, match="needs the columns first,second"):
        found(cohort(*strangers(8)), tmp_path, apart=tmp_path / "apart.csv")
    with pytest.raises(UserError, match=r"cannot read the file of people\.apart"):
        found(cohort(*strangers(8)), tmp_path, apart=tmp_path / "none.csv")


def split_file(path: Path, parts: dict[str, str]) -> SplitConfig:
    path.write_text("patient_id,split\n" + "".join(f"{patient},{part}\n" for patient, part in parts.items()))
    return SplitConfig(file=path)


def test_a_split_file_may_name_linked_patients_in_one_part_and_spell_them_its_own_way(tmp_path: Path) -> None:
    people = found(cohort(*strangers(4), ("p900", "own words of 3")), tmp_path)
    told = {"p000": "train", "P001 ": "calibration", "p002": "audit", "p003": "train", "p900": "train"}
    cut = split_by_patient(people.loaded, split_file(tmp_path / "s.csv", told), people.person_of)
    assert [r.record for r in cut.train] == ["r000", "r003", "r004"]
    assert [r.record for r in cut.calibration] == ["r001"]


def test_a_split_file_that_parts_one_person_is_refused(tmp_path: Path) -> None:
    people = found(cohort(*strangers(4), ("p900", "own words of 3")), tmp_path)
    told = {"p000": "train", "p001": "calibration", "p002": "audit", "p003": "train", "p900": "calibration"}
    with pytest.raises(UserError, match="row 6: this patient is linked to one in another split") as error:
        split_by_patient(people.loaded, split_file(tmp_path / "s.csv", told), people.person_of)
    assert "p900" not in str(error.value)


def test_links_within_a_group_are_all_pairs_until_it_is_large() -> None:
    keys, patients = ["k"] * 5 + [None], ["a", "a", "b", "c", "b", "d"]
    assert [(k.first, k.second) for k in linked_groups(keys, patients, "x")] == list(combinations((0, 2, 3), 2))
    assert len(linked_groups(["k"] * 200, [str(at) for at in range(200)], "x")) == 199


def test_a_refusal_leaves_the_work_folder_to_other_settings(tmp_path: Path) -> None:
    """The advice in an error may be to change a setting: the refused run has not claimed the folder for the old one."""
    work = tmp_path / "work"
    with pytest.raises(UserError, match="chain"), opened(work, modality="words", config_digest="a") as folder:
        found(chain(6, 20), folder.cohort)
    assert (work / "cohort" / LIST).exists()
    with opened(work, modality="words", config_digest="b") as folder:
        folder.claim_cohort("digest")
    with pytest.raises(UserError, match="other settings"), opened(work, modality="words", config_digest="a"):
        pass
    with pytest.raises(UserError, match="mine"), opened(work, modality="words", config_digest="b"):
        raise UserError("mine")
    with pytest.raises(UserError, match="other settings"), opened(work, modality="words", config_digest="a"):
        pass


def test_the_sentences_of_a_report_have_counts_and_no_names() -> None:
    facts = LinkedFacts(682, 680, (("registered copy", 1), ("same pixels", 1)), set_apart=1)
    assert words.linked(facts) == [
        "2 of 682 patient ids were linked to another and count as one person (pairs of records: registered copy 1, "
        "same pixels 1).",
        "1 linked pairs of records were set apart by the data steward.",
    ]
    assert words.linked(replace(facts, patients=682, links=(), set_apart=0)) == []
