"""A tiny chat model with random weights and its own tokenizer: what the tests run instead of downloading one.

Phi's architecture, because its output layer has a bias: by it the model says words and ends its utterances, so that
what comes out is shaped like speech though it means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import PhiConfig, PhiForCausalLM, PreTrainedTokenizerFast

_SENTENCES = (
    "i you we they it the a my your this that was were is are had have feel felt think thought said went came stay "
    "stayed home work sleep morning evening night week day walk walked talk quiet tired sad calm worried alone garden "
    "kitchen street friend sister brother mother father doctor list plan small step try tried again still always often "
    "never maybe because when after before then so but and or not with without about from into over under between"
)
WORDS = tuple(re.findall(r"\w+", _SENTENCES))
TEMPLATE = (
    "{% for m in messages %}{{ '<' + m['role'] + '> ' + m['content'] + ' <end> ' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<assistant> ' }}{% endif %}"
)
SPECIALS = ("<pad>", "<unk>", "<end>", "<system>", "<user>", "<assistant>")


def save_tiny_chat(
    folder: Path,
    *,
    say: Sequence[str] = (),
    template: str | None = TEMPLATE,
    hidden: int = 16,
    layers: int = 2,
    context: int = 4096,
    length: int = 10,
    seed: int = 0,
    spread: float = 1.0,
    vocabulary: int = 0,
    heads: tuple[int, int] = (2, 2),
    feedforward: int = 0,
    dtype: torch.dtype = torch.float32,
) -> Path:
    """Writes model and tokenizer to ``folder``.

    Args:
        say: words that every utterance is likely to hold (cues, thanks).
        length: mean length of an utterance, words.
        spread: scale of the random logits.
        vocabulary: tokens at least; those beyond the words are never said, but computed.
        heads: of queries, and of keys and values.
        feedforward: width of the layers between; 0 takes twice ``hidden``.
    """
    tokens = [*SPECIALS, ".", ",", "?", *dict.fromkeys([*WORDS, *say]), *"0123456789"]
    words = len(tokens) - len(SPECIALS)
    tokens += [f"unsaid{n}" for n in range(vocabulary - len(tokens))]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(tokens)}, unk_token=SPECIALS[1]))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"<\w+>|\w+|[^\w\s]"), "removed", invert=True)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=SPECIALS[0],
        unk_token=SPECIALS[1],
        eos_token=SPECIALS[2],
        additional_special_tokens=["<system>", "<user>", "<assistant>"],
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = template
    config = PhiConfig(
        vocab_size=len(tokens),
        hidden_size=hidden,
        intermediate_size=feedforward or 2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads[0],
        num_key_value_heads=heads[1],
        max_position_embeddings=context,
        bos_token_id=None,
        eos_token_id=2,
        pad_token_id=0,
    )
    torch.manual_seed(seed)
    model = PhiForCausalLM(config)
    with torch.no_grad():
        model.lm_head.weight.normal_(0, spread / hidden**0.5)
        bias = torch.zeros(len(tokens))
        bias[: len(SPECIALS)] = -1e4
        bias[len(SPECIALS) + words :] = -1e4
        bias[tokens.index("<end>")] = torch.tensor(words / length).log()
        bias[[tokens.index(word) for word in say]] = torch.tensor(words / 8).log()
        bias[[tokens.index(mark) for mark in ",?"]] = 0.5
        model.lm_head.bias.copy_(bias)
    folder.mkdir(parents=True, exist_ok=True)
    model.to(dtype).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder
