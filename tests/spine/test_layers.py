"""The layers of the design, read off the import statements, and the ban on loading a module twice."""

import ast
from pathlib import Path

import synthgen

ROOT = Path(synthgen.__file__).parent.parent
SIDES = ("generators", "privacy_filters", "eval")
GATE = tuple(f"synthgen.privacy_filters.{name}" for name in ("calibration", "gate", "nearest", "power"))
GROUND = (
    *(f"synthgen.{name}" for name in ("choices", "config", "digests", "dp", "english", "errors", "estimates", "files")),
    *(
        f"synthgen.{name}"
        for name in ("linkage", "lookalikes", "patient_ids", "payloads", "pretrained", "progress", "records", "report")
    ),
    *(f"synthgen.{name}" for name in ("private_paths", "risks", "seeds", "settings", "state", "wordlists")),
)
LAYERS: tuple[tuple[str, ...], ...] = (
    GROUND,
    GATE,
    tuple(f"synthgen.{side}" for side in SIDES),
    (),  # the spine: what stands in no other layer
    ("synthgen.modalities",),
    tuple(f"synthgen.{name}" for name in ("api", "arguments", "completion", "forecast", "session", "tables")),
    ("synthgen.cli", "synthgen.__main__"),
)
SPINE = 3
"""From the ground up; docs/architecture.md draws them. A module imports from its own layer and from those below."""


def layer(module: str) -> int:
    for number, names in enumerate(LAYERS):
        if any(f"{module}.".startswith(f"{name}.") for name in names):
            return number
    return SPINE


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


def modules() -> dict[str, Path]:
    """Every module of the package by its name; the sides are linked into it."""
    found = {}
    for folder in (*(f"{side}" for side in SIDES), "synthgen"):
        for path in sources(folder):
            parts = path.relative_to(ROOT).with_suffix("").parts
            parts = parts if parts[0] == "synthgen" else ("synthgen", *parts)
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


def test_no_arrow_runs_up() -> None:
    known = modules()
    assert len(known) > 250
    up = [
        f"{module} imports {name}"
        for module, path in known.items()
        for name in imports(path)
        if name.split(".")[0] == "synthgen" and "synthgen" not in (name, module) and layer(name) > layer(module)
    ]
    assert not up


def test_sides_do_not_know_each_other() -> None:
    for module, path in modules().items():
        side = module.split(".")[1] if "." in module else ""
        if side not in SIDES:
            continue
        others = tuple(f"synthgen.{other}." for other in SIDES if other != side)
        across = [name for name in imports(path) if f"{name}.".startswith(others)]
        assert not across, f"{module} imports {across}"


def test_the_spine_reaches_a_modality_by_its_entry_point_only() -> None:
    sides = tuple(f"synthgen.{side}." for side in SIDES)
    for module, path in modules().items():
        if layer(module) == SPINE:
            inside = [n for n in imports(path) if f"{n}.".startswith(sides) and layer(n) > 1]
            assert not inside, f"{module} imports {inside}"


def test_payloads_know_records_and_errors_only() -> None:
    for module, path in modules().items():
        if module.startswith("synthgen.payloads."):
            allowed = ("synthgen.payloads.", "synthgen.records.", "synthgen.errors.")
            far = [n for n in imports(path) if n.startswith("synthgen") and not f"{n}.".startswith(allowed)]
            assert not far, f"{module} imports {far}"


def test_nothing_is_imported_by_its_bare_name() -> None:
    for folder in (*SIDES, "synthgen", "tests", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            bare = {name.split(".")[0] for name in imports(path)} & {*SIDES, "configs"}
            assert not bare, f"{path} imports {bare}"


def only_weights(source: str) -> bool:
    """No ``torch.save``, and no ``torch.load`` but in calls with ``weights_only=True``."""
    tree = list(ast.walk(ast.parse(source)))
    hidden = [n for n in tree if isinstance(n, ast.ImportFrom) and (n.module or "").split(".")[0] == "torch"]
    calls = [n for n in tree if isinstance(n, ast.Call) and ast.unparse(n.func) == "torch.load"]
    safe = [n for n in calls if any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in n.keywords)]
    named = [ast.unparse(n) for n in tree if isinstance(n, ast.Attribute) and n.attr in ("load", "save")]
    unsafe = [name for name in named if name.startswith("torch.")]
    return len(unsafe) == len(safe) and not {a.name for n in hidden for a in n.names} & {"load", "save"}


def test_no_pickle_anywhere() -> None:
    for folder in (*SIDES, "synthgen"):
        for path in sources(folder):
            assert not imports(path) & {"pickle", "joblib", "dill", "shelve", "marshal"}, path
            assert only_weights(path.read_text("utf-8")), path


def test_a_strangers_file_is_read_as_weights_only() -> None:
    assert only_weights("torch.load(file, map_location='cpu', weights_only=True)")
    for unsafe in (
        "torch.load(file)",
        "torch.load(file, weights_only=False)",
        "torch.load(file, weights_only=choice)",
        "torch.load(one, weights_only=True); torch.load(two)",
        "read = torch.load",
        "torch.serialization.load(file, weights_only=True)",
        "from torch import load",
        "torch.save(x, file)",
    ):
        assert not only_weights(unsafe), unsafe
