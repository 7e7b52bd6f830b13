"""A fit with differential privacy: entered before it trains, guaranteed in the model's folder, told in the release."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from vitals_command import Vitals

import synthgen
from synthgen.config import PrivacyConfig
from synthgen.dp.accounting import Event
from synthgen.dp.ballots import VOTES
from synthgen.dp.begun import BEGUN
from synthgen.dp.guarantee import FILE, read_guarantee
from synthgen.dp.ledger import FILE as LEDGER
from synthgen.errors import UserError
from synthgen.modality import Modality, PrivateFit
from synthgen.private_fit import chosen
from synthgen.progress import Silent


def spent(tmp_path: Path) -> int:
    ledger = tmp_path / "state" / LEDGER
    return len(json.loads(ledger.read_text())["entries"]) if ledger.exists() else 0


def test_a_private_fit_is_guaranteed_entered_once_and_told(
    private: Modality[Any, Any, Any], vitals_data: Path, tmp_path: Path
) -> None:
    asked = {"data": vitals_data, "config": "demo", "settings": ["privacy.epsilon=4"], "seed": 1}
    model = synthgen.fit(private, out=tmp_path / "model", work=tmp_path / "fit", **asked)
    promised = read_guarantee(model)
    assert promised is not None
    assert 3.9 < promised.epsilon <= 4
    assert promised.patients == 200
    assert "the spread of each sign" in promised.public
    synthgen.fit(private, out=tmp_path / "model", work=tmp_path / "fit", **asked)
    assert spent(tmp_path) == 1
    again = {**asked, "settings": ["privacy.epsilon=4", "privacy.budget=20"]}
    synthgen.fit(private, out=tmp_path / "second", work=tmp_path / "fit2", **again)
    shutil.rmtree(tmp_path / "second")  # with it goes the noise: another one is another release
    synthgen.fit(private, out=tmp_path / "second", work=tmp_path / "fit2", **again)
    assert spent(tmp_path) == 3

    made = synthgen.generate(private, model=model, out=tmp_path / "release", work=tmp_path / "work", **asked)
    assert made.outcome == "PASS"
    told = json.loads((made.folder / "privacy_report.json").read_text())["privacy"]
    assert told["guarantee"]["epsilon"] == pytest.approx(promised.epsilon, abs=1e-4)
    assert told["guarantee"]["screened"] is True
    assert "That screening kept these samples is not covered" in told["claim"]
    card = (made.folder / "README.md").read_text()
    assert "### Differential privacy" in card
    assert "No ε bounds what one patient's data can change" not in card
    assert "Differential privacy</h2>" in (made.folder / "report.html").read_text()

    assert told["guarantee"]["release"] == "dp+screen"


def test_a_budget_that_is_spent_refuses_before_anything_is_fitted(
    private: Modality[Any, Any, Any], vitals_data: Path, tmp_path: Path
) -> None:
    asked = {"data": vitals_data, "config": "demo", "seed": 1}
    synthgen.fit(private, out=tmp_path / "one", work=tmp_path / "w1", settings=["privacy.epsilon=8"], **asked)
    with pytest.raises(UserError, match=r"have spent epsilon 8\.00 of a budget of 10.*raise privacy\.budget"):
        synthgen.fit(private, out=tmp_path / "two", work=tmp_path / "w2", settings=["privacy.epsilon=8"], **asked)
    assert spent(tmp_path) == 1
    assert not (tmp_path / "two" / FILE).exists()
    more = ["privacy.epsilon=8", "privacy.budget=20"]
    synthgen.fit(private, out=tmp_path / "two", work=tmp_path / "w3", settings=more, **asked)
    assert spent(tmp_path) == 2


def test_what_cannot_be_had_is_one_line(
    private: Modality[Any, Any, Any], vitals: Vitals, vitals_module: ModuleType, vitals_data: Path, tmp_path: Path
) -> None:
    asked = {"data": vitals_data, "out": tmp_path / "model", "work": tmp_path / "w", "config": "demo", "seed": 1}
    with pytest.raises(UserError, match=r"^privacy\.epsilon: this generator has no fit with differential privacy"):
        synthgen.fit(vitals_module.VITALS, settings=["privacy.epsilon=8"], **asked)
    with pytest.raises(UserError, match=r"^privacy\.method=sgd: this generator has evolution$"):
        synthgen.fit(private, settings=["privacy.epsilon=8", "privacy.method=sgd"], **{**asked, "work": tmp_path / "v"})
    with pytest.raises(UserError, match="delta must be"):
        synthgen.fit(private, settings=["privacy.epsilon=8", "privacy.delta=0.01"], **{**asked, "work": tmp_path / "u"})
    for epsilon in ("0", "-1"):
        told = vitals("fit", "--data", vitals_data, "--out", tmp_path / "model", "--dp-epsilon", epsilon)
        assert told.exit_code == 2
        assert "privacy.epsilon" in told.output
    assert spent(tmp_path) == 0
    assert not (tmp_path / "model").exists()


def test_what_the_fit_itself_refuses_is_refused_before_anything_is_spent(
    private: Modality[Any, Any, Any], vitals_data: Path, tmp_path: Path
) -> None:
    def refuse(train: Sequence[Any], noise: tuple[Event, ...], folder: Path, seed: int) -> None:
        assert (len(train), len(noise), folder.name) == (200, 1, "model")
        raise UserError("no such layer")

    (way,) = private.generator.private_fits(None)

    class Checked(type(private.generator)):  # type: ignore[misc]
        def private_fits(self, config: Any) -> tuple[PrivateFit[Any, Any], ...]:
            return (replace(way, check=refuse),)

    asked = {"data": vitals_data, "out": tmp_path / "model", "work": tmp_path / "w", "config": "demo", "seed": 1}
    with pytest.raises(UserError, match="no such layer"):
        synthgen.fit(replace(private, generator=Checked()), settings=["privacy.epsilon=4"], **asked)
    assert spent(tmp_path) == 0
    assert not (tmp_path / "model").exists()


def test_noise_that_is_drawn_anew_is_paid_for_anew(
    private: Modality[Any, Any, Any], vitals_data: Path, tmp_path: Path
) -> None:
    asked = {"data": vitals_data, "out": tmp_path / "model", "work": tmp_path / "w", "config": "demo", "seed": 1}
    settings = ["privacy.epsilon=2", "privacy.budget=20"]

    said: list[str] = []

    class Told(Silent):
        def say(self, line: str) -> None:
            said.append(line)

    def fitted() -> bytes:
        said.clear()
        return (synthgen.fit(private, settings=settings, progress=Told(), **asked) / "model.json").read_bytes()

    first = fitted()
    (tmp_path / "model" / "model.json").unlink()  # made of the votes, at no cost
    assert (fitted(), spent(tmp_path)) == (first, 1)
    (tmp_path / "model" / VOTES.format(0)).unlink()  # the votes alone
    second = fitted()
    assert second != first and spent(tmp_path) == 2
    assert any("lacks noise that was drawn for it" in line for line in said)
    (tmp_path / "model" / BEGUN).unlink()  # nothing tells what was drawn
    assert (fitted(), spent(tmp_path)) == (second, 3)


def test_a_way_that_cannot_tell_what_was_drawn_pays_anew_unless_it_is_finished(
    private: Modality[Any, Any, Any], vitals_data: Path, tmp_path: Path
) -> None:
    (way,) = private.generator.private_fits(None)
    cut_short = [True]

    def fit(*given: Any) -> None:
        if cut_short:
            cut_short.pop()
            raise KeyboardInterrupt
        way.fit(*given)

    class Untold(type(private.generator)):  # type: ignore[misc]
        def private_fits(self, config: Any) -> tuple[PrivateFit[Any, Any], ...]:
            return (replace(way, fit=fit, drawn=None),)

    kind = replace(private, generator=Untold())
    asked = {"data": vitals_data, "out": tmp_path / "model", "work": tmp_path / "w", "config": "demo", "seed": 1}
    settings = ["privacy.epsilon=2", "privacy.budget=20"]
    with pytest.raises(KeyboardInterrupt):
        synthgen.fit(kind, settings=settings, **asked)
    for _ in range(2):
        synthgen.fit(kind, settings=settings, **asked)
        assert spent(tmp_path) == 2


def ways(private: Modality[Any, Any, Any]) -> list[PrivateFit[Any, Any]]:
    (way,) = private.generator.private_fits(None)
    return [way, replace(way, method="sgd")]


def test_the_first_way_is_the_default(private: Modality[Any, Any, Any]) -> None:
    way, why = chosen(ways(private), PrivacyConfig())
    assert (way.method, why) == ("evolution", "the default")
    assert chosen(ways(private)[:1], PrivacyConfig())[1] == "its only private fit"


def test_what_is_asked_for_is_not_replaced(private: Modality[Any, Any, Any]) -> None:
    way, why = chosen(ways(private), PrivacyConfig(method="sgd"))
    assert (way.method, why) == ("sgd", "as asked for")
