"""Cohorts of real chest radiographs: a folder in any of the known layouts, read in bounded memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import also_skipped, archives_in, is_there, none_absent, walk
from synthgen.generators.cxr.burned_in import text_in
from synthgen.generators.cxr.cohort import dicom_header, labels, store
from synthgen.generators.cxr.cohort.listing import Entry, Listing
from synthgen.generators.cxr.cohort.recognise import recognise
from synthgen.generators.cxr.cohort_config import CohortConfig
from synthgen.patient_ids import SAME_NUMBER, WITHOUT_ISSUER, check_not_rounded, linked_groups, patient_key
from synthgen.payloads.cxr import CxrCondition, CxrImage
from synthgen.progress import Progress
from synthgen.records import Link, Loaded, Real

# The setting that takes what is left out for a reason.
_TAKEN_BY: Final = {
    dicom_header.BURNED_IN: "modality.cohort.burned_in=keep",
    dicom_header.SILENT: "modality.cohort.unnamed_part=keep",
}

__all__ = ["CohortConfig", "load_cohort"]

_MANY: Final = 6
"""Images of one patient id that may be the cohort of a test; more are an anonymiser's."""


def load_cohort(
    data: Path, config: CohortConfig, *, size: int, cache: Path, progress: Progress
) -> Loaded[CxrImage, CxrCondition]:
    """Reads a folder of real radiographs.

    Records are in the order of their ids, whatever the file system says. Payloads are uint8 [size, size], read-only
    views into one memory-mapped file in ``cache``, so that memory does not grow with the cohort; the file serves again
    while the images are the same.

    Args:
        data: the folder, in one of the layouts nih, chexpert, mimic, padchest, brax, openi, plain, dicom.
        size: pixels a side.
        cache: a private folder for real patients' data (mode 0700); made where it is absent.

    Raises:
        UserError: anything about the folder that the user must put right, in one line.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    layout = recognise(data, config)
    store.private_folder(cache)
    listing = layout.read(data, config, cache, progress)
    check_not_rounded([entry.patient for entry in listing.entries])
    _refuse_one_patient(listing)
    listing = _within_vocabulary(listing, config.findings)
    listing, sizes = _present(listing, data, absent_is_error=config.absent == "error")
    _refuse_empty(listing, data)
    decoded = store.pixels(
        listing, sizes, size=size, cache=cache, progress=progress, skip_unread=config.damaged == "skip"
    )
    listing, images = _read(listing, decoded)
    _refuse_empty(listing, data)
    for skip in listing.skipped:
        progress.say(f"left out {skip.count} × {skip.reason}")
    for note, count in decoded.notes.items():
        progress.say(f"{count} × {note}")
    _tell_two_in_one(listing, progress)
    dicom = listing.layout == "dicom"
    if dicom:
        _tell_text(images, progress)
    records = (
        Real(entry.patient, entry.record, entry.condition, image, entry.file if dicom else None)
        for entry, image in zip(listing.entries, images, strict=True)
    )
    return Loaded(tuple(records), listing.layout, listing.licence, listing.skipped, tuple(_links(listing.entries)))


def _refuse_empty(listing: Listing, data: Path) -> None:
    if not listing.entries:
        reasons = "; ".join(f"{skip.count} × {skip.reason}" for skip in listing.skipped) or "its table has no rows"
        taken = [key for skip in listing.skipped for key in (_TAKEN_BY.get(skip.reason),) if key]
        advice = "; to take such images, set " + " ".join(taken) if taken else ""
        raise UserError(f"no image is left of the {listing.layout} cohort in {data}: {reasons}{advice}")


def _read(listing: Listing, decoded: store.Decoded) -> tuple[Listing, list[CxrImage]]:
    """The entries whose images could be read, and the images; the others are counted by reason."""
    kept = [row for row in range(len(listing.entries)) if row not in decoded.unread]
    skipped = listing.skipped
    for reason, count in Counter(decoded.unread.values()).items():
        skipped = also_skipped(skipped, reason, count)
    entries = tuple(listing.entries[row] for row in kept)
    return replace(listing, entries=entries, skipped=skipped), [decoded.images[row] for row in kept]


def _links(entries: Sequence[Entry]) -> Iterator[Link]:
    """What the folder itself tells of two patients who are one: a study in common, or a number but for its issuer."""
    patients = [entry.patient for entry in entries]
    yield from linked_groups([entry.study or None for entry in entries], patients, "one study")
    yield from linked_groups([entry.number or None for entry in entries], patients, SAME_NUMBER)
    yield from linked_groups([entry.bare or None for entry in entries], patients, WITHOUT_ISSUER)


def _tell_text(images: Sequence[CxrImage], progress: Progress) -> None:
    """Headers tell of burned-in text, or do not: says in how many images letters stand, at the size they are read."""
    task = progress.task("look for text in pixels", len(images), "image")
    found = 0
    for image in images:
        found += bool(text_in(image).any())
        task.advance()
    if found:
        progress.say(
            f"{found} images have rows of letters in their pixels, whatever their header says, and text may name a "
            "patient: synthgen anonymize paints over what it finds; otherwise look at them"
        )


def _refuse_one_patient(listing: Listing) -> None:
    """One identifier for all is as a rule nobody's own. Raises UserError with the way out."""
    if len(listing.entries) >= _MANY and len({patient_key(entry.patient) for entry in listing.entries}) == 1:
        raise UserError(
            f"all {len(listing.entries)} images have one patient id, as where all were anonymised to one: give each "
            "patient an id of its own in the table's column of patients"
        )


