"""The evaluation of dialogues on sets of which one knows what they are: fresh draws, copies, one text many times."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.estimates import NotMeasurableError
from synthgen.eval.dialogue import diversity
from synthgen.eval.dialogue.classifier import tstr
from synthgen.eval.dialogue.config import EvaluationConfig
from synthgen.eval.dialogue.consistency import persona_consistency
from synthgen.eval.dialogue.evaluate import evaluate, judge_release
from synthgen.eval.dialogue.judge import judged, parse, prompt, questions
from synthgen.eval.dialogue.records import Dialogues
from synthgen.eval.dialogue.runs import longest_shared_runs, reproduction_rate
from synthgen.eval.dialogue.space import fit_style
from synthgen.payloads.dialogue import (
    Dialogue,
    DialogueCondition,
    DialogueReal,
    DialogueSynthetic,
    Severity,
    Turn,
)
from synthgen.progress import Silent
from synthgen.records import Cohort, Estimate, Real, Synthetic
from synthgen.report import Limits
from synthgen.verdict import attack_succeeds

CONFIG = EvaluationConfig(self_bleu_dialogues=12, self_bleu_references=6, topics=4, classifier_repeats=2, dimensions=16)
SMALL = (
    "i",
    "you",
    "the",
    "a",
    "to",
    "and",
    "it",
    "is",
    "was",
    "of",
    "that",
    "in",
    "my",
    "so",
    "but",
    "have",
    "do",
    "not",
)
TOPICS = {
    "sleep": [f"sleep{i}" for i in range(40)],
    "panic": [f"panic{i}" for i in range(40)],
    "grief": [f"grief{i}" for i in range(40)],
}
SEVERITIES: tuple[Severity, ...] = ("mild", "severe")


class Notices(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def dialogue(rng: np.random.Generator, topic: str, severity: str, turns: int = 14) -> Dialogue:
    """Words of a patient's own manner and topic; how severe it is shows in a few words."""
    manner = rng.dirichlet(np.full(len(SMALL), 0.5))
    said = []
    for number in range(turns):
        words = [
            str(rng.choice(SMALL, p=manner)) if rng.random() < 0.5 else str(rng.choice(TOPICS[topic]))
            for _ in range(rng.integers(4, 14))
        ]
        if number % 4 == 1:
            words.append(f"{severity}ly{rng.integers(3)}")
        said.append(Turn("patient" if number % 2 else "clinician", " ".join(words)))
    return Dialogue(tuple(said))


