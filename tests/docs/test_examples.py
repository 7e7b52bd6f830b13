"""Examples run, quotes stand where they are quoted from, doctests hold, and the site builds."""

import ast
import doctest
import importlib
import importlib.util
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
DOCTESTED = (
    "synthgen.api",
    "synthgen.digests",
    "synthgen.dp.accounting",
    "synthgen.dp.audit",
    "synthgen.dp.guarantee",
    "synthgen.dp.screening",
    "synthgen.estimates",
    "synthgen.patient_ids",
    "synthgen.privacy_filters.calibration",
    "synthgen.privacy_filters.power",
    "synthgen.seeds",
)
ELSEWHERE = re.compile(r"""<(?:script|img|iframe|link)\b[^>]*\s(?:src|href)=["']?(?:https?:)?//""")
QUOTE = re.compile(r"^<!-- (\S+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def _state_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHGEN_STATE", str(tmp_path / "state"))


@pytest.mark.parametrize("name", DOCTESTED)
def test_doctests_hold(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.attempted
    assert not result.failed


def test_what_the_documents_quote_stands_in_the_file() -> None:
    quotes = [quote for path in (ROOT / "README.md", *DOCS) for quote in QUOTE.findall(path.read_text("utf-8"))]
    assert len(quotes) >= 10
    for file, quoted in quotes:
        assert quoted in (ROOT / file).read_text("utf-8"), quoted


def test_the_walk_through_leaves_nothing_of_the_modality_out() -> None:
    source = (ROOT / "examples/vitals/synthgen_vitals/__init__.py").read_text("utf-8")
    quotes = "".join(quoted for _, quoted in QUOTE.findall((ROOT / "docs/add_a_modality.md").read_text("utf-8")))
    told = quotes.splitlines()
    for line in source[source.index("class VitalsConfig") :].splitlines():
        assert line in told


def test_the_questions_answer_every_reason_in_the_words_of_the_terminal() -> None:
    from synthgen.advice import advice
    from synthgen.findings import Why

    answers = (ROOT / "docs/faq.md").read_text("utf-8")
    assert set(advice()) == set(Why)
    for told in advice().values():
        assert f"| *{told.reason}* | {told.means} | {told.helps} |" in answers


def test_every_reason_that_the_verdict_gives_is_one_that_has_advice() -> None:
    """Whatever the verdict yields is a :class:`Reason` with a :class:`Why`, and each Why is given somewhere."""
    from synthgen.findings import Why

    tree = ast.parse((ROOT / "synthgen/verdict.py").read_text("utf-8"))
    given = [node.value for node in ast.walk(tree) if isinstance(node, ast.Yield) and node.value is not None]
    assert len(given) >= 14
    assert all(isinstance(reason, ast.Call) and ast.unparse(reason.func) == "Reason" for reason in given)
    sources = [
        (ROOT / "synthgen" / name).read_text("utf-8") for name in ("verdict.py", "pipeline.py", "linkage_verdict.py")
    ]
    for why in Why:
        assert any(f"Why.{why.name}" in source for source in sources), why


def test_every_verdict_is_in_the_glossary_and_the_questions() -> None:
    from synthgen.report import Outcome

    for outcome in Outcome:
        for page in ("glossary.md", "faq.md"):
            assert outcome in (ROOT / "docs" / page).read_text("utf-8")


def test_the_gate_judges_arrays(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples/judge_images.py"), run_name="__main__")
    honest, leaky = re.findall(r"^(\w+): (\d) of 8 kept; (\w+)$", capsys.readouterr().out, re.MULTILINE)
    assert honest[0] == "honest" and int(honest[1]) >= 6
    assert leaky == ("leaky", "0", "REFUSE")


def test_a_generator_of_ones_own_runs_in_the_bundle(tmp_path: Path) -> None:
    own = runpy.run_path(str(ROOT / "examples/own_generator.py"))
    sealed = own["release"](tmp_path)
    assert sealed.outcome == "INCONCLUSIVE"
    report = json.loads((sealed.folder / "privacy_report.json").read_text("utf-8"))
    assert report["provenance"]["generator"].startswith("Phantom renderer")
    assert report["provenance"]["reads_cohort"] is False
    assert not (tmp_path / "release").exists()


@pytest.mark.slow
def test_a_generator_of_ones_own_reaches_a_pass_in_the_bundle(tmp_path: Path) -> None:
    """The demo preset's cohort and filters, some six minutes of one core."""
    own = runpy.run_path(str(ROOT / "examples/own_generator.py"))
    assert own["release"](tmp_path, ("threads=1",)).outcome == "PASS"


def test_the_notebook_runs() -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(ROOT / "examples/tour.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(ROOT / "examples")}}).execute()
    shown = "".join(out.get("text", "") for cell in notebook.cells for out in cell.get("outputs", []))
    assert "Outcome.PASS" in shown or "PASS" in shown
    assert "REFUSE" in shown


def test_the_site_builds_and_asks_for_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("material")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) >= len(DOCS)
    for page in pages:
        assert not ELSEWHERE.search(page.read_text("utf-8")), page
