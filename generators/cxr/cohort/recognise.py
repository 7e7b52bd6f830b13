"""Which layout a folder has, by the tables and files in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cxr.cohort import chexpert, dicom, mimic, nih, padchest, plain
from synthgen.generators.cxr.cohort.listing import Listing
from synthgen.generators.cxr.cohort_config import CohortConfig
from synthgen.progress import Progress


@dataclass(frozen=True, slots=True)
class Layout:
    """One layout: how it is recognised, and how it is read.

    Attributes:
        looked_for: what the folder must hold, in the words of an error message.
    """

    name: str
    looked_for: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path, CohortConfig, Path, Progress], Listing]


LAYOUTS: Final = (
    Layout("nih", nih.LOOKED_FOR, nih.recognises, nih.read),
    Layout("chexpert", chexpert.LOOKED_FOR, chexpert.recognises, chexpert.read),
    Layout("mimic", mimic.LOOKED_FOR, mimic.recognises, mimic.read),
    Layout("padchest", padchest.LOOKED_FOR, padchest.recognises, padchest.read),
    Layout("plain", plain.LOOKED_FOR, plain.recognises, plain.read),
    Layout("dicom", dicom.LOOKED_FOR, dicom.recognises, dicom.read),
)


def recognise(data: Path, config: CohortConfig) -> Layout:
    """The folder's layout, or the one that the configuration names.

    Raises:
        UserError: the folder is absent, a file, or empty; none of the layouts fits, or two do.
    """
    if not data.exists():
        raise UserError(f"the cohort folder {data} does not exist")
    if not data.is_dir():
        raise UserError(f"{data} is a file: give the folder that holds the images and their table")
    try:
        empty = next(data.iterdir(), None) is None
    except OSError as error:
        raise UserError(f"the cohort folder {data} cannot be read: {error.strerror}") from error
    if empty:
        raise UserError(f"the cohort folder {data} is empty")
    if config.layout != "auto":
        return next(layout for layout in LAYOUTS if layout.name == config.layout)
    fitting = [layout for layout in LAYOUTS if layout.recognises(data)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        found = " and ".join(f"{layout.name} ({layout.looked_for})" for layout in fitting)
        raise UserError(f"{data} fits more than one layout: {found}; name one with cohort.layout")
    looked_for = "; ".join(f"{layout.name}: {layout.looked_for}" for layout in LAYOUTS)
    raise UserError(f"no known layout in {data}; looked for {looked_for}")