def draw(rng: np.random.Generator, case: int) -> tuple[DialogueCondition, Dialogue]:
    topic, severity = [*TOPICS][case % 3], SEVERITIES[case // 3 % 2]
    return DialogueCondition("therapy", topic, severity, case=case), dialogue(rng, topic, severity)


def people(count: int, seed: int, name: str) -> tuple[DialogueReal, ...]:
    rng = np.random.default_rng(seed)
    return tuple(Real(f"{name}{i}", f"{name}{i}", *draw(rng, i)) for i in range(count))


def cohort(seed: int) -> Cohort[Dialogue, DialogueCondition]:
    return Cohort(people(60, seed, "t"), people(40, seed + 1, "c"), people(40, seed + 2, "e"), "CC0-1.0", "0")


def fresh(count: int, seed: int) -> list[DialogueSynthetic]:
    rng = np.random.default_rng(seed)
    return [Synthetic(0, *draw(rng, i)) for i in range(count)]


def by_name(estimates: tuple[Estimate, ...]) -> dict[str, Estimate]:
    found = {estimate.metric: estimate for estimate in estimates}
    assert len(found) == len(estimates)
    return found


def real(records: tuple[DialogueReal, ...]) -> Dialogues:
    return Dialogues.real(records, 1000, 0)


def synthetic(samples: list[DialogueSynthetic]) -> Dialogues:
    return Dialogues.synthetic(samples, 1000, 0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_fresh_draws_give_nobody_away(seed: int) -> None:
    found = evaluate(fresh(60, 100 + seed), cohort(seed), CONFIG, seed, Silent())
    attacks = by_name(found.attacks)
    areas = [name for name in attacks if name.endswith("_auc")]
    assert sorted(areas) == [
        "attribute_inference_severity_auc",
        "hole_tfidf_auc",
        "identity_auc",
        "membership_domias_tfidf_auc",
        "membership_nn_tfidf_auc",
        "membership_runs_auc",
    ]
    assert not [name for name in areas if attack_succeeds(attacks[name], Limits())]
    quality = by_name(found.quality)
    beside = [name.removesuffix("_real") for name in quality if name.endswith("_real")]
    assert set(beside) >= {"distinct_1", "distinct_2", "self_bleu", "topic_entropy", "shared_opening", "words_per_turn"}
    for name in beside:  # of one distribution, the two agree
        s, r = quality[name], quality[f"{name}_real"]
        assert s.ci95[0] <= r.ci95[1] and r.ci95[0] <= s.ci95[1], name
        assert s.better == r.better and float(s.better) == pytest.approx(r.value, rel=0.01, abs=1e-3)
    assert quality["tstr_auc_macro"].value > 0.8
    assert abs(quality["reproduction_rate"].value) < 0.1
    risks = {(risk.kind, risk.attack): risk for risk in found.exposure.risks}
    assert not [name for name, risk in risks.items() if risk.risk.ci95[0] > 0]
    assert {facet for facet, _ in risks} == {"singling_out", "linkability", "inference"}
    assert {one.facet for one in found.exposure.subgroups.figures} == {"severity", "disorder"}


@pytest.mark.parametrize("seed", [1, 2])
def test_copies_give_their_patients_away(seed: int) -> None:
    people = cohort(seed)
    copies = [Synthetic(0, r.condition, r.payload) for r in people.train]
    found = evaluate(copies, people, CONFIG, seed, Silent())
    risks = {(risk.kind, risk.attack): risk.risk for risk in found.exposure.risks}
    for name in (
        ("singling_out", "near a sample, tfidf"),
        ("linkability", "attributes and tfidf"),
        ("inference", "severity"),
    ):
        assert risks[name].ci95[0] > 0.5, name
    attacks, quality = by_name(found.attacks), by_name(found.quality)
    for name in ("membership_nn_tfidf", "membership_domias_tfidf", "membership_runs", "identity"):
        assert attack_succeeds(attacks[f"{name}_auc"], Limits()), name
    assert quality["reproduction_rate"].value == 1
    assert quality["authenticity"].value == 0 and quality["privacy_gain"].value < 0.2


def test_a_sentence_encoder_is_one_more_space() -> None:
    def encoder(texts: object) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        return np.array([[text.count(word) for word in SMALL] for text in texts], np.float32)  # type: ignore[attr-defined]

    people = cohort(4)
    copies = [Synthetic(0, r.condition, r.payload) for r in people.train]
    attacks = by_name(evaluate(copies, people, CONFIG, 0, Silent(), encoder).attacks)
    assert attack_succeeds(attacks["membership_nn_encoder_auc"], Limits())


def test_without_audit_patients_there_is_no_attack() -> None:
    people, said = cohort(5), Notices()
    without = Cohort(people.train, people.calibration, (), people.licence, people.digest)
    found = evaluate(fresh(30, 5), without, CONFIG, 0, said)
    assert not found.attacks and "distinct_2" in by_name(found.quality)
    assert "no audit patients: no attack is measured" in said.lines
    assert evaluate(fresh(5, 5), people, CONFIG, 0, said).quality == ()
    assert "nothing is measured" in said.lines[-1]


def test_one_text_over_and_over_is_seen() -> None:
    people = real(cohort(6).audit)
    one = synthetic([Synthetic(0, DialogueCondition(case=i), fresh(1, 6)[0].payload) for i in range(40)])
    for figures, higher in (
        (diversity.distinct(one, people, 2, budget=2000), False),
        (diversity.self_bleu(one, people, dialogues=8, references=5, window=60), True),
        (diversity.shared_openings(one, people)[:2], True),
        (diversity.topic_entropy(one, people, real(cohort(6).train), topics=4), False),
    ):
        s, r = figures
        assert s.ci95[0] > r.ci95[1] if higher else s.ci95[1] < r.ci95[0], s
    assert diversity.self_bleu(one, people, dialogues=8, references=5, window=1000)[0].value == pytest.approx(1)


def test_distinct_by_hand() -> None:
    turns = (Turn("clinician", "a b a b " * 30), Turn("patient", "c d " * 30))
    x = Dialogues(tuple(Dialogue(turns) for _ in range(4)), tuple(DialogueCondition() for _ in range(4)), tuple("1234"))
    s, r = diversity.distinct(x, x, 2, budget=10_000)
    assert s.value == r.value == pytest.approx(4 / (4 * (119 + 59)))  # ab, ba, cd, dc; none across turns


def test_openings_by_hand() -> None:
    def of(*first: str) -> Dialogues:
        said = tuple(Dialogue((Turn("clinician", text), Turn("patient", f"Reply {text[:2]}"))) for text in first)
        return Dialogues(said, tuple(DialogueCondition() for _ in first), tuple(map(str, range(len(first)))))

    s = of("Hello there.", "hello, there", "HELLO THERE!", "Good day.")
    both, _, first, _ = diversity.shared_openings(s, s)
    assert (both.metric, both.value) == ("shared_opening", 0.75)
    assert (first.metric, first.value) == ("shared_first_utterance", 0.75)


def brute_force(a: list[str], b: list[str]) -> int:
    longest = 0
    for i in range(len(a)):
        for j in range(len(b)):
            length = 0
            while i + length < len(a) and j + length < len(b) and a[i + length] == b[j + length]:
                length += 1
            longest = max(longest, length)
    return longest


word_lists = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=25)


@settings(deadline=None)
@given(st.lists(word_lists, min_size=1, max_size=4), st.lists(word_lists, min_size=1, max_size=4))
def test_longest_runs_are_those_of_a_search_by_hand(queries: list[list[str]], base: list[list[str]]) -> None:
    def of(lists: list[list[str]]) -> Dialogues:
        made = []
        for words in lists:  # turns may break a run in one dialogue and not in another
            half = max(1, len(words) // 2)
            turns = [Turn("clinician", " ".join(words[:half]))]
            turns += [Turn("patient", " ".join(words[half:]))] if words[half:] else []
            made.append(Dialogue(tuple(turns)))
        return Dialogues(tuple(made), tuple(DialogueCondition() for _ in made), tuple(map(str, range(len(made)))))

    expected = [max(brute_force(query, other) for other in base) for query in queries]
    assert longest_shared_runs(of(queries), of(base), 100).tolist() == expected
    assert longest_shared_runs(of(queries), of(base), 2).tolist() == [min(2, run) for run in expected]


def test_half_copies_are_half_reproduced() -> None:
    people = cohort(7)
    copies = [Synthetic(0, DialogueCondition(case=i), r.payload) for i, r in enumerate(people.train[:20])]
    others = [Synthetic(0, DialogueCondition(case=20 + i), s.payload) for i, s in enumerate(fresh(20, 70))]
    found = reproduction_rate(synthetic([*copies, *others]), real(people.train), real(people.calibration), limit=60)
    assert 0.45 <= found.value <= 0.55 and found.ci95[0] < 0.5 < found.ci95[1]


def test_tstr_finds_labels_that_are_there_and_none_that_are_not() -> None:
    people = cohort(8)
    t, e = real(people.train), real(people.audit)
    right = by_name(tstr(synthetic(fresh(60, 80)), t, e, CONFIG).utility())
    assert right["tstr_auc_macro"].value > 0.9 and "severity" in right["tstr_auc_macro"].note
    rng = np.random.default_rng(0)
    shuffled = [
        Synthetic(0, DialogueCondition("therapy", "", SEVERITIES[rng.integers(2)], case=i), s.payload)
        for i, s in enumerate(fresh(60, 80))
    ]
    wrong = by_name(tstr(synthetic(shuffled), t, e, CONFIG).utility())
    assert wrong["tstr_auc_macro"].value < 0.8 and wrong["tstr_gap"].ci95[0] > 0
    topic = by_name(
        tstr(synthetic(fresh(60, 80)), t, e, EvaluationConfig(label="disorder", classifier_repeats=1)).utility()
    )
    assert topic["tstr_auc_macro"].value > 0.95
    unlabelled = [Synthetic(0, DialogueCondition(case=i), s.payload) for i, s in enumerate(fresh(60, 80))]
    with pytest.raises(NotMeasurableError, match="share no two values"):
        tstr(synthetic(unlabelled), t, e, CONFIG)


def persona(*sessions: str) -> Dialogues:
    said = tuple(Dialogue((Turn("clinician", "Hello. I'm 60."), Turn("patient", text))) for text in sessions)
    conditions = tuple(DialogueCondition(session=i, sessions=len(sessions)) for i in range(1, len(sessions) + 1))
    return Dialogues(said, conditions, ("1",) * len(said))


@pytest.mark.parametrize(
    ("sessions", "kind"),
    [
        (("I'm 34 years old.", "I’m thirty-four, you know."), ""),
        (("I am a 34-year-old, as I said.", "I just turned 35."), ""),
        (("I'm 34.", "Well, I am 43 now."), "age"),
        (("I'm 34.", "I'm 10 minutes late and I'm 90 percent sure. I'm 34."), ""),
        (("I'm a mother.", "As a woman, I do."), ""),
        (("I'm a mother.", "I am a married man."), "sex"),
        (("I work as a nurse.", "I've worked as a nurse for years."), ""),
        (("I work as a nurse.", "I'm working as a lorry driver, mostly."), "occupation"),
        (("I take 50 mg of sertraline.", "I'm still taking sertraline."), ""),
        (("I'm on sertraline.", "I've never taken any medication."), "medication"),
    ],
)
def test_contradictions(sessions: tuple[str, ...], kind: str) -> None:
    found = persona_consistency(persona(*sessions))
    assert found.value == (0 if kind else 1) and found.n == 1
    assert f"contradictions: {f'{kind} 1' if kind else 'none'}" in found.note


def test_nothing_stated_is_not_consistent() -> None:
    for sessions in (("Hello.", "Hi."), ("I'm 34.",), ("I'm 34.", "Hi.")):
        with pytest.raises(NotMeasurableError):
            persona_consistency(persona(*sessions))


def test_style_has_no_content() -> None:
    people = cohort(9)
    style = fit_style(real(people.calibration))

    def said(text: str) -> Dialogues:
        return Dialogues((Dialogue((Turn("patient", text),)),), (DialogueCondition(),), ("1",))

    a, b = style(said("I was so sad about the storm.")), style(said("I was so mad about the crowd."))
    assert np.abs(a - b).max() < 1e-9
    assert np.abs(a - style(said("You weren't mad, were you? Crowds!"))).max() > 0.5


def answer(value: int) -> str:
    return json.dumps({**dict.fromkeys(questions().qualities, value), "alliance": [value] * len(questions().alliance)})


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        (answer(4), True),
        (f"Here you are:\n```json\n{answer(5)}\n```", True),
        (answer(0), False),
        (answer(6), False),
        (answer(4).replace("4", "true", 1), False),
        (answer(4).replace('"safety": 4, ', ""), False),
        (answer(4).replace("[4, ", "["), False),
        (answer(4)[:-1], False),
        ("I would rather not.", False),
        ("", False),
        ("{" * 50_000 + "}", False),
    ],
)
def test_answers_of_a_judge(text: str, readable: bool) -> None:
    assert (parse(text) is not None) == readable


