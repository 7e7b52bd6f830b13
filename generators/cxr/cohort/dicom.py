"""A tree of DICOM files, as a PACS exports it: folders of any depth, with laterals and other examinations among them.

What is no frontal chest radiograph is left out and counted, and so are synthetic images and such with burned-in text; a
file that cannot be read is an error, or left out as well. PatientID becomes
an HMAC-SHA-256 under a random salt that is kept in the private cache folder, and a record's id is its rank among all
images by patient and time: neither a patient's number, nor a date, nor a path goes further than this module.

Headers hold no findings. ``metadata.csv`` in the folder may give them, with the columns file_name and labels (and
patient_id, which then overrides the header's: for files that were all anonymised to one PatientID). Its view, sex and
age go before the header's. Without it every image has the one finding ``Unlabelled``, because "No Finding" would be a
claim that nobody made. The tables of RSNA's pneumonia challenge are read as well: see ``dicom_labels.py``.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections import Counter, defaultdict
from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import RowError, Rows, counted, in_order, is_written_link, licence_of, walk
from synthgen.generators.cxr.cohort import dicom_header, dicom_labels, dicom_pixels, plain, store
from synthgen.generators.cxr.cohort.dicom_files import begins_as_dicom, opened
from synthgen.generators.cxr.cohort.dicom_header import Header
from synthgen.generators.cxr.cohort.dicom_labels import Label
from synthgen.generators.cxr.cohort.listing import SUFFIXES, Entry, Listing
from synthgen.generators.cxr.cohort.pixels import ImageError
from synthgen.generators.cxr.cohort_config import CohortConfig
from synthgen.patient_ids import bare_numbers, check_not_rounded, is_placeholder, number_key, patient_key
from synthgen.payloads.cxr import CxrCondition
from synthgen.progress import Progress

LOOKED_FOR: Final = "DICOM files (*.dcm, or files with the DICM mark) at any depth"
UNLABELLED: Final = "Unlabelled"
_SUFFIXES: Final = frozenset({".dcm", ".dicom", ".dic", ".ima"})
# A table beside them, and pictures, which the plain layout would refuse by their content.
_NEVER: Final = SUFFIXES | {".csv", ".tsv", ".gz", ".json"}
_SALT: Final = "patient-salt"
_TABLE_ISSUER: Final = "metadata.csv"
_MANY: Final = 6


def recognises(data: Path) -> bool:
    """True where a DICOM file lies anywhere in the folder."""
    return next(files_in(data), None) is not None


def files_in(data: Path, dead: list[Path] | None = None) -> Iterator[Path]:
    """The DICOM files of the tree, folder by folder; see :func:`walk`. Hidden files and DICOMDIR are passed over.

    Args:
        dead: where given, links that lead nowhere, or were copied as text, are added to it.
    """
    for path in walk(data, dead):
        if path.stem.upper().startswith("DICOMDIR"):
            continue
        if path.suffix.lower() in _SUFFIXES or _marked(path):
            yield path
        elif dead is not None and is_written_link(path):
            dead.append(path)


def _marked(path: Path) -> bool:
    """Whether the content says so: exports have no suffix, one of their own, or a last dot within a UID."""
    suffix = path.suffix.lower()
    if suffix in _NEVER:
        return False
    with path.open("rb") as file:
        head = file.read(132)
    return head[128:] == b"DICM" or ((not suffix or suffix[1:].isdigit()) and begins_as_dicom(head))


def read(data: Path, config: CohortConfig, cache: Path, progress: Progress) -> Listing:
    """Lists the frontal chest radiographs. Raises UserError for a file that cannot be read, or has no PatientID."""
    dead: list[Path] = []
    files = tuple(files_in(data, dead))
    if dead:
        progress.say(
            f"{len(dead)} links in {data} lead nowhere or were copied as text, the first {dead[0].name}: what they "
            "stand for is not read; copy the folder with its links followed (cp -rL)"
        )
    if not files:
        raise UserError(f"the DICOM layout needs {LOOKED_FOR} in {data}")
    rows = Rows(config.unknown, progress.say)
    labels = dicom_labels.given(data, files, config, rows)
    chests, skipped = _chests(files, labels or {}, config, progress)
    if labels is not None:
        skipped["image without a row in the table"] += sum(path not in labels for path in chests)
        chests = {path: header for path, header in chests.items() if path in labels}
    skipped["PNG or JPEG file beside DICOM files"] = sum(path.suffix.lower() in SUFFIXES for path in walk(data))
    _refuse_one_number([_said(header, (labels or {}).get(path)) for path, header in chests.items()])
    identities: dict[Path, tuple[str, str]] = {}
    for path, header in chests.items():
        with rows.reading():
            identities[path] = _identity(path, header, (labels or {}).get(path))
    skipped += rows.left_out()
    chests = {path: header for path, header in chests.items() if path in identities}
    salt = salt_in(cache)
    ranked = sorted(chests, key=lambda path: (identities[path], chests[path].when, chests[path].instance_uid, path))
    entries = [
        _entry(rank, path, chests[path], (labels or {}).get(path), identities[path], salt)
        for rank, path in enumerate(ranked)
    ]
    bare = bare_numbers([identity for identity in identities.values() if identity[0] != _TABLE_ISSUER])
    entries = [replace(e, bare=identities[e.file][1]) if identities[e.file][1] in bare else e for e in entries]
    silent = sum(header.silent for header in chests.values())
    if silent:
        progress.say(
            f"{silent} DICOM files do not say which part of the body they show, and are taken for chests; "
            "modality.cohort.unnamed_part=skip leaves them out"
        )
    _tell_doubts(chests, labels or {}, progress)
    if skipped[dicom_header.BURNED_IN]:
        progress.say("text burned into an image may name its patient; modality.cohort.burned_in=keep takes such images")
    if labels is None:
        also = f"; {other}" if (other := plain.other_table(data, ("file_name", "labels"))) else ""
        progress.say(f'no {plain.TABLE} gives findings: every image is "{UNLABELLED}"{also}')
    return Listing(
        "dicom", licence_of(data), in_order(entries), counted(+skipped), dicom_pixels.measure, dicom_pixels.decode
    )


def _tell_doubts(chests: Mapping[Path, Header], labels: Mapping[Path, Label], progress: Progress) -> None:
    """Says how many headers had to be read with a guess, but for what a table says instead."""
    said = {path for path, label in labels.items() if label.view}
    if viewless := sum(header.viewless for path, header in chests.items() if path not in said):
        progress.say(f"{viewless} images whose header does not say the view are taken as frontal")
    if two_ages := sum(header.two_ages for header in chests.values()):
        progress.say(
            f"{two_ages} headers have a PatientAge of 0 beside a date of birth that tells another: that is taken"
        )


def _chests(
    files: tuple[Path, ...], named: Container[Path], config: CohortConfig, progress: Progress
) -> tuple[dict[Path, Header], Counter[str]]:
    """The headers of all frontal chest radiographs, each image once, and the reasons for the rest."""
    chests: dict[Path, Header] = {}
    skipped: Counter[str] = Counter()
    same_uid: defaultdict[str, list[Path]] = defaultdict(list)
    unread: list[ImageError] = []
    task = progress.task("read DICOM headers", total=len(files), unit="file")
    for path in files:
        found = _examined(path, path in named, config.burned_in == "keep")
        task.advance()
        if isinstance(found, ImageError):
            unread.append(found)
        elif isinstance(found, str):
            skipped[found] += 1
        elif found.silent and config.unnamed_part == "skip":
            skipped[dicom_header.SILENT] += 1
        elif any(_same_bytes(path, other) for other in same_uid[found.instance_uid]):
            skipped["copy of another file"] += 1
        else:
            same_uid[found.instance_uid].append(path)
            chests[path] = found
    store.refuse_unread(unread, len(files), config.damaged == "skip")
    return chests, skipped + Counter(error.reason for error in unread)


def _examined(path: Path, named: bool, burned_in: bool) -> Header | str | ImageError:
    try:
        with opened(path, header_only=True) as dataset:
            return dicom_header.examine(dataset, named=named, burned_in=burned_in)
    except ImageError as error:
        return error


def _same_bytes(path: Path, other: Path) -> bool:
    return path.stat().st_size == other.stat().st_size and path.read_bytes() == other.read_bytes()


def _identity(path: Path, header: Header, label: Label | None) -> tuple[str, str]:
    """Who issued the patient's number, and the number: spaces, case and Unicode forms do not tell patients apart."""
    if label is not None and label.patient:
        check_not_rounded([label.patient])
        return _TABLE_ISSUER, patient_key(label.patient)
    if not header.patient_id or is_placeholder(header.patient_id):
        has = "no PatientID" if not header.patient_id else "a PatientID that names nobody, such as ANONYMOUS"
        raise RowError(
            f"{path.name} has {has}, and records are split by patient: "
            f"give a patient_id in {plain.TABLE} (file_name, patient_id, labels), or take the file away",
            "header without a patient",
        )
    check_not_rounded([header.patient_id])
    return patient_key(header.issuer), patient_key(header.patient_id)


