"""A user's mistake ends with one clear line, exit status 2, and nothing half-written."""

import json
import resource
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from flow_command import TINY, Run, command, contents, environment, result_of
from PIL import Image

GENERATE = ("generate", "--modality", "cxr", "--config", TINY)


@pytest.fixture
def cohort(finished: Path, tmp_path: Path) -> Path:
    """A copy of the demo cohort: a plain folder, as a user would give it."""
    return Path(shutil.copytree(finished / "work" / "demo-cohort", tmp_path / "cohort"))


def refused(done: object, *words: str) -> None:
    stderr = getattr(done, "stderr")  # noqa: B009
    last = [line for line in stderr.splitlines() if line.startswith("synthgen: ")]
    assert getattr(done, "returncode") == 2, stderr  # noqa: B009
    assert len(last) == 1, stderr
    assert "Traceback" not in stderr
    for word in words:
        assert word in last[0], last[0]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("generate", "--modality", "ct"), "no modality 'ct'"),
        ((*GENERATE, "--set", "gate.alfa=1"), "gate.alfa: unknown key"),
        ((*GENERATE, "--accept", "REFUSE"), "cannot be released"),
        ((*GENERATE, "--accept", "MAYBE"), "give one of"),
        ((*GENERATE, "--format", "nifti"), "give one of imagefolder, dicom"),
        ((*GENERATE, "--engine", "slurm"), "no engine"),
        ((*GENERATE, "--data", "nowhere"), "nowhere"),
        ((*GENERATE, "--set", "gate.alpha=0.01"), "24 calibration patients attain a level of 4.00% at best"),
        ((*GENERATE, "--set", "modality.demo.patients=25"), "10 calibration patients attain a level of 9.09% at best"),
        (
            (*GENERATE, "--set", "split.audit=0", "--set", "split.calibration=0.6"),
            "no patient is left for the audit",
        ),
        ((*GENERATE, "--set", "gate.alpha=0.2"), "gate.alpha: input should be less than or equal to 0.05"),
        ((*GENERATE, "--set", "gate.attack_auc=0.9"), "gate.attack_auc: input should be less than or equal to 0.6"),
        ((*GENERATE, "--set", "gate.attack_upper=1"), "gate.attack_upper: input should be less than or equal to 0.75"),
        ((*GENERATE, "--set", "gate.detectable=0.9"), "gate.detectable: input should be less than or equal to 0.2"),
        ((*GENERATE, "--set", "gate.miss=0.5"), "gate.miss: input should be less than or equal to 0.1"),
        ((*GENERATE, "--set", "slots.close=20"), "slots.close: input should be less than or equal to 5"),
    ],
)
def test_options(synthgen: Run, tmp_path: Path, arguments: tuple[str, ...], word: str) -> None:
    refused(synthgen(*arguments, cwd=tmp_path), word)
    assert not list(tmp_path.iterdir()), "neither a release nor a work folder"


def test_an_output_folder_that_is_not_ours(synthgen: Run, tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "thesis.tex").write_text("mine")
    refused(synthgen(*GENERATE, cwd=tmp_path), "not made by synthgen")
    assert contents(tmp_path) == {"release/thesis.tex": b"mine"}


def test_a_truncated_image_and_an_absent_one(synthgen: Run, cohort: Path, tmp_path: Path) -> None:
    first, second = sorted((cohort / "images").iterdir())[:2]
    first.write_bytes(first.read_bytes()[:40])
    refused(synthgen(*GENERATE, "--data", cohort, cwd=tmp_path), first.name)
    second.unlink()
    refused(synthgen(*GENERATE, "--data", cohort, "--work", "w2", cwd=tmp_path), second.name)
    assert {path.name for path in tmp_path.iterdir()} == {"cohort"}


def test_a_patient_in_two_splits(synthgen: Run, cohort: Path, tmp_path: Path) -> None:
    rows = [line.split(",")[1] for line in (cohort / "metadata.csv").read_text().splitlines()[1:]]
    patients = sorted(set(rows))
    lines = [f"{p},{'train' if i % 2 else 'calibration'}" for i, p in enumerate(patients)]
    (tmp_path / "split.csv").write_text("\n".join(["patient_id,split", *lines, f"{patients[0]},audit"]) + "\n")
    done = synthgen(*GENERATE, "--data", cohort, "--set", f"split.file={tmp_path / 'split.csv'}", cwd=tmp_path)
    refused(done, "a patient stands in two splits")
    assert patients[0] not in done.stderr


