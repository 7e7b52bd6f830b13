"""Who is who: a name in RTTM or in a table may hold for the whole cohort, or within its recording alone.

"SPEAKER_00" is what a diariser calls the first voice of every recording, and "Patient" is another person in each; a
"Therapist" who meets many patients is one person, and torn into several would stand on both sides of the split. Names
cannot tell which it is, so that the user is asked.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.speech.cohort import listing
from synthgen.generators.speech.cohort_config import CohortConfig
from synthgen.patient_ids import patient_key

_DIARISED: Final = re.compile(r"(speaker|spkr?|spk|s|voice)?[\s_-]*\d{1,3}|[a-z]", re.IGNORECASE)
_NUMBERED: Final = re.compile(r"(\D*?)[\s_-]*0?[1-3]")


@dataclass(frozen=True, slots=True)
class Named:
    """A name as it is written, and the recording in which it stands.

    Attributes:
        scope: of which the name speaks where it holds for no more: a recording, a session or a patient.
        diarised: names like SPEAKER_00 may hold within the scope.
    """

    name: str
    scope: str
    diarised: bool = True


def people(named: Sequence[Named], config: CohortConfig) -> tuple[list[str], tuple[str, ...]]:
    """The person of each name, and what the user should know of it.

    Raises:
        UserError: a clinician's role stands in several recordings and the user has not said whether that is one.
    """
    recurring = {patient_key(name) for name in config.recurring or ()}
    persons = [
        one.name if patient_key(one.name) in recurring or not _local(one, config) else f"{one.scope}/{one.name}"
        for one in named
    ]
    scopes: dict[str, set[str]] = defaultdict(set)
    for one, person in zip(named, persons, strict=True):
        if person != one.name:
            scopes[one.name].add(one.scope)
    several = {name: len(found) for name, found in scopes.items() if len(found) > 1}
    _refuse_numbered(named, config)
    clinicians = sorted(name for name in several if listing.role(name) == "clinician")
    if clinicians and config.recurring is None:
        raise UserError(_ask(clinicians, max(several[name] for name in clinicians)))
    return persons, _notices(several)


def within_recording(person: str) -> tuple[str, str] | None:
    """The recording and the name of a person whose name holds within it, as :func:`people` gives them; else None."""
    scope, slash, name = person.rpartition("/")
    local = bool(slash) and (listing.names_role(name) or bool(_DIARISED.fullmatch(name)))
    return (scope, name) if local else None


def _local(one: Named, config: CohortConfig) -> bool:
    if config.speaker_names not in ("auto", "group"):
        # Even then "Patient" is nobody's name, whereas "Therapist" may be.
        patient = listing.names_role(one.name) and listing.role(one.name) != "clinician"
        return config.speaker_names == "recording" or patient
    return listing.names_role(one.name) or (one.diarised and bool(_DIARISED.fullmatch(one.name)))


def _refuse_numbered(named: Sequence[Named], config: CohortConfig) -> None:
    """Raises UserError for names like "Patient 1" that recur: they may be somebody's, or what each recording has."""
    scopes: dict[str, set[str]] = defaultdict(set)
    for one in named:
        told = _NUMBERED.fullmatch(one.name) if one.diarised and not _DIARISED.fullmatch(one.name) else None
        if told is not None and listing.names_role(told[1]):
            scopes[one.name].add(one.scope)
    recurring = {patient_key(name) for name in config.recurring or ()}
    several = sorted(name for name, found in scopes.items() if len(found) > 1 and patient_key(name) not in recurring)
    if several and config.speaker_names in ("auto", "group"):
        raise UserError(
            f"{', '.join(several[:3])} speaks in several recordings: set modality.cohort.speaker_names=recording if it "
            "is another person in each, or modality.cohort.speaker_names=cohort if it is one person in all"
        )


def _ask(names: Sequence[str], recordings: int) -> str:
    listed = ", ".join(names)
    return (
        f"{listed} speaks in up to {recordings} recordings, and nothing says whether that is one person: set "
        f"modality.cohort.recurring='[{listed}]' if each is one person in all of them, or "
        "modality.cohort.recurring='[]' if it is another in each"
    )


def _notices(several: Iterable[str]) -> tuple[str, ...]:
    names = list(several)
    if not names:
        return ()
    return (
        f"{len(names)} names of speakers recur and hold within their recording, as SPEAKER_00 or Patient do: whoever "
        "speaks in several recordings counts as several people (modality.cohort.recurring, "
        "modality.cohort.speaker_names=cohort)",
    )
