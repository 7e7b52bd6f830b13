"""What every part of the chest X-ray modality speaks of: the image and the condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from synthgen.records import Anonymised, JsonValue, Real, RoundTrip, Synthetic

CxrImage = NDArray[np.uint8]
"""A square frontal radiograph, shape [size, size], 0 to 255, bone bright (MONOCHROME2)."""

View = Literal["PA", "AP", ""]
Sex = Literal["F", "M", ""]

NO_FINDING = "No Finding"

OLDEST = 90
"""The highest age that is released, for 90 and above: the safe harbour of HIPAA, 45 CFR 164.514(b)(2)(i)(C)."""


@dataclass(frozen=True, slots=True, order=True)
class CxrCondition:
    """Findings as labelled, and what else the image depends on. Empty strings and ``None`` mean unknown.

    Attributes:
        findings: sorted, without ``"No Finding"``; empty means none was found.
        age: years, 0 to 120.
    """

    findings: tuple[str, ...] = ()
    view: View = ""
    sex: Sex = ""
    age: int | None = None

    def __post_init__(self) -> None:
        if tuple(sorted(set(self.findings))) != self.findings or NO_FINDING in self.findings:
            raise ValueError("findings must be sorted, unique, and without 'No Finding'")
        if self.age is not None and not 0 <= self.age <= 120:
            raise ValueError(f"age must be in 0 to 120, got {self.age}")

    @property
    def labels(self) -> tuple[str, ...]:
        """The findings, or ``("No Finding",)``."""
        return self.findings or (NO_FINDING,)

    @property
    def stratum(self) -> str:
        return "|".join(self.labels)

    def as_dict(self) -> dict[str, JsonValue]:
        return {"labels": list(self.labels), "view": self.view, "sex": self.sex, "age": self.age}

    @classmethod
    def from_dict(cls, values: Mapping[str, JsonValue]) -> CxrCondition:
        """Inverse of :meth:`as_dict`.

        Raises:
            ValueError: if the values are no condition.
        """
        labels, view, sex, age = (values.get(key) for key in ("labels", "view", "sex", "age"))
        if not isinstance(labels, list) or view not in get_args(View) or sex not in get_args(Sex):
            raise ValueError("not the values of a condition")
        if age is not None and not isinstance(age, int):
            raise ValueError("age must be a whole number of years or null")
        findings = tuple(str(label) for label in labels if label != NO_FINDING)
        return cls(findings, cast(View, view), cast(Sex, sex), age)


CxrReal = Real[CxrImage, CxrCondition]
CxrAnonymised = Anonymised[CxrImage, CxrCondition]
CxrSynthetic = Synthetic[CxrImage, CxrCondition]
CxrRoundTrip = RoundTrip[CxrImage, CxrCondition]
