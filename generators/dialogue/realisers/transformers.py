"""Any chat model of transformers, in this process: batches padded on the left, one random stream per request.

Keys and values of the transcripts may be kept between batches, so that a turn computes its new tokens alone. Whatever
is kept, an answer is the same up to rounding.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from jinja2.exceptions import TemplateError
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

from synthgen.errors import MissingExtraError, UserError
from synthgen.generators.dialogue.config import InProcessConfig
from synthgen.generators.dialogue.realisers.messages import fit_to_context, structured, with_schema
from synthgen.generators.dialogue.realisers.protocol import Message, Prompt, Response
from synthgen.pretrained.bars import no_bars

Ids = NDArray[np.int64]

_HEAD = 1024
"""Most probable tokens that are sorted at first: sorting a whole vocabulary can cost more than the model's step."""


_READ_AT_ONCE = 256
"""Tokens, padding included, that a CPU reads at once: enough to use its vector units."""


_OWN = 128
"""Tokens in common that two sessions, or two sides of one, do not have by chance."""


class RowSampler:
    """Nucleus sampling (Holtzman et al. 2020) by one uniform number per row and token, from the row's own stream: a
    row's tokens do not depend on who else is in the batch.

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

    def __call__(self, logits: Tensor, rows: Tensor, step: int) -> Tensor:
        """The tokens [B] that ``rows`` [B] say at ``step``, given their logits [B, V]."""
        logits, temperatures = logits.float(), self._temperatures[rows]
        probabilities = (logits / temperatures.clamp_min(1e-6)).softmax(-1)
        ordered, places = probabilities.topk(min(_HEAD, logits.shape[-1]), dim=-1)
        chosen = self._draw(ordered, places, rows, step)
        wide = torch.nonzero(ordered.double().sum(-1, keepdim=True) < self._top_ps[rows])[:, 0]
        if len(wide) and logits.shape[-1] > _HEAD:  # the nucleus is larger than the head: these rows are sorted whole
            ordered, places = probabilities[wide].sort(dim=-1, descending=True, stable=True)
            chosen[wide] = self._draw(ordered, places, rows[wide], step)
        return torch.where(temperatures > 0, chosen, logits.argmax(-1, keepdim=True))[:, 0]

    def _draw(self, ordered: Tensor, places: Tensor, rows: Tensor, step: int) -> Tensor:
        """One token per row from its nucleus; ``ordered`` are probabilities in falling order."""
        wide = ordered.double()
        cumulative = wide.cumsum(-1)
        kept = (cumulative - wide) < self._top_ps[rows]  # the most probable token always
        total = torch.where(kept, wide, 0.0).sum(-1, keepdim=True)
        rank = (cumulative <= self._draws[rows, step, None] * total).sum(-1, keepdim=True)
        return places.gather(-1, rank.clamp_max(kept.sum(-1, keepdim=True) - 1))


class RoomyLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values [rows, heads, tokens, width] in a buffer with room to grow: a token is written behind the others,
    which are not copied for it. ``keys`` and ``values`` are views of what is filled."""

    keys: Tensor
    values: Tensor
    _room: tuple[Tensor, Tensor] | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        filled = self.get_seq_length()
        size = filled + key_states.shape[-2]
        if self._room is None or self._room[0].shape[-2] < size or len(self._room[0]) != len(key_states):
            shape = (*key_states.shape[:2], size + 64)
            self._room = (
                key_states.new_empty((*shape, key_states.shape[-1])),
                value_states.new_empty((*shape, value_states.shape[-1])),
            )
            if filled:
                self._room[0][:, :, :filled], self._room[1][:, :, :filled] = self.keys, self.values
        for room, states in zip(self._room, (key_states, value_states), strict=True):
            room[:, :, filled:size] = states
        self.keys, self.values = (room[:, :, :size] for room in self._room)
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        super().batch_select_indices(indices)
        self._room = None


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
        self._whole = _attends_fully(model.config)
        self._kept_tokens = kept_tokens if self._whole else 0
        self._last = {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}
        self._kept: list[Kept] = []
        ends = model.generation_config.eos_token_id
        ends = [ends] if isinstance(ends, int) else list(ends or [])
        self._ends = sorted({*ends, *([] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id])})
        self._pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else (self._ends or [0])[0]

    def generate(self, requests: Sequence[Prompt]) -> list[Response]:
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

    def log_likelihoods(self, answers: Sequence[tuple[tuple[Message, ...], str]]) -> list[float]:
        """See :class:`synthgen.generators.dialogue.realisers.protocol.Weighing`. Nothing that is kept is used."""
        prompts = [self._encode(messages) for messages, _ in answers]
        texts = [
            np.asarray(self._tokenizer(text, add_special_tokens=False)["input_ids"], np.int64) for _, text in answers
        ]
        found = np.zeros(len(answers))
        for group in _groups([len(p) + len(t) for p, t in zip(prompts, texts, strict=True)], 4 * _READ_AT_ONCE):
            rows = [np.concatenate([prompts[row], texts[row]]) for row in group]
            widest = max(map(len, rows))
            ids = np.stack([np.pad(row, (0, widest - len(row)), constant_values=self._pad) for row in rows])
            mask = np.stack([np.arange(widest) < len(row) for row in rows]).astype(np.int64)
            with torch.inference_mode():
                logits = self._model(
                    input_ids=torch.from_numpy(ids).to(self._model.device),
                    attention_mask=torch.from_numpy(mask).to(self._model.device),
                    use_cache=False,
                ).logits
            for place, row in enumerate(group):
                start, said = len(prompts[row]), torch.from_numpy(texts[row]).to(self._model.device)
                about = logits[place, start - 1 : start - 1 + len(said)].float().log_softmax(-1)
                found[row] = float(about.gather(-1, said[:, None]).mean())
        return found.tolist()

    def _prompt(self, request: Prompt) -> Ids:
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

    def _answer(self, requests: Sequence[Prompt], prompts: Sequence[Ids], most: int) -> list[Ids]:
        """Reads the prompts and decodes one batch."""
        sampler = RowSampler(
            [request.seed for request in requests],
            [request.sampling.temperature for request in requests],
            [request.sampling.top_p for request in requests],
            most,
            self._model.device,
        )
        limits = np.array([request.sampling.max_tokens for request in requests])
        with torch.inference_mode():
            return self._decode(prompts, *self._read(prompts), sampler, limits)

    def _read(self, prompts: Sequence[Ids]) -> tuple[Tensor, Cache, NDArray[np.int64]]:
        """Logits [B, V] behind each prompt, keys and values of all of them, and which of their columns count [B, S].

        A GPU reads all prompts at once. On a CPU a token costs the same alone or in company, and padding as much as a
        word, so that prompts are read a few at a time, those of one length together.
        """
        found = self._take(prompts)
        rests = [len(prompt) - length for prompt, (_, length) in zip(prompts, found, strict=True)]
        if not self._whole or self._model.device.type != "cpu":
            return self._read_together(prompts, found)
        read: list[tuple[Kept | None, int]] = [(None, 0)] * len(prompts)
        logits: list[Tensor | None] = [None] * len(prompts)
        for group in _groups(rests, _READ_AT_ONCE):
            last, cache, mask = self._read_together([prompts[row] for row in group], [found[row] for row in group])
            for place, row in enumerate(group):
                columns = torch.from_numpy(np.flatnonzero(mask[place]))
                layers = tuple(
                    (layer.keys[place][:, columns], layer.values[place][:, columns]) for layer in cache.layers
                )
                read[row] = Kept(prompts[row], layers), len(prompts[row])
                logits[row] = last[place]
        widest = max(len(prompt) for prompt in prompts)
        mask = np.stack([np.arange(widest) >= widest - len(prompt) for prompt in prompts]).astype(np.int64)
        return torch.stack([row for row in logits if row is not None]), self._padded(read, widest), mask

    def _read_together(
        self, prompts: Sequence[Ids], found: Sequence[tuple[Kept | None, int]]
    ) -> tuple[Tensor, Cache, NDArray[np.int64]]:
        """As :meth:`_read`, in one batch. Columns: the kept beginnings, then the rest of the prompts; both parts are
        aligned to the right, and what lies between is masked."""
        before = [0 if kept is None else length for kept, length in found]
        widest, rest = max(before), max(len(p) - b for p, b in zip(prompts, before, strict=True))
        ids = np.full((len(prompts), widest + rest), self._pad, np.int64)
        mask = np.zeros_like(ids)
        for row, (prompt, length) in enumerate(zip(prompts, before, strict=True)):
            for part, end in ((prompt[:length], widest), (prompt[length:], widest + rest)):
                ids[row, end - len(part) : end] = part
                mask[row, end - len(part) : end] = 1
        cache = self._padded(found, widest) if self._whole else DynamicCache(config=self._model.config)
        attended = torch.from_numpy(mask).to(self._model.device)
        out = self._model(
            input_ids=torch.from_numpy(ids[:, widest:]).to(self._model.device),
            attention_mask=attended,
            position_ids=(attended.cumsum(-1) - 1).clamp_min(0)[:, widest:],
            past_key_values=cache,
            use_cache=True,
            **self._last,
        )
        return out.logits[:, -1], cache, mask

    def _decode(
        self,
        prompts: Sequence[Ids],
        logits: Tensor,
        cache: Cache,
        mask: NDArray[np.int64],
        sampler: RowSampler,
        limits: NDArray[np.int64],
    ) -> list[Ids]:
        """The tokens of each row up to its end token or its limit. Finished rows leave the batch, some at a time.

        Args:
            logits, cache, mask: of the prompts, see :meth:`_read`.
        """
        device = self._model.device
        attended = torch.from_numpy(mask).to(device)
        places = attended.sum(-1, keepdim=True)
        rows = np.arange(len(prompts))
        drawn: list[list[int]] = [[] for _ in prompts]
        ended = np.zeros(len(prompts), bool)
        for step in range(int(limits.max())):
            fed = sampler(logits, torch.from_numpy(rows).to(device), step)[:, None]
            for row, token in zip(rows, fed[:, 0].tolist(), strict=True):
                if not ended[row]:
                    drawn[row].append(token)
                    ended[row] = token in self._ends or len(drawn[row]) == limits[row]
            over = ended[rows]
            if over.all() or (self._whole and over.sum() >= max(1, len(rows) // 4)):
                self._keep(prompts, drawn, mask, cache, rows, over)
                if over.all():
                    break
                stay = torch.from_numpy(np.flatnonzero(~over)).to(device)
                cache.batch_select_indices(stay)
                rows, fed, attended, places = rows[~over], fed[stay], attended[stay], places[stay]
            attended = torch.cat([attended, attended.new_ones((len(rows), 1))], -1)
            out = self._model(
                input_ids=fed,
                attention_mask=attended,
                position_ids=places,
                past_key_values=cache,
                use_cache=True,
                **self._last,
            )
            logits, places = out.logits[:, -1], places + 1
        return [np.asarray(tokens, np.int64) for tokens in drawn]

    def _response(self, request: Prompt, ids: Ids) -> Response:
        ended = len(ids) > 0 and int(ids[-1]) in self._ends
        text = self._tokenizer.decode(ids.tolist(), skip_special_tokens=True)
        return structured(Response(text.strip(), "stop" if ended else "length"), request.schema)

    def _take(self, prompts: Sequence[Ids]) -> list[tuple[Kept | None, int]]:
        """For each prompt what was kept of its longest known beginning, and how many tokens of it hold."""
        found: list[tuple[Kept | None, int]] = []
        for prompt in prompts:
            shared = [_shared(prompt[:-1], kept.ids) for kept in self._kept]  # one token at least is computed anew
            best = int(np.argmax(shared)) if shared else -1
            found.append((self._kept[best], shared[best]) if best >= 0 and shared[best] > 0 else (None, 0))
        # What holds for most of its length, or for a whole system message, is replaced by what this batch computes; a
        # few words in common are chance.
        used = {
            id(kept) for kept, length in found if kept is not None and (length >= _OWN or 2 * length >= len(kept.ids))
        }
        self._kept = [kept for kept in self._kept if id(kept) not in used]
        return found

    def _padded(self, found: Sequence[tuple[Kept | None, int]], widest: int) -> Cache:
        """The kept beginnings as one cache, aligned to the right."""
        cache = Cache(layer_class_to_replicate=RoomyLayer)
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

    def _keep(
        self,
        prompts: Sequence[Ids],
        drawn: Sequence[Sequence[int]],
        mask: NDArray[np.int64],
        cache: Cache,
        rows: NDArray[np.int64],
        over: NDArray[np.bool_],
    ) -> None:
        """Keeps what was computed for those of ``rows`` that are over, without the padding; the oldest goes when there
        is too much."""
        if not self._kept_tokens:
            return
        for place in np.flatnonzero(over):
            row = rows[place]
            computed = np.asarray(drawn[row][:-1], np.int64)  # the last token was drawn, not fed
            columns = np.concatenate([np.flatnonzero(mask[row]), mask.shape[1] + np.arange(len(computed))])
            index = torch.from_numpy(columns).to(self._model.device)
            layers = tuple((layer.keys[place][:, index], layer.values[place][:, index]) for layer in cache.layers)
            self._kept.append(Kept(np.concatenate([prompts[row], computed]), layers))
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
        with no_bars():
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


def _groups(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Rows of like length together, each group of at most ``most`` tokens with its padding, one row at least."""
    groups: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        if groups and (len(groups[-1]) + 1) * lengths[groups[-1][0]] <= most:
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def _shared(prompt: Ids, known: Ids) -> int:
    """Tokens that two sequences share from their beginning."""
    n = min(len(prompt), len(known))
    differs = np.flatnonzero(prompt[:n] != known[:n])
    return int(differs[0]) if len(differs) else n
