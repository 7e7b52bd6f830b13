"""Which layout a folder has, by the tables and files in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.speech.cohort import folders, metadata, rttm
from synthgen.generators.speech.cohort.listing import Listing
from synthgen.generators.speech.cohort_config import CohortConfig


@dataclass(frozen=True, slots=True)
class Layout:
    """One layout: how it is recognised, and how it is read.

    Attributes:
        looked_for: what the folder must hold, in the words of an error message.
    """

    name: str
    looked_for: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path, CohortConfig], Listing]


LAYOUTS: Final = (
    Layout("metadata", metadata.LOOKED_FOR, metadata.recognises, metadata.read),
    Layout("rttm", rttm.LOOKED_FOR, rttm.recognises, rttm.read),
    Layout("folders", folders.LOOKED_FOR, folders.recognises, folders.read),
)
"""The first that fits is taken: a table says more than annotations, and these more than folders."""


def recognise(data: Path, config: CohortConfig) -> Layout:
    """The folder's layout, or the one that the configuration names.

    Raises:
        UserError: the folder is absent, a file, or empty; or none of the layouts fits.
    """
    if not data.exists():
        raise UserError(f"the cohort folder {data} does not exist")
    if not data.is_dir():
        raise UserError(f"{data} is a file: give the folder that holds the recordings")
    try:
        empty = next(data.iterdir(), None) is None
    except OSError as error:
        raise UserError(f"the cohort folder {data} cannot be read: {error.strerror}") from None
    if empty:
        raise UserError(f"the cohort folder {data} is empty")
    for layout in LAYOUTS:
        if layout.name == config.layout or (config.layout == "auto" and layout.recognises(data)):
            return layout
    looked_for = "; ".join(f"{layout.name}: {layout.looked_for}" for layout in LAYOUTS)
    raise UserError(f"no known layout in {data}; looked for {looked_for}")
