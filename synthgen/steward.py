"""What the data steward states of a release, from a small YAML file: answers, and lines that are left open."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from synthgen.choices import suggestion
from synthgen.errors import UserError
from synthgen.private_paths import names_a_path
from synthgen.report import Checklist, ChecklistLine, Form, FormHeading

LARGEST: Final = 64 * 1024
"""Bytes of a steward's file."""

LONGEST: Final = 1_000
"""Characters of an answer."""


def _one_line(value: object) -> object:
    """A text, or a list of them, as one line of printable characters; None for an empty one."""
    given = value if isinstance(value, list) else [value]
    texts = [text for text in given if isinstance(text, str)]
    if len(texts) < len(given):
        raise ValueError("must be a text, or a list of texts")
    line = " ".join("; ".join(texts).split())
    if len(line) > LONGEST:
        raise ValueError(f"is longer than {LONGEST:,} characters")
    if not line.isprintable():
        raise ValueError("holds characters that do not print")
    if names_a_path(line):
        raise ValueError("names a path of a machine, which no release does: leave it out")
    return line or None


Answer = Annotated[str | None, BeforeValidator(_one_line)]


class Steward(BaseModel):
    """The steward's file. Every line may be left out, and is then left open; nothing of it is checked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    holder: Answer = Field(None, description="Who holds the source data")
    controller: Answer = Field(None, description="Controller")
    legal_basis: Answer = Field(None, description="Legal basis of making and sharing the release")
    ethics_vote: Answer = Field(None, description="Vote of the ethics committee")
    purpose: Answer = Field(None, description="Purpose")
    recipients: Answer = Field(None, description="Recipients")
    retention: Answer = Field(None, description="Retention of source, work folder and release")
    contact: Answer = Field(None, description="Contact")
    forms: dict[str, Answer] = Field({}, description="Headings of forms, e.g. gdpr.singling_out")


NOTHING_STATED: Final = Steward()
"""Every line is left open."""


def read_steward(path: Path | None) -> Steward:
    """The steward's file, or one in which every line is open.

    Raises:
        UserError: it cannot be read, is too large, or has a line that there is not.
    """
    if path is None:
        return NOTHING_STATED
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
        if len(raw) > LARGEST:
            raise UserError(f"--steward {path} is larger than {LARGEST // 1024} KiB: it takes a few lines of text")
        values = yaml.load(raw.decode("utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 - BaseLoader makes texts alone, no objects
    except (OSError, UnicodeDecodeError):
        raise UserError(f"--steward {path} cannot be read: give a YAML file in UTF-8") from None
    except (yaml.YAMLError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = "" if line is None else f" (line {line + 1}; a text with a colon in it needs quotes)"
        raise UserError(f"--steward {path} is not valid YAML{where}") from None
    if not isinstance(values, dict):
        raise UserError(f"--steward {path} must hold lines like 'holder: …': {', '.join(Steward.model_fields)}")
    try:
        steward = Steward.model_validate(values)
    except ValidationError as error:
        raise UserError(f"--steward {path}: {_told(error)}") from None
    _refuse_unknown(path, "forms", steward.forms, _form_keys())
    return steward


def checklist(steward: Steward, *, changed: bool = False) -> Checklist:
    """The lines in the order in which they stand on the report, filled and open.

    Args:
        changed: the release holds real records that were changed.
    """
    told = steward.model_dump(exclude={"forms"})
    lines = tuple(
        ChecklistLine(key, str(Steward.model_fields[key].description), answer) for key, answer in told.items()
    )
    forms = tuple(
        Form(
            form["name"],
            form["source"],
            tuple(
                FormHeading(
                    key=f"{form['key']}.{key}",
                    asks=heading["asks"],
                    answer=steward.forms.get(f"{form['key']}.{key}"),
                    see=heading["changed" if changed and "changed" in heading else "see"],
                )
                for key, heading in form["headings"].items()
            ),
        )
        for form in _forms()
    )
    return Checklist(lines, forms)


def _forms() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(resources.files("synthgen").joinpath("forms.yaml").read_text("utf-8"))
    return found


def _form_keys() -> list[str]:
    return [f"{form['key']}.{key}" for form in _forms() for key in form["headings"]]


def _refuse_unknown(path: Path, where: str, given: dict[str, str | None], known: list[str]) -> None:
    for key in given:
        if key not in known:
            raise UserError(f"--steward {path}: {where}: there is no heading {_shown(key)}{_meant(key, known)}")


def _told(error: ValidationError) -> str:
    """The first fault in words; never the value, which may be somebody's name."""
    first = error.errors(include_input=False)[0]
    if first["type"] == "extra_forbidden":
        key, known = str(first["loc"][0]), list(Steward.model_fields)
        return f"there is no line {_shown(key)}{_meant(key, known)}"
    where = ".".join(_shown(str(part)) for part in first["loc"])
    reason = first["msg"].removeprefix("Value error, ")
    return f"{where}: {reason[:1].lower()}{reason[1:]}"


def _meant(key: str, known: list[str]) -> str:
    return suggestion(key, known) or f": give one of {', '.join(known)}"


def _shown(key: str) -> str:
    """A key as it may stand in a line: printable, and not long."""
    return "".join(c if c.isprintable() else "?" for c in key[:40])
