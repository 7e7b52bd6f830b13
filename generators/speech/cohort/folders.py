"""Sound files in folders that name the speaker, the emotion, or one below the other; no table.

``speaker/clip.wav``, ``speaker/emotion/clip.wav`` and ``emotion/speaker/clip.wav`` are told apart by whether every
folder of a level has the name of an emotion. Folders of emotions alone say nothing of who speaks, and are refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import files_below, in_order, licence_of
from synthgen.generators.speech.cohort import listing
from synthgen.generators.speech.cohort.listing import Entry, Listing
from synthgen.generators.speech.cohort_config import CohortConfig

LOOKED_FOR: Final = "a folder for each speaker with sound files in it"


def recognises(data: Path) -> bool:
    return any(path.parent != data for path in files_below(data, listing.SUFFIXES))


def read(data: Path, config: CohortConfig) -> Listing:
    """Lists the recordings. Raises UserError where nobody can say who speaks."""
    files = files_below(data, listing.SUFFIXES)
    loose = [path for path in files if path.parent == data]
    if not files or loose:
        what = f"{len(loose)} sound files lie in {data} itself" if loose else f"{data} holds no sound files"
        raise UserError(
            f"{what}: put each into a folder of its speaker, or write a metadata.csv (file_name,speaker_id)"
        )
    levels = {path: path.parent.relative_to(data).parts for path in files}
    depth = min(len(parts) for parts in levels.values())
    feelings = [
        level
        for level in range(depth)
        if all(listing.names_emotion(parts[level], config.emotions) for parts in levels.values())
    ]
    if config.folders == "speaker":
        feelings = []
    elif config.folders == "emotion" and not feelings:
        names = sorted({parts[0] for parts in levels.values()})
        listing.emotion(
            next(n for n in names if not listing.names_emotion(n, config.emotions)), "folder", config.emotions
        )
    felt = feelings[0] if feelings else None
    speaking = next((level for level in range(depth) if level != felt), None)
    if speaking is None:
        raise UserError(
            f"the folders of {data} name emotions, and nothing says who speaks: write a metadata.csv with "
            "file_name,speaker_id,emotion, or set modality.cohort.folders=speaker if they are speakers"
        )
    entries = [
        Entry(
            speaker=parts[speaking],
            record=path.relative_to(data).as_posix(),
            file=path,
            where=path.parent.relative_to(data).as_posix(),
            emotion="" if felt is None else listing.emotion(parts[felt], "folder", config.emotions),
        )
        for path, parts in levels.items()
    ]
    return Listing("folders", licence_of(data), in_order(entries), ())
