"""What the shell offers when a word of a command is begun."""

from __future__ import annotations

import typer


def modalities(incomplete: str) -> list[str]:
    """The installed modalities."""
    from synthgen.offer import names

    return [name for name in names() if name.startswith(incomplete.casefold())]


def presets_of(context: typer.Context, incomplete: str) -> list[str]:
    """The presets of the modality that the line names, or of all."""
    from synthgen.config import presets
    from synthgen.offer import names, offer_of

    given = context.params.get("modality_name")
    found = {
        preset
        for name in ([given] if given in names() else names())
        for preset in presets(name, offer_of(name).configs)
    }
    return sorted(preset for preset in found if preset.startswith(incomplete.casefold()))


def keys(context: typer.Context, incomplete: str) -> list[str]:
    """The keys that ``--set`` takes, of the modality that the line names."""
    from synthgen.config import RunConfig, fields_of
    from synthgen.offer import names, offer_of

    given = context.params.get("modality_name")
    section = offer_of(given if given in names() else names()[0]).section
    found = [*section.short, *(key for key, _ in fields_of(RunConfig[section]))]  # type: ignore[valid-type]
    return [f"{key}=" for key in found if key.startswith(incomplete)]


def formats(context: typer.Context, incomplete: str) -> list[str]:
    """The release formats of the modality that the line names."""
    from synthgen.offer import names, offer_of

    given = context.params.get("modality_name")
    known = offer_of(given).formats if given in names() else ()
    return [name for name in known if name.startswith(incomplete.casefold())]


def verdicts(incomplete: str) -> list[str]:
    """The verdicts that ``--accept`` takes."""
    from synthgen.report import SEALS, Outcome

    known = [outcome.value for outcome in Outcome if outcome not in {*SEALS, Outcome.REFUSE}]
    return [name for name in known if name.startswith(incomplete.upper())]


def release_modes(incomplete: str) -> list[str]:
    """What may be released of a private model."""
    from typing import get_args

    from synthgen.config import ReleaseMode

    return [mode for mode in get_args(ReleaseMode) if mode.startswith(incomplete.casefold())]
