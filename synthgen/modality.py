"""What differs between kinds of data, in four parts, and the one door through which the spine reaches it.

A modality is a bundle of four parts, each a small Protocol: where real records come from (:class:`Cohorts`), what makes
samples (:class:`GeneratorKind`), what screens them (:class:`FilterKind`), and what becomes of them (:class:`Releases`);
and of a fifth where real records may be released changed (:class:`AnonymiserKind`).
Members with a body are what most need; who names the Protocol as a base inherits them.
To put a generator of your own into the whole, replace one part and keep the rest:

>>> kind = replace(load("cxr"), generator=Ready(lambda scratch: mine, "My diffusion model"))  # doctest: +SKIP

Built-in modalities come through the same entry point group as a third party's: ``synthgen.modalities``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from synthgen.config import RunConfig, Section, load_config
from synthgen.dp.accounting import Event
from synthgen.errors import MissingExtraError, UserError
from synthgen.files import private_folder, write_atomically
from synthgen.offer import MODALITIES, names
from synthgen.progress import Progress
from synthgen.records import (
    Anonymised,
    Attacker,
    C,
    Cohort,
    Estimate,
    Filters,
    Generator,
    JsonValue,
    Link,
    Loaded,
    Operator,
    Planted,
    Planting,
    Real,
    RoundTrip,
    Rule,
    Synthetic,
)
from synthgen.report import DatasetFacts, Evaluation, Preview, ShownPair
from synthgen.slots import Conditions

T = TypeVar("T")
M = TypeVar("M", bound=Section)
M_contra = TypeVar("M_contra", bound=Section, contravariant=True)

_READY = "generator.txt"


class Cohorts(Protocol[T, C, M_contra]):
    """Real records: how they are read, who they are of, what is asked for after their model, and how they are kept."""

    def write_demo(self, folder: Path, config: M_contra, seed: int, progress: Progress) -> None:
        """Writes the cohort that stands in when no data is given, in a layout that ``load`` reads."""
        ...

    def load(self, data: Path, config: M_contra, cache: Path, progress: Progress) -> Loaded[T, C]:
        """Reads a cohort of real records. ``cache`` is a private folder."""
        ...

    def listed(self, data: Path, config: M_contra, cache: Path, progress: Progress) -> Sequence[str] | None:
        """The patient of each record as the listing names it, before one is read; None where listing is reading."""
        return None

    def load_candidates(self, folder: Path, config: M_contra, progress: Progress) -> list[tuple[str, T]]:
        """Reads somebody else's synthetic records, with a name each."""
        ...

    def candidate_conditions(
        self, folder: Path, names: Sequence[str], config: M_contra, progress: Progress
    ) -> Sequence[C] | None:
        """What each of the candidates is of, in the order of their names; None where their folder does not say."""
        return None

    def links(self, records: Sequence[Real[T, C]], config: M_contra, progress: Progress) -> Sequence[Link]:
        """Pairs of records of different patients that are the same or nearly so: one person under two numbers."""
        return ()

    def conditions(self, train: Sequence[Real[T, C]], config: M_contra) -> Conditions[C]:
        """Draws the condition of a slot.

        Raises:
            UserError: if a condition is asked for that the cohort lacks.
        """
        ...

    def condition_from(self, values: dict[str, JsonValue]) -> C:
        """Inverse of ``Condition.as_dict``."""
        ...

    def person(self, condition: C) -> Hashable | None:
        """What samples of one synthetic person share, where a person has several samples; None where each is a person.

        The samples of one person are neighbours in the order of the slots.
        """
        return None

    def joined(self, payloads: Sequence[T]) -> T:
        """All records of one person as one record, so that what is dealt over many of them is seen together."""
        (only,) = payloads
        return only

    def encode(self, payload: T) -> bytes:
        """A payload as it lies in a shard, byte for byte the same for the same payload."""
        ...

    def decode(self, content: bytes, scratch: Path) -> T:
        """Inverse of ``encode``; what is too large for a shard lies in ``scratch``, where its generator put it."""
        ...

    def show(self, payload: T) -> str:
        """One record as an HTML fragment that needs no other file, for the private review page."""
        ...

    def show_pair(self, sample: T, real: T) -> ShownPair:
        """A sample and the real record that it resembles most, so that a person sees what is alike."""
        return ShownPair(self.show(sample), self.show(real))


