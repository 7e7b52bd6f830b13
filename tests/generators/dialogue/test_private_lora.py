"""DP-SGD of additions to a chat model: few weights move, by patients' own gradients; refusals cost nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from tiny_base import cohort, save_tiny_base

pytest.importorskip("opacus")

from synthgen.dp.accounting import Event, Gaussian, default_delta, epsilon_of
from synthgen.dp.sgd import PatientSGD, patient_gradients, row_hooks, trainable
from synthgen.errors import UserError
from synthgen.generators.dialogue.config import GeneratorConfig, InProcessConfig
from synthgen.generators.dialogue.fit import private_lora, private_sgd
from synthgen.generators.dialogue.fit.config import CanaryConfig, FitConfig, PrivateSgdConfig
from synthgen.generators.dialogue.fit.examples import IGNORED, Example, session_examples
from synthgen.generators.dialogue.fit.lora import padded
from synthgen.generators.dialogue.fit.private_lora import PrivateLora, few, row_losses
from synthgen.generators.dialogue.model_folder import check_folder, model_digest
from synthgen.generators.dialogue.realisers.protocol import Message, Prompt, Sampling
from synthgen.generators.dialogue.realisers.transformers import open_transformers
from synthgen.payloads.dialogue import Dialogue, DialogueReal, Turn
from synthgen.progress import Silent

NOISE: tuple[Event, ...] = (Gaussian(1.0, 0.5, 3),)
FIT = FitConfig(max_tokens=400)
FEW = PrivateSgdConfig(rank=2, layers=1, targets=(), batch=4, steps=3, rows=3)
ADAPTER, STATE = Path("adapter", "adapter_model.safetensors"), Path("checkpoints", "private_lora.safetensors")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.set_num_threads(1)
    return str(save_tiny_base(tmp_path_factory.mktemp("base") / "chat"))


def way(
    base: str, private: PrivateSgdConfig = FEW, config: FitConfig = FIT, *, few_shot: bool = False, **changed: object
) -> PrivateLora:
    generator = GeneratorConfig(realiser="transformers", base=base, few_shot=few_shot)
    return PrivateLora(generator, config, private.model_copy(update=changed))


def uneven() -> list[DialogueReal]:
    """Eight patients: one with six sessions, one whose only session is too long for any window."""
    many = [replace(r, record=f"{r.record}-{i}") for i in range(2) for r in cohort(1)]
    far_too_long = Dialogue((Turn("clinician", "worried " * 500), Turn("patient", "sad " * 500)))
    last = replace(cohort(8)[-1], payload=far_too_long, patient="p99")
    return [*cohort(7), *many, last]


def trained(base: str, private: PrivateSgdConfig, train: Sequence[DialogueReal]) -> private_lora._Fit:
    fitting = way(base, private)
    opened = fitting._base()
    fit = fitting._begun(opened, train, NOISE, 1)
    fit.rows.windows = [session_examples(fitting._layout(opened), record, 400).examples for record in train]
    return fit


def test_exactly_the_second_halves_of_the_last_layers_additions_move(base: str, tmp_path: Path) -> None:
    way(base).fit(uneven(), NOISE, tmp_path / "m", 1, Silent())
    weights = load_file(tmp_path / "m" / ADAPTER)
    assert {name.split("layers.")[1] for name in weights} == {
        f"1.self_attn.{part}_proj.lora_{half}.weight" for part in "qv" for half in "AB"
    }
    first = {name: p for name, p in few(way(base)._base(), FEW, 1).named_parameters() if ".lora_A." in name}
    for name, frozen in first.items():
        assert torch.equal(weights[name.replace(".default", "")], frozen)
    assert all(bool((w != 0).all()) for name, w in weights.items() if "lora_B" in name)
    card = check_folder(tmp_path / "m")
    assert card.adapted and card.base == base
    assert [path.name for path in (tmp_path / "m" / "checkpoints").iterdir()] == ["run.json"]
    written = "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    assert "kitchen" not in written and '"loss"' not in written and "sequences" not in written
    messages = (Message("system", "You are a patient."), Message("user", "How did it go in the kitchen?"))
    asked = [Prompt(seed, messages, Sampling(max_tokens=8)) for seed in range(4)]
    settings = InProcessConfig(device="cpu", dtype="float32")
    assert len(open_transformers(base, settings, tmp_path / "m" / "adapter").generate(asked)) == 4


def test_the_few_weights_are_counted(base: str) -> None:
    private = PrivateSgdConfig(rank=3, layers=2)  # of down_proj, 16 wide
    fit = trained(base, private, cohort(4))
    assert sum(fit.sgd.parameters.values()) == 2 * 3 * 16
    assert sum(trained(base, FEW, cohort(4)).sgd.parameters.values()) == 2 * (16 + 16)


def alone(model: torch.nn.Module, rows: Callable[[], torch.Tensor]) -> torch.Tensor:
    """The ordinary gradient of the mean loss of some rows."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    return torch.cat([g.flatten() for g in torch.autograd.grad(rows().mean(), parameters)])


