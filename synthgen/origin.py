"""What a model folder tells of whom it was fitted on: enough to recognise them by, nothing to find them by.

``cohort.json`` holds a random salt and one digest, under that salt, of the contents of all training records. Whoever
has these very records can check that they are the ones; patients cannot be tried one by one, nor from their numbers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from synthgen.digests import content_digest, keyed
from synthgen.errors import UserError
from synthgen.files import write_atomically
from synthgen.records import C, Real

T = TypeVar("T")

ORIGIN = "cohort.json"


class Origin(StrEnum):
    """What is known of a model's training patients, held against those of a run."""

    SAME = "fitted on the training patients of this run"
    NOBODY = "no record of a cohort entered the model"
    VOUCHED = "it carries no digest of its training patients; the publisher states that no other patient entered it"


def write_origin(model: Path, train: Sequence[Real[T, C]], key: bytes) -> None:
    """Writes whom ``model`` was fitted on, unless that is written; the salt is drawn under ``key``, a run's own."""
    if not (model / ORIGIN).exists():
        records = _digest_of(train)
        salt = keyed(key, "salt of a model", records)
        text = json.dumps({"salt": salt, "digest": keyed(salt.encode(), records)}, indent=2) + "\n"
        write_atomically(model / ORIGIN, text.encode())


def check_origin(model: Path, train: Sequence[Real[T, C]], *, reads_cohort: bool, vouched: bool) -> Origin:
    """Holds a model against the training patients of a run: the held-out ones must be strangers to it.

    Args:
        reads_cohort: False where it is certain that no record entered the model, which then has no origin.
        vouched: the user states that a model without a digest saw no other patient than these.

    Raises:
        UserError: the model was fitted on other records, or does not say on which.
    """
    if not reads_cohort:
        return Origin.NOBODY
    if not (model / ORIGIN).is_file():
        if vouched:
            return Origin.VOUCHED
        raise UserError(
            f"{model} carries no digest of the patients it was fitted on ({ORIGIN}), so held-out patients may be among "
            "them: fit it with synthgen fit, or state with --vouch-for-model that no other than this cohort's training "
            "patients entered it"
        )
    salt, digest = _read(model / ORIGIN)
    if keyed(salt.encode(), _digest_of(train)) != digest:
        raise UserError(
            f"{model} was not fitted on the training patients of this run, so its held-out patients may be no "
            "strangers to it: give the cohort, split (--set split.…) and preset that it was fitted with, or leave out "
            "--model"
        )
    return Origin.SAME


def _digest_of(train: Sequence[Real[T, C]]) -> bytes:
    return b"".join(sorted(content_digest(record.payload) for record in train))


def _read(path: Path) -> tuple[str, str]:
    try:
        values = json.loads(path.read_text("utf-8"))
        salt, digest = values["salt"], values["digest"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{path} cannot be read: copy the model again") from None
    if not isinstance(salt, str) or not isinstance(digest, str) or not 16 <= len(salt) <= 64:
        raise UserError(f"{path} is damaged: copy the model again")
    return salt, digest
