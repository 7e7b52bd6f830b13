"""What the film adds to the body: plates, processing, devices and markers; and the masks."""

import dataclasses
from functools import cache
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.generators.cxr.phantom import (
    FINDINGS,
    Masks,
    Patient,
    Visit,
    masks,
    render,
    render_with_masks,
    sample_patient,
    sample_visit,
)
from synthgen.generators.cxr.phantom.devices import devices, marked
from synthgen.generators.cxr.phantom.film import develop
from synthgen.generators.cxr.phantom.fitted import plate, surroundings
from synthgen.generators.cxr.phantom.geometry import Beam, rod
from synthgen.generators.cxr.phantom.thorax import shape_thorax
from synthgen.payloads.cxr import CxrImage, View

N = 64
PEOPLE = 16


def _person(seed: int) -> tuple[Patient, Visit]:
    patient = sample_patient(seed)
    return patient, dataclasses.replace(sample_visit(seed, patient), collimation=(0.0, 0.0, 0.0, 0.0))


def _view(seed: int) -> View:
    return "AP" if seed % 2 else "PA"


@cache
def _shown(seed: int, findings: tuple[str, ...] = ()) -> tuple[CxrImage, Masks]:
    return render_with_masks(*_person(seed), findings, _view(seed), N)


def test_masks_and_image_are_those_of_the_single_calls() -> None:
    for size in (48, 128):
        arguments = (*_person(3), ("Nodule",), "AP", size)
        image, where = render_with_masks(*arguments)  # type: ignore[arg-type]
        alone = masks(*arguments)  # type: ignore[arg-type]
        assert np.array_equal(image, render(*arguments))  # type: ignore[arg-type]
        for name in Masks.__slots__:
            mask = getattr(where, name)
            assert mask.shape == (size, size) and mask.dtype == bool
            assert np.array_equal(mask, getattr(alone, name))


def test_masks_refuse_a_size_out_of_range() -> None:
    with pytest.raises(ValueError, match="size"):
        masks(*_person(0), (), "PA", 16)


@pytest.mark.parametrize("finding", FINDINGS)
def test_lesions_change_the_image_inside_their_mask_far_more_than_outside(finding: str) -> None:
    for seed in range(6):
        image, where = _shown(seed, (finding,))
        change = np.abs(image.astype(np.int64) - _shown(seed)[0])
        assert where.lesions.any()
        assert change[where.lesions].mean() > 3
        assert change[where.lesions].mean() > 2 * change[~where.lesions].mean()


def test_a_healthy_chest_has_lungs_beside_a_brighter_heart_and_no_lesion() -> None:
    for seed in range(PEOPLE):
        image, where = _shown(seed)
        assert not where.lesions.any()
        assert not (where.lungs & where.heart).any()
        assert 0.08 < where.lungs.mean() < 0.5 and 0.02 < where.heart.mean() < 0.2 and 0.1 < where.ribs.mean() < 0.45
        assert image[where.heart].mean() > image[where.lungs].mean() + 15


def test_a_healthy_chest_is_no_white_out() -> None:
    lungs = np.array([image[where.lungs].mean() for image, where in map(_shown, range(PEOPLE))])
    assert lungs.max() < 200
    assert np.median(lungs) < 150


def test_both_sides_of_the_chest_are_lung() -> None:
    for seed in range(PEOPLE):
        columns = np.flatnonzero(_shown(seed)[1].lungs.any(axis=0))
        assert columns.min() < 0.42 * N and columns.max() > 0.58 * N


def test_markers_leave_the_lungs_alone() -> None:
    blank = np.full((N, N), 0.4, np.float32)
    hidden = []
    for seed in range(60):
        patient, visit = _person(seed)
        touched = marked(blank, visit, _view(seed)) != blank
        hidden.append(float((touched & masks(patient, visit, (), _view(seed), N).lungs).sum()))
        assert touched.mean() < 0.04
    assert np.mean(np.array(hidden) > 0) < 0.1, "a big chest may reach under a marker, few do"
    assert max(hidden) < 0.01 * N * N


def test_most_films_carry_a_marker_and_it_can_be_seen() -> None:
    blank = np.full((N, N), 0.2, np.float32)
    lifted = [float((marked(blank, _person(seed)[1], "PA") - blank).max()) for seed in range(40)]
    assert 0.6 < np.mean(np.array(lifted) > 0.2) < 1


def test_devices_are_a_matter_of_the_bedside() -> None:
    def share(view: View) -> float:
        people = [_person(seed) for seed in range(120)]
        return float(np.mean([bool(devices(*person, view, shape_thorax(*person))) for person in people]))

    assert share("AP") > 2 * share("PA") > 0


def test_a_pacemaker_stays_with_its_patient() -> None:
    def carries(patient: Patient, visit: int) -> bool:
        seen = sample_visit(visit, patient)
        return any(len(c.x) > 400 for c in devices(patient, seen, "PA", shape_thorax(patient, seen)))

    patients = [p for p in map(sample_patient, range(400)) if p.age > 50]
    with_one = [p for p in patients if carries(p, 0)]
    assert 0 < len(with_one) < 0.1 * len(patients)
    assert all(carries(p, visit) for p in with_one for visit in range(1, 4))


@given(st.floats(0, 1, exclude_max=True), st.sampled_from(["PA", "AP", ""]))
def test_every_exposure_has_a_plate(at: float, view: View) -> None:
    chosen = plate(view, at)
    assert 30 < chosen.width < 45 and 30 < chosen.height < 45


def test_plates_of_a_view_make_up_all_films() -> None:
    for view in get_args(View):
        drawn = [plate(view, (k + 0.5) / 1000) for k in range(1000)]
        for one in set(drawn):
            assert drawn.count(one) / 1000 == pytest.approx(one.share, abs=0.003)
        chance = dataclasses.astuple(surroundings(view))
        assert all(value >= 0 for value in chance)


@given(st.floats(0.7, 1.4), st.floats(-0.3, 0.3))
@settings(max_examples=10, deadline=None)
def test_volume_is_conserved_on_a_squeezed_plate(aspect: float, roll: float) -> None:
    beam = Beam(
        pixels=96, fov=34.0, centre_x=0, centre_y=0, roll=roll, yaw=0, tilt=0, source=1e6, front=1, aspect=aspect
    )
    path = np.stack([np.linspace(-6, 6, 400), np.linspace(-4, 5, 400), np.zeros(400)], -1)[None]
    shown = beam.spread([rod(path, np.full((1, 400), 0.6))]).sum() / beam.per_cm**2
    assert shown == pytest.approx(np.pi * 0.36 * np.linalg.norm(path[0, -1] - path[0, 0]), rel=0.01)


def test_collimation_darkens_or_whitens_its_margin_alone() -> None:
    patient, visit = _person(1)
    depth = np.full((N, N), 2.0, np.float32)
    open_field = develop(depth, patient, visit)
    cut = dataclasses.replace(visit, collimation=(0.1, 0.0, 0.0, 0.0), collimation_turn=(0.0, 0.0, 0.0, 0.0))
    closed = develop(depth, patient, cut)
    edge = round(0.1 * N)
    assert np.array_equal(closed[:, edge + 1 :], open_field[:, edge + 1 :])
    assert np.ptp(closed[:, : edge - 1]) == 0 and abs(closed[0, 0] - 0.5) > 0.4
