"""Recordings of conversations with RTTM files that say who speaks when (NIST Rich Transcription, SPEAKER lines).

Each speaker of a recording becomes a record of its own, silent where the others speak. Where two speak at once, what
is heard belongs to neither: such stretches are left out of both. Names such as SPEAKER_00, which a diariser gives,
hold within one recording; others hold for the cohort.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import counted, in_order, licence_of
from synthgen.generators.speech.cohort import listing
from synthgen.generators.speech.cohort.described import Described, Voice, descriptions, rttm_files
from synthgen.generators.speech.cohort.listing import Entry, Listing
from synthgen.generators.speech.cohort.people import Named, people
from synthgen.generators.speech.cohort_config import CohortConfig
from synthgen.payloads.speech import Role

LOOKED_FOR: Final = "RTTM files beside the recordings that they describe"


def recognises(data: Path) -> bool:
    return bool(rttm_files(data))


def read(data: Path, config: CohortConfig) -> Listing:
    """Lists the speakers of every recording. Raises UserError for a line that is no RTTM."""
    if not recognises(data):
        raise UserError(f"the rttm layout needs {LOOKED_FOR}, in {data}")
    files = listing.sound_files(data)
    told = descriptions(data, files, config)
    skipped = told.skipped
    left = set(files) - {one.file for one in told.found} - told.accounted
    if left:
        skipped["recording without RTTM lines"] += len(left)
    spoken = [(one, voice) for one in told.found for voice in one.voices]
    silent = sum(not voice.spans for _, voice in spoken)
    if silent:
        skipped["speaker who never speaks alone"] += silent
    entries, notices = entries_of(data, [(one, voice) for one, voice in spoken if voice.spans], config)
    return Listing("rttm", licence_of(data), in_order(entries), counted(skipped), (*told.notices, *notices))


def _recording(data: Path, one: Described) -> str:
    """What no other recording is called: one of another day may have the same name."""
    return one.file.relative_to(data).with_suffix("").as_posix()


def _role(name: str) -> Role:
    """By the name, or by its last part: "P01-therapist"."""
    whole = listing.role(name)
    return listing.role(re.split(r"[-_ ]", name)[-1]) if whole == "speaker" else whole


def entries_of(
    data: Path, spoken: Sequence[tuple[Described, Voice]], config: CohortConfig
) -> tuple[list[Entry], tuple[str, ...]]:
    """A record for each speaker of a recording, and what the user should know. Raises UserError, see :func:`people`."""
    persons, notices = people([Named(voice.name, _recording(data, one)) for one, voice in spoken], config)
    entries = [
        Entry(
            speaker=person,
            record=f"{one.file.relative_to(data).as_posix()}#{voice.label}",
            file=one.file,
            where=one.where,
            role=_role(voice.name),
            spans=voice.spans,
            channel=voice.channel,
        )
        for (one, voice), person in zip(spoken, persons, strict=True)
    ]
    return entries, notices
