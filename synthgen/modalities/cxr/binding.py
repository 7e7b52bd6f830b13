"""Chest X-rays as a modality: binds the generator, the filters and the evaluation, which do not know each other."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from synthgen.config import RunConfig
from synthgen.eval.cxr.evaluate import evaluate
from synthgen.generators.cxr.candidates import load_images
from synthgen.generators.cxr.cohort import load_cohort
from synthgen.generators.cxr.conditions import condition_sampler, uniform_sampler
from synthgen.generators.cxr.contact_sheet import contact_sheet
from synthgen.generators.cxr.demo_cohort import write_demo_cohort
from synthgen.generators.cxr.model_folder import check_folder, model_digest, open_generator
from synthgen.generators.cxr.read import read_imagefolder
from synthgen.generators.cxr.sampler import CxrGenerator
from synthgen.generators.cxr.training import fit_generator
from synthgen.generators.cxr.write import write_dicom, write_imagefolder
from synthgen.modalities.cxr.settings import OFFER, CxrConfig
from synthgen.payloads.cxr import CxrCondition, CxrImage, CxrReal, CxrSynthetic
from synthgen.pretrained.image import hub_encoder
from synthgen.privacy_filters.cxr.filters import CxrFilters
from synthgen.privacy_filters.cxr.identity import open_identity
from synthgen.privacy_filters.cxr.identity_training import fit_identity
from synthgen.privacy_filters.cxr.planted import RoundTrip, planted_copies
from synthgen.privacy_filters.cxr.same_image import same_images
from synthgen.progress import Progress
from synthgen.records import Cohort, JsonValue, Link, Loaded, Planted, Rule
from synthgen.report import DatasetFacts, Evaluation, Preview
from synthgen.slots import BySeed


class Cxr:
    """See :class:`synthgen.modality.Modality`; every method hands on to the function that does the work."""

    name = OFFER.name
    section = CxrConfig
    presets = OFFER.presets
    formats = OFFER.formats

    def write_demo_cohort(self, folder: Path, config: CxrConfig, seed: int, progress: Progress) -> None:
        write_demo_cohort(folder, config.demo, seed, progress)

    def load_cohort(
        self, data: Path, config: CxrConfig, cache: Path, progress: Progress
    ) -> Loaded[CxrImage, CxrCondition]:
        return load_cohort(data, config.cohort, size=config.generator.size, cache=cache, progress=progress)

    def links(self, records: Sequence[CxrReal], config: CxrConfig, progress: Progress) -> Sequence[Link]:
        return same_images([r.payload for r in records], [r.patient for r in records], progress)

    def load_candidates(self, folder: Path, config: CxrConfig, progress: Progress) -> list[tuple[str, CxrImage]]:
        return load_images(folder, size=config.generator.size, progress=progress)

    def fit(self, train: Sequence[CxrReal], config: CxrConfig, folder: Path, seed: int, progress: Progress) -> None:
        fit_generator(train, config.generator, folder, seed=seed, progress=progress)

    def fit_filters(
        self, train: Sequence[CxrReal], config: CxrConfig, folder: Path, seed: int, progress: Progress
    ) -> None:
        fit_identity(train, config.identity, folder / "identity", seed=seed, progress=progress)

    def model_digest(self, model: Path) -> str:
        check_folder(model)
        return model_digest(model)

    def reads_cohort(self, model: Path) -> bool:
        return True

    def open_generator(self, model: Path, config: CxrConfig, rows: int, scratch: Path | None = None) -> CxrGenerator:
        return open_generator(model, config.generator.sampler, rows)

    def open_filters(self, train: Sequence[CxrReal], config: CxrConfig, folder: Path) -> CxrFilters:
        identity = open_identity(folder / "identity")
        encoder = hub_encoder(config.encoder) if config.encoder else None
        return CxrFilters.over(identity, [r.payload for r in train], [r.patient for r in train], encoder)

    def rules(self, config: CxrConfig, model: Path | None) -> tuple[Rule[CxrImage], ...]:
        return ()

    def planted(
        self, records: Sequence[CxrReal], model: Path | None, config: RunConfig[CxrConfig], seed: int
    ) -> Iterable[Planted[CxrImage]]:
        if model is None:
            return planted_copies(records, (), seed)
        generator = self.open_generator(model, config.modality, config.slots.rows)

        def decoded(originals: Sequence[CxrReal]) -> list[CxrImage]:
            return generator.autoencoder_round_trip([r.payload for r in originals])

        def denoised(originals: Sequence[CxrReal], strength: float) -> list[CxrImage]:
            images, conditions = [r.payload for r in originals], [r.condition for r in originals]
            return generator.noised_round_trip(images, conditions, strength=strength, seed=seed)

        light, heavy = config.gate.noised_strength, config.gate.redrawn_strength
        round_trips: tuple[tuple[str, str, RoundTrip], ...] = (
            ("autoencoder", "generator", decoded),
            (f"noised_{light:.0%}_and_denoised", "generator", lambda originals: denoised(originals, light)),
            (f"noised_{heavy:.0%}_and_denoised", "beyond", lambda originals: denoised(originals, heavy)),
        )
        return planted_copies(records, round_trips, seed)

    def conditions(self, train: Sequence[CxrReal], config: CxrConfig) -> BySeed[CxrCondition]:
        return BySeed(condition_sampler(train, config.conditions))

    def free_conditions(self, model: Path, config: CxrConfig) -> BySeed[CxrCondition]:
        return BySeed(uniform_sampler(open_generator(model, config.generator.sampler, None).vocabulary))

    def condition_from(self, values: dict[str, JsonValue]) -> CxrCondition:
        return CxrCondition.from_dict(values)

    def person(self, condition: CxrCondition) -> Hashable | None:
        return None

    def joined(self, payloads: Sequence[CxrImage]) -> CxrImage:
        (only,) = payloads
        return only

    def encode(self, payload: CxrImage) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(payload).save(buffer, format="PNG", compress_level=6)
        return buffer.getvalue()

    def decode(self, content: bytes, scratch: Path) -> CxrImage:
        return np.asarray(Image.open(io.BytesIO(content)))

    def evaluate(
        self,
        samples: Sequence[CxrSynthetic],
        cohort: Cohort[CxrImage, CxrCondition],
        model: Path | None,
        config: CxrConfig,
        seed: int,
        progress: Progress,
    ) -> Evaluation:
        return evaluate(samples=samples, cohort=cohort, config=config.evaluation, seed=seed, progress=progress)

    def write(
        self,
        folder: Path,
        samples: Callable[[], Iterable[tuple[int, CxrSynthetic]]],
        formats: Sequence[str],
        seed: int,
    ) -> DatasetFacts:
        facts = write_imagefolder(folder, samples())
        if "dicom" in formats:
            write_dicom(folder, samples(), release_seed=seed)
        return facts

    def read_release(self, folder: Path) -> list[CxrSynthetic]:
        return read_imagefolder(folder)

    def show(self, payload: CxrImage) -> str:
        return f'<img src="data:image/png;base64,{base64.b64encode(self.encode(payload)).decode()}" alt="radiograph">'

    def preview(self, samples: Sequence[CxrSynthetic]) -> Preview:
        return Preview(contact_sheet(samples))

    def describe(self, config: CxrConfig) -> str:
        g = config.generator
        return (
            f"Latent diffusion at {g.size} px (diffusers AutoencoderKL and UNet2DConditionModel), v-prediction, "
            f"{g.sampler.kind} in {g.sampler.steps} steps, guidance {g.sampler.guidance:g}"
        )


CXR = Cxr()
