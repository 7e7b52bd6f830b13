"""The red team: its copies are copies, its strangers are nobody, and a cell goes through the real pipeline."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from flow_command import TINY

from benchmarks.red_team import held_out, images, results, transcripts, uneven, unlisted, unlisted_transcripts
from benchmarks.red_team.bench import Cell, Ground, prepare, run_cell
from benchmarks.red_team.honest import Case, run_case
from benchmarks.red_team.kinds import Kind, Material
from benchmarks.red_team.leaky import Strangers
from benchmarks.red_team.synonyms import WordNet
from synthgen.payloads.cxr import CxrCondition, CxrImage
from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.records import Real
from synthgen.seeds import attempt_seed

IMAGES = (*images.KINDS, *held_out.IMAGES, *unlisted.IMAGES)
TRANSCRIPTS = (*transcripts.KINDS, *held_out.TRANSCRIPTS, *unlisted_transcripts.TRANSCRIPTS)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Sixty-eight phantoms, seventeen of them set aside."""
    base = tmp_path_factory.mktemp("red")
    few = ("modality.demo.patients=68", "gate.attempts=8", "gate.planted=3")
    return prepare("cxr", "demo", base=base, preset=str(TINY), settings=few, samples=6, aside=0.25)


def material(kind: Kind[CxrImage], seed: int = 0) -> Material[CxrImage]:
    rng = np.random.default_rng(seed)
    victim, second, stranger = (rng.integers(0, 256, (48, 48)).astype(np.uint8) for _ in range(3))
    return Material(victim, "a", second, stranger, 0, kind.sessions, Path(), np.random.default_rng(1))


def talk(name: str, count: int = 24) -> Dialogue:
    sides = ("clinician", "patient")
    return Dialogue(
        tuple(Turn(sides[i % 2], f"{name} says thing number {i} about I and my day.") for i in range(count))
    )


def telling(kind: Kind[Dialogue], session: int = 0) -> Material[Dialogue]:
    (victim,) = transcripts.with_events([Real("p", "r", None, talk("victim"))], 0)
    return Material(
        victim.payload, "r", talk("second"), talk("stranger"), session, kind.sessions, Path(), np.random.default_rng(1)
    )


def test_exact_copies_are_refused_and_nothing_is_released(ground: Ground) -> None:
    line = run_cell(ground, Cell(images.KINDS[0], 1.0, 0, "full"))
    assert line is not None
    assert line["outcome"] == "REFUSE"
    assert line["copies_kept"] == 0
    assert line["copies_rejected"] == line["copies_tried"] > 0
    assert any("memorises" in reason for reason in line["reasons"])


@pytest.mark.slow
def test_both_modes_judge_the_same_copies_alike(ground: Ground) -> None:
    full, remembered = (run_cell(ground, Cell(images.KINDS[0], 0.5, 3, mode)) for mode in ("full", "gate-only"))
    assert full is not None and remembered is not None
    for name in ("copies_tried", "copies_rejected", "honest_tried", "honest_rejected", "first_rejected", "limit"):
        assert full[name] == remembered[name], name


@pytest.mark.slow
@pytest.mark.parametrize("victims", ["calibration"])
def test_copies_are_of_the_people_asked_for(ground: Ground, victims: str) -> None:
    cell = Cell(images.KINDS[0], 1.0, 0, "gate-only", victims=victims)
    line = run_cell(ground, cell)
    assert line is not None
    assert line["victims"] == victims
    assert line["copies_tried"] > 0 == line["honest_tried"]


def test_strangers_are_in_no_part_of_the_cohort(ground: Ground) -> None:
    cohort = {record.patient for record in (*ground.cohort.train, *ground.cohort.calibration, *ground.cohort.audit)}
    assert len(cohort) == 51
    assert not cohort & {record.patient for record in ground.strangers}
    assert len(ground.strangers) == 17


@pytest.mark.slow
def test_an_honest_run_draws_other_people_for_every_part(ground: Ground) -> None:
    line = run_case(ground, Case(0, "gate-only"))
    assert line["cohort"] == "even"
    assert line["patients"] == 51
    assert line["first_attempts"] >= 6, line["reasons"]
    assert line["expected_block_rate"] == pytest.approx(
        1 / (1 + len({record.patient for record in ground.cohort.calibration}))
    )


@pytest.mark.parametrize("kind", IMAGES, ids=lambda kind: kind.name)
def test_every_kind_of_image_is_an_image_that_keeps_something(kind: Kind[CxrImage]) -> None:
    first, again = (kind.change(material(kind)) for _ in range(2))
    assert first.shape == (48, 48)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert np.array_equal(first, material(kind).victim) == (kind.name == "verbatim")
    assert not np.array_equal(first, kind.change(material(kind, seed=5)))


@pytest.mark.parametrize("kind", TRANSCRIPTS, ids=lambda kind: kind.name)
def test_every_kind_of_transcript_is_a_dialogue(kind: Kind[Dialogue]) -> None:
    copy = kind.change(telling(kind))
    assert copy == kind.change(telling(kind))
    assert not copy.labels
    assert len(copy.turns) >= 2


