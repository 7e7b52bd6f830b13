"""vLLM in this process: offline batches with prefix caching. Needs a GPU and the extra `vllm`.

Written against the API of vLLM 0.12 and later: ``LLM.chat`` takes a list of conversations with one ``SamplingParams``
each, and ``StructuredOutputsParams(json=…)`` has taken the place of the guided-decoding parameters, which 0.12 removed
(docs.vllm.ai, structured outputs).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synthgen.errors import MissingExtraError, UserError
from synthgen.generators.dialogue.config import InProcessConfig
from synthgen.generators.dialogue.realisers.messages import fit_to_context, structured
from synthgen.generators.dialogue.realisers.protocol import Message, Prompt, Response


class VllmRealiser:
    """Answers by a vLLM engine.

    Args:
        llm: a ``vllm.LLM``.
        adapter: a ``vllm.lora.request.LoRARequest``, or None.
        context: most tokens of prompt and answer.
    """

    def __init__(self, *, llm: Any, adapter: Any, context: int) -> None:
        self._llm, self._adapter, self._context = llm, adapter, context
        self._tokenizer = llm.get_tokenizer()

    def generate(self, requests: Sequence[Prompt]) -> list[Response]:
        """One answer per request; vLLM batches them as it sees fit.

        Raises:
            UserError: if a prompt does not fit into the context even without its transcript.
        """
        if not requests:
            return []
        outputs = self._llm.chat(
            [_chat(self._fitted(request)) for request in requests],
            sampling_params=[_sampling(request) for request in requests],
            use_tqdm=False,
            lora_request=self._adapter,
            chat_template_kwargs={"enable_thinking": False},
        )
        return [
            structured(
                Response(answer.text.strip(), "length" if answer.finish_reason == "length" else "stop"), r.schema
            )
            for r, answer in zip(requests, (output.outputs[0] for output in outputs), strict=True)
        ]

    def _fitted(self, request: Prompt) -> tuple[Message, ...]:
        return fit_to_context(request.messages, self._count, self._context - request.sampling.max_tokens)

    def _count(self, messages: Sequence[Message]) -> int:
        ids = self._tokenizer.apply_chat_template(
            _chat(messages), tokenize=True, add_generation_prompt=True, return_dict=False, enable_thinking=False
        )
        return len(ids)


def _chat(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in messages]


def _sampling(request: Prompt) -> Any:
    from vllm import SamplingParams  # type: ignore[import-not-found,unused-ignore]
    from vllm.sampling_params import StructuredOutputsParams  # type: ignore[import-not-found,unused-ignore]

    schema = None if request.schema is None else StructuredOutputsParams(json=dict(request.schema))
    return SamplingParams(
        seed=request.seed,
        temperature=request.sampling.temperature,
        top_p=request.sampling.top_p,
        max_tokens=request.sampling.max_tokens,
        structured_outputs=schema,
    )


def open_vllm(base: str, config: InProcessConfig, adapter: Path | None = None) -> VllmRealiser:
    """Opens a chat model in vLLM by hub name or folder, safetensors only.

    Raises:
        UserError: the model has no chat template, or cannot be opened.
        MissingExtraError: without vLLM.
    """
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")  # usage statistics are on by default
    os.environ.setdefault("DO_NOT_TRACK", "1")
    try:
        from vllm import LLM
        from vllm.lora.request import LoRARequest  # type: ignore[import-not-found,unused-ignore]
    except ModuleNotFoundError:
        raise MissingExtraError("the vllm realiser", "vllm") from None
    lora: dict[str, Any] = {"enable_lora": True, "max_lora_rank": _rank(adapter)} if adapter is not None else {}
    try:
        llm = LLM(
            model=base,
            seed=0,
            dtype=config.dtype,
            load_format="safetensors",
            enable_prefix_caching=True,
            gpu_memory_utilization=config.memory,
            max_model_len=config.context or None,
            **lora,
        )
    except (OSError, ValueError, RuntimeError):
        raise UserError(
            f"vLLM cannot open the model {base}: its log says why (where memory is short, lower in_process.context; "
            "where Python reads a notebook or standard input, its engine process cannot start: run the command line)"
        ) from None
    if not llm.get_tokenizer().chat_template:
        raise UserError(f"the model {base} has no chat template: choose an instruction-tuned (chat) model")
    request = None if adapter is None else LoRARequest("synthgen", 1, str(adapter))
    return VllmRealiser(llm=llm, adapter=request, context=int(llm.llm_engine.model_config.max_model_len))


def _rank(adapter: Path) -> int:
    """The least rank that vLLM takes (8, 16, 32, …) and that holds the adapter's own."""
    import json

    try:
        own = int(json.loads((adapter / "adapter_config.json").read_text("utf-8"))["r"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{adapter} holds no PEFT adapter: fit the model again") from None
    return next((rank for rank in (8, 16, 32, 64, 128, 256, 320, 512) if rank >= own), own)