@pytest.mark.parametrize("half", [False, True])
def test_patients_gradients_are_those_of_passes_of_one_patient_alone(base: str, half: bool) -> None:
    fit = trained(base, FEW.model_copy(update={"half": half, "layers": 2}), uneven())
    with torch.no_grad():
        for i, p in enumerate(fit.parameters.values()):
            p.copy_(torch.linspace(-1, 1, p.numel()).roll(i).view(p.shape))
    fit.model.train()
    windows = [own[:2] or (fit.rows._nothing,) for own in fit.rows.windows]
    flat = [window for own in windows for window in own]
    starts = np.cumsum([0, *map(len, windows)])
    patients = [list(range(starts[i], starts[i + 1])) for i in range(len(windows))]

    def losses(model: torch.nn.Module, rows: Sequence[int]) -> torch.Tensor:
        return row_losses(model, *padded([flat[row] for row in rows], 0, torch.device("cpu")))

    with row_hooks(fit.model):
        found = [
            torch.cat([g.flatten(1) for g in part], 1) for part in patient_gradients(fit.model, losses, patients, 3)
        ]
    together = torch.cat(found)
    for gradient, own in zip(together, patients, strict=True):
        assert torch.allclose(gradient, alone(fit.model, lambda own=own: losses(fit.model, own)), rtol=1e-3, atol=1e-6)
    assert together[-1].abs().max() == 0  # nothing of it fits into a window
    assert bool((together[:-1].norm(dim=1) > 0).all())


def test_a_rows_loss_is_the_mean_over_its_own_trained_tokens(base: str) -> None:
    model = way(base)._base().model
    examples = [
        Example((7, 8, 9, 10), (IGNORED, IGNORED, 9, 10)),
        Example((7, 8), (IGNORED, IGNORED)),
        Example((5, 6, 9, 10, 11, 12), (IGNORED, 6, IGNORED, IGNORED, IGNORED, 12)),
    ]
    found = row_losses(model, *padded(examples, 0, torch.device("cpu")))
    for one, value in zip(examples, found, strict=True):
        said = model(torch.tensor([one.tokens])).logits[0].detach().log_softmax(-1)
        own = [-said[i - 1, label] for i, label in enumerate(one.labels) if label != IGNORED]
        assert float(value.detach()) == pytest.approx(float(sum(own) / len(own)) if own else 0.0, abs=1e-4)


def test_windows_are_drawn_from_as_many_parts_of_a_session_as_there_are_draws(base: str) -> None:
    rows = private_lora._Rows(2, 0)
    rows.windows = [tuple(Example((i, i), (IGNORED, i)) for i in range(6)), ()]
    for _ in range(30):
        first, second = (rows._window(0).tokens[0] for _ in range(2))
        assert first < 3 <= second
    assert rows._window(1).labels == (IGNORED, IGNORED)


@pytest.mark.parametrize("sessions", [1, 30])
def test_a_patient_with_many_sessions_gives_a_step_as_many_rows_as_one_with_one(base: str, sessions: int) -> None:
    many = [replace(r, patient="p", record=str(i)) for i, r in enumerate(cohort(1) * sessions)]
    sgd = trained(base, FEW, [*many, *cohort(4)[2:]]).sgd
    assert [len(sgd._rows(who)) for who in range(4)] == [2] * 4


def test_the_events_come_to_the_epsilon_that_was_asked_for() -> None:
    delta = default_delta(200)
    events = private_sgd.events(PrivateSgdConfig(batch=20, steps=30), 8.0, delta, 200)
    (event,) = events
    assert isinstance(event, Gaussian)
    assert (event.rate, event.steps) == (0.1, 30)
    assert 7.9 < epsilon_of(events, delta).epsilon <= 8
    with pytest.raises(UserError, match="a batch of 32 patients cannot be drawn from 31"):
        private_sgd.events(PrivateSgdConfig(), 8.0, 0.01, 31)


class KilledError(Exception):
    pass


