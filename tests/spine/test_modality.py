"""A modality is a bundle of four parts: one is replaced, the others stay."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synthgen.errors import UserError
from synthgen.modalities.cxr.binding import CXR
from synthgen.modalities.cxr.settings import CxrConfig
from synthgen.modality import Modality, Ready
from synthgen.payloads.cxr import CxrCondition, CxrImage, CxrReal, CxrSynthetic
from synthgen.progress import Silent
from synthgen.records import Planting, Real, Request, Synthetic

CONFIG = CXR.config("demo")
RECORDS = [
    Real(f"p{i}", "r", CxrCondition(), np.random.default_rng(i).integers(0, 256, (32, 32)).astype(np.uint8))
    for i in range(3)
]


def black(requests: Sequence[Request[CxrCondition]]) -> list[CxrSynthetic]:
    return [Synthetic(request.seed, request.condition, np.zeros((32, 32), np.uint8)) for request in requests]


def mine(version: str = "1", saw_cohort: bool = True) -> Ready[CxrImage, CxrCondition]:
    return Ready(lambda scratch: black, "Black squares", version, saw_cohort)


def test_the_generator_is_theirs_and_the_rest_is_the_modalitys(tmp_path: Path) -> None:
    kind: Modality[CxrImage, CxrCondition, CxrConfig] = replace(CXR, generator=mine(saw_cohort=False))
    model = tmp_path / "model"
    kind.generator.fit(RECORDS, CONFIG.modality, model, 0, Silent())
    (sample,) = kind.generator.open(model, CONFIG.modality, 1, tmp_path)([Request(5, CxrCondition())])
    assert sample.payload.max() == 0
    assert kind.generator.describe(model, CONFIG.modality) == "Black squares"
    assert not kind.generator.reads_cohort(model)
    assert (kind.name, kind.cohorts, kind.filters, kind.releases) == ("cxr", CXR.cohorts, CXR.filters, CXR.releases)


def test_another_version_is_another_model(tmp_path: Path) -> None:
    assert len({mine(version).digest(tmp_path) for version in ("1", "2", "1")}) == 2


def test_copies_in_the_generators_domain_are_theirs_or_none(tmp_path: Path) -> None:
    def inverted(records: Sequence[CxrReal]) -> list[CxrImage]:
        return [255 - record.payload for record in records]

    def planted(generator: Ready[CxrImage, CxrCondition]) -> list[object]:
        trips = generator.round_trips(tmp_path, CONFIG, 0, tmp_path)
        return [*CXR.filters.planted(Planting(RECORDS, trips, (), 0, tmp_path), CONFIG.modality)]

    without, own = planted(mine()), planted(replace(mine(), round_trip=inverted))
    assert not [copies for copies in without if copies.domain == "generator"]
    (theirs,) = [copies for copies in own if copies.domain == "generator"]
    assert np.array_equal(theirs.payloads[0], 255 - RECORDS[0].payload)
    assert len(own) == len(without) + 1


def test_without_a_cohort_there_are_no_conditions(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give --data"):
        mine().free_conditions(tmp_path, CONFIG.modality)
