"""The grammar of speech: what a line means, what it may not be, and that what it says is recognised again."""

from __future__ import annotations

import random
import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.generators.dialogue.plan.compose import CONTENT, content
from synthgen.generators.dialogue.plan.config import THERAPY, VISIT
from synthgen.generators.dialogue.plan.grammar import Grammar, Rule, alternative, plain, read_rules, rule, tidy
from synthgen.generators.dialogue.plan.life import draw_life
from synthgen.generators.dialogue.plan.persons import notes_to_you, they_form, you_form
from synthgen.generators.dialogue.plan.scores import total_label
from synthgen.generators.dialogue.plan.types import SCALES, Attitude, Style
from synthgen.generators.dialogue.realisers.template.hear import grammar


def dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 (not for cryptography)


def says(block: str, values: dict[str, str] | None = None, tags: frozenset[str] = frozenset()) -> set[str]:
    grammar = Grammar({"x": rule(block), "other": rule("[this|that]")})
    return {grammar.expand("x", dice(seed), values or {}, tags) for seed in range(60)}


def test_choices_nest_and_may_be_empty() -> None:
    assert says("a [b|[c|d] e|]f") == {"a bf", "a c ef", "a d ef", "a f"}


def test_guards_are_or_and_and_not() -> None:
    block = "p & !q, r :: yes\n!p & !r :: no"
    assert says(block, tags=frozenset({"p"})) == {"yes"}
    assert says(block, tags=frozenset({"r", "q"})) == {"yes"}
    assert says(block, tags=frozenset({"q"})) == {"no"}
    with pytest.raises(KeyError):
        says(block, tags=frozenset({"p", "q"}))


def test_what_is_not_known_is_not_said() -> None:
    block = "the {colour} one\nthe other one"
    assert says(block) == {"the other one"}
    assert says(block, {"colour": ""}) == {"the other one"}
    assert says(block, {"colour": "red"}) == {"the red one", "the other one"}
    assert says("[a {colour} one|one]") == {"one"}


def test_slots_are_values_before_rules_and_take_forms() -> None:
    assert says("{other}") == {"this", "that"}
    assert says("{other}", {"other": "mine"}) == {"mine"}
    assert says("{x1:you}", {"x1": "I'm not sure of my place"}) == {"you're not sure of your place"}
    assert says("{x1:cap}", {"x1": "my place"}) == {"My place"}


def test_a_rule_that_is_named_twice_gives_the_same_words() -> None:
    grammar = Grammar({"x": rule("{other} and {other}"), "other": rule("[this|that|those]")})
    for seed in range(30):
        first, second = grammar.expand("x", dice(seed), {}, memo={}).split(" and ")
        assert first == second


def test_weights_are_followed() -> None:
    grammar = Grammar({"x": rule("often ^9\nseldom")})
    said = [grammar.expand("x", dice(seed), {}) for seed in range(2000)]
    assert 0.86 < said.count("often") / 2000 < 0.94


@pytest.mark.parametrize("line", ["[a|b", "a]b", "a [b|[c] d"])
def test_unmatched_brackets_are_an_error(line: str) -> None:
    with pytest.raises(ValueError, match="unmatched bracket"):
        alternative(line)


@given(
    st.lists(st.sampled_from(["one", "two [a|b]", "[x|] three", "four, [y|z] {v}?"]), min_size=1), st.integers(0, 999)
)
def test_what_was_said_is_recognised(lines: list[str], seed: int) -> None:
    grammar = Grammar({"x": rule("\n".join(lines))})
    said = plain("Well. " + tidy(grammar.expand("x", dice(seed), {"v": "some words"})) + " And so on.")
    assert any(pattern.search(said) for pattern in grammar.asked("x"))


def test_values_are_heard_in_an_answer() -> None:
    grammar = Grammar({"x": rule("[I thought|What I thought was]: {thought}.\n{thought}, that was it.")})
    said = "Well. What I thought was: it's all my fault. Then I left."
    assert grammar.hears("x", said, {"thought"}) == {"thought": "it's all my fault"}
    assert grammar.hears("x", "Nothing of the sort.", {"thought"}) == {}


@pytest.mark.parametrize(
    ("rough", "put_right"),
    [
        ("a  apple , and  a union .", "An apple, and a union."),
        ("yes. no? maybe", "Yes. No? Maybe"),
        ("Is it? . i think so..", "Is it? I think so."),
        ("an one", "An one"),
        ("a one", "A one"),
    ],
)
def test_tidy(rough: str, put_right: str) -> None:
    assert tidy(rough) == put_right


def test_persons() -> None:
    assert you_form("I'm sure that I lost my keys myself") == "you're sure that you lost your keys yourself"
    assert they_form("I lost my job, and I've told nobody") == "they lost their job, and they've told nobody"
    assert notes_to_you("they lost their job, and they've told nobody") == "you lost your job, and you've told nobody"