def test_synonyms_come_from_the_files_of_wordnet(tmp_path: Path) -> None:
    for part in ("noun", "verb", "adj", "adv"):
        (tmp_path / f"index.{part}").write_text("")
        (tmp_path / f"data.{part}").write_text("")
    (tmp_path / "index.verb").write_text("  1 a licence\nassist v 1 2 @ + 1 7 00000010  \n")
    (tmp_path / "data.verb").write_text("00000010 29 v 02 assist 0 help 0 000 | give aid\n")
    other = WordNet(tmp_path).other
    assert [other(word) for word in ("assist", "assisted", "assisting", "assure")] == [
        "help",
        "helped",
        "helping",
        None,
    ]


def test_a_dealt_transcript_is_whole_again_over_its_sessions() -> None:
    for kind in transcripts.KINDS:
        if kind.sessions > 1:
            said = Counter(t for session in range(kind.sessions) for t in kind.change(telling(kind, session)).turns)
            assert all(said[turn] == 1 for turn in telling(kind).victim.turns)


def test_no_event_is_retold_in_its_own_words() -> None:
    def runs(text: str) -> set[tuple[str, ...]]:
        words = [word.strip(".,;'").lower() for word in text.split()]
        return {tuple(words[i : i + 4]) for i in range(len(words) - 3)}

    assert len(transcripts.EVENTS) >= 20
    for event in transcripts.EVENTS:
        assert not runs(event.told) & runs(event.retold), event.told


def test_first_attempts_of_an_honest_generator_are_different_people() -> None:
    records = [Real(f"p{i}", "r", CxrCondition(), i) for i in range(40)]
    strangers = Strangers.dealt(records, 7, 0, 32)
    assert len({strangers.of(attempt_seed(0, slot, 0)) for slot in range(32)}) == 32


def test_one_in_ten_is_of_the_group_and_has_many_records(tmp_path: Path) -> None:
    records = [Real(f"p{i}", "r", CxrCondition(view="PA"), material(IMAGES[0]).victim) for i in range(300)]
    group = uneven.GROUPS["clustered"]
    assert group is not None
    made = uneven.reshaped("cxr", records, group, tmp_path, aside=False)
    counts = Counter(record.patient for record in made)
    heavy = {patient for patient, count in counts.items() if count == uneven.RECORDS}
    assert heavy == {record.patient for record in made if record.condition.view == "AP"}
    assert 0.05 < len(heavy) / 300 < 0.16


def test_finished_runs_are_known_again_and_a_torn_line_is_not(tmp_path: Path) -> None:
    file = results.Results(tmp_path / "runs.jsonl")
    file.append({"kind": "negative", "share": 0.1, "outcome": "PASS"})
    with file.path.open("a") as open_file:
        open_file.write('{"kind": "negative", "share": 0.')
    file.append({"kind": "crop", "share": 0.1})
    assert file.has({"kind": "negative", "share": 0.1})
    assert not file.has({"kind": "negative", "share": 1.0})
    assert [line["kind"] for line in file.lines()] == ["negative", "crop"]


def test_a_pass_with_a_copy_in_it_stands_in_the_table() -> None:
    line = {
        "modality": "cxr", "data": "demo", "preset": "demo", "mode": "full", "victims": "train", "sticks": False,
        "kind": "negative", "held_out": False, "share": 1.0, "n": 8, "outcome": "PASS", "first_rejected": 0,
        "copies_tried": 8, "copies_rejected": 0, "slots_with_copies": 8, "copies_kept": 8,
    }  # fmt: skip
    (row,) = results.leaks([line, {**line, "outcome": "REFUSE", "copies_kept": 3}])
    assert row["passed_with_a_copy"] == 1
    assert row["copies_in_passed"] == 8
    assert json.loads(json.dumps(row))["verdicts"] == {"PASS": 1, "REFUSE": 1}
    assert "**8 copies passed**" in results.leak_table([row])


def test_events_are_told_by_people_of_the_cohort(tmp_path: Path) -> None:
    patients = ("modality.demo.patients=60", "modality.demo.utterances=[24, 30]")
    told = prepare("dialogue", "demo", base=tmp_path, preset="demo", settings=patients, samples=8, aside=0.2)
    kind = next(kind for kind in transcripts.KINDS if kind.name == "event retold")
    assert [record for record in told.cohort.train if kind.applies(record.record, record.payload)]
    assert not [record for record in told.strangers if kind.applies(record.record, record.payload)]


def test_the_modes_are_compared_on_the_runs_that_both_have() -> None:
    line = {
        "modality": "cxr", "data": "demo", "preset": "demo", "mode": "full", "victims": "train", "sticks": False,
        "kind": "negative", "held_out": False, "share": 1.0, "n": 8, "seed": 0, "outcome": "REFUSE",
        "first_rejected": 8, "limit": 3,
    }  # fmt: skip
    milder = {**line, "mode": "gate-only", "outcome": "PASS", "first_rejected": 2}
    text = results.agreement([line, milder, {**line, "seed": 1}])
    assert "on 1 runs: same verdict 0, same answer of the generator's test 0, passed by gate-only alone 1" in text
    assert results.agreement([line]) == ""
