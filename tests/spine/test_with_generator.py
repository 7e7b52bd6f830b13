"""A generator from outside in a modality: the generator is theirs, everything else stays."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from synthgen.config import load_config
from synthgen.errors import UserError
from synthgen.modalities.cxr.binding import CXR
from synthgen.modality import Modality, Ready, with_generator
from synthgen.payloads.cxr import CxrCondition, CxrImage, CxrReal, CxrSynthetic
from synthgen.progress import Silent
from synthgen.records import Real, Request, Synthetic

CONFIG = load_config(CXR.section, "cxr", "demo")
RECORDS = [
    Real(f"p{i}", "r", CxrCondition(), np.random.default_rng(i).integers(0, 256, (32, 32)).astype(np.uint8))
    for i in range(3)
]


def black(requests: Sequence[Request[CxrCondition]]) -> list[CxrSynthetic]:
    return [Synthetic(request.seed, request.condition, np.zeros((32, 32), np.uint8)) for request in requests]


def mine(version: str = "1", saw_cohort: bool = True) -> Ready[CxrImage, CxrCondition]:
    return Ready(lambda scratch: black, "Black squares", version, saw_cohort)


def test_it_has_every_member_of_a_modality() -> None:
    kind = with_generator(CXR, mine())
    members = {name for name in dir(Modality) if not name.startswith("_")}
    assert {"fit", "open_filters", "write", "planted"} <= members
    assert not [name for name in members if not hasattr(kind, name)]
    assert not hasattr(kind, "no_such_member")


def test_the_generator_is_theirs_and_the_rest_is_the_modalitys(tmp_path: Path) -> None:
    kind = with_generator(CXR, mine(saw_cohort=False))
    kind.fit(RECORDS, CONFIG.modality, tmp_path / "model", 0, Silent())
    (sample,) = kind.open_generator(tmp_path / "model", CONFIG.modality, 1)([Request(5, CxrCondition())])
    assert sample.payload.max() == 0
    assert kind.describe(CONFIG.modality) == "Black squares"
    assert not kind.reads_cohort(tmp_path / "model")
    assert kind.name == "cxr"
    assert kind.encode(sample.payload) == CXR.encode(sample.payload)


def test_another_version_is_another_model(tmp_path: Path) -> None:
    digests = {with_generator(CXR, mine(version)).model_digest(tmp_path) for version in ("1", "2", "1")}
    assert len(digests) == 2


def test_copies_in_the_generators_domain_are_theirs_or_none(tmp_path: Path) -> None:
    def inverted(records: Sequence[CxrReal]) -> list[CxrImage]:
        return [255 - record.payload for record in records]

    without = list(with_generator(CXR, mine()).planted(RECORDS, tmp_path, CONFIG, 0))
    own = list(with_generator(CXR, mine(), inverted).planted(RECORDS, tmp_path, CONFIG, 0))
    assert not [copies for copies in without if copies.domain == "generator"]
    (theirs,) = [copies for copies in own if copies.domain == "generator"]
    assert np.array_equal(theirs.payloads[0], 255 - RECORDS[0].payload)
    assert len(own) == len(without) + 1


def test_without_a_cohort_there_are_no_conditions(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give --data"):
        with_generator(CXR, mine()).free_conditions(tmp_path, CONFIG.modality)
