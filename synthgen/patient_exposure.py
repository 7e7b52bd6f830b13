"""Who of the patients stands out in a release: a private list for the data steward, from which ``--exclude`` reads.

It names patients, so it lies in the work folder and never leaves it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from synthgen.files import private_folder, write_atomically
from synthgen.risks import PatientExposure

LIST: Final = "exposure.csv"
_COLUMNS: Final = ("patient_id", "ratio", "to_sample", "to_other")


def write_patient_exposure(patients: Sequence[PatientExposure], folder: Path) -> Path | None:
    """Writes ``exposure.csv`` (mode 0600), who is exposed most first; None where nobody was measured.

    What is left of it when a steward has deleted whoever may stay is a file for ``--exclude``.
    """
    if not patients:
        return None
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(_COLUMNS)
    for one in sorted(patients, key=lambda one: (one.ratio, one.patient)):
        table.writerow((one.patient, f"{one.ratio:.4g}", f"{one.to_sample:.4g}", f"{one.to_other:.4g}"))
    path = private_folder(folder) / LIST
    write_atomically(path, buffer.getvalue().encode())
    return path
