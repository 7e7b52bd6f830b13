"""A small grammar for speech, of weighted alternatives, nested choices, slots and guards; and it is read backwards.

A rule is a block of lines, one alternative a line::

    greet: |
      Good [morning|afternoon], [come in|have a seat].
      first :: It is good to meet you.        only where the tag "first" holds
      !terse & anxious :: I keep thinking that {thought}. ^3

``[a|b|]`` chooses, ``{name}`` is a value of the context or else another rule, ``{name:you}`` puts it into the second
person. ``tags ::`` guards an alternative: ``,`` is or, ``&`` is and, ``!`` is not. ``^3`` is a weight. An alternative
whose slots have no value cannot be chosen: what is not known is not said.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.dialogue.plan.persons import you_form
from synthgen.wordlists import word_lists


@dataclass(frozen=True, slots=True)
class Gap:
    """A value of the context, or a rule."""

    name: str
    form: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several sequences."""

    options: tuple[Pieces, ...]


Piece = str | Gap | Choice
Pieces = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Alternative:
    """One line of a rule."""

    guard: tuple[tuple[tuple[str, bool], ...], ...]
    parts: Pieces
    weight: float
    needs: frozenset[str]

    def open_to(self, tags: Set[str]) -> bool:
        """Whether the guard holds: one of its conjunctions, or there is none."""
        if not self.guard:
            return True
        return any(all((tag in tags) == wanted for tag, wanted in conjunction) for conjunction in self.guard)


Rule = tuple[Alternative, ...]

_GUARD: Final = re.compile(r"^([\w!&, -]+?)\s+::\s+(.*)$")
_WEIGHT: Final = re.compile(r"\s+\^(\d+(?:\.\d+)?)$")
_SLOT: Final = re.compile(r"\{([\w.]+)(?::(\w+))?\}")
_FORMS: Final[Mapping[str, Callable[[str], str]]] = {
    "you": you_form,
    "cap": lambda text: text[:1].upper() + text[1:],
    "you_cap": lambda text: you_form(text)[:1].upper() + you_form(text)[1:],
}


def alternative(line: str) -> Alternative:
    """Reads one line.

    Raises:
        ValueError: brackets that do not match.
    """
    guard: tuple[tuple[tuple[str, bool], ...], ...] = ()
    if found := _GUARD.match(line):
        guard = tuple(
            tuple((tag.strip().removeprefix("!"), not tag.strip().startswith("!")) for tag in part.split("&"))
            for part in found.group(1).split(",")
        )
        line = found.group(2)
    weight = 1.0
    if marked := _WEIGHT.search(line):
        weight, line = float(marked.group(1)), line[: marked.start()]
    parts, end = _sequence(line, 0, "")
    if end != len(line):
        raise ValueError(f"unmatched bracket in {line!r}")
    needs = frozenset(part.name for part in parts if isinstance(part, Gap))
    return Alternative(guard, parts, weight, needs)


def _sequence(line: str, at: int, closers: str) -> tuple[Pieces, int]:
    parts: list[Piece] = []
    text = ""
    while at < len(line):
        char = line[at]
        if char in closers:
            break
        if char == "[":
            options: list[Pieces] = []
            while True:
                option, at = _sequence(line, at + 1, "|]")
                options.append(option)
                if at >= len(line):
                    raise ValueError(f"unmatched bracket in {line!r}")
                if line[at] == "]":
                    break
            if text:
                parts.append(text)
                text = ""
            parts.append(Choice(tuple(options)))
            at += 1
        elif char == "{" and (found := _SLOT.match(line, at)):
            if text:
                parts.append(text)
                text = ""
            parts.append(Gap(found.group(1), found.group(2) or ""))
            at = found.end()
        elif char == "]":
            raise ValueError(f"unmatched bracket in {line!r}")
        else:
            text += char
            at += 1
    if text:
        parts.append(text)
    return tuple(parts), at


def rule(block: str, rewrite: Callable[[str], str] | None = None) -> Rule:
    """Reads a block of lines; empty lines and those that begin with # are left out.

    Args:
        rewrite: what is done to each line before it is read.
    """
    found = []
    for line in lines_of(block):
        try:
            found.append(alternative(rewrite(line) if rewrite else line))
        except ValueError:
            raise ValueError(f"unmatched bracket in {line!r}") from None
    return tuple(found)


def lines_of(block: str) -> list[str]:
    """The lines of a block that count."""
    return [line for one in block.splitlines() if (line := one.strip()) and not line.startswith("#")]


def rule_of(block: str, where: str, rewrite: Callable[[str], str] | None = None, text: str = "") -> Rule:
    """The same of a file's block, which messages call ``where``. Raises UserError.

    Args:
        text: of the whole file, so that a message can say which line is meant.
    """
    try:
        return rule(block, rewrite)
    except ValueError as error:
        name, _, key = where.partition(": ")
        quoted = str(error).partition(" in ")[2]
        at = next((n for n, line in enumerate(text.splitlines(), 1) if repr(line.strip()) == quoted), 0)
        raise UserError(f"{name}, line {at}: {key}: {error}" if at else f"{where}: {error}") from None


