"""Transcripts with invented identifiers: held over sessions, under a secret, and no label that names one person."""

import re
from dataclasses import replace

import pytest
from dialogue_people import people

from synthgen.errors import UserError
from synthgen.modalities.dialogue.anonymise import DialogueAnonymiser, Surrogates
from synthgen.modalities.dialogue.languages import other_languages
from synthgen.modalities.dialogue.settings import DialogueConfig
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, DialogueReal, Turn
from synthgen.progress import Silent
from synthgen.records import Cohort, Real

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
    with pytest.raises(UserError, match=r"0 \(nothing\), 1 \(direct identifiers\), 2"):
        operator(1.5)
    assert "phone" in ANONYMISER.describe("surrogates", 1, CONFIG)
    assert "Nothing is changed" in ANONYMISER.describe("surrogates", 0, CONFIG)


COMMON = "I have slept badly and my knee is swollen. I take 20 mg of citalopram. On Sundays I play with the children."
RARE_FACT = "I repair lighthouse lamps at the quarry every Friday."


def told(patient: str, *utterances: str) -> DialogueReal:
    return replace(
        records(patient)[0], payload=Dialogue(tuple(Turn("patient", text) for text in utterances)), record=utterances[0]
    )


def test_at_strength_three_goes_what_few_share_and_clinical_facts_stay() -> None:
    train = [told(f"t{i}", COMMON) for i in range(8)]
    own = told("p1", f"{COMMON} {RARE_FACT}", "My quarry cough is worse.", "The lamps are my joy.", RARE_FACT)

    def changed(strength: float) -> tuple[str, ...]:
        opened = ANONYMISER.open("surrogates", strength, train, CONFIG, b"secret")
        return tuple(turn.text for turn in opened(1, [own])[0].payload.turns)

    assert RARE_FACT in changed(1)[0]
    common, clinical, spoken, nothing = changed(3)
    assert common.startswith("I have slept badly and my knee is swollen. I take 20 mg of citalopram. On ")
    assert common.endswith("I play with the children.") and nothing == "…"
    assert clinical == "My quarry cough is worse." and spoken == "The lamps are my joy."
    assert changed(4) == (common, clinical, "…", "…")
    few = DialogueConfig.model_validate({"identifiers": {"k": 9}})
    with pytest.raises(UserError, match="8 training patients: strengths 3 and 4 ask what 9 of them share"):
        ANONYMISER.open("surrogates", 3, train, few, b"secret")
    assert "fewer than 5" in ANONYMISER.describe("surrogates", 3, CONFIG)


def test_an_occupation_that_few_have_is_told_by_a_wider_word() -> None:
    train = [told(f"t{i}", COMMON) for i in range(8)]
    opened = ANONYMISER.open("surrogates", 3, train, CONFIG, b"secret")
    own = told("p1", "As an undertaker I have swollen knees.", "The undertaker came when my knee was swollen.")
    first, second = opened(1, [own])[0].payload.turns
    assert first.text == "As a worker I have swollen knees." and second.text == own.payload.turns[1].text


def test_the_report_says_what_changed_and_who_shares_what_is_released() -> None:
    aged = [told(f"t{i}", f"I am {50 + i} years old. I am a retired baker.") for i in range(8)]
    seen = told("e9", "I am Maria Lopez, and I had an X-Ray.")
    alone = [told("e1", "I am 83 years old. I am a retired surgeon.")]
    train, audit = tuple(aged), (*(told(f"e{i}", f"I am {51 + i} years old.") for i in range(2, 6)), *alone, seen)
    cohort = Cohort(train, (), audit, "", "digest")
    opened = ANONYMISER.open("surrogates", 1, train, CONFIG, b"secret")
    found = {e.metric: e for e in ANONYMISER.evaluate(opened, cohort, CONFIG, 0, Silent())}
    assert found["clinical_changed"].value == 0 and found["words_kept"].value > 0.9
    assert found["found_left"].value == 0 and found["found_left"].n == 1  # an X-Ray is no name that was left
    assert found["quasi_k_under_5"].value == 1 / 5 and "fewest 2" in found["quasi_k_under_5"].note
    assert "consistent over sessions, as asked for" in found["planted_found"].note


GERMAN = "Ich habe seit drei Wochen starke Schmerzen im Knie und kann in der Nacht kaum noch schlafen, Herr Doktor."
SPANISH = "Tengo mucho dolor en la rodilla desde hace tres semanas y por la noche ya casi no puedo dormir, doctor."


def test_a_language_whose_identifiers_are_not_known_is_one_line() -> None:
    english = [told(f"t{i}", f"{COMMON} {COMMON}") for i in range(30)]
    ANONYMISER.open("surrogates", 1, [*english, told("x", GERMAN)], CONFIG, b"secret")  # one of 31: guessed wrongly
    for foreign, advice in ((GERMAN, "leave them out"), (SPANISH, "modality.identifiers.language=es")):
        with pytest.raises(UserError, match=f"are not in the language 'en' .*{advice}"):
            ANONYMISER.open("surrogates", 1, [told(f"x{i}", foreign) for i in range(9)], CONFIG, b"secret")
    spanish = DialogueConfig.model_validate({"identifiers": {"language": "es"}})
    ANONYMISER.open("surrogates", 1, [told(f"x{i}", SPANISH) for i in range(9)], spanish, b"secret")
    with pytest.raises(UserError, match="say --strength 2"):
        ANONYMISER.open("surrogates", 3, [told(f"x{i}", SPANISH) for i in range(9)], spanish, b"secret")
    warned = other_languages([*english, told("x", GERMAN)], "en")[0]
    assert warned.value == pytest.approx(1 / 31) and "not looked for" in warned.note


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
