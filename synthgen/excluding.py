"""Patients whom the data steward leaves out of a cohort, before anybody is split: who objected, or stands out too much.

A person under two numbers is left out with both.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from synthgen.errors import UserError
from synthgen.patient_ids import patient_key
from synthgen.records import C, Loaded, Skipped

T = TypeVar("T")

REASON: Final = "patients left out by the data steward"
_HEADINGS: Final = frozenset({"patient_id", "patient", "id"})


def read_patients(path: Path, option: str) -> frozenset[str]:
    """The keys (:func:`patient_key`) of the ids in a file, one a line, or in the first column of a table.

    A table is known by its heading: ``patient_id``, ``patient`` or ``id``.

    Raises:
        UserError: it cannot be read, or names nobody.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UserError(f"cannot read the file of {option}, {path}: it must be text in UTF-8, an id a line") from None
    head = lines[0].lower().split(",")[0].strip().strip('"') if lines else ""
    if head in _HEADINGS:  # a table, of which the first column counts
        words = [row[0].strip() for row in csv.reader(lines[1:]) if row]
    else:
        words = [line.strip().strip('"') for line in lines]
    found = frozenset(patient_key(word) for word in words if word)
    if not found:
        raise UserError(
            f"the file of {option}, {path}, names nobody: give a patient id a line, or leave the option out"
        )
    return found


def people_in(path: Path, option: str, person_of: Mapping[str, str]) -> frozenset[str]:
    """The people of a list, by the names that they have in the cohort.

    Raises:
        UserError: somebody of the list is not in the cohort. The line counts them, and names nobody.
    """
    listed = read_patients(path, option)
    strangers = sum(key not in person_of for key in listed)
    if strangers:
        raise UserError(
            f"{strangers} of the {len(listed)} patient ids in {path} are not in the cohort: write each as the cohort "
            "does, or take it out of the list"
        )
    return frozenset(person_of[key] for key in listed)


def without(loaded: Loaded[T, C], path: Path, person_of: Mapping[str, str]) -> tuple[Loaded[T, C], Skipped]:
    """The cohort without the people of a list, and how many they are.

    Args:
        person_of: the person's name by the key of every identifier in the cohort.

    Raises:
        UserError: somebody of the list is not in the cohort. The line counts them, and names nobody.
    """
    people = people_in(path, "--exclude", person_of)
    kept = tuple(record for record in loaded.records if record.patient not in people)
    return replace(loaded, records=kept, links=()), Skipped(REASON, len(people))
