"""What the pipeline asks of dialogues about people: who is one person, and which model has read nobody."""

from pathlib import Path

import pytest

from synthgen.generators.dialogue.config import GeneratorConfig
from synthgen.generators.dialogue.model_folder import write_model_folder
from synthgen.modalities.dialogue.binding import DIALOGUE
from synthgen.modalities.dialogue.settings import DialogueConfig
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, Turn
from synthgen.progress import Silent
from synthgen.records import Cohort, Link, Real


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
