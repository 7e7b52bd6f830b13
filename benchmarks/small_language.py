"""A small language of follow-up visits, and a tiny chat model that speaks it: what a CPU can learn, and learn by heart.

Every patient has facts of its own (what hurts, since when, what helps, who is at home, numbers), said in one of several
ways. The language is simple enough that a model of half a million parameters writes sensible visits after two
minutes of training, and rich enough that two patients' visits differ in nearly every answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from synthgen.generators.dialogue.config import InProcessConfig
from synthgen.generators.dialogue.fit.examples import SIDES, ChatLayout, chat, session_examples, system_prompt
from synthgen.generators.dialogue.fit.lora import padded
from synthgen.generators.dialogue.realisers.protocol import Message, Prompt, Sampling
from synthgen.generators.dialogue.realisers.transformers import open_transformers
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, DialogueReal, Turn
from synthgen.progress import Progress
from synthgen.records import Real

TOPICS = ("back pain", "cough", "headache", "knee pain", "tiredness")
_SINCE = (
    "the spring",
    "last month",
    "the summer",
    "my holiday",
    "two weeks",
    "the winter",
    "a year or so",
    "last week",
)
_WHEN = ("in the morning", "at night", "after work", "on the stairs", "in the cold", "when I lie down", "after meals")
_JOB = ("a baker", "a driver", "a teacher", "a nurse", "a gardener", "a cook", "a clerk", "a painter", "a tailor")
_HOME = ("my wife", "my husband", "my sister", "my son", "nobody", "two dogs", "my mother", "a friend", "three cats")
_HELPS = ("a warm bath", "a short walk", "cold water", "sleep", "hot tea", "lying still", "fresh air", "stretching")
_DRUG = ("paracetamol", "ibuprofen", "a syrup", "drops", "an ointment", "vitamins", "nothing", "herbal tea")
_WORRY = ("my job", "the money", "my heart", "the children", "an operation", "my sleep", "the flight", "a tumour")
_PLAN = ("an x-ray", "a blood test", "exercises", "a new tablet", "a week of rest", "an appointment with a specialist")

_ASKED: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        ("Good morning, how is the {topic} today?", "Hello, tell me about the {topic}.", "Come in, is it the {topic}?"),
        (
            "The {topic} has been there since {since}, mostly {when}.",
            "It comes {when}, and it has done so since {since}.",
            "Since {since} I have had it, worst {when}.",
        ),
    ),
    (
        ("How strong is it, from one to ten?", "Give it a number from one to ten.", "And how bad does it get?"),
        (
            "About {a} on most days, {b} when it is bad.",
            "I would say {a}, and {b} on a bad day.",
            "Between {a} and {b}, it depends on the day.",
        ),
    ),
    (
        ("Does anything help?", "What do you do against it?", "What have you tried so far?"),
        (
            "{helps} helps a little, and I take {drug}.",
            "I tried {drug}, but {helps} does more for me.",
            "Only {helps}, and {drug} {c} times a day.",
        ),
    ),
    (
        ("What do you do for a living?", "And your work?", "Does it bother you at work?"),
        (
            "I am {job}, {d} hours a week.",
            "I work as {job} and was off for {c} days.",
            "As {job} I am on my feet for {d} hours a week.",
        ),
    ),
    (
        ("Who is with you at home?", "Do you live alone?", "Is there somebody who looks after you?"),
        (
            "At home there is {home}, and what worries me is {worry}.",
            "There is {home}, and honestly I am afraid for {worry}.",
            "I live with {home} and lie awake over {worry}.",
        ),
    ),
    (
        ("Then I suggest {plan}.", "Let us try {plan} first.", "I would like to arrange {plan}."),
        (
            "Fine, I will come back in {c} weeks.",
            "All right, thank you, see you in {c} weeks.",
            "If you think so, then until {c} weeks from now.",
        ),
    ),
)


def visit(rng: np.random.Generator, topic: str) -> Dialogue:
    """One visit of a fresh patient: twelve utterances, some 110 words."""
    a = int(rng.integers(2, 7))
    pools = {"since": _SINCE, "when": _WHEN, "job": _JOB, "home": _HOME, "helps": _HELPS, "drug": _DRUG}
    pools |= {"worry": _WORRY, "plan": _PLAN}
    facts = {name: pool[rng.integers(len(pool))] for name, pool in pools.items()}
    numbers = {"a": a, "b": int(rng.integers(a + 1, 11)), "c": int(rng.integers(2, 10)), "d": int(rng.integers(10, 60))}
    turns = []
    for asked, answered in _ASKED:
        for speaker, ways in (("clinician", asked), ("patient", answered)):
            text = ways[rng.integers(len(ways))].format(topic=topic, **facts, **numbers)
            turns.append(Turn(speaker, text[0].upper() + text[1:]))  # type: ignore[arg-type]
    return Dialogue(tuple(turns))


def patients(name: str, count: int, seed: int) -> list[DialogueReal]:
    """``count`` patients with one visit each, topics in turn."""
    rng = np.random.default_rng([seed, *name.encode()])
    records = []
    for i in range(count):
        topic = TOPICS[i % len(TOPICS)]
        condition = DialogueCondition("visit", topic)
        records.append(Real(f"{name}{i:04d}", f"{name}{i:04d}-1", condition, visit(rng, topic)))
    return records


_TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_SPECIAL = ["<pad>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]


def pretrain(folder: Path, known: Sequence[DialogueReal], *, steps: int, seed: int, progress: Progress) -> Path:
    """Trains the tiny base model on patients who are nobody's: neither T nor C nor E. Writes it to ``folder``."""
    if (folder / "config.json").is_file():
        return folder
    texts = [r.payload.text for r in known]
    texts += [system_prompt(side, known[i].condition) for side in SIDES for i in range(len(TOPICS))]
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=1000, special_tokens=_SPECIAL, initial_alphabet=alphabet)
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token=_SPECIAL[1], pad_token=_SPECIAL[0])
    tokenizer.chat_template = _TEMPLATE
    shape = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=96,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=0,
    )
    torch.manual_seed(seed)
    model = LlamaForCausalLM(shape).train()
    layout = ChatLayout(tokenizer)
    examples = [example for record in known for example in session_examples(layout, record, 1024).examples]
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.98), weight_decay=0.05)
    task = progress.task("pretrain", steps, "step")
    rng = np.random.default_rng(seed)
    for step in range(steps):
        rate = min(1.0, (step + 1) / 50) * (0.525 + 0.475 * math.cos(math.pi * step / steps))
        for group in optimiser.param_groups:
            group["lr"] = 3e-3 * rate
        some = [examples[i] for i in rng.integers(len(examples), size=8)]
        tokens, mask, _ = padded(some, 0, torch.device("cpu"))
        logits = model(input_ids=tokens, attention_mask=mask).logits[:, :-1]
        seen = mask[:, 1:].bool()
        loss = nn.functional.cross_entropy(logits[seen], tokens[:, 1:][seen])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        task.advance(1, f"loss {float(loss.detach()):.3f}")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def converse(base: Path, adapter: Path | None, conditions: Sequence[DialogueCondition], seed: int) -> list[Dialogue]:
    """Whole visits by two agents of one model, who take turns from the same prompts as in the training.

    The product's realiser draws every utterance; the plan of a session and its checks are left out, because so small a
    model cannot follow them. A visit ends after twelve utterances, or where an utterance comes out empty.
    """
    realiser = open_transformers(str(base), InProcessConfig(device="cpu", dtype="float32"), adapter)
    said: list[list[Turn]] = [[] for _ in conditions]
    going = list(range(len(conditions)))
    for turn in range(12):
        side = SIDES[turn % 2]
        requests = []
        for i in going:
            known = Dialogue(tuple(said[i])) if said[i] else None
            system = system_prompt(side, conditions[i])
            messages = chat(side, system, known) if known else [Message("system", system)]
            if len(messages) == 1:
                messages = chat(side, system, Dialogue((Turn(side, "x"),)))[:2]
            draw = int(np.random.default_rng([seed, i, turn]).integers(2**62))
            requests.append(Prompt(draw, tuple(messages), Sampling(max_tokens=48, temperature=0.8, top_p=0.95)))
        answers = realiser.generate(requests)
        for i, answer in zip(list(going), answers, strict=True):
            if answer.text.strip():
                said[i].append(Turn(side, answer.text.strip()))
            else:
                going.remove(i)
    return [Dialogue(tuple(turns)) for turns in said if turns]
