"""DP-SGD by patient: gradients are those of single passes; a hundred images weigh no more than one."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("opacus")
torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from synthgen.dp.accounting import Gaussian  # noqa: E402
from synthgen.dp.sgd import PatientSGD, Plan, clipped_sum, patient_gradients, row_hooks, trainable  # noqa: E402
from synthgen.errors import UserError  # noqa: E402

IMAGES = torch.randn(120, 1, 6, 6, generator=torch.Generator().manual_seed(0))
TARGETS = torch.randn(120, 3, generator=torch.Generator().manual_seed(1))


def losses(model: nn.Module, records: Sequence[int]) -> Tensor:
    return (model(IMAGES[list(records)]) - TARGETS[list(records)]).square().mean(1)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.GroupNorm(2, 4), nn.SiLU(), nn.Flatten(), nn.LayerNorm(144), nn.Linear(144, 3)
    )


def gradients(model: nn.Module, patients: Sequence[Sequence[int]], rows: int) -> list[Tensor]:
    with row_hooks(model):
        found = list(patient_gradients(model, losses, patients, rows))
    return [torch.cat(parts) for parts in zip(*found, strict=True)]


def single_pass(model: nn.Module, records: Sequence[int]) -> list[Tensor]:
    model.zero_grad()
    losses(model, records).mean().backward()  # type: ignore[no-untyped-call]
    return [p.grad.clone() for p in model.parameters() if p.grad is not None]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.integers(0, 119), min_size=1, max_size=9), min_size=1, max_size=6), st.integers(1, 20))
def test_a_patients_gradient_is_that_of_a_pass_over_the_patient_alone(patients: list[list[int]], rows: int) -> None:
    model = network()
    found = gradients(model, patients, rows)
    for who, records in enumerate(patients):
        for together, alone in zip(found, single_pass(model, records), strict=True):
            assert torch.allclose(together[who], alone, atol=1e-6)


def test_it_is_so_for_images_whose_channels_lie_side_by_side_in_memory() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def side_by_side(model: nn.Module, records: Sequence[int]) -> Tensor:
        images = IMAGES[list(records)].expand(-1, 1, 6, 6).contiguous(memory_format=torch.channels_last)
        hidden = model[0](images).contiguous(memory_format=torch.channels_last)  # type: ignore[index]
        return model[1:](hidden).square().sum(1)  # type: ignore[index]

    with row_hooks(model):
        (found,) = list(patient_gradients(model, side_by_side, [[0, 1], [2]], 8))
    for who, records in enumerate(([0, 1], [2])):
        model.zero_grad()
        side_by_side(model, records).mean().backward()  # type: ignore[no-untyped-call]
        for together, parameter in zip(found, model.parameters(), strict=True):
            assert torch.allclose(together[who], parameter.grad, atol=1e-6)


def norm(tensors: Sequence[Tensor]) -> float:
    return math.sqrt(sum(float(t.double().square().sum()) for t in tensors))


@pytest.mark.parametrize("images", [1, 2, 100])
def test_a_patient_moves_the_sum_by_c_however_many_images_there_are(images: int) -> None:
    model, clip = network(), 0.01
    own = list(range(images))
    total = clipped_sum(gradients(model, [own], 32), clip)
    assert clip * 0.999 < norm(total) <= clip
    with_another = clipped_sum(gradients(model, [own, [110, 111]], 32), clip)
    alone = clipped_sum(gradients(model, [[110, 111]], 32), clip)
    assert norm([a - b for a, b in zip(with_another, alone, strict=True)]) <= clip * 1.001


def test_a_gradient_below_the_norm_is_left_as_it_is() -> None:
    model = network()
    for mean, whole in zip(single_pass(model, [3, 4]), clipped_sum(gradients(model, [[3, 4]], 8), 1e6), strict=True):
        assert torch.allclose(mean, whole, atol=1e-6)


def test_a_patient_whose_gradient_is_not_finite_counts_as_nothing() -> None:
    good, bad = torch.full((1, 2, 2), 0.1), torch.full((1, 2, 2), math.nan)
    worse = torch.full((1, 2, 2), math.inf)
    found = clipped_sum([torch.cat([good, bad, worse]), torch.cat([good, good, good])[:, 0]], 10.0)
    assert torch.allclose(found[0], good[0])
    assert torch.allclose(found[1], good[0, 0])


def optimiser(model: nn.Module, rate: float = 1.0) -> torch.optim.Optimizer:
    return torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=rate)


def fit(model: nn.Module, owners: Sequence[str], plan: Plan, seed: int = 0, **of: object) -> PatientSGD:
    return PatientSGD(model, optimiser(model), owners, losses, plan, rng=np.random.default_rng(seed), **of)  # type: ignore[arg-type]


def test_the_noise_has_the_standard_deviation_of_the_plan() -> None:
    model = nn.Linear(200, 100, bias=False)
    before = model.weight.detach().clone()
    plan = Plan(clip=0.5, sigma=3.0, rate=0.25, steps=1)
    owners = [f"p{n}" for n in range(40)]
    PatientSGD(model, optimiser(model), owners, lambda m, r: m(torch.zeros(len(r), 200)).sum(1), plan).step()
    noise = (model.weight - before).detach() * 0.25 * 40
    assert float(noise.std()) == pytest.approx(0.5 * 3.0, rel=0.03)
    assert abs(float(noise.mean())) < 0.05


def test_without_noise_and_clipping_a_step_is_the_mean_over_patients() -> None:
    one, other = network(), network()
    owners = ["a"] * 7 + ["b"] * 1 + ["c"] * 112
    fit(one, owners, Plan(clip=1e6, sigma=1e-12, rate=1.0, steps=1, rows=16)).step()
    optimizer = optimiser(other)
    means = [single_pass(other, [n for n in range(120) if owners[n] == who]) for who in "abc"]
    for parameter, *parts in zip(other.parameters(), *means, strict=True):
        parameter.grad = torch.stack(parts).mean(0)
    optimizer.step()
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_patients_are_drawn_by_coins_of_their_own() -> None:
    drawn: list[int] = []

    def watched(model: nn.Module, records: Sequence[int]) -> Tensor:
        drawn.extend(records)
        return losses(model, records)

    model = network()
    plan = Plan(clip=1.0, sigma=1.0, rate=0.3, steps=60)
    private = PatientSGD(model, optimiser(model, 0.0), [f"p{n:03d}" for n in range(40)], watched, plan)
    counts = []
    for _ in range(60):
        drawn.clear()
        private.step()
        assert len(set(drawn)) == len(drawn)
        counts.append(len(drawn))
    assert np.mean(counts) == pytest.approx(12, abs=2.5)
    assert len(set(counts)) > 5  # a fixed batch would be another mechanism


def test_a_step_that_draws_nobody_is_noise_alone() -> None:
    nobody = next(n for n in range(99) if np.random.default_rng(n).random(2).min() >= 0.5)
    model = network()
    before = [p.detach().clone() for p in model.parameters()]
    plan = Plan(clip=1.0, sigma=1.0, rate=0.5, steps=1)
    unasked = PatientSGD(
        model, optimiser(model), ["a", "b"], lambda *_: pytest.fail("drawn"), plan, rng=np.random.default_rng(nobody)
    )
    unasked.step()
    assert all(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_draws_and_records_make_the_rows_of_a_patient() -> None:
    private = fit(network(), ["a"] * 5 + ["b"], Plan(1.0, 1.0, 0.5, 1, records=3, draws=4))
    assert [len(set(private._rows(who))) for who in (0, 1)] == [3, 1]
    assert [len(private._rows(who)) for who in (0, 1)] == [12, 4]


def test_a_resumed_fit_draws_other_noise_and_goes_on_where_it_was() -> None:
    plan = Plan(clip=1.0, sigma=1.0, rate=0.5, steps=3)
    owners = ["a", "b", "c", "d"]
    model = network()
    private = PatientSGD(model, optimiser(model), owners, losses, plan)
    private.step()
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    ends = []
    for _ in range(2):
        model.load_state_dict(weights)
        again = PatientSGD(model, optimiser(model), owners, losses, plan, resumed=private.state)
        assert again.done == 1
        again.step()
        ends.append(torch.cat([p.detach().flatten().clone() for p in model.parameters()]))
    assert not torch.allclose(ends[0], ends[1], atol=1e-3)
    again.step()
    with pytest.raises(ValueError, match="are done"):
        again.step()


@pytest.mark.parametrize(
    ("other", "named"),
    [({"sigma": 2.0}, "sigma"), ({"clip": 2.0}, "clip"), ({"rate": 1.0}, "rate"), ({"draws": 2}, "draws")],
)
def test_other_settings_are_not_resumed(other: dict[str, float], named: str) -> None:
    plan = {"clip": 1.0, "sigma": 1.0, "rate": 0.5, "steps": 3}
    state = fit(network(), ["a", "b"], Plan(**plan)).state  # type: ignore[arg-type]
    fit(network(), ["a", "b"], Plan(**plan, rows=7), resumed=state)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=f"begun with other {named}"):
        fit(network(), ["a", "b"], Plan(**{**plan, **other}), resumed=state)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="begun with other patients"):
        fit(network(), ["a", "b", "c"], Plan(**plan), resumed=state)  # type: ignore[arg-type]


def test_a_batch_normalisation_is_named_and_refused() -> None:
    with pytest.raises(UserError, match="'1' is a batch normalisation"):
        trainable(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)))


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


@pytest.mark.parametrize(
    ("layer", "named"),
    [(Scaled(), r"'0' \(Scaled\)"), (nn.LSTM(3, 3), r"'0' \(LSTM\)"), (nn.MultiheadAttention(4, 2), "Multihead")],
)
def test_a_layer_without_gradients_of_single_rows_is_named(layer: nn.Module, named: str) -> None:
    with pytest.raises(UserError, match=f"{named}.*cannot be trained privately"):
        trainable(nn.Sequential(layer))
    trainable(nn.Sequential(layer.requires_grad_(False), nn.Linear(3, 3)))


class Borrowed(nn.Module):
    """Uses the weights of a layer in ways that no hook sees, or for all rows at once."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.inner, self.way = nn.Linear(36, 3), way

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        if self.way == "past":
            return flat @ self.inner.weight.T
        if self.way == "twice":
            return self.inner(flat) + flat @ self.inner.weight.T
        return self.inner(flat.mean(0, keepdim=True)).expand(len(x), 3)


