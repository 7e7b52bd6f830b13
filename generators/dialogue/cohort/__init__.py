"""Cohorts of real transcripts: a file or a folder in any of the known layouts, read as dialogues of patients."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import licence_of
from synthgen.generators.dialogue.cohort.build import ONE_SIDED, SEVERAL, Labels, labels_of, session_of, turns_of
from synthgen.generators.dialogue.cohort.columns import is_description
from synthgen.generators.dialogue.cohort.raw import Raw, Reading
from synthgen.generators.dialogue.cohort.recognise import Sources, read, recognise
from synthgen.generators.dialogue.cohort.records import ASKED
from synthgen.generators.dialogue.cohort.tally import Tally, tell_emotions, unknown_roles
from synthgen.generators.dialogue.cohort_config import CohortConfig
from synthgen.patient_ids import check_not_rounded, is_placeholder, one_spelling, patient_key
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, DialogueReal
from synthgen.progress import Progress
from synthgen.records import Loaded, Real, Skipped

__all__ = ["KEY", "CohortConfig", "Found", "find_dialogues", "load_cohort"]

KEY = "modality.cohort"
"""Where the settings of reading stand, unless a modality keeps them elsewhere."""
_SYNTHETIC = re.compile(r"SYNTHETIC-\S+", re.IGNORECASE)
_RELEASED = "dialogue of a synthetic release"
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Found:
    """A dialogue of a cohort. ``patient`` is empty where the file does not name one; ``session`` None likewise."""

    record: str
    patient: str
    session: int | None
    labels: Labels
    dialogue: Dialogue
    date: str = ""
    synthetic: bool = False


def load_cohort(
    data: Path, config: CohortConfig, progress: Progress, key: str = KEY, offered: frozenset[str] | None = None
) -> Loaded[Dialogue, DialogueCondition]:
    """Reads a file or a folder of real transcripts, in the order of the files.

    A dialogue that names no patient counts as a patient of its own. Sessions that are not numbered are numbered by
    their dates, or in the order of the files. Topics of fewer than ``config.rare_topic`` patients are called ``other``
    in the condition, since a condition may be told in a release; the label keeps the topic. Dialogues of a synthetic
    release are nobody's: they are left out unless the settings take them.

    Args:
        key: where ``config`` stands among the settings, for advice.
        offered: which of its settings can be made there; None for all.

    Raises:
        UserError: anything about the files that the user must put right, in one line without private text.
    """
    found, sources, tally = find_dialogues(data, config, progress, key, offered)
    found = _real(found, config, tally, progress)
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


def _real(found: list[Found], config: CohortConfig, tally: Tally, progress: Progress) -> list[Found]:
    """Without the dialogues of a synthetic release. Raises UserError where there are no others."""
    released = sum(one.synthetic for one in found)
    if not released or config.synthetic == "take":
        if released:
            progress.say(f"{released} of {len(found)} dialogues are of a synthetic release, taken for patients'")
        return found
    advice = tally.set("synthetic", "take")
    if released == len(found):
        raise UserError(
            f"all {released} dialogues are of a synthetic release, by their ids: they are nobody's, so there is "
            f"nobody to protect; give the real cohort, or read them as if they were patients' with {advice}"
        )
    tally.skipped[_RELEASED] += released
    progress.say(f"left out {released} × {_RELEASED} (read with {advice})")
    return [one for one in found if not one.synthetic]


def find_dialogues(
    data: Path, config: CohortConfig, progress: Progress, key: str = KEY, offered: frozenset[str] | None = None
) -> tuple[list[Found], Sources, Tally]:
    """The dialogues of a cohort or of somebody's candidates, and what was left out on the way, which is also said.

    Raises:
        UserError: see :func:`load_cohort`.
    """
    tally = Tally(key, offered)
    reading = Reading.of(config, tally, progress)
    sources = recognise(data, reading)
    kept = _Kept(reading)
    task = progress.task("transcripts", None, "dialogue")
    for raw in read(sources, reading):
        task.advance()
        kept.add(_owned(raw, reading))
    if tally.unknown:
        raise UserError(unknown_roles(tally, len(sources.files) > 1))
    tell_emotions(tally, config.unknown_emotions, progress)
    for reason, count in sorted(tally.skipped.items()):
        progress.say(f"left out {count} × {reason}")
    for what, count in sorted(tally.noticed.items()):
        progress.say(f"{count} {what}")
    if not kept.found:
        raise UserError(_nothing(data, tally))
    return kept.found, sources, tally


def _nothing(data: Path, tally: Tally) -> str:
    reasons = "; ".join(f"{count} × {reason}" for reason, count in sorted(tally.skipped.items()))
    told = {ONE_SIDED, SEVERAL} & set(tally.skipped)
    advice = f"; --set {tally.key}.roles says who is who" if told else ""
    return f"no dialogue is left of {data}: {reasons or 'its files hold none'}{advice}"


def _owned(raw: Raw, reading: Reading) -> Raw:
    """With the folder's name for the patient where the settings say so, and without a name that is nobody's."""
    folder = PurePosixPath(raw.file).parent.as_posix()
    if raw.patient and is_placeholder(raw.patient):
        reading.notice("dialogues have a word such as ANONYMOUS for their patient, and count as naming none")
        raw = replace(raw, patient="")
    if is_description(raw.patient) and not raw.patient.startswith(ASKED):
        aside = reading.tally.aside("columns", "{patient_id: NAME}", "names the column of ids")
        reading.notice(
            f"dialogues have a description in the place of their patient's id, and count as naming none{aside}"
        )
        raw = replace(raw, patient="")
    by_folder = reading.config.patient == "folder" and folder != "." and not raw.patient
    return replace(raw, patient=folder) if by_folder else raw


class _Kept:
    """Dialogues under names that no other has, each once."""

    def __init__(self, reading: Reading) -> None:
        self.found: list[Found] = []
        self._reading = reading
        self._places: dict[str, Raw] = {}
        self._contents: dict[str, Dialogue] = {}
        self._told: set[tuple[str, Dialogue]] = set()

    def add(self, raw: Raw) -> None:
        """Keeps it unless it does not serve or was there before. Raises UserError for an id that names two."""
        turns, labels = turns_of(raw, self._reading), labels_of(raw, self._reading)
        if turns is None:
            return
        dialogue = Dialogue(turns, labels.kept)
        same = (patient_key(raw.patient), Dialogue(turns))
        if raw.patient and same in self._told:
            self._reading.notice("dialogues say the same as another of their patient, and stay")
        record = raw.record or raw.where
        before = self._places.get(record)
        one = before is not None and patient_key(before.patient) == patient_key(raw.patient)
        if one and self._contents[record].turns == turns:
            self._reading.tally.skipped["the same dialogue a second time"] += 1
            return
        record = self._name(record, raw)
        self._places[record], self._contents[record] = raw, dialogue
        self._told.add(same)
        session = session_of(raw.session)
        names = (raw.patient, PurePosixPath(raw.record).name)
        synthetic = any(_SYNTHETIC.fullmatch(name) for name in names)
        self.found.append(Found(record, raw.patient, session, labels, dialogue, raw.date, synthetic))

    def _name(self, record: str, raw: Raw) -> str:
        """An id that stands in another file, or for another patient, gets that in front."""
        before = self._places.get(record)
        if before is None:
            return record
        if before.file != raw.file or patient_key(before.patient) != patient_key(raw.patient):
            longer = f"{raw.file if before.file != raw.file else raw.patient}/{record}"
            if longer not in self._places:
                self._reading.notice("dialogues have an id that another file or patient has too")
                return longer
        raise UserError(
            f"{raw.where}: another dialogue has this dialogue_id ({before.where}): give each its own, or, "
            "where they are sessions, a column session"
        )


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
        dates = [found[index].date for index in indices]
        if all(_ISO.match(date) for date in dates):
            indices = sorted(indices, key=lambda index: found[index].date)
        own = [found[index].session for index in indices]
        for position, (index, number) in enumerate(zip(indices, own, strict=True), start=1):
            numbers[index] = number if number is not None and None not in own else position
        last[owner] = max(numbers[index] for index in indices)
    return ((number, last[owner]) for number, owner in zip(numbers, owners, strict=True))


def _told_topics(found: list[Found], owners: list[str], least: int) -> Mapping[str, str]:
    patients = {(one.labels.topic, owner) for one, owner in zip(found, owners, strict=True) if one.labels.topic}
    counts = Counter(topic for topic, _ in patients)
    return {topic: topic if count >= least else "other" for topic, count in counts.items()}
