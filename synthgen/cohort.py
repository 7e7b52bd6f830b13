"""The split by patient: train, calibration and audit share nobody."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from synthgen.config import SplitConfig
from synthgen.errors import UserError
from synthgen.patient_ids import patient_key
from synthgen.records import C, Cohort, Loaded, Real

T = TypeVar("T")

PARTS = ("train", "calibration", "audit")
_RARE_STRATUM = 10


def split_by_patient(
    loaded: Loaded[T, C],
    config: SplitConfig,
    person_of: Mapping[str, str] | None = None,
    held_out: Collection[str] | None = None,
) -> Cohort[T, C]:
    """Assigns every patient, with all records, to one part: stratified by condition, seeded, or as a file says.

    Args:
        held_out: patients who are the audit, and nobody else is: whom the split would audit is calibrated on.
        person_of: the patient by :func:`patient_key` of every identifier that a split file may hold; several where
            linked patients count as one. Without it, the cohort's patients.

    Raises:
        UserError: if the cohort has one patient only, a part would stay empty, or the split file contradicts itself.
    """
    patients = sorted({record.patient for record in loaded.records})
    if len(patients) < 2:
        raise UserError(f"the cohort has {len(patients)} patient(s): nobody can be held out; give a larger cohort")
    if config.file is not None:
        part = read_split(config.file, patients, person_of)
    else:
        part = _assign(patients, _strata(loaded.records), config)
    if held_out is not None:
        others = {p: "calibration" if name == "audit" else name for p, name in part.items()}
        part = {p: "audit" if p in held_out else name for p, name in others.items()}
    parts = {name: tuple(r for r in loaded.records if part[r.patient] == name) for name in PARTS}
    if not parts["train"]:
        raise UserError(
            "no patient is left for training: give a larger cohort, or a split file that puts some there"
            if config.file
            else "no patient is left for training: give a larger cohort, or shares that leave it some, e.g. "
            "--set split.train=0.6 --set split.calibration=0.25 --set split.audit=0.15"
        )
    digest = hashlib.blake2b(digest_size=16)
    for record in sorted(loaded.records, key=lambda r: (r.patient, r.record)):
        digest.update("\0".join((record.patient, record.record, part[record.patient], "")).encode())
    return Cohort(parts["train"], parts["calibration"], parts["audit"], loaded.licence, digest.hexdigest())


def read_split(path: Path, patients: Sequence[str], person_of: Mapping[str, str] | None = None) -> dict[str, str]:
    """Reads ``patient_id,split`` rows: every patient of the cohort exactly once, in one part.

    Raises:
        UserError: naming the row, never the patient.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError):
        raise UserError(f"cannot read the split file {path}: it must be a CSV in UTF-8 with patient_id,split") from None
    if not rows or not {"patient_id", "split"} <= set(rows[0]):
        raise UserError(f"the split file {path} needs the columns patient_id,split, separated by a comma, and rows")
    known = person_of or {patient_key(patient): patient for patient in patients}
    told: dict[str, str] = {}
    part: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        key, name = patient_key(row["patient_id"] or ""), (row["split"] or "").strip()
        if name not in PARTS:
            raise UserError(f"{path}, row {number}: split is {name!r}, it must be one of {', '.join(PARTS)}")
        if told.setdefault(key, name) != name:
            raise UserError(f"{path}, row {number}: a patient stands in two splits; give each patient one")
        if part.setdefault(known.get(key, key), name) != name:
            raise UserError(
                f"{path}, row {number}: this patient is linked to one in another split, and both count as one person: "
                "put them in one split, or set the pair of records apart with people.apart"
            )
    missing = [patient for patient in patients if patient not in part]
    if missing:
        raise UserError(
            f"{path} leaves {len(missing)} of the cohort's {len(patients)} patients without a split: give every "
            "patient a row with train, calibration or audit, written as in the cohort"
        )
    return part


def _strata(records: Sequence[Real[T, C]]) -> dict[str, str]:
    """Each patient's commonest condition; the rare ones together, so that every stratum can be shared out."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        seen[record.patient][record.condition.stratum] += 1
    stratum = {patient: min(c, key=lambda s: (-c[s], s)) for patient, c in seen.items()}
    sizes = Counter(stratum.values())
    return {patient: s if sizes[s] >= _RARE_STRATUM else "rare" for patient, s in stratum.items()}


def parts_of(count: int, config: SplitConfig) -> list[str]:
    """The parts that so many patients are dealt to, in turn: always to the one that lags farthest behind its share."""
    shares = dict(zip(PARTS, (config.train, config.calibration, config.audit), strict=True))
    dealt: Counter[str] = Counter()
    parts: list[str] = []
    for number in range(1, count + 1):
        name = max(PARTS, key=lambda p: (shares[p] * number - dealt[p], -PARTS.index(p)))
        parts.append(name)
        dealt[name] += 1
    return parts


def _assign(patients: Sequence[str], stratum: Mapping[str, str], config: SplitConfig) -> dict[str, str]:
    """Deals the patients out, stratum by stratum in random order."""
    rng = np.random.default_rng(config.seed)
    lot = dict(zip(patients, rng.permutation(len(patients)), strict=True))
    in_order = sorted(patients, key=lambda p: (stratum[p], lot[p]))
    return dict(zip(in_order, parts_of(len(in_order), config), strict=True))
