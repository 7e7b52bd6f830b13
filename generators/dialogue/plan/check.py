"""Checks the content that a clinician has changed: every complaint has its red flags, every disorder its measures.

    python -m synthgen.generators.dialogue.plan.check [FOLDER]

``FOLDER`` holds changed copies of the files in ``plan/content/``; a file that is not there is taken as it ships.
What is wrong is said in one line, with the file and the line in it, and the exit status is 2.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.dialogue.plan.compose import CONTENT, Content, read_content
from synthgen.generators.dialogue.plan.config import THERAPY, VISIT, WITH_GAD7
from synthgen.generators.dialogue.plan.types import SCALES
from synthgen.wordlists import word_lists

_MOVES: Final = "synthgen.generators.dialogue.realisers.template.moves"
_SHARED: Final = ("techniques", "therapy_common", "visit_common")
_THERAPY_RULES: Final = ("referral", "problem", "core", "rules", "coping")
_VISIT_RULES: Final = (
    "referral", "problem", "examination", "assessment", "plan", "warning", "examination_again", "assessment_again",
    "plan_again",
)  # fmt: skip
_SITUATION: Final = ("event", "thought", "emotion", "behaviour")
_ALWAYS: Final = ("allergies", "regular medicines")


class _File:
    """A content file: its text, so that a complaint can name a line, and what it holds."""

    def __init__(self, name: str, folder: Path | None) -> None:
        own = None if folder is None else folder / f"{name}.yaml"
        kept = own if own is not None and own.is_file() else None
        self.where = str(kept) if kept else f"{name}.yaml"
        try:
            packaged = resources.files(CONTENT).joinpath(f"{name}.yaml")
            self.text = kept.read_text("utf-8") if kept else packaged.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            raise UserError(f"{self.where}, line 1: this is no text in UTF-8") from None
        self.content: Content = read_content(self.text, name, self.where)

    def wrong(self, said: str, near: str = "") -> UserError:
        """What is wrong, at the first line that holds ``near``."""
        at = next((n for n, line in enumerate(self.text.splitlines(), 1) if near and near in line), 1)
        return UserError(f"{self.where}, line {at}: {said}")

    def named(self, key: str, advice: str) -> tuple[str, ...]:
        """The entries of a list, or of a line with commas, that must be there."""
        value = self.content.plain.get(key)
        listed = [str(one) for one in value] if isinstance(value, list) else str(value or "").split(",")
        found = tuple(one.strip() for one in listed if one.strip())
        if not found:
            raise self.wrong(f"{key} is missing: {advice}", key)
        return found


def check(folder: Path | None = None) -> str:
    """What was checked, in a sentence.

    Args:
        folder: of changed copies of content files; None checks what ships.

    Raises:
        UserError: the first thing that is wrong.
    """
    if folder is not None and not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    shared = {name: _File(name, folder) for name in _SHARED}
    techniques = {rule.partition(".")[0] for rule in shared["techniques"].content.rules}
    for name in THERAPY:
        _check_disorder(_File(name, folder), name, techniques)
    common = shared["visit_common"]
    always = common.named("red_flags", f"name what every first visit asks, {' and '.join(_ALWAYS)} among it")
    for topic in _ALWAYS:
        if topic not in always:
            raise common.wrong(f"red_flags must name {topic!r}", "red_flags")
    _of_topics(common, always, ("background",))
    for name in VISIT:
        _check_complaint(_File(name, folder), name)
    return f"{len(THERAPY)} disorders and {len(VISIT)} complaints checked: nothing wrong"


def _check_disorder(file: _File, name: str, techniques: set[str]) -> None:
    _has(file, _THERAPY_RULES, ("first", "later", "situations"))
    measures = file.named("measures", "name the instruments, the leading one first, as in measures: PHQ-9, GAD-7")
    for one in measures:
        if one not in SCALES:
            raise file.wrong(f"{one!r} is no instrument; known: {', '.join(SCALES)}", "measures:")
    leading = "GAD-7" if name in WITH_GAD7 else "PHQ-9"
    if measures[0] != leading or not {"PHQ-9", "GAD-7"} <= set(measures):
        raise file.wrong(f"measures must begin with {leading}, and hold PHQ-9 and GAD-7", "measures:")
    for key in ("techniques", "further"):
        for one in file.named(key, f"name techniques that fit {name.replace('_', ' ')}, with commas between"):
            if one not in techniques:
                raise file.wrong(f"{one!r} is no technique; known: {', '.join(sorted(techniques))}", f"{key}:")
    for number, entry in enumerate(file.content.entries["situations"], start=1):
        for key in _SITUATION:
            if key not in entry.rules:
                raise file.wrong(f"situation {number} lacks {key}", "situations:")


def _check_complaint(file: _File, name: str) -> None:
    _has(file, _VISIT_RULES, ("history", "progress", "treatment"))
    flags = file.named("red_flags", f"name what would make {name.replace('_', ' ')} dangerous, topics of its history")
    _of_topics(file, flags, ("history",))
    lines = file.content.rules["examination"]
    actions = [" ".join(str(part) for part in one.parts[:1]) for one in lines]
    for one in file.named("must_examine", "name what is examined before anything is concluded"):
        if not any(action.startswith(one) for action in actions):
            raise file.wrong(f"no line of examination begins with {one!r}", one)
    kinds = file.content.plain.get("kinds")
    if not isinstance(kinds, Mapping) or not kinds:
        raise file.wrong("kinds is missing: name what it may be, with weights, as in kinds: {migraine: 3}", "kinds")
    for kind in kinds:
        for part in ("assessment", "plan"):
            if not any(one.open_to({str(kind)}) for one in file.content.rules[part]):
                raise file.wrong(f"{part} says nothing for {kind}", f"{part}:")


def _has(file: _File, rules: Sequence[str], entries: Sequence[str]) -> None:
    for key in rules:
        if key not in file.content.rules:
            raise file.wrong(f"{key} is missing: a block of lines, beginning with '{key}: |'")
    for key in entries:
        if not file.content.entries.get(key):
            raise file.wrong(f"{key} is missing: a list of facts, each beginning with '- topic:' or '- event:'")


def _of_topics(file: _File, flags: Iterable[str], where: Sequence[str]) -> None:
    """Every red flag is a topic that is told, and has a question of its own."""
    asked = _questions()
    topics = {entry.topic for key in where for entry in file.content.entries.get(key, ())}
    for flag in flags:
        if flag not in topics:
            raise file.wrong(f"the red flag {flag!r} is no topic of {' or '.join(where)}", f"- {flag}")
        if flag not in asked:
            raise file.wrong(f"nothing asks about the red flag {flag!r}: add it to moves/topics.yaml", f"- {flag}")


def _questions() -> frozenset[str]:
    return frozenset(word_lists(_MOVES, "topics", dict[str, object]))


def main(arguments: Sequence[str]) -> int:
    try:
        sys.stdout.write(f"{check(Path(arguments[0]) if arguments else None)}\n")
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
