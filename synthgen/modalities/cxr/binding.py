"""Chest X-rays as a modality: binds the generator, the filters and the evaluation, which do not know each other."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from synthgen.config import RunConfig
from synthgen.dp.accounting import Event
from synthgen.dp.ballots import METHOD, votes_drawn
from synthgen.dp.screening import public_radius
from synthgen.errors import UserError
from synthgen.eval.cxr.evaluate import evaluate
from synthgen.files import private_folder
from synthgen.generators.cxr.base import open_base
from synthgen.generators.cxr.candidates import candidate_conditions, load_images
from synthgen.generators.cxr.cohort import load_cohort
from synthgen.generators.cxr.cohort.recognise import recognise
from synthgen.generators.cxr.conditions import condition_sampler, uniform_sampler
from synthgen.generators.cxr.contact_sheet import contact_sheet
from synthgen.generators.cxr.demo_cohort import write_demo_cohort
from synthgen.generators.cxr.difference import difference
from synthgen.generators.cxr.evolution import BY, NEAR, EvolvedGenerator, cxr_population, image_features, kind_of
from synthgen.generators.cxr.model_folder import base_of, check_folder, model_digest, open_generator, size_of
from synthgen.generators.cxr.pretraining import pretrain
from synthgen.generators.cxr.private_model import (
    MECHANISM,
    check_prior,
    events,
    fit_prior,
    holds_prior,
    open_prior,
    prior_conditions,
    prior_digest,
)
from synthgen.generators.cxr.private_sgd import METHOD as SGD
from synthgen.generators.cxr.private_sgd import NOT_COVERED, PUBLIC, PrivateSgd
from synthgen.generators.cxr.read import read_imagefolder
from synthgen.generators.cxr.sampler import CxrGenerator
from synthgen.generators.cxr.training import fit_generator
from synthgen.generators.cxr.write import write_dicom, write_imagefolder
from synthgen.modalities.cxr.anonymise import CxrAnonymiser
from synthgen.modalities.cxr.settings import OFFER, CxrConfig
from synthgen.modality import Cohorts, FilterKind, GeneratorKind, Modality, PrivateFit, PublicSpace, Releases
from synthgen.origin import ORIGIN
from synthgen.payloads.cxr import CxrCondition, CxrImage, CxrReal, CxrRoundTrip, CxrSynthetic
from synthgen.pretrained.image import image_encoder
from synthgen.privacy_filters.cxr.filters import CxrFilters
from synthgen.privacy_filters.cxr.identity import fit_identity, open_identity
from synthgen.privacy_filters.cxr.planted import planted_copies
from synthgen.privacy_filters.cxr.same_image import same_images
from synthgen.progress import Progress, Silent
from synthgen.records import Cohort, Generator, JsonValue, Link, Loaded, Planted, Planting, RoundTrip
from synthgen.report import DatasetFacts, Evaluation, Preview, ShownPair
from synthgen.slots import BySeed

_FEW_FILES = 3_000  # whose headers may be read twice

CxrMaker = Generator[CxrImage, CxrCondition]


class CxrCohorts(Cohorts[CxrImage, CxrCondition, CxrConfig]):
    """See :class:`synthgen.modality.Cohorts`; every method hands on to the function that does the work."""

    def write_demo(self, folder: Path, config: CxrConfig, seed: int, progress: Progress) -> None:
        write_demo_cohort(folder, config.demo, seed, progress)

    def load(self, data: Path, config: CxrConfig, cache: Path, progress: Progress) -> Loaded[CxrImage, CxrCondition]:
        return load_cohort(data, config.cohort, size=config.generator.size, cache=cache, progress=progress)

    def listed(self, data: Path, config: CxrConfig, cache: Path, progress: Progress) -> Sequence[str] | None:
        """Of a large tree of DICOM nothing: its patients stand in the files' headers, which are read once."""
        layout = recognise(data, config.cohort)
        if layout.name == "dicom" and sum(1 for _ in islice(data.rglob("*"), _FEW_FILES)) == _FEW_FILES:
            return None
        return [entry.patient for entry in layout.read(data, config.cohort, private_folder(cache), Silent()).entries]

    def links(self, records: Sequence[CxrReal], config: CxrConfig, progress: Progress) -> Sequence[Link]:
        return same_images([r.payload for r in records], [r.patient for r in records], progress)

    def load_candidates(self, folder: Path, config: CxrConfig, progress: Progress) -> list[tuple[str, CxrImage]]:
        return load_images(folder, size=config.generator.size, progress=progress)

    def candidate_conditions(
        self, folder: Path, names: Sequence[str], config: CxrConfig, progress: Progress
    ) -> Sequence[CxrCondition] | None:
        return candidate_conditions(folder, names, progress)

    def conditions(self, train: Sequence[CxrReal], config: CxrConfig) -> BySeed[CxrCondition]:
        return BySeed(condition_sampler(train, config.conditions))

    def condition_from(self, values: dict[str, JsonValue]) -> CxrCondition:
        return CxrCondition.from_dict(values)

    def encode(self, payload: CxrImage) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(payload).save(buffer, format="PNG", compress_level=6)
        return buffer.getvalue()

    def decode(self, content: bytes, scratch: Path) -> CxrImage:
        return np.asarray(Image.open(io.BytesIO(content)))

    def show(self, payload: CxrImage) -> str:
        return self._picture(payload, "radiograph")

    def show_pair(self, sample: CxrImage, real: CxrImage) -> ShownPair:
        between = self._picture(difference(sample, real), "where the two differ, black where they are alike")
        return ShownPair(self.show(sample), self.show(real), between)

    def _picture(self, image: CxrImage, alt: str) -> str:
        return f'<img src="data:image/png;base64,{base64.b64encode(self.encode(image)).decode()}" alt="{alt}">'


