"""Which sound files RTTM describes, and when each of their speakers speaks alone, in seconds of the file."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from statistics import median
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import is_there
from synthgen.generators.speech.cohort import listing
from synthgen.generators.speech.cohort.decoding import Header, UnreadableError, header
from synthgen.generators.speech.cohort.finding import spelt
from synthgen.generators.speech.cohort.turns import Span, Turn, merged, read_regions, read_turns, within, without
from synthgen.generators.speech.cohort_config import CohortConfig

_LOSSLESS: Final = (".flac", ".wav", ".wave", ".aiff", ".aif", ".w64", ".rf64", ".sph")
OVERHANG: Final = 0.5  # s beyond the sound's end: rounding, and the padding of codecs
LONGER: Final = 1.01
_THOUSAND: Final = 1000.0
_LEAST_COVERED: Final = 0.3
_SHORT_TURN: Final = 0.2  # s
_NAMELESS: Final = frozenset({"waveform", "audio"})
"""What diarisers (pyannote) call a recording that they got as samples, without a name."""


@dataclass(frozen=True, slots=True)
class Voice:
    """One speaker of a recording.

    Attributes:
        spans: seconds in which nobody else speaks; empty: never.
        channel: of the file, from 0; None: RTTM does not tell them apart.
    """

    name: str
    spans: tuple[Span, ...]
    channel: int | None
    label: str


@dataclass(frozen=True, slots=True)
class Described:
    """A recording and its speakers; ``where`` is the RTTM file's name."""

    name: str
    file: Path
    where: str
    voices: tuple[Voice, ...]


@dataclass(frozen=True)
class Descriptions:
    """All that RTTM files say, what of it was left out, and what the user should know.

    Attributes:
        accounted: files that are not described and are among the skipped.
    """

    found: tuple[Described, ...]
    skipped: Counter[str]
    notices: tuple[str, ...]
    accounted: frozenset[Path]


def descriptions(data: Path, files: Sequence[Path], config: CohortConfig) -> Descriptions:
    """Reads all RTTM files below the folder.

    Raises:
        UserError: a line is no RTTM, names nobody, or contradicts the sound; several sounds have a recording's name, or
            several RTTM files tell different turns of one recording.
    """
    sounds = Sounds(files)
    regions = _regions(data)
    skipped: Counter[str] = Counter()
    found: dict[Path, Described] = {}
    told: dict[Path, frozenset[Turn]] = {}
    short: set[Path] = set()
    thousandths = renamed = 0
    for annotation in rttm_files(data):
        for name, turns in _by_recording(read_turns(annotation)).items():
            file = sounds.of(name, annotation)
            if spelt(name) in _NAMELESS and not is_there(file) and sounds.of(annotation.stem, annotation).is_file():
                file, renamed = sounds.of(annotation.stem, annotation), renamed + 1
            same = frozenset(_unplaced(turns))
            if file in told:
                if told[file] != same:
                    raise UserError(_twice(file, found[file].where, annotation.name))
                skipped["RTTM of a recording a second time"] += 1
                continue
            told[file] = same
            seconds, unit = _in_seconds(turns, header_of_sound(file), annotation.name, config)
            if seconds is None:
                skipped["recording shorter than its RTTM"] += 1
                short.add(file)
                continue
            thousandths += unit != 1.0
            voices = _voices(seconds, header_of_sound(file), regions.get(name, ()), annotation.name, config, skipped)
            found[file] = Described(name, file, annotation.name, voices)
    notices = [f"times of {thousandths} recordings in RTTM were read as milliseconds"] if thousandths else []
    if renamed:
        notices.append(f"{renamed} RTTM files have no name within, and are of the sound that has theirs")
    if sounds.twins:
        skipped["the same recording in another format"] += len(sounds.twins)
    return Descriptions(tuple(found.values()), skipped, tuple(notices), frozenset(sounds.twins | short))


def rttm_files(data: Path) -> list[Path]:
    """All below the folder, whatever the case of their ending."""
    return sorted(
        path
        for path in data.rglob("*")
        if path.suffix.lower() == ".rttm" and not path.name.startswith(".") and path.is_file()
    )


