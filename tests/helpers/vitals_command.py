"""Commands on the fast modality of the examples, in this process, and what a line of advice tells."""

import re
from collections.abc import Callable

from click.testing import Result

Vitals = Callable[..., Result]
"""A verb and its arguments, to what came of it."""


def options(text: str) -> list[str]:
    """The options that a line of advice names."""
    return re.findall(r"--(?:set [\w.]+=[\d.]+[\d]|accept \w+)", text)


def words(options_given: list[str]) -> list[str]:
    return [word for option in options_given for word in option.split(" ")]


def last_line(done: Result) -> str:
    return [line for line in done.stderr.splitlines() if line.startswith("synthgen: ")][-1]
