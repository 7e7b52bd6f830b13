"""Radiographs of real patients, bent, redrawn or blurred: the operators, who attacks them, and what they leave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np

from synthgen.digests import keyed
from synthgen.errors import UserError
from synthgen.estimates import mean
from synthgen.eval.cxr.evaluate import changed_utility
from synthgen.eval.cxr.linking import Embedding, Registered
from synthgen.generators.cxr.burned_in import text_in, without_text
from synthgen.generators.cxr.cohort.dicom_files import opened
from synthgen.generators.cxr.deformer import deformed
from synthgen.generators.cxr.deforming import fit_deformer, open_deformer
from synthgen.generators.cxr.headers import cleaned
from synthgen.generators.cxr.operators import BOUND, EPSILON, dp_pix, warp
from synthgen.generators.cxr.redraw import SHARE, check_redrawing, redrawer
from synthgen.generators.cxr.write import ANONYMISED, write_changed_dicom, write_imagefolder
from synthgen.linking import LEAST_PATIENTS, had_by_many
from synthgen.modalities.cxr.settings import CxrConfig
from synthgen.modality import AnonymiserKind
from synthgen.payloads.cxr import CxrAnonymised, CxrCondition, CxrImage, CxrReal
from synthgen.progress import Progress
from synthgen.records import Anonymised, Attacker, Cohort, Estimate, Operator
from synthgen.report import DatasetFacts

LEARNED, WARP, DP_PIX, LATENT = "learned-warp", "warp", "dp-pix", "latent"
STRONGEST = {WARP: 5.0, LEARNED: 5.0, DP_PIX: 5.0, LATENT: 3.0}
OTHER = "Other finding"  # in place of a rare one: without it the film would be said to show nothing
_REMEMBERED = 2**26  # bytes
YEARS = 5  # ages are rounded to as many


Change = Callable[[CxrImage, CxrCondition, int], CxrImage]
"""From an image, the condition that is released with it, and a seed to the image changed."""


@dataclass(frozen=True)
class Changed:
    """One of the operators, under a secret; see :class:`Operator`.

    Attributes:
        shared: findings that enough patients have to be named.
        headers: whether a DICOM file's header, cleaned, goes with the image.
        made: images by their seed, up to 64 MiB: release, attacks and evaluation ask for the same ones.
    """

    name: str
    change: Change
    secret: bytes
    shared: frozenset[str]
    headers: bool = False
    made: dict[int, CxrImage] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, person: int, records: Sequence[CxrReal]) -> list[CxrAnonymised]:
        made = []
        for record in records:
            seed = int(keyed(self.secret, self.name, record.patient, record.record), 16)
            condition = self._released(record.condition)
            image = self.made.get(seed)
            if image is None:
                image = self.change(record.payload, condition, seed)
                if len(self.made) * image.nbytes < _REMEMBERED:
                    self.made[seed] = image
            made.append(Anonymised(self.name, condition, image, self._header(person, record)))
        return made

    def _header(self, person: int, record: CxrReal) -> bytes:
        if record.source is None or not self.headers or not person:  # attackers look at pixels
            return b""
        with opened(record.source, header_only=False) as dataset:
            return cleaned(dataset, record.patient, f"ANONYMISED-P{person:06d}", self.secret)

    def _released(self, was: CxrCondition) -> CxrCondition:
        age = None if was.age is None else YEARS * round(was.age / YEARS)
        findings = {name if name in self.shared else OTHER for name in was.findings}
        return replace(was, findings=tuple(sorted(findings)), age=age)


@dataclass(frozen=True)
class CxrAnonymiser(AnonymiserKind[CxrImage, CxrCondition, CxrConfig]):
    """See :class:`synthgen.modality.AnonymiserKind`.

    Attributes:
        model: the folder of what the operator learnt; None before, and where it learns nothing.
    """

    model: Path | None = None

    operators = (WARP, LEARNED, LATENT, DP_PIX)

    def check(self, operator: str, strength: float, config: CxrConfig) -> None:
        if strength > STRONGEST[operator]:
            raise UserError(f"--strength of {operator} is at most {STRONGEST[operator]:g}, got {strength:g}")
        if operator == LATENT:
            check_redrawing(config.redrawn_by, config.generator.size)

    def fitted(
        self,
        operator: str,
        strength: float,
        train: Sequence[CxrReal],
        config: CxrConfig,
        folder: Path,
        seed: int,
        progress: Progress,
    ) -> Self:
        if operator != LEARNED or not strength:
            return self
        fit_deformer(train, config.deformer, strength * BOUND, folder, seed=seed, progress=progress)
        return replace(self, model=folder)

    def open(
        self, operator: str, strength: float, train: Sequence[CxrReal], config: CxrConfig, secret: bytes
    ) -> Operator[CxrImage, CxrCondition]:
        change = self._change(operator, strength, config)
        if config.headers and not any(record.source for record in train):
            raise UserError("modality.headers=true, and the cohort holds no DICOM: leave it out, there is no header")
        shared = had_by_many((name, record.patient) for record in train for name in record.condition.findings)
        return Changed(operator, change, secret, shared, config.headers)

    def _change(self, operator: str, strength: float, config: CxrConfig) -> Change:
        self.check(operator, strength, config)
        if not strength:
            return lambda image, condition, seed: image
        most = strength * BOUND
        if operator == WARP:
            return lambda image, condition, seed: warp(without_text(image), seed, most)
        if operator == DP_PIX:
            return lambda image, condition, seed: dp_pix(without_text(image), seed, EPSILON / strength)
        if operator == LATENT:
            redrawn = redrawer(config.redrawn_by, strength)
            return lambda image, condition, seed: redrawn(without_text(image), condition, seed)
        if self.model is None:
            raise ValueError(f"{operator} is opened of what fitted returned")
        deformer = open_deformer(config.deformer, most, self.model)
        return lambda image, condition, seed: deformed(deformer, without_text(image), seed)

    def describe(self, operator: str, strength: float, config: CxrConfig) -> str:
        kept = (
            f"ages rounded to {YEARS} years, findings that fewer than {LEAST_PATIENTS} patients have called '{OTHER}'"
        )
        if not strength:
            return f"No pixel is changed; {kept}"
        most = f"moves no pixel farther than {strength * BOUND:.1%} of a side"
        if operator == WARP:
            return f"Bent by a smooth random field that {most}; {kept}"
        if operator == LEARNED:
            return f"Bent by a smooth field that {most}, learnt against networks that recognise patients; {kept}"
        if operator == LATENT:
            by = (
                "a generator of the data holder's"
                if config.redrawn_by
                else "a generator that saw simulated films alone"
            )
            return f"Noised and denoised by {by}, over {min(1, strength * SHARE):.0%} of its schedule; {kept}"
        return f"Means of blocks with Laplace noise, ε = {EPSILON / strength:g} for one pixel (DP-Pix); {kept}"

    def attackers(self, config: CxrConfig) -> tuple[Attacker[CxrImage], ...]:
        return (Registered(), Embedding())

    def write(self, folder: Path, records: Callable[[], Iterable[tuple[int, CxrAnonymised]]]) -> DatasetFacts:
        facts = write_imagefolder(folder, records(), ANONYMISED)
        if not any(record.header for _, record in records()):
            return facts
        write_changed_dicom(folder, records())
        told = f"{facts.description} Beside them DICOM files, in which images of one patient share a PatientID."
        return replace(facts, formats=("dicom",), description=told)

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
        before, after = ([text_in(one.payload).any() for one in part] for part in (cohort.train, changed))
        patients = [record.patient for record in cohort.train]
        text = (
            mean("text_in_pixels_before", np.array(before, float), patients, seed=seed, better="lower", bounded=True),
            mean("text_in_pixels", np.array(after, float), patients, seed=seed, better="lower", bounded=True),
        )
        return (*text, *changed_utility(changed, cohort, config.evaluation, seed, progress))
