"""A private prior as a file: the parameters of each candidate and its weight in JSON, no record of anybody."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from synthgen.dp.evolution import Evolved
from synthgen.errors import UserError
from synthgen.files import write_atomically

P = TypeVar("P")


def prior_bytes(prior: Evolved[Any], format_name: str) -> bytes:
    """The file's content; candidates are dataclasses."""
    rows = [{**asdict(one), "weight": w} for one, w in zip(prior.candidates, prior.weights.tolist(), strict=True)]
    return (json.dumps({"format": format_name, "candidates": rows}) + "\n").encode()


def write_prior_file(path: Path, prior: Evolved[Any], format_name: str) -> None:
    """Writes the file, whole or not at all."""
    write_atomically(path, prior_bytes(prior, format_name))


def read_prior_file(path: Path, format_name: str, of: str, candidate: Callable[[dict[str, Any]], P]) -> Evolved[P]:
    """Inverse of :func:`write_prior_file`.

    Args:
        of: whose prior it is to be, for the error: ``"voices"``.
        candidate: reads one row; ValueError, KeyError or TypeError where it is none.

    Raises:
        UserError: the file is missing, or no prior of this kind.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["format"] != format_name or not values["candidates"]:
            raise ValueError("format")
        candidates = tuple(candidate(row) for row in values["candidates"])
        weights = np.array([float(row["weight"]) for row in values["candidates"]])
        if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0):
            raise ValueError("weights")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no prior of {of}: fit it again, into another folder, with --dp-epsilon") from error
    return Evolved(candidates, weights / weights.sum())
