"""Sentences that few patients share, found by the sentence, the cue and the count of patients."""

from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.privacy_filters.dialogue.rare_parts import Edit, Shared, personal_words, sentences

COMMON = "I live with the children. My wife works in town. We walk the dog every Sunday."
ODD = "I play the hurdy gurdy every Sunday."


def said(*texts: str) -> Dialogue:
    return Dialogue(tuple(Turn("patient", text) for text in texts))


def shared(patients: int = 5, k: int = 5) -> Shared:
    dialogues = [said(COMMON) for _ in range(patients)]
    return Shared.over(dialogues, [f"t{i}" for i in range(patients)], k)


def left_out(dialogue: Dialogue, edits: list[Edit]) -> list[str]:
    return [dialogue.text[start:end].strip() for start, end, text in edits if not text]


def test_sentences_end_where_they_end() -> None:
    text = "I saw Dr. Fox, at 2.5 mg. Was it enough? i said so\nyes . and then ; no"
    found = [text[start:end].strip() for start, end in sentences(text)]
    assert found == ["I saw Dr. Fox, at 2.5 mg.", "Was it enough?", "i said so", "yes .", "and then ;", "no"]
    assert not list(sentences(""))


def test_what_enough_patients_say_stays() -> None:
    own = said(f"{COMMON} {ODD}")
    for everywhere in (False, True):
        assert left_out(own, shared().rare_parts([own], [[]], everywhere=everywhere)[0]) == [ODD]
    assert not left_out(said(COMMON), shared().rare_parts([said(COMMON)], [[]], everywhere=True)[0])
    few = shared(patients=4).rare_parts([said(COMMON)], [[]], everywhere=False)[0]
    assert len(left_out(said(COMMON), few)) == 3


def test_words_that_are_common_alone_and_rare_together_are_found() -> None:
    own = said("I live with the dog in town.")
    assert left_out(own, shared().rare_parts([own], [[]], everywhere=False)[0]) == []  # all said by most: looked past
    parts = Shared.over(
        [said("I keep bees."), said("We went to the quarry.")] * 5 + [said("Nothing.")] * 40,
        [str(i) for i in range(50)],
        5,
    )
    together = said("I keep bees quarry.")
    assert left_out(together, parts.rare_parts([together], [[]], everywhere=False)[0]) == ["I keep bees quarry."]


def test_clinical_sentences_stay_and_masked_words_say_nothing() -> None:
    clinical = said("I play the hurdy gurdy with a swollen wrist.")
    assert not shared().rare_parts([clinical], [[]], everywhere=True)[0]
    named = said("We walk the dog every Sunday, Zebedee.")
    start = named.text.index("Zebedee")
    hidden = shared().rare_parts([named], [[(start, start + 7)]], everywhere=False)[0]
    assert hidden == [] and left_out(named, shared().rare_parts([named], [[]], everywhere=False)[0])


def test_everywhere_asks_for_a_pair_that_is_told_twice() -> None:
    k_shared = Shared.over([said("gurdy"), said("hurdy")] * 5 + [said("x")] * 20, [str(i) for i in range(30)], 5)
    once, again = said("Hurdy gurdy."), said("The hurdy gurdy.")
    assert not k_shared.rare_parts([once], [[]], everywhere=True)[0]
    both = k_shared.rare_parts([once, said("Hurdy gurdy.")], [[], []], everywhere=True)
    assert [left_out(once, edits) for edits in both] == [["Hurdy gurdy."]] * 2
    assert not k_shared.rare_parts([once, again], [[], []], everywhere=False)[0]


def test_a_phrase_of_the_list_is_never_one_small_word() -> None:
    words = personal_words()
    phrases = (*words.work, *words.habits, *words.places, *words.kin, *words.counts)
    assert not {phrase for phrase in phrases if phrase in {"every", "my", "i", "on", "we", "with", "*"}}
    assert not words.cue.search("it comes every day, if I put it that way")