def _nothing(train: object, noise: object, folder: Path, seed: int) -> None:
    """A check that refuses nothing."""


@dataclass(frozen=True)
class PrivateFit(Generic[T, C]):
    """A way to fit a generator with differential privacy, the patient being the unit.

    Attributes:
        method: as ``privacy.method`` names it.
        mechanism: in words, for the guarantee.
        events: from ε, δ and the number of training patients to the noise of every use of them.
        fit: fits into a folder, with exactly these events; resumes, and returns at once when it is finished. What it
            reads of the patients beside them must be among ``public`` or ``not_covered``.
        public: what is set by the cohort and declared public.
        not_covered: what of the patients' data is used outside the guarantee.
        check: takes what ``fit`` takes, and looks at what may be refused before anything is spent; it says nothing of
            the patients but what is public.
        drawn: how many draws of noise (rounds of votes, steps) a folder holds that the fit goes on from; where that is
            fewer than were noted (:func:`synthgen.dp.begun.note_drawn`), it is paid for anew. None: it goes on from
            nothing, so that all that is unfinished is.
    """

    method: str
    mechanism: str
    events: Callable[[float, float, int], tuple[Event, ...]]
    fit: Callable[[Sequence[Real[T, C]], tuple[Event, ...], Path, int, Progress], None]
    public: tuple[str, ...] = ()
    not_covered: tuple[str, ...] = ()
    check: Callable[[Sequence[Real[T, C]], tuple[Event, ...], Path, int], None] = _nothing
    drawn: Callable[[Path], int] | None = None


@dataclass(frozen=True)
class PublicSpace(Generic[T, C]):
    """Where samples and records meet in a distance that no patient had a part in.

    Attributes:
        features: of payloads, shape [n, d]; a row of nan for what has none. Euclidean distance tells how like one
            another two are.
        condition: only of the same condition a record can explain a sample.
        radius: the distance below which a share, in (0, 1), of pairs of public draws of one condition lie.
        share: within which a record explains a sample unless another is asked for.
        by: what is compared, in words, for the report.
    """

    features: Callable[[Sequence[T]], NDArray[np.float64]]
    condition: Callable[[C], str]
    radius: Callable[[float], float]
    share: float
    by: str


class GeneratorKind(Protocol[T, C, M]):
    """What makes samples: how it is fitted, opened and described, and what only its own model can tell."""

    def fit(self, train: Sequence[Real[T, C]], config: M, folder: Path, seed: int, progress: Progress) -> None:
        """Fits the generator on T into ``folder``; resumes, and returns at once when it is finished."""
        ...

    def private_fits(self, config: M) -> Sequence[PrivateFit[T, C]]:
        """The ways to fit it with differential privacy, the default first; none unless there are."""
        return ()

    def public_space(self, config: M) -> PublicSpace[T, C] | None:
        """In which it is counted who could explain a sample; None where there is none. Opening it costs little."""
        return None

    def check(self, config: M) -> None:
        """Looks at what fitting will need beside the cohort, before anything is read or trained.

        Raises:
            UserError: it is not there, or is not what it should be.
        """
        return

    def pretrain(self, config: M, out: Path, scratch: Path, seed: int, progress: Progress) -> None:
        """Trains a base on what belongs to nobody, and writes it to ``out``; resumes.

        Args:
            scratch: a private folder for what is simulated and for the unfinished training.

        Raises:
            UserError: there is nothing of the kind.
        """
        raise UserError("there is no base to be trained for this modality: fit a model with synthgen fit")

    def digest(self, model: Path) -> str:
        """Hex digest of a model folder.

        Raises:
            UserError: if it is no model folder of this generator, or holds pickled weights.
        """
        ...

    def reads_cohort(self, model: Path) -> bool:
        """False only where it is certain that no record of a cohort ever entered this model (a grammar, a voice prior).

        Without such a certainty, as for any model from outside, True.
        """
        ...

    def will_read(self, config: M) -> bool:
        """False only where it is certain that fitting lets no record into the model: see :meth:`reads_cohort`."""
        return True

    def counts(self, model: Path, config: M) -> str:
        """What of the cohort the samples follow by counts alone, in words ("what ..."); empty where nothing is counted.

        Counts that many patients share let no record into the model: :meth:`reads_cohort` may be False beside them.
        """
        return ""

    def open(self, model: Path, config: M, rows: int, scratch: Path) -> Generator[T, C]:
        """Opens a fitted generator for batches of ``rows``.

        Args:
            scratch: a private folder where it may keep what samples keep on disk, and what lets it resume.
        """
        ...

    def free_conditions(self, model: Path, config: M) -> Conditions[C]:
        """Draws conditions from what the model can make, where there is no cohort to draw them from."""
        raise UserError("this generator takes its conditions from a cohort: give --data")

    def round_trips(self, model: Path, config: RunConfig[M], seed: int, scratch: Path) -> Sequence[RoundTrip[T, C]]:
        """What the model makes of real records when it is asked to say them again: copies in its own domain."""
        return ()

    def rules(self, model: Path, config: M) -> tuple[Rule[T], ...]:
        """What rejects a sample of this model whatever it resembles: an unfinished session, a canary."""
        return ()

    def evaluate(
        self,
        model: Path,
        samples: Sequence[Synthetic[T, C]],
        cohort: Cohort[T, C],
        config: M,
        seed: int,
        progress: Progress,
    ) -> tuple[Estimate, ...]:
        """Figures that need the model itself: attacks on it, its judgement of what it made."""
        return ()

    def describe(self, model: Path, config: M) -> str:
        """One public line on what made the data, read off the model, for the card."""
        ...


