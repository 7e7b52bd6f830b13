"""The identity embedding on small synthetic identities: a patient is a smooth random texture, a visit moves it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.torch import load_file
from scipy.ndimage import gaussian_filter, shift

from synthgen.errors import UserError
from synthgen.payloads.cxr import CxrCondition, CxrReal
from synthgen.privacy_filters.cxr import identity as identity_module
from synthgen.privacy_filters.cxr.config import IdentityConfig
from synthgen.privacy_filters.cxr.contrast import local_contrast, resized
from synthgen.privacy_filters.cxr.filters import People, standing_out
from synthgen.privacy_filters.cxr.identity import CARD, WEIGHTS, Identity, fit_identity, open_identity
from synthgen.progress import Silent
from synthgen.records import Real

TINY = IdentityConfig(size=40, components=100)


def visits(patients: range, count: int, side: int = 40) -> list[CxrReal]:
    """``count`` visits of each patient: the patient's texture, shifted by up to a pixel, with noise and exposure."""
    records = []
    for patient in patients:
        texture = gaussian_filter(np.random.default_rng([1, patient]).normal(size=(side, side)), 3)
        texture /= texture.std()
        for visit in range(count):
            rng = np.random.default_rng([2, patient, visit])
            moved = shift(texture, rng.uniform(-1, 1, 2), mode="nearest") + rng.normal(0, 0.1, texture.shape)
            image = np.clip(128 + rng.uniform(30, 50) * moved + rng.uniform(-20, 20), 0, 255).astype(np.uint8)
            condition = CxrCondition(sex="F" if patient % 2 else "M", age=20 + patient % 60)
            records.append(Real(f"p{patient:04d}", f"v{visit}.png", condition, image))
    return records


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("identity") / "model"
    fit_identity(visits(range(40), 2) + visits(range(40, 60), 1), TINY, folder, seed=3, progress=Silent())
    return folder


@pytest.fixture(scope="module")
def identity(fitted: Path) -> Identity:
    return open_identity(fitted)


def pixels(records: list[CxrReal]) -> NDArray[np.uint8]:
    return np.stack([record.payload for record in records])


def test_strangers_are_told_from_another_visit(identity: Identity) -> None:
    held_out = visits(range(100, 130), 2)
    embeddings = identity.embed(pixels(held_out))
    first, second = embeddings[0::2], embeddings[1::2]
    similarity = first @ second.T
    assert (similarity.argmax(axis=1) == np.arange(30)).mean() > 0.8
    assert (similarity.diagonal()[:, None] > similarity[~np.eye(30, dtype=bool)][None]).mean() > 0.95


def test_embeddings_are_unit_vectors_of_any_image_size(identity: Identity) -> None:
    for shape in ((3, 32, 32), (2, 100, 80), (1, 1, 1), (0, 64, 64)):
        images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        embeddings = identity.embed(images)
        assert embeddings.shape == (shape[0], identity.dimensions) and embeddings.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_a_black_or_white_image_has_a_finite_embedding(identity: Identity) -> None:
    flat = np.stack([np.zeros((40, 40), np.uint8), np.full((40, 40), 255, np.uint8)])
    assert np.isfinite(identity.embed(flat)).all()


def test_an_embedding_does_not_depend_on_its_batch(identity: Identity) -> None:
    images = pixels(visits(range(200, 270), 1))
    whole = identity.embed(images)
    for size in (1, 7):
        parts = np.concatenate([identity.embed(images[i : i + size]) for i in range(0, len(images), size)])
        np.testing.assert_allclose(parts, whole, atol=1e-6)


def test_people_who_return_are_told_from_strangers(identity: Identity) -> None:
    known, strangers = visits(range(100, 130), 2), visits(range(200, 230), 1)
    first, again = known[0::2], known[1::2]
    people = People.over(identity, [r.payload for r in first], [r.patient for r in first])
    copies, new = (people.scores([r.payload for r in records])[:, 0] for records in (first, strangers))
    returning = people.scores([r.payload for r in again])[:, 0]
    left_out = people.scores([r.payload for r in again], [r.patient for r in again])[:, 0]
    assert copies.max() < 0.1 * new.min()
    assert np.mean(returning < new.min()) > 0.8
    assert np.median(left_out) > new.min()
    both = people.enrolled([r.payload for r in strangers], [r.patient for r in strangers])
    np.testing.assert_allclose(both.scores([strangers[0].payload]), 0, atol=1e-3)
    np.testing.assert_array_equal(both.index.owners, sorted(r.patient for r in [*first, *strangers]))


def test_a_cohort_of_one_has_scores(identity: Identity) -> None:
    one, other = visits(range(2), 1)
    people = People.over(identity, [one.payload], [one.patient])
    scores = people.scores([one.payload, other.payload])[:, 0]
    assert np.isfinite(scores).all() and scores[0] < scores[1]
    assert np.isposinf(people.scores([one.payload], [one.patient])).all()


