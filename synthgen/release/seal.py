"""Seals a release: card, Croissant, reports and digests, one last look, and one rename; or quarantine.

with staged(out) as staging:
    dataset = write(staging.folder, samples)
    sealed = seal(staging, report, work=work, accept=(), forbidden=names, preview=preview)
"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from synthgen.errors import UserError
from synthgen.records import JsonValue
from synthgen.release import words
from synthgen.release.card import card_of_changed, dataset_card
from synthgen.release.checks import assert_public
from synthgen.release.croissant import croissant, croissant_of_changed
from synthgen.release.report_page import page_of_changed, report_page
from synthgen.release.staging import (
    REPORT,
    SUMS,
    Staging,
    check_output,
    digests_of,
    publish,
    remove,
    sums_of,
    sums_text,
)
from synthgen.report import SEALS, AnonymisationReport, Outcome, Preview, ReleaseReport, Remedy, to_json

CARD = "README.md"
CONTACT_SHEET = "contact_sheet.png"


@dataclass(frozen=True)
class Sealed:
    """Where a run's result stands.

    Attributes:
        folder: the release, or the quarantine.
        quarantined: True when ``out`` was not made; the caller then ends with ``ReleaseRefusedError``.
        digest: SHA-256 of ``SHA256SUMS``: one figure that identifies every byte of the release.
        already: True when the same release stood there, unchanged, and nothing was written.
        verdict: the outcome in a few words: of privacy, and of samples that are not fit for use.
        fitness: one line on what the samples are good for, to stand beside the verdict on privacy.
        reasons: what kept it from a PASS, the gravest first.
        remedies: what each reason means, and what to do about it.
        next_run: what would answer all of them at once, as options of the same command.
    """

    folder: Path
    outcome: Outcome
    quarantined: bool
    digest: str
    already: bool = False
    fitness: str = ""
    reasons: tuple[str, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    next_run: str = ""
    verdict: str = ""


def seal(
    staging: Staging,
    report: ReleaseReport,
    *,
    work: Path,
    accept: tuple[Outcome, ...] = (),
    forbidden: Iterable[str] = (),
    preview: Preview | None = None,
) -> Sealed:
    """Completes what the writers put into ``staging.folder`` and moves it to where the verdict says.

    The same samples and report give the same bytes. What seals by itself, or a verdict in ``accept``, goes to
    ``staging.out``; the rest goes to ``<work>/quarantine`` (mode 0700), in place of an earlier one, and ``staging.out``
    is left alone.

    Args:
        work: the private work folder.
        accept: verdicts that the user seals knowingly.
        forbidden: private strings, see ``assert_public``.
        preview: synthetic samples for card and page.

    Raises:
        UserError: REFUSE in ``accept``; ``staging.out`` holds something else; it cannot be written.
        ReleaseRefusedError: something private would have been released.
    """
    privacy = report.privacy
    account = Account(
        outcome=privacy.outcome,
        seals=_seals(report),
        json=lambda sealed: to_json(replace(report, sealed=sealed)),
        croissant=lambda folder: croissant(folder, report),
        card=lambda quarantined, sheet, key: dataset_card(report, quarantined, sheet, key),
        page=lambda quarantined: report_page(report, quarantined, preview),
        verdict=words.verdict(privacy),
        fitness=words.fitness(report.evaluation),
        reasons=privacy.reasons,
        remedies=privacy.remedies,
        next_run=privacy.next_run,
    )
    return _sealed(staging, account, work, accept, forbidden, preview.picture if preview else None)


def seal_changed(
    staging: Staging,
    report: AnonymisationReport,
    *,
    work: Path,
    accept: tuple[Outcome, ...] = (),
    forbidden: Iterable[str] = (),
) -> Sealed:
    """The same for real records that were changed."""
    privacy = report.privacy
    account = Account(
        outcome=privacy.outcome,
        seals=privacy.outcome is Outcome.PASS,
        json=lambda sealed: to_json(replace(report, sealed=sealed)),
        croissant=lambda folder: croissant_of_changed(folder, report),
        card=lambda quarantined, sheet, key: card_of_changed(report, quarantined, key),
        page=lambda quarantined: page_of_changed(report, quarantined),
        verdict=words.changed_verdict(privacy),
        reasons=privacy.reasons,
        remedies=privacy.remedies,
    )
    return _sealed(staging, account, work, accept, forbidden, None)


@dataclass(frozen=True)
class Account:
    """What is written of a release, whatever kind of release it is.

    Attributes:
        seals: whether the verdict seals by itself.
        json: the report, from whether it is sealed.
        card: the dataset card, from whether it lies in quarantine, the picture's name, and the data's digest.
        page: the report page, from whether it lies in quarantine.
    """

    outcome: Outcome
    seals: bool
    json: Callable[[bool], JsonValue]
    croissant: Callable[[Path], JsonValue]
    card: Callable[[bool, str | None, str], str]
    page: Callable[[bool], str]
    verdict: str
    fitness: str = ""
    reasons: tuple[str, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    next_run: str = ""


def _sealed(
    staging: Staging,
    account: Account,
    work: Path,
    accept: tuple[Outcome, ...],
    forbidden: Iterable[str],
    picture: bytes | None,
) -> Sealed:
    if Outcome.REFUSE in accept:
        raise UserError("REFUSE cannot be accepted: the samples of a refused run are not released")
    quarantined = not account.seals and account.outcome not in accept
    folder = staging.folder
    if picture is not None:
        (folder / CONTACT_SHEET).write_bytes(picture)
    # Croissant first: it names the data files, and the writers have just finished them.
    _write_text(folder / "croissant.json", _json(account.croissant(folder)))
    _write_text(folder / REPORT, _json(account.json(not quarantined)))
    before = digests_of(folder)
    key = hashlib.sha256(sums_text(before).encode()).hexdigest()
    _write_text(folder / CARD, account.card(quarantined, CONTACT_SHEET if picture else None, key))
    _write_text(folder / "report.html", account.page(quarantined))
    if not quarantined:
        assert_public(folder, forbidden)
    sums = sums_text(digests_of(folder, known=before))
    _write_text(folder / SUMS, sums)
    digest = hashlib.sha256(sums.encode()).hexdigest()
    told = (account.fitness, account.reasons, account.remedies, account.next_run, account.verdict)
    if quarantined:
        return Sealed(_quarantine(folder, work / "quarantine"), account.outcome, True, digest, False, *told)
    already = _same_release(staging.out, sums)
    if not already:
        _release(folder, staging.out)
    return Sealed(staging.out, account.outcome, False, digest, already, *told)


def _seals(report: ReleaseReport) -> bool:
    """True where the verdict seals by itself. That of a guarantee needs one."""
    privacy = report.privacy
    if privacy.outcome is Outcome.DIFFERENTIALLY_PRIVATE:
        return privacy.guarantee is not None and not privacy.guarantee.screened
    return privacy.outcome in SEALS


def _same_release(out: Path, sums: str) -> bool:
    check_output(out)
    if not (out / SUMS).exists():
        return False
    if (out / SUMS).read_text(encoding="utf-8") != sums:
        raise UserError(
            f"--out {out} holds the release of another run, or of this one with other samples withheld: choose another "
            "folder"
        )
    if sums_of(out) != sums:
        raise UserError(f"--out {out} was changed after it was sealed: remove it, or choose another folder")
    return True


def _release(folder: Path, out: Path) -> None:
    try:
        publish(folder, out)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
            raise UserError(f"--out {out} appeared during the run: choose another folder") from error
        raise


def _quarantine(folder: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    coming = target.with_name(f".{target.name}.partial")
    remove(coming)
    try:
        folder.rename(coming)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copytree(folder, coming)
    coming.chmod(0o700)
    remove(target)
    publish(coming, target)
    return target


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
