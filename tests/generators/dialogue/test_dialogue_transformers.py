from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hand_arc import hand_arc
from tiny_chat import TEMPLATE, save_tiny_chat

from synthgen.errors import UserError
from synthgen.generators.dialogue.conduct.lockstep import conduct_sessions
from synthgen.generators.dialogue.conduct.session import Brief
from synthgen.generators.dialogue.config import ConductConfig, InProcessConfig
from synthgen.generators.dialogue.plan.types import CaseArc
from synthgen.generators.dialogue.realisers.journal import Journaled
from synthgen.generators.dialogue.realisers.messages import fit_to_context, structured, without_front
from synthgen.generators.dialogue.realisers.protocol import Message, Prompt, Response, Sampling
from synthgen.generators.dialogue.realisers.transformers import RowSampler, TransformersRealiser, open_transformers
from synthgen.payloads.dialogue import Dialogue

SAY = ("thanks", "tractor", "cellar")


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return save_tiny_chat(tmp_path_factory.mktemp("chat"), say=SAY)


@pytest.fixture(scope="module")
def attentive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose words hang on the whole prompt: a wrong mask or a wrong kept key changes them."""
    return save_tiny_chat(tmp_path_factory.mktemp("attentive"), hidden=32, spread=30.0, seed=1)


def opened(folder: Path, **config: Any) -> TransformersRealiser:
    return open_transformers(str(folder), InProcessConfig(device="cpu", dtype="float32", **config))


def talk(exchanges: int, word: str = "tired") -> tuple[Message, ...]:
    turns = [f"i feel {word} {'again ' * (1 + i % 3)}" for i in range(2 * exchanges + 1)]
    roles = ("user", "assistant")
    return (Message("system", "you are a doctor"), *(Message(roles[i % 2], t) for i, t in enumerate(turns)))  # type: ignore[arg-type]


def requests(sampling: Sampling = Sampling(40)) -> list[Prompt]:  # noqa: B008
    return [Prompt(2**40 + i, talk(i, word), sampling) for i, word in enumerate(("sad", "calm", "worried", "quiet"))]


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_an_answer_does_not_depend_on_the_batch_or_on_what_is_kept(attentive: Path, temperature: float) -> None:
    asked = requests(Sampling(24, temperature))
    plain = opened(attentive, reuse_cache=False)
    alone = [plain.generate([request])[0] for request in asked]
    assert plain.generate(asked) == alone
    assert plain.generate(asked[::-1]) == alone[::-1]
    assert len({answer.text for answer in alone}) == len(asked)  # it does hang on the prompt
    keeping = opened(attentive)
    for _ in range(3):
        assert keeping.generate(asked) == alone
        answered = [
            replace(r, seed=r.seed + 1, messages=(*r.messages, Message("assistant", a.text), Message("user", "why ?")))
            for r, a in zip(asked, alone, strict=True)
        ]
        asked, alone = answered, plain.generate(answered)


def test_kept_keys_spare_the_transcript(attentive: Path) -> None:
    realiser = opened(attentive)
    widths: list[int] = []
    forward = realiser._model.forward

    def counted(*args: Any, **kwargs: Any) -> Any:
        widths.append(kwargs["input_ids"].shape[1])
        return forward(*args, **kwargs)

    realiser._model.forward = counted
    asked = requests(Sampling(8))
    realiser.generate(asked)
    first = widths[0]
    widths.clear()
    longer = [
        replace(r, messages=(*r.messages[:-1], Message("user", r.messages[-1].content + " why ?"))) for r in asked
    ]
    realiser.generate(longer)
    assert first > 30 and widths[0] < 8
    realiser.forget()
    widths.clear()
    realiser.generate(longer)
    assert widths[0] > first


def test_little_room_for_keys_changes_nothing(attentive: Path) -> None:
    asked = requests(Sampling(12))
    assert opened(attentive, kept_tokens=50).generate(asked) == opened(attentive).generate(asked)


def test_seeds_decide_and_greedy_takes_no_notice(chat: Path) -> None:
    realiser = opened(chat)
    request = requests()[0]
    texts = {realiser.generate([replace(request, seed=seed)])[0].text for seed in range(8)}
    assert len(texts) == 8
    greedy = [replace(request, seed=seed, sampling=Sampling(20, 0.0)) for seed in range(3)]
    assert len({answer.text for answer in realiser.generate(greedy)}) == 1


@pytest.mark.parametrize("unlikely", [0, 3000])  # with and without a vocabulary that is wider than the head
def test_sampling_follows_the_nucleus(unlikely: int) -> None:
    probabilities = torch.cat([torch.tensor([0.5, 0.3, 0.15, 0.05]), torch.full((unlikely,), 1e-9)])

    def drawn(n: int, temperature: float, top_p: float) -> list[int]:
        sampler = RowSampler(range(n), [temperature] * n, [top_p] * n, 1, "cpu")
        return sampler(probabilities.log().expand(n, -1), torch.arange(n), 0).tolist()  # type: ignore[no-any-return]

    shares = np.bincount(drawn(4000, 1.0, 0.9), minlength=4) / 4000
    assert np.abs(shares[:4] - np.array([0.5, 0.3, 0.15, 0.0]) / 0.95).max() < 4 * 0.5 / 4000**0.5
    assert set(drawn(50, 0.0, 1.0)) == set(drawn(50, 1.0, 1e-9)) == {0}


def test_a_nucleus_wider_than_the_head_is_drawn_from_whole() -> None:
    n, size = 2000, 4096
    sampler = RowSampler(range(n), [1.0] * n, [1.0] * n, 1, "cpu")
    chosen = sampler(torch.zeros(n, size), torch.arange(n), 0)
    assert len(chosen.unique()) > 1400  # 1,582 are expected of 4,096; the head alone would give at most 1,024


def test_lengths_are_kept_per_request_and_said(chat: Path) -> None:
    realiser = opened(chat)
    short, long = realiser.generate([Prompt(5, talk(1), Sampling(2)), Prompt(5, talk(1), Sampling(60))])
    assert short.finish == "length" and len(short.text.split()) <= 2
    assert long.finish == "stop"
    assert long.text.startswith(short.text)
    assert realiser.generate([]) == []


def saying_arc() -> CaseArc:
    """A plan whose facts the tiny model can tell: its cues are words that it says often."""
    arc = hand_arc(1, work=(8, 10))
    facts = tuple(replace(f, cues=(cue,)) for f, cue in zip(arc.patient.facts, ("tractor", "cellar"), strict=True))
    return replace(arc, patient=replace(arc.patient, facts=facts))


def test_whole_sessions_and_the_same_after_a_kill(chat: Path, tmp_path: Path) -> None:
    config = ConductConfig(tries=60)
    briefs = [Brief(saying_arc(), 1, seed) for seed in range(3)]
    sampling = Sampling(60, 1.0, 1.0)

    class KilledError(BaseException):
        pass

    class Mortal:
        def __init__(self, inner: TransformersRealiser, lives: int) -> None:
            self.inner, self.lives = inner, lives

        def generate(self, asked: Any) -> list[Response]:
            self.lives -= 1
            if self.lives < 0:
                raise KilledError
            return self.inner.generate(asked)

        def forget(self) -> None:
            self.inner.forget()

    def run(path: Path, lives: int = 10**6) -> list[Any]:
        with Journaled(Mortal(opened(chat), lives), path, segment=5) as realiser:
            return conduct_sessions(briefs, realiser, config, sampling=sampling)

    whole = run(tmp_path / "whole.jsonl")
    assert all(isinstance(result, Dialogue) for result in whole)
    assert all("thanks" in result.turns[-1].text.split() for result in whole)
    for lives in (3, 12):
        with pytest.raises(KilledError):
            run(tmp_path / "killed.jsonl", lives)
    assert run(tmp_path / "killed.jsonl") == whole
    assert (tmp_path / "killed.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_a_full_context_drops_whole_exchanges_from_the_front(chat: Path) -> None:
    realiser = opened(chat, context=130)
    count = lambda m: len(realiser._encode(m))  # noqa: E731
    messages = talk(20)
    assert count(messages) > 130
    shown = fit_to_context(messages, count, 100)
    assert count(shown) <= 100
    assert shown[0] == messages[0] and shown[-1] == messages[-1]
    assert [m.role for m in shown[1:]] == ["user", "assistant"] * ((len(shown) - 2) // 2) + ["user"]
    assert (len(messages) - len(shown)) % 16 == 0
    assert realiser.generate([Prompt(1, messages, Sampling(30))])[0].text
    with pytest.raises(UserError, match="longer than the model's context"):
        realiser.generate([Prompt(1, (Message("system", "walk " * 200), Message("user", "talk")), Sampling(30))])
    assert without_front(messages[:2], 8) == messages[:2]


def test_models_that_cannot_serve_are_refused_in_one_line(tmp_path: Path, chat: Path) -> None:
    with pytest.raises(UserError, match="cannot be opened"):
        opened(tmp_path / "nowhere")
    bare = save_tiny_chat(tmp_path / "bare", template=None)
    with pytest.raises(UserError, match="has no chat template"):
        opened(bare)
    pickled = save_tiny_chat(tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(UserError, match="safetensors"):
        opened(pickled)
    with pytest.raises(UserError, match="takes 4096 tokens at most"):
        opened(chat, context=10_000)
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="no GPU"):
            open_transformers(str(chat), InProcessConfig(device="cuda"))


def test_a_template_without_a_system_role_gets_it_in_the_first_message(tmp_path: Path) -> None:
    strict = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + TEMPLATE
    realiser = opened(save_tiny_chat(tmp_path / "strict", template=strict))
    text = realiser._tokenizer.decode(realiser._encode(talk(1)).tolist())
    assert text.startswith("<user> you are a doctor i feel tired")


def test_an_adapter_changes_the_answers_and_must_be_safetensors(chat: Path, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(chat)
    torch.manual_seed(0)
    adapted = peft.get_peft_model(
        model, peft.LoraConfig(r=2, target_modules=["q_proj", "fc1"], init_lora_weights=False)
    )
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_" in name:
                weight.normal_(0, 3.0)
    adapted.save_pretrained(tmp_path / "adapter")
    config = InProcessConfig(device="cpu", dtype="float32")
    asked = [replace(request, sampling=Sampling(40, 1.0)) for request in requests()]
    plain = open_transformers(str(chat), config).generate(asked)
    assert open_transformers(str(chat), config, tmp_path / "adapter").generate(asked) != plain
    other = save_tiny_chat(tmp_path / "other", hidden=24)
    with pytest.raises(UserError, match="does not belong"):
        open_transformers(str(other), config, tmp_path / "adapter")
    (tmp_path / "adapter" / "adapter_model.safetensors").rename(tmp_path / "adapter" / "adapter_model.bin")
    with pytest.raises(UserError, match="no adapter in safetensors"):
        open_transformers(str(chat), config, tmp_path / "adapter")


def test_structured_answers_are_json_of_the_schema_or_failed(chat: Path) -> None:
    schema: dict[str, Any] = {"type": "object", "required": ["score"]}
    assert structured(Response('Sure: {"score": 3} there'), schema).text == '{"score": 3}'
    for text in ("three", '{"score": ', '{"other": 1}', "[1]"):
        answer = structured(Response(text), schema)
        assert answer.finish == "failed" and text not in answer.reason
    (answer,) = opened(chat).generate([Prompt(1, talk(1), Sampling(10), schema=schema)])
    assert answer.finish == "failed"
