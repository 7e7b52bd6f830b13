"""The command line as a process: what a refused call leaves, what Ctrl-C says, what is read instead of asked for."""

import hashlib
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import yaml
from flow_command import DIALOGUE, TINY, TINY_DIALOGUE, TINY_SPEECH, Run, command, contents, environment, result_of

from synthgen import verify
from synthgen.config import load_config
from synthgen.offer import offer_of

TINIES = {"cxr": TINY, "dialogue": TINY_DIALOGUE, "speech": TINY_SPEECH}
FINISHED = {"cxr": "finished", "dialogue": "finished_dialogue", "speech": "finished_speech"}


def started(folder: Path, modality: str, data: Path, *settings: str) -> tuple[str | Path, ...]:
    more = [part for setting in settings for part in ("--set", setting)]
    work = ("--work", folder / "deep" / "work", "--out", folder / "release")
    return ("generate", "--modality", modality, "--config", TINIES[modality], "--data", data, *work, *more)


@pytest.mark.parametrize("modality", ["cxr", "dialogue", pytest.param("speech", marks=pytest.mark.slow)])
def test_common_mistakes_leave_no_folder(
    modality: str, synthgen: Run, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Another kind of folder, too few patients: one line each, and not a trace."""
    cohort = request.getfixturevalue(FINISHED[modality]) / "work" / "demo-cohort"
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("mine")
    before = contents(tmp_path)
    for data, setting, word in (
        (other, "", "other"),
        (cohort, "gate.alpha=0.0001", "calibration patients attain a level"),
    ):
        done = synthgen(*started(tmp_path, modality, data, *filter(None, [setting])), cwd=tmp_path)
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("synthgen: ")]
        assert done.returncode == 2 and word in line and "Traceback" not in done.stderr, done.stderr
        assert contents(tmp_path) == before and {path.name for path in tmp_path.iterdir()} == {"other"}


@pytest.mark.slow
def test_the_advice_of_a_refusal_works_in_the_same_folder(
    synthgen: Run, finished_dialogue: Path, tmp_path: Path
) -> None:
    """Too strict a level is refused; the level that the line names is taken, by the same command in the same place."""
    data = finished_dialogue / "work" / "demo-cohort"
    work = tmp_path / "deep" / "work"
    work.mkdir(parents=True)
    strict = synthgen(*started(tmp_path, "dialogue", data, "gate.alpha=0.01"), cwd=tmp_path)
    assert "--set gate.alpha=0.04" in strict.stderr
    assert not list(work.iterdir()), "an empty folder that was there is there, and empty"
    advised = synthgen(*started(tmp_path, "dialogue", data, "gate.alpha=0.04"), cwd=tmp_path)
    assert advised.returncode in {0, 3}, advised.stderr


def test_another_cohort_is_refused_and_the_first_one_stays(synthgen: Run, finished: Path, tmp_path: Path) -> None:
    """The cache of the first cohort too, which reading the other one would have replaced."""
    work = Path(shutil.copytree(finished / "work", tmp_path / "work"))
    other = Path(shutil.copytree(work / "demo-cohort", tmp_path / "other"))
    table = other / "metadata.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:-6]) + "\n")
    before = contents(work)
    done = synthgen("generate", "--modality", "cxr", "--config", TINY, "--data", other, cwd=tmp_path)
    assert done.returncode == 2 and "begun with another cohort or split" in done.stderr, done.stderr
    assert contents(work) == before


def test_other_settings_are_named_and_no_seed(synthgen: Run, finished_dialogue: Path, tmp_path: Path) -> None:
    work = Path(shutil.copytree(finished_dialogue / "work", tmp_path / "work"))
    common = ("generate", "--modality", "dialogue", "--config", TINY_DIALOGUE, "--out", tmp_path / "new")
    done = synthgen(*common, "--set", "gate.planted=13", "-n", "5", "--seed", "87654321", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    for word in ("samples was 12 and is 5", "gate.planted was 12 and is 13"):
        assert word in done.stderr
    assert "87654321" not in done.stderr
    assert contents(work) == contents(finished_dialogue / "work")


def test_settings_are_kept_for_oneself_and_for_the_public(finished_dialogue: Path) -> None:
    result = result_of(finished_dialogue)
    own, public = (folder / "config.yaml" for folder in (finished_dialogue / "work", result))
    digest = hashlib.sha256(public.read_bytes()).hexdigest()
    assert f"{digest}  config.yaml" in (result / "SHA256SUMS").read_text().splitlines()
    assert "config.yaml" in (result / "README.md").read_text()
    section = offer_of("dialogue").section
    digests = {load_config(section, "dialogue", str(p), seed=0).digest() for p in (own, public, TINY_DIALOGUE)}
    assert len(digests) == 1
    assert not {"seed"} & set(yaml.safe_load(own.read_text()) | yaml.safe_load(public.read_text()))


def test_a_release_is_evaluated_without_being_described(synthgen: Run, finished_dialogue: Path, tmp_path: Path) -> None:
    """Modality and settings come from the work folder, and without one from the release."""
    data = finished_dialogue / "work" / "demo-cohort"
    shutil.copytree(finished_dialogue / "work", tmp_path / "work")
    for work in ("work", "new"):
        done = synthgen("evaluate", result_of(finished_dialogue), "--data", data, "--work", work, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / work / "evaluation.json").exists()
    assert (tmp_path / "new" / "config.yaml").read_text() == (tmp_path / "work" / "config.yaml").read_text()


def test_what_a_run_left_holds_but_for_a_quarantine_that_is_told(finished_dialogue: Path) -> None:
    found = verify(result_of(finished_dialogue))
    assert found.croissant and found.files >= 6
    assert found.sealed == (result_of(finished_dialogue).name == "release")
    assert all("was not sealed" in problem for problem in found.problems)


def test_a_split_that_a_release_does_not_tell_is_asked_for(
    synthgen: Run, finished_dialogue: Path, tmp_path: Path
) -> None:
    release = Path(shutil.copytree(result_of(finished_dialogue), tmp_path / "released"))
    told = (release / "config.yaml").read_text()
    (release / "config.yaml").write_text(told.replace("private: seed", "private: seed, split.file"))
    data = finished_dialogue / "work" / "demo-cohort"
    done = synthgen("evaluate", release, "--data", data, cwd=tmp_path)
    assert done.returncode == 2 and "--set split.file=" in done.stderr, done.stderr
    assert not (tmp_path / "work").exists()


def _heed_ctrl_c() -> None:
    """What a shell starts in the background ignores Ctrl-C, and so would this process, were the tests started so."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(
    "stage", ["stage 3 of 6", *(pytest.param(f"stage {i} of 6", marks=pytest.mark.slow) for i in (1, 5))]
)
def test_ctrl_c_says_that_the_same_command_resumes_and_it_does(
    stage: str, synthgen: Run, finished_dialogue: Path, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        command(*DIALOGUE.arguments), cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True,
        preexec_fn=_heed_ctrl_c,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(stage):
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert said.strip().splitlines()[-1] == "synthgen: interrupted; the same command resumes"
    assert "Traceback" not in said and "Aborted" not in said
    again = synthgen(*DIALOGUE.arguments, cwd=tmp_path)
    assert contents(result_of(tmp_path)) == contents(result_of(finished_dialogue))
    told = [line for line in again.stderr.splitlines() if line.startswith("stage") and ":" not in line]
    assert [line.split(",")[0] for line in told] == [f"stage {number} of 6" for number in range(1, 7)]
    assert "estimate" in again.stderr, "what the run costs is said, or that nothing like it was measured"
