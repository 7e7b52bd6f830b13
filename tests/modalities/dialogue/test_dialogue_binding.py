"""What the pipeline asks of dialogues about people: who is one person, and which model has read nobody."""

from pathlib import Path

import numpy as np
import pytest

from synthgen.dp.evolution import Evolved
from synthgen.generators.dialogue.config import GeneratorConfig
from synthgen.generators.dialogue.evolution import PlanCandidate, write_prior
from synthgen.generators.dialogue.model_folder import write_model_folder
from synthgen.generators.dialogue.plan.config import PlanConfig
from synthgen.generators.dialogue.private_model import PRIOR
from synthgen.modalities.dialogue.binding import DIALOGUE
from synthgen.modalities.dialogue.settings import DialogueConfig
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, Turn
from synthgen.progress import Silent
from synthgen.records import Cohort, Link, Real, Request


def test_sessions_of_one_case_are_one_person() -> None:
    plan = DIALOGUE.generator.free_conditions(Path("nowhere"), DialogueConfig())
    people = [DIALOGUE.cohorts.person(plan(slot, 7)) for slot in range(9)]
    assert people[0] is not None
    assert people[:4] == people[:1] * 4
    assert people[4:8] == people[4:5] * 4
    assert len({people[0], people[4], people[8]}) == 3
    assert DIALOGUE.cohorts.person(DialogueCondition("visit", "pain")) is None


def test_the_sessions_of_a_case_are_joined_in_order() -> None:
    parts = [Dialogue((Turn("patient", text), Turn("clinician", "Go on.")), (("n", 1),)) for text in ("One.", "Two.")]
    assert DIALOGUE.cohorts.joined(parts).turns == (*parts[0].turns, *parts[1].turns)


def test_a_transcript_under_two_patients_is_linked() -> None:
    turns = (Turn("clinician", "What brings you here?"), Turn("patient", "My left knee has hurt since the harvest."))
    records = [Real(p, p, DialogueCondition(), Dialogue(turns)) for p in ("P01", "P02")]
    assert DIALOGUE.cohorts.links(records, DialogueConfig(), Silent()) == [Link(0, 1, "same transcript")]


def test_the_grammar_alone_has_read_nobody(tmp_path: Path) -> None:
    write_model_folder(tmp_path / "grammar", GeneratorConfig())
    assert not DIALOGUE.generator.reads_cohort(tmp_path / "grammar")


@pytest.mark.parametrize("kind", ["chat", "foreign", "more", "missing"])
def test_any_other_model_may_have_read_somebody(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / kind
    if kind == "chat":
        write_model_folder(folder, GeneratorConfig(realiser="transformers", base="somewhere/chat"))
    elif kind != "missing":
        write_model_folder(folder, GeneratorConfig())
        (folder / ("excerpts.jsonl" if kind == "more" else "synthgen_dialogue.json")).write_text("{}")
    assert DIALOGUE.generator.reads_cohort(folder)


@pytest.mark.parametrize("asked", [0, 2])
def test_the_judge_is_asked_only_where_it_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: int
) -> None:
    """A judge is a language model that is shown real transcripts: off means that it is not even opened."""
    opened: list[Path | None] = []

    def judge_of(model: Path | None, config: object, seed: int) -> None:
        opened.append(model)

    monkeypatch.setattr("synthgen.modalities.dialogue.binding.judge_of", judge_of)
    write_model_folder(tmp_path / "grammar", GeneratorConfig())
    config = DialogueConfig.model_validate({"evaluation": {"judge_dialogues": asked}} if asked else {})
    nobody: Cohort[Dialogue, DialogueCondition] = Cohort((), (), (), "", "")
    DIALOGUE.generator.evaluate(tmp_path / "grammar", (), nobody, config, 0, Silent())
    assert len(opened) == min(1, asked)


@pytest.fixture
def voted(tmp_path: Path) -> Path:
    """The grammar with a prior of two plans."""
    write_model_folder(tmp_path / "voted", GeneratorConfig())
    plans = (
        PlanCandidate("visit", "cough", "severe", "terse", "open", 31),
        PlanCandidate("therapy", "grief", "mild", "verbose", "resigned", 61),
    )
    write_prior(tmp_path / "voted" / PRIOR, Evolved(plans, np.array([0.5, 0.5])))
    return tmp_path / "voted"


def test_what_patients_voted_for_is_planned_whole(voted: Path, tmp_path: Path) -> None:
    config = DialogueConfig()
    config = config.model_copy(
        update={"generator": config.generator.model_copy(update={"plan": PlanConfig(sessions=1)})}
    )
    asked = DIALOGUE.generator.free_conditions(voted, config)
    conditions = [asked(slot, 3) for slot in range(12)]
    assert {(c.disorder, c.severity) for c in conditions} == {("cough", "severe"), ("grief", "mild")}
    generator = DIALOGUE.generator.open(voted, config, 12, tmp_path)
    made = generator([Request(slot, condition) for slot, condition in enumerate(conditions)])
    length = {c.disorder: len(one.payload.turns) for c, one in zip(conditions, made, strict=True)}
    assert length["cough"] < 40 < length["grief"]
    assert "patients voted privately" in DIALOGUE.generator.describe(voted, config)
    assert DIALOGUE.generator.reads_cohort(voted)


def test_in_the_public_space_another_subject_explains_nothing() -> None:
    space = DIALOGUE.generator.public_space(DialogueConfig())
    assert space is not None

    def told(*lines: str) -> Dialogue:
        return Dialogue(tuple(Turn("patient", line) for line in lines for _ in range(10)))

    cough = told("I cough day and night, and bring up phlegm.", "The cough is dry when I lie down.")
    again = told("This cough will not go, there is phlegm.", "I cough at night, it is a dry cough.")
    grief = told("Since my husband died I cannot look at his chair.", "The grief comes in waves at the grave.")
    features, radius = space.features([cough, again, grief]), space.radius(space.share)
    assert np.linalg.norm(features[0] - features[1]) < radius < np.linalg.norm(features[0] - features[2])
