"""Private Evolution of chest X-rays: patients vote on phantoms, and the simulator's parameters that win are a prior.

A candidate is a simulated body at one exposure, that exposure's own figures (curve, scatter, sharpening, …) and where
the detector lay. Variation takes another body or draws some of the figures anew; images are never averaged, which would
shrink their variance. What comes out is a weighted set of parameters from which any number of images is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, cast, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from synthgen.dp.evolution import Evolved, Floats, Voters
from synthgen.dp.prior_file import read_prior_file, write_prior_file
from synthgen.generators.cxr.config import DemoCohortConfig
from synthgen.generators.cxr.demo_cohort import draw_findings
from synthgen.generators.cxr.phantom import FINDINGS, Patient, Visit, sample_patient, sample_visit
from synthgen.generators.cxr.phantom.film import Exposure, develop, sample_exposure
from synthgen.generators.cxr.phantom.render import trace
from synthgen.payloads.cxr import CxrCondition, CxrImage, CxrReal, CxrSynthetic, View
from synthgen.records import Request, Synthetic

Images = NDArray[np.uint8]

SIDE: Final = 64
"""Pixels on a side at which candidates are looked at."""
_FORMAT: Final = "synthgen-cxr-prior-1"
_LEAST = Exposure(-0.22, 1.2, 0.0, 0.75, 0.6, 0.0, 0.0, 0.0, 0.15, 0.0)
_MOST = Exposure(0.6, 3.2, 0.08, 1.0, 1.3, 0.3, 0.25, 2.5, 0.35, 0.35)
"""What the figures of an exposure are drawn between where nothing is known of the films: wider than any one place's."""
_SHOWN_AS: Final = {"Pneumonia": "Consolidation", "Infiltration": "Consolidation", "Mass": "Nodule"}
_ILL: Final = DemoCohortConfig(share_no_finding=0.0)
_BODY, _AXES, _IMAGE = 0xB0D1, 0xA7E5, 0x1AA6


@dataclass(frozen=True, slots=True)
class Framing:
    """How the detector lay otherwise than planned: zoom (share), shift (share of the side), turn (degrees)."""

    zoom_x: float
    zoom_y: float
    shift_x: float
    shift_y: float
    turn: float


BY: Final = "the picture at 32 pixels a side, the view, and whether there is a finding"
"""What the votes look at, in words."""
NEAR: Final = 0.1
"""Share of pairs of phantoms of one kind that lie nearer than a film may lie to an image that it explains; chosen on
half the patients of ChestX-ray14 (docs/differential_privacy.md)."""
_LOOSE = Framing(0.06, 0.06, 0.04, 0.04, 2.0)
"""Standard deviations."""


@dataclass(frozen=True, slots=True)
class CxrCandidate:
    """The parameters of one simulated radiograph.

    Attributes:
        body: seed of the simulated patient and of the visit.
        findings: of the phantom's, sorted.
    """

    body: int
    findings: tuple[str, ...]
    view: View
    exposure: Exposure
    framing: Framing

    @property
    def condition(self) -> str:
        return condition_of(self.view, self.findings)


def condition_of(view: View, findings: Sequence[str]) -> str:
    """Whose votes a candidate takes part in: the view (PA where it is not known), and whether there is a finding."""
    return f"{view or 'PA'} {'finding' if findings else 'none'}"


def kind_of(condition: CxrCondition) -> str:
    """The same of a film or a sample, by what it is labelled with."""
    return condition_of(condition.view, condition.findings)


