"""Filters that remember what they said of a record: the same few hundred records are judged in hundreds of runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from synthgen.records import Filters

T = TypeVar("T")
Scores = NDArray[np.float64]
_MOST = 20_000


@dataclass
class Remembering(Filters[T]):
    """Fitted filters, whose answers are kept in memory. They are asked whatever they have not been asked before.

    Attributes:
        encode: a payload as bytes, the same for the same payload.
    """

    filters: Filters[T]
    encode: Callable[[T], bytes]
    _scores: dict[tuple[bytes, str | None], Scores] = field(default_factory=dict)
    _distances: dict[tuple[bytes, bytes], Scores] = field(default_factory=dict)
    _enrolled: dict[bytes, Remembering[T]] = field(default_factory=dict)
    _digests: dict[int, tuple[T, bytes]] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "filters":
            raise AttributeError(name)
        return getattr(self.filters, name)

    @property
    def names(self) -> tuple[str, ...]:
        return self.filters.names

    @cached_property
    def parts(self) -> tuple[Remembering[T], ...]:
        """The parts of the filters, each with a memory of its own; see :class:`synthgen.records.Filters`."""
        parts: tuple[Any, ...] = tuple(self.filters.parts)
        return (self,) if len(parts) == 1 else tuple(Remembering(part, self.encode) for part in parts)

    def scores(self, payloads: Sequence[T], exclude: Sequence[str] | None = None) -> Scores:
        """See :class:`synthgen.privacy_filters.gate.Filters`."""
        left_out: Sequence[str | None] = exclude or [None] * len(payloads)
        keys = [(self._digest(payload), out) for payload, out in zip(payloads, left_out, strict=True)]
        new = {key: i for i, key in enumerate(keys) if key not in self._scores}
        if new:
            places = list(new.values())
            out = None if exclude is None else [exclude[i] for i in places]
            self._scores.update(zip(new, self.filters.scores([payloads[i] for i in places], out), strict=True))
        return np.array([self._scores[key] for key in keys]).reshape(len(keys), len(self.names))

    def enrolled(self, payloads: Sequence[T], patients: Sequence[str]) -> Remembering[T]:
        """See :class:`synthgen.privacy_filters.gate.Filters`."""
        key = self._all(payloads) + "\0".join(patients).encode()
        if key not in self._enrolled:
            self._enrolled[key] = Remembering(self.filters.enrolled(payloads, patients), self.encode)
        return self._enrolled[key]

    def nearest_patients(self, payloads: Sequence[T]) -> list[str]:
        """See :class:`synthgen.privacy_filters.gate.Filters`."""
        return self.filters.nearest_patients(payloads)

    def distances(self, payloads: Sequence[T], references: Sequence[T]) -> Scores:
        """See :class:`synthgen.privacy_filters.gate.Filters`."""
        _bounded(self._distances)
        against = self._all(references)
        keys = [(self._digest(payload), against) for payload in payloads]
        new = {key: i for i, key in enumerate(keys) if key not in self._distances}
        if new:
            rows = self.filters.distances([payloads[i] for i in new.values()], references)
            self._distances.update(zip(new, rows, strict=True))
        return np.array([self._distances[key] for key in keys]).reshape(len(keys), len(references))

    def _all(self, payloads: Sequence[T]) -> bytes:
        return hashlib.blake2b(b"".join(self._digest(payload) for payload in payloads), digest_size=16).digest()

    def _digest(self, payload: T) -> bytes:
        known = self._digests.get(id(payload))
        if known is None or known[0] is not payload:
            known = (payload, hashlib.blake2b(self.encode(payload), digest_size=16).digest())
            _bounded(self._digests)[id(payload)] = known
        return known[1]


def _bounded(known: dict[Any, Any]) -> dict[Any, Any]:
    """The same dictionary, emptied once it has grown large: what is forgotten is asked for again."""
    if len(known) > _MOST:
        known.clear()
    return known
