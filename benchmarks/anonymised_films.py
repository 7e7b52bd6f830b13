"""Operators on one cohort of radiographs: the project's attackers, the literature's, and what findings are worth.

    python -m benchmarks.anonymised_films --data NIH --work WORK --out anonymised_films.json --seed 0 \\
        learned-warp:1 learned-warp:3 latent:1 latent:2 latent:3

Each argument is operator:strength. Cohort, split, operator and attacks are those of ``synthgen anonymize --config cpu``
with the settings below; what an operator learns lies in the work folder, and a run that was killed goes on. The report
of each has what ``anonymised_reports.py`` gathers, and besides:

``siamese``: as PriCheXy-Net is judged (Packhäuser et al. 2023), a siamese network (both images through one trunk to 128
numbers, their distance to a logit) learns from pairs of changed images and is tested on changed against real ones, ten
times over. Here the trunk is a public network that saw photographs alone and stays as it is, for some hundred patients
teach no ResNet-50; it learns on T and C, and is tested on one pair of each patient of E. It is weak: it never saw a
changed image beside a real one, and the other attackers did (``synthgen.eval.cxr.linking``).

``read``: a classifier of real images of T reads changed ones of E, as in the paper; what a release is for is the other
way round, and is in ``evaluation``: trained on changed images of T, tested on real ones of E.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import nn

from benchmarks.anonymised_reports import KEPT
from synthgen.arguments import asked
from synthgen.estimates import macro_auc_draws, patient_weights
from synthgen.eval.cxr.classifier import Classifier, label_matrix, train_classifier
from synthgen.eval.cxr.config import EvaluationConfig
from synthgen.eval.cxr.features import stack
from synthgen.eval.cxr.linking import public_layers
from synthgen.eval.utility import measurable_labels
from synthgen.linkage import linked
from synthgen.linking import OTHER, Person, attack_all, people_of, trial, untouched
from synthgen.payloads.cxr import CxrCondition, CxrImage
from synthgen.pipeline import split_cohort
from synthgen.progress import Silent
from synthgen.records import Cohort, Estimate, Operator
from synthgen.run import Run
from synthgen.session import session

SETTINGS = (
    "split.train=0.4",
    "split.calibration=0.3",
    "split.audit=0.3",
    "modality.evaluation.classifier_steps=150",
)
NETWORKS = 10
_STEPS, _BATCH, _DIMENSIONS = 300, 64, 128

Floats = NDArray[np.float64]


class Siamese(nn.Module):
    """Two rows of the trunk [B, D] to a logit [B] that they are of one person."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.placed = nn.Sequential(nn.Dropout(0.3), nn.Linear(width, _DIMENSIONS), nn.ReLU())
        self.same = nn.Linear(_DIMENSIONS, 1)

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.same((self.placed(first) - self.placed(second)).abs())[..., 0]
        return found


