"""Somebody else's synthetic speech, to be judged by the same gate: a cohort's layouts, or a folder of sound files."""

from __future__ import annotations

from pathlib import Path

from synthgen.errors import UserError
from synthgen.files import private_folder
from synthgen.generators.speech.cohort import CohortConfig, speech_of
from synthgen.generators.speech.cohort.conversion import Store
from synthgen.generators.speech.cohort.decoding import UnreadableError
from synthgen.generators.speech.cohort.listing import Entry, sound_files
from synthgen.generators.speech.cohort.recognise import LAYOUTS
from synthgen.payloads.speech import Speech
from synthgen.progress import Progress


def load_candidates(folder: Path, config: CohortConfig, cache: Path, progress: Progress) -> list[tuple[str, Speech]]:
    """Every recording with its name, in the order of the names, each a sample of its own.

    A table beside the files gives transcripts, and RTTM files the speakers; without them every sound file below the
    folder is taken. Nothing is left out for being short or silent: what cannot be heard, the gate rejects.

    Args:
        cache: a folder for the converted files.

    Raises:
        UserError: the folder does not exist or holds no sound file, or one cannot be read.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    layout = next((one for one in LAYOUTS if one.name != "folders" and one.recognises(folder)), None)
    if layout is None:
        entries = tuple(Entry("", path.relative_to(folder).as_posix(), path, path.name) for path in sound_files(folder))
    else:
        entries = layout.read(folder, config).entries
    if not entries:
        raise UserError(f"{folder} holds no sound files")
    store = Store(private_folder(cache))
    task = progress.task("candidates", len(entries), "recording")
    found = []
    for entry in entries:
        try:
            made = store.convert(entry.file, entry.channel, entry.spans)
        except (UnreadableError, FileNotFoundError) as error:
            reason = error if isinstance(error, UnreadableError) else "is absent"
            raise UserError(f"{entry.file.name} ({entry.where}) {reason}") from None
        found.append((entry.record, speech_of(entry, made.audio(cache))))
        task.advance()
    store.save()
    return found
