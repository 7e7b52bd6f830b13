"""What the command line must know of a modality before it loads its code: its settings, presets and formats.

Arguments are checked against an offer, which costs no array library and no network; the modality itself is loaded when
they hold. Offers come through the entry point group ``synthgen.offers``; a modality without one is loaded at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata

from synthgen.choices import chosen
from synthgen.config import PRESETS, Section

GROUP = "synthgen.offers"
MODALITIES = "synthgen.modalities"


@dataclass(frozen=True)
class Offer:
    """The outside of a modality.

    Attributes:
        section: the pydantic model of the configuration's ``modality`` section.
        presets: the preset for the demo cohort, and the one for real data.
        formats: the release formats, the default first.
        base: the preset by which its public base is trained; empty where it has none.
        configs: the package whose folder ``name`` holds the presets as YAML files.
    """

    name: str
    section: type[Section]
    presets: tuple[str, str]
    formats: tuple[str, ...]
    configs: str = PRESETS
    base: str = ""


def names() -> tuple[str, ...]:
    """The installed modalities."""
    return _names(metadata.entry_points().select(group=MODALITIES))


def offer_of(word: str) -> Offer:
    """The offer of a modality by its name, in any case of letters.

    Raises:
        UserError: there is none of that name.
        MissingExtraError: it has no offer of its own, and its packages are not installed.
    """
    installed = metadata.entry_points()  # which takes a while: once for both groups
    name = chosen(word, _names(installed.select(group=MODALITIES)), f"no modality {word!r}")
    for entry in installed.select(group=GROUP, name=name):
        offer: Offer = entry.load()
        return offer
    from synthgen import modality

    loaded = modality.load(name)
    return Offer(loaded.name, loaded.section, loaded.presets, loaded.releases.formats, loaded.configs)


def _names(found: Iterable[metadata.EntryPoint]) -> tuple[str, ...]:
    return tuple(sorted({entry.name for entry in found}))
