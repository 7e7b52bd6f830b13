"""A film drawn again: by its own seed, the farther from itself the more of the schedule is run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synthgen.errors import UserError
from synthgen.generators.cxr.phantom import render, sample_patient, sample_visit
from synthgen.generators.cxr.redraw import check_redrawing, redrawer
from synthgen.payloads.cxr import CxrCondition

CONDITION = CxrCondition(("Effusion",), "PA", "F", 60)


def test_the_seed_decides_and_more_strength_leaves_less() -> None:
    patient = sample_patient(3)
    film = render(patient, sample_visit(3, patient), ("Effusion",), "PA", 128)
    light, heavy = redrawer("", 0.7), redrawer("", 2.0)

    def alike(image: np.ndarray) -> float:
        return float(np.corrcoef(image.ravel(), film.ravel())[0, 1])

    one = light(film, CONDITION, 2**100)
    assert one.shape == film.shape and one.dtype == np.uint8
    assert (light(film, CONDITION, 2**100) == one).all() and (light(film, CONDITION, 5) != one).mean() > 0.2
    assert alike(one) > 0.9 and alike(one) > alike(heavy(film, CONDITION, 2**100)) > 0.4


def test_what_the_generator_does_not_know_is_not_asked_for_as_nothing() -> None:
    patient = sample_patient(3)
    film = render(patient, sample_visit(3, patient), (), "PA", 128)
    redrawn = redrawer("", 2.0)
    unknown, none = (redrawn(film, CxrCondition(findings), 1) for findings in (("Hernia",), ()))
    assert (unknown != none).any()


def test_a_generator_of_another_size_or_none_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="128 px and 64 are asked for"):
        check_redrawing("", 64)
    with pytest.raises(UserError):
        check_redrawing(str(tmp_path), 128)
