"""Whether a release is what was sealed: every byte, the report's form, Croissant, and the signature where there is one.

What it cannot tell: whether the verdict is right. That takes the cohort (``synthgen evaluate``).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from synthgen import __version__
from synthgen.release.schema import shipped
from synthgen.release.staging import REPORT, SIGNATURE, SUMS
from synthgen.report import Outcome
from synthgen.signing import BadSignatureError, Signature, check

CROISSANT: Final = "croissant.json"

_LINE: Final = re.compile(r"([0-9a-f]{64})  (\S.*)")
_LARGEST: Final = 64 * 1024 * 1024
_SHOWN: Final = 160
_FIRST: Final = 5


@dataclass(frozen=True)
class Verified:
    """What was checked of a release, and what is wrong with it.

    Attributes:
        problems: the first things wrong, each beginning with the file it is about; empty where all holds.
        files: that ``SHA256SUMS`` lists.
        digest: SHA-256 of ``SHA256SUMS``: one figure for every byte.
        outcome: the verdict that the report states; empty where it states none.
        sealed: False of what lies in quarantine.
        croissant: True where mlcroissant judged the description.
        signature: None where there is none, or it does not hold.
    """

    folder: Path
    problems: tuple[str, ...]
    files: int
    digest: str
    outcome: str
    sealed: bool
    croissant: bool
    signature: Signature | None = None


def verify(folder: Path, key: Path | None = None) -> Verified:
    """Checks all that can be checked of a release without the cohort.

    Args:
        folder: a folder with ``SHA256SUMS`` and ``privacy_report.json``.
        key: public key, or allowed-signers file, of whom the release must be signed by.

    Raises:
        UserError: ``key`` is no public key, or there is a signature and no ``ssh-keygen`` to check it.
    """
    found = verify_unsigned(folder)
    if not os.path.lexists(folder / SIGNATURE):
        missing = () if key is None else (f"{SIGNATURE} is missing: nobody signed the release",)
        return replace(found, problems=(*found.problems, *missing))
    try:
        return replace(found, signature=check(folder / SUMS, key))
    except BadSignatureError as error:
        return replace(found, problems=(*found.problems, f"{SIGNATURE} {error}"))


def verify_unsigned(folder: Path) -> Verified:
    """The same but for the signature."""
    raw = (folder / SUMS).read_bytes()
    problems, listed = _listed(raw)
    problems += _differences(folder, listed)
    report, told = _report(folder)
    problems += told
    judged, told = _croissant(folder / CROISSANT)
    problems += told
    sealed = report.get("sealed") is True and _outcome(report) != Outcome.REFUSE
    if report and not sealed:
        problems.append(f"{REPORT} says that it was not sealed ({_outcome(report) or 'no verdict'}): do not share it")
    digest = hashlib.sha256(raw).hexdigest()
    return Verified(folder, tuple(problems), len(listed), digest, _outcome(report), sealed, judged)


def first_of(problems: tuple[str, ...]) -> str:
    """The first things wrong, in one line."""
    rest = len(problems) - _FIRST
    return "; ".join(problems[:_FIRST]) + (f"; and {rest:,} more" if rest > 0 else "")


def told(found: Verified) -> str:
    """What was checked of a release that holds, and what that does not say."""
    checked = "report and Croissant are valid" if found.croissant else "the report is valid (Croissant was not judged)"
    signature = found.signature
    if signature is None:
        signed = "nobody signed it, so that whoever changed it could have made its SHA256SUMS anew"
    elif not signature.trusted:
        signed = f"signed with the key {signature.key}; whose that is, --key PUBLIC tells"
    else:
        signed = f"signed by {signature.signer or 'the key that was given'} ({signature.key})"
    return (
        f"{found.folder}: {found.files:,} files are as they were sealed (sha256 {found.digest[:16]}…), {checked}, "
        f"{signed}. That the verdict, {found.outcome}, is right, only the cohort can show."
    )


def _listed(raw: bytes) -> tuple[list[str], dict[str, str]]:
    """What is wrong with ``SHA256SUMS`` itself, and the digest of every file that it lists."""
    problems, found = [], {}
    for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in found:
            problems.append(f"{SUMS} line {number} is no line of it")
        elif match[2].startswith("/") or ".." in match[2].split("/"):
            problems.append(f"{SUMS} line {number} names a file outside the release")
        else:
            found[match[2]] = match[1]
    return problems, found


def _differences(folder: Path, listed: dict[str, str]) -> list[str]:
    """Files that are missing, added or changed; links and devices are neither followed nor opened."""
    present = {path.relative_to(folder).as_posix(): path for path in _paths(folder)}
    problems = [f"{_shown(name)} is missing" for name in sorted(listed.keys() - present.keys())]
    for name, path in sorted(present.items()):
        if name in {SUMS, SIGNATURE}:
            continue
        if not stat.S_ISREG(path.lstat().st_mode):
            problems.append(f"{_shown(name)} is no plain file")
        elif name not in listed:
            problems.append(f"{_shown(name)} was added")
        else:
            try:
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                problems.append(f"{_shown(name)} cannot be read ({error.strerror})")
                continue
            if digest != listed[name]:
                problems.append(f"{_shown(name)} was changed")
    return problems


def _paths(folder: Path) -> Iterator[Path]:
    """Every path of the tree that is no folder, links to folders among them."""
    for parent, folders, files in os.walk(folder):
        yield from (Path(parent, name) for name in files)
        yield from (path for path in (Path(parent, name) for name in folders) if path.is_symlink())


def _report(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """The report, and where it is not what the schema asks for."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    report = _json(folder / REPORT)
    if not isinstance(report, dict):
        return {}, [f"{REPORT} is no JSON object"]
    try:
        wrong = best_match(Draft202012Validator(shipped()).iter_errors(report))
    except RecursionError:
        return {}, [f"{REPORT} is nested too deeply"]
    if wrong is None:
        return report, []
    where = ".".join(str(part) for part in wrong.absolute_path) or "the whole"
    provenance = report.get("provenance")
    made = provenance.get("synthgen_version") if isinstance(provenance, dict) else None
    other = "" if made == __version__ else f" (this is synthgen {__version__}; it says {_shown(str(made))})"
    return report, [f"{REPORT} does not fit its schema: {_shown(where)}: {_shown(wrong.message)}{other}"]


