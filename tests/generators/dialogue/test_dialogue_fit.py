from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hand_arc import Puppet, hand_arc
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_base import TEMPLATE, cohort, save_tiny_base, tokenizer_on

from synthgen.errors import UserError
from synthgen.generators.dialogue.conduct.lockstep import conduct_sessions
from synthgen.generators.dialogue.conduct.prompts import OPENING, prompt_words, render
from synthgen.generators.dialogue.conduct.session import Brief
from synthgen.generators.dialogue.config import ConductConfig, GeneratorConfig, InProcessConfig
from synthgen.generators.dialogue.fit.config import CanaryConfig, FitConfig, LoraSection
from synthgen.generators.dialogue.fit.examples import (
    IGNORED,
    SIDES,
    ChatLayout,
    Side,
    chat,
    draw_examples,
    few_shot_examples,
    real_view,
    session_examples,
    system_prompt,
)
from synthgen.generators.dialogue.fit.lora import movements, open_adapted, open_base, with_adapters
from synthgen.generators.dialogue.fit.training import fit_adapters, fit_generator
from synthgen.generators.dialogue.model_folder import check_folder, model_digest, read_excerpts
from synthgen.generators.dialogue.realisers.protocol import Prompt, Response, Sampling
from synthgen.generators.dialogue.realisers.transformers import open_transformers
from synthgen.generators.dialogue.views import ClinicianView, PatientView
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, DialogueReal, Turn
from synthgen.progress import Silent, Task

TINY = FitConfig(
    epochs=2,
    batch=4,
    micro_batch=2,
    max_tokens=400,
    learning_rate=5e-3,
    warmup=1,
    checkpoint_every=2,
    lora=LoraSection(rank=2, alpha=4, dropout=0.1),
)


class StopError(Exception):
    """A kill, as the files see it."""