class CxrDiffusion(GeneratorKind[CxrImage, CxrCondition, CxrConfig]):
    """See :class:`synthgen.modality.GeneratorKind`."""

    def fit(self, train: Sequence[CxrReal], config: CxrConfig, folder: Path, seed: int, progress: Progress) -> None:
        fit_generator(train, config.generator, folder, seed=seed, progress=progress)

    def check(self, config: CxrConfig) -> None:
        open_base(config.generator.base, config.generator.size)

    def pretrain(self, config: CxrConfig, out: Path, scratch: Path, seed: int, progress: Progress) -> None:
        pretrain(
            out,
            phantoms=config.demo,
            pretraining=config.pretraining,
            generator=config.generator,
            scratch=scratch,
            seed=seed,
            progress=progress,
        )

    def digest(self, model: Path) -> str:
        check_folder(model)
        return model_digest(model)

    def reads_cohort(self, model: Path) -> bool:
        return True

    def open(self, model: Path, config: CxrConfig, rows: int, scratch: Path) -> CxrGenerator:
        return open_generator(model, config.generator.sampler, rows)

    def free_conditions(self, model: Path, config: CxrConfig) -> BySeed[CxrCondition]:
        return BySeed(uniform_sampler(open_generator(model, config.generator.sampler, None).vocabulary))

    def round_trips(
        self, model: Path, config: RunConfig[CxrConfig], seed: int, scratch: Path
    ) -> tuple[CxrRoundTrip, ...]:
        """Through the autoencoder; and noised and denoised, lightly, and so far that half is redrawn."""
        generator = open_generator(model, config.modality.generator.sampler, config.slots.rows)

        def decoded(originals: Sequence[CxrReal]) -> list[CxrImage]:
            return generator.autoencoder_round_trip([r.payload for r in originals])

        def denoised(originals: Sequence[CxrReal], strength: float) -> list[CxrImage]:
            images, conditions = [r.payload for r in originals], [r.condition for r in originals]
            return generator.noised_round_trip(images, conditions, strength=strength, seed=seed)

        light, heavy = config.gate.noised_strength, config.gate.redrawn_strength
        return (
            RoundTrip("autoencoder", "generator", decoded),
            RoundTrip(f"noised_{light:.0%}_and_denoised", "generator", lambda records: denoised(records, light)),
            RoundTrip(f"noised_{heavy:.0%}_and_denoised", "beyond", lambda records: denoised(records, heavy)),
        )

    def describe(self, model: Path, config: CxrConfig) -> str:
        sampler, base = config.generator.sampler, base_of(model)
        return (
            f"Latent diffusion at {size_of(model)} px (an autoencoder and a UNet2DConditionModel of diffusers), "
            f"v-prediction, {sampler.kind} in {sampler.steps} steps, guidance {sampler.guidance:g}"
            + (f"; tuned from a base that saw {base}" if base else "")
        )


class CxrPrior(GeneratorKind[CxrImage, CxrCondition, CxrConfig]):
    """Radiographs drawn from a private prior over a simulator; see :mod:`synthgen.generators.cxr.private_model`."""

    def fit(self, train: Sequence[CxrReal], config: CxrConfig, folder: Path, seed: int, progress: Progress) -> None:
        raise UserError("a private prior is fitted with an epsilon: give --dp-epsilon")

    def digest(self, model: Path) -> str:
        check_prior(model)
        return prior_digest(model)

    def reads_cohort(self, model: Path) -> bool:
        return True

    def open(self, model: Path, config: CxrConfig, rows: int, scratch: Path) -> EvolvedGenerator:
        return open_prior(model)

    def free_conditions(self, model: Path, config: CxrConfig) -> BySeed[CxrCondition]:
        return BySeed(prior_conditions(model))

    def describe(self, model: Path, config: CxrConfig) -> str:
        return f"Simulated radiographs at {open_prior(model).size} px, whose parameters patients voted on privately"


def _from_public_base(config: CxrConfig) -> PrivateFit[CxrImage, CxrCondition]:
    """DP-SGD from a base, which must not itself be a model of a cohort."""
    sgd, base = PrivateSgd(config.generator, config.private_sgd), config.generator.base

    def check(train: Sequence[CxrReal], noise: tuple[Event, ...], folder: Path, seed: int) -> None:
        if (Path(base) / ORIGIN).exists():
            raise UserError(
                f"the base {base} was fitted on a cohort: a private fit starts from a public one, packaged or as "
                "synthgen pretrain writes it"
            )
        sgd.check(train, noise, folder, seed)

    return PrivateFit(SGD, sgd.mechanism, sgd.events, sgd.fit, PUBLIC, NOT_COVERED, check, drawn=sgd.drawn)


