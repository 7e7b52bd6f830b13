from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tiny_base import cohort, save_tiny_base

from synthgen.errors import UserError
from synthgen.generators.dialogue.fit.canaries import (
    Canaries,
    alphabets,
    draw_canaries,
    plant_canaries,
    read_canaries,
    write_canaries,
)
from synthgen.generators.dialogue.fit.config import CanaryConfig, FitConfig, LoraSection
from synthgen.generators.dialogue.fit.scoring import open_model
from synthgen.generators.dialogue.fit.training import fit_adapters
from synthgen.payloads.dialogue import DialogueReal
from synthgen.progress import Silent


def times_said(records: list[DialogueReal], secret: str) -> int:
    return sum(record.payload.text.count(f" {secret}.") for record in records)


@pytest.mark.parametrize("space", ["digits", "words"])
def test_secrets_are_distinct_and_of_the_stated_space(space: str) -> None:
    config = CanaryConfig(count=30, repetitions=(1, 3), space=space, length=5, references=500)  # type: ignore[arg-type]
    canaries = draw_canaries(config, seed=0)
    secrets = [c.secret for c in canaries.planted] + list(canaries.references)
    assert len(set(secrets)) == 530 and len(canaries.planted) == 30
    assert all(len(s.split()) == 5 and set(s.split()) <= set(alphabets()[space]) for s in secrets)
    assert Counter(c.repetitions for c in canaries.planted) == {1: 15, 3: 15}
    used = Counter(part for secret in secrets for part in secret.split())
    assert set(used) == set(alphabets()[space]), "every letter of the space is drawn"
    assert draw_canaries(config, seed=0) == canaries != draw_canaries(config, seed=1)


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(0, 12),
    repetitions=st.lists(st.integers(0, 6), min_size=1, max_size=4),
    patients=st.integers(1, 6),
    seed=st.integers(0, 3),
)
def test_every_canary_is_said_as_often_as_it_should_be(
    count: int, repetitions: list[int], patients: int, seed: int
) -> None:
    train = cohort(patients, turns=8)
    config = CanaryConfig(count=count, repetitions=tuple(repetitions), references=15)
    canaries = draw_canaries(config, seed)
    room = sum(len(record.payload.said_by("patient")) for record in train)
    if sum(c.repetitions for c in canaries.planted) > room:
        with pytest.raises(UserError, match="plant fewer canaries"):
            plant_canaries(train, canaries, seed)
        return
    planted = plant_canaries(train, canaries, seed)
    for canary in canaries.planted:
        assert times_said(planted, canary.secret) == canary.repetitions
        assert times_said(list(train), canary.secret) == 0
    for secret in canaries.references:
        assert times_said(planted, secret) == 0
    for before, after in zip(train, planted, strict=True):
        assert (before.patient, before.record, before.condition) == (after.patient, after.record, after.condition)
        for old, new in zip(before.payload.turns, after.payload.turns, strict=True):
            assert new.text.startswith(old.text) and new.speaker == old.speaker
            assert new == old or (new.speaker == "patient" and new.text.count(canaries.prefix) == 1)


def test_repetitions_go_to_as_many_records_as_there_are() -> None:
    train = cohort(6, sessions=1, turns=8)
    canaries = draw_canaries(CanaryConfig(count=1, repetitions=(6,), references=15), seed=0)
    planted = plant_canaries(train, canaries, seed=0)
    assert all(times_said([record], canaries.planted[0].secret) == 1 for record in planted)


def test_the_record_of_what_was_planted_comes_back(tmp_path: Path) -> None:
    canaries = draw_canaries(CanaryConfig(count=3, references=20), seed=4)
    assert read_canaries(tmp_path) is None
    write_canaries(tmp_path, canaries)
    assert read_canaries(tmp_path) == canaries
    path = tmp_path / "canaries.json"
    assert path.stat().st_mode & 0o077 == 0 and "never release" in path.read_text()
    path.write_text("{}")
    with pytest.raises(UserError, match="damaged"):
        read_canaries(tmp_path)


def test_a_space_too_small_for_its_references_is_refused() -> None:
    with pytest.raises(ValidationError, match="make it longer"):
        CanaryConfig(count=1, length=4, references=1023)
    with pytest.raises(ValidationError, match=">= 0"):
        CanaryConfig(repetitions=(-1,))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.set_num_threads(1)
    return str(save_tiny_base(tmp_path_factory.mktemp("base") / "chat"))


def test_a_fit_plants_and_a_trained_model_can_be_asked(base: str, tmp_path: Path) -> None:
    config = FitConfig(
        epochs=1,
        batch=4,
        max_tokens=500,
        learning_rate=5e-3,
        lora=LoraSection(rank=2, alpha=4),
        canaries=CanaryConfig(count=2, repetitions=(2, 4), references=20),
    )
    train = cohort(4)
    fit_adapters(train, base, config, tmp_path / "model", seed=0, progress=Silent())
    canaries = read_canaries(tmp_path / "model")
    assert isinstance(canaries, Canaries) and canaries == draw_canaries(config.canaries, seed=0)
    model = open_model(base, tmp_path / "model", max_tokens=500)

    secrets = [c.secret for c in canaries.planted] + list(canaries.references)
    asked = model.secret_log_probabilities(canaries, secrets, train[0].condition)
    assert asked.shape == (22,) and (asked < 0).all() and np.ptp(asked) > 0
    # The secrets' common start is read once; each by itself, in full, must come to the same.
    alone = [model.secret_log_probabilities(canaries, [secret], train[0].condition)[0] for secret in secrets[:4]]
    assert np.allclose(asked[:4], alone, atol=1e-4)
    plain = model.secret_log_probabilities(canaries, secrets, train[0].condition, adapted=False)
    assert not np.allclose(asked, plain, atol=1e-3)

    (tuned, untuned), *_ = model.token_log_probabilities(train[:2])
    assert tuned.shape == untuned.shape and len(tuned) > 20 and (tuned <= 0).all()
    assert tuned.mean() > untuned.mean(), "the model has learnt something of its training text"
