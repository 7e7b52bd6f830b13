"""Tries on one cohort are counted, whatever the seed, the split, the settings and the work folder."""

import json
import math
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spine_cohort import cohort_of

from synthgen import tries
from synthgen.progress import Silent
from synthgen.state import VARIABLE, State, open_state
from synthgen.tries import (
    LOG,
    Fingerprint,
    TryFacts,
    begin_try,
    conclude,
    end_try,
    fingerprint,
    level_for_try,
    read_log,
    register,
    similarity,
)
from synthgen.workfolder import Workfolder, opened

KEY = b"k" * 32


class Listening(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "state"))
    found = open_state()
    assert found is not None
    return found


@pytest.fixture
def work(tmp_path: Path, state: State) -> Iterator[Workfolder]:
    with opened(tmp_path / "work", modality="cxr", config_digest="a", seed=5) as folder:
        yield folder


def test_a_cohort_is_known_again() -> None:
    cohort = cohort_of(200)
    print_ = fingerprint(cohort, KEY)
    assert fingerprint(cohort[::-1], KEY) == print_
    assert fingerprint(cohort[:-20], KEY).same(print_), "without some of its records"
    assert fingerprint(cohort_of(200, size=6), KEY).same(print_), "read at another size"
    assert not fingerprint(cohort_of(200, content=1), KEY).same(print_), "other patients of the same names"
    assert not fingerprint(cohort[:40], KEY).same(print_), "a fifth of it"
    assert fingerprint(cohort, b"x" * 32).names != print_.names
    text = json.dumps([print_.names, print_.contents])
    assert not any(record.patient in text or record.record in text for record in cohort)


@given(st.sets(st.integers(0, 300)), st.sets(st.integers(0, 300)))
def test_similarity_is_of_the_least(a: set[int], b: set[int]) -> None:
    first, second = ([f"{n:04d}" for n in sorted(x)][:64] for x in (a, b))
    found = similarity(first, second)
    assert 0 <= found <= 1 and found == similarity(second, first)
    if len(a | b) <= 64:
        assert found == (len(a & b) / len(a | b) if a | b else 0)


def test_one_level_is_shared_over_all_tries() -> None:
    shares = [level_for_try(0.05, number) for number in range(1, 10_000)]
    assert shares[0] == 0.05
    assert 0.082 < sum(shares) <= 0.05 * math.pi**2 / 6
    assert shares == sorted(shares, reverse=True)
    with pytest.raises(ValueError, match="count from 1"):
        level_for_try(0.05, 0)


def test_runs_are_numbered_in_the_order_of_their_begin(state: State) -> None:
    ours, other = fingerprint(cohort_of(30), state.key), fingerprint(cohort_of(30, content=1), state.key)
    assert register(state, "one", ours) == TryFacts(1)
    conclude(state, "one", "REFUSE")
    assert register(state, "elsewhere", other) == TryFacts(1)
    assert register(state, "two", ours) == TryFacts(2, (("REFUSE", 1),))
    assert register(state, "three", ours) == TryFacts(3, (("", 1), ("REFUSE", 1)))
    assert register(state, "two", ours).number == 2, "resumed, it is the try that it was"
    conclude(state, "one", "REFUSE")
    log = read_log(state.folder / LOG)
    assert [entry.get("verdict") for entry in log] == [None, "REFUSE", None, None, None]
    assert (state.folder / LOG).stat().st_mode & 0o777 == 0o600
    assert state.folder.stat().st_mode & 0o777 == 0o700


def test_a_torn_line_harms_neither_what_was_nor_what_comes(state: State) -> None:
    ours = fingerprint(cohort_of(30), state.key)
    register(state, "one", ours)
    with (state.folder / LOG).open("a") as log:
        log.write('{"run": "tw')
    assert register(state, "three", ours).number == 2
    assert register(state, "four", ours).number == 3


def _registered(folder: Path, number: int, ours: Fingerprint) -> None:
    for n in range(5):
        register(State(folder, KEY), f"{number}-{n}", ours)


def test_parallel_runs_take_turns(state: State) -> None:
    ours = fingerprint(cohort_of(8), KEY)
    context = multiprocessing.get_context("fork")
    racing = [context.Process(target=_registered, args=(state.folder, n, ours)) for n in range(4)]
    for process in racing:
        process.start()
    for process in racing:
        process.join()
        assert process.exitcode == 0
    runs = [str(entry["run"]) for entry in read_log(state.folder / LOG)]
    assert len(runs) == len(set(runs)) == 20
    assert [register(state, run, ours).number for run in runs] == list(range(1, 21))


def test_the_same_draw_is_the_same_try_and_another_is_not(state: State, work: Workfolder) -> None:
    cohort = cohort_of(30)
    assert begin_try(cohort, ("seed 1",), work, Silent()) == 1
    end_try(work, "REFUSE")
    assert (work.noted("try"), work.noted("verdict")) == ("1", "REFUSE")
    with opened(work.folder.parent / "two", modality="cxr", config_digest="b") as second:
        assert begin_try(cohort, ("seed 2",), second, Silent()) == 2
    with opened(work.folder.parent / "three", modality="cxr", config_digest="a") as third:
        assert third.key == work.key, "the same settings and seed: the same run"
        assert begin_try(cohort, ("seed 1",), third, Silent()) == 1


def test_a_lost_state_leaves_the_number_as_it_was_said(state: State, work: Workfolder) -> None:
    cohort = cohort_of(30)
    register(state, "earlier", fingerprint(cohort, state.key))
    assert begin_try(cohort, ("seed 1",), work, Silent()) == 2
    (state.folder / LOG).unlink()
    assert begin_try(cohort, ("seed 1",), work, Silent()) == 2


def test_a_home_that_cannot_be_written_is_told_and_no_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file"))
    listening = Listening()
    with opened(tmp_path / "work", modality="cxr", config_digest="a") as work:
        assert len(work.key) == 32
        assert begin_try(cohort_of(9), ("seed 1",), work, listening) is None
        end_try(work, "PASS")
    assert len(listening.lines) == 1 and "cannot be counted" in listening.lines[0] and VARIABLE in listening.lines[0]


def test_where_the_state_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert open_state(create=False) is None and not (tmp_path / "home").exists(), "made lazily"
    found = open_state()
    assert found is not None and found.folder == tmp_path / "home" / ".local" / "state" / "synthgen"
    assert (found.folder / "key").stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    other = open_state()
    assert other is not None and other.folder == tmp_path / "xdg" / "synthgen" and other.key != found.key


def test_the_log_holds_no_name_and_no_plain_digest(state: State) -> None:
    cohort = cohort_of(20)
    register(state, "one", fingerprint(cohort, state.key))
    text = (state.folder / LOG).read_text()
    for record in cohort:
        assert record.patient not in text
        assert tries.content_digest(record.payload).hex()[:16] not in text
    assert np.all([len(str(entry["form"])) == 32 for entry in read_log(state.folder / LOG)])
