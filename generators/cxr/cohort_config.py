"""The settings of cohort loading."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthgen.config import Section


class CohortConfig(Section):
    """How a folder of real radiographs is read."""

    layout: Literal["auto", "nih", "chexpert", "mimic", "padchest", "brax", "openi", "plain", "dicom"] = Field(
        "auto", description="The folder's layout; auto recognises it."
    )
    uncertain: Literal["negative", "positive", "drop"] = Field(
        "negative", description="What -1 in a table of findings, or a doubted label, means; drop leaves the image out."
    )
    findings: tuple[str, ...] = Field(
        (), description="The findings to keep; empty keeps all. Images with only other findings are left out."
    )
    damaged: Literal["error", "skip"] = Field(
        "error", description="An image that cannot be read: an error, or left out and counted."
    )
    burned_in: Literal["skip", "keep"] = Field(
        "skip", description="A DICOM image whose header says that text is burned into its pixels."
    )
    unnamed_part: Literal["keep", "skip"] = Field(
        "keep", description="A DICOM radiograph whose header does not say which part of the body it shows."
    )
    absent: Literal["error", "skip"] = Field(
        "error", description="An image that the table names and the folder lacks: an error, or left out and counted."
    )
    unknown: Literal["error", "skip"] = Field(
        "error",
        description="A row without patient or with a cell that cannot be read: an error, or left out and counted.",
    )
