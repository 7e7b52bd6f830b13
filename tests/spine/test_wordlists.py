"""Word lists: what a file may look like, and what is said of one that is not as it must be."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import synthgen
from synthgen.errors import UserError
from synthgen.wordlists import Lines, Phrases, PhraseSet, WordLists, Words, WordSet, alternatives, parsed, with_keys

ROOT = Path(synthgen.__file__).parent.parent
FORMS = tuple(
    path
    for side in ("generators", "privacy_filters", "eval")
    for path in sorted((ROOT / side).rglob("*.py"))
    if "word_lists(" in path.read_text("utf-8")
)


class Form(WordLists):
    ordered: Words
    phrases: Phrases
    lines: Lines
    known: WordSet
    places: PhraseSet
    least: int = 0


GOOD = """
# A remark.
ordered: |
  b a no
  # A remark among the words.
  yes on 12
phrases: |
  two words, one,
  and a third
lines: |
  Hello, there.
  Goodbye: {name}.
known: no yes off
places: [new york, "null", oslo]
least: 3
"""


def test_a_file_is_read_in_its_form() -> None:
    read = parsed(GOOD, "words.yaml", Form)
    assert read.ordered == ("b", "a", "no", "yes", "on", "12")
    assert read.phrases == ("two words", "one", "and a third")
    assert read.lines == ("Hello, there.", "Goodbye: {name}.")
    assert read.known == {"no", "yes", "off"}
    assert read.places == {"new york", "null", "oslo"}
    assert read.least == 3


@pytest.mark.parametrize(
    ("was", "becomes", "line", "said"),
    [
        ("known: no yes off", "known: no Yes off", 13, "Yes must be written in lower case"),
        ("known: no yes off", "knwon: no yes off", 13, "knwon"),
        ("known: no yes off", "known: ''", 13, "an entry at least"),
        ("known: no yes off", "ordered: a b", 13, "ordered stands twice"),
        ("known: no yes off", "known: [no, 12]", 13, "valid string"),
        ("known: no yes off", "known: [no", 14, "expected"),
        ("known: no yes off\n", "", 1, "known: Field required"),
        ("least: 3", "least: three", 15, "least"),
        ("least: 3", "\tleast: 3", 15, "token"),
    ],
)
def test_an_edited_file_that_is_malformed_is_refused_by_name_and_line(
    was: str, becomes: str, line: int, said: str
) -> None:
    assert was in GOOD
    with pytest.raises(UserError, match=rf"^words\.yaml, line {line}: .*{said}"):
        parsed(GOOD.replace(was, becomes), "words.yaml", Form)


def test_a_fault_within_a_mapping_is_found_by_its_own_line() -> None:
    text = "one:\n  first: a b\n  second: |\n    c\n\nother:\n  first: [d, [e]]\n"
    with pytest.raises(UserError, match=r"^f, line 7: other: first: 1: "):
        parsed(text, "f", dict[str, dict[str, Words]])


def test_a_mapping_that_lacks_what_code_looks_up_is_refused() -> None:
    text = "one:\n  first: a\n"
    with pytest.raises(UserError, match=r"^f, line 1: one: lacks second$"):
        parsed(text, "f", dict[str, Annotated[dict[str, Words], with_keys("first", "second")]])


@given(st.lists(st.text("abc d'.", min_size=1).filter(lambda s: s.strip() and s == " ".join(s.split())), min_size=1))
def test_any_words_come_back_as_they_were_written(entries: list[str]) -> None:
    text = yaml.safe_dump({"x": "\n".join(entries)})
    assert parsed(text, "f", dict[str, Lines])["x"] == tuple(entries)


def test_alternatives_are_literal_but_for_what_may_be_left_out_and_a_word() -> None:
    import re

    pattern = re.compile(alternatives(("c/", "av.?", "counsell?or", "servicio * de salud")))
    for text in ("c/", "av.", "av", "counselor", "counsellor", "servicio vasco de salud"):
        assert pattern.fullmatch(text), text
    for text in ("c", "avx", "counselllor", "servicio de salud"):
        assert not pattern.fullmatch(text), text


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_every_file_of_the_package_is_of_its_form(path: Path) -> None:
    """What reads a list has no arguments, so that it can be asked here."""
    name = ".".join(("synthgen", *path.relative_to(ROOT).with_suffix("").parts))
    module = import_module(name)
    readers = [
        value
        for value in vars(module).values()
        if hasattr(value, "cache_clear") and value.__module__ == name and not value.__wrapped__.__code__.co_argcount
    ]
    for reader in readers:
        assert reader() is not None


def test_every_list_says_what_it_is_for_and_how_to_add_to_it() -> None:
    files = [
        path
        for side in ("generators", "privacy_filters", "eval")
        for path in sorted((ROOT / side).rglob("*.yaml"))
        if path.parent.name not in {"content", "moves"}
    ]
    assert len(files) > 15
    for path in files:
        remark = path.read_text("utf-8").partition("\n\n")[0].replace("\n# ", " ")
        assert remark.startswith("# "), path
        assert "To add" in remark or "To change" in remark, path


def test_the_documents_name_every_list() -> None:
    told = (ROOT / "docs" / "word_lists.md").read_text("utf-8")
    assert "`synthgen/placeholders.yaml`" in told
    for side in ("generators", "privacy_filters", "eval"):
        for path in sorted((ROOT / side).rglob("*.yaml")):
            if path.parent.name not in {"content", "moves"}:
                assert f"`{path.relative_to(ROOT)}`" in told, path
