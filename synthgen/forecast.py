"""What a run will cost, said before it begins: scaled from runs that were measured, and only as exact as that.

The measured runs stand in ``configs/costs.yaml``, with the command that measured them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import yaml

from synthgen.arguments import Asked
from synthgen.config import RunConfig, Section, load_config
from synthgen.errors import UserError
from synthgen.pipeline import Plan
from synthgen.progress import duration
from synthgen.settings import as_yaml, changes

_TABLES: Final = {".csv", ".json", ".txt", ".md"}
AS_MEASURED, SCALED = 1.5, 3.0
"""By which factor the time may be off, either way: on another machine, and where it was scaled to other sizes too."""


class Stages(Section):
    """CPU seconds of one thread, stage by stage; loading and a demo cohort are counted to the cohort."""

    cohort: float
    fit: float
    calibrate: float
    generate: float
    evaluate: float
    release: float


class Cost(Section):
    """One measured run: its sizes and what it cost.

    Attributes:
        people: of the demo cohort; 0 where data was given.
        size: of the cohort, as :func:`size_of` counts.
        cohort_mib, rest_mib: disk, of the cohort's cache and of everything else.
    """

    people: int
    size: int
    samples: int
    planted: int
    seconds: Stages
    memory_mib: int
    cohort_mib: int
    rest_mib: int


@dataclass(frozen=True)
class Scale:
    """Sizes of a run over those of a measured one."""

    size: float
    samples: float
    planted: float

    @property
    def near(self) -> bool:
        """True when the run is as large as the measured one."""
        return all(0.8 < ratio < 1.25 for ratio in (self.size, self.samples, self.planted))


def forecast(asked: Asked, plan: Plan, known: Mapping[tuple[str, str], Cost]) -> str:
    """One line on time, memory and disk; where nothing like it was measured, it says so.

    Args:
        known: the measured runs, see :func:`costs`.
    """
    name = Path(asked.preset).stem
    measured = known.get((asked.offer.name, name))
    if plan.model is not None:
        return "time, memory and disk are not estimated: no run with a given model was measured"
    if measured is None:
        return f"time, memory and disk are not estimated: no run with the settings of {name} was measured"
    scale = scale_of(measured, asked, plan.data)
    factor = AS_MEASURED if scale.near and not _changed(asked) else SCALED
    return f"{told(measured, scale, factor)}; scaled from a measured run of the preset {name}"


def told(measured: Cost, scale: Scale, factor: float) -> str:
    """``"estimate: 0:02:10 of computing on one core (0:01:27 to 0:03:15), 1.2 GiB of memory, 21 MiB of disk"``."""
    time, disk = seconds(measured, scale), measured.cohort_mib * scale.size + measured.rest_mib * scale.samples
    return (
        f"estimate: {duration(time)} of computing on one core "
        f"({duration(time / factor)} to {duration(time * factor)}), "
        f"{_mib(measured.memory_mib)} of memory, {_mib(disk)} of disk"
    )


def _mib(count: float) -> str:
    return f"{count:.0f} MiB" if count < 1024 else f"{count / 1024:.1f} GiB"


def seconds(measured: Cost, scale: Scale) -> float:
    """CPU seconds: reading grows with the cohort, planting with the copies, making and writing with the samples."""
    s = measured.seconds
    return (
        s.cohort * scale.size
        + s.fit
        + s.calibrate * scale.planted
        + (s.generate + s.release) * scale.samples
        + s.evaluate
    )


def scale_of(measured: Cost, asked: Asked, data: Path | None) -> Scale:
    """How a run compares with a measured one; a demo cohort by its people, since it is not yet written."""
    config = asked.config
    if data is None:
        size = people_of(config) / measured.people if measured.people else 1.0
    else:
        size = size_of(asked.offer.name, data) / max(1, measured.size)
    return Scale(size, config.samples / measured.samples, config.gate.planted / measured.planted)


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


def costs() -> dict[tuple[str, str], Cost]:
    """The measured runs, by modality and preset."""
    text = resources.files("synthgen.configs").joinpath("costs.yaml").read_text("utf-8")
    return {
        (modality, preset): Cost.model_validate(values)
        for modality, runs in (yaml.safe_load(text) or {}).items()
        for preset, values in runs.items()
    }


def _changed(asked: Asked) -> bool:
    """True where settings were changed that the scaling does not know."""
    try:
        preset = load_config(
            asked.offer.section, asked.offer.name, Path(asked.preset).stem, package=asked.offer.configs
        )
    except UserError:
        return True
    return any(change.startswith("modality.") for change in changes(as_yaml(preset), asked.config))
