"""What differs between kinds of data, and the one door through which the spine reaches it.

Built-in modalities come through the same entry point group as a third party's: ``synthgen.modalities``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol, TypeVar

from synthgen.config import RunConfig, Section
from synthgen.errors import MissingExtraError, UserError
from synthgen.privacy_filters.gate import Filters
from synthgen.progress import Progress
from synthgen.records import C, Cohort, Generator, JsonValue, Link, Loaded, Planted, Real, Rule, Synthetic
from synthgen.report import DatasetFacts, Evaluation, Preview
from synthgen.slots import Conditions

T = TypeVar("T")
M = TypeVar("M", bound=Section)

GROUP = "synthgen.modalities"


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
