"""The layers of the design, read off the import statements, and the ban on loading a module twice."""

import ast
from pathlib import Path

import synthgen

ROOT = Path(synthgen.__file__).parent.parent
SHARED = {
    "synthgen.config",
    "synthgen.digests",
    "synthgen.errors",
    "synthgen.files",
    "synthgen.modalities.cxr.encoder",
    "synthgen.modalities.cxr.types",
    "synthgen.modalities.dialogue.types",
    "synthgen.modalities.speech.types",
    "synthgen.patient_ids",
    "synthgen.progress",
    "synthgen.records",
    "synthgen.report",
}
SIDES = ("generators", "privacy_filters", "eval")
MODALITY_FREE = {
    "synthgen.privacy_filters.calibration",
    "synthgen.privacy_filters.gate",
    "synthgen.privacy_filters.nearest",
    "synthgen.privacy_filters.power",
}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            found |= {f"{module}.{a.name}" for a in node.names} if module == "synthgen" else {module}
    return found


def sources(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found
    return found


def test_sides_import_the_shared_types_and_themselves_only() -> None:
    for side in SIDES:
        for path in sources(side):
            for name in imports(path):
                if name.split(".")[0] != "synthgen":
                    continue
                own = f"{name}.".startswith(f"synthgen.{side}.")
                assert own or name in SHARED, f"{path} imports {name}"


def test_the_spine_reaches_a_modality_by_its_entry_point_only() -> None:
    spine = sorted((ROOT / "synthgen").glob("*.py"))
    spine += sorted((ROOT / "synthgen/engines").glob("*.py")) + sorted((ROOT / "synthgen/release").glob("*.py"))
    for path in spine:
        for name in imports(path):
            inside = f"{name}.".startswith(tuple(f"synthgen.{side}." for side in (*SIDES, "modalities")))
            assert not inside or name in MODALITY_FREE, f"{path} imports {name}"


def test_nothing_is_imported_by_its_bare_name() -> None:
    for folder in (*SIDES, "synthgen", "tests", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            bare = {name.split(".")[0] for name in imports(path)} & {*SIDES, "configs"}
            assert not bare, f"{path} imports {bare}"


def test_no_pickle_anywhere() -> None:
    for folder in (*SIDES, "synthgen"):
        for path in sources(folder):
            assert not imports(path) & {"pickle", "joblib", "dill", "shelve", "marshal"}, path
            text = path.read_text("utf-8")
            assert "torch.load(" not in text, path
            assert "torch.save(" not in text, path
