"""DP-SGD with the patient as the unit (Abadi et al. 2016; user-level: McMahan et al. 2018, Charles et al. 2024).

In each step every patient is drawn by a coin of its own. The gradients of all rows of a patient (records, draws of one
record) are averaged first and clipped then, so that a patient moves the sum by at most C, however many records there
are. Noise of standard deviation σC is added once a step, and the sum is divided by the expected number of patients.

Gradients of single rows come of Opacus' hooks, layer by layer. The noise is drawn from the system's randomness, anew in
every session: it is stored nowhere, and a step that is done again after a crash gets other noise.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from synthgen.dp.accounting import Gaussian
from synthgen.dp.noise import normal, private_rng
from synthgen.errors import MissingExtraError, UserError
from synthgen.records import JsonValue

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

RowLosses = Callable[["nn.Module", Sequence[int]], "Tensor"]
"""From records, by their index, to one loss each, shape [rows]. A row's loss depends on its own record alone; an index
that comes twice is another draw (augmentation, time step, noise) of the same record."""

_TOLERANCE, _ROUNDING = 2e-2, 1e-5  # of gradients' norms, which the check of sums forgives; bfloat16 rounds by 0.4%


@dataclass(frozen=True)
class Plan:
    """What a private fit does.

    Attributes:
        clip: C, the largest L2 norm of a patient's mean gradient; > 0.
        sigma: noise multiplier; the noise has standard deviation σC.
        rate: chance of each patient to be drawn in a step.
        steps: of the optimiser.
        rows: most rows that are computed together (memory); no part of the guarantee.
        records: most records of one patient in a step, drawn at random; None takes all.
        draws: how often each of them is used in a step (augmentation multiplicity, De et al. 2022).
    """

    clip: float
    sigma: float
    rate: float
    steps: int
    rows: int = 64
    records: int | None = None
    draws: int = 1

    def __post_init__(self) -> None:
        _ = self.event
        if not self.clip > 0:
            raise UserError(f"the clipping norm must be above 0, got {self.clip:g}")
        if self.rows < 1 or self.draws < 1 or (self.records is not None and self.records < 1):
            raise UserError("rows, records and draws of a private fit must be at least 1")

    @property
    def event(self) -> Gaussian:
        """What it costs each patient."""
        return Gaussian(self.sigma, self.rate, self.steps)


def trainable(model: nn.Module) -> dict[str, int]:
    """Names and sizes of the parameters that a private fit of ``model`` would train.

    Raises:
        UserError: a batch normalisation, which mixes patients; a trainable layer without gradients of single rows; no
            trainable parameter.
        MissingExtraError: Opacus is not installed.
    """
    from torch.nn.modules.batchnorm import _BatchNorm

    known = _hooks().GRAD_SAMPLERS
    for name, layer in model.named_modules():
        if isinstance(layer, _BatchNorm):
            raise UserError(f"layer {name!r} is a batch normalisation, which mixes patients: use group normalisation")
        own = [p for p in layer.parameters(recurse=False) if p.requires_grad]
        if own and (type(layer) not in known or any(True for _ in layer.buffers(recurse=False))):
            kind = type(layer).__name__
            raise UserError(f"layer {name!r} ({kind}) cannot be trained privately: freeze it, or use another kind")
    found = {name: p.numel() for name, p in model.named_parameters() if p.requires_grad}
    if not found:
        raise UserError("the model has no trainable parameters: nothing would be learnt")
    return found


@contextmanager
def row_hooks(model: nn.Module) -> Iterator[None]:
    """While open, a backward pass of a sum of losses leaves each row's gradient at ``parameter.grad_sample``."""
    hooks = _hooks()(model, loss_reduction="sum")
    rearranged = hooks.rearrange_grad_samples

    def contiguous(**given: Any) -> tuple[list[Tensor], Tensor]:
        # Opacus 1.6 reads the memory of a convolution's input as if its columns lay side by side.
        activations, backprops = rearranged(**given)
        return [one.contiguous() for one in activations], backprops.contiguous()

    hooks.rearrange_grad_samples = contiguous
    try:
        yield
    finally:
        hooks.cleanup()


