"""A comparison as files: the whole as JSON, a page, a table in Markdown, and one picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from synthgen.records import Estimate
from synthgen.release import words
from synthgen.release.checks import assert_public
from synthgen.release.plots import compared_plot
from synthgen.release.staging import Staging, publish
from synthgen.release.templating import text_template, web_template
from synthgen.report import Compared, Comparison, LinkFacts, to_json

USE: Final = "tstr_auc_macro"
"""The figure of use that all kinds of data have: classifiers trained on the records, tested on real ones of E."""

_LINKS: Final = {
    "same_record": "the very record is found in the release: EER; rank-1",
    "other_record": "another record of the patient finds his: EER; rank-1",
    "within_release": "released records of one patient find each other: EER; rank-1",
    "oracle": "found by whoever runs the operator on the record: EER; rank-1",
}


_NONE: Final = "–"


@dataclass(frozen=True)
class Row:
    """A line of the table: what is asked, and the answer for each way."""

    asked: str
    answers: tuple[str, ...]


def write_comparison(staging: Staging, comparison: Comparison, forbidden: Sequence[str]) -> None:
    """Writes the files and moves the folder to where it is to stand.

    Args:
        forbidden: private strings, see :func:`synthgen.release.checks.assert_public`.

    Raises:
        ReleaseRefusedError: something private would have been written.
    """
    folder, rows = staging.folder, table(comparison)
    told = {"comparison": comparison, "rows": rows, "figures": figures(comparison), "words": words}
    picture = compared_plot(comparison.ways, USE)
    (folder / "comparison.json").write_text(json.dumps(to_json(comparison), indent=1) + "\n", "utf-8")
    (folder / "README.md").write_text(text_template("comparison.md.j2").render(told), "utf-8")
    page = web_template("comparison.html.j2").render(told, picture=picture)
    (folder / "comparison.html").write_text(page, "utf-8")
    (folder / "comparison.png").write_bytes(picture.png)
    assert_public(folder, forbidden)
    publish(folder, staging.out)


def table(comparison: Comparison) -> tuple[Row, ...]:
    """What a data steward asks first, a line each: of every kind of attack the strongest.

    What no way can answer is left out.
    """
    ways = comparison.ways
    asked: list[tuple[str, Callable[[Compared], str]]] = [
        ("verdict of its own gate", lambda way: way.verdict or _NONE),
        ("records", lambda way: f"{way.records:,}"),
        ("who is in it: the strongest attack's AUC", lambda way: _said(strongest(way, told=False))),
        ("members found at 1% false alarms", lambda way: _said(_most(way, "", "tpr_at_fpr"))),
        (
            "told of one attribute beyond what all tell: the largest gain",
            lambda way: _said(_most(way, "attribute_inference", "gain")),
        ),
        *((meaning, lambda way, of=attack: _linked(way, of)) for attack, meaning in _LINKS.items()),
        ("use: trained on it, tested on real records, AUC", lambda way: _said(named(way, USE))),
        ("use: AUC lost against training on real records", lambda way: _said(named(way, "tstr_gap"))),
    ]
    rows = (Row(what, tuple(answer(way) for way in ways)) for what, answer in asked)
    return tuple(row for row in rows if any(answer != _NONE for answer in row.answers))


def figures(comparison: Comparison) -> tuple[tuple[str, tuple[Row, ...]], ...]:
    """Every figure that more than one way has: attacks, then uses."""

    def rows(of: Callable[[Compared], Sequence[Estimate]]) -> tuple[Row, ...]:
        names = dict.fromkeys(one.metric for way in comparison.ways for one in of(way))
        by_way = [{one.metric: one for one in of(way)} for way in comparison.ways]
        return tuple(Row(words.metric_name(name), tuple(_said(way.get(name)) for way in by_way)) for name in names)

    return ("Attacks", rows(lambda way: way.attacks)), ("Use and likeness", rows(lambda way: way.quality))


def strongest(way: Compared, *, told: bool) -> Estimate | None:
    """The attack on who is among the records that succeeds best; of those on what is told of them, where ``told``."""
    asked = [one for one in way.attacks if words.is_auc(one) and one.metric.startswith("attribute_inference") is told]
    return max(asked, key=lambda one: one.value, default=None)


def named(way: Compared, metric: str) -> Estimate | None:
    """A figure of use."""
    return next((one for one in way.quality if one.metric == metric), None)


def _most(way: Compared, attack: str, figure: str) -> Estimate | None:
    found = (one for one in way.attacks if one.metric.startswith(attack) and figure in one.metric)
    return max(found, key=lambda one: one.value, default=None)


def _linked(way: Compared, attack: str) -> str:
    facts = [fact for fact in way.linked if fact.attack == attack]
    if not facts:
        return _NONE

    def worst(fact: LinkFacts) -> tuple[float, float]:
        return fact.eer.value, -fact.rank1.value

    fact = min(facts, key=worst)
    return f"{_said(fact.eer)}; {words.percent(fact.rank1.value)}"


def _said(estimate: Estimate | None) -> str:
    return _NONE if estimate is None else f"{words.number(estimate.value)} ({words.interval(estimate)})"
