"""Progress: bars that fit, lines that tell in a log what is under way."""

import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from synthgen.progress import Count, bar, bars, duration


def counted(total: int | None, done: int, seconds: float, earlier: int = 0, unit: str = "copy") -> Count:
    """A task of which ``done`` units are done after ``seconds``."""
    now = 100.0

    def clock() -> float:
        return now

    count = Count("planting copies", total, unit, earlier, clock)
    count.done = done
    now += seconds
    return count


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
    st.one_of(st.none(), st.integers(0, 10**9)),
    st.integers(0, 10**9),
    st.floats(0, 1e7),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
    st.integers(40, 200),
)
def test_a_bar_fits_the_terminal(
    name: str, total: int | None, done: int, seconds: float, note: str, width: int
) -> None:
    count = counted(total, done, seconds)
    count.name, count.note = name, note
    assert len(bar(count, width)) < width


def test_eighty_columns_show_bar_count_rate_and_time_left() -> None:
    line = bar(counted(299, 120, 37.5), 80)
    assert "━" in line and "120/299" in line and "3.2 copy/s" in line and "0:00:56 left" in line


def test_the_rate_is_that_of_this_run() -> None:
    resumed = counted(1000, 960, 20.0, earlier=900, unit="step")
    assert resumed.rate == "3.0 step/s" and resumed.left == "0:00:13 left"
    assert counted(10, 2, 8.0).rate == "4.0 s/copy"
    assert counted(None, 7, 7.0).left == "" == counted(5, 5, 1.0).left == counted(5, 0, 9.0).left
    assert duration(3723) == "1:02:03"


def test_a_log_has_a_line_for_every_stage_and_every_while() -> None:
    told = io.StringIO()
    with bars(Console(file=told, width=80), every=0.02) as progress:
        progress.stage(3, 6, "calibrate")
        task = progress.task("planting copies", 299, "copy")
        task.advance(120, "exact")
        time.sleep(0.15)
        task.advance(179)
        progress.say("news that is longer than eighty columns, and that stays on one line wherever the log goes to")
    lines = told.getvalue().splitlines()
    assert lines[0] == "stage 3 of 6, calibrate"
    (first, *_) = [line for line in lines if line.startswith("stage 3 of 6, calibrate: planting copies: 120 of 299, ")]
    assert "copy/s" in first and "left, exact" in first
    assert lines[-1].startswith("news") and lines[-1].endswith("goes to")
    after = told.getvalue()
    time.sleep(0.06)
    assert told.getvalue() == after, "nothing is said when all is over"


@pytest.mark.parametrize("width", [60, 80])
def test_a_terminal_is_never_wider_than_it_is(width: int) -> None:
    told = io.StringIO()
    console = Console(file=told, width=width, force_terminal=True, color_system=None, legacy_windows=False)
    with bars(console) as progress:
        progress.stage(1, 6, "cohort")
        for name in ("look for images twice, in both of them", "second"):
            task = progress.task(name, 123456, "recording")
            task.advance(123456, "a note that is rather long, as some of them are in practice")
    shown = told.getvalue().replace("\r", "\n").replace("\x1b[2K", "").replace("\x1b[1A", "")
    lines = [line for line in shown.split("\n") if "\x1b" not in line]
    assert any("123456/123456" in line for line in lines)
    assert max(len(line) for line in lines) < width
