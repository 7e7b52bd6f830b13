"""What an utterance and a session must be, in code: pure functions that return the reason against, or None.

The reasons go into traces and counts; they hold nothing of the utterance but the keys of facts. What can be taken off
an answer has been (see repair.py); whether it answers what was said is asked of the model itself (see relevance.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, lru_cache

from synthgen.generators.dialogue.conduct.prompts import DIRECTIONS, prompt_words
from synthgen.generators.dialogue.conduct.repair import utterance_words
from synthgen.generators.dialogue.conduct.session import Session, speaker_of
from synthgen.generators.dialogue.plan.empty_words import empty_words
from synthgen.generators.dialogue.plan.types import Fact
from synthgen.generators.dialogue.realisers.protocol import Response
from synthgen.payloads.dialogue import Speaker, Turn

UNTOLD = "due fact not told"
"""The reason against an utterance that owes a fact."""

_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"'})
_QUOTED = re.compile(r'"[^"]*"')
_SENTENCE = re.compile(r"[^.!?…\n]+")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_ROLE = (
    r"therapist|counsell?or|clinician|doctor|physician|nurse|psychologist|psychiatrist|client|patient|companion|"
    r"assistant|user|system|human|ai|dr\.?|t|c|p"
)
_ROLE_AT_START = re.compile(rf"^\W*(?:{_ROLE})\s*\d?\s*[:>]", re.IGNORECASE | re.MULTILINE)
_ROLE_INSIDE = re.compile(r"\b(?:Therapist|Counsell?or|Clinician|Doctor|Client|Patient|Assistant|User|System)\s*:")
_MACHINERY = re.compile(
    r"<\|[^>]*\|>|\[/?INST\]|</?s>|<</?SYS>>|</?think>|<(?:start|end)_of_turn>|```|^#{1,6}\s|\*\*|https?://|"
    r"\bas an ai\b|\blanguage model\b",
    re.IGNORECASE | re.MULTILINE,
)
_SCHEMA = re.compile(r"""^\s*\{|["'][\w ]+["']\s*:\s*["'\[{\d]|^\W*(?:json|null|undefined|NaN)\W*$|\{\{|\}\}""")
_DIRECTION = re.compile(r"\*[^*\n]*\*?|\[[^\]\n]*$|\([^)\n]*$|(?<!\w)_[^_\n]+_(?!\w)")
_SCENE = re.compile(
    r"(?:the )?(?:(?:patient|client|therapist|clinician|physician|other person) \w*s(?= (?!that\b)|$)|"
    r"doctor (?:nods|pauses|looks|leans|smiles|sighs)\b)"
)
_PLACEHOLDER = re.compile(r"\[[^\]\n]*\]|<[A-Za-z ]{3,30}>|\b(?:Name|Date|Location)\s*[_]{2,}|_{3,}|\bX{2,}\b")
_LIST = re.compile(r"(?:^|\n)\s*(?:[-•*]|\d+[.)])\s+\S")
_MONTH = (
    "(?:January|February|March|April|May|June|July|August|September|October|November|December|"
    "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)"
)
_IDENTIFIER = re.compile(
    r"\b(?:Dr|Mr|Mrs|Ms|Prof)\.? ?[A-Z][a-z]+|\b(?:[Mm]y name is|[Nn]ame's|[Cc]all me) [A-Z][a-z]+|"
    r"(?<!\w)\+?\d[\d ()/-]{6,}\d\b|[\w.]+@[\w.]+\.\w+|"
    r"\b\d{1,5} (?:[A-Z][a-z]+ ){1,2}(?:Street|Road|Avenue|Lane|Drive|Close)\b|"
    rf"\b{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}|"
    rf"\b\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH},? \d{{4}}|\b\d{{1,2}}/\d{{1,2}}/\d{{2,4}}\b"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffd]")
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_SPAN = r"(?:a|an|two|three|four|six|\d+) (?:days?|weeks?|fortnight|months?)"
_LATER = rf"(?:next (?:week|time|session|month|visit|{_DAY})|then|soon|again|later|on {_DAY}|in {_SPAN})"
# Only where a clause begins: "she left without saying goodbye" is no farewell.
_FAREWELL = re.compile(
    r"(?:^|[.!?,;:–—-] *|\b(?:so|well|and|okay|then|i'll|i will|we'll|we will) )"
    rf"(?:good ?bye\b|bye\b|see you {_LATER}|until (?:then|{_LATER})(?=\W*$|\. )|"
    rf"(?:talk|speak) (?:to you )?{_LATER}(?=\W*$|[.!] )|"
    r"have a (?:good|nice|safe|lovely|great) (?:day|week|weekend|evening|afternoon|one)\b|"
    r"take (?:good )?care(?: of yourself)?(?=\W*$|[,.!] ))",
    re.IGNORECASE | re.MULTILINE,
)
_PARTING = re.compile(
    rf"{_FAREWELL.pattern}|\b(?:good ?bye|bye|thank|thanks|take (?:good )?care|see you|until then|till then|"
    rf"next (?:week|time|session|visit|month)|in {_SPAN}|all the best|look after yourself|look(?:ing)? forward|"
    r"good ?night|cheers|so long|safe (?:journey|travels)|get well)\b",
    re.IGNORECASE | re.MULTILINE,
)
_SENTENCE_END = re.compile(r"""[.!?…]["')]*$""")


def words(text: str) -> list[str]:
    """The words of a text, lower case, straight apostrophes."""
    return _WORD.findall(text.translate(_QUOTES).casefold())


def is_told(fact: Fact, text: str) -> bool:
    """True where two words of the fact's cues (all, where there are fewer) occur in ``text``, a cue as a whole and at
    the beginning of a word. One alone comes by chance too often."""
    plain = text.translate(_QUOTES).casefold()
    said = [cue for cue in fact.cues if re.search(rf"(?<!\w){re.escape(cue.casefold())}", plain)]
    return bool(said) and sum(len(cue.split()) for cue in said) >= min(2, len(" ".join(fact.cues).split()))


def told_now(session: Session, text: str) -> tuple[str, ...]:
    """Keys of the due facts that ``text``, said next, discloses. Only what is due counts: a chance word does not."""
    if session.speaker != "patient":
        return ()
    return tuple(fact.key for fact in session.due if is_told(fact, text))


# One utterance -------------------------------------------------------------------------------------------------------


def no_answer(response: Response) -> str | None:
    return f"no answer: {response.reason or 'the back-end failed'}" if response.finish == "failed" else None


def empty(text: str) -> str | None:
    return None if words(text) else "empty"


def truncated(text: str, response: Response) -> str | None:
    return "truncated" if response.finish == "length" and not _SENTENCE_END.search(text) else None


def too_long(text: str, most: int) -> str | None:
    return "too long" if len(words(text)) > most else None


def leaked_role(text: str) -> str | None:
    return "role name" if _ROLE_AT_START.search(text) or _ROLE_INSIDE.search(text) else None


def leaked_machinery(text: str) -> str | None:
    """Chat markup, JSON, control characters, a model that speaks of itself."""
    if _MACHINERY.search(text) or _CONTROL.search(text):
        return "markup or model talk"
    return "schema or JSON" if _SCHEMA.search(text) else None


def stage_direction(text: str) -> str | None:
    """What a repair cannot take off: an opened bracket that is not closed."""
    return "stage direction" if _DIRECTION.search(text) else None


def placeholder(text: str) -> str | None:
    return "placeholder" if _PLACEHOLDER.search(text) else None


def enumerated(text: str) -> str | None:
    """Two points of a list and more."""
    return "list" if len(_LIST.findall(text)) > 1 else None


def identified(text: str) -> str | None:
    """A name behind a title, a full date, a number to call, an address. Those that take a model to find are looked for
    in whole sessions, before they are released (see ``privacy_filters.dialogue.identifiers``)."""
    return "identifier" if _IDENTIFIER.search(text) else None


def not_said(text: str) -> str | None:
    """The model speaks about its task, tells a scene, or writes a letter."""
    known = utterance_words()
    sentences = [" ".join(words(part)) for part in _SENTENCE.findall(text)]
    if any(f"{one} ".startswith(f"{phrase} ") for one in sentences for phrase in _plain(known.about_the_task)):
        return "talk about the task"
    if sentences and _SCENE.match(sentences[0]):
        return "narration"
    letter = any(f"{one} ".startswith(f"{phrase} ") for one in sentences for phrase in _plain(known.letters))
    return "letter" if letter else None


def other_role(text: str, speaker: Speaker) -> str | None:
    """What only the other side says; not where the words are told of, in quotation marks."""
    known = utterance_words()
    plain = f" {' '.join(words(_QUOTED.sub(' ', text.translate(_QUOTES))))} "
    foreign = known.only_patient if speaker == "clinician" else known.only_clinician
    return "role of the other side" if any(f" {phrase} " in plain for phrase in _plain(foreign)) else None


@cache
def _plain(phrases: frozenset[str]) -> frozenset[str]:
    return frozenset(" ".join(words(phrase)) for phrase in phrases)


_TELLING = 6  # trigrams of an utterance, without which shares of them say little


def _grams(of: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(of[i : i + n]) for i in range(len(of) - n + 1)]


def _fixed() -> tuple[str, ...]:
    known = prompt_words()
    return (*known.rules, known.clinician_manner, known.patient_manner, *DIRECTIONS)


@cache
def _instructed() -> frozenset[tuple[str, ...]]:
    return frozenset(gram for sentence in _fixed() for gram in _grams(words(sentence), 5))


def leaked_instruction(text: str, direction: str = "") -> str | None:
    """Five words in a row of the fixed instructions, or of what the side was told of this utterance.

    Args:
        direction: the same without what is to be told in it, which is there to be said.
    """
    grams = _grams(words(text), 5)
    own = set(_grams(words(direction), 5))
    return "instructions" if any(gram in _instructed() or gram in own for gram in grams) else None


def looping(text: str) -> str | None:
    """A word four times in a row (six where it is emphatic), a phrase of two to eight words three times, or more than a
    fifth of the trigrams for the second time (0.1 and 0.2% of real utterances)."""
    said = words(text)
    for n in range(1, 9) if len(set(said)) < len(said) else ():
        for i in range(len(said) - 3 * n + 1):
            need = 3 if n > 1 else 6 if said[i] in utterance_words().emphatic else 4
            part = said[i : i + n]
            if n > 1 and len(set(part)) == 1:
                continue  # a run of one word, which was judged as that
            if all(part == said[i + k * n : i + (k + 1) * n] for k in range(1, need)):
                return "loop within the utterance"
    grams = _grams(said, 3)
    return "loop within the utterance" if len(grams) >= _TELLING and len(set(grams)) < 0.8 * len(grams) else None


@lru_cache(maxsize=2**16)
def _trigrams(text: str) -> frozenset[tuple[tuple[str, ...], int]]:
    """The multiset of trigrams: each with the number of its occurrence."""
    seen: Counter[tuple[str, ...]] = Counter()
    found = []
    for gram in _grams(words(text), 3):
        found.append((gram, seen[gram]))
        seen[gram] += 1
    return frozenset(found)


def repeated(text: str, turns: Sequence[Turn], speaker: Speaker = "patient") -> str | None:
    """What was said before, by either side: whole or nearly (trigram multisets that overlap by 70%), or pieced together
    of sentences or, by six tenths, of trigrams that were said (0.1 and 0.4% of the utterances of real interviews).
    Signs of listening and answers of one word may come again; other short utterances may not."""
    said = words(text)
    if all(word in utterance_words().signs for word in said):
        own = [words(turn.text) for turn in turns if turn.speaker == speaker]
        return "repeats an earlier utterance" if own[-2:] == [said, said] and len(said) > 1 else None
    if len(said) < 2:
        return None
    grams, before = _trigrams(text), {tuple(words(part)) for turn in turns for part in _SENTENCE.findall(turn.text)}
    again = [tuple(words(part)) for part in _SENTENCE.findall(text)]
    if 2 * sum(len(part) for part in again if len(part) > 3 and part in before) > len(said):
        return "repeats an earlier utterance"
    for turn in turns:
        other = _trigrams(turn.text)
        if other == grams and words(turn.text) == said:
            return "repeats an earlier utterance"
        shorter, longer = sorted((len(other), len(grams)))
        if shorter < 6 or shorter < 0.6 * longer:
            continue
        shared = len(grams & other)
        if shared > 0.7 * (shorter + longer - shared):
            return "nearly repeats an earlier utterance"
    trigrams = _grams(said, 3)
    heard = frozenset(gram for turn in turns for gram, _ in _trigrams(turn.text))
    pieced = sum(gram in heard for gram in trigrams) > 0.6 * len(trigrams)
    return "mostly said before" if pieced and len(trigrams) >= _TELLING else None


def early_farewell(text: str, session: Session) -> str | None:
    """A goodbye while more than the last four utterances are to come."""
    return "early farewell" if session.remaining > 4 and _FAREWELL.search(text) else None


def missing_farewell(text: str, session: Session) -> str | None:
    """The patient's last utterance and then the clinician's take leave."""
    return "no farewell" if session.remaining <= 2 and not _PARTING.search(text) else None


def due_fact_untold(text: str, session: Session) -> str | None:
    """At the patient's last opportunity in a stage, all that the plan discloses in it has been told."""
    if session.speaker != "patient" or not session.slot.deadline:
        return None
    told = told_now(session, text)
    untold = [fact.key for fact in session.due if fact.key not in told]
    return f"{UNTOLD}: {', '.join(untold)}" if untold else None


def withheld_fact_told(text: str, session: Session) -> str | None:
    """The patient tells what is kept back: two thirds of the statement's words of content, and three at least."""
    if session.speaker != "patient":
        return None
    said = set(words(text))
    for fact in session.withheld:
        content = {word for word in words(fact.statement) if word not in empty_words().empty}
        if len(content & said) >= max(3, 2 * len(content) / 3):
            return f"withheld fact told: {fact.key}"
    return None


def complaint(session: Session, text: str, response: Response, *, max_words: int) -> str | None:
    """The first reason against ``text`` as the session's next utterance, or None.

    Args:
        text: the answer as it was repaired (see repair.py).
    """
    checks: tuple[Callable[[], str | None], ...] = (
        lambda: no_answer(response),
        lambda: empty(text),
        lambda: leaked_machinery(text),
        lambda: leaked_role(text),
        lambda: placeholder(text),
        lambda: stage_direction(text),
        lambda: enumerated(text),
        lambda: not_said(text),
        lambda: leaked_instruction(text, session.stage.goal.partition(":")[0]),  # behind the colon stands what is said
        lambda: other_role(text, session.speaker),
        lambda: truncated(text, response),
        lambda: too_long(text, max_words),
        lambda: looping(text),
        lambda: repeated(text, session.turns, session.speaker),
        lambda: identified(text),
        lambda: early_farewell(text, session),
        lambda: missing_farewell(text, session),
        lambda: due_fact_untold(text, session),
        lambda: withheld_fact_told(text, session),
    )
    return next((reason for check in checks if (reason := check()) is not None), None)


# The whole session ---------------------------------------------------------------------------------------------------


def session_fault(session: Session) -> str | None:
    """What is wrong with a finished session: the order of the sides, the budgets, the disclosures; None if nothing."""
    turns, plan = session.turns, session.brief.plan
    if any(turn.speaker != speaker_of(i) for i, turn in enumerate(turns)):
        return "the sides do not alternate"
    if not turns or turns[-1].speaker != "clinician":
        return "the clinician has not the last word"
    counts = Counter(slot.stage for slot in session.slots)
    for index, stage in enumerate(plan.stages):
        low, high = stage.turns
        if not low <= counts[index] <= high:
            return f"stage {stage.name!r} has {counts[index]} utterances, planned were {low} to {high}"
    said = "\n".join(turn.text for turn in turns if turn.speaker == "patient")
    wanted = [key for stage in plan.stages for key in stage.disclosures]
    untold = [key for key in wanted if not is_told(session.facts[key], said)]
    return f"facts were not told: {', '.join(untold)}" if untold else None
