"""The vLLM adapter: it needs a GPU to run, so where vLLM is installed its calls are held against the signatures."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from synthgen.errors import MissingExtraError, UserError
from synthgen.generators.dialogue.config import InProcessConfig
from synthgen.generators.dialogue.realisers import vllm as adapter
from synthgen.generators.dialogue.realisers.protocol import Message, Prompt, Sampling

INSTALLED = importlib.util.find_spec("vllm") is not None


@pytest.mark.skipif(INSTALLED, reason="vLLM is installed")
def test_without_vllm_the_extra_is_named() -> None:
    with pytest.raises(MissingExtraError, match=r"pip install .*\[vllm\]"):
        adapter.open_vllm("any/model", InProcessConfig())


@pytest.mark.skipif(not INSTALLED, reason="needs vLLM")
def test_the_calls_fit_the_installed_api() -> None:
    from vllm import LLM
    from vllm.engine.arg_utils import EngineArgs
    from vllm.lora.request import LoRARequest
    from vllm.sampling_params import StructuredOutputsParams

    chat = inspect.signature(LLM.chat).parameters
    assert {"messages", "sampling_params", "use_tqdm", "lora_request", "chat_template_kwargs"} <= set(chat)
    engine = set(inspect.signature(EngineArgs).parameters)
    assert {"seed", "dtype", "load_format", "enable_prefix_caching", "gpu_memory_utilization"} <= engine
    assert {"max_model_len", "enable_lora", "max_lora_rank"} <= engine
    params = adapter._sampling(Prompt(2**62, (), Sampling(7, 0.5, 0.9), schema={"type": "object"}))
    assert (params.seed, params.max_tokens, params.temperature, params.top_p) == (2**62, 7, 0.5, 0.9)
    assert isinstance(params.structured_outputs, StructuredOutputsParams)
    assert LoRARequest("synthgen", 1, "folder").lora_path == "folder"


class Engine:
    """What the adapter uses of a ``vllm.LLM``, answering by the last message."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def get_tokenizer(self) -> Any:
        def apply_chat_template(chat: Sequence[dict[str, str]], **_: Any) -> list[int]:
            return [0] * sum(len(message["content"].split()) for message in chat)

        return SimpleNamespace(apply_chat_template=apply_chat_template)

    def chat(self, messages: Any, **kwargs: Any) -> list[Any]:
        self.calls.append({"messages": messages, **kwargs})
        return [
            SimpleNamespace(outputs=[SimpleNamespace(text=f" {chat[-1]['content']}!\n", finish_reason="length")])
            for chat in messages
        ]


def test_one_call_per_batch_with_one_sampling_each_and_prompts_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "_sampling", lambda request: request.seed)
    engine = Engine()
    realiser = adapter.VllmRealiser(llm=engine, adapter="lora", context=60)
    turns = tuple(Message("user" if i % 2 == 0 else "assistant", f"turn {i}") for i in range(41))
    requests = [Prompt(i, (Message("system", "s"), *turns[: 1 + 20 * i]), Sampling(10)) for i in range(3)]
    answers = realiser.generate(requests)
    assert [answer.text for answer in answers] == ["turn 0!", "turn 20!", "turn 40!"]
    assert {answer.finish for answer in answers} == {"length"}
    (call,) = engine.calls
    assert call["sampling_params"] == [0, 1, 2] and call["lora_request"] == "lora" and call["use_tqdm"] is False
    assert [len(chat) for chat in call["messages"]] == [2, 22, 10]
    with pytest.raises(UserError, match="longer than the model's context"):
        realiser.generate([Prompt(1, (Message("user", "word " * 80),), Sampling(10))])
    assert realiser.generate([]) == []
