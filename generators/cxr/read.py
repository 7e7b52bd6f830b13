"""Reads back the data files of a release of chest X-rays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from synthgen.errors import UserError
from synthgen.generators.cxr.write import METADATA_FILE
from synthgen.payloads.cxr import CxrCondition, CxrSynthetic
from synthgen.records import Synthetic


def read_imagefolder(folder: Path) -> list[CxrSynthetic]:
    """The samples of a release in the order of its table; their seeds are not released and read as 0.

    Raises:
        UserError: if the folder is no release of chest X-rays, or a file in it is missing or damaged.
    """
    table = folder / METADATA_FILE
    if not table.is_file():
        raise UserError(f"{folder} is not a release of chest X-rays: it has no {METADATA_FILE}")
    samples = []
    for number, line in enumerate(table.read_text("utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            values = {**row, "view": row["view"] or "", "sex": row["sex"] or ""}
            with Image.open(table.parent / row["file_name"]) as image:
                pixels = np.asarray(image.convert("L"))
            samples.append(Synthetic(0, CxrCondition.from_dict(values), pixels))
        except (ValueError, KeyError, TypeError, OSError):
            raise UserError(f"{table}, line {number}: the sample cannot be read") from None
    return samples