def patient_gradients(
    model: nn.Module, losses: RowLosses, patients: Sequence[Sequence[int]], rows: int
) -> Iterator[list[Tensor]]:
    """Mean gradients of patients, not clipped, some patients at a time, in their order; inside :func:`row_hooks`.

    Args:
        patients: the rows of each, as indices of records; at least one.
        rows: most rows that are computed together; a patient may be larger.

    Yields:
        Per trainable parameter, the gradients of the patients that are complete: shape [patients, *parameter].

    Raises:
        UserError: a layer's gradients of single rows are not there, or do not add up to what an ordinary backward pass
            gives; it is named.
    """
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    flat = [(who, record) for who, own in enumerate(patients) for record in own]
    carried: list[Tensor] | None = None
    for start in range(0, len(flat), rows):
        chunk = flat[start : start + rows]
        first, last = chunk[0][0], chunk[-1][0]
        single = _row_gradients(model, losses, [record for _, record in chunk], parameters)
        means = _means(single, [who - first for who, _ in chunk], [1 / len(patients[who]) for who, _ in chunk])
        if carried is not None:
            for mean, part in zip(means, carried, strict=True):
                mean[0] += part
        open_still = start + rows < len(flat) and flat[start + rows][0] == last
        carried = [mean[-1].clone() for mean in means] if open_still else None
        complete = last - first + (0 if open_still else 1)
        if complete:
            yield [mean[:complete] for mean in means]


def clipped_sum(gradients: Sequence[Tensor], clip: float) -> list[Tensor]:
    """Sum over patients of their gradients, each scaled to an L2 norm of at most ``clip`` over all parameters.

    A gradient that is not finite counts as 0: one patient's records must not decide whether there is a result.
    """
    import torch

    norms = torch.stack([g.flatten(1).double().norm(dim=1) for g in gradients]).norm(dim=0)
    finite = torch.isfinite(norms)
    factors = (clip / (norms * (1 + 1e-6))).clamp(max=1.0).where(finite, 0.0)
    return [torch.einsum("p,p...->...", factors.to(g.dtype), g.where(_wide(finite, g), 0.0)) for g in gradients]


class PatientSGD:
    """A private fit, step by step: the model and the optimiser change, and every step costs what the plan says.

    Nothing of a step is returned: losses and norms are the patients' own, and a log of them is no part of ε.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        owners: Sequence[str],
        losses: RowLosses,
        plan: Plan,
        *,
        resumed: Mapping[str, JsonValue] | None = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        """Checks everything, before a record is read.

        Args:
            optimizer: over the trainable parameters and no others.
            owners: the patient of each record.
            resumed: :attr:`state` of the fit that is gone on with; its weights and optimiser are loaded already.
            rng: for tests alone: noise that can be drawn again is none.

        Raises:
            UserError: as :func:`trainable`; fewer than one patient expected a step; resumed with other settings.
        """
        self.parameters = trainable(model)
        ours = {id(p) for p in model.parameters() if p.requires_grad}
        if {id(p) for group in optimizer.param_groups for p in group["params"]} != ours:
            raise ValueError("the optimizer must hold the trainable parameters of the model and no others")
        grouped: dict[str, list[int]] = {}
        for record, patient in enumerate(owners):
            grouped.setdefault(patient, []).append(record)
        self._records = [grouped[patient] for patient in sorted(grouped)]
        if plan.rate * len(self._records) < 1:
            raise UserError(
                f"a rate of {plan.rate:g} draws less than one of {len(self._records)} patients a step: choose at least "
                f"{1 / max(1, len(self._records)):.3g}"
            )
        self._model, self._optimizer, self._losses, self.plan = model, optimizer, losses, plan
        self._rng = rng or private_rng()
        self.done = 0 if resumed is None else self._resumed_at(resumed)

    @property
    def state(self) -> dict[str, JsonValue]:
        """Where the fit stands, to be kept with the weights and the optimiser; no randomness is in it."""
        return {"step": self.done, **self._settings()}

    def step(self) -> None:
        """Draws patients, clips, adds noise, and takes one step of the optimiser.

        Raises:
            ValueError: all steps of the plan are done.
            UserError: as :func:`patient_gradients`.
        """
        import torch

        if self.done >= self.plan.steps:
            raise ValueError("all steps that were accounted for are done")
        drawn = np.flatnonzero(self._rng.random(len(self._records)) < self.plan.rate)
        parameters = [p for p in self._model.parameters() if p.requires_grad]
        total = self._sum([self._rows(int(who)) for who in drawn])
        expected = self.plan.rate * len(self._records)
        for parameter, gradient in zip(parameters, total, strict=True):
            noise = torch.from_numpy(normal(self._rng, tuple(parameter.shape))).to(gradient)
            parameter.grad = (gradient + self.plan.sigma * self.plan.clip * noise) / expected
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.done += 1

    def _sum(self, patients: Sequence[Sequence[int]]) -> list[Tensor]:
        """The sum over drawn patients of their clipped gradients."""
        import torch

        total = [torch.zeros_like(p) for p in self._model.parameters() if p.requires_grad]
        if not patients:
            return total
        self._model.train()
        with row_hooks(self._model):
            for gradients in patient_gradients(self._model, self._losses, patients, self.plan.rows):
                for sofar, part in zip(total, clipped_sum(gradients, self.plan.clip), strict=True):
                    sofar += part
        return total

    def _rows(self, patient: int) -> list[int]:
        """A patient's rows in one step."""
        own = self._records[patient]
        if self.plan.records is not None and len(own) > self.plan.records:
            own = [own[i] for i in self._rng.choice(len(own), self.plan.records, replace=False)]
        return [record for record in own for _ in range(self.plan.draws)]

    def _settings(self) -> dict[str, JsonValue]:
        plan = {key: value for key, value in asdict(self.plan).items() if key != "rows"}
        return {**plan, "patients": len(self._records), "parameters": sum(self.parameters.values())}

    def _resumed_at(self, state: Mapping[str, JsonValue]) -> int:
        step, settings = state.get("step"), {key: value for key, value in state.items() if key != "step"}
        changed = sorted(key for key, value in self._settings().items() if settings.get(key, value) != value)
        if changed or settings.keys() != self._settings().keys() or not isinstance(step, int):
            which = ", ".join(changed) or "settings"
            raise UserError(f"this private fit was begun with other {which}: resume it as it was, or fit anew")
        return step


