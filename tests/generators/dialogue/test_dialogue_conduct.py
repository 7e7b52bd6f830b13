from __future__ import annotations

from dataclasses import replace

import pytest
from hand_arc import Puppet, hand_arc
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.errors import SynthgenError
from synthgen.generators.dialogue.conduct.emotion import emotion_of, emotion_words
from synthgen.generators.dialogue.conduct.lockstep import Failure, conduct_sessions
from synthgen.generators.dialogue.conduct.session import Brief, begin, restart_seed, turn_seed
from synthgen.generators.dialogue.config import ConductConfig
from synthgen.generators.dialogue.plan.types import CaseArc, Stage
from synthgen.generators.dialogue.realisers.protocol import Prompt, Response
from synthgen.payloads.dialogue import Dialogue, Emotion


def conducted(result: Dialogue | Failure) -> Dialogue:
    assert isinstance(result, Dialogue), result
    return result


@pytest.mark.parametrize("seed", range(5))
def test_sessions_keep_their_order_and_budgets(seed: int) -> None:
    arc = hand_arc(2, work=(60, 90))
    for result in conduct_sessions([Brief(arc, 1, seed), Brief(arc, 2, seed)], Puppet(), ConductConfig()):
        dialogue = conducted(result)
        speakers = [turn.speaker for turn in dialogue.turns]
        assert speakers[::2] == ["clinician"] * len(speakers[::2])
        assert speakers[1::2] == ["patient"] * len(speakers[1::2])
        assert speakers[-1] == "clinician"
        assert 64 <= len(speakers) <= 99
        assert dialogue.turns[-2].text.startswith("Goodbye") and dialogue.turns[-1].text.startswith("Goodbye")
        assert list(dict.fromkeys(turn.stage for turn in dialogue.turns)) == ["check-in", "work", "closing"]
        assert dict(dialogue.labels)["severity"] == "moderate"
        assert all(turn.emotion == "neutral" for turn in dialogue.turns if turn.speaker == "clinician")
        assert all(
            turn.emotion == emotion_of(turn.text, "anxious")
            for turn in dialogue.turns
            if turn.speaker == "patient" and turn.stage == "work"
        )


@pytest.mark.parametrize(
    ("text", "expected", "found"),
    [
        ("I was frightened, and my heart was racing.", "sad", "anxious"),
        ("I cried, and then I laughed.", "happy", "happy"),  # of several the expected one
        ("I cried, and then I laughed.", "sad", "sad"),
        ("I had toast for breakfast.", "anxious", "neutral"),
        ("I wasn't frightened.", "anxious", "neutral"),
        ("It's hopeless, there's no point.", "sad", "sad"),
        ("It's hopeless, there's no point.", "depressed", "depressed"),
    ],
)
def test_the_emotion_of_a_turn_follows_its_words(text: str, expected: Emotion, found: Emotion) -> None:
    assert emotion_of(text, expected) == found


def test_a_session_does_not_depend_on_its_neighbours() -> None:
    arc = hand_arc(2)
    briefs = [Brief(arc, 1 + n % 2, seed) for n, seed in enumerate((11, 12, 13, 14))]
    together = conduct_sessions(briefs, Puppet(), ConductConfig())
    alone = [conduct_sessions([brief], Puppet(), ConductConfig())[0] for brief in briefs]
    assert together == alone
    assert conduct_sessions(briefs[::-1], Puppet(), ConductConfig(batch=3)) == alone[::-1]
    assert len({dialogue.text for dialogue in map(conducted, together)}) == 4


def test_one_batch_per_step() -> None:
    puppet = Puppet()
    results = conduct_sessions([Brief(hand_arc(), 1, seed) for seed in range(8)], puppet, ConductConfig())
    assert len(puppet.batches) == max(len(conducted(result).turns) for result in results)
    assert puppet.batches[0] == 8


def test_a_bad_answer_is_tried_again_with_another_seed() -> None:
    bad: set[int] = set()

    def spoil(request: Prompt, text: str) -> Response:
        if len(bad) < 6 and request.seed % 3 == 0:
            bad.add(request.seed)
            return Response("Therapist: hello")
        return Response(text)

    puppet = Puppet(spoil)
    results = conduct_sessions([Brief(hand_arc(), 1, seed) for seed in range(4)], puppet, ConductConfig())
    assert len(bad) == 6
    assert all("Therapist:" not in conducted(result).text for result in results)
    assert len({request.seed for request in puppet.seen}) == len(puppet.seen)