def _tell_two_in_one(listing: Listing, progress: Progress) -> None:
    """Says where one identifier stands with two sexes or dates of birth. They stay one: that keeps the split safe."""
    told: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for entry in listing.entries:
        facts = {("sex", entry.condition.sex), ("born", entry.born)}
        told[patient_key(entry.patient)] |= {(kind, fact) for kind, fact in facts if fact}
    two = sum(len(facts) > len({kind for kind, _ in facts}) for facts in told.values())
    if two:
        progress.say(
            f"{two} patient ids stand with two sexes or two dates of birth: if they are several people, give each an "
            "id of its own (patient_id in metadata.csv); until then they count as one"
        )


def _without(listing: Listing, kept: list[Entry], reason: str) -> Listing:
    """The listing with the kept entries; what is missing is counted under the reason."""
    skipped = also_skipped(listing.skipped, reason, len(listing.entries) - len(kept))
    return replace(listing, entries=tuple(kept), skipped=skipped)


def _within_vocabulary(listing: Listing, vocabulary: tuple[str, ...]) -> Listing:
    """Conditions with the chosen findings only. An image all of whose findings go is left out: it is not normal."""
    if not vocabulary:
        return listing
    present = {finding for entry in listing.entries for finding in entry.condition.findings}
    spelt = labels.vocabulary(vocabulary, present)
    lacking = sorted(set(vocabulary) - set(spelt))
    if lacking:
        has = ", ".join(sorted(present)) or "none"
        raise UserError(f"no image of the cohort has the finding {', '.join(lacking)}; it has {has}")
    kept: list[Entry] = []
    for entry in listing.entries:
        chosen = tuple(finding for finding in entry.condition.findings if finding in spelt.values())
        if chosen or not entry.condition.findings:
            kept.append(replace(entry, condition=replace(entry.condition, findings=chosen)))
    return _without(listing, kept, "no finding but such as the configuration leaves out")


def _present(listing: Listing, data: Path, *, absent_is_error: bool) -> tuple[Listing, dict[Path, tuple[int, int]]]:
    """The entries whose files are there, with bytes and modification time of each."""
    sizes: dict[Path, tuple[int, int]] = {}
    for entry in listing.entries:
        if is_there(entry.file):
            status = entry.file.stat()
            sizes[entry.file] = status.st_size, status.st_mtime_ns
    kept = [entry for entry in listing.entries if entry.file in sizes]
    absent = [entry for entry in listing.entries if entry.file not in sizes]
    if absent_is_error and absent:
        none_absent(listing.entries, absent, "images", "modality.cohort.absent", _absent_hint(data, absent[0].file))
    return _without(listing, kept, "absent image"), sizes


def _absent_hint(data: Path, file: Path) -> str:
    """Where an image of that name lies after all, or what may hold it."""
    if archives := [path for place in {data, file.parent} if place.is_dir() for path in archives_in(place)]:
        return f"unpack the {len(archives)} archives there, such as {archives[0].name}"
    stem = file.stem.casefold()
    if near := next((path for path in walk(data) if path.stem.casefold() == stem and path != file), None):
        return f"did you mean {near.relative_to(data)}? write the table's paths so that they lead to the files"
    return ""
