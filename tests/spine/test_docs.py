"""The documents speak of what there is: every command, preset, metric and link."""

import re
from pathlib import Path

import pytest
import typer

from synthgen.cli import app
from synthgen.config import presets

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_every_command_and_preset_is_in_the_readme() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert set(commands) == {
        *("generate", "anonymize", "compare", "fit", "pretrain", "screen", "evaluate", "review", "verify", "sign"),
        *("demo-cohort", "config"),
    }
    for name in commands:
        assert f"`synthgen {name}`" in README
    for name in presets("cxr"):
        assert f"`{name}`" in README


def test_every_option_of_every_command_has_help() -> None:
    for command in typer.main.get_command(app).commands.values():  # type: ignore[attr-defined]
        for option in command.params:
            assert getattr(option, "help", ""), option.name


DOCUMENTS = sorted(str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_name_files_that_exist(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    for path in re.findall(r"`((?:synthgen|generators|privacy_filters|eval|benchmarks|configs|tests)/[\w/.-]+)`", text):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / document).parent.joinpath(path).exists(), path


def test_the_two_commands_install_with_the_constraints() -> None:
    commands = re.findall(r"^    (pip install .*)$", README, flags=re.MULTILINE)
    assert len(commands) == 2
    assert all("-c constraints.txt" in command for command in commands)
    assert commands[0].endswith("synthgen generate --modality cxr")
    assert commands[1].endswith("pytest")
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text()


def test_commands_in_the_documents_have_the_options_that_they_are_given() -> None:
    known = {
        name: {option for parameter in command.params for option in parameter.opts}
        for name, command in typer.main.get_command(app).commands.items()  # type: ignore[attr-defined]
    }
    texts = [path.read_text("utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))]
    lines = [
        line for text in texts for line in text.replace("\\\n", " ").splitlines() if line.startswith("    synthgen ")
    ]
    assert len(lines) > 20
    for line in lines:
        _, name, *words = line.split("#")[0].split()
        given = {word for word in words if re.match(r"-n$|--\w", word)}
        assert given <= known[name], line
