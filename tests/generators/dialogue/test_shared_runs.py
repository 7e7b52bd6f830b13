"""What two transcripts have in common is marked, and nothing in them is run."""

from synthgen.generators.dialogue.shared_runs import SHORTEST, marked
from synthgen.generators.dialogue.show import pair
from synthgen.payloads.dialogue import Dialogue, Turn

SAID = "My mother died in spring, two weeks before the wedding."


def test_a_run_is_marked_and_what_is_shorter_is_not() -> None:
    (one,) = marked([f"Well. {SAID} That was it."], [f"so {SAID.upper()}"])
    assert one == "Well. <mark>My mother died in spring, two weeks before the wedding</mark>. That was it."
    words = SAID.split()
    assert marked([SAID], [" ".join(words[: SHORTEST - 1])]) == (SAID,)
    assert "<mark>" in marked([SAID], [" ".join(words[:SHORTEST])])[0]


def test_a_run_goes_on_over_the_end_of_a_turn() -> None:
    one, other = marked(["Sure. My mother died", "in spring, two weeks before"], [SAID])
    assert (one, other) == ("Sure. <mark>My mother died</mark>", "<mark>in spring, two weeks before</mark>")


def test_texts_without_a_word_and_letters_of_all_alphabets_hold() -> None:
    assert marked(["…", "", "&"], [""]) == ("…", "", "&amp;")
    (one,) = marked(["Ich weiß noch, wie müde Anaïs damals war."], ["ich weiß noch wie müde Anaïs"])
    assert one == "<mark>Ich weiß noch, wie müde Anaïs</mark> damals war."


def test_hostile_words_are_escaped_within_a_mark_and_outside() -> None:
    hostile = "<script>alert('a b c d e f g h')</script>"
    shown = pair(*(Dialogue((Turn("patient", f"{hostile} {end}"),)) for end in ("& then", "<b>")))
    for html in (shown.sample, shown.real):
        assert "<script" not in html and "</script" not in html and "<mark>script" in html
    assert shown.sample.count("&amp;") == 1 and "&lt;b&gt;" in shown.real
