"""What a run has come to so far: answers by the reason against them, starts and finished sessions, and when that is
enough to say that a model will not do."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from synthgen.estimates import clopper_pearson

ACCEPTED: Final = "accepted"
LEAST_SHARE: Final = 0.05
"""Of the starts. Where the interval of the finished ones lies below it, a run ends."""
SHORTEST: Final = 12
"""Utterances of the shortest session that can be planned."""
_NEVER: Final = 1e-3
_SAME: Final = 12


@dataclass
class Tally:
    """Counts over a whole run.

    Attributes:
        answers: how often an answer was accepted, or turned down for what.
        retried: further tries at an utterance; ``same`` of them brought the words that had been turned down before.
    """

    answers: Counter[str] = field(default_factory=Counter)
    started: int = 0
    finished: int = 0
    retried: int = 0
    same: int = 0

    def mostly(self, count: int = 3) -> list[tuple[str, int]]:
        """The commonest reasons, without the keys of facts."""
        return [one for one in self.answers.most_common() if one[0] != ACCEPTED][:count]


def share_of_starts(tally: Tally) -> float:
    """The largest share of starts that may come to an end, by the exact 95% interval (Clopper and Pearson 1934)."""
    return clopper_pearson(tally.finished, tally.started)[1] if tally.started else 1.0


def is_hopeless(tally: Tally, tries: int) -> bool:
    """True where the run shows that its model gives no sessions: fewer than :data:`LEAST_SHARE` of the starts come to
    an end; or none has, and so few answers are accepted that ``tries`` of them for each of :data:`SHORTEST` utterances
    would not do in a thousand starts."""
    if share_of_starts(tally) < LEAST_SHARE:
        return True
    answers = sum(tally.answers.values())
    if tally.finished or not answers:
        return False
    accepted = clopper_pearson(tally.answers[ACCEPTED], answers)[1]
    return float((1 - (1 - accepted) ** tries) ** SHORTEST) < _NEVER


def repeats_itself(tally: Tally) -> bool:
    """True where every further try brought the same words as before: the back-end does not draw."""
    return tally.retried >= _SAME and tally.same == tally.retried


def remedy(tally: Tally) -> str:
    """Which setting to change, by the commonest reason."""
    reason = next((reason for reason, _ in tally.mostly(1)), "")
    return _REMEDIES.get(reason, _OTHERWISE)


_SETTINGS: Final = "modality.generator"
_OTHERWISE: Final = f"choose a larger or better instructed model, or raise {_SETTINGS}.conduct.tries"
_REMEDIES: Final = {
    "truncated": f"raise {_SETTINGS}.sampling.max_tokens",
    "too long": f"raise {_SETTINGS}.conduct.max_words",
    "loop within the utterance": f"raise {_SETTINGS}.sampling.temperature, or choose a larger model",
    "repeats an earlier utterance": f"raise {_SETTINGS}.sampling.temperature, or choose a larger model",
    "nearly repeats an earlier utterance": f"raise {_SETTINGS}.sampling.temperature, or choose a larger model",
    "mostly said before": f"raise {_SETTINGS}.sampling.temperature, or choose a larger model",
    "due fact not told": f"raise {_SETTINGS}.conduct.tries, or choose a larger model",
    "no answer": "see the server's log",
}
