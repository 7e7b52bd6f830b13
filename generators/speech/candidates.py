"""Somebody else's synthetic speech, to be judged by the same gate: a cohort's layouts, or a folder of sound files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from synthgen.errors import UserError
from synthgen.files import private_folder
from synthgen.generators.speech.cohort import CohortConfig, metadata, speech_of
from synthgen.generators.speech.cohort.conversion import Store
from synthgen.generators.speech.cohort.decoding import UnreadableError, header
from synthgen.generators.speech.cohort.listing import Entry, sound_files
from synthgen.generators.speech.cohort.recognise import LAYOUTS
from synthgen.payloads.speech import Recording, Speech, SpeechCondition
from synthgen.progress import Progress


def load_candidates(folder: Path, config: CohortConfig, cache: Path, progress: Progress) -> list[tuple[str, Speech]]:
    """Every recording with its name, in the order of the names, each a sample of its own.

    A table beside the files gives transcripts, and RTTM files the speakers; without them every sound file below the
    folder is taken. Nothing is left out for being short or silent: what cannot be heard, the gate rejects. Channels
    that differ are judged each: mixed, one would hide the other.

    Args:
        cache: a folder for the converted files.

    Raises:
        UserError: the folder does not exist or holds no sound file, or one cannot be read.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    entries, notices = _entries(folder, config)
    if not entries:
        raise UserError(f"{folder} holds no sound files")
    for notice in notices:
        progress.say(notice)
    store = Store(private_folder(cache))
    task = progress.task("candidates", len(entries), "recording")
    found = []
    for entry in entries:
        try:
            found.append((entry.record, _speech(entry, store, cache)))
        except (UnreadableError, FileNotFoundError) as error:
            reason = error if isinstance(error, UnreadableError) else "is absent"
            raise UserError(
                f"{entry.file.name} ({entry.where}) {reason}: mend it, or take it out of the folder"
            ) from None
        task.advance()
    store.save()
    return found


def candidate_conditions(folder: Path, names: Sequence[str], config: CohortConfig) -> list[SpeechCondition] | None:
    """The emotion of each recording by the table beside the files; None where it names fewer than all."""
    told = {entry.record: SpeechCondition(emotion=entry.emotion) for entry in _entries(folder, config)[0]}
    return [told[name] for name in names] if all(name in told and told[name].emotion for name in names) else None


def _entries(folder: Path, config: CohortConfig) -> tuple[Sequence[Entry], tuple[str, ...]]:
    """The recordings, and what the user should know. Who speaks is not asked: the gate asks whose voice it is."""
    if metadata.tables_in(folder, config.columns):
        return metadata.sounds(folder, config)
    layout = next((one for one in LAYOUTS if one.name not in ("metadata", "folders") and one.recognises(folder)), None)
    if layout is None:
        files = sound_files(folder)
        return [Entry("", path.relative_to(folder).as_posix(), path, path.name) for path in files], ()
    told = layout.read(folder, config.model_copy(update={"recurring": config.recurring or (), "unknown": "skip"}))
    return told.entries, tuple(f"{skip.count} × {skip.reason}: not judged" for skip in told.skipped)


def _speech(entry: Entry, store: Store, cache: Path) -> Speech:
    """A track, or one for each of the channels that differ."""
    channels = [entry.channel] if entry.channel is not None else _channels(entry, store)
    made = [store.convert(entry.file, channel, entry.spans) for channel in channels]
    parts = [speech_of(entry, one.audio(cache)).recordings[0] for one in made]
    return Speech((Recording(tuple(track for part in parts for track in part.tracks), parts[0].labels),))


def _channels(entry: Entry, store: Store) -> list[int | None]:
    told = header(entry.file)
    if told.channels < 2:
        return [None]
    pair = store.compare(entry.file, told)
    return list(range(told.channels)) if pair.differ else [pair.best]
