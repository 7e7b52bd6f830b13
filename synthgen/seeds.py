"""Seeds: each of them a digest of the run's seed and of what it is for, so that nothing depends on order or workers."""

from __future__ import annotations

import hashlib


def attempt_seed(run_seed: int, slot: int, attempt: int) -> int:
    """blake2b(run_seed, slot, attempt) as an integer in [0, 2^63).

    >>> attempt_seed(7, slot=3, attempt=0) == attempt_seed(7, slot=3, attempt=0) != attempt_seed(7, slot=3, attempt=1)
    True
    """
    return _hash("attempt", run_seed, slot, attempt)


def condition_seed(run_seed: int, slot: int) -> int:
    """The seed by which a slot's condition is drawn; a retry keeps the condition."""
    return _hash("condition", run_seed, slot)


def stage_seed(run_seed: int, stage: str) -> int:
    """The seed of one stage of the run, below 2^31 so that every library takes it."""
    return _hash(stage, run_seed) % 2**31


def _hash(*parts: int | str) -> int:
    text = ",".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
