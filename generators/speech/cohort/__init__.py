"""Cohorts of real recordings: a folder in any of the known layouts, read in bounded memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.files import private_folder
from synthgen.generators.cohort.listing import also_skipped, counted, is_there, none_absent
from synthgen.generators.cohort.releases import told_synthetic
from synthgen.generators.speech.cohort.conversion import RATE, Converted, Store
from synthgen.generators.speech.cohort.damage import no_last_page
from synthgen.generators.speech.cohort.decoding import Header, UnreadableError, header
from synthgen.generators.speech.cohort.listing import Entry, Listing
from synthgen.generators.speech.cohort.recognise import recognise
from synthgen.generators.speech.cohort_config import CohortConfig
from synthgen.payloads.speech import Audio, Recording, Segment, Speech, SpeechCondition, SpeechReal, Track
from synthgen.progress import Progress
from synthgen.records import Loaded, Real

__all__ = ["CohortConfig", "load_cohort", "speech_of"]

_NAMED: Final = 3
_MUCH_CLIPPED: Final = 0.01
_SAME_LENGTH: Final = 0.15  # s by which a codec's padding may differ
_CHANNELS: Final = {"ask": None, "mix": None, "left": 0, "right": 1}


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
    layout = recognise(data, config)
    _of_people(data, (), config)
    listing = layout.read(data, config)
    _of_people(data, listing.entries, config)
    listing = _present(listing, config)
    for notice in listing.notices:
        progress.say(notice)
    converted, reasons = _converted(listing.entries, config, Store(private_folder(cache)), progress)
    converted = _distinct(converted, reasons)
    for skip in listing.skipped:
        reasons[skip.reason] += skip.count
    skipped = counted(reasons)
    for skip in skipped:
        progress.say(f"left out {skip.count} × {skip.reason}")
    if not converted:
        why = "; ".join(f"{skip.count} × {skip.reason}" for skip in skipped) or "its table has no rows"
        raise UserError(f"no recording is left of the {listing.layout} cohort in {data}: {why}")
    _say_what_is_poor(converted, progress)
    records = [_record(entry, made.audio(cache)) for entry, made in converted]
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


def _of_people(data: Path, entries: Sequence[Entry], config: CohortConfig) -> None:
    """Refuses a release of synthetic speech, unless the user wants it read as if it were of people."""
    if config.synthetic == "error":
        told = told_synthetic(data, (f"{entry.speaker} {entry.record}" for entry in entries))
        if told:
            raise UserError(
                f"{data} is synthetic speech, as {told} says: give the real recordings that are to be protected (it "
                "can be judged with synthgen screen), or modality.cohort.synthetic=take reads it as if of real people"
            )


def _say_what_is_poor(converted: list[tuple[Entry, Converted]], progress: Progress) -> None:
    clipped = sum(made.clipped > _MUCH_CLIPPED for _, made in converted)
    if clipped:
        progress.say(f"{clipped} of {len(converted)} recordings are clipped in more than 1% of their samples; kept")
    unended = sum(no_last_page(file) for file in {entry.file for entry, _ in converted})
    if unended:
        progress.say(f"{unended} Ogg files have no mark of their end and may be cut off; kept")
    alone = sum(count == 1 for count in Counter(entry.speaker for entry, _ in converted).values())
    if alone:
        progress.say(f"{alone} speakers have a single recording: nothing can be measured on a second one of theirs")


def _present(listing: Listing, config: CohortConfig) -> Listing:
    """The entries whose files are there."""
    kept = tuple(entry for entry in listing.entries if is_there(entry.file))
    absent = [entry for entry in listing.entries if not is_there(entry.file)]
    if config.absent == "error":
        none_absent(listing.entries, absent, "recordings", "modality.cohort.absent")
    return replace(listing, entries=kept, skipped=also_skipped(listing.skipped, "absent recording", len(absent)))


def _converted(
    entries: tuple[Entry, ...], config: CohortConfig, store: Store, progress: Progress
) -> tuple[list[tuple[Entry, Converted]], Counter[str]]:
    """What is kept, and why the rest is not. All headers are read first: a bad file is told before hours of work."""
    reasons: Counter[str] = Counter()
    problems: list[str] = []
    wanted = _readable(entries, config, reasons, problems)
    _refuse(problems, config)
    wanted = _without_twins(wanted, reasons)
    chosen = _with_channels(wanted, config, store, problems, progress)
    _refuse(problems, config)
    kept: list[tuple[Entry, Converted]] = []
    task = progress.task("read recordings", len(chosen), "recording")
    for entry in chosen:
        try:
            made = store.convert(entry.file, entry.channel, entry.spans)
        except UnreadableError as error:
            problems.append(_problem(entry, error))
        else:
            reason = _nobody(made, config)
            if reason:
                reasons[reason] += 1
            else:
                kept.append((entry, made))
        task.advance()
    store.save()
    _refuse(problems, config)
    if problems:
        reasons["damaged recording"] += len(problems)
    return kept, reasons


def _readable(
    entries: tuple[Entry, ...], config: CohortConfig, reasons: Counter[str], problems: list[str]
) -> list[tuple[Entry, Header]]:
    """Those whose headers can be read and tell a sensible length."""
    wanted = []
    for entry in entries:
        try:
            told = header(entry.file)
        except UnreadableError as error:
            problems.append(_problem(entry, error))
            continue
        if told.frames == 0:
            reasons["recording of no length"] += 1
        elif told.seconds > 60 * config.longest_minutes:
            reasons[_too_long(config)] += 1
        else:
            wanted.append((entry, told))
    return wanted


def _too_long(config: CohortConfig) -> str:
    return f"recording longer than {config.longest_minutes:g} minutes (modality.cohort.longest_minutes)"


def _nobody(made: Converted, config: CohortConfig) -> str:
    """Why the recording shows nobody's voice, or ``""``."""
    if made.frames == 0:
        return "recording of no length"
    if made.frames > 60 * config.longest_minutes * RATE:
        return _too_long(config)  # its header did not tell
    if made.speech_seconds == 0.0:
        return "silent recording"
    if made.speech_seconds < config.shortest_seconds:
        return f"less than {config.shortest_seconds:g} s of speech (modality.cohort.shortest_seconds)"
    return "" if made.voiced else "recording with no voice in it"


