"""Word lists are YAML files beside the module that reads them, so that whoever knows the words can change them.

A form says how a file is laid out: a class of :class:`WordLists` with a field for every heading. Words are separated by
spaces, phrases by commas or lines, sentences by lines; in blocks that begin with ``|``, lines that begin with # are
remarks. Lists of YAML will do as well. A file that is not of its form is refused by name and line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import resources
from typing import Annotated, Any, TypeVar, cast

import yaml
from pydantic import AfterValidator as After
from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from synthgen.errors import UserError

T = TypeVar("T")


class WordLists(BaseModel):
    """Base of the forms of files: a field for every heading, and no other headings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _divided(separator: str) -> BeforeValidator:
    """A block of text becomes its parts; of those that lines begin with #, nothing."""

    def parts(value: object) -> object:
        if not isinstance(value, str):
            return value
        lines = (line for line in value.split("\n") if not line.lstrip().startswith("#"))
        return [part.strip() for part in re.split(separator, "\n".join(lines)) if part.strip()]

    return BeforeValidator(parts)


def _lower(entries: Any) -> Any:
    for entry in entries:
        if entry != entry.lower():
            raise ValueError(f"{entry} must be written in lower case, as it is compared")
    return entries


def _some(entries: Any) -> Any:
    if not entries:
        raise ValueError("must have an entry at least")
    return entries


def with_keys(*keys: str) -> After:
    """For a mapping that code looks these up in: one that lacks any of them is refused."""

    def complete(mapping: Any) -> Any:
        if missing := [key for key in keys if key not in mapping]:
            raise ValueError(f"lacks {missing[0]}")
        return mapping

    return After(complete)


Words = Annotated[tuple[str, ...], _divided(r"\s+"), After(_some)]
"""Words in order, separated by spaces."""
Phrases = Annotated[tuple[str, ...], _divided(r"[,\n]"), After(_some)]
"""Words or phrases in order, separated by commas."""
Lines = Annotated[tuple[str, ...], _divided(r"\n"), After(_some)]
"""Sentences in order, one a line."""
WordSet = Annotated[frozenset[str], _divided(r"\s+"), After(_some), After(_lower)]
"""Words whose order does not matter, in lower case."""
PhraseSet = Annotated[frozenset[str], _divided(r"[,\n]"), After(_some), After(_lower)]
"""Phrases whose order does not matter, in lower case."""


def word_lists(package: str, name: str, form: type[T]) -> T:
    """The file ``name.yaml`` that ships with ``package``, in its form; callers keep it in a cached function.

    Args:
        form: a class of :class:`WordLists`, or another type that pydantic can check, such as ``dict[str, Words]``.

    Raises:
        UserError: the file is not YAML, says something twice, or is not of this form; with its name and line.
    """
    file = resources.files(package).joinpath(f"{name}.yaml")
    return parsed(file.read_text("utf-8"), str(file), form)


def parsed(text: str, where: str, form: type[T]) -> T:
    """The same from the text of a file, which messages call ``where``. Raises UserError."""
    loader = _loader()(text)
    try:
        node = loader.get_single_node()
        _refuse_twice(node, where)
        value = loader.construct_document(node) if node is not None else {}
        return TypeAdapter(form).validate_python(value)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UserError(f"{where}, line {mark.line + 1 if mark else 1}: {error.problem or error.context}") from None
    except ValidationError as error:
        # A heading that is misspelt is one too many and one that is missing: the first says where.
        first = min(error.errors(include_url=False), key=lambda found: found["type"] == "missing")
        heading = "".join(f"{step}: " for step in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise UserError(f"{where}, line {_line(node, first['loc'])}: {heading}{message}") from None
    finally:
        loader.dispose()


def alternatives(phrases: tuple[str, ...]) -> str:
    """A regular expression that matches any of the phrases, those that come first first.

    A question mark after a letter, an apostrophe or a full stop says that it may be left out, ``*`` stands for a word.
    """
    return "|".join(re.escape(one).replace(r"\?", "?").replace(r"\*", r"\w+").replace(r"\ ", " ") for one in phrases)


@cache
def _loader() -> Callable[[str], Any]:
    """A safe loader, for which "no", "on" and "12:30" are words, as they are in YAML 1.2."""
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    words_too = {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int"}
    kept = {
        first: [(tag, pattern) for tag, pattern in found if tag not in words_too]
        for first, found in base.yaml_implicit_resolvers.items()
    }
    made: Any = type("Loader", (base,), {"yaml_implicit_resolvers": kept})
    made.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"true|false"), list("tf"))
    made.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?(?:0|[1-9]\d*)"), list("-+0123456789"))
    return cast(Callable[[str], Any], made)


def _refuse_twice(node: yaml.Node | None, where: str) -> None:
    """Raises UserError where a heading stands twice: YAML takes the last in silence."""
    for mapping in _mappings(node):
        seen: set[str] = set()
        for key, _ in mapping.value:
            if key.value in seen:
                raise UserError(f"{where}, line {key.start_mark.line + 1}: {key.value} stands twice")
            seen.add(key.value)


def _mappings(node: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    if isinstance(node, yaml.MappingNode):
        yield node
        for _, value in node.value:
            yield from _mappings(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _mappings(value)


def _line(node: yaml.Node | None, path: tuple[int | str, ...]) -> int:
    """The line of what ``path`` leads to, or of the last step that is there, from 1."""
    line = 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(step)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            found = (node.value[step], node.value[step])
        else:
            found = None
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line
