"""What a release shows of its settings, and what differs between two runs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from synthgen.config import RunConfig, load_config
from synthgen.modalities.cxr.settings import CxrConfig
from synthgen.modalities.dialogue.settings import DialogueConfig
from synthgen.settings import as_yaml, changes, left_out_of, public_yaml


def load(*settings: str, seed: int | None = None) -> RunConfig[CxrConfig]:
    return load_config(CxrConfig, "cxr", "demo", settings, seed=seed)


def test_the_seed_stands_in_no_text() -> None:
    config = load(seed=1234567890123)
    for text in (as_yaml(config), public_yaml(config, "cxr"), *changes(as_yaml(load(seed=5)), config)):
        assert "1234567890123" not in text
    assert not changes(as_yaml(load(seed=5)), config)


def test_a_preset_is_public_but_for_its_seed(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(public_yaml(load(seed=3), "cxr"))
    assert load_config(CxrConfig, "cxr", str(path), seed=3).digest() == load(seed=3).digest()
    assert left_out_of(path) == ()


def test_paths_hosts_and_words_of_a_user_are_not_public(tmp_path: Path) -> None:
    private = (
        "split.file=/data/hospital/split.csv",
        "people.apart=apart.csv",
        "split.seed=77",
        "modality.generator.base=/models/of/ours",
        "modality.generator.server.url=http://127.0.0.1:8123/v1",
        "modality.cohort.roles={Dr Weiss: clinician}",
    )
    config = load_config(DialogueConfig, "dialogue", "cpu", [*private, "gate.alpha=0.02"])
    (tmp_path / "config.yaml").write_text(text := public_yaml(config, "dialogue"))
    for word in ("hospital", "apart.csv", "77", "ours", "8123", "Weiss"):
        assert word not in text
    assert "alpha: 0.02" in text
    assert set(left_out_of(tmp_path / "config.yaml")) == {setting.partition("=")[0] for setting in private}


@examples(max_examples=20, deadline=None)
@given(st.floats(0.001, 0.05), st.integers(1, 500), st.sampled_from(["merge", "stop"]))
def test_what_differs_is_named_with_both_values(alpha: float, planted: int, link: str) -> None:
    before = load()
    after = load(f"gate.alpha={alpha!r}", f"gate.planted={planted}", f"people.link={link}")
    told = changes(as_yaml(before), after)
    names = {
        name
        for name, then, now in (
            ("gate.alpha", before.gate.alpha, alpha),
            ("gate.planted", before.gate.planted, planted),
            ("people.link", before.people.link, link),
        )
        if then != now
    }
    assert {line.split(" ")[0] for line in told} == names
    if "gate.planted" in names:
        assert f"gate.planted was 60 and is {planted}" in told


def test_a_split_of_ones_own_is_named_without_its_seed() -> None:
    assert changes(as_yaml(load()), load("split.seed=9")) == ["split.seed differs"]


@pytest.mark.parametrize("text", ["", "- 1\n", "a: [", "samples: 3\nold: 1\n"])
def test_a_damaged_record_of_settings_is_no_traceback(text: str) -> None:
    assert changes(text, load())
