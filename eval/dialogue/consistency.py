"""Does a synthetic patient stay the same person? Contradictions between what one patient states of themselves.

Read by rules off the patient's own turns: age (two statements more than one year apart), sex (a man and a woman),
occupation (``I work as a …`` of two kinds), and medication (one that is taken, and later none ever). It catches what is
said outright in these words and nothing else: silence, paraphrase, family, biography and mood are beyond it, and a new
job or the end of a treatment count against the patient.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from synthgen.english import ONES, TENS
from synthgen.estimates import NotMeasurableError, proportion
from synthgen.eval.dialogue.records import Dialogues
from synthgen.payloads.dialogue import Dialogue
from synthgen.records import Estimate

_TENS: Final = {name: 10 * n for n, name in enumerate(TENS, start=2)}
_UNITS: Final = {name: n for n, name in enumerate(ONES[:10]) if n}
_TEENS: Final = {"eighteen": 18, "nineteen": 19}
_SPELLED: Final = rf"(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(_UNITS)}))?|{'|'.join(_TEENS)}"
_AGE: Final = re.compile(
    rf"\bI(?:'m| am| just turned| turned|'ve just turned)\s+(?:an?\s+)?(\d{{2,3}}|{_SPELLED})"
    r"(?:[- ]years?[- ]olds?\b|(?=\s*(?:[.,;!]|$))|(?=\s+(?:now|and)\b))",
    re.IGNORECASE,
)
_SEX: Final = {
    "female": re.compile(
        r"\b(?:I(?:'m| am) (?:a|an) (?:\w+ )?(?:woman|mother|wife|girl|widow|grandmother)|as a (?:woman|mother|wife)|"
        r"I(?:'m| am) (?:\w+ )?pregnant|my (?:period|pregnancy|menopause))\b",
        re.IGNORECASE,
    ),
    "male": re.compile(
        r"\b(?:I(?:'m| am) (?:a|an) (?:\w+ )?(?:man|father|husband|widower|grandfather)|as a (?:man|father|husband)|"
        r"my prostate)\b",
        re.IGNORECASE,
    ),
}
_OCCUPATION: Final = re.compile(
    r"\bI(?:'m working| am working| work| worked| have worked|'ve worked) as (?:an?|the) ((?:[a-z]+[ -]){0,2}?[a-z]+)"
    r"(?=\s*(?:[.,;!?]|$)|\s+(?:and|at|in|for|so|but|which|who|with|on|now|these|since)\b)",
    re.IGNORECASE,
)
_TAKES: Final = re.compile(
    r"\bI(?:'m| am)?\s*(?:still |currently |also )?(?:take|taking|on) (?:my |some |the )?"
    r"(?:\d+ (?:mg|milligrams?) of )?([a-z]{4,}(?:ine|ol|am|one|in|ide|ate|ium|pril|artan|statin))\b",
    re.IGNORECASE,
)
_TAKES_NONE: Final = re.compile(
    r"\bI(?:'ve| have)? (?:never|not ever) (?:taken|been on|had) (?:any )?(?:medications?|medicines?|tablets|pills)\b",
    re.IGNORECASE,
)


@dataclass
class _Stated:
    ages: list[int] = field(default_factory=list)
    sexes: set[str] = field(default_factory=set)
    occupations: set[str] = field(default_factory=set)
    takes: bool = False
    takes_none_after: bool = False
    statements: int = 0


def persona_consistency(x: Dialogues, *, real: bool = False) -> Estimate:
    """Share of patients without contradiction, of those with two dialogues and two statements to compare.

    Raises:
        NotMeasurableError: there is no such patient.
    """
    by_patient: dict[str, list[tuple[int, Dialogue]]] = defaultdict(list)
    for patient, condition, dialogue in zip(x.patients, x.conditions, x.dialogues, strict=True):
        by_patient[patient].append((condition.session, dialogue))
    checked = consistent = 0
    kinds: dict[str, int] = defaultdict(int)
    for own in by_patient.values():
        if len(own) < 2:
            continue
        stated = _stated([dialogue for _, dialogue in sorted(own, key=lambda item: item[0])])
        if stated.statements < 2:
            continue
        found = contradictions(stated)
        checked += 1
        consistent += not found
        for kind in found:
            kinds[kind] += 1
    if not checked:
        kind = "real" if real else "synthetic"
        raise NotMeasurableError(f"no {kind} patient of two dialogues states age, sex, occupation or medication twice")
    told = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())) or "none"
    name = "persona_consistency_real" if real else "persona_consistency"
    return proportion(name, consistent, checked, note=f"contradictions: {told}; by rules on what is said outright")


def contradictions(stated: _Stated) -> tuple[str, ...]:
    """The kinds of statement that contradict each other."""
    found = {
        "age": bool(stated.ages) and max(stated.ages) - min(stated.ages) > 1,
        "sex": len(stated.sexes) > 1,
        "occupation": len(stated.occupations) > 1,
        "medication": stated.takes_none_after,
    }
    return tuple(kind for kind, wrong in found.items() if wrong)


def _stated(dialogues: list[Dialogue]) -> _Stated:
    stated = _Stated()
    for dialogue in dialogues:
        for text in dialogue.said_by("patient"):
            said = text.replace("’", "'")
            for match in _AGE.finditer(said):
                stated.ages.append(_number(match.group(1).lower()))
                stated.statements += 1
            for sex, pattern in _SEX.items():
                if pattern.search(said):
                    stated.sexes.add(sex)
                    stated.statements += 1
            for match in _OCCUPATION.finditer(said):
                stated.occupations.add(match.group(1).lower())
                stated.statements += 1
            if _TAKES.search(said):
                stated.takes = True
                stated.statements += 1
            if _TAKES_NONE.search(said):
                stated.takes_none_after = stated.takes_none_after or stated.takes
                stated.statements += 1
    return stated


def _number(text: str) -> int:
    if text.isdigit():
        return int(text)
    if text in _TEENS:
        return _TEENS[text]
    tens, _, unit = text.replace("-", " ").partition(" ")
    return _TENS[tens] + _UNITS.get(unit, 0)
