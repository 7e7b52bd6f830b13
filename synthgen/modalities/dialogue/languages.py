"""Transcripts in another language than the one whose identifiers are looked for: nothing can be promised for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import get_args

from synthgen.errors import UserError
from synthgen.estimates import proportion
from synthgen.generators.speech.language import guess_language
from synthgen.payloads.dialogue import DialogueReal
from synthgen.privacy_filters.dialogue.identifier_config import Language
from synthgen.records import Estimate

LANGUAGES: tuple[Language, ...] = get_args(Language)
MOST = 0.05
"""Share of the transcripts that may be in another language before none is changed: short ones are guessed wrongly."""


def refuse_other_languages(records: Sequence[DialogueReal], language: Language) -> None:
    """Refuses a cohort of which more than one transcript in twenty is, for certain, in another language.

    Raises:
        UserError: it names the languages.
        MissingExtraError: py3langid is not installed.
    """
    found = Counter(_others(records, language))
    if found.total() <= MOST * len(records):
        return
    told = ", ".join(f"{count} in {other!r}" for other, count in found.most_common(3))
    known = [other for other in LANGUAGES if other != language and found[other] > len(records) / 2]
    advice = (
        f"say --set modality.identifiers.language={known[0]}"
        if known
        else f"leave them out: surrogates know {' and '.join(map(repr, LANGUAGES))} only"
    )
    raise UserError(
        f"{found.total()} of {len(records)} training transcripts are not in the language {language!r} ({told}), whose "
        f"identifiers are looked for: {advice}"
    )


def other_languages(records: Sequence[DialogueReal], language: Language) -> list[Estimate]:
    """The share of transcripts in another language, where there are any: a warning."""
    found = _others(records, language)
    note = "of the sessions are in another language: what identifies in them is not looked for"
    return [proportion("other_language", len(found), len(records), better="lower", note=note)] if found else []


def _others(records: Sequence[DialogueReal], language: Language) -> list[str]:
    guessed = [guess_language(turn.text for turn in record.payload.turns) for record in records]
    return [guess for guess in guessed if guess and guess != language]