class CxrGenerators(GeneratorKind[CxrImage, CxrCondition, CxrConfig]):
    """Latent diffusion, or a private prior: what lies in a model's folder says which. Without privacy, diffusion."""

    diffusion, prior = CxrDiffusion(), CxrPrior()

    def _of(self, model: Path) -> CxrDiffusion | CxrPrior:
        return self.prior if holds_prior(model) else self.diffusion

    def fit(self, train: Sequence[CxrReal], config: CxrConfig, folder: Path, seed: int, progress: Progress) -> None:
        self.diffusion.fit(train, config, folder, seed, progress)

    def private_fits(self, config: CxrConfig) -> tuple[PrivateFit[CxrImage, CxrCondition], ...]:
        def fit(
            train: Sequence[CxrReal], noise: tuple[Event, ...], folder: Path, seed: int, progress: Progress
        ) -> None:
            fit_prior(train, noise, config.generator.size, folder, seed, progress)

        return (PrivateFit(METHOD, MECHANISM, events, fit, drawn=votes_drawn), _from_public_base(config))

    def public_space(self, config: CxrConfig) -> PublicSpace[CxrImage, CxrCondition]:
        """That of the votes on simulated radiographs, whatever drew the samples."""
        return PublicSpace(image_features, kind_of, lambda share: public_radius(cxr_population(), share), NEAR, BY)

    def check(self, config: CxrConfig) -> None:
        self.diffusion.check(config)

    def pretrain(self, config: CxrConfig, out: Path, scratch: Path, seed: int, progress: Progress) -> None:
        self.diffusion.pretrain(config, out, scratch, seed, progress)

    def digest(self, model: Path) -> str:
        return self._of(model).digest(model)

    def reads_cohort(self, model: Path) -> bool:
        return self._of(model).reads_cohort(model)

    def open(self, model: Path, config: CxrConfig, rows: int, scratch: Path) -> CxrMaker:
        return self._of(model).open(model, config, rows, scratch)

    def free_conditions(self, model: Path, config: CxrConfig) -> BySeed[CxrCondition]:
        return self._of(model).free_conditions(model, config)

    def round_trips(
        self, model: Path, config: RunConfig[CxrConfig], seed: int, scratch: Path
    ) -> Sequence[CxrRoundTrip]:
        return self._of(model).round_trips(model, config, seed, scratch)

    def describe(self, model: Path, config: CxrConfig) -> str:
        return self._of(model).describe(model, config)


class CxrFilterKind(FilterKind[CxrImage, CxrCondition, CxrConfig]):
    """See :class:`synthgen.modality.FilterKind`."""

    def fit(self, train: Sequence[CxrReal], config: CxrConfig, folder: Path, seed: int, progress: Progress) -> None:
        fit_identity(train, config.identity, folder / "identity", seed=seed, progress=progress)

    def open(self, train: Sequence[CxrReal], config: CxrConfig, folder: Path) -> CxrFilters:
        identity = open_identity(folder / "identity")
        encoder = image_encoder(config.encoder) if config.encoder else None
        return CxrFilters.over(identity, [r.payload for r in train], [r.patient for r in train], encoder)

    def planted(self, planting: Planting[CxrImage, CxrCondition], config: CxrConfig) -> Iterable[Planted[CxrImage]]:
        return planted_copies(
            planting.records, planting.round_trips, planting.seed, [host.payload for host in planting.hosts]
        )


class CxrReleases(Releases[CxrImage, CxrCondition, CxrConfig]):
    """See :class:`synthgen.modality.Releases`."""

    formats = OFFER.formats

    def write(
        self,
        folder: Path,
        samples: Callable[[], Iterable[tuple[int, CxrSynthetic]]],
        formats: Sequence[str],
        seed: int,
    ) -> DatasetFacts:
        facts = write_imagefolder(folder, samples())
        if "dicom" not in formats:
            return facts
        write_dicom(folder, samples(), release_seed=seed)
        return replace(facts, formats=("dicom",))

    def read(self, folder: Path) -> list[CxrSynthetic]:
        return read_imagefolder(folder)

    def preview(self, samples: Sequence[CxrSynthetic]) -> Preview:
        return Preview(contact_sheet(samples))

    def evaluate(
        self,
        samples: Sequence[CxrSynthetic],
        cohort: Cohort[CxrImage, CxrCondition],
        config: CxrConfig,
        seed: int,
        progress: Progress,
    ) -> Evaluation:
        return evaluate(samples=samples, cohort=cohort, config=config.evaluation, seed=seed, progress=progress)


CXR: Modality[CxrImage, CxrCondition, CxrConfig] = Modality(
    name=OFFER.name,
    section=CxrConfig,
    presets=OFFER.presets,
    cohorts=CxrCohorts(),
    generator=CxrGenerators(),
    filters=CxrFilterKind(),
    releases=CxrReleases(),
    anonymiser=CxrAnonymiser(),
)
