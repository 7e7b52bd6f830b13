"""The commands as functions, over the modality of a hundred lines: what the command line does, without a process."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import synthgen
from synthgen.progress import Silent
from synthgen.records import Real, Request, Synthetic

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def vitals(monkeypatch: pytest.MonkeyPatch) -> synthgen.Modality[Any, Any, Any]:
    monkeypatch.syspath_prepend(str(EXAMPLES / "vitals"))
    from synthgen_vitals import VITALS

    return VITALS


def copier(known: Sequence[Any]) -> synthgen.Ready[Any, Any]:
    def make(requests: Sequence[Request[Any]]) -> list[Synthetic[Any, Any]]:
        drawn = [known[np.random.default_rng(request.seed).integers(len(known))] for request in requests]
        return [Synthetic(r.seed, r.condition, payload) for r, payload in zip(requests, drawn, strict=True)]

    return synthgen.Ready(lambda scratch: make, "A copier")


def test_nothing_is_loaded_before_it_is_asked_for() -> None:
    code = "import sys, synthgen; dir(synthgen); print(sorted({'numpy', 'torch', 'pydantic'} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
    assert {"generate", "fit", "screen", "evaluate", "demo_cohort", "gate", "load_modality"} <= set(dir(synthgen))


def test_a_bundle_is_generated_and_a_copier_in_it_is_refused(
    vitals: synthgen.Modality[Any, Any, Any], tmp_path: Path
) -> None:
    passed = synthgen.generate(vitals, out=tmp_path / "a", work=tmp_path / "wa", seed=2, samples=40)
    assert (passed.outcome, passed.quarantined) == (synthgen.Outcome.PASS, False)
    data = tmp_path / "wa" / "demo-cohort"
    known = [real.payload for real in vitals.cohorts.load(data, None, tmp_path, Silent()).records]
    leaky = replace(vitals, generator=copier(known))
    refused = synthgen.generate(leaky, data=data, out=tmp_path / "b", work=tmp_path / "wb", seed=2)
    assert (refused.outcome, refused.quarantined) == (synthgen.Outcome.REFUSE, True)
    assert not (tmp_path / "b").exists()


def test_mistakes_are_user_errors_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(synthgen.UserError, match=r"did you mean|give one of"):
        synthgen.generate("cxx", out=tmp_path / "out", work=tmp_path / "work")
    with pytest.raises(synthgen.UserError, match="no such file"):
        synthgen.evaluate(tmp_path / "nowhere", data=tmp_path, work=tmp_path / "work")
    assert list(tmp_path.iterdir()) == []


def test_the_gate_judges_what_was_made_elsewhere(vitals: synthgen.Modality[Any, Any, Any], tmp_path: Path) -> None:
    from synthgen.gate import gate

    vitals.cohorts.write_demo(tmp_path / "cohort", vitals.config("demo").modality, 0, Silent())
    records = vitals.cohorts.load(tmp_path / "cohort", None, tmp_path, Silent()).records
    parts = {"train": records[:200], "calibration": records[200:400], "audit": records[400:]}
    rows = np.array([record.payload for record in records[:200]])
    rng = np.random.default_rng(0)
    honest = [tuple(row) for row in rng.multivariate_normal(rows.mean(axis=0), np.cov(rows.T), 600)]
    with gate(vitals, **parts) as opened:
        good = opened.judge(honest)
        samples = [Synthetic(0, records[0].condition, payload) for payload in honest]
        assert opened.report(good, opened.attack(samples)).outcome is synthgen.Outcome.PASS
        assert opened.report(good).outcome is synthgen.Outcome.CALIBRATED_NOT_AUDITED
        bad = opened.judge([*honest[:540], *(record.payload for record in records[:60])])
        report = opened.report(bad)
        assert bad.close[540:].all()
        assert report.outcome is synthgen.Outcome.REFUSE
    twice: tuple[Real[Any, Any], ...] = (*records[:200], records[250])
    with (
        pytest.raises(synthgen.UserError, match="1 patients stand in more than one"),
        gate(vitals, **parts | {"train": twice}),
    ):
        pass