def _croissant(path: Path) -> tuple[bool, list[str]]:
    """Whether mlcroissant judged the description, and what is wrong with it."""
    described = _json(path)
    if not isinstance(described, dict):
        return False, [f"{CROISSANT} is no JSON object"]
    if _fetches(described):  # which whoever reads JSON-LD would get from wherever it says
        return False, [f"{CROISSANT} names a context from elsewhere"]
    try:
        import mlcroissant
    except ModuleNotFoundError:
        return False, []
    with _quiet():
        try:
            issues = mlcroissant.Dataset(str(path)).metadata.ctx.issues.errors
        except Exception as error:  # of whatever kind: it is somebody's file
            issues = [str(error) or type(error).__name__]
    return True, [f"{CROISSANT} is not valid: {_shown(str(next(iter(issues))))}"] if issues else []


def _fetches(value: object) -> bool:
    if isinstance(value, dict):
        return any(
            (name in {"@context", "@import"} and not isinstance(inner, dict)) or _fetches(inner)
            for name, inner in value.items()
        )
    return isinstance(value, list) and any(map(_fetches, value))


@contextmanager
def _quiet() -> Iterator[None]:
    """mlcroissant warns that a release has no date; what counts are its errors."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)


def _json(path: Path) -> object:
    try:
        if not stat.S_ISREG(path.lstat().st_mode) or path.stat().st_size > _LARGEST:
            return None
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _outcome(report: dict[str, Any]) -> str:
    privacy = report.get("privacy")
    told = privacy.get("outcome") if isinstance(privacy, dict) else None
    return told if told in {outcome.value for outcome in Outcome} else ""


def _shown(text: str) -> str:
    """A stranger's text as it may stand in a line: printable, and not long."""
    line = "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
