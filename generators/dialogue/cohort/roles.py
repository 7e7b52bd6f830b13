"""Who speaks: the role names of the world's transcripts, mapped to clinician, patient and companion."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final, Literal

from synthgen.generators.dialogue.cohort.text import one_line
from synthgen.generators.dialogue.cohort_config import Side
from synthgen.payloads.dialogue import Speaker
from synthgen.wordlists import Words, word_lists

_TIGHT, _LOOSE, _SHORT = 0.88, 0.75, 5
_ASIDE: Final = re.compile(r"(.+?)\s*[\[(]([^()\[\]]*)[\])]\s*:?")
_NAMING: Final = frozenset({"id", "session", "visit", "date", "datum", "sitzung"})
_ASIDES: Final = frozenset({"note", "notes", "comment", "comments", "remark", "bemerkung", "anmerkung", "pause"})
_TITLES: Final = frozenset({"dr", "doctor", "nurse", "prof", "doktor", "dra"})
_CHAT: Final = {"assistant": "assistant", "gpt": "assistant", "bot": "assistant", "model": "assistant",
                "ai": "assistant", "chatbot": "assistant", "chatgpt": "assistant", "sys": "assistant",
                "user": "user", "human": "user",
                "usr": "user"}  # fmt: skip
# Names that say nothing beyond one file: which of two letters or numbers is the clinician is another every time.
_ANONYMOUS: Final = re.compile(
    r"(?:(?:unknown_)?(?:speaker|spk|spkr|sprecher|sprecherin|locuteur|locutrice|hablante|locutor|parlante|mówca|voice|"
    r"channel|ch|person|talker|unknown|unbekannt|inconnu|session|s)_?)?(?:[a-z]|\d+)?"
)


@cache
def known_roles() -> Mapping[str, Speaker | Literal["nobody"]]:
    """The side that each role name of ``roles.yaml`` stands for."""
    nobody: Literal["nobody"] = "nobody"
    return {name: nobody if side == "heading" else side for side, names in _lists().items() for name in names}


def names_a_dialogue(role: str) -> bool:
    """True for the words of a heading that name a dialogue: its date, its number, whose it is."""
    return is_heading(role) and any(word in _NAMING for word in normalised(role).split("_"))


def is_aside(role: str) -> bool:
    """True for a word before a colon that is as often said as written: "Note: I sleep badly"."""
    return is_heading(role) or normalised(role) in _ASIDES


def is_heading(role: str) -> bool:
    """True for what stands above a dialogue (``Date: …``), not in it."""
    return normalised(role) in _lists()["heading"]


@cache
def _lists() -> Mapping[Speaker | Literal["nobody", "heading"], Words]:
    return word_lists(__package__, "roles", dict[Speaker | Literal["nobody", "heading"], Words])


@lru_cache(1 << 14)
def joined(role: str) -> str:
    """Lower case, words joined by ``_``, a number kept: ``"Speaker 02:"`` is ``speaker_02``."""
    plain = unicodedata.normalize("NFKC", one_line(role, 200)).casefold()
    return re.sub(r"[\W_]+", "_", plain).strip("_")


@lru_cache(1 << 14)
def normalised(role: str) -> str:
    """Lower case, words joined by ``_``, without a number at the end: ``"Guest family 2:"`` is ``guest_family``."""
    name = joined(role)
    return re.sub(r"_?\d+$", "", name) or name


def is_anonymous(role: str) -> bool:
    """True for ``Speaker 1``, ``SPEAKER_00``, ``spk_0``, ``A``: names that a diarisation gives."""
    return bool(_ANONYMOUS.fullmatch(joined(role))) and normalised(role) not in known_roles()


def is_speaker(role: str) -> bool:
    """True for the name of a diarised speaker with a number: ``SPEAKER_00``, not ``A`` nor ``12``."""
    return (
        is_anonymous(role) and len(normalised(role)) > 1 and joined(role)[-1].isdigit() and not role.strip().isdigit()
    )


def is_chat(role: str) -> bool:
    """True for the roles of a chat with a language model."""
    return normalised(role) in _CHAT


def speaker_of(role: str, own: Mapping[str, Side], clinician: Literal["assistant", "user"]) -> Side | Literal[""]:
    """The side that a role name stands for; ``"nobody"`` for a system prompt or a narrator; empty where not known.

    Args:
        own: the cohort's own names, which win over the known ones: as they are, then in lower case, then without a
            number at the end where the own name has none.
        clinician: the chat role of the clinician.
    """
    found = _own(role, own)
    if found:
        return found
    name = normalised(role)
    if name in _CHAT:
        return "clinician" if _CHAT[name] == clinician else "patient"
    for one in (name, re.sub(r"_in(?:nen)?$", "", name), _without_aside(role)):
        if one in known_roles():
            return known_roles()[one]
    first, *rest = name.split("_")
    if first in _TITLES and not {known_roles().get(part) for part in rest} & {"patient", "companion"}:
        return "clinician"  # a voice tag such as "Dr Smith"
    return ""


def _without_aside(role: str) -> str:
    """``Patient (f, 45)`` is a patient, ``Patient (mother)`` is asked for."""
    found = _ASIDE.fullmatch(one_line(role, 200))
    inside = normalised(found[2]).split("_") if found else []
    return normalised(found[1]) if found and not any(part in known_roles() for part in inside if len(part) > 1) else ""


def _own(role: str, own: Mapping[str, Side]) -> Side | Literal[""]:
    for key in (role, one_line(role), one_line(role, 200)):
        if key in own:
            return own[key]
    by_name = {joined(key): side for key, side in own.items()}
    unnumbered = {name: side for name, side in by_name.items() if name == normalised(name)}
    return by_name.get(joined(role)) or unnumbered.get(normalised(role)) or ""


def proposed(role: str, lacking: frozenset[str]) -> Speaker | Literal["nobody", ""]:
    """The side to propose for an unknown name: that of a known name in it or like it, or the only side that lacks.

    Args:
        lacking: which of clinician and patient nobody else is, wherever this name speaks.
    """
    own = "" if is_anonymous(role) else _resembled(role)
    if own:
        return own
    return "clinician" if lacking == {"clinician"} else "patient" if lacking == {"patient"} else ""


def _resembled(role: str) -> Speaker | Literal["nobody", ""]:
    name = normalised(role)
    if misspelt := _closest(name, _TIGHT):
        return misspelt
    parts = {known_roles()[part] for part in name.split("_") if part in known_roles() and len(part) > 1}
    if {"clinician", "patient"} <= parts:
        return ""
    sides: tuple[Speaker, ...] = ("companion", "clinician", "patient")  # "mother of the patient" is no patient
    return next((side for side in sides if side in parts), "") or _closest(name, _LOOSE)


def _closest(name: str, cutoff: float) -> Speaker | Literal["nobody", ""]:
    """The side of the known name most like this one. A relative's must be very like: Ann is no misspelt "Mann"."""
    relatives = cutoff > _LOOSE and len(name) > _SHORT
    known = [role for role, side in known_roles().items() if len(role) > 3 and (relatives or side != "companion")]
    close = difflib.get_close_matches(name, known, n=1, cutoff=cutoff)
    return known_roles()[close[0]] if close else ""