def _row_gradients(
    model: nn.Module,
    losses: RowLosses,
    records: Sequence[int],
    parameters: Mapping[str, nn.Parameter],
) -> list[Tensor]:
    """Per parameter the gradients of single rows, shape [rows, *parameter]."""
    import torch

    _forget(parameters)
    loss = losses(model, records)
    if loss.shape != (len(records),):
        raise ValueError(f"one loss per row is needed, {len(records)}, got {tuple(loss.shape)}")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Full backward hook is firing")  # layers that see the data itself
        loss.sum().backward()  # type: ignore[no-untyped-call]
    found = []
    for name, parameter in parameters.items():
        single: Any = getattr(parameter, "grad_sample", None)
        if single is None and parameter.grad is None:  # it took no part
            single = torch.zeros((len(records), *parameter.shape), dtype=parameter.dtype, device=parameter.device)
        elif not isinstance(single, torch.Tensor) or single.shape != (len(records), *parameter.shape):
            raise UserError(f"parameter {name!r} has no gradients of single rows: freeze it")
        found.append(single)
    wrong = _wrong(found, [parameter.grad for parameter in parameters.values()])
    if wrong is not None:
        raise UserError(f"gradients of single rows of parameter {[*parameters][wrong]!r} do not add up: freeze it")
    _forget(parameters)
    return found


def _wrong(single: Sequence[Tensor], whole: Sequence[Tensor | None]) -> int | None:
    """Which parameter's gradients of single rows do not sum to the ordinary gradient; None where all do.

    Rounding is forgiven: in proportion to the parameter's own gradients and, much less, to the largest of all (a bias
    before a normalisation has nothing but rounding).
    """
    import torch

    sums = [one.sum(0) if all_ is None else one.sum(0) - all_ for one, all_ in zip(single, whole, strict=True)]
    errors = torch.stack([error.norm() for error in sums])
    scales = torch.stack([one.flatten(1).norm(dim=1).sum() for one in single])
    found = (errors > _TOLERANCE * scales + _ROUNDING * scales.max()).nonzero()
    return int(found[0]) if len(found) else None


def _means(single: Sequence[Tensor], index: Sequence[int], weights: Sequence[float]) -> list[Tensor]:
    """Weighted sums of rows by index (ascending from 0): shape [index[-1] + 1, *parameter]."""
    import torch

    found = []
    for gradient in single:
        weight = torch.tensor(weights, dtype=gradient.dtype, device=gradient.device)
        where = torch.tensor(index, device=gradient.device)
        means = torch.zeros((index[-1] + 1, *gradient.shape[1:]), dtype=gradient.dtype, device=gradient.device)
        found.append(means.index_add_(0, where, gradient * _wide(weight, gradient)))
    return found


def _wide(values: Tensor, like: Tensor) -> Tensor:
    """[n] as [n, 1, 1, …], to go with ``like``."""
    return values.reshape(-1, *(1 for _ in like.shape[1:]))


def _forget(parameters: Mapping[str, nn.Parameter]) -> None:
    for parameter in parameters.values():
        parameter.grad = None
        parameter.grad_sample = None  # type: ignore[attr-defined]


def _hooks() -> Any:
    try:
        from opacus.grad_sample import GradSampleHooks
    except ModuleNotFoundError:
        raise MissingExtraError("DP-SGD", "dp") from None
    return GradSampleHooks
