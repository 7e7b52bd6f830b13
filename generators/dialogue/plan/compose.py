"""Facts and situations, composed from the content files under a patient's values and tags."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from typing import Final, cast

from synthgen.errors import UserError
from synthgen.generators.dialogue.plan.empty_words import telling_words, words_of
from synthgen.generators.dialogue.plan.grammar import Grammar, Rule, rule, rule_of, tidy
from synthgen.generators.dialogue.plan.persons import they_form
from synthgen.generators.dialogue.plan.types import Fact, Situation
from synthgen.generators.dialogue.plan.wordings import varied
from synthgen.wordlists import parsed

CONTENT: Final = "synthgen.generators.dialogue.plan.content"
MORE: Final = ("feel", "effect", "example", "cope", "others")
_EMPTY: Final = Grammar({})
_AS_WRITTEN: Final = frozenset({"techniques"})
"""Files whose lines both sides know by heart: what a technique is called is said as it is written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact that can be had, as a content file gives it.

    Attributes:
        when, unless: tags that must hold, and that must not.
        first, last: told before, and after, whatever else is drawn.
        once: whether its topic comes up once in an arc, because two of its statements would contradict each other.
        must: asked before others: the file names its topic among its red flags.
    """

    topic: str
    rules: Mapping[str, Rule]
    when: Rule | None
    unless: frozenset[str]
    sensitive: bool
    first: bool
    last: bool
    once: bool
    must: bool = False

    def open_to(self, tags: Set[str]) -> bool:
        return not (self.unless & tags) and (self.when is None or any(one.open_to(tags) for one in self.when))


@dataclass(frozen=True)
class Content:
    """A content file: rules by name, and lists of facts and situations."""

    rules: Mapping[str, Rule]
    entries: Mapping[str, tuple[Entry, ...]]
    plain: Mapping[str, object]

    def say(self, name: str, rng: random.Random, values: Mapping[str, str], tags: Set[str]) -> str:
        """One realisation of a rule of the file."""
        return _EMPTY.realise(self.rules[name], rng, values, tags, {}, name)

    def several(self, name: str, rng: random.Random, values: Mapping[str, str], tags: Set[str], most: int) -> list[str]:
        """Up to ``most`` alternatives of a rule, each realised once, in random order."""
        fitting = [one for one in self.rules[name] if _sayable(one.needs, values) and one.open_to(tags)]
        chosen = rng.sample(fitting, min(most, len(fitting)))
        return [_EMPTY.realise((one,), rng, values, tags, {}) for one in chosen]

    def lines(self, name: str, rng: random.Random, values: Mapping[str, str], tags: Set[str]) -> list[tuple[str, bool]]:
        """Every alternative of a rule whose guard holds, in order, and whether it has one.

        Raises:
            KeyError: there is no such rule.
        """
        return [
            (_EMPTY.realise((one,), rng, values, tags, {}), bool(one.guard))
            for one in self.rules[name]
            if one.open_to(tags) and _sayable(one.needs, values)
        ]


def _sayable(needs: Iterable[str], values: Mapping[str, str]) -> bool:
    return all(values.get(name) for name in needs)


@cache
def content(name: str) -> Content:
    """Reads a content file.

    Raises:
        FileNotFoundError: there is none of this name.
        UserError: it is malformed.
    """
    return read_content(resources.files(CONTENT).joinpath(f"{name}.yaml").read_text("utf-8"), name)


def read_content(text: str, name: str, where: str = "") -> Content:
    """A content file of this name from its text.

    Args:
        where: what messages call the file; its name unless given.

    Raises:
        UserError: it is malformed; with the line.
    """
    where = where or f"{name}.yaml"
    rules: dict[str, Rule] = {}
    entries: dict[str, tuple[Entry, ...]] = {}
    plain: dict[str, object] = {}
    rewrite = None if name in _AS_WRITTEN else varied
    for key, value in parsed(text, where, dict[str, object]).items():
        if isinstance(value, str) and "\n" in value:
            rules[key] = rule_of(value, f"{where}: {key}", rewrite, text)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            entries[key] = tuple(_entry(cast(dict[str, object], one), f"{where}: {key}", text) for one in value)
        elif isinstance(value, dict) and value and all(isinstance(inner, str) for inner in value.values()):
            rules |= {
                f"{key}.{inner}": rule_of(str(block), f"{where}: {key}: {inner}", rewrite, text)
                for inner, block in value.items()
            }
        else:
            plain[key] = value
    flags = plain.get("red_flags", ())
    asked = {
        key: tuple(replace(one, must=one.topic in cast(Sequence[str], flags)) for one in found)
        for key, found in entries.items()
    }
    return Content(rules, asked, plain)


_FLAGS: Final = frozenset({"topic", "when", "not", "sensitive", "first", "last", "once"})


def _entry(values: Mapping[str, object], where: str, text: str) -> Entry:
    fields = {key: value for key, value in values.items() if key not in _FLAGS}
    if not all(isinstance(value, str) for value in fields.values()):
        raise UserError(f"{where}: what is said must be blocks of lines")
    when = str(values["when"]) if "when" in values else ""
    unless = frozenset(part.strip() for part in str(values.get("not", "")).split(",") if part.strip())
    return Entry(
        topic=str(values.get("topic", "")),
        rules={key: rule_of(_as_block(str(value)), f"{where}: {key}", varied, text) for key, value in fields.items()},
        when=rule(f"{when} :: x") if when else None,
        unless=unless,
        sensitive=bool(values.get("sensitive", False)),
        first=bool(values.get("first", False)),
        last=bool(values.get("last", False)),
        once=bool(values.get("once", False)),
    )


def _as_block(text: str) -> str:
    """``sad|angry`` on one line is a choice as well."""
    return text if "\n" in text else text.replace("|", "\n")


@dataclass
class Teller:
    """Draws the facts of one patient, none like another."""

    rng: random.Random
    values: Mapping[str, str]
    tags: Set[str]
    problem: str
    facts: list[Fact] = field(default_factory=list)
    said: list[frozenset[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.said.append(telling_words(self.problem))

    def draw(self, entries: Sequence[Entry], session: int, most: int, tags: Set[str] = frozenset()) -> list[str]:
        """Adds up to ``most`` facts, one of an entry at most, and returns their keys in the entries' own order."""
        tags = self.tags | tags
        ever = {fact.topic for fact in self.facts}
        here = {fact.topic for fact in self.facts if fact.session == session}
        fitting = [one for one in entries if one.open_to(tags) and one.topic not in (ever if one.once else here)]
        marked = sorted((one for one in fitting if one.first or one.last or one.must), key=lambda one: not one.first)
        others = [one for one in fitting if one not in marked]
        self.rng.shuffle(others)
        told = Counter(fact.topic for fact in self.facts)
        others.sort(key=lambda one: told[one.topic])  # what has not been spoken of comes first
        chosen: list[tuple[int, Fact]] = []
        seen: set[str] = set()
        for one in [*marked, *others]:
            if len(chosen) >= most:
                break
            if one.topic in seen:
                continue
            fact = self._fact(one, session, tags)
            if fact is not None:
                seen.add(one.topic)
                chosen.append((entries.index(one), fact))
        chosen.sort(key=lambda item: item[0])
        self.facts += [fact for _, fact in chosen]
        return [fact.key for _, fact in chosen]

    def _fact(self, entry: Entry, session: int, tags: Set[str]) -> Fact | None:
        for _ in range(6):
            memo: dict[str, str] = {}
            try:
                line = _EMPTY.realise(entry.rules["say"], self.rng, self.values, tags, memo)
            except KeyError:
                return None
            statement, _, gist = line.partition("//")
            statement, gist = tidy(statement), tidy(gist or statement).rstrip(".")
            words = telling_words(statement)
            if any(_alike(words, other) for other in self.said):
                continue
            self.said.append(words)
            more = []
            for kind in MORE:
                if kind in entry.rules:
                    try:
                        more.append((kind, tidy(_EMPTY.realise(entry.rules[kind], self.rng, self.values, tags, memo))))
                    except KeyError:
                        continue
            number = sum(fact.session == session for fact in self.facts)
            slug = re.sub(r"\W+", "_", entry.topic.lower()).strip("_")
            key = f"s{session}_{slug}"
            if any(fact.key == key for fact in self.facts):
                key = f"{key}_{number}"
            return Fact(
                key=key,
                statement=statement,
                summary=they_form(gist[:1].lower() + gist[1:] if not gist.startswith("I'") else gist),
                cues=cues_of(statement),
                session=session,
                sensitive=entry.sensitive,
                topic=entry.topic,
                more=tuple(more),
            )
        return None


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether to say the one would nearly be to say the other (see ``withheld_fact_told`` in the conduct)."""
    return len(one & other) >= max(2, 0.5 * min(len(one), len(other)))


def cues_of(statement: str) -> tuple[str, ...]:
    """Words of which one at least is said when the statement is told: the longest ones, by their stems."""
    by_length = sorted((word for word in words_of(statement) if "'" not in word), key=lambda word: (-len(word), word))
    stems = [re.sub(r"(?:ing|ed|s)$", "", word) if len(word) > 6 else word for word in by_length[:4]]
    return tuple(stems) or (statement.lower().rstrip("."),)


def draw_situations(
    entries: Sequence[Entry], rng: random.Random, values: Mapping[str, str], tags: Set[str], most: int
) -> list[Situation]:
    """Up to ``most`` situations, none from the same entry."""
    fitting = [one for one in entries if one.open_to(tags)]
    rng.shuffle(fitting)
    situations = []
    for one in fitting[:most]:
        memo: dict[str, str] = {}
        filled = {}
        for key, block in one.rules.items():
            try:
                filled[key] = tidy(_EMPTY.realise(block, rng, values, tags, memo)).rstrip(".")
            except KeyError:
                filled[key] = ""
        if not all(filled.get(key) for key in ("event", "thought", "emotion", "behaviour")):
            continue
        situations.append(Situation(**{key: _lower(value) for key, value in filled.items()}))
    return situations


def _lower(text: str) -> str:
    return text if re.match(r"I\b", text) else text[:1].lower() + text[1:]
