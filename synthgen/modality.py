"""What differs between kinds of data, and the one door through which the spine reaches it.

Built-in modalities come through the same entry point group as a third party's: ``synthgen.modalities``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

from synthgen.config import RunConfig, Section
from synthgen.errors import MissingExtraError, UserError
from synthgen.files import private_folder, write_atomically
from synthgen.progress import Progress
from synthgen.records import C, Cohort, Filters, Generator, JsonValue, Link, Loaded, Planted, Real, Rule, Synthetic
from synthgen.report import DatasetFacts, Evaluation, Preview
from synthgen.slots import Conditions

T = TypeVar("T")
M = TypeVar("M", bound=Section)
M_contra = TypeVar("M_contra", bound=Section, contravariant=True)

GROUP = "synthgen.modalities"
_READY = "generator.txt"


class Modality(Protocol[T, C, M]):
    """Everything that the pipeline asks of a modality, in the order in which it asks."""

    @property
    def name(self) -> str: ...

    @property
    def section(self) -> type[M]:
        """The pydantic model of the configuration's ``modality`` section."""
        ...

    @property
    def presets(self) -> tuple[str, str]:
        """The preset for the demo cohort, and the one for real data."""
        ...

    @property
    def formats(self) -> tuple[str, ...]:
        """The release formats, the default first."""
        ...

    def write_demo_cohort(self, folder: Path, config: M, seed: int, progress: Progress) -> None:
        """Writes the cohort that stands in when no data is given, in a layout that ``load_cohort`` reads."""
        ...

    def load_cohort(self, data: Path, config: M, cache: Path, progress: Progress) -> Loaded[T, C]:
        """Reads a cohort of real records. ``cache`` is a private folder."""
        ...

    def links(self, records: Sequence[Real[T, C]], config: M, progress: Progress) -> Sequence[Link]:
        """Pairs of records of different patients that are the same or nearly so: one person under two numbers."""
        ...

    def load_candidates(self, folder: Path, config: M, progress: Progress) -> list[tuple[str, T]]:
        """Reads somebody else's synthetic records, with a name each."""
        ...

    def fit(self, train: Sequence[Real[T, C]], config: M, folder: Path, seed: int, progress: Progress) -> None:
        """Fits the generator on T into ``folder``; resumes, and returns at once when it is finished."""
        ...

    def fit_filters(self, train: Sequence[Real[T, C]], config: M, folder: Path, seed: int, progress: Progress) -> None:
        """Fits what the filters learn, on T alone; resumes likewise."""
        ...

    def model_digest(self, model: Path) -> str:
        """Hex digest of a model folder.

        Raises:
            UserError: if it is no model folder of this modality, or holds pickled weights.
        """
        ...

    def reads_cohort(self, model: Path) -> bool:
        """False only where it is certain that no record of a cohort ever entered this model (a grammar, a voice prior).

        Without such a certainty, as for any model from outside, True.
        """
        ...

    def open_generator(self, model: Path, config: M, rows: int, scratch: Path | None = None) -> Generator[T, C]:
        """Opens a fitted generator for batches of ``rows``.

        Args:
            scratch: a private folder where it may keep what lets it resume within a batch.
        """
        ...

    def open_filters(self, train: Sequence[Real[T, C]], config: M, folder: Path) -> Filters[T]:
        """Opens the fitted filters over the records that they protect."""
        ...

    def rules(self, config: M, model: Path | None) -> tuple[Rule[T], ...]:
        """What rejects a sample besides the calibrated filters."""
        ...

    def planted(
        self, records: Sequence[Real[T, C]], model: Path | None, config: RunConfig[M], seed: int
    ) -> Iterable[Planted[T]]:
        """Copies of training records under the modality's perturbations, with a model in its own domain too."""
        ...

    def conditions(self, train: Sequence[Real[T, C]], config: M) -> Conditions[C]:
        """Draws the condition of a slot.

        Raises:
            UserError: if a condition is asked for that the cohort lacks.
        """
        ...

    def free_conditions(self, model: Path, config: M) -> Conditions[C]:
        """Draws conditions from what the model can make, where there is no cohort to draw them from."""
        ...

    def condition_from(self, values: dict[str, JsonValue]) -> C:
        """Inverse of ``Condition.as_dict``."""
        ...

    def person(self, condition: C) -> Hashable | None:
        """What samples of one synthetic person share, where a person has several samples; None where each is a person.

        The samples of one person are neighbours in the order of the slots.
        """
        ...

    def joined(self, payloads: Sequence[T]) -> T:
        """All records of one person as one record, so that what is dealt over many of them is seen together."""
        ...

    def encode(self, payload: T) -> bytes:
        """A payload as it lies in a shard, byte for byte the same for the same payload."""
        ...

    def decode(self, content: bytes, scratch: Path) -> T:
        """Inverse of ``encode``; what is too large for a shard lies in ``scratch``, where its generator put it."""
        ...

    def evaluate(
        self,
        samples: Sequence[Synthetic[T, C]],
        cohort: Cohort[T, C],
        model: Path | None,
        config: M,
        seed: int,
        progress: Progress,
    ) -> Evaluation:
        """Attacks on, and the quality of, what would be released; ``model`` made it, where that is at hand."""
        ...

    def write(
        self,
        folder: Path,
        samples: Callable[[], Iterable[tuple[int, Synthetic[T, C]]]],
        formats: Sequence[str],
        seed: int,
    ) -> DatasetFacts:
        """Writes the release's data files; ``samples`` gives (slot, sample) afresh for each format."""
        ...

    def read_release(self, folder: Path) -> list[Synthetic[T, C]]:
        """Reads back the data files of a release; seeds are not released, so they read as 0.

        Raises:
            UserError: if the folder is no release of this modality.
        """
        ...

    def show(self, payload: T) -> str:
        """One record as an HTML fragment that needs no other file, for the private audit page."""
        ...

    def preview(self, samples: Sequence[Synthetic[T, C]]) -> Preview:
        """Some samples, for the card and the report page."""
        ...

    def describe(self, config: M) -> str:
        """One public line on the generator, for the card."""
        ...


