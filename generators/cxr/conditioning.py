"""Conditions as vectors: multi-hot findings, view, sex, age, and a flag for "no condition at all"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.errors import UserError
from synthgen.payloads.cxr import NO_FINDING, CxrCondition

AGE_CENTRE, AGE_SCALE = 50.0, 25.0

_OTHER_FIELDS = ("view:PA", "view:AP", "sex:F", "sex:M", "age:known", "age:scaled", "unconditional")


@dataclass(frozen=True, slots=True)
class Encoding:
    """Which findings the model can draw, and the place of everything in the condition vector.

    Unknown view, sex or age leave their places at 0. The vector of classifier-free guidance (Ho and Salimans 2022) has
    a 1 at ``unconditional`` and 0 elsewhere.

    Attributes:
        findings: sorted, without "No Finding".
    """

    findings: tuple[str, ...]

    @classmethod
    def of(cls, conditions: Iterable[CxrCondition]) -> Encoding:
        """The encoding that covers every finding of ``conditions``."""
        return cls(tuple(sorted({finding for condition in conditions for finding in condition.findings})))

    @property
    def fields(self) -> tuple[str, ...]:
        """Name of each place of the vector, e.g. ``"finding:Effusion"``, ``"view:PA"``, ``"age:scaled"``."""
        return (*(f"finding:{finding}" for finding in (NO_FINDING, *self.findings)), *_OTHER_FIELDS)

    @property
    def width(self) -> int:
        """Length of the vector."""
        return len(self.fields)

    def encode(self, conditions: Sequence[CxrCondition]) -> NDArray[np.float32]:
        """Vectors [B, width].

        Raises:
            UserError: a condition names a finding that the model was not trained on.
        """
        place = {field: i for i, field in enumerate(self.fields)}
        vectors = np.zeros((len(conditions), self.width), np.float32)
        for vector, condition in zip(vectors, conditions, strict=True):
            for label in condition.labels:
                if f"finding:{label}" not in place:
                    known = ", ".join((NO_FINDING, *self.findings))
                    raise UserError(f"the model cannot draw {label!r}; it knows: {known}")
                vector[place[f"finding:{label}"]] = 1
            if condition.view:
                vector[place[f"view:{condition.view}"]] = 1
            if condition.sex:
                vector[place[f"sex:{condition.sex}"]] = 1
            if condition.age is not None:
                vector[place["age:known"]] = 1
                vector[place["age:scaled"]] = (condition.age - AGE_CENTRE) / AGE_SCALE
        return vectors

    def null(self, rows: int) -> NDArray[np.float32]:
        """The unconditional vector, repeated: [rows, width]."""
        vectors = np.zeros((rows, self.width), np.float32)
        vectors[:, -1] = 1
        return vectors

    def drop(
        self, vectors: NDArray[np.float32], rng: np.random.Generator, *, whole: float, field: float
    ) -> NDArray[np.float32]:
        """Training vectors with conditions left out: each of view, sex and age with probability ``field``, then the
        whole condition with probability ``whole``.
        """
        first = self.width - len(_OTHER_FIELDS)
        out = vectors.copy()
        for start in (first, first + 2, first + 4):
            out[rng.random(len(out)) < field, start : start + 2] = 0
        gone = rng.random(len(out)) < whole
        out[gone] = self.null(int(gone.sum()))
        return out