def shared_images(cohort: Path, pairs: list[tuple[int, int]]) -> list[str]:
    """Copies the first image of patient i under patient j too, for each (i, j); returns the patients."""
    table = cohort / "metadata.csv"
    header, *rows = table.read_text().splitlines()
    first = {row.split(",")[1]: row for row in reversed(rows)}
    patients = sorted(first)
    for number, (i, j) in enumerate(pairs):
        name, _, *rest = first[patients[i]].split(",")
        shutil.copyfile(cohort / name, cohort / "images" / f"again{number}.png")
        rows.append(",".join((f"images/again{number}.png", patients[j], *rest)))
    table.write_text("\n".join([header, *rows]) + "\n")
    return patients


def test_patients_linked_into_one_chain_and_the_way_out(synthgen: Run, cohort: Path, tmp_path: Path) -> None:
    patients = shared_images(cohort, [(at, at + 1) for at in range(9)])
    done = synthgen(*GENERATE, "--data", cohort, cwd=tmp_path)
    refused(done, "10 of 60 patients are linked into one chain (9 × same pixels)", "linked.csv", "people.apart")
    assert not any(patient in done.stderr for patient in patients)
    assert not (tmp_path / "work" / "screen" / "identity").exists()
    assert not (tmp_path / "release").exists()
    # The advice works, in the same work folder; the level is refused so that nothing is fitted here.
    shutil.copyfile(tmp_path / "work" / "cohort" / "linked.csv", tmp_path / "apart.csv")
    settings = ("--set", f"people.apart={tmp_path / 'apart.csv'}", "--set", "gate.alpha=0.0001")
    refused(synthgen(*GENERATE, "--data", cohort, *settings, cwd=tmp_path), "calibration patients attain")


def test_a_cohort_that_is_one_person_after_linking(synthgen: Run, cohort: Path, tmp_path: Path) -> None:
    table = cohort / "metadata.csv"
    header, *rows = table.read_text().splitlines()
    table.write_text("\n".join([header, *[row for row in rows if row.split(",")[1] in {"p0001", "p0002", "p0003"}]]))
    shared_images(cohort, [(0, 1), (0, 2)])
    done = synthgen(*GENERATE, "--data", cohort, cwd=tmp_path)
    refused(done, "1 calibration patients attain a level of 50.00%", "--accept UNCALIBRATED")
    done = synthgen(*GENERATE, "--data", cohort, "--accept", "UNCALIBRATED", cwd=tmp_path)
    refused(done, "one person after linking: its 3 patients")
    assert "p000" not in done.stderr


def test_a_split_file_that_parts_linked_patients(synthgen: Run, cohort: Path, tmp_path: Path) -> None:
    patients = shared_images(cohort, [(0, 1)])
    lines = [f"{p},{('calibration', 'train', 'audit')[i % 3]}" for i, p in enumerate(patients)]
    (tmp_path / "split.csv").write_text("\n".join(["patient_id,split", *lines]) + "\n")
    done = synthgen(*GENERATE, "--data", cohort, "--set", f"split.file={tmp_path / 'split.csv'}", cwd=tmp_path)
    refused(done, "row 3: this patient is linked to one in another split")
    assert not any(patient in done.stderr for patient in patients)


def test_a_duplicate_under_two_ids_is_linked_and_reported(synthgen: Run, cohort: Path, tmp_path: Path) -> None:
    patients = shared_images(cohort, [(0, 1)])
    candidates = tmp_path / "candidates"
    candidates.mkdir()
    for at in range(4):
        noise = np.random.default_rng(at).integers(0, 255, (32, 32), dtype=np.uint8)
        Image.fromarray(noise).save(candidates / f"{at}.png")
    done = synthgen("screen", candidates, "--modality", "cxr", "--data", cohort, "--config", TINY, cwd=tmp_path)
    assert "59 people (1 × same pixels)" in done.stderr
    assert done.returncode in {0, 3}, done.stderr
    report = (tmp_path / "screening.json").read_text()
    assert json.loads(report)["linked"] == {
        "patients_before": 60, "patients": 59, "links": [["same pixels", 1]], "set_apart": 0, "spellings": 0
    }  # fmt: skip
    assert not any(patient in report for patient in patients)


