"""How far the sessions of a chat model are, in a file: the process that asks the model may have no terminal."""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from synthgen.files import write_atomically
from synthgen.generators.dialogue.conduct.tally import ACCEPTED, Tally

UNDER_WAY: Final = "sessions_under_way.json"
_EVERY: Final = 2.0


@dataclass
class UnderWay:
    """A task (see :mod:`synthgen.progress`) that keeps ``path`` up to date, every two seconds at most.

    The file holds counts and times and no word that was said: utterances accepted in this batch, shares of answers,
    sessions started and finished in this run, seconds a finished session, and the process's largest memory.

    Attributes:
        tally: of the run; ``sessions`` of it advance together now.
        began, written: by the monotonic clock.
    """

    path: Path
    tally: Tally
    sessions: int
    began: float = field(default_factory=time.monotonic)
    done: int = 0
    written: float = 0.0

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.done += steps
        if time.monotonic() - self.written >= _EVERY:
            self.write(note)

    def write(self, note: str = "") -> None:
        """Writes the file now."""
        self.written, seconds = time.monotonic(), time.monotonic() - self.began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        found = {
            "sessions_together": self.sessions,
            "utterances": self.done,
            "utterances_an_hour": round(3600 * self.done / max(1e-3, seconds)),
            "started": self.tally.started,
            "finished": self.tally.finished,
            "seconds_a_finished_session": round(seconds / self.tally.finished, 1) if self.tally.finished else None,
            "answers": sum(self.tally.answers.values()),
            "accepted": self.tally.answers[ACCEPTED],
            "peak_gib": round(peak / 2**30, 2),
            "note": note,
        }
        write_atomically(self.path, (json.dumps(found, indent=1) + "\n").encode())
