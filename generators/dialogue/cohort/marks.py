"""Text that says itself who speaks: ``Doctor: …``, ``[doctor] …``, a name and a time above the words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from synthgen.generators.dialogue.cohort.roles import is_anonymous, is_aside, is_heading, names_a_dialogue

Known = Callable[[str], bool]
"""True for a name that stands for a side by itself or by the settings."""


@dataclass(frozen=True, slots=True)
class Said:
    """Words of one speaker, who is empty before the first mark. ``line`` is where they begin, from 1."""

    role: str
    text: str
    line: int


_TIME: Final = (
    r"(?:\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?:,\s?|T|\s))?\d{1,3}:\d{2}(?::\d{2})?(?:[.,]\d{1,3})?(?:\s?[AaPp]\.?[Mm]\.?)?"
)
_STAMP: Final = rf"[\[(<{{]?\s*{_TIME}\s*(?:(?:-->|-|–|—|to)\s*{_TIME}\s*)?[\])>}}]?"
_NAME: Final = r"[^\W\d_](?:[\w .'’&/,-]{0,50}[\w.])?(?:\s?\([^()\n:]{1,40}\))?"
_LEAD: Final = rf"\s*(?:[-–—*•>#]+\s*)?(?:\d{{1,4}}[.)]?\s+)?(?:{_STAMP}\s*[-–:]?\s*)?"
_COLON: Final = re.compile(
    rf"^{_LEAD}[*_]*[\[(<]?(?P<name>{_NAME})[\])>]?[*_]*\s*(?:{_STAMP})?\s*[:：][*_]*(?:(?P<rest>\s.*|(?<=：).*|$)|(?P<tight>(?!//)\S.*))$"
)
_BRACKET: Final = re.compile(rf"^{_LEAD}[\[(<{{](?P<name>{_NAME})[\])>}}]\s*(?P<time>{_STAMP})?\s*:?(?P<rest>.*)$")
_ABOVE: Final = re.compile(rf"^\s*[*_#]*(?P<name>{_NAME}?)[*_]*[,\s]\s*{_STAMP}\s*:?[*_]*\s*$")
_BELOW: Final = re.compile(rf"^\s*{_STAMP}\s*[-–,]?\s+(?P<name>{_NAME})\s*$")
_DASH: Final = re.compile(rf"^{_LEAD}(?P<name>{_NAME}?)(?:\s+[-–—]\s+|\s*\t\s*)(?P<rest>.+)$")
_ALONE: Final = re.compile(rf"^\s*[*_#]*(?P<name>{_NAME})[*_]*\s*$")
_STAMP_ALONE: Final = re.compile(rf"^\s*{_STAMP}\s*$")
_WITHIN: Final = re.compile(
    r"(?:(?<=[.?!…。！？\"”»)\]])\s*|(?<=[。！？])|^)(?P<name>[^\W\d_][^\W_]{0,24}(?: [^\W_]{1,12})?)\s?[:：]\s*"
)
_LOOSE: Final = re.compile(r"(?:^|(?<=\s))(?P<name>[^\W\d_][^\W_]{0,24}(?: \d{1,2})?)[:：]\s+")
_TAGGED: Final = re.compile(rf"[\[<](?P<name>{_NAME})[\]>]:?\s*")
_PARTICLES: Final = frozenset(
    [
        "von",
        "van",
        "der",
        "den",
        "de",
        "del",
        "da",
        "di",
        "la",
        "le",
        "los",
        "des",
        "du",
        "dos",
        "das",
        "zu",
        "zur",
        "of",
        "the",
        "and",
        "und",
        "et",
        "y",
        "e",
        "med",
        "dent",
        "phil",
        "rer",
        "nat",
    ]
)
# What some exports put between the turns of a dialogue in place of line ends.
_SEPARATED: Final = re.compile(
    rf"\s*(?:<br\s*/?>|</?p>|\|{{1,3}}|\[SEP\]|</?s>|__eou__|<\|?end\w*\|?>|\#{{3}})\s*(?=[\[(<*]*{_NAME}[\])>]?[*]*\s?[:：])",
    re.IGNORECASE,
)
_FORMAT: Final = re.compile(r"</?(?:b|strong|i|em|u|span|font)(?:\s[^<>\n]{0,200})?>", re.IGNORECASE)
_GENDERED: Final = re.compile(r"(?<=[^\W\d_])([^\W\d_])[:*_/]-?in(?=\s*(?:\([^()\n]*\)\s*)?[:：])")
_ADDRESSED: Final = re.compile(r"^From\s+(.+?)\s+to\s+.+$", re.IGNORECASE)
_LINE_NUMBER: Final = re.compile(r"^\s*(\d{1,5})[.):]?(?:\s+|$)")
_RULE: Final = re.compile(r"^\s*[=\-_*#~]{3,}\s*$")
_HEADING: Final = re.compile(
    r"^\W*(?:id|session|visit|dialogu?e?|conversation|transcript|encounter|consultation|interview|case|record|sitzung|"
    r"gespräch|séance|entretien|sesión|entrevista|consulta|seduta|colloquio)\W*(?:no|nr|number|#)?\W*\d+"
    r"(?:\W*|\s*[-–—:(,|/].{0,60})$|^\W*\d{1,4}[./-]\d{1,2}[./-]\d{2,4}\W*$",
    re.IGNORECASE,
)


_END_TAG: Final = re.compile(
    r"<\|(?:im_end|eot_id|end|endoftext|begin_of_text|end_of_text|end_of_turn)\|>|<end_of_turn>|<bos>|<eos>|</?s>"
)
_TEMPLATE: Final = re.compile(
    r"<\|im_start\|>\s*(?P<chatml>\w+)[ \t]*\n?|<\|start_header_id\|>\s*(?P<llama>\w+)\s*<\|end_header_id\|>|"
    r"<\|(?P<phi>user|assistant|system|human|bot|model|prompter|tool)\|>|<start_of_turn>\s*(?P<gemma>\w+)[ \t]*\n?|"
    r"(?P<asked>\[INST\]|<</SYS>>)|(?P<answered>\[/INST\])|(?P<told><<SYS>>)|"
    r"(?:^|\n)\#{2,3} ?(?P<alpaca>Instruction|Input|Response):"
)
"""Marks of the templates of chat models: ChatML, Llama, Phi and Zephyr, Gemma, Llama 2 and Mistral, Alpaca."""


def templated(text: str) -> list[Said]:
    """The turns of a chat that is written by the template of a model; empty where it is not."""
    found = list(_TEMPLATE.finditer(text))
    if not found:
        return []
    before = Said("", without_ends(text[: found[0].start()]), 1)
    ends = [*(mark.start() for mark in found[1:]), len(text)]
    said = [
        Said(
            _template_role(mark),
            without_ends(text[mark.end() : end]),
            text.count("\n", 0, mark.start()) + 1,
        )
        for mark, end in zip(found, ends, strict=True)
    ]
    return [one for one in (before, *said) if one.text]


def without_ends(text: str) -> str:
    """Without the marks by which a template ends a turn."""
    return _END_TAG.sub("", text).strip()


def _template_role(mark: re.Match[str]) -> str:
    named = next((mark[one] for one in ("chatml", "llama", "phi", "gemma") if mark[one]), "")
    asked = mark["asked"] or mark["alpaca"] in {"Instruction", "Input"}
    return named or ("user" if asked else "system" if mark["told"] else "assistant")


def marked(text: str, known: Known, *, part: bool = False) -> list[Said]:
    """The text by speaker, in order; what stands before the first mark has the empty name.

    A mark stands at the beginning of a line. Within a line only a known name after the end of a sentence is one, or, in
    a text of a single line, any known name. A name that is not known must look like a name, or stand there twice.

    Args:
        part: the text is a part of a dialogue, of which nothing is known by its having one line.
    """
    if chat := templated(text):
        return chat
    text = _SEPARATED.sub("\n", _GENDERED.sub(r"\1in", _FORMAT.sub("", text)))
    rows = _unnumbered(_unescaped(text).replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    found = list(_by_line(rows, known, _first_forms(rows, known)))
    if not any(said.role for said in found):
        found = list(_by_line(rows, known, _dashed)) if _sides(rows, known, _dashed) > 1 else found
    if not any(said.role for said in found) and _sides(rows, known, _alone) > 1:
        found = list(_by_line(rows, known, _alone))
    split = [one for said in found for one in _within(said, known, loose=False)]
    if not part and len({said.role for said in split}) < 2 and len([row for row in rows if row.strip()]) == 1:
        split = [one for said in found for one in _within(said, known, loose=True)]
    return [said for said in split if said.text or said.role]


def speakers(text: str, known: Known) -> int:
    """How many names mark the text."""
    return len({said.role for said in marked(text, known) if said.role})


def begins_again(text: str, known: Known) -> int:
    """The line of a rule or a numbered heading between the turns of a text: a second dialogue begins; 0 if none."""
    rows = text.split("\n")
    form = _first_forms(rows, known)
    spoken = [number for number, row in enumerate(rows) if (mark := form(row, known)) and not is_heading(mark[0])]
    if not spoken:
        return 0
    between = range(spoken[0] + 1, spoken[-1])
    return next((n + 1 for n in between if _begins(rows[n], form, known)), 0)


def _begins(row: str, form: Form, known: Known) -> bool:
    mark = form(row, known)
    return bool(_RULE.match(row) or _HEADING.match(row) or (mark and names_a_dialogue(mark[0])))


Form = Callable[[str, Known], tuple[str, str] | None]


def _by_line(rows: Sequence[str], known: Known, form: Form) -> Iterator[Said]:
    role, begins = "", 1
    words: list[str] = []
    for number, row in enumerate(rows, start=1):
        mark = form(row, known)
        if mark is None:
            if row.strip() and not _STAMP_ALONE.match(row):
                words.append(row.strip())
            continue
        if role or words:
            yield Said(role, " ".join(words), begins)
        role, begins = mark[0], number
        words = [mark[1].strip()] if mark[1].strip() else []
    if role or words:
        yield Said(role, " ".join(words), begins)


def _first_forms(rows: Sequence[str], known: Known) -> Form:
    counts = Counter(mark[0] for row in rows if (mark := _colon(row, known)))
    often = {name for name, count in counts.items() if count > 1}
    return lambda row, known: _mark(row, lambda name: name in often, known)


def _mark(row: str, often: Known, known: Known) -> tuple[str, str] | None:
    bracket = _BRACKET.match(row)
    if bracket and (known(bracket["name"]) or is_anonymous(bracket["name"]) or bracket["time"]):
        return bracket["name"].strip(), bracket["rest"].strip()
    colon = _colon(row, known)
    if colon and (known(colon[0]) or is_name(colon[0]) or often(colon[0])):
        return colon
    above = _ABOVE.match(row)
    if above and (known(above["name"]) or is_name(above["name"])):
        return above["name"].strip(" ,"), ""
    below = _BELOW.match(row)
    if below and (known(below["name"]) or is_anonymous(below["name"])):
        return below["name"].strip(), ""
    return None


def _colon(row: str, known: Known) -> tuple[str, str] | None:
    """Without a space behind the colon (``10:30``) only a known name marks."""
    found = _COLON.match(row)
    if found is None or len(found["name"].split()) > 8:
        return None
    if found["tight"] and (not known(found["name"]) or (found["name"][-1].isdigit() and found["tight"][0].isdigit())):
        return None
    name = _ADDRESSED.sub(r"\1", found["name"]).strip()
    return name, (found["rest"] or found["tight"] or "").strip()


def is_name(name: str) -> bool:
    """One to five words in capitals, as names are; particles apart."""
    words = re.sub(r"\(.*\)", "", name).split()
    plain = [word for word in words if word.strip(".,").lower() not in _PARTICLES]
    return 0 < len(words) <= 5 and all(word[0] != word[0].lower() or not word[0].isalpha() or _uncased(word)
                                       for word in plain)  # fmt: skip


def _uncased(word: str) -> bool:
    return word.lower() == word.upper()


def _dashed(row: str, known: Known) -> tuple[str, str] | None:
    found = _DASH.match(row)
    return (found["name"].strip(), found["rest"]) if found and known(found["name"]) else None


def _alone(row: str, known: Known) -> tuple[str, str] | None:
    found = _ALONE.match(row)
    return (found["name"].strip(), "") if found and known(found["name"]) and is_name(found["name"]) else None


def _sides(rows: Sequence[str], known: Known, form: Form) -> int:
    return len({mark[0] for row in rows if (mark := form(row, known))})


def _within(said: Said, known: Known, loose: bool) -> Iterator[Said]:
    """The marks inside what one mark begins: ``Doctor: Hello. Patient: Hi.``"""
    text = said.text
    starts = [m for pattern in _inner(text, loose, known) for m in pattern.finditer(text) if known(m["name"])]
    starts = sorted({m.start("name"): m for m in starts}.values(), key=lambda m: m.start())
    starts = [m for m in starts if not said.role or (_same_case(m["name"], said.role) and not is_aside(m["name"]))]
    if not starts:
        yield said
        return
    head = text[: starts[0].start()].strip()
    if head or said.role:
        yield Said(said.role, head, said.line)
    for m, after in zip(starts, [*starts[1:], None], strict=True):
        yield Said(m["name"].strip(), text[m.end() : after.start() if after else None].strip(), said.line)


def _inner(text: str, loose: bool, known: Known) -> list[re.Pattern[str]]:
    tagged = [_TAGGED] if any(known(m["name"]) for m in _TAGGED.finditer(text)) else []
    return [*tagged, _WITHIN, *([_LOOSE] if loose else [])]


def _same_case(name: str, first: str) -> bool:
    return name[0].isupper() == first.lstrip("([<")[0].isupper()


def _unnumbered(rows: list[str]) -> list[str]:
    """Without the numbers of lines, where every line has one."""
    numbers = [_LINE_NUMBER.match(row) for row in rows if row.strip()]
    counted = [int(found[1]) for found in numbers if found]
    if len(counted) < 3 or len(counted) < len(numbers) or any(b - a != 1 for a, b in pairwise(counted)):
        return rows
    return [_LINE_NUMBER.sub("", row) for row in rows]


def _unescaped(text: str) -> str:
    """Line ends that an export wrote as a backslash and an n, where the text has no others."""
    return text.replace("\\r\\n", "\n").replace("\\n", "\n") if "\n" not in text.strip() and "\\n" in text else text
