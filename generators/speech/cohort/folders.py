"""Sound files in folders, or under names, that say who speaks and how; no table.

A level of folders that holds emotions, splits, places ("wav"), groups ("control") or sessions is never one of people.
Of several levels that are left, one must look like people, or the user says which it is.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import counted, in_order, licence_of
from synthgen.generators.speech.cohort import listing
from synthgen.generators.speech.cohort.conventions import Told, convention_of, told_by
from synthgen.generators.speech.cohort.listing import Entry, Listing, plain
from synthgen.generators.speech.cohort_config import CohortConfig
from synthgen.patient_ids import patient_key

LOOKED_FOR: Final = "a folder for each speaker with sound files in it, or names of files as a known corpus writes them"
_TABLE: Final = "write a metadata.csv with file_name,speaker_id"
_NAMES: Final = "if names of files tell it, say how, as in modality.cohort.names='(?P<speaker>[^_]+)_.*'"
_DATE: Final = re.compile(r"(19|20)\d\d[ ._]?\d\d[ ._]?\d\d.*|\d\d?[ ._]\d\d?[ ._](19|20)\d\d.*")
_PERSON: Final = re.compile(r"[^\W\d]*[\W_]*\d+[^\W\d]?", re.IGNORECASE)
_TRANSCRIPTS: Final = "*.trans.txt"

Levels = Mapping[Path, tuple[str, ...]]


def recognises(data: Path) -> bool:
    return bool(listing.sound_files(data))


def read(data: Path, config: CohortConfig) -> Listing:
    """Lists the recordings. Raises UserError where nobody can say who speaks."""
    files = listing.sound_files(data)
    if not files:
        raise UserError(f"{data} holds no sound files")
    told, notices = _told(data, files, config)
    feelings = listing.emotions([one.emotion for one in told if one is not None], "names of folders and files", config)
    texts = _transcripts(data)
    entries = [
        Entry(
            speaker=one.speaker,
            record=path.relative_to(data).as_posix(),
            file=path,
            where=path.parent.relative_to(data).as_posix(),
            emotion=feelings[one.emotion],
            transcript=texts.get(path.stem, ""),
        )
        for path, one in zip(files, told, strict=True)
        if one is not None
    ]
    if not entries:
        raise UserError(f"no name of {len(files)} sound files is of the form that modality.cohort.names tells")
    odd = Counter({"recording whose name is of another form": len(files) - len(entries)})
    return Listing("folders", licence_of(data), in_order(entries), counted(+odd), (*notices, *feelings.notices))


def _told(data: Path, files: Sequence[Path], config: CohortConfig) -> tuple[Sequence[Told | None], list[str]]:
    """Who speaks in each file, and how; None for a file whose name is of another form than the rest."""
    if config.names:
        return told_by(config.names, _names(data, files)), []
    named = convention_of(_names(data, files)) if config.folders == "auto" and not config.level else None
    if named is not None:
        return named[1], [f"names of files are read as {named[0]} writes them"]
    told, notices = _by_folders(data, files, config)
    return told, [*notices, *_unread(data)]


def _unread(data: Path) -> list[str]:
    """Tables that might be meant."""
    tables = sorted(path.name for path in data.iterdir() if path.suffix.lower() in (".csv", ".tsv", ".jsonl"))
    if not tables:
        return []
    return [
        f"{', '.join(tables[:3])}{', …' if len(tables) > 3 else ''} is not read, since it has no columns of files "
        "and of speakers that are known (modality.cohort.columns names them)"
    ]


def _by_folders(data: Path, files: Sequence[Path], config: CohortConfig) -> tuple[list[Told], list[str]]:
    levels = {path: path.parent.relative_to(data).parts for path in files}
    depth = _depth(data, levels, config)
    felt = _felt(levels, depth, config)
    speaking = config.level - 1 if config.level else _speaking(data, levels, depth, felt)
    person = _persons({parts[speaking] for parts in levels.values()}) if not config.level else {}
    notices: list[str] = []
    told = [
        Told(person.get(parts[speaking], parts[speaking]), "" if felt is None else parts[felt])
        for parts in levels.values()
    ]
    above = [
        level for level in range(speaking) if level != felt and _distinguishes({p[level] for p in levels.values()})
    ]
    if config.speaker_names == "group":
        groups = ["/".join(parts[level] for level in above) for parts in levels.values()]
        told = [
            replace(one, speaker=f"{g}/{one.speaker}" if g else one.speaker)
            for g, one in zip(groups, told, strict=True)
        ]
    else:
        notices = _in_several(levels, above, told)
    notice = f"{len(person)} folders are {len(set(person.values()))} speakers on several dates or in several sessions"
    return told, [
        *notices,
        *([f"{notice} (modality.cohort.level={speaking + 1}: each is a speaker)"] if person else []),
    ]


def _distinguishes(names: set[str]) -> bool:
    """True for a level above the speakers in which one name may be two people: groups, sites, but no splits."""
    return _all(names, "groups") or not _nobodys(names)


def _in_several(levels: Levels, above: Sequence[int], told: Sequence[Told]) -> list[str]:
    """What is said of names of speakers that lie in several groups."""
    groups: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for parts, one in zip(levels.values(), told, strict=True):
        groups[patient_key(one.speaker)].add(tuple(parts[level] for level in above))
    several = sum(len(found) > 1 for found in groups.values())
    if not several:
        return []
    return [
        f"{several} names of speakers lie in several groups of folders, and count as one person each "
        "(modality.cohort.speaker_names=group: another in each group)"
    ]


def _persons(names: set[str]) -> dict[str, str]:
    """The person of each folder where all are a person with a date or a session behind; else nothing."""
    words = "|".join(re.escape(word) for word in listing.labels().sessions if len(word) > 2)
    again = re.compile(
        rf"(?P<person>.*[^\W_])[\W_]+(?:(?:19|20)\d\d[-._]?\d\d[-._]?\d\d|\d\d?[-._]\d\d?[-._](?:19|20)\d\d|"
        rf"(?:{words})[\W_]?\d{{1,3}})",
        re.IGNORECASE,
    )
    found = {name: match["person"] for name in names if (match := again.fullmatch(name))}
    whole = len(found) == len(names) and not any(_session(person) for person in found.values())
    return found if whole and len(set(found.values())) < len(names) else {}


def _depth(data: Path, levels: Levels, config: CohortConfig) -> int:
    """How many levels of folders all files lie in. Raises UserError where they differ, or a file lies in none."""
    depths = sorted({len(parts) for parts in levels.values()})
    if depths[0] == 0:
        loose = sum(not parts for parts in levels.values())
        raise UserError(
            f"{loose} sound files lie in {data} itself: put each into a folder of its speaker, {_TABLE}, or, {_NAMES}"
        )
    if config.level:
        if config.level > depths[0]:
            raise UserError(
                f"modality.cohort.level={config.level}: some files lie in {depths[0]} folders; choose a number up "
                "to that"
            )
    elif len(depths) > 1:
        tops = sorted({parts[0] for parts in levels.values()})
        raise UserError(
            f"sound files lie {depths[0]} to {depths[-1]} folders deep in {data}, so that a folder may name a "
            f"speaker or something else: {_TABLE}, or say which folder names the speaker: modality.cohort.level=1 for "
            f"{', '.join(tops[:3])}{', …' if len(tops) > 3 else ''}"
        )
    return depths[0]


def _felt(levels: Levels, depth: int, config: CohortConfig) -> int | None:
    """The level of emotions. Raises UserError for one of which most names are emotions, and some are unknown."""
    if config.folders == "speaker":
        return None
    for level in range(depth):
        names = {parts[level] for parts in levels.values()}
        felt = {name for name in names if _feels(name, config)}
        if config.level == level + 1 or _all(names, "groups") or _all(names, "places"):
            continue
        if felt == names or (2 * len(felt) >= len(names) and len(felt) > 1) or (felt and config.folders == "emotion"):
            return level
    if config.folders == "emotion":
        return 0
    return None


def _feels(name: str, config: CohortConfig) -> bool:
    """True for the name of an emotion, and for one that says it among other things: "angry_high"."""
    words = [name, *plain(name).split()]
    return any(listing.names_emotion(word, config.emotions) for word in words)


def _speaking(data: Path, levels: Levels, depth: int, felt: int | None) -> int:
    """The level of speakers, from 0. Raises UserError where there is none, or any of several might be it."""
    names = [{parts[level] for parts in levels.values()} for level in range(depth)]
    left = [level for level in range(depth) if level != felt and not _nobodys(names[level])]
    several = [level for level in left if len(names[level]) > 1] or left
    if not several:
        held = "emotions" if depth == 1 and felt is not None else "splits, groups, sessions or emotions"
        raise UserError(
            f"the folders of {data} name {held}, and nothing says who speaks: {_TABLE}"
            f"{',emotion' if felt is not None else ''}; {_NAMES}; or, if the folders are speakers, set "
            "modality.cohort.folders=speaker and modality.cohort.level=1"
        )
    people = [level for level in several if _peoples(names[level])]
    if len(several) > 1 and len(people) != 1:
        choice = "; ".join(f"{level + 1} for {_some(names[level])}" for level in several)
        raise UserError(
            f"several folders of {data} may name the speaker: say which with modality.cohort.level, {choice}; or "
            f"{_TABLE}"
        )
    return people[0] if people and len(several) > 1 else several[0]


def _some(names: set[str]) -> str:
    return f"{', '.join(sorted(names)[:2])}{', …' if len(names) > 2 else ''} ({len(names)} names)"


def _nobodys(names: set[str]) -> bool:
    """True for a level of splits, places, groups or sessions."""
    return (
        all(_listed(name, "places") or _listed(name, "groups") or listing.nobody(name) for name in names)
        or all(plain(name).split()[0] in listing.labels().splits for name in names)
        or all(_session(name) for name in names)
        or all(listing.names_role(name) for name in names)
    )


def _all(names: set[str], which: str) -> bool:
    return all(_listed(name, which) for name in names)


def _listed(name: str, which: str) -> bool:
    return plain(name) in getattr(listing.labels(), which)


def _session(name: str) -> bool:
    word = re.sub(r"[\s.]*\d[\d .]*$", "", plain(name))
    return word in listing.labels().sessions or bool(_DATE.fullmatch(plain(name)))


def _peoples(names: set[str]) -> bool:
    """True where every name is a word for people and a number, as sub-01 or Actor_03."""
    return all(
        _PERSON.fullmatch(plain(name)) and re.sub(r"[\W\d_]+$", "", plain(name)) in listing.labels().people
        for name in names
    )


def _names(data: Path, files: Sequence[Path]) -> list[PurePosixPath]:
    return [PurePosixPath(path.relative_to(data).as_posix()) for path in files]


def _transcripts(data: Path) -> dict[str, str]:
    """What LibriSpeech and its like write beside their files: a name and a line of text."""
    found = {}
    for path in data.rglob(_TRANSCRIPTS):
        for line in path.read_text("utf-8", errors="replace").splitlines():
            name, _, text = line.partition(" ")
            found[name] = text.strip()
    return found
