"""Whitening: what all have in common goes, what one has stays."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from synthgen.generators.cxr.phantom import render, sample_patient, sample_visit
from synthgen.privacy_filters.cxr.regions import Cells, thumbnails
from synthgen.privacy_filters.cxr.whitening import CARD, FOLDER, WEIGHTS, Whitening, fitted, packaged


def correlated(pictures: int, seed: int) -> torch.Tensor:
    """Two cells of four pixels that follow one another."""
    noise = torch.from_numpy(np.random.default_rng(seed).normal(size=(2, pictures, 4))).float()
    return noise.cumsum(dim=2)


def test_pixels_become_uncorrelated_and_of_one_weight() -> None:
    whitening = fitted([correlated(4000, 0), correlated(4000, 1)], ridge=0.0)
    white = torch.bmm(correlated(8000, 2), whitening.matrices)
    moments = torch.bmm(white.transpose(1, 2), white) / 8000
    assert torch.allclose(moments, torch.eye(4).expand(2, 4, 4), atol=0.1)


def test_portions_say_the_same_as_the_whole() -> None:
    pictures = correlated(100, 0)
    whole, parts = fitted([pictures], 0.1), fitted([pictures[:, :30], pictures[:, 30:]], 0.1)
    assert torch.allclose(whole.matrices, parts.matrices, atol=1e-4)


@given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 100))
@settings(max_examples=25, deadline=None)
def test_a_cell_counts_for_one_at_most_and_an_empty_one_for_nothing(scale: float, seed: int) -> None:
    whitening = Whitening(torch.eye(4).expand(2, 4, 4))
    cells = scale * correlated(8, seed)
    cells[:, 0] = 0
    white = whitening(cells)
    assert (white.norm(dim=2) < 1).all()
    assert not white[:, 0].any()


def test_what_ships_has_seen_phantoms_alone_and_is_small() -> None:
    assert (FOLDER / WEIGHTS).stat().st_size < 10_000_000
    made_by = json.loads((FOLDER / CARD).read_text("utf-8"))["made_by"]
    assert made_by["phantoms"] >= 1000 and made_by["module"].endswith("pretrain_whitening")
    bands = load_file(FOLDER / WEIGHTS)
    assert set(bands) == {"detail_128", "detail_64", "detail_32", "coarse", "blurred"}
    for band in bands:
        matrices = packaged(band).matrices
        assert torch.isfinite(matrices).all()
        assert torch.allclose(matrices, matrices.transpose(1, 2), atol=0.02 * float(matrices.abs().max()))


@pytest.mark.parametrize(("side", "most"), [(32, 0.6), (64, 0.35), (128, 0.35)])
def test_simulated_strangers_are_nearly_orthogonal_and_a_mean_of_two_is_both(side: int, most: float) -> None:
    people = [sample_patient(9_000_000 + i) for i in range(24)]
    images = [render(p, sample_visit(i, p), (), "PA", side) for i, p in enumerate(people)]
    mean = ((images[0].astype(np.float32) + images[1]) / 2).astype(np.uint8)
    cells = Cells.of_training(thumbnails([*images, mean], side)).detail
    flat = cells.permute(1, 0, 2).flatten(1)
    flat = flat / flat.norm(dim=1, keepdim=True)
    cosines = (flat @ flat.T).abs()
    strangers = cosines[:24, :24] - torch.eye(24)
    assert float(strangers.max()) < most
    assert float(cosines[24, :2].min()) > 0.5
