from __future__ import annotations

from dataclasses import replace

import pytest
from hand_arc import hand_arc
from hypothesis import given
from hypothesis import strategies as st

from synthgen.generators.dialogue.conduct.prompts import prompt_words
from synthgen.generators.dialogue.conduct.repair import repaired, spoken
from synthgen.generators.dialogue.conduct.session import Brief, Session, begin
from synthgen.generators.dialogue.conduct.validate import complaint, is_told, session_fault, told_now, words
from synthgen.generators.dialogue.realisers.protocol import Response
from synthgen.payloads.dialogue import Turn

PLENTY = 60


def at(turns: int, *, seed: int = 1) -> Session:
    """The hand-written session before utterance ``turns``."""
    session = begin(Brief(hand_arc(), 1, seed))
    for n in range(turns):
        session = session.with_turn(f"Filler {'abcdefghijklmnop'[n]} of this very turn.", ())
    return session


def reason(text: str, session: Session | None = None, finish: str = "stop") -> str | None:
    response, before = Response(text, finish), session or at(0)  # type: ignore[arg-type]
    return complaint(before, repaired(response, before.speaker, PLENTY), response, max_words=PLENTY)


@pytest.mark.parametrize(
    "text",
    [
        "Good morning. How have things been since we last spoke?",
        "No, no, no, that isn't what I meant.",
        "She left without saying goodbye, and I keep going back to that.",
        "Until then I had been fine; well, fine enough.",
        "How do you take care of yourself?",
        "You have a good reason to be angry.",
        "I told the doctor that the patient next to me was louder than the system allows.",
        "“That sounds hard,” is what my sister says. She’s right…",
        "I was like, why me? And then: nothing.",
        "Let's do a role play: I am your boss.",
        "About 3:30 in the morning I wake up.",
    ],
)
def test_speech_passes(text: str) -> None:
    assert reason(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        (" … \n", "empty"),
        ("**Client:** I am fine.", "role name"),
        ("Patient: I slept badly.", "role name"),
        ('{"utterance": "I am fine"}', "schema"),
        ('Sure, "text": "I am fine"', "schema"),
        ("null", "schema"),
        ("```json\n{}```", "markup"),
        ("<|im_start|>assistant I am fine", "markup"),
        ("[INST] hello [/INST]", "markup"),
        ("As an AI, I cannot feel that.", "markup"),
        ("I\x07m fine.", "markup"),
        ("*sighs*", "empty"),
        ("I am tired [looks away", "stage direction"),
        ("Good morning, I'm [Name].", "placeholder"),
        ("1. Sleep well.\n2. Eat well.", "list"),
        ("Here is my next utterance: I am tired.", "talk about the task"),
        ("The therapist nods. She waits.", "narration"),
        ("I am well. Sincerely, your patient", "letter"),
        ("Hello, I'm Dr. Miller.", "identifier"),
        ("You can reach me at 0171 555 1234.", "identifier"),
        (prompt_words().rules[0], "instructions"),
        ("Do not say goodbye yet, all right?", "instructions"),
        ("Okay: do not repeat, and write only what is said aloud, please.", "instructions"),
        ("word " * 5, "loop"),
        ("and then I went and then I went and then I went home", "loop"),
        (" ".join(f"w{i}" for i in range(PLENTY + 1)), "too long"),
        ("Goodbye, see you next week.", "early farewell"),
        ("Well, take care.", "early farewell"),
        ("I'll see you next Tuesday.", "early farewell"),
    ],
)
def test_what_is_no_utterance_has_its_reason(text: str, why: str) -> None:
    found = reason(text)
    assert found is not None
    assert why in found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Therapist: How are you?", "How are you?"),
        ("**Therapist:** How are you?", "How are you?"),
        ("How are you?\n\nClient: I am fine.\n\nTherapist: Good.", "How are you?"),
        ("*smiles* How are you?", "How are you?"),
        ("(long pause) How are you?", "How are you?"),
        ("[nods slowly] How are you?", "How are you?"),
        ("I just *knew* it.", "I just knew it."),
        ("Sixteen (that's in the moderately severe range).", "Sixteen that's in the moderately severe range."),
        ("How are you?<|im_end|>\n<|im_start|>user\nI am fine.", "How are you?"),
        ('"How are you?"', "How are you?"),
        ("How\nare  you?", "How are you?"),
        ("I told the doctor: never again.", "I told the doctor: never again."),
    ],
)
def test_what_is_not_said_is_taken_off(text: str, said: str) -> None:
    assert repaired(Response(text), "clinician", PLENTY) == said


def test_an_answer_is_cut_at_a_sentence() -> None:
    assert repaired(Response("I was there. I stayed for", "length"), "patient", PLENTY) == "I was there."
    many = "This has four words. " * 30
    assert repaired(Response(many), "patient", 10) == "This has four words. This has four words."
    assert reason("I was just about to", finish="length") == "truncated"