# The content files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*THERAPY, *VISIT, "therapy_common", "visit_common", "techniques"])
def test_content_is_well_formed(name: str) -> None:
    held = content(name)
    for entries in held.entries.values():
        for entry in entries:
            assert all(entry.rules.values())
    facts = [entry for key, entries in held.entries.items() if key != "situations" for entry in entries]
    for entry in facts:
        assert entry.topic and "say" in entry.rules
        for one in entry.rules["say"]:
            text = "".join(part for part in one.parts if isinstance(part, str))
            assert text.count("//") == 1, (name, entry.topic, text)  # what is said, and what stands in the notes
    for entry in held.entries.get("situations", ()):
        assert {"event", "thought", "emotion", "behaviour", "relief", "evidence_against", "alternative"} <= set(
            entry.rules
        )


@pytest.mark.parametrize("name", VISIT)
def test_a_complaint_has_all_that_visits_need(name: str) -> None:
    held = content(name)
    assert {"history", "progress", "treatment"} <= set(held.entries)
    kinds = held.plain["kinds"]
    assert isinstance(kinds, dict)
    for part in ("examination", "assessment", "plan"):
        for kind in kinds:
            assert held.lines(part, dice(0), {}, {kind}), (part, kind)
            for trend in ("better", "same", "worse"):
                points = held.lines(f"{part}_again", dice(0), {}, {kind, trend})
                assert points, (part, kind, trend)
                assert all(";" not in text and ": " not in text for text, _ in points)


def known_tags() -> set[str]:
    """Every tag that some patient, session or view can have."""
    known = {*THERAPY, *VISIT, "therapy", "visit", "acute", "review", "better", "same", "worse", "much"}
    known |= {"minimal", "mild", "moderate", "moderately severe", "severe", "low", "middling", "high"}
    known |= {"first_visit", "return_visit", "final", "more_to_come", "item9", "drinking", "attempt"}
    known |= {total_label(instrument).removesuffix("_total") for instrument in SCALES}
    known |= {f"death_{often}" for often in range(3)}
    known |= {"hw_done", "hw_partly", "hw_not", "older", "younger", "middle"}
    known |= {"never_smoked", "ex_smoker", "smokes", "drinks", "on_tablets"}
    known |= {"neutral", "sad", "depressed", "anxious", "angry", "happy", "calm"}
    known |= {*(f"style_{one}" for one in get_args(Style)), *(f"attitude_{one}" for one in get_args(Attitude))}
    known |= {f"q{line}" for line in range(1, 6)} | {f"visit_{number}" for number in range(1, 13)}
    for name in (*VISIT, "ptsd"):
        kinds = content(name).plain["kinds"]
        assert isinstance(kinds, dict)
        known |= set(kinds)
    for seed in range(400):
        life = draw_life(dice(seed), "plain", widowed=seed % 10 == 0)
        known |= life.tags
    return known


def test_every_guard_can_hold() -> None:
    """A misspelt tag would silence a line for ever."""
    known = known_tags()
    used: dict[str, str] = {}

    def note(alternatives: Rule, where: str) -> None:
        for one in alternatives:
            used.update({tag: where for conjunction in one.guard for tag, _ in conjunction})

    for name in (*THERAPY, *VISIT, "therapy_common", "visit_common", "techniques"):
        for key, block in content(name).rules.items():
            note(block, f"{name}: {key}")
        for entries in content(name).entries.values():
            for entry in entries:
                note(entry.when or (), f"{name}: {entry.topic}")
                used.update(dict.fromkeys(entry.unless, f"{name}: {entry.topic}"))
                for block in entry.rules.values():
                    note(block, f"{name}: {entry.topic}")
    for key, block in grammar().rules.items():
        note(block, key)
    unknown = {tag: where for tag, where in used.items() if tag not in known}
    assert not unknown


def test_every_topic_has_a_question_of_its_own() -> None:
    topics = read_rules("synthgen.generators.dialogue.realisers.template.moves", ("topics",))
    names = [*THERAPY, *VISIT, "therapy_common", "visit_common"]
    wanted = {
        entry.topic
        for name in names
        for key, entries in content(name).entries.items()
        if key != "situations"
        for entry in entries
    }
    assert wanted <= set(topics), sorted(wanted - set(topics))


def test_content_names_nobody() -> None:
    """No name, number of more than two digits, address or web page stands in what may be said."""
    from importlib import resources

    months = "January|February|March|April|May|June|July|August|September|October|November|December"
    allowed = re.compile(
        rf"\b(?:I|I'\w+|Mon|Tues|Wednes|Thurs|Fri|Satur|Sun|{months}|Christmas|Easter|Penicillin|Socratic|God|DUM)(?:day|days|s)?\b"
    )
    for package in (CONTENT, "synthgen.generators.dialogue.realisers.template.moves"):
        for file in resources.files(package).iterdir():
            if not file.name.endswith(".yaml"):
                continue
            for line in file.read_text("utf-8").splitlines():
                if line.lstrip().startswith("#"):
                    continue
                assert not re.search(r"\d{3,}|@|https?:|www\.", line), line
                # A capital within a sentence is a name unless it is known not to be.
                inside = re.findall(r"(?<=[a-z,] )[A-Z][a-z']+", allowed.sub("", line))
                assert not inside, (file.name, inside, line)
