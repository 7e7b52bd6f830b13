from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from synthgen.generators.dialogue.realisers.journal import Journaled, request_digest
from synthgen.generators.dialogue.realisers.protocol import Message, Prompt, Response, Sampling


class Fickle:
    """A realiser that never gives the same answer twice, like a busy server."""

    def __init__(self) -> None:
        self.calls = 0
        self.forgotten: list[int] = []

    def generate(self, requests: Sequence[Prompt]) -> list[Response]:
        self.calls += 1
        return [Response(f"answer {os.urandom(8).hex()} é\u2028", "stop", "") for _ in requests]

    def forget(self) -> None:
        self.forgotten.append(self.calls)


def batch(n: int) -> list[Prompt]:
    return [Prompt(100 * n + i, (Message("user", f"question {n} {i}"),)) for i in range(3)]


def test_answers_are_replayed_in_order(tmp_path: Path) -> None:
    path = tmp_path / "private" / "j.jsonl"
    first = Fickle()
    with Journaled(first, path) as journal:
        answers = [journal.generate(batch(n)) for n in range(4)]
    again = Fickle()
    with Journaled(again, path) as journal:
        assert [journal.generate(batch(n)) for n in range(4)] == answers
        assert again.calls == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("lost", [1, 5, 40])
def test_a_torn_line_is_dropped_and_only_that(tmp_path: Path, lost: int) -> None:
    path = tmp_path / "j.jsonl"
    journal = Journaled(Fickle(), path)
    answers = [journal.generate(batch(n)) for n in range(3)]
    os.truncate(path, path.stat().st_size - lost)
    realiser = Fickle()
    with Journaled(realiser, path) as journal:
        assert [journal.generate(batch(n)) for n in range(2)] == answers[:2]
        third = journal.generate(batch(2))
        assert realiser.calls == 1 and third != answers[2]
    with Journaled(Fickle(), path) as journal:
        assert [journal.generate(batch(n)) for n in range(3)] == [*answers[:2], third]


def test_another_call_or_another_model_is_not_answered_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    with Journaled(Fickle(), path, identity="a") as journal:
        answers = [journal.generate(batch(n)) for n in range(3)]
    other = Fickle()
    with Journaled(other, path, identity="a") as journal:
        assert journal.generate(batch(0)) == answers[0]
        departed = journal.generate(batch(7))
        assert other.calls == 1
    with Journaled(Fickle(), path, identity="a") as journal:
        assert [journal.generate(batch(0)), journal.generate(batch(7))] == [answers[0], departed]
    another = Fickle()
    Journaled(another, path, identity="b").generate(batch(0))
    assert another.calls == 1


def test_the_digest_covers_all_that_an_answer_depends_on() -> None:
    base = Prompt(1, (Message("user", "a"),))
    others = [
        Prompt(2, base.messages),
        Prompt(1, (Message("user", "b"),)),
        Prompt(1, (Message("assistant", "a"),)),
        Prompt(1, base.messages, Sampling(max_tokens=9)),
        Prompt(1, base.messages, schema={"type": "object"}),
    ]
    digests = {request_digest(request) for request in (base, *others)} | {request_digest(base, "model")}
    assert len(digests) == 7


def test_a_failure_of_the_realiser_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    class Dying(Fickle):
        def generate(self, requests: Sequence[Prompt]) -> list[Response]:
            if self.calls == 2:
                raise RuntimeError
            return super().generate(requests)

    path = tmp_path / "j.jsonl"
    with pytest.raises(RuntimeError), Journaled(Dying(), path) as journal:
        answers = []
        for n in range(3):
            answers.append(journal.generate(batch(n)))
    with Journaled(Fickle(), path) as journal:
        assert [journal.generate(batch(n)) for n in range(2)] == answers


@pytest.mark.parametrize("killed_after", [1, 3, 4, 6, 7])
def test_a_realiser_that_keeps_state_computes_an_unfinished_segment_again(tmp_path: Path, killed_after: int) -> None:
    class Stateful:
        """Deterministic, but an answer depends on how much was answered since it last forgot: like kept keys."""

        def __init__(self) -> None:
            self.since = 0

        def generate(self, requests: Sequence[Prompt]) -> list[Response]:
            self.since += 1
            return [Response(f"{request.seed} {self.since}") for request in requests]

        def forget(self) -> None:
            self.since = 0

    with Journaled(Stateful(), tmp_path / "whole.jsonl", segment=3) as journal:
        whole = [journal.generate(batch(n)) for n in range(7)]
    path = tmp_path / "killed.jsonl"
    journal = Journaled(Stateful(), path, segment=3)
    for n in range(killed_after):
        journal.generate(batch(n))
    with Journaled(Stateful(), path, segment=3) as journal:  # the first one is never closed, as after a kill
        assert [journal.generate(batch(n)) for n in range(7)] == whole
    assert path.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


SCRIPT = """
import sys, time
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from hand_arc import Puppet, hand_arc
from synthgen.generators.dialogue.conduct.lockstep import conduct_sessions
from synthgen.generators.dialogue.conduct.session import Brief
from synthgen.generators.dialogue.config import ConductConfig
from synthgen.generators.dialogue.realisers.journal import Journaled

class Slow(Puppet):
    def generate(self, requests):
        time.sleep(0.02)
        return super().generate(requests)

briefs = [Brief(hand_arc(2, work=(30, 40)), 1 + n % 2, n) for n in range(3)]
with Journaled(Slow(), Path(sys.argv[1])) as realiser:
    for dialogue in conduct_sessions(briefs, realiser, ConductConfig()):
        print(repr(dialogue.turns))
"""


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_conversation_that_is_killed_goes_on_at_its_turn(tmp_path: Path, seed: int) -> None:
    here = str(Path(__file__).parents[2] / "helpers")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def start(path: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", SCRIPT, str(path), here]
        return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)

    def batches(path: Path) -> int:
        return path.read_bytes().count(b"\n") if path.exists() else 0

    whole, _ = start(tmp_path / "whole.jsonl").communicate(timeout=60)
    path = tmp_path / "killed.jsonl"
    for wanted in (3 + 4 * seed, 9 + 6 * seed):
        process = start(path)
        until = time.monotonic() + 60
        while batches(path) < wanted and time.monotonic() < until:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        assert wanted <= batches(path) < batches(tmp_path / "whole.jsonl")
    resumed, _ = start(path).communicate(timeout=60)
    assert resumed == whole and whole
    assert [json.loads(line) for line in path.read_text().splitlines()][-1] == {"end": True}
