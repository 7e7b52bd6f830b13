"""LoRA on a public chat model by DP-SGD, patients being the unit: few weights are trained, by noisy steps.

Of every addition to a layer, B·A, the matrix A is random and stays as it is, and B is trained from zero (Sun et al.
2024): at B = 0 a gradient says nothing of A, noise on A is learnt by heart, and B alone takes the noise linearly.

The base, its tokenizer and its chat template stay as they are, and so do the plans of sessions that it is asked for: of
the patients nothing is used but clipped gradients. Windows of sessions are drawn by the system's randomness, anew in
every session of the fit; what a row draws depends on nothing but the row.

The folder that is made is that of any other fine-tuned model: see model_folder. What an unfinished fit goes on from
lies in ``checkpoints/`` and is deleted at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn

from synthgen.digests import agrees, content_digest, write_mark
from synthgen.dp.accounting import Event, Gaussian
from synthgen.dp.begun import note_drawn
from synthgen.dp.noise import private_rng
from synthgen.dp.sgd import PatientSGD, Plan
from synthgen.errors import UserError
from synthgen.files import private_folder
from synthgen.generators.dialogue.conduct.prompts import OPENING
from synthgen.generators.dialogue.config import GeneratorConfig
from synthgen.generators.dialogue.fit.config import FitConfig, PrivateSgdConfig
from synthgen.generators.dialogue.fit.examples import (
    IGNORED,
    SIDES,
    ChatLayout,
    Example,
    session_examples,
    system_prompt,
)
from synthgen.generators.dialogue.fit.lora import Base, folder_digest, open_base, padded, save_adapter
from synthgen.generators.dialogue.model_folder import ADAPTER, CHECKPOINTS, is_finished, write_model_folder
from synthgen.generators.dialogue.realisers.protocol import Message
from synthgen.generators.private_steps import restore_steps, save_steps, steps_in
from synthgen.payloads.dialogue import DialogueCondition, DialogueReal
from synthgen.progress import Progress
from synthgen.records import JsonValue

_BETAS = (0.9, 0.99)
_MARK, _STATE = Path(CHECKPOINTS, "run.json"), Path(CHECKPOINTS, "private_lora.safetensors")
_ROOM = 32  # tokens beside the prompt, without which hardly an utterance fits


@dataclass(frozen=True)
class PrivateLora:
    """The fit: what is checked before anything is spent, and what is trained then."""

    generator: GeneratorConfig
    config: FitConfig
    private: PrivateSgdConfig

    def check(self, train: Sequence[DialogueReal], noise: tuple[Event, ...], folder: Path, seed: int) -> None:
        """Refuses what :meth:`fit` would refuse, and writes nothing.

        Raises:
            UserError: a base that cannot be had, is no chat model or was fitted itself; settings by which transcripts
                would get past the noise; a layer that cannot be trained privately; a folder that holds something else.
            MissingExtraError: Opacus is not installed.
        """
        self._refuse_leaks()
        base = self._base()
        self._layout(base)
        self._begun(base, train, noise, seed)
        _refuse_another(folder, self._digest(train, noise, seed))

    def fit(
        self, train: Sequence[DialogueReal], noise: tuple[Event, ...], folder: Path, seed: int, progress: Progress
    ) -> None:
        """Fits into ``folder``; resumes, and returns at once when it is finished.

        Args:
            noise: one Gaussian mechanism, of all steps.
            seed: of the frozen halves of the additions, and of nothing else: nobody knows the noise.

        Raises:
            UserError: as :meth:`check`.
        """
        self._refuse_leaks()
        digest = self._digest(train, noise, seed)
        _refuse_another(folder, digest)
        if not is_finished(folder):
            if not (folder / _MARK).is_file():
                private_folder(private_folder(folder) / CHECKPOINTS)
                write_mark(folder / _MARK, digest)
            self._train(train, noise, folder, seed, progress)
        (folder / _STATE).unlink(missing_ok=True)

    def drawn(self, folder: Path) -> int:
        """Steps that lie in a model's folder: all of them where it is finished."""
        return self.private.steps if is_finished(folder) else steps_in(folder / _STATE)

    def _refuse_leaks(self) -> None:
        """What would put transcripts into a model without noise, or make one patient's training depend on others."""
        if self.generator.few_shot:
            raise UserError("a private fit keeps no excerpts of transcripts: leave out modality.generator.few_shot")
        if self.config.canaries.count:
            raise UserError("a private fit plants no canaries among the patients: set modality.fit.canaries.count=0")
        if not self.config.adapt:
            raise UserError("modality.fit.adapt is off: there is nothing to fit privately; leave out --dp-epsilon")
        if Path(self.generator.base, "adapter_config.json").is_file():
            raise self._tuned()

    def _tuned(self) -> UserError:
        return UserError(
            f"the base {self.generator.base} is itself fine-tuned: a private fit starts from a public chat model"
        )

    def _base(self) -> Base:
        base = open_base(self.generator.base, half=self.private.half)
        if getattr(base.model, "_hf_peft_config_loaded", False):  # a hub name may be that of adapters
            raise self._tuned()
        return base

    def _layout(self, base: Base) -> ChatLayout:
        """The base's chat template, which must hold a dialogue in the window; no transcript decides on it."""
        layout, limit = ChatLayout(base.tokenizer), min(self.config.max_tokens, base.context)
        opened = [
            [Message("system", system_prompt(side, DialogueCondition())), Message("user", OPENING)] for side in SIDES
        ]
        longest = max(len(layout.encode([*m, Message("assistant", "")], lambda i: True).tokens) for m in opened)
        if longest + _ROOM > limit:
            raise UserError(
                f"prompts take {longest} tokens of {limit}, and {_ROOM} are needed beside them: raise "
                "modality.fit.max_tokens"
            )
        return layout

    def _digest(self, train: Sequence[DialogueReal], noise: tuple[Event, ...], seed: int) -> str:
        """Identifies a fit. Private, because it depends on the transcripts."""
        private = self.private.model_dump_json(exclude={"rows"})
        settings = (self.generator.realiser, self.generator.base, self.config.max_tokens, private)
        records = [(r.record, r.patient, r.condition, r.payload) for r in train]
        return content_digest((*settings, self._identity(), list(noise), seed, records)).hex()

    def _identity(self) -> str:
        """The digest of a base that lies in a folder; the hub's revision is known only when it is opened."""
        return folder_digest(Path(self.generator.base)) if Path(self.generator.base).is_dir() else ""

    def _begun(
        self,
        base: Base,
        train: Sequence[DialogueReal],
        noise: tuple[Event, ...],
        seed: int,
        checkpoint: Path | None = None,
    ) -> _Fit:
        """The fit as it stands: at its beginning, or at a checkpoint."""
        (event,) = noise
        if not isinstance(event, Gaussian):
            raise TypeError("DP-SGD needs the noise of a Gaussian mechanism")
        p = self.private
        model = few(base, p, seed).to("cuda" if torch.cuda.is_available() else "cpu")
        parameters = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        optimiser = torch.optim.Adam([*parameters.values()], lr=p.learning_rate, betas=_BETAS)
        average = _Average([*parameters.values()], p.ema_decay)
        rows = _Rows(p.draws, int(base.tokenizer.pad_token_id or 0))
        plan = Plan(p.clip, event.sigma, event.rate, event.steps, p.rows, p.records, p.draws)
        owners = [record.patient for record in train]
        state = None
        if checkpoint and checkpoint.exists():
            state, average.steps = restore_steps(checkpoint, parameters, optimiser, average.values)
        sgd = PatientSGD(model, optimiser, owners, rows, plan, resumed=state)
        return _Fit(sgd, rows, model, parameters, optimiser, average)

    def _train(
        self, train: Sequence[DialogueReal], noise: tuple[Event, ...], folder: Path, seed: int, progress: Progress
    ) -> None:
        """All steps, then the folder. Nothing is told but how many are done."""
        base = self._base()
        layout = self._layout(base)
        fit = self._begun(base, train, noise, seed, folder / _STATE)
        sgd, count = fit.sgd, sum(fit.sgd.parameters.values())
        progress.say(f"trained privately: {count:,} weights, of low-rank additions to {len(fit.parameters)} layers")
        limit = min(self.config.max_tokens, base.context)
        fit.rows.windows = [session_examples(layout, record, limit).examples for record in train]
        task = progress.task("private training", sgd.plan.steps, "step", sgd.done)
        while sgd.done < sgd.plan.steps:
            sgd.step()
            fit.average.add()
            fit.save(folder / _STATE)
            note_drawn(folder, sgd.done)
            task.advance()
        fit.average.copy()
        save_adapter(fit.model, base.name, folder / ADAPTER)
        about: dict[str, JsonValue] = {
            "base_identity": self._identity() or base.revision,
            "steps": sgd.plan.steps,
            "private_weights": count,
        }
        write_model_folder(folder, self.generator, about=about)


