"""What a run will cost, said before it begins: scaled from runs that were measured, and only as exact as that.

The measured runs stand in ``configs/costs.yaml``, with the command that measured them.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any, Final

import yaml

from synthgen.arguments import Asked
from synthgen.config import RunConfig, load_config
from synthgen.errors import UserError
from synthgen.pipeline import Plan
from synthgen.progress import duration
from synthgen.settings import as_yaml, changes

_TABLES: Final = {".csv", ".json", ".txt", ".md"}
_AS_MEASURED, _SCALED = 1.5, 3.0
"""By which factor the time may be off, either way: on another machine, and where sizes were scaled too."""


def forecast(asked: Asked, plan: Plan) -> str:
    """One line on time, memory and disk; where nothing like it was measured, it says so."""
    name = Path(asked.preset).stem
    measured = _costs().get(asked.offer.name, {}).get(name)
    if measured is None or plan.model is not None:
        why = "a model is given" if plan.model is not None else f"no run with the settings of {name} was measured"
        return f"time, memory and disk are not estimated: {why}"
    config = asked.config
    people = 1.0 if plan.data else _ratio(people_of(config), measured["people"])
    size = _ratio(size_of(asked.offer.name, plan.data), measured["cohort"]) if plan.data else people
    samples, planted = config.samples / measured["samples"], config.gate.planted / measured["planted"]
    scales = {"cohort": size, "calibrate": planted, "generate and screen": samples, "verdict and release": samples}
    seconds = sum(cost * scales.get(stage, 1.0) for stage, cost in measured["seconds"].items())
    disk = measured["disk_mib"]["cohort"] * size + measured["disk_mib"]["rest"] * samples
    same = all(0.8 < ratio < 1.25 for ratio in (size, samples, planted)) and not _changed(asked)
    factor = _AS_MEASURED if same else _SCALED
    return (
        f"estimate: {duration(seconds)} of computing on one core ({duration(seconds / factor)} to "
        f"{duration(seconds * factor)}), {_gib(measured['memory_mib'])} of memory, {_gib(disk)} of disk; scaled from a "
        f"measured run of the preset {name}"
    )


def people_of(config: RunConfig[Any]) -> int:
    """How many people the demo cohort of these settings has; 0 where the modality has no such number."""
    demo = getattr(config.modality, "demo", None)
    return int(getattr(demo, "patients", None) or getattr(demo, "speakers", None) or 0)


def size_of(modality: str, data: Path) -> int:
    """How large a cohort is: bytes of transcripts, or the number of images or recordings."""
    files = [data] if data.is_file() else [path for path in data.rglob("*") if path.is_file()]
    if modality == "dialogue":
        return sum(path.stat().st_size for path in files)
    return sum(path.suffix.lower() not in _TABLES for path in files)


def _ratio(now: int, then: int) -> float:
    return now / then if now and then else 1.0


def _changed(asked: Asked) -> bool:
    """True where settings were changed that the scaling does not know."""
    try:
        preset = load_config(asked.offer.section, asked.offer.name, Path(asked.preset).stem)
    except UserError:
        return True
    return any(change.startswith("modality.") for change in changes(as_yaml(preset), asked.config))


def _costs() -> dict[str, Any]:
    text = resources.files("synthgen.configs").joinpath("costs.yaml").read_text("utf-8")
    costs = yaml.safe_load(text)
    return costs if isinstance(costs, dict) else {}


def _gib(mib: float) -> str:
    return f"{mib / 1024:.1f} GiB"
