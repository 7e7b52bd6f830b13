"""The dataset card: README.md with the YAML header that the hub and ``datasets.load_dataset`` read."""

from __future__ import annotations

import posixpath
import re

import yaml

from synthgen.records import Estimate
from synthgen.release import exposed as told
from synthgen.release import words
from synthgen.release.templating import cell, text_template
from synthgen.report import AnonymisationReport, ReleaseReport

_HUB_LICENCES = {
    "apache-2.0", "mit", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0", "cc-by-nc-nd-4.0", "odbl", "odc-by", "pddl",
}  # fmt: skip
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def dataset_card(report: ReleaseReport, quarantined: bool, contact_sheet: str | None, digest: str = "") -> str:
    """README.md as text.

    Args:
        contact_sheet: the picture's name in the release, where there is one.
        digest: of the data files. ``datasets`` keeps a local folder in its cache under the folder's name and this
            card's header, so without it a second release called ``release`` would read as the first.
    """
    return text_template("README.md.j2").render(
        header=_header(report, digest, "synthetic"),
        folder=posixpath.dirname(report.dataset.metadata_file),
        report=report,
        heading=words.heading(report, quarantined=quarantined),
        meaning=words.MEANING[report.privacy.outcome],
        quarantined=quarantined,
        contact_sheet=contact_sheet,
        words=words,
        told=told,
        exposed=told.exposed(report.privacy.exposure),
        row=_row,
    )


def card_of_changed(report: AnonymisationReport, quarantined: bool, digest: str = "") -> str:
    """The same for real records that were changed."""
    return text_template("changed.md.j2").render(
        header=_header(report, digest, "anonymised"),
        folder=posixpath.dirname(report.dataset.metadata_file),
        report=report,
        heading=words.changed_heading(report.privacy, quarantined=quarantined),
        meaning=words.MEANING_OF_CHANGED[report.privacy.outcome],
        words=words,
        row=_row,
    )


def hub_licence(licence: str) -> str:
    """The hub's identifier of a licence, or ``"other"``."""
    name = licence.strip().lower().replace(" ", "-")
    return name if name in _HUB_LICENCES else "other"


def size_category(samples: int) -> str:
    """The hub's size class, e.g. ``"1K<n<10K"``."""
    return next((name for limit, name in _SIZES if samples < limit), "1M<n<10M")


def _header(report: ReleaseReport | AnonymisationReport, digest: str, kind: str) -> str:
    dataset, source = report.dataset, report.provenance.source_licence
    licence = hub_licence(source)
    header: dict[str, object] = {"pretty_name": dataset.title, "license": licence}
    if licence == "other":
        header["license_name"] = re.sub(r"[^a-z0-9]+", "-", source.lower()).strip("-")[:60] or "unstated"
    header |= {
        "task_categories": list(dataset.task_categories),
        "tags": [kind, "medical", *dataset.modality_tags],
        "size_categories": [size_category(dataset.samples)],
        "annotations_creators": ["machine-generated" if kind == "synthetic" else "found"],
        "configs": [{"config_name": "default", "data_files": _data_files(report), **_told_apart(digest)}],
    }
    return yaml.safe_dump(header, sort_keys=False, allow_unicode=True, width=1000)


def _told_apart(digest: str) -> dict[str, str]:
    return {"description": f"the release whose data files have the digest {digest}"} if digest else {}


def _data_files(report: ReleaseReport | AnonymisationReport) -> list[dict[str, object]]:
    """Which files ``datasets`` reads. Of sound the table alone: a folder of sound it opens with torchcodec or not at
    all, even to hand a path through, and torchcodec needs FFmpeg's libraries on the machine."""
    dataset = report.dataset
    if dataset.tables:
        return [{"split": split, "path": glob} for split, glob in dataset.tables]
    media = dataset.media_glob and not dataset.media_type.startswith("audio/")
    path = [dataset.metadata_file, dataset.media_glob] if media else dataset.metadata_file
    return [{"split": "train", "path": path}]


def _row(estimate: Estimate) -> str:
    figures = (words.metric_name(estimate.metric), words.number(estimate.value), words.interval(estimate),
               f"{estimate.n:,}", words.direction(estimate.better), estimate.note)  # fmt: skip
    return "| " + " | ".join(cell(figure) for figure in figures) + " |"
