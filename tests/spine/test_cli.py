"""The command line: what it costs to be wrong, what it suggests, and what it tells of settings."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from synthgen import __version__
from synthgen.cli import app
from synthgen.config import RunConfig, fields_of, load_config, presets
from synthgen.offer import names, offer_of

HEAVY = ("numpy", "scipy", "torch", "pyarrow", "jinja2", "rich")
WRONG = (
    ("generate", "--modalty", "cxr"),
    ("genrate",),
    ("generate", "--modality", "ct"),
    ("generate", "--modality", "cxr", "--set", "gate.alfa=0.02"),
    ("generate", "--modality", "dialogue", "--set", "modality.generator.plan.sessions=13"),
    ("generate", "--modality", "speech", "--config", "dmeo"),
    ("generate", "--modality", "cxr", "--data", "nowhere"),
    ("screen", "nowhere", "--modality", "cxr", "--data", "nowhere"),
    ("evaluate", "nowhere", "--data", "nowhere"),
    ("verify", "nowhere"),
    ("review", "nowhere"),
    ("sign", "nowhere", "--key", "nokey"),
)


def run(*arguments: str, status: int = 0) -> Result:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == status, done.output
    return done


def said(*arguments: str) -> str:
    """What a refused command says, on one line."""
    (line,) = run(*arguments, status=2).stderr.strip().splitlines()
    return line


@pytest.mark.parametrize("arguments", [("--help",), ("generate", "-h"), ("-V",), *WRONG], ids=" ".join)
def test_nothing_heavy_is_loaded_before_arguments_hold(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """The modules are counted, and the CPU time is bounded at five times what it is on an idle machine."""
    code = (
        "import sys\nfrom synthgen.cli import main\ntry:\n    main()\nexcept SystemExit as end:\n"
        f"    print('loaded', [name for name in {HEAVY!r} if name in sys.modules])\n    raise"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == (2 if arguments in WRONG else 0), done.stderr
    assert done.stdout.splitlines()[-1] == "loaded []"
    assert "Traceback" not in done.stderr
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.5
    assert not list(tmp_path.iterdir())


def test_short_options() -> None:
    assert run("-V").stdout == f"{__version__}\n" == run("--version").stdout
    assert run("-h").stdout == run("--help").stdout
    assert "--install-completion" in run("-h").stdout


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("generate", "--modality", "dialoge"), "did you mean dialogue?"),
        (("generate", "--modality", "cxr", "--set", "gate.alfa=0.02"), "did you mean gate.alpha?"),
        (("generate", "--modality", "cxr", "--set", "gaet.alpha=0.02"), "did you mean gate?"),
        (("generate", "--modality", "cxr", "--set", "alpha=0.02"), "did you mean gate.alpha?"),
        (("generate", "--modality", "dialogue", "--set", "reliser=template"), "did you mean realiser?"),
        (("config", "--modality", "cxr", "--preset", "ful"), "did you mean full?"),
        (("generate", "--modality", "cxr", "--format", "dicm"), "did you mean dicom?"),
        (("generate", "--modality", "cxr", "--accept", "inconclusiv"), "did you mean INCONCLUSIVE?"),
    ],
)
def test_what_may_be_meant_is_said(arguments: tuple[str, ...], meant: str) -> None:
    assert meant in said(*arguments)


def test_options_and_commands_are_guessed_too() -> None:
    assert "--modality" in said("generate", "--modalty", "cxr")
    assert "Did you mean 'generate'?" in said("genrate")


def test_a_missing_option_is_told_with_its_meaning() -> None:
    line = said("generate")
    assert "--modality" in line and "cxr, dialogue or speech" in line and line.endswith("generate -h)")


def test_a_word_that_resembles_nothing_gets_no_suggestion() -> None:
    assert "did you mean" not in said("generate", "--modality", "dialogue", "--set", "modality.generator.plan.xxx=1")
    assert "did you mean" not in said("generate", "--modality", "cxr", "--set", "qqqq=1")


def test_a_modality_without_a_base_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    work = tmp_path / "work"
    line = said("pretrain", "--modality", "dialogue", "--out", str(tmp_path / "base"), "--work", str(work))
    assert "there is no base to be trained for dialogue: fit a model with synthgen fit" in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["generate", "fit", "pretrain"])
def test_a_base_that_is_not_there_is_told_first_and_nothing_is_left(command: str, tmp_path: Path) -> None:
    (tmp_path / "cohort").mkdir()
    data = () if command == "pretrain" else ("--data", str(tmp_path / "cohort"))
    paths = ("--out", str(tmp_path / "out"), "--work", str(tmp_path / "work"))
    base = ("--set", f"modality.generator.base={tmp_path / 'nowhere'}")
    line = run(command, "--modality", "cxr", *data, *paths, *base, status=2).stderr.strip().splitlines()[-1]
    assert "there is no model folder" in line and "nowhere" in line
    assert [path.name for path in tmp_path.iterdir()] == ["cohort"]


def test_choices_are_taken_in_any_case(tmp_path: Path) -> None:
    wrong = ("--data", str(tmp_path / "nowhere"))
    line = said(
        "generate", "--modality", "CXR", "--config", "Demo", "--format", "DICOM", "--accept", "no_cohort", *wrong
    )
    assert "--data" in line and "there is no such" in line


@pytest.mark.parametrize("modality", names())
def test_every_setting_is_told_with_its_meaning(modality: str) -> None:
    told = run("config", "--modality", modality).stdout
    for key, field in fields_of(RunConfig[offer_of(modality).section]):  # type: ignore[misc]
        assert key in told
        assert field.description, key
    assert all(line.endswith(tuple("┓┃┩│┘")) for line in told.splitlines())  # nothing is cut off at the right


def test_the_list_of_commands_says_whole_sentences() -> None:
    assert "..." not in run("--help").stdout.replace("[ARGS]...", "")


def test_a_setting_is_told_as_it_is_here() -> None:
    table = run("config", "--modality", "cxr", "--preset", "demo", "--set", "gate.alpha=0.03").stdout
    (row,) = [line for line in table.splitlines() if line.startswith("│ gate.alpha")]
    assert "0.03" in row and "> 0, ≤ 0.05" in row and "number" in row
    (seed,) = [line for line in table.splitlines() if line.startswith("│ seed")]
    assert "random" in seed


@pytest.mark.parametrize(("modality", "preset"), [(m, p) for m in names() for p in presets(m)])
def test_what_config_prints_as_yaml_is_the_same_configuration(modality: str, preset: str, tmp_path: Path) -> None:
    section, path = offer_of(modality).section, tmp_path / "own.yaml"
    path.write_text(run("config", "--modality", modality, "--preset", preset, "--yaml").stdout)
    one, other = (load_config(section, modality, name, seed=4) for name in (preset, str(path)))
    assert one.digest() == other.digest()
    assert "seed" not in load_config(section, modality, str(path)).model_fields_set


def test_the_modality_must_be_given_where_nothing_tells_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "theirs").mkdir()
    assert "--modality is needed" in said("screen", "theirs", "--data", "theirs")
    assert "--modality is needed" in said("evaluate", "theirs", "--data", "theirs")


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("synthgen gen", "generate"),
        ("synthgen generate --modality d", "dialogue"),
        ("synthgen generate --modality cxr --config d", "demo"),
        ("synthgen generate --modality cxr --accept INC", "INCONCLUSIVE"),
        ("synthgen generate --modality cxr --set gate.alp", "gate.alpha="),
        ("synthgen fit --da", "--data"),
    ],
)
def test_the_shell_completes(line: str, offered: str) -> None:
    asked = {"_SYNTHGEN_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    done = subprocess.run(
        [sys.executable, "-m", "synthgen"], env={**os.environ, **asked}, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == [offered]