@pytest.mark.parametrize(
    ("way", "said"), [("past", "no gradients of single rows"), ("twice", "do not add up"), ("one", "no gradients of")]
)
def test_gradients_that_are_not_those_of_rows_are_found_out(way: str, said: str) -> None:
    with pytest.raises(UserError, match=f"'inner.*{said}|{said}.*'inner"):
        gradients(Borrowed(way), [[0, 1], [2]], 8)


def test_a_model_that_would_learn_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="no trainable parameters"):
        trainable(network().requires_grad_(False))


def test_parameters_are_counted_by_name() -> None:
    assert trainable(nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 2).requires_grad_(False))) == {
        "0.weight": 8,
        "0.bias": 2,
    }


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
def test_the_hooks_leave_nothing_behind() -> None:
    model = network()
    with row_hooks(model):
        list(patient_gradients(model, losses, [[0, 1]], 2))
        losses(model, [0, 1]).sum().backward()  # type: ignore[no-untyped-call]
        assert all(p.grad_sample is not None for p in model.parameters())  # type: ignore[attr-defined]
    assert not any(hasattr(p, "grad_sample") for p in model.parameters())
    assert not any(layer._forward_hooks or layer._backward_hooks for layer in model.modules())


@pytest.mark.parametrize(
    "plan", [{"clip": 0.0}, {"sigma": 0.0}, {"rate": 0.0}, {"rate": 1.5}, {"steps": 0}, {"rows": 0}]
)
def test_a_plan_that_protects_nobody_is_refused(plan: dict[str, float]) -> None:
    with pytest.raises(UserError):
        Plan(**{"clip": 1.0, "sigma": 1.0, "rate": 0.5, "steps": 3, **plan})  # type: ignore[arg-type]


