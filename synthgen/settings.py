"""A configuration as its user sees it: every key with what it may be, and as YAML, for oneself and for the public."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from synthgen.config import PRESETS, RunConfig, fields_of, load_config, presets

CONFIG: Final = "config.yaml"
"""The effective configuration in a work folder and in a release."""

SEEDS: Final = ("seed", "split.seed")
"""Never shown beside the key: the first gives the rejected samples back, the second tells who is in which part."""

_LEFT_OUT: Final = "# Left out, since it is private: "
_SIGNS: Final = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "min_length": "length ≥", "max_length": "length ≤"}


@dataclass(frozen=True)
class Key:
    """One key of a configuration.

    Attributes:
        name: dotted, as ``--set`` takes it.
        kind: what its value is, in words, e.g. ``"whole number"`` or ``"auto | cpu | cuda"``.
        value: what it is here: the preset's value, or the default.
        bounds: e.g. ``"> 0, ≤ 0.05"``; empty where there are none.
    """

    name: str
    kind: str
    value: str
    bounds: str
    description: str


def keys_of(config: RunConfig[Any]) -> list[Key]:
    """Every key with what it may be; the seed is drawn, so it has no value."""
    values = dict(_flat(config.model_dump(mode="json"), config))
    return [
        Key(
            name,
            _kind(field.annotation),
            "random" if name == "seed" else _short(values[name]),
            ", ".join(_bounds(field)),
            field.description or "",
        )
        for name, field in fields_of(type(config))
    ]


def as_yaml(config: RunConfig[Any]) -> str:
    """The effective configuration as ``--config`` takes it, without the seed."""
    return _text({k: v for k, v in _flat(config.model_dump(mode="json"), config) if k != "seed"})


def public_yaml(config: RunConfig[Any], modality: str, package: str = PRESETS) -> str:
    """The effective configuration as a release shows it.

    Left out, and named as left out, are the run's seed, a split's seed of one's own, paths, and every text that
    somebody wrote who is not the author of a preset: a folder, a host, words of a cohort.
    """
    shipped = [dict(_flat(c.model_dump(mode="json"), c)) for c in _shipped(config, modality, package)]
    fields = dict(fields_of(type(config)))
    kept, left_out = {}, ["seed"]
    for name, value in _flat(config.model_dump(mode="json"), config):
        known = any(values[name] == value for values in shipped)
        if name == "seed":
            continue
        if known or not (name in SEEDS or _is_free(fields[name].annotation)):
            kept[name] = value
        else:
            left_out.append(name)
    return f"# Settings of this release: synthgen generate --modality {modality} --config {CONFIG}\n" + (
        f"{_LEFT_OUT}{', '.join(left_out)}\n{_text(kept)}"
    )


def left_out_of(path: Path) -> tuple[str, ...]:
    """The keys that a public configuration does not tell, beside the seed."""
    lines = path.read_text("utf-8").splitlines()
    told = next((line for line in lines if line.startswith(_LEFT_OUT)), "")
    return tuple(name for name in told.removeprefix(_LEFT_OUT).split(", ") if name not in {"", "seed"})


def changes(before: str, config: RunConfig[Any]) -> list[str]:
    """What differs between a configuration as :func:`as_yaml` wrote it and this one; seeds are not compared."""
    now = dict(_flat(yaml.safe_load(as_yaml(config)), config))
    then = dict(_flat(_mapping(before), config))
    told = []
    for name in (*now, *(name for name in then if name not in now)):
        if now.get(name) != then.get(name):
            values = "" if name in SEEDS else f" was {_short(then.get(name))} and is {_short(now.get(name))}"
            told.append(f"{name}{values or ' differs'}")
    return told


def _mapping(text: str) -> dict[str, Any]:
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return values if isinstance(values, dict) else {}


def _shipped(config: RunConfig[Any], modality: str, package: str) -> list[RunConfig[Any]]:
    section = type(config.modality)
    found = [RunConfig[section].model_validate({"modality": {}})]  # type: ignore[valid-type]
    return found + [load_config(section, modality, name, package=package) for name in presets(modality, package)]


def _flat(values: Mapping[str, Any], model: BaseModel | None, above: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values; a mapping that is a value (weights by name) stays whole."""
    for name, value in values.items():
        inner = getattr(model, name, None)
        if isinstance(value, Mapping) and isinstance(inner, BaseModel):
            yield from _flat(value, inner, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _text(flat: Mapping[str, Any]) -> str:
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        *above, last = name.split(".")
        place = nested
        for part in above:
            place = place.setdefault(part, {})
        place[last] = value
    return yaml.safe_dump(nested, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)


def _is_free(annotation: Any) -> bool:
    """True where a value of this type can hold whatever somebody wrote."""
    if get_origin(annotation) is Literal:
        return False
    inner = get_args(annotation)
    return any(_is_free(one) for one in inner) if inner else annotation in (str, Path, Any)


def _kind(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " | ".join(_short(value) for value in inner)
    if origin in (Union, UnionType):
        return " or ".join(_kind(one) for one in inner)
    if origin is tuple:
        return f"list of {_kind(inner[0])}"
    if origin is dict:
        return f"mapping to {_kind(inner[1])}"
    names = {int: "whole number", float: "number", bool: "true | false", str: "text", Path: "path", type(None): "none"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _bounds(field: FieldInfo) -> Iterator[str]:
    for item in field.metadata:
        for name, sign in _SIGNS.items():
            if (limit := getattr(item, name, None)) is not None:
                yield f"{sign} {limit:g}" if isinstance(limit, float) else f"{sign} {limit}"


def _short(value: object) -> str:
    """A value on one line, as YAML has it."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...")
