"""The layouts of a folder of recordings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from synthgen.generators.cohort import recognise as found
from synthgen.generators.cohort.recognise import Layout
from synthgen.generators.speech.cohort import folders, kaldi, metadata, rttm
from synthgen.generators.speech.cohort.listing import Listing
from synthgen.generators.speech.cohort_config import CohortConfig

Read = Callable[[Path, CohortConfig], Listing]

LAYOUTS: Final[tuple[Layout[Read], ...]] = (
    Layout("metadata", metadata.LOOKED_FOR, metadata.recognises, metadata.read),
    Layout("kaldi", kaldi.LOOKED_FOR, kaldi.recognises, kaldi.read),
    Layout("rttm", rttm.LOOKED_FOR, rttm.recognises, rttm.read),
    Layout("folders", folders.LOOKED_FOR, folders.recognises, folders.read),
)
"""The first that fits is taken: a table says more than annotations, and these more than folders."""


def recognise(data: Path, config: CohortConfig) -> Layout[Read]:
    """See :func:`synthgen.generators.cohort.recognise.recognise`."""
    layouts = [
        replace(layout, recognises=lambda folder: bool(metadata.tables_in(folder, config.columns)))
        if layout.name == "metadata"
        else layout
        for layout in LAYOUTS
    ]
    return found.recognise(data, layouts, config.layout, holds="the recordings", first=True)
