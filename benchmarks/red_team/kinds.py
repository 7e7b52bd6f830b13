"""What a kind of copy is: what somebody, or a generator, makes of one patient's record."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

T = TypeVar("T")


@dataclass(frozen=True)
class Material(Generic[T]):
    """What one copy is made of.

    Attributes:
        victim: the record that is copied; ``record`` is its name in the cohort.
        second: a record of another victim.
        stranger: a record of somebody who is in no part of the cohort.
        session, sessions: which of how many sessions of one synthetic person this sample is, from 0.
        scratch: a folder for what a sample keeps on disk.
    """

    victim: T
    record: str
    second: T
    stranger: T
    session: int
    sessions: int
    scratch: Path
    rng: np.random.Generator


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A kind of copy.

    Attributes:
        held_out: True for a kind that nobody was told of who worked on the gate.
        sessions: over so many samples of one synthetic person a copy is dealt.
        applies: whether a copy of this kind can be made of a record, by its name and payload.
    """

    name: str
    change: Callable[[Material[T]], T]
    held_out: bool = False
    sessions: int = 1
    applies: Callable[[str, T], bool] = lambda record, payload: True


AnyKind = Kind[Any]


def number(*parts: object) -> int:
    """A number below 2^63 that depends on ``parts`` alone."""
    text = "\0".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def share_of(*parts: object) -> float:
    """A number in [0, 1) that depends on ``parts`` alone."""
    return number(*parts) / 2**63
