"""The steward's file: what it may hold, and that nothing in it does more than stand there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from synthgen.errors import UserError
from synthgen.steward import LARGEST, Steward, checklist, read_steward

FILE = """
holder: Klinik für Psychosomatik
recipients: [Students, Registered researchers]
retention: 2035-12-31
ethics_vote: ''
forms: {gdpr.singling_out: Weighed by the data protection officer.}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "steward.yaml"
    path.write_text(text, "utf-8")
    return path


def test_what_is_stated_is_told_as_it_is_and_the_rest_is_left_open(tmp_path: Path) -> None:
    told = checklist(read_steward(written(tmp_path, FILE)))
    assert {line.key: line.answer for line in told.lines} == {
        "holder": "Klinik für Psychosomatik",
        "controller": None,
        "legal_basis": None,
        "ethics_vote": None,
        "purpose": None,
        "recipients": "Students; Registered researchers",
        "retention": "2035-12-31",
        "contact": None,
    }
    headings = [heading for form in told.forms for heading in form.headings]
    assert [h.key for h in headings if h.answer] == ["gdpr.singling_out"]
    assert {form.name.split()[0] for form in told.forms} == {"GDPR,", "HIPAA,", "European", "Synthetic"}
    assert all(heading.see and heading.asks for heading in headings)


def test_without_a_file_every_line_is_open() -> None:
    told = checklist(read_steward(None))
    assert told == checklist(Steward()) and not any(line.answer for line in told.lines)


def test_the_example_of_the_documents_fills_every_line_and_all_headings_are_named_there(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "signing.md").read_text("utf-8")
    told = checklist(read_steward(written(tmp_path, page.split("```yaml\n")[1].split("```")[0])))
    assert all(line.answer for line in told.lines)
    for form in told.forms:
        first, *others = [heading.key for heading in form.headings]
        row = ", ".join((f"`{first}`", *(f"`.{key.partition('.')[2]}`" for key in others)))
        assert row in page


def test_changed_records_have_pointers_of_their_own() -> None:
    (synthetic, *_), (changed, *_) = (checklist(Steward(), changed=changed).forms for changed in (False, True))
    assert synthetic.headings[0].see != changed.headings[0].see == "who tried to find the patients"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("holdr: us", r"there is no line holdr \(did you mean holder\?\)"),
        ("zzz: us", "there is no line zzz: give one of holder, controller"),
        ("forms: {gdpr.singeling: x}", r"no heading gdpr.singeling \(did you mean gdpr.singling_out\?\)"),
        ("holder: {a: b}", "holder: must be a text, or a list of texts"),
        ("holder: [[a]]", "holder: must be a text"),
        ("a: &a [x, x]\nholder: [*a, *a]", "holder: must be a text"),
        (f"holder: {'x' * 1001}", "holder: is longer than 1,000 characters"),
        ('holder: "\\e[2Jus"', "holder: holds characters that do not print"),
        ('holder: "a\\u202Eb"', "holder: holds characters that do not print"),
        ("holder: the files of /srv/pacs/export", "names a path of a machine, which no release does"),
        ("- holder", "must hold lines like 'holder: …'"),
        ("", "must hold lines like"),
        ("holder: us: them", r"is not valid YAML \(line 1; a text with a colon in it needs quotes\)"),
        ("[" * 3000, "is not valid YAML"),
        ("#" * (LARGEST + 1), "is larger than 64 KiB"),
        ("!!python/object/apply:os.system ['true']", "must hold lines like"),
    ],
)
def test_mistakes_are_one_line_that_tells_no_answer(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        read_steward(written(tmp_path, text))
    assert "\n" not in str(caught.value) and "srv" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize("command", ["generate", "anonymize"])
def test_a_wrong_file_is_told_before_anything_heavy_is_loaded(tmp_path: Path, command: str) -> None:
    file = written(tmp_path, "holdr: us")
    code = (
        "import sys\nfrom synthgen.cli import main\ntry:\n    main()\nexcept SystemExit:\n"
        "    print([name for name in ('numpy', 'torch', 'pyarrow', 'jinja2') if name in sys.modules])\n    raise"
    )
    (tmp_path / "data").mkdir()
    arguments = [command, "--modality", "dialogue", "--data", str(tmp_path / "data"), "--steward", str(file)]
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and "did you mean holder?" in done.stderr and done.stdout == "[]\n"
    assert {path.name for path in tmp_path.iterdir()} == {"data", "steward.yaml"}


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: give a YAML file in UTF-8"):
        read_steward(tmp_path / "nowhere.yaml")
    (tmp_path / "steward.yaml").write_bytes(b"holder: \xff")
    with pytest.raises(UserError, match="cannot be read"):
        read_steward(tmp_path / "steward.yaml")