@dataclass(frozen=True)
class CxrPopulation:
    """Phantoms to vote on.

    Attributes:
        features: of images [n, SIDE, SIDE]; fitted on no patient.
        bodies: how many simulated bodies there are to choose from, a quarter of them for each view with and without
            findings. A body is projected once; exposures of it cost little.
        usual: share of exposures drawn as ``phantom.fitted`` has them; the rest are uniform over wide ranges.
    """

    features: Callable[[Images], Floats]
    bodies: int = 1000
    usual: float = 0.5

    def draw(self, rng: np.random.Generator, n: int) -> list[CxrCandidate]:
        """Bodies in random order, all of them before any comes again; conditions in equal parts."""
        rounds = [rng.permutation(self.bodies) for _ in range(-(-n // self.bodies))]
        return [self._candidate(rng, int(body)) for body in np.concatenate(rounds)[:n]]

    def vary(self, rng: np.random.Generator, parents: Sequence[CxrCandidate], strength: float) -> list[CxrCandidate]:
        """Half of the children have another body; every figure of exposure and framing is redrawn by ``strength``."""
        return [self._child(rng, parent, strength) for parent in parents]

    def embed(self, candidates: Sequence[CxrCandidate]) -> Floats:
        return self.features(films(candidates, SIDE))

    def conditions(self, candidates: Sequence[CxrCandidate]) -> list[str]:
        return [candidate.condition for candidate in candidates]

    def _candidate(self, rng: np.random.Generator, body: int) -> CxrCandidate:
        view: View = "AP" if body % 2 else "PA"
        findings = _findings(body) if body % 4 >= 2 else ()
        return CxrCandidate(body, findings, view, _exposure(rng, view, self.usual), _framing(rng))

    def _child(self, rng: np.random.Generator, parent: CxrCandidate, strength: float) -> CxrCandidate:
        other = parent.body
        if rng.random() < 0.5:  # of the same view and kind
            other = parent.body % 4 + 4 * int(rng.integers(max(1, self.bodies // 4)))
        fresh = self._candidate(rng, other)
        return replace(
            fresh,
            exposure=Exposure(*_crossed(rng, parent.exposure, fresh.exposure, strength)),
            framing=Framing(*_crossed(rng, parent.framing, fresh.framing, strength)),
        )


def _crossed(
    rng: np.random.Generator, parent: Exposure | Framing, fresh: Exposure | Framing, strength: float
) -> list[float]:
    """The parent's figures, of which each is the fresh one's with a chance of ``strength``."""
    pairs = list(zip(astuple(parent), astuple(fresh), strict=True))
    return [new if rng.random() < strength else old for old, new in pairs]


def _exposure(rng: np.random.Generator, view: View, usual: float) -> Exposure:
    if rng.random() < usual:
        return sample_exposure(int(rng.integers(2**62)), view)
    return Exposure(*rng.uniform(astuple(_LEAST), astuple(_MOST)).tolist())


def _framing(rng: np.random.Generator) -> Framing:
    return Framing(*(np.array(astuple(_LOOSE)) * rng.standard_normal(5).clip(-2.2, 2.2)).tolist())


def _findings(body: int) -> tuple[str, ...]:
    return tuple(sorted(draw_findings(np.random.default_rng([body, _BODY]), sample_patient(body), _ILL, None)))


def films(candidates: Sequence[CxrCandidate], size: int) -> Images:
    """The radiographs of candidates, [n, size, size]; each body is projected once."""
    depths = [_depth(one.body, one.findings, one.view, size) for one in candidates]
    return np.stack([_seen(_body_of(one), one, depth) for one, depth in zip(candidates, depths, strict=True)])


def _body_of(candidate: CxrCandidate) -> tuple[Patient, Visit]:
    patient = sample_patient(candidate.body)
    return patient, sample_visit(candidate.body, patient)


@lru_cache(maxsize=8192)  # of 8 KiB at 64 px
def _depth(body: int, findings: tuple[str, ...], view: View, size: int) -> NDArray[np.float16]:
    patient = sample_patient(body)
    depth = trace(patient, sample_visit(body, patient), findings, view, size)[0]
    return np.asarray(depth, dtype=np.float16)


def _seen(body: tuple[Patient, Visit], candidate: CxrCandidate, depth: NDArray[np.float16]) -> CxrImage:
    patient, visit = body
    moved = _reframed(depth.astype(np.float32), candidate.framing)
    film = develop(moved, patient, visit, candidate.view, candidate.exposure)
    return np.asarray(np.round(film * 255).clip(0, 255), dtype=np.uint8)


def _reframed(depth: NDArray[np.float32], framing: Framing) -> NDArray[np.float32]:
    """The line integrals where the detector lies; beyond the edge they go on as they were there.

    By cubic splines: linear interpolation blurs, and a neutral network sees that.
    """
    n, turn = len(depth), math.radians(framing.turn)
    across = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    matrix = across * np.array([1 + framing.zoom_y, 1 + framing.zoom_x])
    middle = np.full(2, (n - 1) / 2)
    offset = middle - matrix @ middle + n * np.array([framing.shift_y, framing.shift_x])
    return np.asarray(ndimage.affine_transform(depth, matrix, offset, order=3, mode="nearest"), dtype=np.float32)


@dataclass(frozen=True)
class PixelFeatures:
    """Principal components of phantoms at 32 px, each divided by the root of its deviation ("half whitened")."""

    mean: Floats
    axes: Floats

    def __call__(self, images: Images) -> Floats:
        """Images [n, SIDE, SIDE] to features [n, d]."""
        return np.asarray((_coarse(images) - self.mean) @ self.axes.T)


def _coarse(images: Images) -> Floats:
    n, step = len(images), SIDE // 32
    return np.asarray(images.reshape(n, 32, step, 32, step).mean(axis=(2, 4)).reshape(n, -1) / 255)


def pixel_features(phantoms: Images, components: int = 32) -> PixelFeatures:
    """Fits the components on phantoms [n, SIDE, SIDE]: nothing private."""
    small = _coarse(phantoms)
    mean = small.mean(axis=0)
    _, values, axes = np.linalg.svd(small - mean, full_matrices=False)
    deviation = values[:components] / math.sqrt(len(small))
    return PixelFeatures(mean, axes[:components] / np.sqrt(np.maximum(deviation, 1e-9))[:, None])


@cache
def cxr_population(bodies: int = 1000, usual: float = 0.5) -> CxrPopulation:
    """The population with pixel features that are fitted on its own phantoms, the same at every call."""
    unseen = CxrPopulation(_coarse, bodies, usual)
    shown = films(unseen.draw(np.random.default_rng(_AXES), bodies), SIDE)
    return CxrPopulation(pixel_features(shown), bodies, usual)


def cxr_voters(records: Sequence[CxrReal], features: Callable[[Images], Floats]) -> Voters:
    """The patients of a cohort as voters. Private.

    Args:
        features: of the population.
    """
    images = np.stack([_resized(record.payload) for record in records])
    conditions = tuple(kind_of(record.condition) for record in records)
    return Voters(features(images), tuple(record.patient for record in records), conditions)


def image_features(images: Sequence[CxrImage]) -> Floats:
    """Images of any size in the space of the votes, [n, d], in which samples and films meet."""
    return cxr_population().features(np.stack([_resized(image) for image in images]))


def _resized(image: CxrImage) -> CxrImage:
    way = Image.Resampling.BOX if len(image) >= SIDE else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(image).resize((SIDE, SIDE), way))


@dataclass(frozen=True)
class EvolvedGenerator:
    """Images drawn from a private prior: a candidate by weight, a little varied, so that no two are the same.

    Attributes:
        size: pixels on a side.
    """

    prior: Evolved[CxrCandidate]
    size: int

    def __call__(self, requests: Sequence[Request[CxrCondition]]) -> list[CxrSynthetic]:
        people = [sample_patient(candidate.body) for candidate in self.prior.candidates]
        return [self._one(request, people) for request in requests]

    def _one(self, request: Request[CxrCondition], people: Sequence[Patient]) -> CxrSynthetic:
        rng = np.random.default_rng([request.seed, _IMAGE])
        weights = _fitting(self.prior, people, request.condition)
        chosen = self.prior.candidates[int(rng.choice(len(weights), p=weights))]
        return Synthetic(request.seed, request.condition, another_film(chosen, request.condition, rng, self.size))


def _fitting(prior: Evolved[CxrCandidate], people: Sequence[Patient], condition: CxrCondition) -> Floats:
    """Weights of the candidates that fit a condition: view and kind, the sex, and an age that is near."""
    wanted = condition_of(condition.view, condition.findings)
    same = np.array([candidate.condition == wanted for candidate in prior.candidates])
    sex = np.array([condition.sex in ("", one.sex) for one in people])
    away = np.array([0 if condition.age is None else (one.age - condition.age) / 15 for one in people])
    for mask in (same & sex, same, sex):
        weights = np.where(mask, prior.weights, 0.0) * np.exp(-0.5 * away**2)
        if weights.sum() > 0:
            return np.asarray(weights / weights.sum())
    return prior.weights


def another_film(candidate: CxrCandidate, condition: CxrCondition, rng: np.random.Generator, size: int) -> CxrImage:
    """A radiograph like the candidate's, of somebody else: its own vessels, ribs, noise, devices, a nudged exposure.

    Findings are the condition's where the phantom knows them, otherwise the candidate's.
    """
    patient, visit = _body_of(candidate)
    other = sample_patient(int(rng.integers(2**62)))
    patient = replace(patient, seed=other.seed, lesion_seed=other.lesion_seed, rib_jitter=other.rib_jitter)
    visit = replace(visit, seed=int(rng.integers(2**31)))
    known = tuple(sorted({_SHOWN_AS.get(f, f) for f in condition.findings} & set(FINDINGS)))
    findings = (known or candidate.findings) if condition.findings else ()
    nudged = replace(candidate, exposure=_nudged(rng, candidate.exposure))
    step = 2 if size <= 96 else 1
    depth = trace(patient, visit, findings, candidate.view, step * size)[0]
    image = _seen((patient, visit), nudged, depth.astype(np.float16))
    return np.asarray(np.round(_binned(image, step)), dtype=np.uint8)


def _binned(image: NDArray[np.generic], step: int) -> Floats:
    n = len(image) // step
    return np.asarray(image.reshape(n, step, n, step).mean(axis=(1, 3), dtype=np.float64))


def _nudged(rng: np.random.Generator, exposure: Exposure) -> Exposure:
    """Moved by some 3% of the range, and kept where it makes sense."""
    least, most = np.array(astuple(_LEAST)), np.array(astuple(_MOST))
    old = np.array(astuple(exposure))
    moved = old + 0.03 * (most - least) * rng.standard_normal(len(old))
    return Exposure(*moved.clip(np.minimum(old, least), np.maximum(old, most)).tolist())


def write_prior(path: Path, prior: Evolved[CxrCandidate]) -> None:
    """Writes a prior as JSON: the parameters of each candidate and its weight, no record of anybody."""
    write_prior_file(path, prior, _FORMAT)


def read_prior(path: Path) -> Evolved[CxrCandidate]:
    """Inverse of :func:`write_prior`.

    Raises:
        UserError: the file is missing, or no prior of chest X-rays.
    """
    return read_prior_file(path, _FORMAT, "chest X-rays", _read)


def _read(row: dict[str, Any]) -> CxrCandidate:
    if row["view"] not in get_args(View) or not set(row["findings"]) <= set(FINDINGS):
        raise ValueError("view or findings")
    exposure = Exposure(**{field.name: float(row["exposure"][field.name]) for field in fields(Exposure)})
    framing = Framing(**{field.name: float(row["framing"][field.name]) for field in fields(Framing)})
    if not all(math.isfinite(value) for value in (*astuple(exposure), *astuple(framing))):
        raise ValueError("figures")
    return CxrCandidate(int(row["body"]), tuple(row["findings"]), cast(View, row["view"]), exposure, framing)
