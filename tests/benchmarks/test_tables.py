from pathlib import Path

import pytest

from benchmarks import tables

FACTS = """{"calibration": {"patients_train": 4, "patients_calibration": 3, "patients_audit": 2, "k": 1,
"expected_block_rate": 0.25, "audit_block_rate": null, "dropped_filters": ["person"]}, "cpu_seconds": 7,
"planted": [{"perturbation": "exact", "domain": "exact", "planted": 4, "caught": 4},
{"perturbation": "blur", "domain": "beyond", "planted": 4, "caught": 1}]}"""


@pytest.mark.parametrize("page", sorted(tables.DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_every_table_stands_as_its_file_has_it(page: Path) -> None:
    assert tables.write(page, check=True), "python -m benchmarks.tables"


def test_a_table_is_written_between_its_marks_and_is_checked(tmp_path: Path) -> None:
    (tmp_path / "facts.json").write_text(FACTS)
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table: planted facts.json -->\nold\n<!-- end of table -->\nafter\n")
    assert not tables.write(page, check=True)
    assert tables.write(page)
    assert tables.write(page, check=True)
    lines = page.read_text().splitlines()
    assert lines[0] == "before"
    assert lines[-1] == "after"
    assert "old" not in lines
    assert "| exact | 4 of 4 | 100.0% | yes |" in lines
    assert "| blur | 1 of 4 | 25.0% | no |" in lines
    page.write_text(page.read_text().replace("1 of 4", "4 of 4"))
    assert not tables.write(page, check=True)
