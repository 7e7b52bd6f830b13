"""Who speaks: the role names of the world's transcripts, mapped to clinician, patient and companion."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import cache
from typing import Final, Literal

from synthgen.generators.dialogue.cohort.text import one_line
from synthgen.payloads.dialogue import Speaker
from synthgen.wordlists import Words, word_lists

_TITLES: Final = frozenset({"dr", "doctor", "nurse", "prof"})
_CHAT: Final = {"assistant": "assistant", "gpt": "assistant", "bot": "assistant", "model": "assistant",
                "chatbot": "assistant", "user": "user", "human": "user"}  # fmt: skip
SILENT: Final = frozenset({"system", "tool", "function", "developer"})
"""Roles of a chat that say nothing in the room."""


@cache
def known_roles() -> Mapping[str, Speaker]:
    """The side that each role name of ``roles.yaml`` stands for."""
    sides = word_lists(__package__, "roles", dict[Speaker, Words])
    return {name: side for side, names in sides.items() for name in names}


def normalised(role: str) -> str:
    """Lower case, words joined by ``_``, without a number at the end: ``"Guest family 2:"`` is ``guest_family``."""
    joined = re.sub(r"[\W_]+", "_", one_line(role).lower()).strip("_")
    return re.sub(r"_?\d+$", "", joined) or joined


def speaker_of(
    role: str, own: Mapping[str, Speaker], clinician: Literal["assistant", "user"]
) -> Speaker | Literal["silent", ""]:
    """The side that a role name stands for; ``"silent"`` for a system prompt; empty where it is not known.

    Args:
        own: the cohort's own names, which win over the known ones; compared as they are first, then normalised.
        clinician: the chat role of the clinician.
    """
    name = normalised(role)
    for key in (role, one_line(role)):
        if key in own:
            return own[key]
    by_name = {normalised(key): side for key, side in own.items()}
    if name in by_name:
        return by_name[name]
    if name in SILENT:
        return "silent"
    if name in _CHAT:
        return "clinician" if _CHAT[name] == clinician else "patient"
    first, *rest = name.split("_")
    if name not in known_roles() and first in _TITLES and not any(part in known_roles() for part in rest):
        return "clinician"  # a voice tag such as "Dr Smith"
    return known_roles().get(name, "")


def guess(role: str) -> Speaker:
    """The side of the known name that an unknown one is most like; the patient's where it is like none."""
    close = difflib.get_close_matches(normalised(role), [*known_roles()], n=1, cutoff=0.75)
    if close:
        return known_roles()[close[0]]
    parts = [known_roles()[part] for part in normalised(role).split("_") if len(part) > 2 and part in known_roles()]
    return parts[0] if parts else "patient"
