"""Configuration: YAML presets, checked by pydantic models; an unknown key is an error, never ignored."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo

from synthgen.choices import chosen, suggestion
from synthgen.errors import UserError

if TYPE_CHECKING:
    from synthgen.report import Limits


class Section(BaseModel):
    """Base of every section of a configuration: frozen, and it knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    short: ClassVar[Mapping[str, str]] = {}
    """Short keys that ``--set`` takes for the dotted ones, in a modality's own section."""


M = TypeVar("M", bound=Section)

LARGEST_ALPHA = 0.05

ReleaseMode = Literal["dp", "dp+screen", "dp+deniable"]
"""What is released of a private model."""


class SplitConfig(Section):
    """Shares of the patients, and the seed of their assignment; or a file that assigns them."""

    train: float = Field(0.6, gt=0, lt=1, description="share of the patients whom models and filters are fitted on")
    calibration: float = Field(0.25, ge=0, lt=1, description="share who set the thresholds")
    audit: float = Field(0.15, ge=0, lt=1, description="share who judge the release as non-members")
    seed: int = Field(0, ge=0, description="of the assignment; apart from the run's seed, so that runs share a split")
    file: Path | None = Field(None, description="CSV with patient_id,split (train, calibration or audit)")

    @model_validator(mode="after")
    def _whole(self) -> SplitConfig:
        total = self.train + self.calibration + self.audit
        if abs(total - 1.0) > 1e-6:
            raise ValueError(
                f"the shares of train, calibration and audit must add up to 1, got {total:g}: set all three, e.g. "
                "--set split.train=0.6 --set split.calibration=0.25 --set split.audit=0.15"
            )
        return self


class PeopleConfig(Section):
    """Who is one person: patients whose records are the same, or nearly so."""

    link: Literal["merge", "stop"] = Field(
        "merge", description="linked patients count as one person, or the command stops with the private list of links"
    )
    apart: Path | None = Field(
        None, description="CSV with first,second: linked records that the data steward found to be of different people"
    )
    exclude: Path | None = Field(
        None, description="file of patient ids, one a line: people who are left out of the cohort before the split"
    )


class GateConfig(Section):
    """The release gate. Bounds keep a PASS from meaning nothing."""

    alpha: float = Field(0.01, gt=0, le=LARGEST_ALPHA, description="rate at which the whole gate may block strangers")
    planted: int = Field(
        299, ge=1, description="planted copies of each kind; all of 59 caught bounds misses at 5%, of 299 at 1%"
    )
    miss: float = Field(0.05, gt=0, le=0.1, description="largest bound on the misses of a claimed kind of copy")
    attempts: int = Field(
        1000, ge=1, le=100_000, description="first attempts that the test of the generator may draw, if it needs them"
    )
    detectable: float = Field(
        0.05, gt=0, le=0.2, description="share of copies that the test of the generator must be able to see"
    )
    attack_auc: float = Field(0.55, ge=0.5, le=0.6, description="an attack succeeds when its interval lies above this")
    attack_upper: float = Field(
        0.65, gt=0.5, le=0.75, description="every attack's interval must end below this: no evidence is no safety"
    )
    attack_tpr: float = Field(
        0.1, ge=0.02, le=0.2, description="an attack succeeds when it finds more members than this at 1% false alarms"
    )
    noised_strength: float = Field(
        0.05, gt=0, lt=1, description="share of the noise schedule that copies in the generator's domain go through"
    )
    redrawn_strength: float = Field(
        0.15, gt=0, lt=1, description="the same for copies that are reported only: half redrawn by the generator"
    )

    @property
    def limits(self) -> Limits:
        from synthgen.report import Limits  # a wrong key does not wait for it

        return Limits(self.miss, self.detectable, self.attack_auc, self.attack_upper, self.attack_tpr)


AttackName = Literal["same_record", "other_record", "within_release", "oracle"]
"""How records may be linked; see docs/anonymisation.md."""


