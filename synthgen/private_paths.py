"""Paths of a machine within a text: no release names one."""

from __future__ import annotations

import re
from typing import Final

# Two components or more after a slash that continues neither a word, a URL, a tag nor a relative path.
_ABSOLUTE: Final = re.compile(r"(?<![\w./:<~%*-])/(?:[\w.@+-]+/)+[\w.@+-]*|\bfile://|(?<![\w/])[A-Za-z]:\\\w")


def names_a_path(text: str) -> bool:
    """True where an absolute path stands in ``text``, e.g. ``/srv/pacs/export`` or ``C:\\exports``."""
    return _ABSOLUTE.search(text) is not None
