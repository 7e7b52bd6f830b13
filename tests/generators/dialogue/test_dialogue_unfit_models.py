"""Chat models that cannot do the work: one clear line each, from real small models and a real server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_chat import save_tiny_chat

from synthgen.errors import UserError
from synthgen.generators.dialogue.conditions import condition_sampler
from synthgen.generators.dialogue.config import (
    ConductConfig,
    GeneratorConfig,
    InProcessConfig,
    SamplingConfig,
    ServerConfig,
)
from synthgen.generators.dialogue.model_folder import write_model_folder
from synthgen.generators.dialogue.plan.config import PlanConfig
from synthgen.generators.dialogue.sampler import open_generator
from synthgen.records import Request

PLAN = PlanConfig(utterances=(16, 20), sessions=1)


def failing(config: GeneratorConfig, folder: Path, sessions: int = 4) -> str:
    """The message of the error with which a run of this model ends."""
    write_model_folder(folder / "model", config)
    with pytest.raises(UserError) as error:
        generator = open_generator(folder / "model", config, sessions, folder)
        condition = condition_sampler(PLAN)
        generator([Request(slot, condition(slot, 0)) for slot in range(sessions)])
    message = str(error.value)
    assert "\n" not in message
    return message


def in_process(base: Path, **conduct: int) -> GeneratorConfig:
    return GeneratorConfig(
        realiser="transformers",
        base=str(base),
        plan=PLAN,
        conduct=ConductConfig(**conduct),
        in_process=InProcessConfig(device="cpu", dtype="float32"),
    )


def test_a_context_of_512_tokens(tmp_path: Path) -> None:
    message = failing(in_process(save_tiny_chat(tmp_path / "short", context=512)), tmp_path)
    assert "longer than the model's context leaves room for (352 tokens)" in message
    assert "choose a model with a longer context" in message


def test_a_base_model_without_a_chat_template(tmp_path: Path) -> None:
    message = failing(in_process(save_tiny_chat(tmp_path / "base", template=None)), tmp_path)
    assert "has no chat template: choose an instruction-tuned (chat) model" in message


def test_a_model_that_cannot_hold_a_session(tmp_path: Path) -> None:
    config = in_process(save_tiny_chat(tmp_path / "random"), tries=2, restarts=0)
    config = config.model_copy(update={"sampling": SamplingConfig(max_tokens=24)})
    message = failing(config, tmp_path, sessions=80)
    assert "the model gives no usable session: of 80 starts" in message
    assert str(tmp_path / "failed") in message and "Advice: " in message
    assert len(list((tmp_path / "failed").glob("*.json"))) > 70


@pytest.fixture
def same_words() -> Iterator[int]:
    server = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("same_words_server.py")], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        yield int(server.stdout.readline())
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def test_a_server_that_returns_the_same_words_for_ever(tmp_path: Path, same_words: int) -> None:
    config = GeneratorConfig(
        realiser="openai", base="any", plan=PLAN, server=ServerConfig(url=f"http://127.0.0.1:{same_words}/v1")
    )
    message = failing(config, tmp_path)
    assert "the same words at every further try" in message and "modality.generator.server.draws=true" in message
