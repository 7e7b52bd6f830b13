"""Clinical facts: findings, conditions, medicines, doses and scores, by lists of words."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache, cached_property

from synthgen.privacy_filters.dialogue.rare_facts import rare_words
from synthgen.wordlists import Phrases, WordLists, WordSet, alternatives, word_lists

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


class Clinical(WordLists):
    """``clinical.yaml``."""

    body: WordSet
    symptoms: WordSet
    treatment: WordSet
    measures: WordSet
    units: WordSet
    scored: Phrases

    @cached_property
    def words(self) -> frozenset[str]:
        return self.body | self.symptoms | self.treatment | self.measures

    @cached_property
    def numbers(self) -> re.Pattern[str]:
        """A number with its unit, or with what says that it is a score."""
        number = r"\d+(?:[.,/]\d+)?"
        units = "|".join(sorted(map(re.escape, self.units), key=len, reverse=True))
        return re.compile(
            rf"(?:\b(?:{alternatives(self.scored)})\s+{number}"
            rf"|(?<![\d.,]){number}\s?(?:(?-i:{units})|mg|mcg|ml|iu)(?!\w))",  # "12 Stone Lane" is none
            re.IGNORECASE,
        )


@cache
def clinical_words() -> Clinical:
    """``clinical.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(__package__, "clinical", Clinical)


def clinical_facts(text: str) -> Counter[str]:
    """Every clinical word of a text, as it is written but for capitals, and every dose, measure and score."""
    found = Counter(word for match in _WORD.finditer(text) if clinical(word := match[0].casefold()))
    found.update(re.sub(r"\s+", " ", match[0].casefold()) for match in clinical_words().numbers.finditer(text))
    return found


@cache
def clinical(word: str) -> bool:
    """Whether a word, in lower case, names a part of the body, a symptom, a condition, a treatment or a test."""
    known, rare = clinical_words(), rare_words()
    plain = re.sub(r"['’]s$", "", word)
    forms = {plain, plain.removesuffix("s"), plain.removesuffix("es")}
    return bool(
        forms & known.words
        or forms & rare.conditions
        or forms & rare.medicines
        or rare.condition.match(plain)
        or rare.medicine.match(plain)
    )
