"""What a command was asked, checked before anything heavy is loaded: no array library is imported for a wrong word."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synthgen.choices import chosen
from synthgen.config import RunConfig, load_config, preset_of
from synthgen.engines import ENGINES, Workers
from synthgen.errors import UserError, require_extra
from synthgen.offer import Offer, names, offer_of
from synthgen.settings import CONFIG, left_out_of

if TYPE_CHECKING:
    from synthgen.report import Outcome

_REPORT: Final = "privacy_report.json"
SUMS: Final = "SHA256SUMS"
_OF_THE_SPLIT: Final = ("split.", "people.")


@dataclass(frozen=True)
class Asked:
    """A modality and the settings of a run.

    Attributes:
        preset: the name of a preset, or the path of a YAML file.
    """

    offer: Offer
    preset: str
    config: RunConfig[Any]


def asked(
    modality: str | Offer,
    preset: str | None,
    settings: Iterable[str] | None,
    *,
    work: Path | None = None,
    seed: int | None = None,
    samples: int | None = None,
    demo: bool = False,
) -> Asked:
    """The settings; where they give no seed, with that of the run that ``work`` holds, or a random one.

    Args:
        modality: its name, or what it offers.

    Raises:
        UserError: one line that names what is wrong, and what may be meant.
    """
    offer = offer_of(modality) if isinstance(modality, str) else modality
    name = preset_of(offer.name, preset, offer.configs) if preset else offer.presets[0 if demo else 1]
    config = load_config(
        offer.section, offer.name, name, tuple(settings or ()), package=offer.configs, samples=samples, seed=seed
    )
    from synthgen.workfolder import recorded_seed  # which a wrong key does not wait for

    recorded = None if work is None or "seed" in config.model_fields_set else recorded_seed(work)
    return Asked(offer, name, config if recorded is None else config.model_copy(update={"seed": recorded}))


def private(
    settings: Iterable[str] | None, epsilon: float | None, method: str | None, release: str | None = None
) -> tuple[str, ...]:
    """The settings, with those that the options on differential privacy stand for."""
    return _with(settings, {"privacy.epsilon": epsilon, "privacy.method": method, "privacy.release": release})


def changes(settings: Iterable[str] | None, operator: str | None, strength: float | None) -> tuple[str, ...]:
    """The settings, with those that the options on anonymisation stand for."""
    return _with(settings, {"anonymise.operator": operator, "anonymise.strength": strength})


def without(settings: Iterable[str] | None, exclude: Path | None) -> tuple[str, ...]:
    """The settings, with the list of people who are left out of the cohort.

    Raises:
        UserError: there is no such file.
    """
    present(exclude, "--exclude")
    return _with(settings, {"people.exclude": None if exclude is None else json.dumps(str(exclude.resolve()))})


def ways(words: Iterable[str] | None) -> tuple[tuple[str, float], ...]:
    """Operators and how much each changes, of words such as ``warp:3``; 1 where that is not said."""
    found = []
    for word in words or ():
        name, colon, much = word.partition(":")
        try:
            found.append((name, float(much) if colon else 1.0))
        except ValueError:
            raise UserError(f"--operator {word}: give a name and how much it changes, e.g. warp:3") from None
    return tuple(dict.fromkeys(found))


def _with(settings: Iterable[str] | None, options: Mapping[str, object]) -> tuple[str, ...]:
    return (*(settings or ()), *(f"{key}={value}" for key, value in options.items() if value is not None))


def base_of(modality: str | Offer) -> str:
    """The preset by which a modality's base is trained.

    Raises:
        UserError: it has none.
    """
    offer = offer_of(modality) if isinstance(modality, str) else modality
    if not offer.base:
        raise UserError(f"there is no base to be trained for {offer.name}: fit a model with synthgen fit")
    return offer.base


def present(path: Path | None, option: str) -> None:
    """Refuses a path that leads nowhere."""
    if path is not None and not path.exists():
        raise UserError(f"{option} {path}: there is no such file or folder")


def apart(data: Path | None, **places: Path | None) -> None:
    """Refuses to write into a cohort's folder, where the next run would read what was written as records.

    Args:
        places: what is written, by the option that names it.
    """
    if data is None:
        return
    cohort = data.resolve()
    for option, place in places.items():
        if place is not None and place.resolve().is_relative_to(cohort):
            raise UserError(f"--{option} {place} lies within --data {data}: choose a folder outside of it")


def engine(name: str, address: str | None = None, workers: int = 0) -> Workers:
    """The engine that is asked for.

    Raises:
        UserError: there is none of that name, or it takes no address and no number of workers.
        MissingExtraError: it is not installed.
    """
    name = chosen(name, ENGINES, f"no engine {name!r}")
    if name == "local":
        if address or workers:
            raise UserError(f"--{'ray-address' if address else 'workers'} is for many workers: give --engine ray too")
        return Workers()
    require_extra("--engine ray", "ray", "ray")
    host, colon, port = (address or "").rpartition(":")
    if address and address != "auto" and not (host and colon and port.isdecimal() and "/" not in host):
        raise UserError(f"--ray-address {address}: give host:port of a cluster that this machine is a part of, or auto")
    return Workers(name, address or "", workers)


def accepted(words: Iterable[str] | None) -> tuple[Outcome, ...]:
    """The verdicts that are sealed too."""
    from synthgen.report import SEALS, Outcome

    choices = [outcome.value for outcome in Outcome if outcome not in {*SEALS, Outcome.REFUSE}]
    for word in words or ():
        if word.upper() == Outcome.REFUSE:
            raise UserError("--accept REFUSE: a refused generator cannot be released")
    return tuple(Outcome(chosen(word, choices, f"--accept {word}")) for word in words or ())


def formats(offer: Offer, words: Iterable[str] | None) -> tuple[str, ...]:
    """The release formats, the modality's own first."""
    further = (
        chosen(word, offer.formats, f"--format {word}: {offer.name} has none of that name") for word in words or ()
    )
    return tuple(dict.fromkeys((offer.formats[0], *further)))