def trained(rows: Floats, owners: Sequence[str], seed: int) -> Siamese:
    """Learns from all pairs of one patient, and as many of two, drawn anew each step."""
    rng, names = np.random.default_rng(seed), np.array(owners)
    first, second = np.nonzero(np.triu(names[:, None] == names, 1))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = Siamese(rows.shape[1])
        x = torch.from_numpy(rows).float()
        optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.1)
        for _ in range(_STEPS):
            at = rng.integers(len(first), size=_BATCH // 2)
            others = rng.integers(len(rows), size=(2, _BATCH // 2))
            a, b = np.append(first[at], others[0]), np.append(second[at], others[1])
            told = F.binary_cross_entropy_with_logits(net(x[a], x[b]), torch.from_numpy(names[a] == names[b]).float())
            optimiser.zero_grad()
            told.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return net.eval()


@torch.no_grad()
def verified(net: Siamese, probes: Floats, gallery: Floats) -> Floats:
    one, two = torch.from_numpy(probes).float(), torch.from_numpy(gallery).float()
    return np.asarray(torch.stack([net(row.expand_as(two), two) for row in one]).double().numpy(), dtype=np.float64)


def attacked(learn: Sequence[CxrImage], owners: Sequence[str], people: Sequence[Person[CxrImage]], real: bool) -> Any:
    """AUC of ten networks that learnt from these images, on changed against real images of others, or on real ones."""
    rows = public_layers(learn)
    centre, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    test = untouched(people) if real else trial(OTHER, people)
    probes, gallery = ((public_layers(x) - centre) / spread for x in (test.probes, test.gallery))
    scores = [verified(trained((rows - centre) / spread, owners, seed), probes, gallery) for seed in range(NETWORKS)]
    each = [plain_auc(one) for one in scores]
    mean = linked("siamese", np.mean(scores, axis=0), test.people, 0)
    return {
        "mean": float(np.mean(each)),
        "sd": float(np.std(each, ddof=1)),
        "together": mean.auc.as_dict(),
        "eer": mean.eer.as_dict(),
    }


def plain_auc(scores: Floats) -> float:
    """Of pairs (i, i) among all others, shape [N, G]."""
    same = np.eye(*scores.shape, dtype=np.bool_)
    return float(roc_auc_score(same.ravel(), scores.ravel()))


@dataclass(frozen=True)
class Readers:
    """Classifiers of findings, on one cohort; the networks of real images are trained once."""

    cohort: Cohort[CxrImage, CxrCondition]
    config: EvaluationConfig
    seed: int

    @cached_property
    def names(self) -> list[str]:
        both = (*self.cohort.train, *self.cohort.audit)
        return sorted({label for r in both for label in r.condition.labels})

    @cached_property
    def truth(self) -> NDArray[np.bool_]:
        return label_matrix([r.condition for r in self.cohort.audit], self.names)

    @cached_property
    def of_real(self) -> list[Classifier]:
        train = self.cohort.train
        return self.trained([r.payload for r in train], [r.condition for r in train])

    def trained(self, images: Sequence[CxrImage], conditions: Sequence[CxrCondition]) -> list[Classifier]:
        x, y = stack(images, self.config.image_size), label_matrix(conditions, self.names)
        many = range(self.config.classifier_repeats)
        return [train_classifier(x, y, self.config, self.seed + k, Silent(), "findings") for k in many]

    def auc(self, readers: Sequence[Classifier], images: Sequence[CxrImage]) -> tuple[float, Floats]:
        """Macro AUC on E, mean over the networks, and its draws over patients."""
        columns, _ = measurable_labels(self.truth, self.names)
        x = stack(images, self.config.image_size)
        truth = self.truth[:, columns]
        weights = patient_weights([r.patient for r in self.cohort.audit], self.seed)
        scores = [one.logits(x)[:, columns] for one in readers]
        value = [macro_auc_draws(one, truth, np.ones((1, len(one))))[0] for one in scores]
        return float(np.mean(value)), np.mean([macro_auc_draws(one, truth, weights) for one in scores], axis=0)

    def told(self, metric: str, value: float, draws: Floats) -> dict[str, Any]:
        n = len({r.patient for r in self.cohort.audit})
        ends = (float(np.quantile(draws, 0.025)), float(np.quantile(draws, 0.975)))
        return Estimate(metric, value, (min(ends[0], value), max(ends[1], value)), n).as_dict()

    def figures(self, operator: Operator[CxrImage, CxrCondition]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """``evaluation`` and ``read``."""
        real_e = [r.payload for r in self.cohort.audit]
        changed = [operator(0, [r])[0] for r in self.cohort.train]
        on_changed = self.trained([c.payload for c in changed], [c.condition for c in changed])
        (a, a_draws), (b, b_draws) = self.auc(on_changed, real_e), self.auc(self.of_real, real_e)
        c, c_draws = self.auc(self.of_real, [operator(0, [r])[0].payload for r in self.cohort.audit])
        found = [
            self.told("trained_on_changed_auc_macro", a, a_draws),
            self.told("trained_on_real_auc_macro", b, b_draws),
            self.told("auc_lost", b - a, b_draws - a_draws),
        ]
        return found, {"real": found[1], "changed": self.told("read_auc_macro", c, c_draws)}


def judged(run: Run[Any, Any, Any], readers: Readers, name: str, strength: float, folder: Path) -> dict[str, Any]:
    """One operator's figures."""
    cohort, seed, kind = readers.cohort, run.seed("linking"), run.modality.anonymiser
    assert kind is not None  # noqa: S101 - chest X-rays have one
    given = (name, strength, cohort.train, run.settings)
    kind = kind.fitted(*given, folder, run.seed("operator"), run.progress)
    operator, other = (kind.open(*given, secret) for secret in (b"films", b"an attacker's own"))
    learnt_from, people = (people_of(part, operator, other, seed) for part in (cohort.calibration, cohort.audit))
    strong = attack_all(kind.attackers(run.settings), learnt_from, people, seed, run.progress)
    learn = [*cohort.train, *cohort.calibration]
    owners = [r.patient for r in learn]
    changed = [operator(0, [r])[0].payload for r in learn]
    evaluation, read = readers.figures(operator)
    return {
        "operator": name,
        "strength": strength,
        "people": [len({r.patient for r in part}) for part in (cohort.train, cohort.calibration, cohort.audit)],
        "attacks": [{key: _plain(getattr(fact, key)) for key in KEPT} for fact in strong.facts],
        "evaluation": evaluation,
        "siamese": {
            "before": attacked([r.payload for r in learn], owners, people, real=True),
            "after": attacked(changed, owners, people, real=False),
        },
        "read": read,
    }


def _plain(value: Any) -> Any:
    return value.as_dict() if isinstance(value, Estimate) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("operators", nargs="+", help="operator:strength")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[])
    given = parser.parse_args()
    told = json.loads(given.out.read_text()) if given.out.exists() else []
    done = {(one["operator"], one["strength"], one["seed"]) for one in told}
    settings = (*SETTINGS, f"split.seed={given.seed}", *given.set)
    with session(asked("cxr", "cpu", settings, work=given.work, seed=given.seed), given.work) as run:
        _, cohort, _ = split_cohort(run, given.data)
        readers = Readers(cohort, run.settings.evaluation, run.seed("evaluation"))
        for what in given.operators:
            name, _, strength = what.partition(":")
            if (name, float(strength), given.seed) not in done:
                folder = run.work.folder / f"{name}-{strength}"
                told.append({**judged(run, readers, name, float(strength), folder), "seed": given.seed})
                given.out.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
