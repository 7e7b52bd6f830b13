"""Any chat model of transformers, in this process: batches padded on the left, one random stream per request.

Keys and values of the transcripts may be kept between batches, so that a turn computes its new tokens alone. Whatever
is kept, an answer is the same up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from jinja2.exceptions import TemplateError
from numpy.typing import NDArray
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    DynamicCache,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
)

from synthgen.errors import MissingExtraError, UserError
from synthgen.generators.dialogue.config import InProcessConfig
from synthgen.generators.dialogue.realisers.messages import fit_to_context, structured, with_schema
from synthgen.generators.dialogue.realisers.protocol import Message, Request, Response

Ids = NDArray[np.int64]

_HEAD = 1024
"""Most probable tokens that are sorted at first: sorting a whole vocabulary can cost more than the model's step."""


class SampledByRow(LogitsProcessor):  # type: ignore[misc]
    """Nucleus sampling (Holtzman et al. 2020) by one uniform number per row and token, from the row's own stream.

    Greedy decoding after it takes the token it chose, so a row's tokens do not depend on who else is in the batch.

    Args:
        seeds, temperatures, top_ps: one per row.
        most: tokens that may be drawn.
    """

    def __init__(
        self, seeds: Sequence[int], temperatures: Sequence[float], top_ps: Sequence[float], most: int, device: Any
    ) -> None:
        draws = np.stack([np.random.default_rng(seed).random(most) for seed in seeds])
        self._draws = torch.from_numpy(draws).to(device)
        self._temperatures = torch.tensor(temperatures, dtype=torch.float32, device=device)[:, None]
        self._top_ps = torch.tensor(top_ps, dtype=torch.float64, device=device)[:, None]
        self._step = 0

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        logits = scores.float()
        probabilities = (logits / self._temperatures.clamp_min(1e-6)).softmax(-1)
        ordered, places = probabilities.topk(min(_HEAD, logits.shape[-1]), dim=-1)
        chosen = self._draw(ordered, places, slice(None))
        wide = torch.nonzero(ordered.double().sum(-1, keepdim=True) < self._top_ps)[:, 0]
        if len(wide) and logits.shape[-1] > _HEAD:  # the nucleus is larger than the head: these rows are sorted whole
            chosen[wide] = self._draw(*probabilities[wide].sort(dim=-1, descending=True, stable=True), wide)
        chosen = torch.where(self._temperatures > 0, chosen, logits.argmax(-1, keepdim=True))
        self._step += 1
        return torch.full_like(scores, -torch.inf).scatter(-1, chosen, 0.0)

    def _draw(self, ordered: Tensor, places: Tensor, rows: Any) -> Tensor:
        """One token per row from its nucleus; ``ordered`` are probabilities in falling order."""
        wide = ordered.double()
        cumulative = wide.cumsum(-1)
        kept = (cumulative - wide) < self._top_ps[rows]  # the most probable token always
        total = torch.where(kept, wide, 0.0).sum(-1, keepdim=True)
        rank = (cumulative <= self._draws[rows, self._step, None] * total).sum(-1, keepdim=True)
        return places.gather(-1, rank.clamp_max(kept.sum(-1, keepdim=True) - 1))


@dataclass(frozen=True)
class Kept:
    """Keys and values [heads, tokens, width] of each layer, of a prompt with its answer."""

    ids: Ids
    layers: tuple[tuple[Tensor, Tensor], ...]


