"""What an unfinished private fit is known by, and how often noise was drawn for it: what is drawn anew is paid anew.

Where less lies in a model's folder than was drawn for it, something was deleted: the missing draws would be made again
with other noise, and two noisy answers to one question tell more than the one that was paid for.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from synthgen.files import private_folder, write_atomically

BEGUN = ".private_fit"


@dataclass(frozen=True)
class Begun:
    """A fit that is entered in the ledger.

    Attributes:
        token: what it is known by there, beside its settings.
        drawn: how often noise was drawn that may have been seen: rounds of votes, steps.
    """

    token: str
    drawn: int = 0


def read_begun(folder: Path) -> Begun | None:
    """The fit in a model's folder; None where none was begun, or the file says nothing."""
    try:
        value = json.loads((folder / BEGUN).read_text("utf-8"))
        return Begun(str(value["token"]), int(value["drawn"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_begun(folder: Path, begun: Begun) -> None:
    """Writes it down, for the fit to be known again."""
    write_atomically(private_folder(folder) / BEGUN, json.dumps(asdict(begun)).encode())


def note_drawn(folder: Path, drawn: int) -> None:
    """Notes that noise was drawn so often; of a fit that is entered nowhere nothing is noted."""
    begun = read_begun(folder)
    if begun is not None and drawn > begun.drawn:
        write_begun(folder, Begun(begun.token, drawn))
