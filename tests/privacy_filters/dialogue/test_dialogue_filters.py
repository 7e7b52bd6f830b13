"""The dialogue filters as a whole: calibrated on strangers, they catch copies; a case under two numbers is one."""

from dataclasses import replace

import numpy as np
import pytest
from dialogue_people import people, visit

from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.privacy_filters.dialogue.filters import DialogueFilters, SharedWords
from synthgen.privacy_filters.dialogue.planted import planted_copies
from synthgen.privacy_filters.dialogue.same_case import same_case
from synthgen.privacy_filters.gate import Gate, calibrate_gate, plant
from synthgen.records import Filters

TRAIN = people(40)
STRANGERS = people(120, first=1_000)


@pytest.fixture(scope="module")
def gate() -> Gate[Dialogue]:
    filters: Filters[Dialogue] = DialogueFilters.over([r.payload for r in TRAIN], [r.patient for r in TRAIN])
    return calibrate_gate(filters, TRAIN, STRANGERS, alpha=0.01, seed=0)


def test_claimed_copies_are_caught(gate: Gate[Dialogue]) -> None:
    for result in plant(gate, planted_copies(TRAIN, (), seed=0)):
        if result.domain == "exact":
            assert result.caught == result.planted
        elif result.domain == "perturbed":
            assert result.caught >= 0.9 * result.planted, result.perturbation


def test_strangers_pass(gate: Gate[Dialogue]) -> None:
    others = people(200, first=5_000)
    assert gate.calibration.rejects(gate.filters.scores([r.payload for r in others])).mean() < 0.06


def test_scores_have_a_column_per_name_and_do_not_depend_on_the_others(gate: Gate[Dialogue]) -> None:
    dialogues = [visit(3), visit(2_000), visit(2_001)]
    scores = gate.filters.scores(dialogues)
    assert scores.shape == (3, len(gate.filters.names))
    assert gate.filters.names[:4] == ("shared_run", "shared_words", "near_duplicate", "passage")
    one_by_one = np.concatenate([gate.filters.scores([dialogue]) for dialogue in dialogues])
    assert scores == pytest.approx(one_by_one, rel=1e-6)
    assert gate.filters.scores([]).shape == (0, len(gate.filters.names))


def test_ones_own_record_can_be_left_out(gate: Gate[Dialogue]) -> None:
    own = gate.filters.scores([r.payload for r in TRAIN], [r.patient for r in TRAIN])
    assert (own > 0).all()
    assert not gate.calibration.rejects(own).all()
    assert gate.calibration.rejects(own).mean() < 0.1


def test_enrolled_records_are_protected_at_once(gate: Gate[Dialogue]) -> None:
    new = people(3, first=8_000)
    payloads = [r.payload for r in new]
    assert not gate.calibration.rejects(gate.filters.scores(payloads)).all()
    grown = gate.filters.enrolled(payloads, [r.patient for r in new])
    assert gate.calibration.rejects(grown.scores(payloads)).all()
    assert grown.nearest_patients(payloads) == [r.patient for r in new]


def test_distances_are_zero_to_oneself(gate: Gate[Dialogue]) -> None:
    distances = gate.filters.distances([visit(1), visit(2)], [visit(1), visit(2), visit(3)])
    assert distances.shape == (2, 3)
    assert np.diag(distances) == pytest.approx([0, 0], abs=5e-3)
    assert distances[0, 1] > 0.5


def test_what_cannot_be_judged_is_rejected(gate: Gate[Dialogue]) -> None:
    fillers = Dialogue((Turn("patient", "Um."),))
    assert gate.calibration.rejects(gate.filters.scores([fillers])).all()


def test_shared_words_add_up_by_patient_beyond_chance() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    train = [" ".join(f"{p}{c}" for c in letters) for p in ("k", "m")]
    part = SharedWords.over([Dialogue((Turn("patient", text),)) for text in train], ["k", "m"])
    assert part.chance == 3
    words = train[0].split()
    candidate = [*words[:6], "x", *words[10:17], "y", *train[1].split()[:5], "z"]
    run, shared = part.scores([Dialogue((Turn("patient", " ".join(candidate)),))])[0]
    assert run == pytest.approx(1 / 7)
    assert shared == pytest.approx(np.sqrt(len(candidate)) / (1 + (6 - 3) + (7 - 3)))


def test_a_copy_of_every_word_scores_zero_however_short() -> None:
    dialogues = [Dialogue((Turn("clinician", "Any allergies?"), Turn("patient", "None.")))]
    part = SharedWords.over([*dialogues, visit(0)], ["p", "q"])
    assert part.scores(dialogues)[0, 0] == 0.0


def test_a_case_under_two_numbers_is_one_patient() -> None:
    records = people(10)
    half = Dialogue((*records[2].payload.turns[:10], *visit(700).turns[:6]))
    returned = replace(records[0], patient="z")
    everybody = [*records, replace(records[3], patient="y", payload=half), returned]
    dialogues = [r.payload for r in everybody]
    dialogues[-2] = half
    cases = same_case(dialogues, [r.patient for r in everybody])
    assert cases[:10] == [r.patient for r in records]
    assert cases[-2:] == ["p002", "p000"]