class TransformersRealiser:
    """Answers by a chat model of transformers.

    Args:
        context: most tokens of prompt and answer.
        kept_tokens: tokens whose keys and values are kept between batches; 0 keeps none. Two sides of every session
            should fit. Takes effect only where every layer attends to the whole prompt.
    """

    def __init__(self, *, model: Any, tokenizer: Any, context: int, kept_tokens: int = 0) -> None:
        self._model, self._tokenizer, self._context = model, tokenizer, context
        self._kept_tokens = kept_tokens if _attends_fully(model.config) else 0
        self._kept: list[Kept] = []
        ends = model.generation_config.eos_token_id
        ends = [ends] if isinstance(ends, int) else list(ends or [])
        self._ends = sorted({*ends, *([] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id])})
        self._pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else (self._ends or [0])[0]

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """One answer per request, all in one batch.

        Raises:
            UserError: if a prompt does not fit into the context even without its transcript.
        """
        if not requests:
            return []
        prompts = [self._prompt(request) for request in requests]
        most = max(request.sampling.max_tokens for request in requests)
        answers = self._answer(requests, prompts, most)
        return [self._response(request, ids) for request, ids in zip(requests, answers, strict=True)]

    def forget(self) -> None:
        """Drops the keys and values that were kept."""
        self._kept.clear()

    def _prompt(self, request: Request) -> Ids:
        messages = request.messages if request.schema is None else with_schema(request.messages, request.schema)
        most = self._context - request.sampling.max_tokens
        return self._encode(fit_to_context(messages, lambda m: len(self._encode(m)), most))

    def _encode(self, messages: Sequence[Message]) -> Ids:
        try:
            ids = self._apply(messages)
        except TemplateError:  # some templates (Gemma's) have no system role: its text opens the first user message
            ids = self._apply(_system_folded(messages))
        return np.asarray(ids, np.int64)

    def _apply(self, messages: Sequence[Message]) -> list[int]:
        chat = [{"role": message.role, "content": message.content} for message in messages]
        # enable_thinking: read by the templates of models that would reason aloud first, ignored by the others
        ids = self._tokenizer.apply_chat_template(
            chat, tokenize=True, add_generation_prompt=True, return_dict=False, enable_thinking=False
        )
        return cast(list[int], ids)

    def _answer(self, requests: Sequence[Request], prompts: Sequence[Ids], most: int) -> list[Ids]:
        """Decodes one batch. Columns: the kept prefixes, then the rest of the prompts, then the answers; each part is
        aligned to the right, and what lies between is masked."""
        found = self._take(prompts)
        before = [0 if kept is None else length for kept, length in found]
        widest, rest = max(before), max(len(p) - b for p, b in zip(prompts, before, strict=True))
        ids = np.full((len(prompts), widest + rest), self._pad, np.int64)
        mask = np.zeros_like(ids)
        for row, (prompt, length) in enumerate(zip(prompts, before, strict=True)):
            for part, end in ((prompt[:length], widest), (prompt[length:], widest + rest)):
                ids[row, end - len(part) : end] = part
                mask[row, end - len(part) : end] = 1
        device = self._model.device
        sampled = SampledByRow(
            [request.seed for request in requests],
            [request.sampling.temperature for request in requests],
            [request.sampling.top_p for request in requests],
            most,
            device,
        )
        settings = GenerationConfig(
            max_new_tokens=most,
            do_sample=False,
            eos_token_id=self._ends or None,
            pad_token_id=self._pad,
            use_cache=True,
            return_dict_in_generate=True,
        )
        past = {"past_key_values": self._padded(found, widest)} if self._kept_tokens else {}
        with torch.inference_mode():
            out = self._model.generate(
                input_ids=torch.from_numpy(ids).to(device),
                attention_mask=torch.from_numpy(mask).to(device),
                generation_config=settings,
                logits_processor=LogitsProcessorList([sampled]),
                **past,
            )
        new = out.sequences[:, ids.shape[1] :].cpu().numpy()
        answers = [self._until_end(row) for row in new]
        if self._kept_tokens:
            self._keep(prompts, answers, mask, out.past_key_values)
        return answers

    def _until_end(self, ids: Ids) -> Ids:
        """The tokens of an answer up to and with its end token."""
        ends = np.flatnonzero(np.isin(ids, self._ends))
        return ids[: ends[0] + 1] if len(ends) else ids

    def _response(self, request: Request, ids: Ids) -> Response:
        ended = len(ids) > 0 and int(ids[-1]) in self._ends and len(ids) <= request.sampling.max_tokens
        text = self._tokenizer.decode(ids[: request.sampling.max_tokens].tolist(), skip_special_tokens=True)
        return structured(Response(text.strip(), "stop" if ended else "length"), request.schema)

    def _take(self, prompts: Sequence[Ids]) -> list[tuple[Kept | None, int]]:
        """For each prompt what was kept of its longest known beginning, and how many tokens of it hold."""
        found: list[tuple[Kept | None, int]] = []
        for prompt in prompts:
            shared = [_shared(prompt[:-1], kept.ids) for kept in self._kept]  # one token at least is computed anew
            best = int(np.argmax(shared)) if shared else -1
            found.append((self._kept[best], shared[best]) if best >= 0 and shared[best] > 0 else (None, 0))
        used = {id(kept) for kept, _ in found}
        self._kept = [kept for kept in self._kept if id(kept) not in used]
        return found

    def _padded(self, found: Sequence[tuple[Kept | None, int]], widest: int) -> DynamicCache:
        """The kept beginnings as one cache, aligned to the right."""
        cache = DynamicCache()
        shapes = next((kept.layers for kept, _ in found if kept is not None), ())
        for layer, example in enumerate(shapes):
            pair = []
            for which, like in enumerate(example):
                rows = like.new_zeros((len(found), like.shape[0], widest, like.shape[2]))
                for row, (kept, length) in enumerate(found):
                    if kept is not None:
                        rows[row, :, widest - length :] = kept.layers[layer][which][:, :length]
                pair.append(rows)
            cache.update(pair[0], pair[1], layer)
        return cache

    def _keep(self, prompts: Sequence[Ids], answers: Sequence[Ids], mask: NDArray[np.int64], cache: Any) -> None:
        """Keeps what the batch computed, without the padding; the oldest goes when there is too much."""
        for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
            computed = answer[:-1]  # the last token was drawn, not fed
            columns = np.concatenate([np.flatnonzero(mask[row]), mask.shape[1] + np.arange(len(computed))])
            index = torch.from_numpy(columns).to(self._model.device)
            layers = tuple((layer.keys[row][:, index], layer.values[row][:, index]) for layer in cache.layers)
            self._kept.append(Kept(np.concatenate([prompt, computed]), layers))
        while sum(len(kept.ids) for kept in self._kept) > self._kept_tokens:
            self._kept.pop(0)


