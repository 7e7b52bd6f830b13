"""The templates of cards and pages."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from synthgen.release import words


def web_template(name: str) -> Template:
    """A template of a page; what is put in is escaped."""
    return _environment(escape=True).get_template(name)


def text_template(name: str) -> Template:
    """A template in Markdown, with the filters ``cell``, ``line`` and ``percent``."""
    return _environment(escape=False).get_template(name)


def line(text: str) -> str:
    """On one line, and no tag."""
    return " ".join(text.split()).replace("<", "&lt;")


def cell(text: str) -> str:
    """A line that is no end of a table's cell."""
    return line(text).replace("|", "\\|")


def _environment(*, escape: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("synthgen.release", "templates"),
        autoescape=escape,  # noqa: S701 - in Markdown every free text passes `cell` or `line`
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(cell=cell, line=line, percent=words.percent)
    return environment
