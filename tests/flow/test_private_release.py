"""What is released of a private model, by name: the verdict says what each name means, and bad choices are one line."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from vitals_command import Vitals

import synthgen
from synthgen import Outcome
from synthgen.deniable import DECIDED, check_size
from synthgen.dp.accounting import epsilon_of
from synthgen.dp.guarantee import read_guarantee
from synthgen.dp.ledger import FILE as LEDGER
from synthgen.dp.screening import Deniability
from synthgen.errors import UserError
from synthgen.modality import Modality

Private = Modality[Any, Any, Any]


def entries(tmp_path: Path) -> list[dict[str, Any]]:
    ledger = tmp_path / "state" / LEDGER
    found: list[dict[str, Any]] = json.loads(ledger.read_text())["entries"] if ledger.exists() else []
    return found


def told(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "privacy_report.json").read_text())
    return report


@pytest.fixture
def model(private: Private, vitals_data: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    return synthgen.fit(
        private,
        data=vitals_data,
        out=folder,
        work=tmp_path / "fit",
        config="demo",
        settings=["privacy.epsilon=4"],
        seed=1,
    )


def data_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "data").rglob("*")) if path.is_file()}


def test_dp_releases_all_that_the_model_drew_and_no_patient_has_a_say(
    private: Private, model: Path, vitals_data: Path, tmp_path: Path
) -> None:
    asked = {"config": "demo", "seed": 1, "model": model, "settings": ["privacy.release=dp"]}
    alone = synthgen.generate(private, out=tmp_path / "alone", work=tmp_path / "w1", **asked)
    beside = synthgen.generate(private, out=tmp_path / "beside", work=tmp_path / "w2", data=vitals_data, **asked)
    for made in (alone, beside):
        assert (made.outcome, made.quarantined, made.reasons) == (Outcome.DIFFERENTIALLY_PRIVATE, False, ())
        assert not synthgen.verify(made.folder).problems
        privacy = told(made.folder)["privacy"]
        assert (privacy["guarantee"]["release"], privacy["guarantee"]["screened"]) == ("dp", False)
        assert privacy["claim"].startswith("The model is differentially private, epsilon 4 at delta")
        assert "No sample was compared with a patient" in privacy["claim"]
        assert privacy["filters"] == privacy["attacks"] == privacy["planted"] == []
        assert privacy["calibration"] is None and privacy["linked"] is None and privacy["tries"] is None
        assert privacy["screening"]["rejected"] == 0
        assert told(made.folder)["evaluation"] == [] and told(made.folder)["provenance"]["skipped"] == []
    assert data_files(alone.folder) == data_files(beside.folder)
    card = (alone.folder / "README.md").read_text()
    assert "> **Privacy: DIFFERENTIALLY PRIVATE, epsilon 4, not screened**" in card
    assert "No filter compared a sample with a patient, and no attack was run" in card
    assert "Screening removes the samples" not in card and "could not be calibrated" not in card
    assert "It is not differential privacy" not in card


def test_the_report_says_what_a_screen_within_epsilon_could_catch(
    private: Private, vitals_data: Path, tmp_path: Path
) -> None:
    asked = {"data": vitals_data, "config": "demo", "seed": 1}
    for epsilon, says in ((2, "could catch more than 7.5%"), (8, "sets no limit to how many copies")):
        settings = [f"privacy.epsilon={epsilon}", "privacy.release=dp", "privacy.budget=20"]
        made = synthgen.generate(
            private, out=tmp_path / f"r{epsilon}", work=tmp_path / f"w{epsilon}", settings=settings, **asked
        )
        assert says in (made.folder / "README.md").read_text()
        assert says in (made.folder / "report.html").read_text()


def test_without_a_cohort_a_private_model_is_released_by_its_guarantee(
    private: Private, model: Path, tmp_path: Path
) -> None:
    made = synthgen.generate(private, model=model, out=tmp_path / "release", work=tmp_path / "w", config="demo", seed=1)
    assert made.outcome is Outcome.DIFFERENTIALLY_PRIVATE


def test_a_deniable_release_is_paid_for_once_before_it_is_judged(
    private: Private, model: Path, vitals_data: Path, tmp_path: Path
) -> None:
    settings = ["privacy.release=dp+deniable", "privacy.deniable.radius=0.5"]
    asked = {"data": vitals_data, "model": model, "config": "demo", "seed": 1, "samples": 64, "settings": settings}
    made = synthgen.generate(private, out=tmp_path / "release", work=tmp_path / "w", **asked)
    assert made.outcome is Outcome.DIFFERENTIALLY_PRIVATE
    privacy, promised = told(made.folder)["privacy"], read_guarantee(model)
    assert promised is not None
    guarantee, counted = privacy["guarantee"], privacy["guarantee"]["deniable"]
    assert [entry["events"] for entry in entries(tmp_path)][1] == [
        {"mechanism": "gaussian", "sigma": 1.0, "rate": 1.0, "steps": 1}
    ]
    assert counted["judged"] == 64 and counted["k"] == 10
    assert 0 < privacy["screening"]["withheld_undeniable"] < 64
    assert told(made.folder)["dataset"]["samples"] == 64 - privacy["screening"]["withheld_undeniable"]
    assert promised.epsilon < guarantee["epsilon"] < promised.epsilon + epsilon_of(promised.events, 1e-3).epsilon
    assert "its model (epsilon 4), and which of its samples are here" in privacy["claim"]
    assert "plausibly deniable" in made.verdict

    again = synthgen.generate(private, out=tmp_path / "release", work=tmp_path / "w", **asked)
    assert again.digest == made.digest and len(entries(tmp_path)) == 2
    (tmp_path / "w" / DECIDED).unlink()  # other noise is another release of the same counts
    with pytest.raises(UserError, match="holds the release of another run"):
        synthgen.generate(private, out=tmp_path / "release", work=tmp_path / "w", **asked)
    assert len(entries(tmp_path)) == 3


def test_a_deniable_release_beyond_the_budget_is_refused_before_anything_is_fitted(
    private: Private, vitals_data: Path, tmp_path: Path
) -> None:
    asked = {"data": vitals_data, "config": "demo", "seed": 1, "samples": 64}
    settings = ["privacy.epsilon=4", "privacy.budget=5", "privacy.release=dp+deniable"]
    with pytest.raises(UserError, match=r"this run would bring it to 5\.\d\d"):
        synthgen.generate(private, out=tmp_path / "release", work=tmp_path / "w", settings=settings, **asked)
    assert not entries(tmp_path) and not (tmp_path / "w").exists() and not (tmp_path / "release").exists()


def test_a_deniable_release_of_a_model_beyond_the_budget_is_refused_before_a_sample_is_made(
    private: Private, model: Path, vitals_data: Path, tmp_path: Path
) -> None:
    asked = {"data": vitals_data, "model": model, "config": "demo", "seed": 1, "samples": 64}
    settings = ["privacy.budget=5", "privacy.release=dp+deniable"]
    with pytest.raises(UserError, match=r"the model has epsilon 4.*more noise \(--set privacy\.deniable\.noise"):
        synthgen.generate(private, out=tmp_path / "release", work=tmp_path / "w", settings=settings, **asked)
    assert len(entries(tmp_path)) == 1 and not (tmp_path / "w").exists()


def test_more_samples_than_patients_can_explain_are_refused_with_what_goes_on(
    private: Private, model: Path, vitals_data: Path, tmp_path: Path
) -> None:
    asked = {"data": vitals_data, "model": model, "config": "demo", "seed": 1}
    settings = ["privacy.release=dp+deniable"]
    with pytest.raises(UserError, match=r"nearest=25 --set privacy\.deniable\.noise=5,") as refused:
        synthgen.generate(private, out=tmp_path / "r", work=tmp_path / "w", samples=500, settings=settings, **asked)
    assert "200 patients" in str(refused.value) and not (tmp_path / "w").exists()
    judge = Deniability(10, 16, 4.0)
    check_size(judge, 200, 320)  # as the line says, -n 320 goes on, and one more does not
    check_size(Deniability(10, 25, 5.0), 200, 500)
    with pytest.raises(UserError, match=r"give -n 320, more patients"):
        check_size(judge, 200, 2000)  # so much noise would let pass what one patient explains
    with pytest.raises(UserError, match=r"give -n 320, --set"):
        check_size(judge, 200, 321)


def test_a_rule_that_denies_nothing_is_refused_with_one_that_does(
    private: Private, model: Path, vitals_data: Path, tmp_path: Path
) -> None:
    asked = {"data": vitals_data, "model": model, "config": "demo", "seed": 1, "samples": 64}
    settings = ["privacy.release=dp+deniable", "privacy.deniable.noise=8"]
    with pytest.raises(UserError, match=r"with a chance of 13%.*set k to at least 15"):
        synthgen.generate(private, out=tmp_path / "r", work=tmp_path / "w", settings=settings, **asked)
    settings.append("privacy.deniable.k=15")
    made = synthgen.generate(private, out=tmp_path / "r", work=tmp_path / "w", settings=settings, **asked)
    assert told(made.folder)["privacy"]["guarantee"]["deniable"]["lone"] <= 0.05


def choices(data: Path, model: Path, plain: Path) -> Sequence[tuple[str, tuple[str | Path, ...]]]:
    return (
        ("needs a private model: give --dp-epsilon", ("--data", data, "--dp-release", "dp")),
        ("needs a private model: give --dp-epsilon", ("--dp-release", "dp+screen")),
        ("was fitted without differential privacy", ("--model", plain, "--dp-release", "dp")),
        ("was fitted without differential privacy, and is not fitted again", ("--model", plain, "--dp-epsilon", "8")),
        ("give --data, or --dp-release dp", ("--model", model, "--dp-release", "dp+screen")),
        ("counts the patients", ("--model", model, "--dp-release", "dp+deniable")),
        ("privacy.budget=2", ("--model", model, "--set", "privacy.budget=2")),
        ("'dp', 'dp+screen' or 'dp+deniable'", ("--model", model, "--dp-release", "public")),
        ("privacy.deniable.k", ("--model", model, "--set", "privacy.deniable.k=1")),
    )


def test_a_choice_that_makes_no_sense_is_one_line_before_anything_is_written(
    vitals: Vitals, vitals_module: ModuleType, model: Path, vitals_data: Path, tmp_path: Path
) -> None:
    plain = tmp_path / "plain"
    assert vitals("fit", "--data", vitals_data, "--out", plain, "--work", tmp_path / "wp").exit_code == 0
    for says, given in choices(vitals_data, model, plain):
        done = vitals("generate", *given, "--work", tmp_path / "w", "--out", tmp_path / "release")
        assert done.exit_code == 2, done.output
        assert says in done.stderr and done.stderr.count("\n") == 1, done.stderr
        assert not (tmp_path / "w").exists() and not (tmp_path / "release").exists()
    assert len(entries(tmp_path)) == 1


def test_a_kind_of_data_without_a_public_space_has_no_deniable_release(
    private: Private, model: Path, vitals_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(private.generator), "public_space", lambda self, config: None)
    asked = {"data": vitals_data, "model": model, "config": "demo", "seed": 1}
    with pytest.raises(UserError, match="no public distance between a sample and a record"):
        synthgen.generate(
            private, out=tmp_path / "r", work=tmp_path / "w", settings=["privacy.release=dp+deniable"], **asked
        )
    assert not (tmp_path / "w").exists()
