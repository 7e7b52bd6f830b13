"""vLLM itself, on a CPU: in an environment of its own, which ``vllm_cpu_environment.py`` makes.

python tests/generators/dialogue/vllm_cpu_environment.py FOLDER
SYNTHGEN_VLLM_PYTHON=FOLDER/bin/python pytest -m slow tests/generators/dialogue/test_dialogue_vllm_cpu.py
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from tiny_chat import save_tiny_chat

PYTHON = os.environ.get("SYNTHGEN_VLLM_PYTHON", "")
ROOT, SCRIPT = Path(__file__).parents[3], Path(__file__).with_name("vllm_answers.py")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PYTHON, reason="SYNTHGEN_VLLM_PYTHON names no Python with vLLM: see vllm_cpu_environment.py"
    ),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_chat(tmp_path_factory.mktemp("tiny"), hidden=128, heads=(2, 2), spread=30.0, dtype=torch.float32)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    return subprocess.run(
        [PYTHON, *arguments], capture_output=True, text=True, env=environment, timeout=1800, check=False
    )


def answers_in(output: str) -> list[list[str]]:
    """The JSON among the lines of vLLM's log, which goes to the same place."""
    found: list[list[str]] = json.loads(next(line for line in output.splitlines() if line.startswith("[[")))
    return found


def test_it_answers_by_the_adapter_and_the_same_again(model: Path) -> None:
    first, again = (run(str(SCRIPT), str(model)) for _ in range(2))
    assert first.returncode == 0, first.stderr[-2000:]
    answers = answers_in(first.stdout)
    assert len(answers) == 8 and all(text and finish in {"stop", "length"} for text, finish in answers)
    assert len({text for text, _ in answers}) > 4
    assert answers_in(again.stdout) == answers
