import dataclasses
import itertools
import time
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from synthgen.errors import UserError
from synthgen.generators.cxr.phantom import FINDINGS, Patient, Visit, render, sample_patient, sample_visit
from synthgen.generators.cxr.phantom.anatomy import RIBS
from synthgen.generators.cxr.phantom.film import expose, process
from synthgen.generators.cxr.phantom.findings import sample_lesions
from synthgen.generators.cxr.phantom.geometry import Beam, chord, rod, tube, union
from synthgen.generators.cxr.phantom.render import aim
from synthgen.generators.cxr.phantom.thorax import shape_thorax
from synthgen.payloads.cxr import CxrImage

N = 64


@cache
def _person(seed: int, visit: int = 0) -> tuple[Patient, Visit]:
    patient = sample_patient(seed)
    centred = dataclasses.replace(sample_visit(visit, patient), collimation=(0.0, 0.0, 0.0, 0.0))
    return patient, centred


@cache
def _image(seed: int, findings: tuple[str, ...] = (), visit: int = 0) -> CxrImage:
    return render(*_person(seed, visit), findings, "PA", N)


def _where(seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """x and y of every pixel in the body, cm."""
    patient, visit = _person(seed)
    x, y = aim(patient, visit, "PA", N).grid()
    return x.astype(np.float32), y.astype(np.float32)


def _change(seed: int, finding: str) -> NDArray[np.int64]:
    return _image(seed, (finding,)).astype(np.int64) - _image(seed).astype(np.int64)


def test_the_same_seeds_give_the_same_image() -> None:
    patient, visit = _person(5)
    assert sample_patient(5) == patient
    assert np.array_equal(render(patient, visit, ("Nodule",), "AP", N), render(patient, visit, ("Nodule",), "AP", N))
    assert not np.array_equal(_image(5), _image(5, visit=1))
    assert not np.array_equal(_image(5), _image(6))


@given(st.integers(0, 2**63 - 1), st.sampled_from([32, 48, 100, 130]), st.sampled_from(["PA", "AP", ""]))
@settings(max_examples=12, deadline=None)
def test_every_seed_gives_a_sound_image(seed: int, size: int, view: str) -> None:
    patient = sample_patient(seed)
    visit = sample_visit(seed % 7, patient)
    image = render(patient, visit, FINDINGS[seed % 8 :][:2], view, size)  # type: ignore[arg-type]
    assert image.shape == (size, size) and image.dtype == np.uint8
    # Of 491 public films the means run from 67 to 203 and the deviations from 27.
    assert 40 < image.mean() < 220 and image.std() > 25
    assert 18 <= patient.age <= 92 and len(patient.rib_jitter) == 2 * RIBS
    beside, level = aim(patient, visit, view, size).grid()  # type: ignore[arg-type]
    chest = (np.abs(beside) < patient.cage_half_width - 1) & (np.abs(level) < 5)
    healthy = render(patient, visit, (), view, size)  # type: ignore[arg-type]
    middle = healthy[chest & (np.abs(beside) < 2)].mean()
    assert middle > healthy[chest].mean(), "the mediastinum is brighter than the rest"


def test_unknown_finding_and_size_are_refused() -> None:
    patient, visit = _person(1)
    with pytest.raises(UserError, match="cannot show Gout"):
        render(patient, visit, ("Gout",), "PA", N)
    with pytest.raises(ValueError, match="size"):
        render(patient, visit, (), "PA", 8)


@given(st.integers(0, 1000), st.integers(0, 2**32 - 1), st.floats(0.0, 3.0))
@settings(max_examples=25, deadline=None)
def test_more_attenuation_never_darkens_a_pixel(seed: int, noise: int, most: float) -> None:
    patient = sample_patient(seed)
    visit = sample_visit(0, patient)
    rng = np.random.default_rng(noise)
    depth = rng.uniform(0, 6, (40, 40)).astype(np.float32)
    more = depth + rng.uniform(0, most, depth.shape).astype(np.float32) * (rng.random(depth.shape) < 0.3)
    how = process(patient, visit, "PA")
    assert (expose(more, visit, how) >= expose(depth, visit, how) - 1e-6).all()


def test_volume_is_conserved_by_projection() -> None:
    beam = Beam(pixels=96, fov=30.0, centre_x=0, centre_y=0, roll=0.3, yaw=0.2, tilt=0.1, source=1e6, front=1)
    path = np.stack([np.linspace(-8, 8, 400), np.linspace(-2, 5, 400), np.linspace(0, 6, 400)], -1)[None]
    length = float(np.linalg.norm(path[0, -1] - path[0, 0]))
    size = np.full((1, 400), 1.2)
    solid = beam.spread([rod(path, size / 2)], 0.7).sum() / beam.per_cm**2
    assert solid == pytest.approx(np.pi * 0.36 * length, rel=0.01)
    hollow = beam.spread(tube(path, size, size, 0.1, 12, marrow=0.2)).sum() / beam.per_cm**2
    assert hollow == pytest.approx((np.pi * 1.2 * 0.1 + 0.2 * np.pi * 0.36) * length, rel=0.01)


@given(st.floats(0.5, 6), st.floats(0.5, 6), st.floats(-80, 80))
@settings(max_examples=20, deadline=None)
def test_chords_are_bounded_by_the_solid(a: float, b: float, turn: float) -> None:
    y, x = np.mgrid[-10:10:81j, -10:10:81j].astype(np.float32)
    one = chord(x, y, (0, 0), (a, b), 2.0, turn)
    both = union(one, chord(x, y, (1, 1), (b, a), 3.0))
    assert one.max() == pytest.approx(4.0, abs=1e-4) and one.min() == 0
    assert (both >= one - 1e-4).all()
    assert one.sum() / 16 == pytest.approx(4 / 3 * np.pi * a * b * 2, rel=0.15)


def test_magnification_follows_the_view() -> None:
    patient, visit = _person(3)
    front = {view: aim(patient, visit, view, N).place(0.0, 0.0, 6.0)[2] for view in ("PA", "AP")}  # type: ignore[arg-type]
    assert front["PA"] < 1 < front["AP"]


def _heart_width(seed: int, findings: tuple[str, ...]) -> float:
    """Width of the bright shadow between the lungs at the heart's level, as a share of the cage, off the image."""
    patient, visit = _person(seed)
    thorax = shape_thorax(patient, visit)
    x, y = _where(seed)
    image = _image(seed, findings).astype(np.float64)
    level = np.abs(y - (0.5 * sum(thorax.dome) - 2.6)) < 1.2
    cage = np.abs(x) < patient.cage_half_width - 1.5
    low, high = np.percentile(image[level & cage], [10, 95])
    return float((image[level & cage] > (low + high) / 2).mean())


def test_cardiomegaly_widens_the_heart() -> None:
    grown = [_heart_width(s, ("Cardiomegaly",)) / _heart_width(s, ()) for s in range(8)]
    assert np.median(grown) > 1.15
    assert np.mean(np.array(grown) > 1.05) > 0.8


def test_effusion_whitens_the_costophrenic_angle_on_its_side() -> None:
    for seed in range(10):
        patient, visit = _person(seed)
        lesions, thorax = sample_lesions(patient, visit, ("Effusion",)), shape_thorax(patient, visit)
        x, y = _where(seed)
        change = _change(seed, "Effusion")
        for s, side in enumerate((-1, 1)):
            floor = thorax.dome[s] + thorax.dome_height[s]
            wall = float(thorax.at(thorax.lateral, np.array([floor - 3.0]))[0])
            outer = (side * x > 0.66 * wall) & (side * x < 0.88 * wall)
            angle = outer & (y > thorax.dome[s] - 0.2) & (y < floor - 2.5)
            top = (side * x > 2) & (y < -2) & (y > patient.apex_y)
            if lesions.effusion[s] > 0:
                assert change[angle].mean() > 6
            else:
                assert abs(change[angle].mean()) < 3
            assert abs(change[top].mean()) < 5


def test_pneumothorax_is_darker_and_without_vessels_at_the_apex() -> None:
    for seed in range(8):
        patient, visit = _person(seed)
        s = int(np.argmax(sample_lesions(patient, visit, ("Pneumothorax",)).pneumothorax))
        x, y = _where(seed)
        change = _change(seed, "Pneumothorax")
        own = (2 * s - 1) * x > 0
        apex = own & (np.abs(np.abs(x) - patient.apex_x) < 2) & (np.abs(y - patient.apex_y - 2.2) < 1.0)
        assert change[apex].mean() < -4
        assert np.abs(change[~own & (np.abs(x) > 3)]).mean() < 1


def test_edema_is_bilateral_and_perihilar() -> None:
    for seed in range(6):
        patient, _ = _person(seed)
        x, y = _where(seed)
        change = _change(seed, "Edema")
        band = np.abs(y - 3) < 3
        for side in (-1, 1):
            hilar = band & (np.abs(side * x - 5.5) < 1.5)
            rim = band & (side * x > patient.cage_half_width - 2) & (side * x < patient.cage_half_width)
            assert change[hilar].mean() > 8
            assert change[hilar].mean() > 1.5 * change[rim].mean()


@pytest.mark.parametrize("finding", ["Consolidation", "Nodule", "Atelectasis"])
def test_local_opacities_are_local_and_bright(finding: str) -> None:
    for seed in range(6):
        change = _change(seed, finding)
        changed = np.abs(change) > 10
        assert 4 <= changed.sum() < 0.3 * N * N
        assert change[changed].mean() > 5


def test_emphysema_lowers_the_domes() -> None:
    patient, visit = _person(2)
    assert min(shape_thorax(patient, visit, volume=1.0).dome) > max(shape_thorax(patient, visit).dome)
    x, y = _where(2)
    above = (np.abs(y - shape_thorax(patient, visit).dome[0] - 1.0) < 0.8) & (np.abs(x + patient.dome_x_right) < 2)
    assert _change(2, "Emphysema")[above].mean() < -25


def test_a_chronic_nodule_stays_where_it_was() -> None:
    patient = sample_patient(9)
    places = [
        [(n.side, n.across, n.down) for n in sample_lesions(patient, sample_visit(v, patient), ("Nodule",)).nodules]
        for v in range(3)
    ]
    assert places[0] == places[1] == places[2] != []


def test_one_patient_resembles_himself_more_than_others_and_is_not_copied() -> None:
    def flat(image: CxrImage) -> NDArray[np.float64]:
        values = image.astype(np.float64).ravel()
        return (values - values.mean()) / values.std()

    visits = [[flat(_image(p, visit=v)) for v in range(2)] for p in range(12)]
    same = [float(a @ b) / N**2 for a, b in visits]
    other = [float(visits[a][0] @ visits[b][1]) / N**2 for a, b in itertools.permutations(range(12), 2)]
    assert np.mean(same) > np.mean(other) + 0.08
    assert np.median(same) < 0.985, "visits must not be near-duplicates"
    assert np.std(other) > 0.02


def test_rendering_is_fast() -> None:
    patient, visit = _person(0)
    for size, most in ((64, 0.15), (256, 0.6)):  # ten times the goal: the machine may be shared
        times = []
        for _ in range(3):
            start = time.process_time()
            render(patient, visit, (), "PA", size)
            times.append(time.process_time() - start)
        assert min(times) < most
