"""Configuration: every preset loads, and a mistake is one line that names the key."""

from pathlib import Path

import pytest

from synthgen.config import RunConfig, load_config, presets
from synthgen.errors import UserError
from synthgen.modalities.cxr.settings import CxrConfig


def load(name: str = "demo", *settings: str, **overrides: int | None) -> RunConfig[CxrConfig]:
    return load_config(CxrConfig, "cxr", name, settings, **overrides)


def test_the_presets_load_and_differ() -> None:
    assert presets("cxr") == ("base", "cpu", "demo", "full")
    sizes = {name: load(name).modality.generator.size for name in presets("cxr")}
    assert sizes["demo"] == 128
    assert sizes["cpu"] == 128
    assert 256 <= sizes["full"] <= 512
    assert len({load(name).digest() for name in presets("cxr")}) == 4


def test_settings_and_options_override_the_preset() -> None:
    config = load("demo", "gate.alpha=0.03", "modality.generator.sampler.kind=ddim", seed=5, samples=None)
    assert config.gate.alpha == 0.03
    assert config.modality.generator.sampler.kind == "ddim"
    assert config.seed == 5
    assert config.samples == load().samples
    assert config.digest() != load(seed=4).digest() == load(seed=4).digest()


def test_a_seed_that_nobody_gave_is_random() -> None:
    drawn = [load().seed for _ in range(20)]
    assert len(set(drawn)) == 20
    assert max(drawn) > 2**50  # 20 draws below it: one run in 10^72
    assert "seed" not in load().model_fields_set and "seed" in load(seed=0).model_fields_set


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["gate.alhpa=0.02"], "gate.alhpa: unknown key"),
        (["gate.alpha=2"], "gate.alpha: input should be less than"),
        (["gate.alpha=soon"], "gate.alpha: input should be a valid number"),
        (["gate"], "--set takes key=value, got 'gate'"),
        (["gate.alpha=[1,"], "not valid YAML"),
        (["samples.many=3"], "samples is a value, not a section"),
        (["split.train=0.9"], "must add up to 1"),
        (["modality.generator.size=50"], "size"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_the_key(settings: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message.replace("[", r"\[")) as error:
        load("demo", *settings)
    assert "\n" not in str(error.value)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    good, bad, empty = tmp_path / "own.yaml", tmp_path / "bad.yaml", tmp_path / "empty.yaml"
    good.write_text("samples: 7\n")
    bad.write_text("samples: [1,\n")
    empty.write_text("- 1\n")
    assert load(str(good)).samples == 7
    for path, message in ((bad, "not valid YAML"), (empty, "mapping"), (tmp_path / "no.yaml", "cannot read")):
        with pytest.raises(UserError, match=message):
            load(str(path))
    with pytest.raises(UserError, match="no preset 'dmeo' for cxr: give one of base, cpu, demo, full"):
        load("dmeo")
