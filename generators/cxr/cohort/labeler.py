"""The columns of the CheXpert labeler, which CheXpert and MIMIC-CXR-JPG share. Irvin et al., CheXpert, AAAI 2019.

A cell is 1 (positive), 0 (negative), -1 (uncertain) or blank (not mentioned in the report, which counts as negative).
"""

from __future__ import annotations

from typing import Final, Literal

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import TableRow
from synthgen.generators.cxr.cohort.cells import blank
from synthgen.payloads.cxr import NO_FINDING

FINDINGS: Final = (
    "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum", "Fracture", "Lung Lesion",
    "Lung Opacity", "Pleural Effusion", "Pleural Other", "Pneumonia", "Pneumothorax", "Support Devices",
)  # fmt: skip
COLUMNS: Final = (*FINDINGS, NO_FINDING)
UNCERTAIN: Final = "uncertain finding"
"""The reason under which ``uncertain="drop"`` leaves an image out."""


def findings(
    row: TableRow, uncertain: Literal["negative", "positive", "drop"], vocabulary: tuple[str, ...]
) -> tuple[str, ...] | None:
    """The positive findings of a row; None where an uncertain one drops it.

    ``Support Devices`` is a finding here, as it changes the image, though the labeler lets it stand beside No Finding.

    Args:
        vocabulary: the findings that matter to ``drop``; empty for all.

    Raises:
        UserError: a cell holds something else than 1, 0, -1 or nothing.
    """
    found: list[str] = []
    for finding in FINDINGS:
        match _value(row, finding):
            case 1:
                found.append(finding)
            case -1 if uncertain == "positive":
                found.append(finding)
            case -1 if uncertain == "drop" and (not vocabulary or finding in vocabulary):
                return None
    return tuple(found)


def _value(row: TableRow, finding: str) -> int:
    cell = row[finding]
    if blank(cell):
        return 0
    try:
        return {1.0: 1, 0.0: 0, -1.0: -1}[float(cell)]
    except (ValueError, KeyError) as error:
        raise UserError(f'{row.where}: the column "{finding}" must hold 1, 0, -1 or nothing') from error
