"""Killed at random moments and run again, a run ends byte for byte as if it had never been killed."""

import time
from pathlib import Path

import numpy as np
import pytest
from flow_command import CXR, DIALOGUE, SPEECH, Flow, contents, killed, result_of

from synthgen.ledger import read_ledger


def test_same_result_after_kills(request: pytest.FixtureRequest, tmp_path: Path, flow: Flow, kills: int) -> None:
    """Each kill strikes at a random moment of what a whole run takes; a run that ends before begins a new folder."""
    finished = request.getfixturevalue(flow.finished)
    rng = np.random.default_rng(kills)
    started = time.monotonic()
    (tmp_path / "0").mkdir()
    assert not killed(flow.arguments, tmp_path / "0", 600)
    whole = time.monotonic() - started
    folders = [tmp_path / "0"]
    struck = 0
    while struck < kills:
        if result_of(folders[-1]).exists():
            folders.append(tmp_path / str(len(folders)))
            folders[-1].mkdir()
        if killed(flow.arguments, folders[-1], rng.uniform(0.05, 0.95) * whole):
            struck += 1
            read_ledger(folders[-1] / "work" / "ledger.jsonl")  # raises if the chain was broken
    assert not killed(flow.arguments, folders[-1], 600)
    for folder in folders:
        same(folder, finished)


def same(folder: Path, finished: Path) -> None:
    """The result, the shards, the calibration and the ledger are byte-identical: no attempt is lost."""
    assert contents(result_of(folder)) == contents(result_of(finished))
    for part in ("shards", "ledger.jsonl", "screen/calibration.json"):
        ours, theirs = folder / "work" / part, finished / "work" / part
        if ours.is_dir():
            assert contents(ours) == contents(theirs)
        else:
            assert ours.read_bytes() == theirs.read_bytes()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Two kills of the quicker runs by default, twenty of every one on request."""
    two = [pytest.param(flow, 2, id=f"{flow.finished}-2") for flow in (CXR, DIALOGUE)]
    twenty = [
        pytest.param(flow, 20, id=f"{flow.finished}-20", marks=pytest.mark.slow) for flow in (CXR, DIALOGUE, SPEECH)
    ]
    metafunc.parametrize(("flow", "kills"), [*two, *twenty])
