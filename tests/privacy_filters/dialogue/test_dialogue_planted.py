"""Planted copies: seeded, whole, and what their names say."""

from dataclasses import replace

import pytest
from dialogue_people import people

from synthgen.payloads.dialogue import Dialogue, DialogueReal, Turn
from synthgen.privacy_filters.dialogue.planted import planted_copies
from synthgen.privacy_filters.dialogue.words import dialogue_words
from synthgen.records import Planted, RoundTrip


def by_name(records: list[DialogueReal], seed: int = 0) -> dict[str, Planted[Dialogue]]:
    return {planted.perturbation: planted for planted in planted_copies(records, (), seed)}


def test_every_record_is_copied_under_every_perturbation_and_the_originals_stay() -> None:
    records = people(6)
    before = [record.payload for record in records]
    copies = by_name(records)
    assert next(iter(copies)) == "exact"
    assert copies["exact"].payloads == tuple(before)
    for name, planted in copies.items():
        assert len(planted.payloads) == len(records)
        if name != "exact":
            assert all(copy != record.payload for copy, record in zip(planted.payloads, records, strict=True)), name
    assert [record.payload for record in records] == before


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_copies_are_seeded(seed: int) -> None:
    records = people(5)
    assert by_name(records, seed) == by_name(records, seed)
    assert by_name(records, seed)["misspelt_10%"] != by_name(records, seed + 1)["misspelt_10%"]


def test_half_of_the_turns_are_the_patients_own() -> None:
    records = people(20)
    copies = by_name(records)
    for record, replaced, dropped in zip(
        records,
        copies["half_of_turns_replaced"].payloads,
        copies["half_of_turns_dropped"].payloads,
        strict=True,
    ):
        own = record.payload.turns
        assert len(replaced.turns) == len(own)
        kept = sum(a == b for a, b in zip(replaced.turns, own, strict=True) if b.speaker == "patient")
        assert kept <= len(own) / 2 + 1
        assert sum(a == b for a, b in zip(replaced.turns, own, strict=True)) >= len(own) / 2
        assert len(dropped.turns) == len(own) / 2
        assert all(turn in own for turn in dropped.turns)
        assert [turn.speaker for turn in replaced.turns] == [turn.speaker for turn in own]


def test_turns_are_moved_and_cut_without_losing_a_word() -> None:
    records = people(8)
    copies = by_name(records)
    for record, shuffled, cut, plain in zip(
        records,
        copies["turns_shuffled"].payloads,
        copies["turns_resegmented"].payloads,
        copies["case_and_punctuation"].payloads,
        strict=True,
    ):
        assert sorted(turn.text for turn in shuffled.turns) == sorted(turn.text for turn in record.payload.turns)
        assert cut.text.split() == record.payload.text.split()
        assert dialogue_words(plain) == dialogue_words(record.payload)
        assert plain.text == plain.text.lower()


def test_a_host_of_spliced_turns_copies_nobody() -> None:
    records = people(30)
    for record, spliced in zip(records, by_name(records)["spliced_5_turns"].payloads, strict=True):
        foreign = [turn for turn in spliced.turns if turn not in record.payload.turns]
        for other in records:
            if other is not record:
                assert sum(turn in other.payload.turns for turn in foreign if turn.speaker == "patient") <= 8
        assert sum(turn in record.payload.turns for turn in spliced.turns) >= 5


def test_numbers_are_replaced_alike_within_a_dialogue() -> None:
    record = people(1)[0]
    turn = "I saw Dr. Brown, then Martha, then Dr. Brown: 12 pills, 12 days, 3 weeks."
    dialogue = Dialogue((Turn("patient", turn),))
    copied = by_name([replace(record, payload=dialogue)])["names_and_numbers"].payloads[0].text
    assert "Brown" not in copied
    assert "12" not in copied
    numbers = [word for word in dialogue_words(Dialogue((Turn("patient", copied),))) if word.isdigit()]
    assert numbers[0] == numbers[1] != numbers[2]


def test_one_record_of_one_turn_can_be_copied() -> None:
    record = people(1)[0]
    tiny = replace(record, payload=Dialogue((Turn("patient", "No."),)))
    for planted in planted_copies([tiny], (), 0):
        assert planted.payloads[0].text.strip()


def test_round_trips_come_last_under_their_own_names() -> None:
    records = people(3)
    trip = RoundTrip("said_again", "generator", lambda real: [record.payload for record in real])
    found = list(planted_copies(records, [trip], 0))
    assert (found[-1].perturbation, found[-1].domain) == ("said_again", "generator")