def test_half_of_an_embedding_is_that_of_the_mirrored_image(identity: Identity) -> None:
    images = pixels(visits(range(5), 1))
    plain, mirrored = identity.embed(images), identity.embed(images[:, :, ::-1])
    first, second = (np.split(found, 6, axis=1) for found in (plain, mirrored))
    for layer in (0, 2, 4):
        np.testing.assert_allclose(first[layer], second[layer + 1], atol=1e-4)
        np.testing.assert_allclose(first[layer + 1], second[layer], atol=1e-4)


def test_embed_refuses_other_arrays(identity: Identity) -> None:
    with pytest.raises(ValueError, match="uint8"):
        identity.embed(np.zeros((1, 8, 8), np.float32))  # type: ignore[arg-type]


def test_the_order_of_the_records_does_not_matter(fitted: Path, tmp_path: Path) -> None:
    records = visits(range(40), 2) + visits(range(40, 60), 1)
    fit_identity(records[::-1], TINY, tmp_path / "same", seed=3, progress=Silent())
    ours, same = (load_file(folder / WEIGHTS) for folder in (fitted, tmp_path / "same"))
    assert all(torch.equal(ours[name], same[name]) for name in ours)


def test_those_who_came_again_are_learnt_from_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(identity_module, "PATIENTS", 12)
    several, few = visits(range(12), 2), visits(range(12, 40), 1)
    for name, records in (("those", several), ("all", several + few)):
        fit_identity(records, TINY, tmp_path / name, seed=0, progress=Silent())
    those, all_ = (load_file(tmp_path / name / WEIGHTS) for name in ("those", "all"))
    assert all(torch.equal(those[name], all_[name]) for name in those)


def test_a_finished_folder_is_recognised_and_another_run_refused(fitted: Path) -> None:
    before = (fitted / WEIGHTS).stat().st_mtime_ns
    records = visits(range(40), 2) + visits(range(40, 60), 1)
    fit_identity(records, TINY, fitted, seed=3, progress=Silent())
    assert (fitted / WEIGHTS).stat().st_mtime_ns == before
    for other in (records[:-1], records):
        with pytest.raises(UserError, match="other records, settings or seed"):
            fit_identity(other, TINY, fitted, seed=3 if len(other) < len(records) else 5, progress=Silent())


def test_one_image_a_patient_is_enough(tmp_path: Path) -> None:
    fit_identity(visits(range(30), 1), TINY, tmp_path / "m", seed=0, progress=Silent())
    embedding, again = open_identity(tmp_path / "m"), visits(range(100, 120), 2)
    found = embedding.embed(pixels(again))
    assert ((found[0::2] @ found[1::2].T).argmax(axis=1) == np.arange(20)).mean() > 0.7
    with pytest.raises(UserError, match="at least 2 patients"):
        fit_identity(visits(range(1), 3), TINY, tmp_path / "n", seed=0, progress=Silent())


def test_pickles_and_damaged_folders_are_refused(fitted: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no identity model"):
        open_identity(tmp_path / "absent")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / CARD).write_bytes((fitted / CARD).read_bytes())
    with pytest.raises(UserError, match="not safetensors"):
        open_identity(folder)
    torch.save(load_file(fitted / WEIGHTS), folder / WEIGHTS)
    with pytest.raises(UserError, match="not safetensors"):
        open_identity(folder)
    (folder / WEIGHTS).write_bytes((fitted / WEIGHTS).read_bytes()[:-100])
    with pytest.raises(UserError, match="damaged"):
        open_identity(folder)
    (folder / CARD).write_text('{"format": "something else"}')
    with pytest.raises(UserError, match="format"):
        open_identity(folder)


@settings(max_examples=20, deadline=None)
@given(gain=st.floats(0.5, 1), offset=st.floats(0, 0.2), seed=st.integers(0, 1000))
def test_normalisation_removes_exposure(gain: float, offset: float, seed: int) -> None:
    images = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(seed))
    plain, exposed = local_contrast(images, 7), local_contrast(images * gain + offset, 7)
    assert torch.corrcoef(torch.stack([plain.flatten(), exposed.flatten()]))[0, 1] > 0.99


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.floats(-1, 1), min_size=3, max_size=30))
def test_nobody_stands_out_by_more_than_the_others_allow(values: list[float]) -> None:
    row, k = np.array([values], np.float32), len(values)
    out = standing_out(row, np.ones((1, k), bool))
    assert out.max() <= (k - 1) ** 0.5 + 1e-6
    among = np.concatenate([row, [[np.inf]]], axis=1, dtype=np.float32)
    np.testing.assert_allclose(standing_out(among, np.isfinite(among))[:, :k], out, atol=1e-4)


def test_resizing_averages_the_area() -> None:
    image = np.zeros((1, 64, 64), np.uint8)
    image[:, ::2] = 255
    assert (resized(image, 16)[..., 2:-2, :] - 0.5).abs().max() < 0.02