def test_a_condition_that_the_cohort_lacks(synthgen: Run, tmp_path: Path, cohort: Path) -> None:
    done = synthgen(*GENERATE, "--data", cohort, "--set", "modality.conditions.labels={Fracture: 1}", cwd=tmp_path)
    refused(done, "the cohort lacks the condition 'Fracture'")


def test_models_that_must_not_be_opened(synthgen: Run, finished: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(finished / "work" / "model", tmp_path / "other"))
    card = json.loads((other / "synthgen.json").read_text())
    (other / "synthgen.json").write_text(json.dumps({**card, "modality": "speech"}))
    pickled = Path(shutil.copytree(finished / "work" / "model", tmp_path / "pickled"))
    (pickled / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x04")
    for folder, word in ((other, "'speech'"), (pickled, "pickled weights"), (tmp_path / "none", "there is no such")):
        refused(synthgen(*GENERATE, "--model", folder, "--work", f"w-{folder.name}", cwd=tmp_path), word)


@pytest.mark.parametrize("kilobytes", [2, 40, 150])
def test_a_full_disk_in_the_middle_of_a_run(finished: Path, tmp_path: Path, kilobytes: int) -> None:
    """No file may grow beyond a limit, as on a disk that fills up; with room again, the same command ends the run."""

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, kilobytes * 1024))

    arguments = (*GENERATE, "--format", "dicom")
    done = subprocess.run(
        command(*arguments),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        preexec_fn=little_room,
    )
    refused(done, "")
    assert not (tmp_path / "release").exists()
    if kilobytes == 150:
        done = subprocess.run(command(*arguments), cwd=tmp_path, env=environment(), timeout=600, check=False)
        assert contents(result_of(tmp_path)) == contents(result_of(finished))


def test_a_model_without_a_cohort_seals_nothing_by_itself(synthgen: Run, finished: Path, tmp_path: Path) -> None:
    model = finished / "work" / "model"
    done = synthgen(*GENERATE, "--model", model, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "NO_COHORT" in done.stderr
    assert not (tmp_path / "release").exists()
    done = synthgen(*GENERATE, "--model", model, "--accept", "NO_COHORT", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "release" / "privacy_report.json").read_text())
    assert report["privacy"]["outcome"] == "NO_COHORT"
    assert report["privacy"]["calibration"] is None


def test_somebody_elses_images_are_judged(synthgen: Run, finished: Path, cohort: Path, tmp_path: Path) -> None:
    """Copies of the cohort itself are refused as a memorising generator's; the names kept stay in the work folder."""
    copies = tmp_path / "copies"
    shutil.copytree(cohort / "images", copies)
    common = ("--modality", "cxr", "--data", cohort, "--config", TINY)
    done = synthgen("screen", copies, *common, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    report = json.loads((tmp_path / "screening.json").read_text())
    assert report["outcome"] == "REFUSE"
    assert report["generator_test"]["memorises"]
    kept = (tmp_path / "work" / "screen" / "kept.txt").read_text().split()
    assert len(kept) == report["screening"]["slots"] - report["screening"]["rejected"] < len(list(copies.iterdir()))
    empty = tmp_path / "empty"
    empty.mkdir()
    refused(synthgen("screen", empty, *common, "--out", "b.json", cwd=tmp_path), "no PNG or JPEG")
    Image.fromarray(np.zeros((1, 1), np.uint8)).save(empty / "dot.png")
    refused(synthgen("screen", empty, *common, "--out", "b.json", cwd=tmp_path), "dot.png")


def test_a_release_is_evaluated_against_its_cohort(synthgen: Run, finished: Path, cohort: Path, tmp_path: Path) -> None:
    common = ("--modality", "cxr", "--data", cohort, "--config", TINY)
    done = synthgen("evaluate", result_of(finished), *common, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "membership_nn_pixels_auc" in done.stdout
    assert json.loads((tmp_path / "work" / "evaluation.json").read_text())["attacks"]
    refused(synthgen("evaluate", cohort, *common, cwd=tmp_path), "not a release of chest X-rays")
