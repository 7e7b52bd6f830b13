"""When a run has seen enough of a model: the rule is held against simulated runs."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hand_arc import Puppet, hand_arc

from synthgen.errors import UserError
from synthgen.generators.dialogue.conduct.lockstep import conduct_sessions
from synthgen.generators.dialogue.conduct.session import Brief
from synthgen.generators.dialogue.conduct.tally import ACCEPTED, Tally, is_hopeless, remedy, repeats_itself
from synthgen.generators.dialogue.config import ConductConfig
from synthgen.generators.dialogue.realisers.protocol import Response, Sampling

TRIES = 8


def starts_until_the_end(good: float, seed: int, most: int = 3000) -> int:
    """Starts after which a run of batches of 24 ends, ``most`` if it does not; good starts hold 17 utterances, the
    others stop after three."""
    rng, tally = random.Random(seed), Tally()  # noqa: S311 (not for cryptography)
    while tally.started < most:
        for _ in range(24):
            done = rng.random() < good
            tally.started += 1
            tally.finished += done
            tally.answers[ACCEPTED] += 17 if done else 3
            tally.answers["truncated"] += 20 if done else TRIES
        if is_hopeless(tally, TRIES):
            return tally.started
    return most


def test_a_model_with_one_good_start_in_ten_is_not_given_up() -> None:
    ended = [starts_until_the_end(0.1, seed) < 3000 for seed in range(60)]
    assert sum(ended) <= 1


def test_a_model_with_none_is_given_up_soon() -> None:
    assert {starts_until_the_end(0.0, seed) for seed in range(5)} == {72}


def test_a_model_that_says_nothing_usable_is_given_up_sooner() -> None:
    assert is_hopeless(Tally(Counter({"role name": 12 * TRIES}), started=12), TRIES)
    assert not is_hopeless(Tally(Counter({"role name": 2}), started=1), TRIES)
    assert not is_hopeless(Tally(), TRIES)


def test_the_commonest_reason_names_the_setting() -> None:
    tally = Tally()
    tally.answers.update({ACCEPTED: 9, "truncated": 5, "role name": 2})
    assert tally.mostly() == [("truncated", 5), ("role name", 2)]
    assert remedy(tally) == "raise modality.generator.sampling.max_tokens"
    assert "conduct.tries" in remedy(Tally())


def test_the_same_words_at_every_try_are_said_to_be_so() -> None:
    briefs = [Brief(hand_arc(), 1, seed) for seed in range(4)]
    with pytest.raises(UserError, match=r"same words at every further try.*server\.draws"):
        conduct_sessions(briefs, Puppet(lambda *_: Response("{}")), ConductConfig())
    numbers = iter(range(10**6))
    conduct_sessions(briefs, Puppet(lambda *_: Response(f"{{}} {next(numbers)}")), ConductConfig())
    greedy = Sampling(temperature=0.0)
    conduct_sessions(briefs, Puppet(lambda *_: Response("{}")), ConductConfig(), sampling=greedy)
    assert not repeats_itself(Tally(retried=11, same=11)) and not repeats_itself(Tally(retried=40, same=39))
