"""Radiographs of real patients, bent or blurred: the operators, who attacks them, and what they leave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from synthgen.digests import keyed
from synthgen.errors import UserError
from synthgen.eval.cxr.evaluate import changed_utility
from synthgen.eval.cxr.linking import Embedding, Registered
from synthgen.generators.cxr.operators import BOUND, EPSILON, dp_pix, warp
from synthgen.generators.cxr.write import ANONYMISED, write_imagefolder
from synthgen.linking import LEAST_PATIENTS, had_by_many
from synthgen.modalities.cxr.settings import CxrConfig
from synthgen.modality import AnonymiserKind
from synthgen.payloads.cxr import CxrAnonymised, CxrCondition, CxrImage, CxrReal
from synthgen.progress import Progress
from synthgen.records import Anonymised, Attacker, Cohort, Estimate, Operator
from synthgen.report import DatasetFacts

WARP, DP_PIX = "warp", "dp-pix"
STRONGEST = 5.0
OTHER = "Other finding"  # in place of a rare one: without it the film would be said to show nothing
YEARS = 5  # ages are rounded to as many


@dataclass(frozen=True)
class Changed:
    """One of the operators, under a secret; see :class:`Operator`.

    Attributes:
        shared: findings that enough patients have to be named.
    """

    name: str
    change: Callable[[CxrImage, int], CxrImage]
    secret: bytes
    shared: frozenset[str]

    def __call__(self, person: int, records: Sequence[CxrReal]) -> list[CxrAnonymised]:
        made = []
        for record in records:
            seed = int(keyed(self.secret, self.name, record.patient, record.record), 16)
            made.append(Anonymised(self.name, self._released(record.condition), self.change(record.payload, seed)))
        return made

    def _released(self, was: CxrCondition) -> CxrCondition:
        age = None if was.age is None else YEARS * round(was.age / YEARS)
        findings = {name if name in self.shared else OTHER for name in was.findings}
        return replace(was, findings=tuple(sorted(findings)), age=age)


class CxrAnonymiser(AnonymiserKind[CxrImage, CxrCondition, CxrConfig]):
    """See :class:`synthgen.modality.AnonymiserKind`."""

    operators = (WARP, DP_PIX)

    def open(
        self, operator: str, strength: float, train: Sequence[CxrReal], config: CxrConfig, secret: bytes
    ) -> Operator[CxrImage, CxrCondition]:
        if strength > STRONGEST:
            raise UserError(f"--strength of {operator} is at most {STRONGEST:g}, got {strength:g}")

        def change(image: CxrImage, seed: int) -> CxrImage:
            if not strength:
                return image
            if operator == WARP:
                return warp(image, seed, strength * BOUND)
            return dp_pix(image, seed, EPSILON / strength)

        shared = had_by_many((name, record.patient) for record in train for name in record.condition.findings)
        return Changed(operator, change, secret, shared)

    def describe(self, operator: str, strength: float, config: CxrConfig) -> str:
        kept = (
            f"ages rounded to {YEARS} years, findings that fewer than {LEAST_PATIENTS} patients have called '{OTHER}'"
        )
        if not strength:
            return f"No pixel is changed; {kept}"
        if operator == WARP:
            most = f"{strength * BOUND:.1%} of a side"
            return f"Bent by a smooth random field that moves no pixel farther than {most}; {kept}"
        return f"Means of blocks with Laplace noise, ε = {EPSILON / strength:g} for one pixel (DP-Pix); {kept}"

    def attackers(self, config: CxrConfig) -> tuple[Attacker[CxrImage], ...]:
        return (Registered(), Embedding())

    def write(self, folder: Path, records: Callable[[], Iterable[tuple[int, CxrAnonymised]]]) -> DatasetFacts:
        return write_imagefolder(folder, records(), ANONYMISED)

    def evaluate(
        self,
        operator: Operator[CxrImage, CxrCondition],
        cohort: Cohort[CxrImage, CxrCondition],
        config: CxrConfig,
        seed: int,
        progress: Progress,
    ) -> tuple[Estimate, ...]:
        """Classifiers of findings, trained on changed images of T and on T itself, tested on real ones of E."""
        changed = [made for record in cohort.train for made in operator(0, [record])]
        return changed_utility(changed, cohort, config.evaluation, seed, progress)
