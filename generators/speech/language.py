"""Which language dialogues are in: guessed once for a file, so that no voice reads what it does not speak."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from synthgen.errors import MissingExtraError, UserError

_MOST = 20_000
"""Characters that are looked at."""
_FEWEST = 40
"""Letters below which nothing is said of a language."""
_CERTAIN = 0.95
_GUESSED = (
    "af am ar az be bg bn bs ca cs cy da de el en eo es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja ka kk kn ko "
    "lt lv mk ml mr ms mt nb ne nl nn no pa pl pt ro ru sk sl sq sr sv sw ta te th tr uk ur vi zh"
)
_KIN = (
    frozenset({"nb", "nn", "no", "da"}),
    frozenset({"hr", "sr", "bs", "sh"}),
    frozenset({"id", "ms"}),
    frozenset({"zh", "cmn", "yue"}),
    frozenset({"gl", "pt"}),
    frozenset({"cs", "sk"}),
)
"""Languages that a guess takes for each other."""


def guess_language(texts: Iterable[str]) -> str:
    """The language of some texts, two letters; empty where they say too little to be certain.

    By py3langid, over the first 20,000 characters together.

    Raises:
        MissingExtraError: py3langid is not installed.
    """
    text = ""
    for part in texts:
        if len(text) >= _MOST:
            break
        text += part[:_MOST] + " "
    if sum(character.isalpha() for character in text) < _FEWEST:
        return ""
    language, certainty = _identifier().classify(text)
    return str(language) if certainty >= _CERTAIN else ""


def check_language(texts: Iterable[str], language: str) -> None:
    """Refuses texts in another language than ``language`` (BCP-47), where that is certain.

    Raises:
        UserError: it names the language that they are in.
    """
    own, found = language.partition("-")[0].lower(), guess_language(texts)
    if not found or found == own or own not in _GUESSED.split() or any({own, found} <= kin for kin in _KIN):
        return
    raise UserError(
        f"the dialogues are in the language {found!r}, and the voices speak {language!r}: say --set "
        f"modality.generator.language={found} (where that is wrong --set modality.generator.check_language=false)"
    )


@cache
def _identifier() -> Any:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError as error:
        raise MissingExtraError("guessing the language of dialogues (py3langid)", "speech") from error
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([one for one in _GUESSED.split() if one in set(identifier.labels)])
    return identifier
