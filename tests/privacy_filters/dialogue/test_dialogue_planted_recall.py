"""Known identifiers planted in a cohort's own text, in its own style, and what is found of them."""

from collections import Counter

from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.privacy_filters.dialogue.identifiers import IdentifierConfig, planted_recall
from synthgen.privacy_filters.dialogue.identifiers.planted_recall import EACH, carriers


def transcript(number: int, style: str) -> Dialogue:
    texts = {
        "written": ("How are you?", f"Not so well, and it is day {number}."),
        "spoken": ("how are you ?", f"not so well , and it is day {number} ."),
    }[style]
    return Dialogue((Turn("clinician", texts[0]), Turn("patient", texts[1])))


def found(style: str) -> float:
    plants = planted_recall(tuple(transcript(i, style) for i in range(60)), IdentifierConfig(), 0)
    assert len(plants) == 60 * EACH and Counter(plant.dialogue for plant in plants)[3] == EACH
    return sum(plant.found for plant in plants) / len(plants)


def test_less_is_found_where_nothing_has_capitals() -> None:
    assert 0.3 < found("spoken") < found("written") - 0.1 < 0.95


def test_only_kinds_that_are_replaced_are_planted() -> None:
    config = IdentifierConfig(reject=("PHONE", "DATE"))
    plants = planted_recall(tuple(transcript(i, "written") for i in range(20)), config, 0)
    assert {plant.entity for plant in plants} == {"PHONE", "DATE"}
    assert not planted_recall((), config, 0)


def test_every_sentence_carries_what_the_file_lists() -> None:
    for language in ("en", "es"):
        told = carriers(language)
        for sentence in told.sentences:
            assert sentence.count("{") in (1, 2)
            assert not sentence.format(**{name: getattr(told, name)[0] for name in type(told).model_fields}).count("{")