class Grammar:
    """Rules by name. Nothing in it changes after it has been read, but for patterns that are kept once compiled."""

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self.rules: Final = dict(rules)
        self._heard: Final[dict[tuple[str, frozenset[str]], tuple[re.Pattern[str], ...]]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.rules

    def can(self, name: str, values: Mapping[str, str], tags: Set[str]) -> bool:
        """Whether the rule exists and one of its alternatives can be said."""
        return any(self._open(one, values, tags) for one in self.rules.get(name, ()))

    def expand(
        self,
        name: str,
        rng: random.Random,
        values: Mapping[str, str],
        tags: Set[str] = frozenset(),
        memo: dict[str, str] | None = None,
    ) -> str:
        """One realisation of a rule.

        Args:
            values: the context; a value wins over a rule of the same name.
            memo: where given, a rule that is named twice gives the same words twice.

        Raises:
            KeyError: no such rule, or none of its alternatives can be said.
        """
        return self.realise(self.rules[name], rng, values, tags, memo, name)

    def realise(
        self,
        alternatives: Rule,
        rng: random.Random,
        values: Mapping[str, str],
        tags: Set[str] = frozenset(),
        memo: dict[str, str] | None = None,
        name: str = "",
    ) -> str:
        """One realisation of one of the alternatives. Raises KeyError where none can be said."""
        open_now = [one for one in alternatives if self._open(one, values, tags)]
        if not open_now:
            raise KeyError(name)
        chosen = open_now[0]
        if len(open_now) > 1:
            at = rng.random() * sum(one.weight for one in open_now)
            for chosen in open_now:
                at -= chosen.weight
                if at < 0:
                    break
        return self._say(chosen.parts, rng, values, tags, memo)

    def _open(self, one: Alternative, values: Mapping[str, str], tags: Set[str]) -> bool:
        return one.open_to(tags) and all(self._sayable(name, values, tags) for name in one.needs)

    def _sayable(self, name: str, values: Mapping[str, str], tags: Set[str]) -> bool:
        return bool(values.get(name)) if name in values else name in self.rules and self.can(name, values, tags)

    def _say(
        self, parts: Pieces, rng: random.Random, values: Mapping[str, str], tags: Set[str], memo: dict[str, str] | None
    ) -> str:
        said: list[str] = []
        for part in parts:
            if isinstance(part, str):
                said.append(part)
            elif isinstance(part, Gap):
                text = values.get(part.name) or (memo or {}).get(part.name, "")
                if not text:
                    text = self.expand(part.name, rng, values, tags, memo)
                    if memo is not None:
                        memo[part.name] = text
                said.append(_FORMS[part.form](text) if part.form else text)
            else:
                options = [one for one in part.options if self._can_say(one, values, tags)]
                if not options:
                    raise KeyError(f"no option can be said: {part.options}")
                said.append(self._say(options[int(rng.random() * len(options))], rng, values, tags, memo))
        return "".join(said)

    def _can_say(self, parts: Pieces, values: Mapping[str, str], tags: Set[str]) -> bool:
        return all(self._sayable(part.name, values, tags) for part in parts if isinstance(part, Gap))

    # Read backwards --------------------------------------------------------------------------------------------------

    def asked(self, name: str, between: str = "") -> tuple[re.Pattern[str], ...]:
        """What matches a realisation of each alternative of a rule, wherever it stands in a text, by :func:`plain`.

        Args:
            between: what matches a word that may come in where a sentence ends.
        """
        # Choices may be empty: spaces at their borders are as many as there are.
        may_be = f"(?: (?:{between})\\b)*" if between else ""
        return tuple(
            re.compile(re.sub(r" +", " *", self._pattern(one.parts, 0)).replace(_END, may_be))
            for one in self.rules[name]
        )

    def _pattern(self, parts: Pieces, depth: int) -> str:
        out = []
        for part in parts:
            if isinstance(part, str):
                literal = re.escape(_loose(_ENDED.sub(_END, part))).replace(r"\ ", " ")
                out.append(re.sub(r"(?<!\S)a(?!\S)", "an?", literal))
            elif isinstance(part, Choice):
                out.append("(?:" + "|".join(self._pattern(one, depth) for one in part.options) + ")")
            elif part.name in self.rules and depth < 2:
                out.append("(?:" + "|".join(self._pattern(one.parts, depth + 1) for one in self.rules[part.name]) + ")")
            else:
                out.append(".{1,600}?")
        return "".join(out)

    def hears(self, name: str, text: str, slots: Set[str]) -> dict[str, str]:
        """The values of ``slots`` in a text that a realisation of the rule stands in; empty where none is found."""
        for pattern in self._hearing(name, frozenset(slots)):
            if found := pattern.search(text):
                return {key: _LEADING.sub("", value.strip(" ,")) for key, value in found.groupdict().items() if value}
        return {}

    def _hearing(self, name: str, slots: frozenset[str]) -> tuple[re.Pattern[str], ...]:
        key = (name, slots)
        if key not in self._heard:
            sentences = [
                sentence
                for one in self.rules.get(name, ())
                for sentence in _sentences(one.parts)
                if any(isinstance(part, Gap) and part.name in slots for part in sentence)
            ]
            # The one with the most words of its own is the surest.
            sentences.sort(key=lambda parts: -sum(len(part) for part in parts if isinstance(part, str)))
            self._heard[key] = tuple(self._sentence_pattern(parts, slots) for parts in sentences)
        return self._heard[key]

    def _sentence_pattern(self, parts: Pieces, slots: frozenset[str]) -> re.Pattern[str]:
        def pattern(inner: Pieces, seen: set[str]) -> str:
            out = []
            for part in inner:
                if isinstance(part, str):
                    out.append(re.escape(part.rstrip(".?! ") if part is inner[-1] else part).replace(r"\ ", r"\s+"))
                elif isinstance(part, Choice):
                    out.append("(?:" + "|".join(pattern(one, seen) for one in part.options) + ")")
                elif part.name in slots and part.name not in seen:
                    seen.add(part.name)
                    out.append(f"(?P<{part.name}>[^.?!]+?)")
                else:
                    out.append("[^.?!]+?")
            return "".join(out)

        return re.compile(rf"(?:^|(?<=[.?!:,] )|(?<=\"))(?:{pattern(parts, set())})\s*(?=[.?!]|$)", re.IGNORECASE)


def _sentences(parts: Pieces) -> list[Pieces]:
    """The parts of an alternative, cut where a sentence ends."""
    sentences: list[list[Piece]] = [[]]
    for part in parts:
        if not isinstance(part, str):
            sentences[-1].append(part)
            continue
        pieces = re.split(r"(?<=[.?!])\s+", part)
        for i, piece in enumerate(pieces):
            if i:
                sentences.append([])
            if piece:
                sentences[-1].append(piece)
    return [tuple(sentence) for sentence in sentences if sentence]


_LEADING: Final = re.compile(r"^(?:(?:well|um|i mean|yeah|oh|so|look|you know|honestly|er|hm),\s+)+", re.IGNORECASE)
_END: Final = "_end_"
_ENDED: Final = re.compile(r"[.?!:;,](?=\s|$)")
_NOT_WORD: Final = re.compile(r"[^\w']+")


def _loose(text: str) -> str:
    return _NOT_WORD.sub(" ", text.lower())


@cache
def plain(text: str) -> str:
    """Lower case, words and single spaces alone: the form in which :meth:`Grammar.asked` reads."""
    return _NOT_WORD.sub(" ", text.lower()).strip()


def read_rules(package: str, names: Iterable[str], rewrite: Callable[[str], str] | None = None) -> dict[str, Rule]:
    """The rules of YAML files that ship with ``package``: mappings of names to blocks of lines; nested ones are joined
    by a full stop.

    Raises:
        UserError: a file is no YAML, a rule stands twice, is no block, or has brackets that do not match.
    """
    rules: dict[str, Rule] = {}
    for name in names:
        text = resources.files(package).joinpath(f"{name}.yaml").read_text("utf-8")
        for key, block in _flat(word_lists(package, name, dict[str, object]), ""):
            if key in rules:
                raise UserError(f"{name}.yaml: the rule {key} stands twice")
            rules[key] = rule_of(block, f"{name}.yaml: {key}", rewrite, text)
    return rules


def _flat(values: Mapping[str, object], prefix: str) -> Iterable[tuple[str, str]]:
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, str):
            yield name, value
        elif isinstance(value, dict):
            yield from _flat(value, f"{name}.")
        else:
            raise UserError(f"the rule {name} must be a block of lines")


def tidy(text: str) -> str:
    """Spaces, full stops, capitals and the article before a vowel, put right."""
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"\s+([,.;?!])", r"\1", text)
    text = re.sub(r"([,;])(?:\s*[,;])+", r"\1", text)
    text = re.sub(r",([.?!])", r"\1", text)
    text = re.sub(r"(?<!\.)\.\.(?!\.)", ".", text)
    text = re.sub(r"([?!])\.", r"\1", text)
    text = re.sub(r"\b([Aa]) (?=[aeioAEIO]\w|u(?!ni|s[eiu]|ti)\w)(?!one\b|once\b|European\b)", r"\1n ", text)
    text = re.sub(r"\bi\b(?=[' ,.?!]|$)", "I", text)
    return re.sub(r"(^|(?<!\.)[.?!] )([a-z])", lambda m: m.group(1) + m.group(2).upper(), text)