def names() -> tuple[str, ...]:
    """The installed modalities."""
    return tuple(sorted({entry.name for entry in metadata.entry_points(group=GROUP)}))


def load(name: str) -> Modality[Any, Any, Any]:
    """Loads a modality by name.

    Raises:
        UserError: if there is none of that name.
        MissingExtraError: if its optional packages are not installed.
    """
    found = [entry for entry in metadata.entry_points(group=GROUP) if entry.name == name]
    if not found:
        raise UserError(f"no modality {name!r}: give one of {', '.join(names())}")
    try:
        loaded: Modality[Any, Any, Any] = found[0].load()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "synthgen":
            raise
        raise MissingExtraError(f"--modality {name}", name) from None
    return loaded


RoundTrip = Callable[[Sequence[Real[T, C]]], list[T]]
"""What a generator makes of real records when it is asked to say them again: copies in its own domain."""


class GeneratorKind(Protocol[T, C, M_contra]):
    """What a generator from outside brings; the members are those of :class:`Modality`, which document them."""

    def fit(
        self, train: Sequence[Real[T, C]], config: M_contra, folder: Path, seed: int, progress: Progress
    ) -> None: ...

    def model_digest(self, model: Path) -> str: ...

    def reads_cohort(self, model: Path) -> bool: ...

    def open_generator(
        self, model: Path, config: M_contra, rows: int, scratch: Path | None = None
    ) -> Generator[T, C]: ...

    def describe(self, config: M_contra) -> str: ...


