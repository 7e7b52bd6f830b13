from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_model import SIZE, TINY, blob

from synthgen.errors import UserError
from synthgen.generators.cxr.config import SamplerConfig
from synthgen.generators.cxr.model_folder import open_generator
from synthgen.generators.cxr.sampler import CxrGenerator, noise_of
from synthgen.payloads.cxr import CxrCondition
from synthgen.records import Request

PNEUMONIA_FREE = CxrCondition((), "PA", "F", 40)
EFFUSION = CxrCondition(("Effusion",), "AP", "M", None)


def requests(*seeds: int) -> list[Request[CxrCondition]]:
    return [Request(seed, (PNEUMONIA_FREE, EFFUSION)[seed % 2]) for seed in seeds]


def test_images_are_square_gray_and_differ(generator: CxrGenerator) -> None:
    drawn = generator(requests(1, 2, 3))
    assert [s.seed for s in drawn] == [1, 2, 3]
    assert all(s.payload.shape == (SIZE, SIZE) and s.payload.dtype == np.uint8 for s in drawn)
    assert len({s.payload.tobytes() for s in drawn}) == 3
    assert generator([]) == []


@settings(deadline=None, max_examples=8)
@given(others=st.lists(st.integers(0, 2**64 - 1), max_size=3))
def test_a_sample_is_a_function_of_its_own_request(generator: CxrGenerator, others: list[int]) -> None:
    alone = generator(requests(7))[0].payload
    assert np.array_equal(generator(requests(7, *others))[0].payload, alone)


def test_batches_of_another_shape_agree_to_one_grey_level(trained: Path, generator: CxrGenerator) -> None:
    seeds = range(9)
    want = np.stack([s.payload for s in generator(requests(*seeds))]).astype(int)
    for rows in (1, 7, None):
        drawn = open_generator(trained, TINY.sampler, rows)(requests(*seeds))
        assert abs(np.stack([s.payload for s in drawn]) - want).max() <= 1


def test_seeds_that_share_their_lower_bits_have_different_noise() -> None:
    assert not torch.equal(noise_of(5, (4,)), noise_of(5 + 2**32, (4,)))
    assert torch.equal(noise_of(2**64 - 1, (4,)), noise_of(2**64 - 1, (4,)))


def test_ddim_and_no_guidance_draw_too(trained: Path, generator: CxrGenerator) -> None:
    base = generator(requests(1))[0].payload
    for sampler in (SamplerConfig(kind="ddim", steps=4, guidance=2.0), SamplerConfig(steps=4, guidance=1.0)):
        other = open_generator(trained, sampler, 4)(requests(1))[0].payload
        assert other.shape == base.shape
        assert not np.array_equal(other, base)


def test_both_solvers_end_at_the_same_image(trained: Path) -> None:
    fine = SamplerConfig(kind="ddim", steps=100, guidance=1.0)
    want = open_generator(trained, fine, 1)(requests(4))[0].payload.astype(int)
    got = open_generator(trained, SamplerConfig(steps=25, guidance=1.0), 1)(requests(4))[0].payload
    assert abs(got - want).mean() < 4  # grey levels: two discretisations of one differential equation


def test_unknown_finding_names_the_vocabulary(generator: CxrGenerator) -> None:
    assert generator.vocabulary == ("Edema", "Effusion")
    with pytest.raises(UserError, match=r"cannot draw 'Hernia'.*Edema, Effusion"):
        generator([Request(1, CxrCondition(("Hernia",)))])


def test_little_noise_changes_little(generator: CxrGenerator) -> None:
    images, conditions = [blob(i) for i in range(5)], [PNEUMONIA_FREE] * 5
    copies = np.stack(generator.autoencoder_round_trip(images)).astype(int)
    slight = np.stack(generator.noised_round_trip(images, conditions, strength=0.25, seed=1)).astype(int)
    full = np.stack(generator.noised_round_trip(images, conditions, strength=1.0, seed=1)).astype(int)
    again = np.stack(generator.noised_round_trip(images, conditions, strength=0.25, seed=1))
    assert copies.shape == slight.shape == (5, SIZE, SIZE)
    assert np.array_equal(slight, again)
    assert abs(slight - copies).mean() < abs(full - copies).mean()
    with pytest.raises(ValueError, match="strength must be in"):
        generator.noised_round_trip(images, conditions, strength=0.0, seed=1)


def test_opening_and_drawing_is_silent(
    trained: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)  # as Python does outside of tests
        for kind in ("dpmsolver++", "ddim"):
            open_generator(trained, SamplerConfig(kind=kind, steps=3), 2)(requests(1, 2, 3))
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
