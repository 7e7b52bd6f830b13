"""Attackers find a film again that was shifted a little, and the learning one tells people apart who look alike."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from synthgen.eval.cxr.linking import Embedding, Registered

Images = list[NDArray[np.uint8]]


def films(people: int, seed: int) -> Images:
    """Smooth textures, one a person."""
    rng = np.random.default_rng(seed)
    smooth = [ndimage.gaussian_filter(rng.normal(size=(64, 64)), 3.0) for _ in range(people)]
    return [np.asarray(np.clip(128 + 600 * one, 0, 255), dtype=np.uint8) for one in smooth]


def noisy(images: Images, seed: int, spread: float) -> Images:
    rng = np.random.default_rng(seed)
    return [np.asarray(np.clip(one + rng.normal(0, spread, one.shape), 0, 255), dtype=np.uint8) for one in images]


def test_a_shifted_film_is_found_again_and_a_stranger_is_not() -> None:
    originals, strangers = films(8, 0), films(8, 1)
    shifted = [np.roll(one, (3, -2), axis=(0, 1)) for one in originals]
    match = Registered().trained([], [], 0)
    found = match(shifted, originals)
    assert found.shape == (8, 8) and (found.argmax(axis=1) == np.arange(8)).all()
    assert match(strangers, originals).max() < found.diagonal().min()


def test_what_is_learnt_from_pairs_helps_on_other_people() -> None:
    learnt, judged = films(40, 2), films(20, 3)
    match = Embedding().trained(noisy(learnt, 0, 40.0), learnt, 0)
    found = match(noisy(judged, 1, 40.0), judged)
    assert found.shape == (20, 20) and np.abs(found).max() <= 1 + 1e-9
    assert (found.argmax(axis=1) == np.arange(20)).mean() > 0.5
    same = match(judged, judged)
    assert (same.diagonal() > 0.999).all()


def test_pairs_of_one_film_teach_no_less() -> None:
    learnt = films(30, 4)
    match = Embedding().trained(learnt, learnt, 0)
    assert np.isfinite(match(films(5, 5), films(5, 6))).all()