class FilterKind(Protocol[T, C, M_contra]):
    """What screens samples: what it learns from T, the filters themselves, and the copies that try them."""

    def fit(self, train: Sequence[Real[T, C]], config: M_contra, folder: Path, seed: int, progress: Progress) -> None:
        """Fits what the filters learn, on T alone; resumes."""

    def open(self, train: Sequence[Real[T, C]], config: M_contra, folder: Path) -> Filters[T]:
        """Opens the fitted filters over the records that they protect."""
        ...

    def cleaned(self, generator: Generator[T, C], config: M_contra) -> Generator[T, C]:
        """The generator, with what is done to every sample before it is judged: identifiers replaced, say."""
        return generator

    def rules(self, config: M_contra, *, cleaned: bool) -> tuple[Rule[T], ...]:
        """What rejects a record besides the calibrated filters.

        Args:
            cleaned: False for records that were made elsewhere, to which ``cleaned`` did nothing.
        """
        return ()

    def planted(self, planting: Planting[T, C], config: M_contra) -> Iterable[Planted[T]]:
        """Copies of training records under the modality's perturbations, and through the generator's round trips."""
        ...


class Releases(Protocol[T, C, M_contra]):
    """What becomes of kept samples: files, and figures on them."""

    @property
    def formats(self) -> tuple[str, ...]:
        """The release formats, the default first."""
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

    def read(self, folder: Path) -> list[Synthetic[T, C]]:
        """Reads back the data files of a release; seeds are not released, so they read as 0.

        Raises:
            UserError: if the folder is no release of this modality.
        """
        ...

    def preview(self, samples: Sequence[Synthetic[T, C]]) -> Preview:
        """Some samples, for the card and the report page."""
        return Preview()

    def evaluate(
        self,
        samples: Sequence[Synthetic[T, C]],
        cohort: Cohort[T, C],
        config: M_contra,
        seed: int,
        progress: Progress,
    ) -> Evaluation:
        """Attacks on, and the quality of, what would be released."""
        ...


class AnonymiserKind(Protocol[T, C, M_contra]):
    """What changes real records until they are lost, who tries to find them, and what becomes of them."""

    @property
    def operators(self) -> tuple[str, ...]:
        """The operators' names, the default first."""
        ...

    def check(self, operator: str, strength: float, config: M_contra) -> None:
        """Looks at what was asked for, before a record is read.

        Raises:
            UserError: the operator is not made for this strength, or lacks something.
        """
        return

    def fitted(
        self,
        operator: str,
        strength: float,
        train: Sequence[Real[T, C]],
        config: M_contra,
        folder: Path,
        seed: int,
        progress: Progress,
    ) -> Self:
        """The same, with what the operator learns on T lying in ``folder``; resumes, and learns nothing twice."""
        return self

    def within(self, scratch: Path) -> Self:
        """The same, whose operators keep in ``scratch``, a private folder, what is too large for a record's shard."""
        return self

    def open(
        self, operator: str, strength: float, train: Sequence[Real[T, C]], config: M_contra, secret: bytes
    ) -> Operator[T, C]:
        """An operator of that name, where it learns: of what ``fitted`` returned.

        Args:
            strength: 0 changes nothing; what more means is the operator's.
            train: T, for what may be kept since many have it.
            secret: without it nobody does the same again.

        Raises:
            UserError: the strength is not one that the operator knows.
        """
        ...

    def describe(self, operator: str, strength: float, config: M_contra) -> str:
        """One public line on what the operator does."""
        ...

    def attackers(self, config: M_contra) -> tuple[Attacker[T], ...]:
        """Who tries to link the changed records, the strongest first."""
        ...

    def write(self, folder: Path, records: Callable[[], Iterable[tuple[int, Anonymised[T, C]]]]) -> DatasetFacts:
        """Writes the release's data files; ``records`` gives (place, record) afresh each time."""
        ...

    def evaluate(
        self,
        operator: Operator[T, C],
        cohort: Cohort[T, C],
        config: M_contra,
        seed: int,
        progress: Progress,
    ) -> tuple[Estimate, ...]:
        """What changed records are still good for."""
        ...