def _said(header: Header, label: Label | None) -> str:
    """The identifier that counts; empty for every word that names nobody."""
    written = label.patient if label is not None and label.patient else header.patient_id
    return "" if is_placeholder(written) else patient_key(written)


def _refuse_one_number(patients: Collection[str]) -> None:
    """All images under one PatientID: as a rule nobody's own, but what an anonymiser wrote into every file."""
    if len(patients) >= _MANY and len(set(patients)) == 1:
        raise UserError(
            f"all {len(patients)} DICOM images have the same PatientID or none, as where all were anonymised: tell "
            f"the patients apart by a patient_id in {plain.TABLE} (file_name, patient_id, labels)"
        )


def _entry(rank: int, path: Path, header: Header, label: Label | None, identity: tuple[str, str], salt: bytes) -> Entry:
    findings = (UNLABELLED,) if label is None or label.findings is None else label.findings
    table = label or Label(None, "", "")
    age = header.age if table.age is None else table.age
    condition = CxrCondition(findings, table.view or header.view, table.sex or header.sex, age)
    where = "found in the folder" if label is None else label.where
    issuer, number = identity
    return Entry(
        patient=pseudonym(salt, issuer, number),
        record=f"image-{rank:08d}",
        condition=condition,
        file=path,
        where=where,
        study=header.study_uid,
        number=f"{issuer}/{number_key(number)}",
        born=header.born,
    )


def salt_in(cache: Path) -> bytes:
    """The salt of this cache folder, 32 random bytes: made at the first call, the same from then on."""
    path = cache / _SALT
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    except OSError as error:
        raise UserError(f"cannot write to {cache}: {error.strerror}") from error
    else:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(32))
    salt = path.read_bytes()
    if len(salt) != 32:
        raise UserError(f"{path} is damaged: delete it, and the patients get new pseudonyms")
    return salt


def pseudonym(salt: bytes, issuer: str, patient_id: str) -> str:
    """HMAC-SHA-256 of who issued the number and the number, 96 bits in hex: the same patient, and no way back."""
    message = f"{len(issuer)}:{issuer}{patient_id}".encode("utf-8", "surrogatepass")
    return hmac.new(salt, message, hashlib.sha256).hexdigest()[:24]