class StopAfter:
    """Progress that stops the process's work after so many steps, and keeps what was reported."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.resumed_at: list[int] = []
        self.notes: list[str] = []
        self.lines: list[str] = []

    def task(self, name: str, total: int | None, unit: str, done: int = 0) -> Task:
        self.resumed_at.append(done)
        return self

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.notes.append(note)
        self.left -= 1
        if self.left < 0:
            raise StopError

    def say(self, line: str) -> None:
        self.lines.append(line)


def digest(folder: Path) -> str:
    files = sorted((folder / "adapter").iterdir())
    assert [file.name for file in files] == ["adapter_config.json", "adapter_model.safetensors"]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.set_num_threads(1)
    return str(save_tiny_base(tmp_path_factory.mktemp("base") / "chat"))


@pytest.fixture(scope="module")
def fitted(base: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fit") / "model"
    fit_adapters(cohort(4), base, TINY, folder, seed=3, progress=Silent())
    return folder


@pytest.fixture(scope="module")
def layout() -> ChatLayout:
    return ChatLayout(tokenizer_on([*prompt_words().rules, *(r.payload.text for r in cohort(8))], 700))


def trained_text(layout: ChatLayout, examples: Sequence[object]) -> str:
    ids = [label for e in examples for label in e.labels if label != IGNORED]  # type: ignore[attr-defined]
    return str(layout._tokenizer.decode(ids))


def test_only_the_own_sides_words_are_trained_on(layout: ChatLayout) -> None:
    record = cohort(1)[0]
    clinician, patient = session_examples(layout, record, 4096).examples
    for example, side in ((clinician, "clinician"), (patient, "patient")):
        assert all(label in (IGNORED, token) for token, label in zip(example.tokens, example.labels, strict=True))
        said = record.payload.said_by(side)  # type: ignore[arg-type]
        assert trained_text(layout, [example]) == "".join(f"{text}<|end|>" for text in said)
    whole = layout._tokenizer.decode(clinician.tokens)
    assert OPENING in whole and record.patient not in whole


def test_the_sequence_is_what_the_chat_template_makes(layout: ChatLayout) -> None:
    record = cohort(1)[0]
    messages = chat("patient", "You are a patient.", record.payload)
    want = layout._tokenizer.apply_chat_template([{"role": m.role, "content": m.content} for m in messages])
    assert list(layout.encode(messages, lambda i: True).tokens) == list(want["input_ids"])


@settings(max_examples=25, deadline=None)
@given(
    turns=st.lists(
        st.tuples(st.sampled_from(["clinician", "patient", "companion"]), st.integers(1, 60)), min_size=1, max_size=14
    ),
    limit=st.integers(240, 500),
)
def test_long_sessions_are_cut_between_turns_and_each_is_trained_on_once(
    layout: ChatLayout, turns: list[tuple[str, int]], limit: int
) -> None:
    said = tuple(Turn(who, f"number {i} " + "worried " * n) for i, (who, n) in enumerate(turns))  # type: ignore[arg-type]
    record = replace(cohort(1)[0], payload=Dialogue(said))
    whole, cut = (session_examples(layout, record, size) for size in (100_000, limit))
    assert all(len(example.tokens) <= limit for example in cut.examples)
    assert all(example.trained for example in cut.examples)

    def ends(examples: Sequence[object]) -> Counter[str]:
        return Counter(part.strip() for part in trained_text(layout, examples).split("<|end|>") if part.strip())

    wanted, found = ends(whole.examples), ends(cut.examples)
    assert not found - wanted  # nothing twice, nothing cut in two
    assert sum((wanted - found).values()) == cut.too_long


def test_patients_weigh_the_same_however_many_sessions_they_have(layout: ChatLayout) -> None:
    few = [replace(r, record=f"{r.record}-{i}") for i in range(9) for r in cohort(1)] + cohort(3)[2:]
    sessions = [session_examples(layout, record, 4096) for record in few]
    owner = {id(example): s.patient for s in sessions for example in s.examples}
    drawn = Counter(owner[id(e)] for step in range(20) for e in draw_examples(sessions, 3, step, seed=0))
    assert len(drawn) == 3 and max(drawn.values()) - min(drawn.values()) == 0
    assert draw_examples(sessions, 5, 7, seed=1) == draw_examples(sessions, 5, 7, seed=1)
    assert draw_examples(sessions, 5, 7, seed=1) != draw_examples(sessions, 5, 7, seed=2)


def test_the_adapters_moved_and_the_report_says_by_how_much(base: str, fitted: Path) -> None:
    report = json.loads((fitted / "fit.json").read_text())
    assert len(report["moved"]) == 28 and all(change > 0 for change in report["moved"].values())
    assert report["base"] == base and len(report["base_identity"]) == 64
    model, opened = open_adapted(base, fitted / "adapter")
    tokens = torch.tensor([opened.tokenizer("How did it go?")["input_ids"]])
    with torch.inference_mode():
        tuned = model(tokens).logits
        with model.disable_adapter():
            plain = model(tokens).logits
    assert not torch.allclose(tuned, plain, atol=1e-3)


def test_no_movement_is_an_error() -> None:
    before = {"a": torch.ones(2, 2), "b": torch.zeros(2)}
    assert movements(before, {"a": torch.zeros(2, 2), "b": torch.ones(2)}) == {"a": 2.0, "b": 2**0.5}
    with pytest.raises(UserError, match="moved 1 of 2 adapter matrices"):
        movements(before, {"a": torch.zeros(2, 2), "b": torch.zeros(2)})
    with pytest.raises(UserError, match="moved 0 of 0"):
        movements({}, {})
    with pytest.raises(UserError, match="diverged"):
        movements(before, {"a": torch.full((2, 2), torch.nan), "b": torch.ones(2)})


def test_training_lowers_the_loss(base: str, tmp_path: Path) -> None:
    progress = StopAfter(1000)
    config = TINY.model_copy(update={"epochs": 12.0, "learning_rate": 2e-2})
    fit_adapters(cohort(4), base, config, tmp_path / "model", seed=0, progress=progress)
    first, last = (float(note.split()[1].rstrip(",")) for note in (progress.notes[0], progress.notes[-1]))
    assert last < first - 1.0
    assert "tokens/s" in progress.notes[0]
    assert any("all 28 adapter matrices moved" in line for line in progress.lines)


@pytest.mark.parametrize("stops", [(0,), (3, 2), (6, 1)])
def test_a_training_that_was_stopped_ends_with_the_same_bytes(
    base: str, fitted: Path, tmp_path: Path, stops: tuple[int, ...]
) -> None:
    for steps in stops:
        with pytest.raises(StopError):
            fit_adapters(cohort(4), base, TINY, tmp_path / "model", seed=3, progress=StopAfter(steps))
    fit_adapters(cohort(4), base, TINY, tmp_path / "model", seed=3, progress=Silent())
    assert digest(tmp_path / "model") == digest(fitted)
    assert (tmp_path / "model" / "fit.json").read_bytes() == (fitted / "fit.json").read_bytes()


_CHILD = """
import sys, torch
from pathlib import Path
from test_dialogue_fit import TINY
from tiny_base import cohort
from synthgen.generators.dialogue.fit.training import fit_adapters
from synthgen.progress import Silent
torch.set_num_threads(1)
fit_adapters(cohort(4), sys.argv[2], TINY, Path(sys.argv[1]), seed=3, progress=Silent())
"""


def test_sigkill_in_the_middle_changes_nothing(base: str, fitted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    own = Path(__file__)
    path = os.pathsep.join([str(own.parent), str(own.parents[2] / "helpers"), os.environ.get("PYTHONPATH", "")])
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(folder), base], env=os.environ | {"PYTHONPATH": path})
    deadline = time.monotonic() + 120
    while not (folder / "checkpoints" / "adapters.safetensors").exists():
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    child.wait()
    fit_adapters(cohort(4), base, TINY, folder, seed=3, progress=Silent())
    assert digest(folder) == digest(fitted)


def test_micro_batches_and_kept_activations_do_not_change_the_training(base: str, tmp_path: Path) -> None:
    states = []
    for micro, checkpointing in ((4, False), (1, False), (4, True)):
        settings = {"micro_batch": micro, "gradient_checkpointing": checkpointing}
        config = TINY.model_copy(update={**settings, "lora": LoraSection(rank=2, alpha=4, dropout=0)})
        folder = tmp_path / f"{micro}-{checkpointing}"
        fit_adapters(cohort(4), base, config, folder, seed=0, progress=Silent())
        states.append(json.loads((folder / "fit.json").read_text())["moved"])
    assert states[1] == pytest.approx(states[0], rel=1e-3)
    assert states[2] == pytest.approx(states[0], rel=1e-3)


def test_adapters_of_a_half_precision_base_are_trained_in_full(base: str) -> None:
    opened = open_base(base, half=True)
    assert {p.dtype for p in opened.model.parameters()} == {torch.bfloat16}
    model = with_adapters(opened.model, TINY.lora, seed=0)
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}


def test_a_finished_fit_is_left_alone_and_another_one_is_refused(base: str, fitted: Path) -> None:
    before, progress = digest(fitted), StopAfter(0)
    fit_adapters(cohort(4), base, TINY, fitted, seed=3, progress=progress)
    assert progress.resumed_at == [] and digest(fitted) == before
    for train, config, seed in (
        (cohort(3), TINY, 3),
        (cohort(4), TINY.model_copy(update={"clip": 2.0}), 3),
        (cohort(4), TINY, 4),
    ):
        with pytest.raises(UserError, match="other settings or transcripts"):
            fit_adapters(train, base, config, fitted, seed=seed, progress=Silent())


def test_everything_private_is_its_owners_alone(base: str, tmp_path: Path) -> None:
    config = TINY.model_copy(update={"canaries": CanaryConfig(count=2, repetitions=(1, 2), references=20)})
    fit_adapters(cohort(4), base, config, tmp_path / "model", seed=0, progress=Silent())
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "model").rglob("*")} == {0}
    assert not list((tmp_path / "model").rglob("*.bin")) and not list((tmp_path / "model").rglob("*.pt"))
    assert (tmp_path / "model" / "canaries.json").is_file()


def bad_base(kind: str, folder: Path) -> str:
    if kind == "no template":
        return str(save_tiny_base(folder / "chat", template=None))
    if kind == "pickled":
        save_tiny_base(folder / "chat")
        (folder / "chat" / "model.safetensors").rename(folder / "chat" / "pytorch_model.bin")
    if kind == "empty folder":
        (folder / "chat").mkdir()
    if kind == "alternating only":
        return str(save_tiny_base(folder / "chat", template="{{ raise_exception('no') }}"))
    if kind == "drops messages":
        return str(save_tiny_base(folder / "chat", template="{{ messages[-1]['content'] }}"))
    return str(folder / "chat")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("no template", "no chat template"),
        ("pickled", "convert them to safetensors"),
        ("empty folder", "holds no chat model"),
        ("alternating only", "cannot hold a dialogue"),
        ("drops messages", "leaves messages out"),
    ],
)
def test_a_base_that_will_not_do_is_one_clear_line(tmp_path: Path, kind: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        fit_adapters(cohort(2), bad_base(kind, tmp_path), TINY, tmp_path / "model", seed=0, progress=Silent())
    assert "\n" not in str(error.value)


def test_bad_input_is_one_clear_line(base: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="training split is empty"):
        fit_adapters([], base, TINY, tmp_path / "model", seed=0, progress=Silent())
    with pytest.raises(UserError, match=r"raise fit.max_tokens"):
        small = TINY.model_copy(update={"max_tokens": 40})
        fit_adapters(cohort(2), base, small, tmp_path / "small", seed=0, progress=Silent())
    with pytest.raises(UserError, match="diverged"):
        wild = TINY.model_copy(update={"learning_rate": 1e30, "clip": 1e30, "warmup": 0})
        fit_adapters(cohort(2), base, wild, tmp_path / "wild", seed=0, progress=Silent())


def test_a_template_without_a_system_message_takes_it_into_the_first_users() -> None:
    strict = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + TEMPLATE
    layout = ChatLayout(tokenizer_on([*prompt_words().rules, "Hello there."], 700, strict))
    messages = chat("patient", "Be brief.", Dialogue((Turn("clinician", "Hello."), Turn("patient", "Hello there."))))
    text = layout._tokenizer.decode(layout.encode(messages, lambda i: True).tokens)
    assert text == "<|user|>Be brief.\n\nHello.<|end|><|assistant|>Hello there.<|end|>"


@pytest.mark.parametrize("side", SIDES)
def test_training_shows_the_prompt_of_generation(side: Side) -> None:
    record = cohort(1)[0]
    known = replace(real_view(side, record.condition), transcript=record.payload.turns)  # type: ignore[type-var]
    assert chat(side, system_prompt(side, record.condition), record.payload) == list(render(known))


@pytest.mark.parametrize("side", SIDES)
def test_what_training_tells_a_side_generation_tells_it_word_for_word(side: Side) -> None:
    requests: list[Prompt] = []

    def seen(request: Prompt, text: str) -> Response:
        requests.append(request)
        return Response(text)

    arc = hand_arc()
    conduct_sessions([Brief(arc, 1, 3)], Puppet(seen), ConductConfig())
    condition = DialogueCondition(setting=arc.sessions[0].setting, session=1)
    trained = [line for line in system_prompt(side, condition).split("\n") if line and not line.startswith("Now")]
    kind = ClinicianView if side == "clinician" else PatientView
    own = [request for request in requests if isinstance(request.view, kind)]
    assert len(own) > 5
    for request in own:
        lines = request.messages[0].content.split("\n")
        assert [line for line in trained if line not in lines] == []
        assert lines[-1].startswith("Now s")  # "Now say your next words", in training alone without more behind it
    assert system_prompt(side, condition).split("\n")[-1] == "Now say your next words."


def test_few_shot_examples_are_of_distinct_patients_and_of_bounded_length() -> None:
    train: list[DialogueReal] = cohort(5)
    shots = few_shot_examples(train, 3, 4, seed=1)
    assert [len(shot.turns) for shot in shots] == [4, 4, 4]
    owners = [{r.patient for r in train if shot.text in r.payload.text} for shot in shots]
    assert all(owners) and few_shot_examples(train, 3, 4, seed=1) == shots
    assert few_shot_examples(train, 3, 4, seed=2) != shots
    assert len(few_shot_examples(train, 16, 100, seed=0)) == 5


def test_the_global_random_state_is_left_alone(base: str, tmp_path: Path) -> None:
    torch.manual_seed(123)
    want = torch.rand(1)
    torch.manual_seed(123)
    fit_adapters(cohort(2), base, TINY, tmp_path / "model", seed=3, progress=Silent())
    assert torch.equal(torch.rand(1), want)


def test_without_a_model_only_the_folder_is_written(tmp_path: Path) -> None:
    fit_generator(cohort(3), GeneratorConfig(), TINY, tmp_path / "model", seed=0, progress=Silent())
    card = check_folder(tmp_path / "model")
    assert (card.realiser, card.base, card.adapted) == ("template", "", False)
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["synthgen_dialogue.json"]
    again = StopAfter(0)
    fit_generator(cohort(3), GeneratorConfig(), TINY, tmp_path / "model", seed=0, progress=again)
    assert any("nothing to fit" in line for line in again.lines)
    with pytest.raises(UserError, match=r"realiser=transformers"):
        fit_generator(
            cohort(3),
            GeneratorConfig(realiser="template", base="x"),
            TINY,
            tmp_path / "other",
            seed=0,
            progress=Silent(),
        )


def test_a_fitted_folder_opens_with_the_realiser_that_generates(base: str, tmp_path: Path) -> None:
    config = GeneratorConfig(realiser="transformers", base=base)
    tuned = TINY.model_copy(update={"learning_rate": 5e-2})
    fit_generator(cohort(4), config, tuned, tmp_path / "model", seed=1, progress=Silent())
    card = check_folder(tmp_path / "model")
    assert card.adapted and card.base == base
    assert not (tmp_path / "model" / "excerpts.jsonl").exists()
    before = model_digest(tmp_path / "model")
    fit_generator(cohort(4), config, tuned, tmp_path / "model", seed=1, progress=Silent())
    assert model_digest(tmp_path / "model") == before

    messages = tuple(chat("patient", "You are a patient.", cohort(1)[0].payload)[:2])
    asked = [Prompt(seed, messages, Sampling(max_tokens=12)) for seed in range(4)]
    settings = InProcessConfig(device="cpu", dtype="float32")
    plain = open_transformers(base, settings).generate(asked)
    adapted = open_transformers(base, settings, tmp_path / "model" / "adapter").generate(asked)
    assert [r.text for r in plain] != [r.text for r in adapted]

    other = GeneratorConfig(realiser="transformers", base=f"{base}-other")
    with pytest.raises(UserError, match="another realiser or base"):
        fit_generator(cohort(4), other, tuned, tmp_path / "model", seed=1, progress=Silent())


def test_excerpts_are_kept_only_where_the_configuration_asks(base: str, tmp_path: Path) -> None:
    as_it_is = TINY.model_copy(update={"adapt": False, "excerpts": 2, "excerpt_turns": 4})
    for few_shot, count in ((False, 0), (True, 2)):
        config = GeneratorConfig(realiser="transformers", base=base, few_shot=few_shot)
        folder = tmp_path / str(few_shot)
        fit_generator(cohort(4), config, as_it_is, folder, seed=1, progress=Silent())
        assert [len(excerpt) for excerpt in read_excerpts(folder)] == [4] * count
        assert not check_folder(folder).adapted
    assert (folder / "excerpts.jsonl").stat().st_mode & 0o077 == 0


def test_a_stopped_fit_is_no_model_yet(base: str, tmp_path: Path) -> None:
    config = GeneratorConfig(realiser="transformers", base=base)
    with pytest.raises(StopError):
        fit_generator(cohort(4), config, TINY, tmp_path / "model", seed=1, progress=StopAfter(2))
    with pytest.raises(UserError, match="run the same fit again"):
        check_folder(tmp_path / "model")
    with pytest.raises(UserError, match="other settings or transcripts"):
        fit_generator(cohort(5), config, TINY, tmp_path / "model", seed=1, progress=Silent())


def test_a_named_model_is_run_in_process_unless_another_realiser_is_asked_for() -> None:
    assert GeneratorConfig(base="x").realiser == "transformers"
    assert GeneratorConfig(base="x", realiser="vllm").realiser == "vllm"
    assert GeneratorConfig().realiser == "template"