@dataclass(frozen=True)
class Modality(Generic[T, C, M]):
    """A kind of data.

    Attributes:
        name: as ``--modality`` takes it.
        section: the pydantic model of the configuration's ``modality`` section.
        presets: the preset for the demo cohort, and the one for real data.
        configs: the package whose folder ``name`` holds the presets as YAML files.
        anonymiser: what changes real records; None where nothing does.
    """

    name: str
    section: type[M]
    presets: tuple[str, str]
    cohorts: Cohorts[T, C, M]
    generator: GeneratorKind[T, C, M]
    filters: FilterKind[T, C, M]
    releases: Releases[T, C, M]
    configs: str = "synthgen.configs"
    anonymiser: AnonymiserKind[T, C, M] | None = None

    def config(self, name_or_file: str, settings: Sequence[str] = (), **overrides: int | None) -> RunConfig[M]:
        """A preset or a YAML file with settings: see :func:`synthgen.config.load_config`."""
        return load_config(self.section, self.name, name_or_file, settings, package=self.configs, **overrides)


def load(name: str) -> Modality[Any, Any, Any]:
    """Loads a modality by name.

    Raises:
        UserError: if there is none of that name.
        MissingExtraError: if its optional packages are not installed.
    """
    found = [entry for entry in metadata.entry_points(group=MODALITIES) if entry.name == name]
    if not found:
        raise UserError(f"no modality {name!r}: give one of {', '.join(names())}")
    try:
        loaded: Modality[Any, Any, Any] = found[0].load()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "synthgen":
            raise
        raise MissingExtraError(f"--modality {name}", name) from None
    return loaded


@dataclass(frozen=True)
class Ready(GeneratorKind[T, C, Any]):
    """A :class:`GeneratorKind` that needs no fitting: a function from requests to samples, and how to open it.

    Attributes:
        make: from a private folder, for what samples keep on disk, to the generator.
        description: one public line, for the card. Together with ``version`` it identifies the model: a work folder
            serves one model only.
        saw_cohort: False only where it is certain that no record of the cohort ever entered the generator.
        round_trip: copies in the generator's own domain (through its autoencoder, say), which are planted too. Without
            one the gate does not know whether it would see a copy that this generator blurs, and its verdict says so
            where the samples lie far from every real record.
    """

    make: Callable[[Path], Generator[T, C]]
    description: str
    version: str = ""
    saw_cohort: bool = True
    round_trip: Callable[[Sequence[Real[T, C]]], list[T]] | None = None

    def fit(self, train: Sequence[Real[T, C]], config: Any, folder: Path, seed: int, progress: Progress) -> None:
        write_atomically(private_folder(folder) / _READY, self.version.encode())

    def digest(self, model: Path) -> str:
        return hashlib.blake2b(f"{self.description}\0{self.version}".encode(), digest_size=16).hexdigest()

    def reads_cohort(self, model: Path) -> bool:
        return self.saw_cohort

    def will_read(self, config: Any) -> bool:
        return self.saw_cohort

    def open(self, model: Path, config: Any, rows: int, scratch: Path) -> Generator[T, C]:
        return self.make(scratch)

    def round_trips(self, model: Path, config: RunConfig[Any], seed: int, scratch: Path) -> Sequence[RoundTrip[T, C]]:
        return () if self.round_trip is None else (RoundTrip("round_trip", "generator", self.round_trip),)

    def describe(self, model: Path, config: Any) -> str:
        return self.description
