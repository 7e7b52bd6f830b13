"""Rare facts of one patient add up; common ones, and those of several patients, do not."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.privacy_filters.dialogue.rare_facts import RareFacts, facts


def said(*texts: str) -> Dialogue:
    return Dialogue(tuple(Turn("patient", text) for text in texts))


COMMON = "I sleep badly and I take aspirin, 2 tablets."
OWN = {
    "a": "I am a 44-year-old woman and work as a florist. I have taken warfarin 7.5 mg since March 3, 2011 in Vermont.",
    "b": "I am a 61 year old man, a retired pilot. My lupus began in Lisbon, 14 months ago.",
    "c": "My name is Okonjo. I am 29 years old, a plumber, with epilepsy and 900 mg of gabapentin.",
    "d": "I moved to Oslo with my three children after the divorce, and the eczema came back in 1998.",
    "e": "I am a 70 year old man; the stroke was 11 years ago and I walk 250 steps.",
    "f": "I had gout, and 3 beers a night; my sister lives in Quebec.",
}


def filter_of_six() -> RareFacts:
    return RareFacts.over([said(COMMON, text) for text in OWN.values()], list(OWN))


def test_facts_are_normalised() -> None:
    spoken = facts(said("i am a forty four year old woman , seventy five milligrams on the third of march"))
    written = facts(said("I'm a 44-year-old woman, 75 mg on March 3."))
    for fact in ("number:75 mg", "pair:age:44+sex:female", "date:march 3"):
        assert fact in spoken
        assert fact in written


def test_a_copy_and_a_paraphrase_of_the_facts_score_below_strangers() -> None:
    rare = filter_of_six()
    copy, paraphrase, stranger = rare.scores(
        [
            said(COMMON, OWN["a"]),
            said("She is a florist, a 44 year old woman, on 7.5 mg of Warfarin since 3 March 2011, near Vermont."),
            said("I feel low in the mornings, and aspirin does not help, 2 tablets of it."),
        ]
    )
    assert copy < paraphrase < stranger
    assert stranger == 1.0


def test_facts_of_different_patients_do_not_add_up() -> None:
    rare = filter_of_six()
    mixed = said("The lupus, Oslo, and gout: from all of them one thing.", "Epilepsy, too, and a stroke, and warfarin.")
    one = said("Warfarin, a florist in Vermont.")
    low, high = rare.scores([one, mixed])
    assert low < high == 1.0


def test_what_three_patients_say_is_not_rare() -> None:
    talk = [said("I live with lupus in Vermont.")] * 3 + [said("Nothing at all.")] * 5
    assert RareFacts.over(talk, list("abcdefgh")).scores(talk[:1])[0] == 1.0
    assert RareFacts.over(talk[2:], list("cdefgh")).scores(talk[:1])[0] < 1.0


def test_the_excluded_patient_does_not_count() -> None:
    rare = filter_of_six()
    copies = [said(COMMON, text) for text in OWN.values()]
    own = rare.scores(copies)
    left_out = rare.scores(copies, list(OWN))
    assert (own < left_out).all()


def test_two_visits_of_one_patient_are_one_patient() -> None:
    visits = [said("The gout is back."), said("Gout again, in Quebec.")]
    everybody = [*visits, *(said(f"Fine, {number} of them.") for number in range(10, 20))]
    together = RareFacts.over(everybody, ["a", "a", *"bcdefghijk"])
    apart = RareFacts.over(everybody, ["a", "z", *"bcdefghijk"])
    assert together.scores([said("gout in Quebec")])[0] < apart.scores([said("gout in Quebec")])[0] == 1.0


def test_many_facts_of_many_patients_are_no_surprise() -> None:
    """That one patient owns two facts of the twenty that are shared is chance; two of two is not."""
    towns = ["Oslo", "Turin", "Leeds", "Porto", "Ghent", "Malmo", "Lyon", "Graz", "Cork", "Brno"]
    jobs = ["florist", "pilot", "plumber", "welder", "tailor", "baker", "miner", "judge", "potter", "sailor"]
    texts = [said(f"I moved to {town} and am a {job}.") for town, job in zip(towns, jobs, strict=True)]
    rare = RareFacts.over(texts, towns)
    everything = Dialogue(tuple(turn for text in texts for turn in text.turns))
    assert rare.scores([everything])[0] == 1.0
    assert rare.scores(texts[:1])[0] < 0.7


def test_enrolling_equals_building() -> None:
    names, texts = list(OWN), [said(text) for text in OWN.values()]
    grown = RareFacts.over(texts[:3], names[:3]).enrolled(texts[3:], names[3:])
    built = RareFacts.over(texts, names)
    assert np.array_equal(grown.scores(texts), built.scores(texts))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=60).filter(str.strip), min_size=1, max_size=4))
def test_any_text_scores_within_bounds(texts: list[str]) -> None:
    scores = filter_of_six().scores([said(*texts)])
    assert ((scores > 0) & (scores <= 1)).all()
