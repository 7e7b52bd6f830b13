"""The private fits of dialogues: which there are, and that the one of a chat model is guaranteed and spent once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tiny_base import save_tiny_base

pytest.importorskip("opacus")

import synthgen
from synthgen.dp.guarantee import read_guarantee
from synthgen.dp.ledger import FILE as LEDGER
from synthgen.errors import UserError
from synthgen.modalities.dialogue.binding import DIALOGUE
from synthgen.progress import Silent
from synthgen.state import VARIABLE


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    torch.set_num_threads(1)
    base = save_tiny_base(tmp_path_factory.mktemp("base") / "chat")
    private = ["private_sgd.steps=2", "private_sgd.batch=4", "private_sgd.rank=1", "demo.patients=24"]
    modality = [f"generator.base={base}", "generator.realiser=transformers", *private]
    return ["privacy.epsilon=8", "privacy.method=sgd", *(f"modality.{setting}" for setting in modality)]


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, object]:
    demo = DIALOGUE.config("demo", ["modality.demo.patients=24"]).modality
    DIALOGUE.cohorts.write_demo(tmp_path / "data", demo, 0, Silent())
    return {"data": tmp_path / "data", "out": tmp_path / "model", "work": tmp_path / "w", "config": "demo", "seed": 1}


@pytest.mark.parametrize(
    ("realiser", "methods"), [("template", ["evolution"]), ("transformers", ["sgd"]), ("vllm", ["sgd"]), ("openai", [])]
)
def test_a_grammar_takes_votes_a_chat_model_in_this_process_takes_steps_and_a_servers_none(
    realiser: str, methods: list[str]
) -> None:
    named = [f"modality.generator.realiser={realiser}"]
    base = [] if realiser == "template" else ["modality.generator.base=chat"]
    ways = DIALOGUE.generator.private_fits(DIALOGUE.config("cpu", [*named, *base]).modality)
    assert [way.method for way in ways] == methods


def test_a_fit_of_a_chat_model_is_guaranteed_and_its_plans_are_the_settings_own(
    settings: list[str], asked: dict[str, object]
) -> None:
    model = synthgen.fit(DIALOGUE, settings=settings, **asked)
    promised = read_guarantee(model)
    assert promised is not None
    assert 7.9 < promised.epsilon <= 8
    config = DIALOGUE.config("demo", settings).modality
    (way,) = DIALOGUE.generator.private_fits(config)
    assert promised.events == way.events(8.0, promised.delta, promised.patients)
    assert promised.mechanism == "DP-SGD on low-rank additions to a public chat model"
    assert any("planned" in phrase for phrase in promised.public)
    assert any("checkpoints/" in phrase for phrase in promised.not_covered)
    assert json.loads((model / "synthgen_dialogue.json").read_text())["about"]["private_weights"] == 16
    plans, public = (DIALOGUE.generator.free_conditions(at, config) for at in (model, Path("nowhere")))
    assert [plans(slot, 3) for slot in range(20)] == [public(slot, 3) for slot in range(20)]


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ("privacy.method=evolution", r"privacy\.method=evolution: this generator has sgd"),
        ("modality.generator.few_shot=true", "keeps no excerpts"),
        ("modality.private_sgd.batch=400", "a batch of 400 patients cannot be drawn from"),
        ("modality.generator.base=/nowhere/at/all", "no base model"),
    ],
)
def test_what_is_refused_costs_nothing(
    changed: str,
    line: str,
    settings: list[str],
    asked: dict[str, object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "state"))
    with pytest.raises(UserError, match=line):
        synthgen.fit(DIALOGUE, settings=[*settings, changed], **asked)
    assert not (tmp_path / "state" / LEDGER).exists()
    assert not (tmp_path / "model").exists()
