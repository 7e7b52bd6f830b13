"""The columns of the CheXpert labeler, which CheXpert, MIMIC-CXR-JPG and BRAX share. Irvin et al., CheXpert, AAAI 2019.

A cell is 1 (positive), 0 (negative), -1 (uncertain) or blank (not mentioned in the report). Negative, uncertain or
unmentioned findings make no image normal: the column No Finding does, where it holds 1.
"""

from __future__ import annotations

from typing import Final, Literal

from synthgen.generators.cohort.listing import LeftOutError, RowError, TableRow
from synthgen.generators.cxr.cohort.cells import NO_MARK, blank
from synthgen.generators.cxr.cohort.labels import UNCERTAIN, UNSURE
from synthgen.payloads.cxr import NO_FINDING

FINDINGS: Final = (
    "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum", "Fracture", "Lung Lesion",
    "Lung Opacity", "Pleural Effusion", "Pleural Other", "Pneumonia", "Pneumothorax", "Support Devices",
)  # fmt: skip
COLUMNS: Final = (*FINDINGS, NO_FINDING)


def findings(
    row: TableRow, uncertain: Literal["negative", "positive", "drop"], vocabulary: tuple[str, ...]
) -> tuple[str, ...]:
    """The positive findings of a row; none where No Finding is marked.

    ``Support Devices`` is a finding here, as it changes the image, though the labeler lets it stand beside No Finding.

    Args:
        vocabulary: the findings that matter to ``drop``; empty for all.

    Raises:
        LeftOutError: an uncertain finding drops the row, or it has no certain one and No Finding is not marked.
        RowError: a cell holds something else than 1, 0, -1 or nothing.
    """
    found: list[str] = []
    for finding in FINDINGS:
        match _value(row, finding):
            case 1:
                found.append(finding)
            case -1 if uncertain == "positive":
                found.append(finding)
            case -1 if uncertain == "drop" and (not vocabulary or finding in vocabulary):
                raise LeftOutError(UNCERTAIN)
    if not found and _value(row, NO_FINDING) != 1:
        raise LeftOutError(UNSURE)
    return tuple(found)


def _value(row: TableRow, finding: str) -> int:
    cell = row[finding]
    if blank(cell):
        return 0
    try:
        return {1.0: 1, 0.0: 0, -1.0: -1}[float(cell.replace(",", "."))]
    except (ValueError, KeyError):
        raise RowError(f'{row.where}: the column "{finding}" must hold 1, 0, -1 or nothing', NO_MARK) from None
