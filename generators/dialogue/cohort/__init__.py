"""Cohorts of real transcripts: a file or a folder in any of the known layouts, read as dialogues of patients."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import licence_of
from synthgen.generators.dialogue.cohort.build import Labels, Tally, labels_of, session_of, turns_of
from synthgen.generators.dialogue.cohort.recognise import Sources, read, recognise
from synthgen.generators.dialogue.cohort.roles import guess
from synthgen.generators.dialogue.cohort_config import CohortConfig
from synthgen.patient_ids import check_not_rounded, one_spelling
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, DialogueReal, Emotion
from synthgen.progress import Progress
from synthgen.records import Loaded, Real, Skipped

__all__ = ["CohortConfig", "Found", "find_dialogues", "load_cohort"]

_MOST_ROLES = 12


@dataclass(frozen=True)
class Found:
    """A dialogue of a cohort. ``patient`` is empty where the file does not name one; ``session`` None likewise."""

    record: str
    patient: str
    session: int | None
    labels: Labels
    dialogue: Dialogue


def load_cohort(
    data: Path, config: CohortConfig, progress: Progress, key: str = "modality.cohort"
) -> Loaded[Dialogue, DialogueCondition]:
    """Reads a file or a folder of real transcripts, in the order of the files.

    A dialogue that names no patient counts as a patient of its own. Sessions that are not numbered are numbered in the
    order of the files. Topics of fewer than ``config.rare_topic`` patients are called ``other`` in the condition, since
    a condition may be told in a release; the label keeps the topic.

    Args:
        key: where these settings stand in the configuration, for advice.

    Raises:
        UserError: anything about the files that the user must put right, in one line without private text.
    """
    found, sources, tally = find_dialogues(data, config, progress, key)
    unnamed = sum(not one.patient for one in found)
    if unnamed:
        progress.say(f"{unnamed} of {len(found)} dialogues name no patient: each counts as a patient of its own")
    taken = {one.patient for one in found}
    check_not_rounded([one.patient for one in found])
    owners = one_spelling([one.patient or _unlike(one.record, taken) for one in found])
    sessions = _sessions(found, owners)
    topics = _told_topics(found, owners, config.rare_topic)
    records: list[DialogueReal] = []
    for one, owner, (session, last) in zip(found, owners, sessions, strict=True):
        labels = one.labels
        condition = DialogueCondition(labels.setting, topics.get(labels.topic, ""), labels.severity, session, last)
        records.append(Real(owner, one.record, condition, one.dialogue))
    licence = "; ".join(name for name, _ in tally.licences.most_common(3)) or licence_of(sources.root)
    skipped = tuple(Skipped(reason, count) for reason, count in sorted(tally.skipped.items()))
    return Loaded(tuple(records), sources.layout, licence, skipped)


def find_dialogues(
    data: Path, config: CohortConfig, progress: Progress, key: str = "modality.cohort"
) -> tuple[list[Found], Sources, Tally]:
    """The dialogues of a cohort or of somebody's candidates, and what was left out on the way, which is also said.

    Raises:
        UserError: see :func:`load_cohort`.
    """
    sources, tally = recognise(data, config), Tally(key)
    found: list[Found] = []
    places: dict[str, str] = {}
    contents: dict[str, Dialogue] = {}
    task = progress.task("transcripts", None, "dialogue")
    for raw in read(sources, progress):
        task.advance()
        turns, labels = turns_of(raw, config, tally), labels_of(raw, config, tally)
        if turns is None:
            continue
        dialogue = Dialogue(turns, labels.kept)
        record = raw.record or raw.where
        if record in places:
            if contents[record].turns != turns:
                raise UserError(
                    f"{raw.where}: another dialogue has this dialogue_id ({places[record]}): give each its own"
                )
            tally.skipped["the same dialogue a second time"] += 1
            continue
        places[record], contents[record] = raw.where, dialogue
        found.append(Found(record, raw.patient, session_of(raw.session), labels, dialogue))
    if tally.unknown:
        raise UserError(_unknown_roles(tally.unknown, tally.key))
    _tell_emotions(tally, config, progress)
    for reason, count in sorted(tally.skipped.items()):
        progress.say(f"left out {count} × {reason}")
    for what, count in sorted(tally.noticed.items()):
        progress.say(f"{count} {what}")
    if not found:
        reasons = "; ".join(f"{count} × {reason}" for reason, count in sorted(tally.skipped.items()))
        raise UserError(f"no dialogue is left of {data}: {reasons or 'its files hold none'}")
    return found, sources, tally


def _unlike(record: str, taken: set[str]) -> str:
    """A patient's name for a dialogue that names none, which no other patient has."""
    while record in taken:
        record += "'"
    return record


def _sessions(found: list[Found], owners: list[str]) -> Iterator[tuple[int, int]]:
    """(session, sessions) of each dialogue: as numbered, or in the order of the files where one has no number."""
    of: dict[str, list[int]] = defaultdict(list)
    for index, owner in enumerate(owners):
        of[owner].append(index)
    numbers = [0] * len(found)
    last: dict[str, int] = {}
    for owner, indices in of.items():
        own = [found[index].session for index in indices]
        for position, (index, number) in enumerate(zip(indices, own, strict=True), start=1):
            numbers[index] = number if number is not None and None not in own else position
        last[owner] = max(numbers[index] for index in indices)
    return ((number, last[owner]) for number, owner in zip(numbers, owners, strict=True))


def _told_topics(found: list[Found], owners: list[str], least: int) -> Mapping[str, str]:
    patients = {(one.labels.topic, owner) for one, owner in zip(found, owners, strict=True) if one.labels.topic}
    counts = Counter(topic for topic, _ in patients)
    return {topic: topic if count >= least else "other" for topic, count in counts.items()}


def _tell_emotions(tally: Tally, config: CohortConfig, progress: Progress) -> None:
    """Says how many labels of emotions are not kept. Raises UserError for unknown ones where that is asked for."""
    further = sum(count for (_, unknown), count in tally.unlabelled.items() if not unknown)
    if further:
        progress.say(f"{further} turns have an emotion that is none of ours, and count as not labelled")
    unknown = [word for (word, is_unknown), _ in tally.unlabelled.most_common() if is_unknown]
    if not unknown:
        return
    count = sum(count for (_, is_unknown), count in tally.unlabelled.items() if is_unknown)
    words = ", ".join(f"{json.dumps(word)}: neutral" for word in unknown[:_MOST_ROLES])
    advice = f"--set {tally.key}.emotions='{{{words}}}'"
    names = ", ".join(name for name in get_args(Emotion) if name)
    if config.unknown_emotions == "stop":
        raise UserError(
            f'{count} turns have an emotion with an unknown name: say which of {names} each is, or "" for none, for '
            f"instance {advice}"
        )
    progress.say(f"{count} turns have an emotion with an unknown name, and count as not labelled: {advice} maps them")


def _unknown_roles(unknown: Mapping[str, str], key: str) -> str:
    (role, where), *others = unknown.items()
    shown = [role, *(name for name, _ in others)][:_MOST_ROLES]
    keys = [name if re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) else json.dumps(name) for name in shown]
    sides = ", ".join(f"{key}: {guess(name)}" for key, name in zip(keys, shown, strict=True))
    more = f" and {len(others)} more" if others else ""
    return (
        f"{where}: unknown role {role!r}{more}: say who is clinician, patient or companion, for instance "
        f"--set {key}.roles='{{{sides}}}'"
    )