def test_a_session_that_cannot_go_on_is_given_up_with_its_trace_and_the_others_are_not() -> None:
    def spoil(request: Prompt, text: str) -> Response:
        assert request.view is not None
        stuck = request.view.number == 2 and request.view.position.stage.name == "work"
        return Response("{}" if stuck else text)

    arc = hand_arc(2)
    first, second = conduct_sessions([Brief(arc, 1, 1), Brief(arc, 2, 1)], Puppet(spoil), ConductConfig(tries=5))
    conducted(first)
    assert isinstance(second, Failure)
    assert [rejected.text for rejected in second.rejected] == ["{}"] * 5
    assert second.turn == len(second.turns) >= 2
    assert sum(second.reasons.values()) == 5


def mute(request: Prompt, text: str) -> Response:
    return Response(text.replace("cellar", "attic"))


def test_a_fact_that_is_never_told_ends_the_session() -> None:
    (result,) = conduct_sessions([Brief(hand_arc(), 1, 2)], Puppet(mute), ConductConfig(told_for=0))
    assert isinstance(result, Failure)
    assert set(result.reasons) == {"due fact not told"}
    assert result.rejected[0].reason == "due fact not told: cellar1"


def test_a_fact_that_the_model_does_not_tell_is_put_before_its_words() -> None:
    puppet = Puppet(mute)
    dialogue = conducted(conduct_sessions([Brief(hand_arc(), 1, 2)], puppet, ConductConfig(told_for=4))[0])
    fact = hand_arc().patient.facts[1]
    assert fact.key == "cellar1"
    (told,) = [turn.text for turn in dialogue.turns if fact.statement in turn.text]
    assert told.startswith(f"{fact.statement} Well, ") and "attic" in told
    assert len(puppet.seen) == len(dialogue.turns) + 3  # three tries of its own came before


def test_a_back_end_that_loses_answers_is_an_error() -> None:
    class Short(Puppet):
        def generate(self, requests: object) -> list[Response]:
            return []

    with pytest.raises(SynthgenError, match="0 answers to 1 requests"):
        conduct_sessions([Brief(hand_arc(), 1, 2)], Short(), ConductConfig())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(2, 9), st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=6),
    st.integers(0, 2**63 - 1),
)
def test_any_plan_has_lengths_within_its_budgets(parts: list[tuple[int, int, int]], seed: int) -> None:
    arc = hand_arc(3)
    keys = [fact.key for fact in arc.patient.facts]
    stages = []
    for n, (low, more, count) in enumerate(parts):
        stages.append(Stage(f"part {n}", "Goal.", (low, low + more), tuple(keys[:count])))
        keys = keys[count:]
    brief = Brief(CaseArc(arc.patient, (replace(arc.sessions[0], stages=tuple(stages)),)), 1, seed)
    fixed_even = all(more == 0 for _, more, _ in parts) and sum(low for low, _, _ in parts) % 2 == 0
    if fixed_even:
        with pytest.raises(ValueError, match="no odd number"):
            begin(brief)
        return
    slots = begin(brief).slots
    assert len(slots) % 2 == 1
    for n, (low, more, _) in enumerate(parts):
        own = [slot for slot in slots if slot.stage == n]
        assert low <= len(own) <= low + more
        assert [slot.said for slot in own] == list(range(len(own)))
        assert [slot.said + slot.left for slot in own] == [len(own)] * len(own)
    due = [(index, key) for index, slot in enumerate(slots) for key in slot.due]
    assert sorted(key for _, key in due) == sorted(key for stage in stages for key in stage.disclosures)
    assert all(index % 2 == 1 for index, _ in due)  # the patient tells
    for index, _ in due:
        assert any(
            slots[j].deadline and j % 2 == 1 for j in range(index, len(slots)) if slots[j].stage == slots[index].stage
        )


def test_seeds_differ_by_session_turn_and_try() -> None:
    seeds = {turn_seed(s, t, a) for s in range(20) for t in range(20) for a in range(5)}
    assert len(seeds) == 2000
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert restart_seed(9, 0) == 9
    assert len({restart_seed(9, n) for n in range(5)}) == 5


def test_no_word_of_an_emotion_stands_in_any_sentence() -> None:
    words = emotion_words()
    for name in ("sad", "depressed", "anxious", "angry", "happy", "calm"):
        assert all(len(phrase.rstrip("*")) > 2 for phrase in getattr(words, name)), name