def judge_by(rate: Callable[[str], str]) -> tuple[Callable[[list[str]], list[str]], list[str]]:
    asked: list[str] = []

    def judge(prompts: list[str]) -> list[str]:
        asked.extend(prompts)
        return [rate(text) for text in prompts]

    return judge, asked


def test_the_judge_sees_both_kinds_and_its_silence_is_counted() -> None:
    people = cohort(10)
    samples = [
        Synthetic(0, DialogueCondition(case=i), Dialogue((*s.payload.turns, Turn("patient", "MARK"))))
        for i, s in enumerate(fresh(40, 10))
    ]
    judge, asked = judge_by(lambda text: "no" if "sleep7" in text else answer(5 if "MARK" in text else 3))
    few = EvaluationConfig.model_validate({**CONFIG.model_dump(), "judge_dialogues": 10})
    on = by_name(judge_release(samples, people, few, judge, 0, Silent()))
    assert len(asked) == 20 and on["judge_empathy"].value == 5 and on["judge_empathy_real"].value == 3
    asked.clear()
    found = by_name(
        judged(
            judge, synthetic(samples), real(people.audit), Silent(), dialogues=30, most_words=500, seed=0
        )
    )  # fmt: skip
    assert len(asked) == 60 and 10 < sum("MARK" in text for text in asked[:40]) < 30
    for name in (*questions().qualities, "alliance"):
        assert found[f"judge_{name}"].value == 5 and found[f"judge_{name}_real"].value == 3
        assert found[f"judge_{name}"].better == "3" and "SD 0.00" in found[f"judge_{name}"].note
    silent = sum("sleep7" in text for text in asked)
    counts = [found[name] for name in ("judge_unparsable", "judge_unparsable_real")]
    assert silent and round(sum(c.value * c.n for c in counts)) == silent
    mute, _ = judge_by(lambda text: "")
    with pytest.raises(NotMeasurableError, match="0 answers of 30"):
        judged(mute, synthetic(samples), real(people.audit), Silent(), dialogues=30, most_words=500, seed=0)


def test_a_prompt_is_bounded_and_shows_both_ends() -> None:
    turns = tuple(Turn("patient" if i % 2 else "clinician", f"utterance{i} " * 10) for i in range(100))
    text = prompt(Dialogue(turns), 200)
    assert len(text.split()) < 700 and "utterance0 " in text and "utterance99 " in text and "[…]" in text
    assert "utterance50 " not in text
    assert "[…]" not in prompt(Dialogue(turns), 5000)
