"""The attacker of the literature on changed radiographs, beside what it finds where nothing is changed.

    python benchmarks/anonymised_siamese.py --data NIH --out anonymised_siamese.json \\
        warp:3:0=W-warp:3 learned-warp:3:0=W-learned-warp:3 …

Each argument is operator:strength:seed of a run of ``synthgen anonymize`` that is finished, and its work folder: what
the operator learnt there is used, on the same split (see ``anonymised_reports.py``, whose settings are used).

As PriCheXy-Net is judged (Packhäuser et al. 2023): a siamese network (both images through one trunk to 128 numbers,
their distance to a logit) learns from pairs of changed images and is tested on changed against real ones, ten times
over. Here the trunk is a public network that saw photographs alone and stays as it is, for some hundred patients teach
no ResNet-50; it learns on T and C, and is tested on one pair of each patient of E. It is weak: it never saw a changed
image beside a real one, and the films' other attackers did (``synthgen.eval.cxr.linking``).

Findings are judged both ways: a classifier of real images of T that reads changed ones of E, as in the paper, and one
of changed images that reads real ones, which is what a release is for (in ``anonymised_reports.py``).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from synthgen.arguments import asked
from synthgen.estimates import bounded_interval, macro_auc_draws, patient_weights
from synthgen.eval.cxr.classifier import Classifier, label_matrix, train_classifier
from synthgen.eval.cxr.features import stack
from synthgen.eval.cxr.linking import public_layers
from synthgen.eval.utility import measurable_labels
from synthgen.linkage import linked
from synthgen.linking import OTHER, Person, people_of, trial, untouched
from synthgen.payloads.cxr import CxrCondition, CxrImage
from synthgen.pipeline import split_cohort
from synthgen.progress import Silent
from synthgen.records import Cohort, Estimate, Operator
from synthgen.session import session

SETTINGS = ("split.train=0.4", "split.calibration=0.3", "split.audit=0.3")
STEPS = "modality.evaluation.classifier_steps=150"
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
    each = [linked("siamese", one, test.people, 0).auc.value for one in scores]
    mean = linked("siamese", np.mean(scores, axis=0), test.people, 0)
    return {
        "mean": float(np.mean(each)),
        "sd": float(np.std(each, ddof=1)),
        "together": mean.auc.as_dict(),
        "eer": mean.eer.as_dict(),
    }


def read(cohort: Cohort[CxrImage, CxrCondition], changed: Sequence[CxrImage], config: Any, seed: int) -> Any:
    """Macro AUC of classifiers trained on real images of T, on E as it is and on E changed."""
    names = sorted({label for r in (*cohort.train, *cohort.audit) for label in r.condition.labels})
    truth = label_matrix([r.condition for r in cohort.audit], names)
    columns = measurable_labels(truth, names)[0]
    owners = [r.patient for r in cohort.audit]
    learnt = label_matrix([r.condition for r in cohort.train], names)
    x = stack([r.payload for r in cohort.train], config.image_size)
    readers: list[Classifier] = [
        train_classifier(x, learnt, config, seed + k, Silent(), "real") for k in range(config.classifier_repeats)
    ]
    found = {}
    for name, images in (("real", [r.payload for r in cohort.audit]), ("changed", list(changed))):
        scores = np.mean([one.logits(stack(images, config.image_size)) for one in readers], axis=0)[:, columns]
        value = float(macro_auc_draws(scores, truth[:, columns], np.ones((1, len(scores))))[0])
        draws = macro_auc_draws(scores, truth[:, columns], patient_weights(owners, seed))
        n = len(set(owners))
        found[name] = Estimate("read_auc_macro", value, bounded_interval(value, draws, n), n).as_dict()
    return found


def judged(data: Path, work: Path, name: str, strength: float, seed: int) -> dict[str, Any]:
    """One run's figures."""
    settings = (*SETTINGS, STEPS, f"anonymise.operator={name}", f"anonymise.strength={strength}")
    with session(asked("cxr", "cpu", settings, work=work, seed=seed), work, Silent()) as run:
        _, cohort, _ = split_cohort(run, data)
        kind = run.modality.anonymiser
        assert kind is not None  # noqa: S101 - chest X-rays have one
        given = (name, strength, cohort.train, run.settings)
        kind = kind.fitted(*given, run.work.operator, run.seed("operator"), Silent())
        operator: Operator[CxrImage, CxrCondition] = kind.open(*given, b"siamese")
    people = people_of(cohort.audit, operator, operator, seed)
    learn = [*cohort.train, *cohort.calibration]
    owners = [r.patient for r in learn]
    changed = [operator(0, [r])[0].payload for r in learn]
    return {
        "operator": name,
        "strength": strength,
        "seed": seed,
        "patients": len(set(owners)),
        "before": attacked([r.payload for r in learn], owners, people, real=True),
        "after": attacked(changed, owners, people, real=False),
        "read": read(cohort, [operator(0, [r])[0].payload for r in cohort.audit], run.settings.evaluation, seed),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", help="operator:strength:seed=work folder")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    told = []
    for one in given.runs:
        what, _, work = one.partition("=")
        name, strength, seed = what.split(":")
        told.append(judged(given.data, Path(work), name, float(strength), int(seed)))
        given.out.write_text(json.dumps(told, indent=1) + "\n")
        print(json.dumps(told[-1]))


if __name__ == "__main__":
    main()
