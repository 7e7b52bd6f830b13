"""The space in which radiographs and films meet: that of the votes, with a radius that phantoms set."""

from functools import partial

import numpy as np
import pytest

from synthgen.dp.screening import public_radius
from synthgen.generators.cxr import evolution
from synthgen.generators.cxr.evolution import cxr_population, films
from synthgen.modalities.cxr import binding
from synthgen.modalities.cxr.binding import CXR
from synthgen.payloads.cxr import CxrCondition


def test_a_film_is_near_itself_at_any_size_and_the_radius_is_the_phantoms(monkeypatch: pytest.MonkeyPatch) -> None:
    population = cxr_population(bodies=40)
    for module in (evolution, binding):
        monkeypatch.setattr(module, "cxr_population", lambda: population)
    monkeypatch.setattr(binding, "public_radius", partial(public_radius, draws=80))
    space = CXR.generator.public_space(CXR.config("cpu").modality)
    assert space is not None
    shown = films(population.draw(np.random.default_rng(3), 8), 64)
    features = space.features([*shown, *(np.kron(image, np.ones((2, 2), np.uint8)) for image in shown)])
    assert np.abs(features[:8] - features[8:]).max() < 1e-6
    assert space.radius(0.01) < space.radius(space.share) < space.radius(0.5)
    assert space.condition(CxrCondition(("Effusion",), "AP")) == "AP finding"