class Sounds:
    """The sound file of a recording's name: with or without its ending or folder, or with more behind a full stop."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = list(files)
        self._stems: dict[str, list[Path]] = defaultdict(list)
        self._names: dict[str, list[Path]] = defaultdict(list)
        for path in self._files:
            self._stems[spelt(path.stem)].append(path)
            self._names[spelt(path.name)].append(path)
        self.twins: set[Path] = set()

    def of(self, name: str, annotation: Path) -> Path:
        """The file; where there is none, the path at which it should lie. Raises UserError where several fit."""
        wanted = spelt(PurePosixPath(name.replace("\\", "/")).name)
        for fitting in (self._stems.get(wanted, []), self._names.get(wanted, []), self._longer(wanted, annotation)):
            near = [path for path in fitting if path.parent == annotation.parent] or fitting
            one = self._lossless(near)
            if one is not None:
                return one
            if near:
                raise UserError(
                    f"{annotation.name}: {len(near)} sound files are called {name}: keep one of them, or delete "
                    "the RTTM and name each in a metadata.csv"
                )
        return annotation.parent / f"{name}.wav"

    def _longer(self, wanted: str, annotation: Path) -> list[Path]:
        """``talk.Mix-Headset.wav`` of a recording "talk", or ``talk/mix.flac`` beside its RTTM."""
        longer = [path for path in self._files if spelt(path.name).startswith(wanted + ".")]
        mixed = [path for path in longer if "mix" in spelt(path.stem)]
        beside = [
            p for p in self._stems.get("mix", []) if p.parent == annotation.parent and spelt(p.parent.name) == wanted
        ]
        return mixed or longer or beside

    def _lossless(self, files: Sequence[Path]) -> Path | None:
        """Of one recording in several formats the best; None where there are several recordings."""
        if not files or len({(path.parent, spelt(path.stem)) for path in files}) > 1:
            return None
        best = sorted(files, key=lambda path: (_rank(path), path.name))[0]
        self.twins.update(path for path in files if path != best)
        return best


def _rank(path: Path) -> int:
    suffix = path.suffix.lower()
    return _LOSSLESS.index(suffix) if suffix in _LOSSLESS else len(_LOSSLESS)


def _by_recording(turns: Iterable[Turn]) -> Mapping[str, list[Turn]]:
    found: dict[str, list[Turn]] = defaultdict(list)
    for turn in turns:
        found[turn.recording].append(turn)
    return found


def _unplaced(turns: Iterable[Turn]) -> list[Turn]:
    return [Turn("", turn.channel, turn.start, turn.end, turn.speaker, 0) for turn in turns]


def _twice(file: Path, first: str, second: str) -> str:
    which = f"in {first} and in {second}" if first != second else f"under two names in {first}"
    return f"{file.name} is described twice and differently, {which}: keep one, or join their lines in one file"


def _regions(data: Path) -> Mapping[str, list[Span]]:
    found: dict[str, list[Span]] = defaultdict(list)
    for path in sorted(data.rglob("*.uem")):
        for name, spans in read_regions(path).items():
            found[name] += spans
    return {name: merged(spans) for name, spans in found.items()}


def header_of_sound(file: Path) -> Header | None:
    """None for a file that is absent or damaged, which is told later."""
    try:
        return header(file) if is_there(file) else None
    except UnreadableError:
        return None


def _in_seconds(
    turns: Sequence[Turn], told: Header | None, where: str, config: CohortConfig
) -> tuple[list[Turn] | None, float]:
    """The turns in seconds, with the unit that they were in. None: the sound is shorter than they say, and may be."""
    last = max(turns, key=lambda turn: turn.end)
    if told is None or told.frames < 0 or last.end <= told.seconds * LONGER + OVERHANG:
        return list(turns), 1.0
    if _in_milliseconds(turns, last.end, told):
        return [
            Turn(t.recording, t.channel, t.start / _THOUSAND, t.end / _THOUSAND, t.speaker, t.line) for t in turns
        ], 1 / _THOUSAND
    if config.damaged == "skip":
        return None, 1.0
    raise UserError(
        f"{where}, line {last.line}: a turn ends at {last.end:g} s in a recording of {told.seconds:g} s: the "
        "sound is cut off, or the times are of another recording or in another unit than seconds; mend, delete "
        "both, or set modality.cohort.damaged=skip"
    )


def _in_milliseconds(turns: Sequence[Turn], last: float, told: Header) -> bool:
    """True for whole numbers of which a thousandth fits the sound, reaches well into it and makes sensible turns."""
    whole = all(turn.start.is_integer() and turn.end.is_integer() for turn in turns)
    lengths = [turn.end - turn.start for turn in turns]
    fits = _LEAST_COVERED * told.seconds <= last / _THOUSAND <= told.seconds * LONGER + OVERHANG
    return whole and fits and median(lengths) >= _SHORT_TURN * _THOUSAND


def _voices(
    turns: Sequence[Turn],
    told: Header | None,
    regions: Sequence[Span],
    where: str,
    config: CohortConfig,
    skipped: Counter[str],
) -> tuple[Voice, ...]:
    named = [turn for turn in turns if not listing.nobody(turn.speaker)]
    if len(named) < len(turns):
        if config.unknown == "error":
            line = next(turn.line for turn in turns if listing.nobody(turn.speaker))
            raise UserError(
                f"{where}, line {line}: the turn names no speaker: write who speaks, or set "
                "modality.cohort.unknown=skip to leave such turns out"
            )
        skipped["turn of nobody known"] += len(turns) - len(named)
    channels = _channels(turns, told)
    spans: dict[tuple[str, int | None], list[Span]] = defaultdict(list)
    for turn in turns:
        spans[turn.speaker, channels[turn.channel]].append((turn.start, turn.end))
    separate = len(set(channels.values())) > 1
    found = []
    for speaker, channel in sorted({(turn.speaker, channels[turn.channel]) for turn in named}, key=str):
        others = [] if separate else [s for key, theirs in spans.items() if key[0] != speaker for s in theirs]
        alone = without(merged(spans[speaker, channel]), merged(others))
        alone = within(alone, regions) if regions else alone
        label = speaker if channel is None or not separate else f"{speaker}@{channel + 1}"
        found.append(Voice(speaker, tuple(alone), channel, label))
    return tuple(found)


def _channels(turns: Sequence[Turn], told: Header | None) -> Mapping[int, int | None]:
    """From RTTM's channels to the file's; all None where the file has one, or where they tell nothing."""
    written = {turn.channel for turn in turns}
    first = 0 if 0 in written else 1
    there = told.channels if told is not None else 2
    if there < 2 or written <= {first, -1} or max(written) - first >= there:
        return dict.fromkeys(written)
    return {number: number - first if number >= 0 else None for number in written}