def modality_of(given: str | None, release: Path | None, work: Path) -> str:
    """The modality that was given, or that of the release or the work folder.

    Raises:
        UserError: none was given, and neither says one.
    """
    from synthgen.workfolder import recorded_modality

    told = given or (_told_by(release) if release else "") or recorded_modality(work)
    if not told:
        raise UserError(f"--modality is needed, since {work} holds no run to read it from: {', '.join(names())}")
    return told


def settings_of(release: Path | None, work: Path, modality: str, settings: Iterable[str] | None) -> str | None:
    """The file with the settings of the run that ``work`` holds, or of a release; None where neither has them.

    Raises:
        UserError: the release does not tell how its cohort was split, and ``settings`` do not either.
    """
    from synthgen.workfolder import recorded_modality

    if recorded_modality(work) == modality and (work / CONFIG).is_file():
        return str(work / CONFIG)
    if release is None or not (release / CONFIG).is_file():
        return None
    given = {setting.partition("=")[0].strip() for setting in settings or ()}
    missing = [key for key in left_out_of(release / CONFIG) if key.startswith(_OF_THE_SPLIT) and key not in given]
    if missing:
        raise UserError(
            f"the release does not tell {', '.join(missing)}, on which it depends who was audited: give the run's "
            f"--work, or {' '.join(f'--set {key}=…' for key in missing)}"
        )
    return str(release / CONFIG)


def sealed_folder(folder: Path) -> None:
    """Refuses a folder that holds no release, nor what a refused run left in quarantine.

    Raises:
        UserError: it is none.
    """
    present(folder, "RELEASE")
    for name in (SUMS, _REPORT):
        if not (folder / name).is_file():
            raise UserError(f"{folder} is no release of synthgen: it holds no {name}")


def synthetic(release: Path) -> None:
    """Refuses a release of real records that were changed: there is no generator behind it to be attacked.

    Raises:
        UserError: it is one.
    """
    try:
        changed = "operator" in json.loads((release / _REPORT).read_bytes())["privacy"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if changed:
        raise UserError(
            f"{release} holds real records that were changed, not synthetic ones: what attackers made of them stands "
            f"in its {_REPORT}"
        )


def _told_by(release: Path) -> str:
    """The modality that a release says it is of; empty for any other folder."""
    try:
        told = json.loads((release / _REPORT).read_bytes())["dataset"]["modality"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return told if told in names() else ""