class AnonymiseConfig(Section):
    """How real records are changed, and what an attacker may still make of them."""

    operator: str = Field("", description="what changes the records; the kind of data has a default of its own")
    strength: float = Field(
        1.0, ge=0, description="how much is changed: 0 nothing, 1 the operator's default, more as it says"
    )
    hold: tuple[AttackName, ...] = Field(
        get_args(AttackName),
        description="attacks that must fail for a PASS; the others are run and told",
    )
    eer: float = Field(0.4, ge=0.3, lt=0.5, description="the least equal error rate that an attacker is left with")

    @field_validator("hold", mode="before")
    @classmethod
    def _attacks(cls, value: object) -> object:
        """One attack may stand without brackets, and none counts twice: all share a level."""
        if isinstance(value, str):
            return (value,)
        if isinstance(value, list | tuple):
            if not value:
                raise ValueError("name at least one attack that must fail, e.g. [other_record]")
            return tuple(dict.fromkeys(map(str, value)))
        return value


class SlotConfig(Section):
    """How slots are batched. Part of what makes a run reproducible to the byte."""

    rows: int = Field(16, ge=1, le=4096, description="slots that are generated together; each keeps its row")
    depth: int = Field(4, ge=1, le=4096, description="batches to a shard")
    attempts: int = Field(20, ge=1, le=10_000, description="attempts per slot before it is given up")
    close: int = Field(
        3,
        ge=1,
        le=5,
        description="samples too close to a patient that end a slot: a retry is a chance to slip",
    )


class DeniableConfig(Section):
    """Plausible deniability of what a private model drew: who could explain a sample is counted with noise."""

    k: int = Field(10, ge=2, description="patients, but for noise, who must be able to explain a sample")
    nearest: int = Field(
        16, ge=1, le=1000, description="samples for which one patient counts at most, the nearest to the records"
    )
    noise: float = Field(4.0, gt=0, description="standard deviation of the noise in each count, in patients")
    radius: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="a record explains a sample that lies nearer than this share of the pairs of public draws; the "
        "kind of data has a share of its own unless given",
    )


class PrivacyConfig(Section):
    """Differential privacy of the fit, with the patient as the unit; see docs/differential_privacy.md."""

    epsilon: float | None = Field(
        None, gt=0, le=100, description="of the fit: what one patient may change; without it the fit is not private"
    )
    delta: float | None = Field(
        None, gt=0, lt=1, description="chance that epsilon does not hold; 1 / (N ln N) unless given, always below 1 / N"
    )
    method: Literal["auto", "evolution", "sgd"] = Field(
        "auto",
        description="evolution: patients vote on what a public generator draws; sgd: noisy steps on few weights of a "
        "public base; auto: the first of them that the generator has",
    )
    budget: float = Field(
        10.0, gt=0, le=100, description="largest epsilon that all private fits on one cohort may come to together"
    )
    release: ReleaseMode | None = Field(
        None,
        description="what is released of a private model. dp: all that it draws, no patient decides; dp+screen: what "
        "the gate keeps, epsilon being the model's alone; dp+deniable: what enough patients could explain, counted "
        "privately. Unless given dp+screen where there is a cohort, dp where there is none",
    )
    deniable: DeniableConfig = DeniableConfig()


class RunConfig(Section, Generic[M]):
    """Everything that determines a run, but for the data."""

    samples: int = Field(200, ge=1, description="samples in the release")
    seed: int = Field(
        default_factory=lambda: secrets.randbits(62),
        ge=0,
        lt=2**63,
        description="of everything but the split; random unless given, and kept in the work folder",
    )
    threads: int = Field(0, ge=0, description="torch threads; 0 takes the machine's cores")
    split: SplitConfig = SplitConfig()
    people: PeopleConfig = PeopleConfig()
    gate: GateConfig = GateConfig()
    slots: SlotConfig = SlotConfig()
    privacy: PrivacyConfig = PrivacyConfig()
    anonymise: AnonymiseConfig = AnonymiseConfig()
    modality: M

    def digest(self) -> str:
        """Hex digest of all settings. Private: a seed is guessed from it, so what is published is keyed."""
        return hashlib.blake2b(self.model_dump_json().encode(), digest_size=16).hexdigest()


