"""Whoever installs one modality's extra has all that its modules import: nothing that only another extra brings."""

import ast
import json
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
LOADED = """
import json, sys
from importlib import import_module
import_module(sys.argv[1])
print(json.dumps([m.__file__ for name, m in sys.modules.items() if name.startswith("synthgen") and m.__file__]))
"""


def imported(file: str) -> set[str]:
    """Packages that a module imports as it is loaded."""
    body = ast.parse(Path(file).read_text("utf-8")).body
    whole = {alias.name for node in body if isinstance(node, ast.Import) for alias in node.names}
    parts = {node.module or "" for node in body if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in whole | parts} - sys.stdlib_module_names - {"synthgen"}


def brought(requirements: list[str]) -> set[str]:
    """The distributions that these requirements install, with what those require in turn."""
    found: set[tuple[str, str]] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        one = waiting.pop()
        for extra in {"", *one.extras}:
            key = (canonicalize_name(one.name), extra)
            if key in found or (one.marker and not one.marker.evaluate({"extra": ""})):
                continue
            found.add(key)
            try:
                further = metadata.requires(one.name) or []
            except metadata.PackageNotFoundError:
                continue
            for text in further:
                deeper = Requirement(text)
                if deeper.marker is None or deeper.marker.evaluate({"extra": extra}):
                    deeper.marker = None
                    waiting.append(deeper)
    return {name for name, _ in found}


@pytest.mark.parametrize("modality", ["cxr", "dialogue", "speech"])
def test_an_extra_brings_what_its_modality_imports(modality: str) -> None:
    command = [sys.executable, "-c", LOADED, f"synthgen.modalities.{modality}.binding"]
    loaded = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    ours = {name for file in loaded for name in imported(file)}
    owners = metadata.packages_distributions()
    installed = brought([*PROJECT["dependencies"], *PROJECT["optional-dependencies"][modality]])
    assert {"numpy", "scipy"} <= ours
    assert not {name for name in ours if not set(map(canonicalize_name, owners[name])) & installed}