def open_transformers(
    base: str, config: InProcessConfig, adapter: Path | None = None, *, sessions: int = 64
) -> TransformersRealiser:
    """Opens a chat model by hub name or folder, safetensors only.

    Args:
        adapter: folder of a PEFT adapter, whose weights are added to the base's.
        sessions: sessions that will advance together; bounds what is kept between turns.

    Raises:
        UserError: the model cannot be had, has no chat template, or no weights in safetensors.
        MissingExtraError: an adapter without peft.
    """
    wanted = {"cuda": "cuda", "cpu": "cpu"}.get(config.device, "cuda" if torch.cuda.is_available() else "cpu")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError("in_process.device is cuda, but there is no GPU that torch can use: set it to cpu or auto")
    dtype: Any = "auto" if config.dtype == "auto" else getattr(torch, config.dtype)
    try:
        tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left")
        about = AutoConfig.from_pretrained(base)
        model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype, use_safetensors=True)
    except (OSError, ValueError, KeyError):
        raise UserError(
            f"the chat model {base} cannot be opened: give a folder with config.json, tokenizer and safetensors, or a "
            "hub name that is in the local cache or can be downloaded"
        ) from None
    if not tokenizer.chat_template:
        raise UserError(f"the model {base} has no chat template: choose an instruction-tuned (chat) model")
    if adapter is not None:
        model = _with_adapter(model, adapter)
    own = _context_of(about, tokenizer)
    if config.context > own:
        raise UserError(f"in_process.context is {config.context}, but the model {base} takes {own} tokens at most")
    context = config.context or own
    kept = 2 * sessions * context if config.reuse_cache else 0
    return TransformersRealiser(
        model=model.eval().requires_grad_(False).to(wanted),
        tokenizer=tokenizer,
        context=context,
        kept_tokens=min(kept, config.kept_tokens),
    )


def _with_adapter(model: Any, adapter: Path) -> Any:
    try:
        from peft import PeftModel
    except ModuleNotFoundError:
        raise MissingExtraError("a fine-tuned dialogue model", "dialogue") from None
    if not any(adapter.glob("*.safetensors")):
        raise UserError(f"{adapter} holds no adapter in safetensors: fit the model again")
    try:
        return PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    except (RuntimeError, ValueError, KeyError, OSError):
        raise UserError(f"the adapter in {adapter} does not belong to this base model: fit the model again") from None


def _context_of(config: Any, tokenizer: Any) -> int:
    """The longest prompt with its answer, tokens."""
    own = getattr(config.get_text_config(), "max_position_embeddings", None)
    limits = [n for n in (own, tokenizer.model_max_length) if isinstance(n, int) and 0 < n < 10**9]
    return min(limits, default=4096)


def _attends_fully(config: Any) -> bool:
    """True where every layer keeps keys and values of the whole prompt, so that they can be cut and put together."""
    text = config.get_text_config()
    kinds = getattr(text, "layer_types", None)
    if kinds is not None:
        return all(kind == "full_attention" for kind in kinds)
    slides = getattr(text, "sliding_window", None) is not None and getattr(text, "use_sliding_window", True)
    return not slides and getattr(text, "num_attention_heads", None) is not None


def _system_folded(messages: Sequence[Message]) -> tuple[Message, ...]:
    if len(messages) < 2 or messages[0].role != "system":
        return tuple(messages)
    return (Message("user", f"{messages[0].content}\n\n{messages[1].content}"), *messages[2:])


def _shared(prompt: Ids, known: Ids) -> int:
    """Tokens that two sequences share from their beginning."""
    n = min(len(prompt), len(known))
    differs = np.flatnonzero(prompt[:n] != known[:n])
    return int(differs[0]) if len(differs) else n
