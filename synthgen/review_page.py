"""The review page: pairs, filters and marks in one HTML file that needs no script and no other file."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from importlib import resources
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from synthgen.audit import Pair, Pairs

KEPT: Final = "kept"
_SOURCES: Final = "default-src 'none'; img-src data:; media-src data:; base-uri 'none'"


@dataclass(frozen=True)
class Page:
    """A page and the policy that it is to be read under: nothing but its own style is let in."""

    html: bytes
    policy: str


@dataclass(frozen=True)
class Choice:
    """One value of a filter.

    Attributes:
        name: a class of the pairs that have it; never the text of a record.
    """

    name: str
    text: str
    count: int


def review_page(found: Pairs, withheld: Collection[int], *, work: str, served: bool) -> Page:
    """The page as it is served, with boxes to mark and buttons to save, or as a file that is only looked at.

    The filters are rules of the style sheet, so that they work without a script. The sheet names classes by number:
    what stands in a record is never a part of it.

    Args:
        work: the work folder, as the commands on the page name it.
    """
    reasons = _choices("reason", [_standing(pair) for pair in found.pairs])
    conditions = _choices("condition", [(pair.stratum,) for pair in found.pairs])
    style = _style([*reasons, *conditions])
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"{_SOURCES}; style-src 'sha256-{digest}'; form-action {chr(39)}{'self' if served else 'none'}{chr(39)}"
    shown = [
        {
            "pair": pair,
            "classes": " ".join(
                choice.name
                for choices, values in ((reasons, _standing(pair)), (conditions, (pair.stratum,)))
                for choice in choices
                if choice.text in values
            ),
            "told": _told(pair),
            "withheld": pair.kept and pair.slot in withheld,
        }
        for pair in found.pairs
    ]
    html = _template().render(
        found=found,
        shown=shown,
        reasons=reasons,
        conditions=conditions,
        withheld=sorted(withheld),
        style=style,
        policy="" if served else policy,
        served=served,
        work=work,
        shown_kept=sum(pair.kept for pair in found.pairs),
    )
    return Page(html.encode(), policy)


def _template() -> Template:
    loader = PackageLoader("synthgen", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("review.html.j2")


def _standing(pair: Pair) -> tuple[str, ...]:
    """What the filter on reasons takes a pair for."""
    return (KEPT,) if pair.kept else pair.reasons


def _choices(kind: str, values: list[tuple[str, ...]]) -> list[Choice]:
    counts = Counter(value for each in values for value in each)
    ordered = sorted(counts, key=lambda value: (value != KEPT, value))
    return [Choice(f"{kind}-{number}", value, counts[value]) for number, value in enumerate(ordered)]


def _style(choices: list[Choice]) -> str:
    sheet = resources.files("synthgen").joinpath("templates", "review.css").read_text("utf-8")
    rules = (
        f'body:has(option[value="{choice.name}"]:checked) article:not(.{choice.name}) {{ display: none; }}'
        for choice in choices
    )
    return "\n".join((sheet.rstrip("\n"), *rules))


def _told(pair: Pair) -> str:
    """The condition in words: ``"age 63, sex F"``; what is empty is left out."""
    values = json.loads(pair.condition)
    told = []
    for key, value in values.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else value
        if text not in (None, "") and not key.endswith("_seed"):
            told.append(f"{key.replace('_', ' ')} {text}")
    return "; ".join(told)
