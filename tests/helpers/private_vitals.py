"""Vital signs with a private generator: a noisy mean, in a space that everybody knows."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.dp.accounting import Event, Gaussian, sigma_for
from synthgen.dp.ballots import VOTES, votes_drawn
from synthgen.dp.begun import note_drawn
from synthgen.dp.noise import normal, private_rng
from synthgen.estimates import one_record_each
from synthgen.files import private_folder, write_atomically
from synthgen.modality import Modality, PrivateFit, PublicSpace
from synthgen.progress import Progress
from synthgen.slots import BySeed

CENTRE, SPREAD = np.array((80, 125, 78, 16, 36.8, 96.5)), np.array((12, 15, 10, 3, 0.5, 1.5))


def fit(train: Sequence[Any], noise: tuple[Event, ...], folder: Path, seed: int, progress: Progress) -> None:
    """The mean of all patients, each a step of at most 1 from what everybody knows; the spread is everybody's."""
    (event,) = noise
    assert isinstance(event, Gaussian)
    votes = private_folder(folder) / VOTES.format(0)
    if not votes.exists():
        rows = np.array([record.payload for record in one_record_each(train, seed)])
        away = (rows - CENTRE) / SPREAD
        away /= np.maximum(1.0, np.linalg.norm(away, axis=1, keepdims=True))
        note_drawn(folder, 1)
        drawn = (away.sum(axis=0) + event.sigma * normal(private_rng(), (6,))) / len(rows)
        write_atomically(votes, json.dumps(drawn.tolist()).encode())
    values = {
        "mean": (CENTRE + SPREAD * np.array(json.loads(votes.read_text()))).tolist(),
        "covariance": (np.diag(SPREAD) @ (0.6 * np.eye(6) + 0.4) @ np.diag(SPREAD)).tolist(),
    }
    write_atomically(folder / "model.json", json.dumps(values).encode())


def events(epsilon: float, delta: float, patients: int) -> tuple[Event, ...]:
    return (Gaussian(sigma_for(epsilon, delta)),)


def features(payloads: Sequence[Any]) -> NDArray[np.float64]:
    return np.asarray((np.array(payloads) - CENTRE) / SPREAD)


def radius(share: float) -> float:
    """Of two of these normal distributions: far apart are they by chance as a radius that grows with the share."""
    return float(4 * share**0.5)


def privately(vitals: ModuleType) -> Modality[Any, Any, Any]:
    """The example package's modality, fitted privately."""

    class NoisyMean(vitals.Gaussian):  # type: ignore[misc,name-defined]
        def private_fits(self, config: Any) -> tuple[PrivateFit[Any, Any], ...]:
            public = ("the spread of each sign",)
            return (PrivateFit("evolution", "a noisy mean", events, fit, public, drawn=votes_drawn),)

        def free_conditions(self, model: Path, config: Any) -> BySeed[Any]:
            return BySeed(lambda seed: vitals.Admission())

        def public_space(self, config: Any) -> PublicSpace[Any, Any]:
            return PublicSpace(features, lambda condition: "", radius, 0.1, "six signs")

    return replace(vitals.VITALS, generator=NoisyMean())