def few(base: Base, private: PrivateSgdConfig, seed: int) -> PeftModel:
    """The base with additions to its last layers, of which only the second matrix is trained.

    Raises:
        UserError: it has no layer of the kind.
    """
    depth = base.model.config.get_text_config().num_hidden_layers
    last = list(range(max(0, depth - private.layers), depth))
    lora = LoraConfig(
        r=private.rank,
        lora_alpha=private.rank,
        target_modules=list(private.targets) or None,
        layers_to_transform=last,
        task_type="CAUSAL_LM",
    )
    without_dropout(base.model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            model = get_peft_model(base.model, lora)
        except ValueError as error:
            named = ", ".join(private.targets) or "what peft takes for such models"
            raise UserError(
                f"nothing can be added to layers of {base.name} by modality.private_sgd.targets ({named}): "
                "name linear layers, for instance [q_proj, v_proj]"
            ) from error
    if not isinstance(model, PeftModel):
        raise TypeError("peft gave no PeftModel")
    for name, weight in model.named_parameters():
        if ".lora_A." in name:
            weight.requires_grad_(False)
    return model


def without_dropout(model: nn.Module) -> None:
    """Takes all dropout away: it draws from a stream that others know, and for all rows together."""
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
        elif isinstance(getattr(layer, "attention_dropout", None), float):
            layer.attention_dropout = 0.0  # type: ignore[assignment]  # a plain attribute of transformers' attention


def row_losses(model: nn.Module, tokens: Tensor, mask: Tensor, labels: Tensor) -> Tensor:
    """Mean −ln p over the trained tokens of each row, [B]; 0 for a row without any.

    Args:
        tokens, mask, labels: [B, L], as :func:`padded` gives them; L at least 2.
    """
    wanted, following = labels[:, 1:] != IGNORED, labels[:, 1:]
    places = wanted.any(dim=0).nonzero()[:, 0]
    if not len(places):
        places = torch.zeros(1, dtype=torch.int64, device=tokens.device)
    logits = model(input_ids=tokens, attention_mask=mask, use_cache=False, logits_to_keep=places).logits
    if logits.shape[1] != len(places):  # a model that does not know the argument
        logits = logits[:, places]
    wanted, following = wanted[:, places], following[:, places]
    each = nn.functional.cross_entropy(logits[wanted].float(), following[wanted], reduction="none")
    sums = torch.zeros(len(tokens), device=each.device).index_add(0, wanted.nonzero()[:, 0], each)
    return sums / wanted.sum(dim=1).clamp(min=1)


class _Rows:
    """One loss for each row that is asked for, of a window of its session.

    A session is asked for ``draws`` times on end, and each time a window is drawn from another part of it: with two,
    one from each side's.
    """

    def __init__(self, draws: int, padding: int) -> None:
        self.windows: list[tuple[Example, ...]] = []
        self._draws, self._rng, self._asked = draws, private_rng(), 0
        self._padding, self._nothing = padding, Example((padding,) * 2, (IGNORED,) * 2)

    def __call__(self, model: nn.Module, records: Sequence[int]) -> Tensor:
        drawn = [self._window(record) for record in records]
        return row_losses(model, *padded(drawn, self._padding, next(model.parameters()).device))

    def _window(self, record: int) -> Example:
        own, part = self.windows[record], self._asked % self._draws
        self._asked += 1
        share = (part + self._rng.random()) / self._draws
        return own[min(int(share * len(own)), len(own) - 1)] if own else self._nothing


class _Average:
    """A moving average of weights that follows quickly at first; of noisy weights only, it costs nothing."""

    def __init__(self, weights: Sequence[nn.Parameter], decay: float) -> None:
        self._weights, self._decay, self.steps = weights, decay, 0
        self.values = [weight.detach().clone() for weight in weights]

    def add(self) -> None:
        self.steps += 1
        kept = min(self._decay, self.steps / (9 + self.steps))
        for value, weight in zip(self.values, self._weights, strict=True):
            value.lerp_(weight.detach(), 1 - kept)

    def copy(self) -> None:
        """Gives the weights the average's values."""
        with torch.no_grad():
            for value, weight in zip(self.values, self._weights, strict=True):
                weight.copy_(value)


@dataclass(frozen=True)
class _Fit:
    """A fit that is under way."""

    sgd: PatientSGD
    rows: _Rows
    model: PeftModel
    parameters: dict[str, nn.Parameter]
    optimiser: torch.optim.Adam
    average: _Average

    def save(self, path: Path) -> None:
        """Everything that a resumed fit needs; no randomness is in it, and no patient."""
        save_steps(path, self.sgd.state, self.parameters, self.optimiser, self.average.values, self.average.steps)


def _refuse_another(folder: Path, digest: str) -> None:
    mark = folder / _MARK
    if mark.is_file():
        if not agrees(mark, digest):
            raise UserError(f"{folder} holds a training with other settings or transcripts: choose another folder")
    elif folder.exists() and (not folder.is_dir() or any(not path.name.startswith(".") for path in folder.iterdir())):
        raise UserError(f"{folder} is not empty and was not made by this training: choose another folder")
