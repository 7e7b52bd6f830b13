"""What a release must not give back (its seed, its settings), and what it must say (which try on the cohort it is)."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from flow_command import TINY, TINY_DIALOGUE, Run, contents, result_of

from synthgen.config import load_config
from synthgen.digests import keyed_seed
from synthgen.seeds import stage_seed

DIALOGUE = ("generate", "--modality", "dialogue", "-n", "4")


@pytest.fixture(scope="module")
def unseeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny configuration of dialogues without its seed, as a user's has none."""
    config = tmp_path_factory.mktemp("config") / "tiny.yaml"
    config.write_text(TINY_DIALOGUE.read_text().replace("seed: 0\n", ""))
    return config


def report_of(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((result_of(folder) / "privacy_report.json").read_text())
    return report


def noted(folder: Path) -> dict[str, str]:
    run: dict[str, str] = json.loads((folder / "work" / "run.json").read_text())
    return run


def test_a_seed_is_random_kept_and_its_run_counted(
    finished_dialogue: Path, synthgen: Run, unseeded: Path, tmp_path: Path
) -> None:
    """Another split of a copy of the cohort is the next try; the same command again is the same one, byte for byte."""
    data = shutil.copytree(finished_dialogue / "work" / "demo-cohort", tmp_path / "copied")
    command = (*DIALOGUE, "--config", unseeded, "--data", data, "--set", "split.seed=3")
    done = synthgen(*command, cwd=tmp_path)
    assert done.returncode in {0, 3}, done.stderr
    seed, earlier = int(noted(tmp_path)["seed"]), report_of(finished_dialogue)["privacy"]["tries"]
    number = report_of(tmp_path)["privacy"]["tries"]
    assert seed > 2**30 and number > earlier >= 1
    before = contents(result_of(tmp_path))
    assert f"This is try {number} on this cohort".encode() in before["README.md"]
    assert str(seed).encode() not in b"".join(before.values())
    again = synthgen(*command, cwd=tmp_path)
    assert again.returncode in {0, 3}, again.stderr
    assert contents(result_of(tmp_path)) == before and int(noted(tmp_path)["seed"]) == seed


def test_the_seed_cannot_be_guessed_from_what_is_public(finished: Path) -> None:
    """A seed that is as poor as 0 stands behind this run; its plain digests would be found at once."""
    from pydicom import dcmread
    from pydicom.uid import generate_uid

    from synthgen.modalities.cxr.binding import CXR

    config = load_config(CXR.section, "cxr", str(TINY), seed=0)
    model = CXR.generator.digest(finished / "work" / "model")
    known = noted(finished)
    assert known["config"] == config.digest() and known["model"] == model, "the guess is right"
    result = result_of(finished)
    public = b"".join(path.read_bytes() for path in result.rglob("*") if path.suffix in {".json", ".md", ".html"})
    for digest in (config.digest(), model, known["cohort"], known["run"]):
        assert digest.encode() not in public
    guessed = stage_seed(0, f"release {model} {config.digest()}")
    key = (finished / "work" / "key").read_bytes()
    held = keyed_seed(key, "release", model, config.digest())
    uids = [generate_uid(entropy_srcs=["synthgen release", str(seed), "0", "instance"]) for seed in (guessed, held)]
    uid = dcmread(result / "dicom" / "000000.dcm", stop_before_pixels=True).SOPInstanceUID
    assert uid != uids[0] and uid == uids[1], "only who holds the key knows it"
    assert (finished / "work" / "key").stat().st_mode & 0o777 == 0o600 and key.hex().encode() not in public


def test_a_model_folder_gives_no_seed_away(finished: Path) -> None:
    """Every digest in it is salted, or of settings alone."""
    from synthgen.generators.cxr.training import config_digest
    from synthgen.modalities.cxr.binding import CXR

    model = finished / "work" / "model"
    config = load_config(CXR.section, "cxr", str(TINY), seed=0)
    assert json.loads((model / "synthgen.json").read_text())["config_digest"] == config_digest(
        config.modality.generator
    )
    assert set(json.loads((model / "checkpoints" / "run.json").read_text())) == {"salt", "digest"}
    assert set(json.loads((model / "cohort.json").read_text())) == {"salt", "digest"}


def test_a_model_of_other_patients_is_told(synthgen: Run, finished: Path, tmp_path: Path) -> None:
    """Another split of the same cohort, and a model that does not say whom it saw: one line, before any training."""
    silent = shutil.copytree(finished / "work" / "model", tmp_path / "silent")
    (silent / "cohort.json").unlink()
    common = ("generate", "--modality", "cxr", "--config", TINY, "--data", finished / "work" / "demo-cohort")
    for model, settings, word in (
        (finished / "work" / "model", ("--set", "split.seed=1"), "not fitted on the training patients of this run"),
        (silent, (), "--vouch-for-model"),
    ):
        done = synthgen(*common, "--model", model, *settings, "--work", f"w-{model.name}", cwd=tmp_path)
        last = [line for line in done.stderr.splitlines() if line.startswith("synthgen: ")]
        assert done.returncode == 2 and len(last) == 1 and word in last[0], done.stderr
        assert not (tmp_path / f"w-{model.name}").exists(), "nothing was fitted"
