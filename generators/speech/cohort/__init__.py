"""Cohorts of real recordings: a folder in any of the known layouts, read in bounded memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from synthgen.errors import UserError
from synthgen.files import private_folder
from synthgen.generators.cohort.listing import also_skipped, counted, none_absent
from synthgen.generators.speech.cohort.conversion import Converted, Store, UnreadableError, header
from synthgen.generators.speech.cohort.listing import Entry, Listing
from synthgen.generators.speech.cohort.recognise import recognise
from synthgen.generators.speech.cohort_config import CohortConfig
from synthgen.payloads.speech import Audio, Recording, Segment, Speech, SpeechCondition, SpeechReal, Track
from synthgen.progress import Progress
from synthgen.records import Loaded, Real

__all__ = ["CohortConfig", "load_cohort", "speech_of"]

_NAMED = 3
_MUCH_CLIPPED = 0.01


def load_cohort(data: Path, config: CohortConfig, cache: Path, progress: Progress) -> Loaded[Speech, SpeechCondition]:
    """Reads a folder of real recordings.

    Records are in the order of their ids, whatever the file system says. A record is one recording of one speaker: a
    track at 16 kHz, mono, FLAC, in ``cache``. In a conversation each speaker's own record holds that speaker's turns
    and is silent elsewhere: the unit of privacy is a person, and a clinician who meets many patients is one too.

    Args:
        cache: a private folder for real patients' voices (mode 0700); made where it is absent.

    Raises:
        UserError: anything about the folder that the user must put right, in one line.
    """
    listing = recognise(data, config).read(data, config)
    listing = _present(listing, config)
    converted, reasons = _converted(listing.entries, config, private_folder(cache), progress)
    converted = _distinct(converted, reasons)
    for skip in listing.skipped:
        reasons[skip.reason] += skip.count
    skipped = counted(reasons)
    for skip in skipped:
        progress.say(f"left out {skip.count} × {skip.reason}")
    if not converted:
        why = "; ".join(f"{skip.count} × {skip.reason}" for skip in skipped) or "its table has no rows"
        raise UserError(f"no recording is left of the {listing.layout} cohort in {data}: {why}")
    clipped = sum(made.clipped > _MUCH_CLIPPED for _, made in converted)
    if clipped:
        progress.say(f"{clipped} of {len(converted)} recordings are clipped in more than 1% of their samples; kept")
    records = [_record(entry, made.audio(cache)) for entry, made in converted]
    alone = sum(count == 1 for count in Counter(record.patient for record in records).values())
    if alone:
        progress.say(f"{alone} speakers have a single recording: nothing can be measured on a second one of theirs")
    return Loaded(tuple(records), listing.layout, listing.licence, skipped)


def speech_of(entry: Entry, audio: Audio) -> Speech:
    """One recording of one track; without turns of its own it is one turn."""
    spans = [(round(start * audio.rate), round(end * audio.rate)) for start, end in entry.spans]
    spans = [(start, min(end, audio.frames)) for start, end in spans if start < audio.frames] or [(0, audio.frames)]
    texts = [entry.transcript, *[""] * (len(spans) - 1)]
    segments = tuple(
        Segment(turn, start, end, text, entry.emotion)
        for turn, ((start, end), text) in enumerate(zip(spans, texts, strict=True))
    )
    return Speech((Recording((Track(entry.role, audio, segments),), entry.labels),))


def _record(entry: Entry, audio: Audio) -> SpeechReal:
    return Real(entry.speaker, entry.record, SpeechCondition(emotion=entry.emotion), speech_of(entry, audio))


def _present(listing: Listing, config: CohortConfig) -> Listing:
    """The entries whose files are there."""
    kept = tuple(entry for entry in listing.entries if entry.file.is_file())
    absent = [entry for entry in listing.entries if not entry.file.is_file()]
    if config.absent == "error":
        none_absent(listing.entries, absent, "recordings", "modality.cohort.absent")
    return replace(listing, entries=kept, skipped=also_skipped(listing.skipped, "absent recording", len(absent)))


def _converted(
    entries: tuple[Entry, ...], config: CohortConfig, cache: Path, progress: Progress
) -> tuple[list[tuple[Entry, Converted]], Counter[str]]:
    """What is kept, and why the rest is not. All headers are read first: a bad file is told before hours of work."""
    reasons: Counter[str] = Counter()
    problems: list[str] = []
    wanted: list[Entry] = []
    for entry in entries:
        try:
            told = header(entry.file)
        except UnreadableError as error:
            problems.append(f"{entry.file.name} ({entry.where}) {error}")
            continue
        if not told.frames:
            reasons["recording of no length"] += 1
        elif told.seconds > 60 * config.longest_minutes:
            reasons[f"recording longer than {config.longest_minutes:g} minutes (modality.cohort.longest_minutes)"] += 1
        else:
            wanted.append(entry)
    _refuse(problems, config)
    store = Store(cache)
    kept: list[tuple[Entry, Converted]] = []
    task = progress.task("read recordings", len(wanted), "recording")
    for entry in wanted:
        try:
            made = store.convert(entry.file, entry.channel, entry.spans)
        except UnreadableError as error:
            problems.append(f"{entry.file.name} ({entry.where}) {error}")
        else:
            if made.speech_seconds == 0.0:
                reasons["silent recording"] += 1
            elif made.speech_seconds < config.shortest_seconds:
                reasons[f"less than {config.shortest_seconds:g} s of speech (modality.cohort.shortest_seconds)"] += 1
            else:
                kept.append((entry, made))
        task.advance()
    store.save()
    _refuse(problems, config)
    if problems:
        reasons["unreadable recording"] += len(problems)
    return kept, reasons


def _distinct(converted: list[tuple[Entry, Converted]], reasons: Counter[str]) -> list[tuple[Entry, Converted]]:
    """Each sound once. The same sound under two speakers is a mistake that would tear through any split."""
    first: dict[str, Entry] = {}
    kept: list[tuple[Entry, Converted]] = []
    for entry, made in converted:
        before = first.setdefault(made.digest, entry)
        if before.speaker != entry.speaker:
            raise UserError(
                f"{before.file.name} ({before.where}) and {entry.file.name} ({entry.where}) are the same recording "
                "under two speakers: correct or delete one of them"
            )
        if before is entry:
            kept.append((entry, made))
        else:
            reasons["the same recording a second time"] += 1
    return kept


def _refuse(problems: list[str], config: CohortConfig) -> None:
    if problems and config.unreadable == "error":
        more = len(problems) - _NAMED
        raise UserError(
            "; ".join(problems[:_NAMED])
            + (f"; and {more} more" if more > 0 else "")
            + ": mend or delete, or set modality.cohort.unreadable=skip"
        )