PRESETS = "synthgen.configs"
"""The package that holds the presets of the built-in modalities, a folder for each."""


def presets(modality: str, package: str = PRESETS) -> tuple[str, ...]:
    """Names of the presets that ``package`` holds for ``modality``."""
    folder = resources.files(package).joinpath(modality)
    return tuple(sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")))


def preset_of(modality: str, word: str, package: str = PRESETS) -> str:
    """The preset that a word names, in any case of letters; a path of a YAML file as it is.

    Raises:
        UserError: there is none of that name.
    """
    if Path(word).suffix in {".yaml", ".yml"}:
        return word
    return chosen(word, presets(modality, package), f"no preset {word!r} for {modality}", ", or a .yaml file")


def load_config(
    section: type[M],
    modality: str,
    name_or_file: str,
    settings: Sequence[str] = (),
    *,
    package: str = PRESETS,
    **overrides: int | None,
) -> RunConfig[M]:
    """Reads a preset by name or a YAML file, applies ``key=value`` settings, and checks the whole.

    Args:
        section: the modality's own section, under the key ``modality``.
        settings: dotted keys, e.g. ``"gate.alpha=0.02"``; values are read as YAML.
        package: where the modality's presets lie.
        overrides: top-level keys set by options of the command line; None leaves them.

    Raises:
        UserError: one line, naming the key that is wrong and what it must be.
    """
    values = _read(modality, name_or_file, package)
    for setting in settings:
        key, separator, text = setting.partition("=")
        if not separator or not key.strip():
            raise UserError(f"--set takes key=value, got {setting!r}")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise UserError(
                f"--set {key}: the value is not valid YAML; quote it for the shell, e.g. --set 'key={{a: 1}}'"
            ) from None
        _put(values, section.short.get(key.strip(), key.strip()).split("."), value, key)
    values.update({key: value for key, value in overrides.items() if value is not None})
    values.setdefault("modality", {})
    try:
        return RunConfig[section].model_validate(values)  # type: ignore[valid-type]
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "configuration"
        reason = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            meant = suggestion(where, (*section.short, *_keys_and_sections(section)))
            reason = f"unknown key{meant or f'; synthgen config --modality {modality} lists them'}"
        raise UserError(f"configuration {name_or_file}: {where}: {reason[:1].lower()}{reason[1:]}") from None


def fields_of(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key of a configuration, dotted, with its field; sections by their keys."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from fields_of(inner, f"{above}{name}.")
        else:
            yield f"{above}{name}", field


def _keys_and_sections(section: type[M]) -> set[str]:
    keys = [name.split(".") for name, _ in fields_of(RunConfig[section])]  # type: ignore[valid-type]
    return {".".join(key[:depth]) for key in keys for depth in range(1, len(key) + 1)}


def _read(modality: str, name_or_file: str, package: str) -> dict[str, Any]:
    path = Path(name_or_file)
    if path.suffix in {".yaml", ".yml"}:
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            raise UserError(
                f"cannot read the configuration file {path}: give the path of a YAML file, or a preset: "
                f"{', '.join(presets(modality, package))}"
            ) from None
    else:
        name = preset_of(modality, name_or_file, package)
        text = resources.files(package).joinpath(modality, f"{name}.yaml").read_text("utf-8")
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        raise UserError(f"{path} is not valid YAML{'' if line is None else f' (line {line + 1})'}") from None
    if not isinstance(values, dict):
        raise UserError(f"{path} must hold a mapping of settings")
    return values


def _put(values: dict[str, Any], keys: list[str], value: object, whole: str) -> None:
    for key in keys[:-1]:
        inner = values.setdefault(key, {})
        if not isinstance(inner, dict):
            raise UserError(f"--set {whole}: {key} is a value, not a section")
        values = inner
    values[keys[-1]] = value
