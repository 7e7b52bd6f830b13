"""Events retold in other words: what is read in them, whom they point at, and what strangers share."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import yaml
from dialogue_people import people, visit

from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.privacy_filters.dialogue.events import ToldEvents, WordList, events

TRAIN = people(60)
RETELLINGS = cast(
    dict[str, list[dict[str, str]]], yaml.safe_load(Path(__file__).with_name("retellings.yaml").read_text("utf-8"))
)


def said(text: str) -> Dialogue:
    return Dialogue((Turn("clinician", "Go on."), Turn("patient", text)))


def told(pairs: list[dict[str, str]]) -> ToldEvents:
    """The column over visits into which each of the events was put."""
    dialogues = [r.payload for r in TRAIN]
    for i, pair in enumerate(pairs):
        dialogues[i] = replace(dialogues[i], turns=(*dialogues[i].turns, Turn("patient", pair["told"])))
    return ToldEvents.over(dialogues, [r.patient for r in TRAIN])


@pytest.mark.parametrize(("half", "least"), [("development", 11), ("held_out", 9)])
def test_retellings_agree_more_than_any_other_event_does(half: str, least: int) -> None:
    pairs = RETELLINGS[half]
    part = told(pairs)
    own = part.scores([said(pair["retold"]) for pair in pairs])
    others = np.array(
        [part.scores([said(pair["retold"])], [TRAIN[i].patient])[0] for i, pair in enumerate(pairs)]
    )  # all events but the one that is retold
    assert (own < others.min()).sum() >= least


def test_details_of_one_event_are_read_together() -> None:
    (event,) = events(said("My brother drowned in the lake at Easter 2009, when I was fourteen."))
    assert event >= {"who:brother", "what:drowning", "where:water", "when:easter", "number:2009", "number:14"}
    (other,) = events(said("He went under, my brother, on the fourteenth."))
    assert {"what:drowning", "who:brother", "number:14"} <= other


def test_what_the_clinician_asks_is_nobodys_event() -> None:
    question = Dialogue((Turn("clinician", "Has anybody died of cancer?"), Turn("patient", "No, nobody has.")))
    assert events(question) == []


def test_a_gap_in_a_phrase_is_of_three_words_at_most() -> None:
    words = WordList.of({"what": {"end": ["end ~ life"], "cry": ["cri*"]}})
    assert words.classes(["end", "his", "own", "life"], 0) == {"what:end"}
    assert words.classes(["end", "of", "a", "very", "long", "life"], 0) == set()
    assert words.classes(["cry"], 0) == set()
    assert words.classes(["cries"], 0) == {"what:cry"}


def test_a_common_event_points_at_nobody() -> None:
    common = [replace(r.payload, turns=(*r.payload.turns, Turn("patient", "My mother had cancer."))) for r in TRAIN]
    part = ToldEvents.over(common, [r.patient for r in TRAIN])
    rare = told(RETELLINGS["development"][:1])
    assert part.scores([said("My mum has had chemo for her cancer.")])[0] > 0.5
    assert rare.scores([said(RETELLINGS["development"][0]["retold"])])[0] < 0.1


def test_one_can_be_left_out_and_others_can_be_enrolled() -> None:
    pair = RETELLINGS["development"][2]
    part = ToldEvents.over([r.payload for r in TRAIN], [r.patient for r in TRAIN])
    candidate = said(pair["retold"])
    before = part.scores([candidate])[0]
    grown = part.enrolled([said(pair["told"])], ["new"])
    assert grown.scores([candidate])[0] < before
    assert grown.scores([candidate], ["new"])[0] == before
    assert grown.scores([visit(70)])[0] == part.scores([visit(70)])[0] == 1.0


def test_the_more_a_candidate_tells_the_closer_it_must_agree() -> None:
    pair = RETELLINGS["development"][0]
    part = told([pair])
    alone = said(pair["retold"])
    filler = " ".join(["Then I went for a long walk and thought about many other things."] * 8)
    much = said(" ".join([pair["retold"], *(f"{filler} Something fell." for _ in range(9))]))
    assert part.scores([alone])[0] < part.scores([much])[0] < 0.2
