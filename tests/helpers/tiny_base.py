"""A chat model of some ten thousand parameters with its own tokenizer and chat template, and a cohort to tune it on."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from synthgen.generators.dialogue.conduct.prompts import prompt_words
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, DialogueReal, Turn
from synthgen.records import Real

TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ["<pad>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
_PLACES = ("kitchen", "office", "garden", "station", "library", "market", "harbour", "school")
_FEELINGS = ("tired", "worried", "sad", "tense", "restless", "hopeful", "empty", "calm")


def cohort(patients: int, sessions: int = 2, turns: int = 6) -> list[DialogueReal]:
    """Small talk in a fixed pattern; patient p says its own places and feelings."""
    records = []
    for p in range(patients):
        for s in range(sessions):
            said = []
            for t in range(turns // 2):
                place, feeling = _PLACES[(p + 3 * t) % 8], _FEELINGS[(p * 5 + s + t) % 8]
                said.append(Turn("clinician", f"How did it go in the {place} this week?"))
                said.append(Turn("patient", f"In the {place} I felt {feeling}, for {p + t + 2} days or so."))
            condition = DialogueCondition("therapy", "low mood", "mild", s + 1, sessions)
            records.append(Real(f"p{p:02d}", f"p{p:02d}-s{s}", condition, Dialogue(tuple(said))))
    return records


def tokenizer_on(texts: list[str], vocabulary: int = 400, template: str | None = TEMPLATE) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer trained on ``texts``; it has no pad token, as many chat models have none."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=SPECIAL, initial_alphabet=alphabet)
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token=SPECIAL[1])
    tokenizer.chat_template = template
    return tokenizer


def save_tiny_base(folder: Path, *, width: int = 16, template: str | None = TEMPLATE, seed: int = 0) -> Path:
    """Writes a random chat model to ``folder``."""
    tokenizer = tokenizer_on([*prompt_words().rules, *(r.payload.text for r in cohort(8))], 700, template)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        initializer_range=0.2,  # with the usual 0.02 so narrow a model says the same of every token
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
