"""Whether a folder is a release of synthetic data: nobody is protected by reading one as real people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import yaml

_NAME: Final = re.compile(r"SYNTHETIC-\d+", re.IGNORECASE)
_UP: Final = 3
"""The folder, and two above it: a release's parts lie in data/train and in sessions."""


def told_synthetic(data: Path, names: Iterable[str]) -> str:
    """What says that the folder is synthetic: a file's name, ``"what its recordings are called"``, or ``""``.

    Args:
        names: of its people and recordings.
    """
    folders = [data, *data.resolve().parents][:_UP]
    for folder in folders:
        if _croissant_says(folder / "croissant.json"):
            return "croissant.json"
    if _card_says(data / "README.md"):
        return "README.md"
    return "what its recordings are called" if any(_NAME.search(name) for name in names) else ""


def _croissant_says(path: Path) -> bool:
    try:
        told = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    if not isinstance(told, dict):
        return False
    kinds = [told.get(key) or [] for key in ("rai:dataCollectionType", "keywords")]
    words = [word for kind in kinds for word in ([kind] if isinstance(kind, str) else kind)]
    return "synthetic" in {str(word).casefold() for word in words}


def _card_says(path: Path) -> bool:
    """By the tags of a card in the hub's form."""
    try:
        text = path.read_text("utf-8")
        header = yaml.safe_load(text.split("---")[1]) if text.startswith("---") else None
    except (OSError, ValueError, IndexError, yaml.YAMLError):
        return False
    tags = header.get("tags") if isinstance(header, dict) else None
    return isinstance(tags, list) and "synthetic" in {str(tag).casefold() for tag in tags}