@given(st.text())
def test_a_repair_puts_in_no_word(text: str) -> None:
    said = words(repaired(Response(text), "patient", PLENTY))
    assert "".join(said) in "".join(words(text)) or set("".join(said)) <= set("".join(words(text)))


def test_truncated_and_failed_answers() -> None:
    assert reason("I was just about to", finish="length") == "truncated"
    assert reason("I was there. I stayed.", finish="length") is None
    assert reason("", finish="failed") == "no answer: the back-end failed"


def test_short_utterances_do_not_come_again_but_signs_of_listening_do() -> None:
    session = at(1).with_turn("No, no more.", ()).with_turn("And what then?", ())
    assert reason("No, no more.", session) == "repeats an earlier utterance"
    assert reason("Yes.", at(1).with_turn("Yes.", ()).with_turn("And then?", ())) is None


def test_a_sentence_that_was_said_carries_no_utterance() -> None:
    session = at(2).with_turn("It was raining hard that day. I took the bus.", ())
    assert reason("It was raining hard that day. So there.", session) == "repeats an earlier utterance"


def test_a_reasoning_models_thoughts_and_quotes_are_taken_off() -> None:
    assert spoken('<think>\nThe client is sad.\n</think>\n\n"I hear you."') == "I hear you."
    assert spoken('He said "no" to me.') == 'He said "no" to me.'


@pytest.mark.parametrize("old", ["I could not sleep again, it was the noise of the street below my window."])
def test_repeats_of_any_earlier_utterance(old: str) -> None:
    session = at(2).with_turn(old, ())
    assert reason(old.upper(), session) == "repeats an earlier utterance"
    assert reason(old.replace("window", "door"), session) == "nearly repeats an earlier utterance"
    assert reason("I could not sleep again, but yesterday was better than I had feared it to be.", session) is None
    assert reason("Yes.", session.with_turn("Yes.", ())) is None


def test_the_two_last_utterances_take_leave() -> None:
    n = len(begin(Brief(hand_arc(), 1, 1)).slots)
    session = at(n - 2)
    assert session.speaker == "patient"
    assert reason("The cat is on the roof.", session) == "no farewell"
    for leave in ("Thank you, until next week.", "Bye then.", "Thanks, that helped.", "All right, see you on Monday."):
        assert reason(leave, session) is None
    assert at(n - 1).speaker == "clinician"


def test_a_due_fact_must_be_told_by_its_deadline_and_only_due_facts_count() -> None:
    session = at(0)
    while not session.slot.deadline or session.speaker != "patient":
        session = session.with_turn(f"Filler number {len(session.turns)} x.", ())
    assert [fact.key for fact in session.due] == ["accident1", "cellar1"]
    assert reason("Nothing much.", session) == "due fact not told: accident1, cellar1"
    assert reason("It was tractor number 1.", session) == "due fact not told: cellar1"
    assert reason("It was TRACTOR number 1, and then the cellar 1.", session) is None
    assert told_now(session, "Tractor number 1 it was.") == ("accident1",)
    assert told_now(at(1), "Tractor number 1 it was.") == ()  # not due yet: the clinician's notes must not show it


def test_a_withheld_fact_is_not_told() -> None:
    session = at(1)
    later = hand_arc().patient.facts[2]
    assert later.session == 2
    assert str(reason(f"Well, {later.statement}", session)).startswith("withheld fact told: accident")
    assert reason("I borrowed a book about mills.", session) is None


def test_cues_begin_at_a_word() -> None:
    fact = replace(hand_arc().patient.facts[0], cues=("drink",))
    two = replace(fact, cues=("drink", "bottle", "alone"))
    assert is_told(two, "I drink alone.") and not is_told(two, "I drink.")
    assert is_told(fact, "I've been drinking.")
    assert not is_told(fact, "I bought a softdrink.")


def test_a_finished_session_is_checked_as_a_whole() -> None:
    session = at(0)
    while not session.finished:
        session = session.with_turn(f"Filler number {len(session.turns)} x.", ())
    assert session_fault(session) == "facts were not told: accident1, cellar1"
    told = replace(
        session, turns=(*session.turns[:3], Turn("patient", "tractor number 1, cellar 1"), *session.turns[4:])
    )
    assert session_fault(told) is None
    assert session_fault(replace(told, turns=(told.turns[1], *told.turns[1:]))) == "the sides do not alternate"
    assert session_fault(replace(told, turns=told.turns[:-1])) == "the clinician has not the last word"
    assert "stage 'closing' has" in str(session_fault(replace(told, slots=told.slots[:-4])))


@given(st.text())
def test_any_text_has_a_verdict(text: str) -> None:
    found = reason(text)
    assert found is None or found
    assert spoken(spoken(text)) == spoken(text) or "<" in text or '"' in text
    assert not words(text) or found != "empty"