def test_a_fit_that_was_killed_does_the_steps_that_are_missing(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, whole = [], PatientSGD.step

    def step(sgd: PatientSGD) -> None:
        if len(steps) == 2:
            raise KilledError
        whole(sgd)
        steps.append(sgd.done)

    monkeypatch.setattr(private_lora.PatientSGD, "step", step)
    with pytest.raises(KilledError):
        way(base).fit(cohort(8), NOISE, tmp_path / "m", 1, Silent())
    kept = load_file(tmp_path / "m" / STATE)
    with pytest.raises(UserError, match="run the same fit again"):
        check_folder(tmp_path / "m")
    for train, noise, private, seed in (
        (cohort(7), NOISE, FEW, 1),
        (cohort(8), (Gaussian(1.1, 0.5, 3),), FEW, 1),
        (cohort(8), NOISE, FEW.model_copy(update={"clip": 1.0}), 1),
        (cohort(8), NOISE, FEW, 2),
    ):
        with pytest.raises(UserError, match="holds a training with other settings or transcripts"):
            way(base, private).check(train, noise, tmp_path / "m", seed)

    def again(sgd: PatientSGD) -> None:
        assert sgd.done == 2 == int(next(iter(sgd._optimizer.state.values()))["step"])
        now = {name: p for name, p in sgd._model.named_parameters() if p.requires_grad}
        assert all(torch.equal(p, kept[f"weight.{name}"]) for name, p in now.items())
        whole(sgd)
        steps.append(sgd.done)

    monkeypatch.setattr(private_lora.PatientSGD, "step", again)
    way(base).check(cohort(8), NOISE, tmp_path / "m", 1)
    way(base, rows=1).fit(cohort(8), NOISE, tmp_path / "m", 1, Silent())  # memory may change
    assert steps == [1, 2, 3]
    digest = model_digest(tmp_path / "m")
    way(base).fit(cohort(8), NOISE, tmp_path / "m", 1, Silent())
    assert steps == [1, 2, 3] and model_digest(tmp_path / "m") == digest
    assert not (tmp_path / "m" / STATE).exists()


def test_nothing_of_a_step_is_told(base: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []

    class Told(Silent):
        def task(self, name: str, total: int | None, unit: str, done: int = 0) -> Told:  # type: ignore[override]
            return self

        def advance(self, steps: int = 1, note: str = "") -> None:
            told.append(note)

        def say(self, line: str) -> None:
            told.append(line)

    way(base).fit(uneven(), NOISE, tmp_path / "m", 1, Told())
    assert told == ["trained privately: 64 weights, of low-rank additions to 2 layers", "", "", ""]
    assert capfd.readouterr().out == ""


def test_the_average_follows_quickly_at_first_and_then_slowly() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    average = private_lora._Average([weight], 0.5)
    with torch.no_grad():
        weight.fill_(1.0)
    average.add()
    assert float(average.values[0]) == pytest.approx(0.9)
    for _ in range(20):
        average.add()
    with torch.no_grad():
        weight.fill_(2.0)
    average.add()
    assert float(average.values[0]) == pytest.approx(1.5, abs=1e-3)
    average.copy()
    assert float(weight.detach()) == float(average.values[0])


def fine_tuned(base: str, folder: Path) -> str:
    (folder / "adapter_config.json").parent.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
    return str(folder)


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (lambda base, at: way(base, few_shot=True), "keeps no excerpts"),
        (lambda base, at: way(base, config=FIT.model_copy(update={"canaries": CanaryConfig(count=1)})), "no canaries"),
        (lambda base, at: way(base, config=FIT.model_copy(update={"adapt": False})), "nothing to fit privately"),
        (lambda base, at: way(fine_tuned(base, at / "tuned")), "is itself fine-tuned"),
        (lambda base, at: way(str(at / "nowhere")), "no base model"),
        (lambda base, at: way(base, config=FitConfig(max_tokens=64)), r"raise modality\.fit\.max_tokens"),
        (lambda base, at: way(base, targets=("nothing",)), r"private_sgd\.targets \(nothing\): name linear layers"),
        (lambda base, at: way(base, targets=("input_layernorm",)), r"\(input_layernorm\): name linear layers"),
    ],
)
def test_what_cannot_be_fitted_is_refused_before_anything_is_written(
    asked: Callable[[str, Path], PrivateLora], line: str, base: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=line) as refused:
        asked(base, tmp_path).check(cohort(8), NOISE, tmp_path / "m", 1)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "m").exists()


def test_additions_that_have_no_gradients_of_single_rows_are_named(base: str) -> None:
    model = get_peft_model(way(base)._base().model, LoraConfig(r=2, target_modules=["embed_tokens"]))
    with pytest.raises(UserError, match=r"layer '.*embed_tokens.*' \(ParameterDict\) cannot be trained privately"):
        trainable(model)


def test_another_models_folder_is_refused(base: str, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "notes.txt").write_text("mine")
    for attempt in (way(base).check, lambda *given: way(base).fit(*given, Silent())):
        with pytest.raises(UserError, match="was not made by this training"):
            attempt(cohort(8), NOISE, tmp_path / "m", 1)
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["notes.txt"]


def test_no_layer_drops_anything(base: str) -> None:
    fit = trained(base, FEW, cohort(4))
    assert not [name for name, m in fit.model.named_modules() if isinstance(m, torch.nn.Dropout) and m.p]
    layer = fit.model.get_submodule("base_model.model.model.layers.0.self_attn")
    layer.attention_dropout = 0.5  # type: ignore[assignment]
    private_lora.without_dropout(fit.model)
    assert layer.attention_dropout == 0.0
