"""What a fine-tuned model gives to transcripts and to canaries, beside its base: the raw material of attacks on it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftModel
from torch import Tensor, nn

from synthgen.generators.dialogue.fit.canaries import Canaries
from synthgen.generators.dialogue.fit.examples import (
    IGNORED,
    ChatLayout,
    Example,
    session_examples,
    system_prompt,
)
from synthgen.generators.dialogue.fit.lora import open_adapted, padded
from synthgen.generators.dialogue.model_folder import ADAPTER
from synthgen.generators.dialogue.realisers.protocol import Message
from synthgen.payloads.dialogue import DialogueCondition, DialogueReal

Floats = NDArray[np.float64]

_QUESTION = "Is there anything else on your mind?"


@dataclass(frozen=True)
class AdaptedModel:
    """A fine-tuned model, read only. Everything it returns is private: it depends on training transcripts.

    Attributes:
        max_tokens: longest sequence; ``batch``: sequences at once.
    """

    model: PeftModel
    layout: ChatLayout
    max_tokens: int
    batch: int = 8

    def token_log_probabilities(self, records: Sequence[DialogueReal]) -> list[tuple[Floats, Floats]]:
        """For each record ln p of every utterance's tokens, both sides': by the fine-tuned model, and by its base.

        Each token is given what was said before it, as in training; what does not fit into ``max_tokens`` is left out.
        """
        found = []
        for record in records:
            examples = session_examples(self.layout, record, self.max_tokens).examples
            tuned = self._trained_tokens(examples)
            with self.model.disable_adapter():
                found.append((tuned, self._trained_tokens(examples)))
        return found

    def secret_log_probabilities(
        self, canaries: Canaries, secrets: Sequence[str], condition: DialogueCondition, *, adapted: bool = True
    ) -> Floats:
        """ln p of each secret [N], said by the patient after the canaries' prefix, in answer to a neutral question.

        Args:
            condition: of the session in which it is said.
            adapted: False asks the base model.
        """
        system = system_prompt("patient", condition)
        opening = [Message("system", system), Message("user", _QUESTION)]
        start = len(canaries.prefix) + 1
        examples = [
            self.layout.encode(
                [*opening, Message("assistant", canaries.sentence(secret))],
                lambda i: True,
                part=(start, start + len(secret)),
            )
            for secret in secrets
        ]
        with nullcontext() if adapted else self.model.disable_adapter():
            return np.array([values.sum() for values in self._with_shared_start(examples)])

    def _trained_tokens(self, examples: Sequence[Example]) -> Floats:
        parts = []
        for start in range(0, len(examples), self.batch):
            some = examples[start : start + self.batch]
            tokens, mask, labels = padded(some, 0, self.model.device)
            with torch.inference_mode():
                logits = self.model(input_ids=tokens, attention_mask=mask, use_cache=False).logits
            parts.extend(_log_p(logits[:, :-1], labels[:, 1:]))
        return np.concatenate(parts) if parts else np.zeros(0)

    def _with_shared_start(self, examples: Sequence[Example]) -> Iterator[Floats]:
        """As _trained_tokens, one array per example; what all of them start with is read once."""
        shared = _common([example.tokens for example in examples])
        shared = min(shared, *(_first_trained(example) - 1 for example in examples))
        start = torch.tensor([examples[0].tokens[:shared]], device=self.model.device)
        with torch.inference_mode():
            kept = self.model(input_ids=start, use_cache=True).past_key_values
        for at in range(0, len(examples), 8 * self.batch):
            some = examples[at : at + 8 * self.batch]
            rest = [Example(example.tokens[shared:], example.labels[shared:]) for example in some]
            tokens, mask, labels = padded(rest, 0, self.model.device)
            whole = torch.cat([torch.ones((len(some), shared), dtype=mask.dtype, device=mask.device), mask], dim=1)
            with torch.inference_mode():
                cache = copy.deepcopy(kept)
                cache.batch_repeat_interleave(len(some))
                logits = self.model(input_ids=tokens, attention_mask=whole, past_key_values=cache).logits
            yield from _log_p(logits[:, :-1], labels[:, 1:])


def open_model(base: str, folder: Path, *, max_tokens: int = 2048, batch: int = 8) -> AdaptedModel:
    """The fine-tuned model in ``folder``, on the GPU where there is one.

    Raises:
        UserError: the base or the adapters cannot be opened.
    """
    model, opened = open_adapted(base, folder / ADAPTER)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return AdaptedModel(model.to(device), ChatLayout(opened.tokenizer), min(max_tokens, opened.context), batch)


def _log_p(logits: Tensor, labels: Tensor) -> list[Floats]:
    """ln p of the labelled tokens of each row; logits [B, L, V], labels [B, L]."""
    wanted = labels != IGNORED
    chosen = -nn.functional.cross_entropy(logits[wanted].double(), labels[wanted], reduction="none")
    return [part.cpu().numpy() for part in torch.split(chosen, wanted.sum(dim=1).tolist())]


def _common(sequences: Sequence[tuple[int, ...]]) -> int:
    """Length of the longest common start: that of the first and the last in order."""
    first, last = min(sequences), max(sequences)
    differing = (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return next(differing, min(len(first), len(last)))


def _first_trained(example: Example) -> int:
    return next(i for i, label in enumerate(example.labels) if label != IGNORED)
