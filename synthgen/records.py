"""The types that flow through every stage, in the order in which a run meets them.

A real record and a synthetic one are different types, so that a real record cannot type-check into a release.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

if TYPE_CHECKING:  # a type must not cost numpy: the command line checks its arguments first
    import numpy as np
    from numpy.typing import NDArray

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]


class Condition(Protocol):
    """What a sample is asked to be (findings, view, severity, …). Hashable and immutable."""

    @property
    def stratum(self) -> str:
        """The coarse class by which patients are stratified in the split, e.g. ``"Pneumonia"``."""
        ...

    def as_dict(self) -> dict[str, JsonValue]:
        """The condition as it stands in shards and in the release's metadata."""
        ...

    def __hash__(self) -> int: ...


T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)
C = TypeVar("C", bound=Condition)


@dataclass(frozen=True, slots=True)
class Real(Generic[T, C]):
    """One record of a real patient. Never leaves the work folder.

    Attributes:
        patient: the cohort's identifier of the patient; every split is by this.
        record: the record's identifier within the cohort (a file name); orders a patient's visits.
        source: the file, where it holds more that a changed record may need.
    """

    patient: str
    record: str
    condition: C
    payload: T
    source: Path | None = None


@dataclass(frozen=True, slots=True)
class Synthetic(Generic[T, C]):
    """One generated record. ``seed`` and ``condition`` (with the model) determine ``payload``."""

    seed: int
    condition: C
    payload: T


@dataclass(frozen=True, slots=True)
class Anonymised(Generic[T, C]):
    """One real record, changed. Whose it was stays in the work folder.

    Attributes:
        operator: what changed it, in a word: ``"surrogates"``.
        header: what its own format says beside it, cleaned; empty where there is nothing of the kind.
    """

    operator: str
    condition: C
    payload: T
    header: bytes = b""


@dataclass(frozen=True, slots=True)
class Request(Generic[C]):
    """What a generator is asked for: the noise (by its seed) and the condition."""

    seed: int
    condition: C