def _without_twins(wanted: list[tuple[Entry, Header]], reasons: Counter[str]) -> list[tuple[Entry, Header]]:
    """Of a speaker's recording that lies in several formats beside each other, the one with the first name."""
    kept: list[tuple[Entry, Header]] = []
    lengths: dict[tuple[object, ...], list[tuple[str, float]]] = defaultdict(list)
    for entry, told in wanted:
        key = (entry.speaker, entry.file.parent, entry.file.stem.casefold(), entry.channel, entry.spans)
        ending, seconds = entry.file.suffix.lower(), told.seconds
        if any(other != ending and abs(length - seconds) <= _SAME_LENGTH for other, length in lengths[key]):
            reasons["the same recording in another format"] += 1
        else:
            lengths[key].append((ending, seconds))
            kept.append((entry, told))
    return kept


def _with_channels(
    wanted: list[tuple[Entry, Header]], config: CohortConfig, store: Store, problems: list[str], progress: Progress
) -> list[Entry]:
    """Each with the channel that its speaker is on.

    Raises:
        UserError: the channels of some files differ, and nobody says which is the speaker's.
    """
    found: list[Entry] = []
    differing: set[Path] = set()
    several = [entry for entry, told in wanted if told.channels > 1 and entry.channel is None]
    task = progress.task("compare channels", len(several), "recording") if several else None
    for entry, told in wanted:
        if told.channels > 1 and entry.channel is None:
            try:
                pair = store.compare(entry.file, told)
            except UnreadableError as error:
                problems.append(_problem(entry, error))
                continue
            if pair.differ:
                differing.add(entry.file)
            entry = replace(entry, channel=_CHANNELS[config.channel] if pair.differ else pair.best)
            if task is not None:
                task.advance()
        found.append(entry)
    if differing and config.channel == "ask":
        files = len({entry.file for entry in several})
        raise UserError(
            f"{len(differing)} of {files} recordings with several channels hold different sound on them, as a "
            "call has one person on each: say which is the speaker's with modality.cohort.channel=left or right, "
            "with mix if the speaker is on all of them, or with a column channel in the table (left or right)"
        )
    if differing:
        progress.say(f"{len(differing)} recordings have channels that differ; taken: {config.channel}")
    return found


def _problem(entry: Entry, error: UnreadableError) -> str:
    return f"{entry.file.name} ({entry.where}) {error}"


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
    if problems and config.damaged == "error":
        more = len(problems) - _NAMED
        raise UserError(
            "; ".join(problems[:_NAMED])
            + (f"; and {more} more" if more > 0 else "")
            + ": mend or delete, or set modality.cohort.damaged=skip"
        )
