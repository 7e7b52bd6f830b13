"""What is found on the way: what is left out and why, what is worth a word, names of speakers that are not known."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from synthgen.errors import UserError
from synthgen.generators.dialogue.cohort.roles import is_anonymous, proposed
from synthgen.generators.dialogue.cohort.text import one_line
from synthgen.payloads.dialogue import Emotion
from synthgen.progress import Progress

_MOST: Final = 12
_SIDE: Final = "SIDE"
_LINES: Final = 'JSON lines such as {"dialogue_id": "1", "turns": [{"role": "doctor", "text": "Hello"}, …]}'


@dataclass
class Unknown:
    """A name that stands for no side. ``lacking``: the sides that nobody else is, in each dialogue with this name."""

    where: str
    turns: int = 0
    questions: int = 0
    dialogues: int = 0
    lacking: set[frozenset[str]] = field(default_factory=set)

    @property
    def only_lack(self) -> frozenset[str]:
        return next(iter(self.lacking)) if len(self.lacking) == 1 else frozenset()


@dataclass
class Tally:
    """Counts by reason.

    Attributes:
        key: where the settings of reading stand, for advice.
        offered: which of them stand there; None for all.
        unlabelled: turns by the word for their emotion, of which none is kept, and whether the word is unknown.
    """

    key: str = "modality.cohort"
    offered: frozenset[str] | None = None
    skipped: Counter[str] = field(default_factory=Counter)
    noticed: Counter[str] = field(default_factory=Counter)
    unknown: dict[str, Unknown] = field(default_factory=dict)
    licences: Counter[str] = field(default_factory=Counter)
    unlabelled: Counter[tuple[str, bool]] = field(default_factory=Counter)

    def set(self, name: str, value: str) -> str:
        """``--set modality.cohort.NAME=VALUE`` as a shell takes it, or what would do where there is no such setting."""
        if self.offered is not None and name not in self.offered:
            return _LINES
        return f"--set {self.key}.{name}={shlex.quote(value)}"

    def aside(self, name: str, value: str, does: str) -> str:
        """In brackets what a setting would do; nothing where there is no such setting."""
        there = self.offered is None or name in self.offered
        return f" ({self.set(name, value)} {does})" if there else ""


def flow(values: Mapping[str, str]) -> str:
    """A mapping as YAML writes it on one line."""
    return "{" + ", ".join(f"{_word(key)}: {_word(value)}" for key, value in values.items()) + "}"


def _word(text: str) -> str:
    plain = text.replace("_", "").isalnum() and text.isascii() and not text[0].isdigit()
    return text if plain and text.lower() not in {"y", "n", "yes", "no", "on", "off", "true", "false", "null"} else (
        json.dumps(text, ensure_ascii=False)
    )  # fmt: skip


def unknown_roles(tally: Tally, folder: bool) -> str:
    """The one line that names them with a side each, proposed where anything speaks for one.

    Args:
        folder: there are several files, which may use one name for different people.
    """
    unknown = tally.unknown
    (role, first), *others = unknown.items()
    shown = dict(list(unknown.items())[:_MOST])
    sides = {name: proposed(name, one.only_lack) or _SIDE for name, one in shown.items()}
    more = f" and {len(others)} more" if others else ""
    advice = tally.set("roles", flow(sides))
    line = f"{first.where}: unknown role {one_line(role, 40)!r}{more}: say who is clinician, patient or companion, for "
    line += f"instance {advice} (nobody leaves a name's words out, text says that it is no name)"
    if _SIDE in sides.values():
        asked = ", ".join(_habits(name, one) for name, one in shown.items() if sides[name] == _SIDE)
        line += f"; write a side in place of {_SIDE}: {asked}"
    return line + _beyond(tally, shown, folder)


def _habits(name: str, one: Unknown) -> str:
    return f"{one_line(name, 40)} has {one.turns} turns, {one.questions} of them questions"


def _beyond(tally: Tally, shown: Mapping[str, Unknown], folder: bool) -> str:
    """What helps where one table of names does not."""
    if any(is_anonymous(name) and one.dialogues > 1 for name, one in shown.items()):
        where = "in metadata.csv (file_name,clinician_speaker,patient_speaker)" if folder else "in each record"
        return (
            f"; where such a name is another person in another dialogue, give clinician_speaker and patient_speaker "
            f"{where} instead"
        )
    if len(tally.unknown) > _MOST and all(len(one.only_lack) == 1 for one in tally.unknown.values()):
        return f"; or take everybody who speaks with one known side for the other with {tally.set('pair', 'infer')}"
    return ""


def tell_emotions(tally: Tally, unknown: Literal["count", "stop"], progress: Progress) -> None:
    """Says how many labels of emotions are not kept. Raises UserError for unknown ones where that is asked for."""
    further = sum(count for (_, is_unknown), count in tally.unlabelled.items() if not is_unknown)
    if further:
        progress.say(f"{further} turns have an emotion that is none of ours, and count as not labelled")
    words = [word for (word, is_unknown), _ in tally.unlabelled.most_common() if is_unknown]
    if not words:
        return
    count = sum(count for (_, is_unknown), count in tally.unlabelled.items() if is_unknown)
    advice = tally.set("emotions", flow(dict.fromkeys(words[:_MOST], "neutral")))
    names = ", ".join(name for name in get_args(Emotion) if name)
    if unknown == "stop":
        raise UserError(
            f'{count} turns have an emotion with an unknown name: say which of {names} each is, or "" for none, for '
            f"instance {advice}"
        )
    progress.say(f"{count} turns have an emotion with an unknown name, and count as not labelled: {advice} maps them")
