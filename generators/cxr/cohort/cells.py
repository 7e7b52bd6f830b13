"""What stands in the cells of a table, or in a DICOM header: ages, sexes, views, labels.

Messages name the row, never what a patient's cell holds; only labels and views, which are vocabulary, are quoted.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from synthgen.errors import UserError
from synthgen.payloads.cxr import NO_FINDING, Sex, View

OLDEST: Final = 120
_AGE: Final = re.compile(r"(\d{1,3})(?:\.\d+)?([YMWD]?)")
_YEARS_PER_UNIT: Final = {"": 1.0, "Y": 1.0, "M": 1 / 12, "W": 1 / 52.18, "D": 1 / 365.25}
_BLANK: Final = frozenset({"", "nan", "na", "n/a", "none", "null", "unknown"})
_SEXES: Final[dict[str, Sex]] = {"f": "F", "female": "F", "m": "M", "male": "M", "o": "", "other": "", "u": ""}
_MEANT_NO_FINDING: Final = frozenset({"normal", "healthy", "negative", "nofinding", "no findings", "no_finding"})


def blank(cell: str) -> bool:
    """True where nothing is said: an empty cell, NaN, null, unknown."""
    return cell.strip().lower() in _BLANK


def years(cell: str) -> int | None:
    """An age as ``58``, ``58.0``, ``058Y`` or ``006M`` (DICOM's AS) in completed years; None where it is not one."""
    match = _AGE.fullmatch(cell.strip().upper())
    return int(int(match[1]) * _YEARS_PER_UNIT[match[2]]) if match else None


def age(cell: str, where: str) -> int | None:
    """Years from 0 to 120; None where the cell is blank.

    Raises:
        UserError: the cell is neither blank nor such an age.
    """
    if blank(cell):
        return None
    value = years(cell)
    if value is None or value > OLDEST:
        raise UserError(f"{where}: the age must be years from 0 to {OLDEST}, or empty where it is unknown")
    return value


def sex(cell: str, where: str) -> Sex:
    """``F``, ``M``, or ``""`` for other and unknown. Raises UserError for anything else."""
    if blank(cell):
        return ""
    known = _SEXES.get(cell.lower())
    if known is None:
        raise UserError(f"{where}: the sex must be F, M, or empty where it is unknown")
    return known


def view(cell: str) -> View | None:
    """A frontal view, ``""`` where the cell is blank, None for a lateral or any other view."""
    if blank(cell):
        return ""
    match cell.strip().upper().replace("-", "").replace(" ", "_"):
        case "PA" | "POSTEROANTERIOR" | "PA_ERECT":
            return "PA"
        case "AP" | "ANTEROPOSTERIOR" | "AP_HORIZONTAL" | "AP_ERECT" | "AP_SUPINE":
            return "AP"
    return None


def findings(labels: Collection[str], where: str, known: Collection[str] = ()) -> tuple[str, ...]:
    """The findings among labels: sorted, unique, without ``"No Finding"``; empty for a normal image.

    Args:
        known: the layout's vocabulary; empty accepts every label.

    Raises:
        UserError: no label, a blank or unknown one, or ``"No Finding"`` beside a finding.
    """
    found = {label.strip() for label in labels}
    if not found or any(blank(label) for label in found):
        raise UserError(f'{where}: a label is empty; use "{NO_FINDING}" for a normal image')
    normal = {label for label in found if label.lower() == NO_FINDING.lower()}
    found -= normal
    for label in sorted(found):
        if label.lower() in _MEANT_NO_FINDING:
            raise UserError(f'{where}: the label "{label}"; use "{NO_FINDING}" for a normal image')
        if known and label not in known:
            raise UserError(
                f'{where}: unknown label "{label}"; known are {", ".join(sorted(known))}; '
                f'use "{NO_FINDING}" for a normal image'
            )
    if normal and found:
        raise UserError(f'{where}: "{NO_FINDING}" stands beside {", ".join(sorted(found))}; keep one or the other')
    return tuple(sorted(found))
