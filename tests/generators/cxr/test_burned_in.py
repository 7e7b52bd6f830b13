"""Text drawn onto a film at a known place is found and painted over; a film without text stays as it is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from synthgen.generators.cxr.burned_in import text_in, without_text
from synthgen.generators.cxr.phantom import render, sample_patient, sample_visit
from synthgen.payloads.cxr import CxrImage


def film(seed: int, size: int = 256) -> CxrImage:
    patient = sample_patient(seed)
    return render(patient, sample_visit(seed, patient), (), "PA", size)


def drawn(image: CxrImage, line: str, grey: int) -> CxrImage:
    made = image.copy()
    cv2.putText(made, line, (20, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.6, grey, 2, cv2.LINE_AA)
    return made


@pytest.mark.parametrize(("grey", "seed"), [(255, 1), (255, 2), (0, 3)])
def test_a_name_is_found_where_it_stands_and_is_gone(grey: int, seed: int) -> None:
    before = film(seed)
    if grey == 0:
        before = np.maximum(before, 90)
    after = drawn(before, "MARY KELWELL", grey)
    letters = abs(after.astype(int) - before) > 60
    assert letters.sum() > 200
    mask = text_in(after)
    assert (mask & letters).sum() > 0.9 * letters.sum()
    assert mask.sum() < 0.12 * mask.size and not mask[80:].any()
    painted = without_text(after).astype(int)
    assert (painted[~mask] == after[~mask]).all()
    assert abs(painted - before)[letters].mean() < 0.3 * abs(after.astype(int) - before)[letters].mean()


def test_a_film_without_text_is_returned_as_it_is() -> None:
    for seed in range(4, 8):
        image = film(seed, 128)
        assert not text_in(image).any()
        assert without_text(image) is image


def test_one_letter_is_a_marker_and_stays() -> None:
    assert not text_in(drawn(film(4), "L", 255)).any()