@dataclass(frozen=True, slots=True)
class Skipped:
    """Records that a loader left out, with the reason: nothing is dropped silently."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Link:
    """Two records of a cohort that are the same or nearly so, under different patients.

    Attributes:
        first, second: places in the sequence of records that was looked through, ``first < second``.
        kind: how they resemble each other, in a word that may be reported: ``"same pixels"``, ``"registered copy"``.

    Of records that are all the same, every pair is a link: a large group that is linked in a chain is taken for a
    template, not for a person.
    """

    first: int
    second: int
    kind: str


@dataclass(frozen=True)
class Loaded(Generic[T, C]):
    """What a modality's loader found in a cohort folder, before the split.

    Attributes:
        links: records of different patients whom the folder itself tells to be one: two ids in one study, …
    """

    records: tuple[Real[T, C], ...]
    layout: str
    licence: str
    skipped: tuple[Skipped, ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Cohort(Generic[T, C]):
    """A real cohort split by patient: train (T), calibration (C), audit (E). The three are disjoint by patient.

    Attributes:
        digest: hex digest over every (patient, record, split); recorded with a release's provenance in the work folder.
    """

    train: tuple[Real[T, C], ...]
    calibration: tuple[Real[T, C], ...]
    audit: tuple[Real[T, C], ...]
    licence: str
    digest: str


class Operator(Protocol[T, C]):
    """Changes real records under a secret: the same records and secret give the same ones, another secret others."""

    def __call__(self, person: int, records: Sequence[Real[T, C]]) -> list[Anonymised[T, C]]:
        """All records of one patient, in their order.

        Args:
            person: the number by which the patient is known in the release, for what conditions say of it.
        """
        ...


class Matcher(Protocol[T_contra]):
    """A trained attacker: how alike the people behind two records are."""

    def __call__(self, probes: Sequence[T_contra], gallery: Sequence[T_contra]) -> NDArray[np.float64]:
        """Similarities, shape [P, G], finite, larger is more alike."""
        ...


class Attacker(Protocol[T_contra]):
    """A way to tell whether two records are of one person; what it learns, it learns from pairs of others.

    ``learns`` is False for one that compares and learns nothing: it has one level.
    """

    @property
    def name(self) -> str: ...

    @property
    def learns(self) -> bool: ...

    def trained(self, probes: Sequence[T_contra], gallery: Sequence[T_contra], seed: int) -> Matcher[T_contra]:
        """Learns from N people: ``probes[i]`` and ``gallery[i]`` are of one, all other pairs of two."""
        ...


class Generator(Protocol[T, C]):
    """A fitted generator. There is no unfitted one: fitting returns a folder, opening a folder returns this."""

    def __call__(self, requests: Sequence[Request[C]]) -> list[Synthetic[T, C]]:
        """Generates one sample per request. The sample depends on its own request only, not on its neighbours."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one filter says of one record: rejected when ``score`` is at or below ``threshold``, or is NaN.

    Attributes:
        rule: True where a :class:`Rule` speaks; False for a calibrated filter, whose rejections tell on the generator.
    """

    filter: str
    score: float
    threshold: float
    rule: bool = False

    @property
    def keeps(self) -> bool:
        """True when the record is farther from every training patient than the threshold. NaN rejects."""
        return self.score > self.threshold


class Rule(Protocol[T_contra]):
    """Rejects by what a record says (an identifier, a canary), not by how close it lies to a patient.

    Real records break rules by nature, so that a rule cannot be calibrated on strangers; it rejects by itself, and its
    rejections say nothing on memorisation.
    """

    @property
    def name(self) -> str: ...

    def __call__(self, payloads: Sequence[T_contra]) -> list[Verdict]: ...


@dataclass(frozen=True, slots=True)
class Estimate:
    """Every figure that is ever reported: its value, its 95% interval and the number of independent units behind it.

    Attributes:
        metric: name as in docs/metrics.md, e.g. ``"verification_auc"``.
        ci95: lower and upper end; ``(nan, nan)`` only where no interval can be had, which the report then says.
        n: independent units (patients, where there are patients).
        better: ``"higher"``, ``"lower"``, the ideal value, e.g. ``"0.5"``, or nothing where there is none.
    """

    metric: str
    value: float
    ci95: tuple[float, float]
    n: int
    better: str = "higher"
    note: str = ""

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ValueError(f"n must be >= 0, got {self.n}")
        low, high = self.ci95
        if not (math.isnan(low) or math.isnan(high)) and low > high:
            raise ValueError(f"ci95 must be ordered, got {self.ci95}")

    def as_dict(self) -> dict[str, JsonValue]:
        """JSON form; NaN and infinity become null."""

        def number(x: float) -> float | None:
            return round(x, 6) if math.isfinite(x) else None

        return {
            "metric": self.metric,
            "value": number(self.value),
            "ci95": [number(self.ci95[0]), number(self.ci95[1])],
            "n": self.n,
            "better": self.better,
            "note": self.note,
        }


@dataclass(frozen=True)
class RoundTrip(Generic[T, C]):
    """What a generator makes of real records.

    Attributes:
        name, domain: as of :class:`Planted`.
        copies: from records to one copy of each; possibly of the first ones alone, where each takes long.
    """

    name: str
    domain: str
    copies: Callable[[Sequence[Real[T, C]]], list[T]]


@dataclass(frozen=True)
class Planting(Generic[T, C]):
    """What copies are made of, to measure what the filters miss.

    Attributes:
        records: training records, one per patient.
        round_trips: what the generator makes of them.
        hosts: records of people whom the filters do not know, for copies that are laid onto another's: laid onto one
            that they know, a copy would be caught for its host. Empty where there is nobody.
        seed: of every choice.
        scratch: a private folder for copies that are files; a kind of copy is judged before the next is made.
    """

    records: Sequence[Real[T, C]]
    round_trips: Sequence[RoundTrip[T, C]]
    hosts: Sequence[Real[T, C]]
    seed: int
    scratch: Path


@dataclass(frozen=True)
class Planted(Generic[T]):
    """Copies of real training records, made on purpose, to measure what the filters miss.

    Attributes:
        perturbation: e.g. ``"exact"``, ``"jpeg_q50"``, ``"autoencoder"``.
        domain: ``"exact"`` (a miss fails closed), ``"generator"`` (the generator's own domain: more than 5% missed is
            INCONCLUSIVE), ``"perturbed"`` (reported and claimed) or ``"beyond"`` (reported, not claimed: more than a
            copy).
        payloads: one copy per sampled training patient.
    """

    perturbation: str
    domain: str
    payloads: tuple[T, ...]

    def __post_init__(self) -> None:
        if self.domain not in {"exact", "generator", "perturbed", "beyond"}:
            raise ValueError(f"domain must be exact, generator, perturbed or beyond, got {self.domain!r}")


class Columns(Protocol[T_contra]):
    """Filters that are computed together."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def scores(self, payloads: Sequence[T_contra], exclude: Sequence[str] | None = None) -> NDArray[np.float64]:
        """Density-normalised distance to the nearest training patient, shape [N, F], >= 0, larger is safer.

        Args:
            exclude: for each payload a patient to leave out: its own, when a training record is scored.
        """
        ...


class Filters(Columns[T_contra], Protocol[T_contra]):
    """Filters that were fitted on T alone and know its records, not yet calibrated."""

    @property
    def parts(self) -> Sequence[Columns[T_contra]]:
        """The same filters in the same order, part by part, the cheapest first; one, where they share their work."""
        return (self,)

    def enrolled(self, payloads: Sequence[T_contra], patients: Sequence[str]) -> Self:
        """The same filters, protecting these records too; nothing is fitted on them."""
        ...

    def nearest_patients(self, payloads: Sequence[T_contra]) -> list[str]:
        """The training patient whom each payload resembles most in the retrieval embedding."""
        ...

    def distances(self, payloads: Sequence[T_contra], references: Sequence[T_contra]) -> NDArray[np.float64]:
        """Plain distance in the retrieval embedding, shape [N, R]."""
        ...