def test_a_plan_costs_a_sampled_gaussian() -> None:
    assert Plan(1.0, 1.5, 0.25, 200).event == Gaussian(1.5, 0.25, 200)


def test_less_than_one_patient_a_step_is_refused() -> None:
    with pytest.raises(UserError, match="less than one of 4 patients a step"):
        fit(network(), ["a", "b", "c", "d"], Plan(1.0, 1.0, 0.1, 3))


def test_the_optimiser_holds_what_is_trained_and_no_more() -> None:
    model = network()
    with pytest.raises(ValueError, match="and no others"):
        PatientSGD(model, torch.optim.SGD(list(model.parameters())[:1]), ["a", "b"], losses, Plan(1.0, 1.0, 1.0, 1))


def test_low_rank_adapters_move_and_nothing_else_does() -> None:
    peft = pytest.importorskip("peft")
    base = network()
    model = peft.get_peft_model(base, peft.LoraConfig(r=2, target_modules=["0", "5"], init_lora_weights=True))
    counts = trainable(model)
    assert all("lora" in name for name in counts)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    private = fit(model, [f"p{n % 10}" for n in range(120)], Plan(clip=1.0, sigma=0.1, rate=0.5, steps=2))
    private.step()
    private.step()
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert moved == set(counts)


def test_a_patients_sessions_pull_adapters_of_a_language_model_as_a_pass_over_them_alone() -> None:
    peft = pytest.importorskip("peft")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    base = transformers.LlamaForCausalLM(transformers.LlamaConfig(vocab_size=50, **small))
    model = peft.get_peft_model(base, peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj", "down_proj"]))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter)  # zero at first, and then half of the gradients are
    sessions = torch.randint(0, 50, (7, 12))

    def sessions_losses(model: nn.Module, records: Sequence[int]) -> Tensor:
        words = sessions[list(records)]
        logits = model(input_ids=words).logits[:, :-1]
        return nn.functional.cross_entropy(logits.transpose(1, 2), words[:, 1:], reduction="none").mean(1)

    assert all("lora" in name for name in trainable(model))
    patients = [[0, 1, 2], [3], [4, 5, 6]]
    with row_hooks(model):
        parts = list(patient_gradients(model, sessions_losses, patients, 4))
    found = [torch.cat(own) for own in zip(*parts, strict=True)]
    trained = [p for p in model.parameters() if p.requires_grad]
    for who, records in enumerate(patients):
        model.zero_grad()
        sessions_losses(model, records).mean().backward()  # type: ignore[no-untyped-call]
        for together, parameter in zip(found, trained, strict=True):
            assert parameter.grad is not None
            assert float(parameter.grad.abs().max()) > 0
            assert torch.allclose(together[who], parameter.grad, atol=1e-6)


def test_it_learns() -> None:
    model = network()
    plan = Plan(clip=1.0, sigma=0.5, rate=0.5, steps=60)
    private = PatientSGD(model, optimiser(model, 0.1), [f"p{n}" for n in range(120)], losses, plan)
    everybody = list(range(120))
    before = float(losses(model, everybody).detach().mean())
    for _ in range(60):
        private.step()
    assert float(losses(model, everybody).detach().mean()) < 0.95 * before
