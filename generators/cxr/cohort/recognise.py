"""The layouts of a folder of radiographs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from synthgen.generators.cohort import recognise as folders
from synthgen.generators.cohort.recognise import Layout
from synthgen.generators.cxr.cohort import chexpert, dicom, mimic, nih, padchest, plain
from synthgen.generators.cxr.cohort.listing import Listing
from synthgen.generators.cxr.cohort_config import CohortConfig
from synthgen.progress import Progress

Read = Callable[[Path, CohortConfig, Path, Progress], Listing]

LAYOUTS: Final[tuple[Layout[Read], ...]] = (
    Layout("nih", nih.LOOKED_FOR, nih.recognises, nih.read),
    Layout("chexpert", chexpert.LOOKED_FOR, chexpert.recognises, chexpert.read),
    Layout("mimic", mimic.LOOKED_FOR, mimic.recognises, mimic.read),
    Layout("padchest", padchest.LOOKED_FOR, padchest.recognises, padchest.read),
    Layout("plain", plain.LOOKED_FOR, plain.recognises, plain.read),
    Layout("dicom", dicom.LOOKED_FOR, dicom.recognises, dicom.read),
)


def recognise(data: Path, config: CohortConfig) -> Layout[Read]:
    """See :func:`synthgen.generators.cohort.recognise.recognise`. A folder that two layouts fit is refused."""
    return folders.recognise(data, LAYOUTS, config.layout, holds="the images and their table")
