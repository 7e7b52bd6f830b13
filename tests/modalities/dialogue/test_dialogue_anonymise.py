"""Transcripts with invented identifiers: held over sessions, under a secret, and no label that names one person."""

import re
from dataclasses import replace

import pytest
from dialogue_people import people

from synthgen.errors import UserError
from synthgen.modalities.dialogue.anonymise import DialogueAnonymiser, Surrogates
from synthgen.modalities.dialogue.settings import DialogueConfig
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, DialogueReal, Turn
from synthgen.records import Real

ANONYMISER = DialogueAnonymiser()
CONFIG = DialogueConfig.model_validate({"identifiers": {"policy": "consistent"}})
MEASURED = DialogueConfig()
SESSIONS = (
    "My name is Maria Lopez, born on 12 March 1956. I am 61 years old. You can call me on 555-123-4567.",
    "It is Maria again, Maria Lopez. I saw Dr. Hendricks on 2 April 1990, and I take 20 mg of citalopram.",
)


def records(patient: str = "p1", topic: str = "depression") -> list[DialogueReal]:
    return [
        Real(
            patient,
            f"{patient}-{number}",
            DialogueCondition("therapy", topic, "mild"),
            Dialogue((Turn("patient", text),), (("clinic", "north"), ("score", 12))),
        )
        for number, text in enumerate(SESSIONS)
    ]


def operator(
    strength: float = 1, secret: bytes = b"secret", people: int = 6, config: DialogueConfig = CONFIG
) -> Surrogates:
    train = [record for i in range(people) for record in records(f"t{i}")]
    opened = ANONYMISER.open("surrogates", strength, train, config, secret)
    assert isinstance(opened, Surrogates)
    return opened


def test_names_and_dates_are_others_and_hold_over_sessions() -> None:
    first, second = (record.payload.text for record in operator()(7, records()))
    for gone in ("Maria", "Lopez", "12 March 1956", "555-123-4567"):
        assert gone not in first + second
    given = first.removeprefix("My name is ").split(",")[0]
    assert len(given.split()) == 2 and second.count(given.split()[0]) == 2 and given in second
    assert "20 mg of citalopram" in second and "61 years" in first
    assert [record.condition.session for record in operator()(7, records())] == [1, 2]
    assert {record.condition.case for record in operator()(7, records())} == {7}


def test_a_surname_that_is_a_word_goes_with_its_name() -> None:
    text = "kelly wood . established patient . hello , mrs. wood ."
    told = replace(records()[0], payload=Dialogue((Turn("clinician", text),)))
    assert "wood" not in operator()(1, [told])[0].payload.text


def test_the_secret_decides_and_nothing_else() -> None:
    once, again = operator()(1, records()), operator()(1, records())
    assert once == again
    assert once != operator(secret=b"another")(1, records())
    other = operator()(1, records("p2"))
    assert [a.payload for a in once] != [b.payload for b in other]


def test_where_planted_identifiers_are_missed_names_are_redrawn() -> None:
    measured = operator(config=MEASURED)
    assert measured.policy.name == "markov" and measured.policy.found is not None
    assert 0 < measured.policy.found.value < 1
    assert "person" in measured.policy.told() and "markov" in measured.policy.told()
    asked = operator()
    assert asked.policy.name == "consistent" and asked.policy.found == measured.policy.found
    text = "I saw Gareth Ashworth. Gareth Ashworth was late. Then Gareth Ashworth left, and Gareth Ashworth rang."
    told = replace(records()[0], payload=Dialogue((Turn("patient", text),)))
    drawn = {
        tuple(re.findall(r"[A-Z]\w+ [A-Z]\w+", operator(secret=bytes([i]), config=MEASURED)(1, [told])[0].payload.text))
        for i in range(12)
    }
    assert {len(set(names)) for names in drawn} >= {2, 3}
    assert not any("Gareth" in name or "Ashworth" in name for names in drawn for name in names)


def test_strength_zero_changes_no_word_and_two_changes_ages() -> None:
    assert [r.payload.text for r in operator(0)(1, records())] == list(SESSIONS)
    assert "61 years" not in operator(2)(1, records())[0].payload.text
    with pytest.raises(UserError, match=r"0 \(nothing\), 1 \(direct identifiers\) or 2"):
        operator(1.5)
    assert "phone" in ANONYMISER.describe("surrogates", 1, CONFIG)
    assert "Nothing is changed" in ANONYMISER.describe("surrogates", 0, CONFIG)


def test_what_few_patients_have_is_left_out() -> None:
    kept = operator(people=5)(1, records())[0]
    assert dict(kept.payload.labels) == {"clinic": "north", "score": 12} and kept.condition.disorder == "depression"
    rare = operator(people=4)(1, records())[0]
    assert rare.payload.labels == () and rare.condition.disorder == ""
    assert operator()(1, records(topic="kleptomania"))[0].condition.disorder == ""


def test_the_attacker_finds_a_visit_again_and_guesses_among_strangers() -> None:
    attacker = ANONYMISER.attackers(CONFIG)[0]
    visits = [record.payload for record in people(60)]
    match = attacker.trained(visits[:30], visits[:30], 0)
    found = match(visits[30:], visits[30:])
    assert found.shape == (30, 30) and (found.argmax(axis=1) == range(30)).all()
    strangers = match(visits[30:45], visits[45:])
    assert strangers.max() < found.diagonal().min()