@dataclass(frozen=True)
class Ready(Generic[T, C]):
    """A :class:`GeneratorKind` that needs no fitting: a function from requests to samples, and how to open it.

    Attributes:
        open: from a private folder, for what samples keep on disk, to the generator.
        description: one public line, for the card. Together with ``version`` it identifies the model: a work folder
            serves one model only.
        saw_cohort: False only where it is certain that no record of the cohort ever entered the generator.
    """

    open: Callable[[Path | None], Generator[T, C]]
    description: str
    version: str = ""
    saw_cohort: bool = True

    def fit(self, train: Sequence[Real[T, C]], config: Section, folder: Path, seed: int, progress: Progress) -> None:
        write_atomically(private_folder(folder) / _READY, self.version.encode())

    def model_digest(self, model: Path) -> str:
        return hashlib.blake2b(f"{self.description}\0{self.version}".encode(), digest_size=16).hexdigest()

    def reads_cohort(self, model: Path) -> bool:
        return self.saw_cohort

    def open_generator(self, model: Path, config: Section, rows: int, scratch: Path | None = None) -> Generator[T, C]:
        return self.open(scratch)

    def describe(self, config: Section) -> str:
        return self.description


def with_generator(
    modality: Modality[T, C, M], generator: GeneratorKind[T, C, M], round_trip: RoundTrip[T, C] | None = None
) -> Modality[T, C, M]:
    """The same modality with somebody else's generator in it: cohort, filters, planted copies and writer stay.

    The pipeline runs on what this returns as on any other modality, and its verdict holds for the generator that was
    put in. The modality's own round trips, rules of its own models and attacks on them do not apply, since they read
    its own model folders.

    >>> kind = with_generator(load("cxr"), Ready(lambda scratch: mine, "My diffusion model"))  # doctest: +SKIP

    Args:
        round_trip: copies in the generator's own domain (through its autoencoder, say), which are planted too. Without
            one the gate does not know whether it would see a copy that this generator blurs, and its verdict says so
            where the samples lie far from every real record.
    """
    return cast("Modality[T, C, M]", _Swapped(modality, generator, round_trip))


@dataclass(frozen=True)
class _Swapped(Generic[T, C, M]):
    """Asks ``generator`` for what concerns the generator, and ``modality`` for everything else."""

    modality: Modality[T, C, M]
    generator: GeneratorKind[T, C, M]
    round_trip: RoundTrip[T, C] | None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "modality":
            raise AttributeError(name)
        return getattr(self.modality, name)

    def fit(self, train: Sequence[Real[T, C]], config: M, folder: Path, seed: int, progress: Progress) -> None:
        self.generator.fit(train, config, folder, seed, progress)

    def model_digest(self, model: Path) -> str:
        return self.generator.model_digest(model)

    def reads_cohort(self, model: Path) -> bool:
        return self.generator.reads_cohort(model)

    def open_generator(self, model: Path, config: M, rows: int, scratch: Path | None = None) -> Generator[T, C]:
        return self.generator.open_generator(model, config, rows, scratch)

    def describe(self, config: M) -> str:
        return self.generator.describe(config)

    def rules(self, config: M, model: Path | None) -> tuple[Rule[T], ...]:
        return self.modality.rules(config, None)

    def planted(
        self, records: Sequence[Real[T, C]], model: Path | None, config: RunConfig[M], seed: int
    ) -> Iterable[Planted[T]]:
        yield from self.modality.planted(records, None, config, seed)
        if self.round_trip is not None and model is not None:
            yield Planted("round_trip", "generator", tuple(self.round_trip(records)))

    def free_conditions(self, model: Path, config: M) -> Conditions[C]:
        raise UserError("a generator from outside takes its conditions from a cohort: give --data")

    def evaluate(
        self,
        samples: Sequence[Synthetic[T, C]],
        cohort: Cohort[T, C],
        model: Path | None,
        config: M,
        seed: int,
        progress: Progress,
    ) -> Evaluation:
        return self.modality.evaluate(samples, cohort, None, config, seed, progress)
