"""What is said is not what was rehearsed, and is understood all the same."""

from __future__ import annotations

import random
import re
from typing import get_args

import pytest

from synthgen.errors import UserError
from synthgen.generators.dialogue.plan.grammar import plain
from synthgen.generators.dialogue.plan.types import Style
from synthgen.generators.dialogue.plan.wordings import Wordings, varied, wordings
from synthgen.generators.dialogue.realisers.template.hear import breaks, grammar, question_in
from synthgen.generators.dialogue.realisers.template.scripts import every, scripts
from synthgen.generators.dialogue.realisers.template.speech import CLINICIAN, bare, rates, speech, spoken
from synthgen.wordlists import parsed

SAID = (
    "I got up on Tuesday and went to the kitchen, because I couldn't sleep. It was three weeks since I had slept "
    "through. My sister rang me in the evening and we talked for a while."
)


def dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 (not for cryptography)


@pytest.mark.parametrize("style", get_args(Style))
def test_hesitations_and_corrections_come_out_again(style: str) -> None:
    words = set(plain(SAID).split())
    for seed in range(40):
        text = spoken(SAID, dice(seed), style)
        left = plain(bare(text)).split()
        put_in = {
            word for one in (*speech().openers, *speech().strings, *speech().ends_telling) for word in one.split()
        }
        assert words <= set(left)
        assert set(left) <= words | {plain(word) for word in put_in}


def test_styles_differ_as_they_should() -> None:
    def hesitations(style: str) -> int:
        texts = (spoken(SAID, dice(seed), style) for seed in range(300))
        return sum(len(re.findall(r"\b(?:um|uh|uhm|er)\b", text.lower())) for text in texts)

    assert hesitations("guarded") > 1.3 * hesitations("terse") > 0
    assert rates("verbose")["string"] > rates("terse")["string"]


def test_what_must_stay_whole_does() -> None:
    kept = "went to the kitchen, because I couldn't sleep"
    for seed in range(200):
        assert kept in spoken(SAID, dice(seed), "guarded", kept=(kept,))


def test_a_rating_is_no_part_of_another_sentence() -> None:
    for seed in range(100):
        text = spoken(
            "Eighty per cent, when I'm in it. Here with you it's less.", dice(seed), "verbose", kept=("Eighty",)
        )
        assert text.count(". ") == 1


@pytest.mark.parametrize("setting", ["therapy", "visit"])
def test_the_clinicians_moves_are_known_however_they_are_said(setting: str) -> None:
    """Every move that can be said without a plan is heard again, with whatever the speaker put around it."""
    stages = scripts().visit if setting == "visit" else scripts().stages
    heard = tried = 0
    for stage in stages:
        for move in every(setting, stage, ""):
            rule = f"{move}.ask"
            for seed in range(4):
                tags = {setting, "item9", "first_visit", "acute", "more_to_come", "phq9", "gad7"}
                if rule not in grammar() or not grammar().can(rule, {}, tags):
                    continue
                text = spoken(f"I see. {grammar().expand(rule, dice(seed), {}, tags)}", dice(seed), CLINICIAN[setting])
                tried += 1
                heard += question_in(text, setting, stage, "")[0] == move
    assert tried > 200 and heard >= 0.97 * tried


def test_breaks_are_known() -> None:
    for kind in ("unfinished", "go_on", "misheard"):
        for seed in range(30):
            assert breaks(grammar().expand(f"{kind}.say", dice(seed), {}, {"therapy", "style_guarded"}), kind)
    assert not breaks("I went to the shop.", "unfinished") and not breaks("How do you sleep?", "go_on")


def test_wordings_keep_what_they_must() -> None:
    assert varied("Somebody rang. // I was rung by somebody").endswith("// I was rung by somebody")
    assert varied("perhaps :: {perhaps} it is") == "perhaps :: {perhaps} it is"
    assert varied("I think about it.") == "I think about it."  # "about" stands against it
    assert varied("I think that it is.") != "I think that it is."


def test_every_wording_is_in_a_line_of_its_own() -> None:
    for phrase, wording in wordings().by_phrase.items():
        assert phrase in wording.options or len(wording.options) > 1
        assert all(one == one.strip() and one for one in wording.options)


@pytest.mark.parametrize("line", ["alone", "a -> b |"])
def test_a_wording_alone_is_refused(line: str) -> None:
    with pytest.raises(UserError, match="two wordings"):
        parsed(f"wordings: |\n  {line}\n", "wordings.yaml", Wordings)
