"""The grammar by a clinician's eye and beside real interviews: risk, measures, techniques, and how much recurs.

    python benchmarks/dialogue_grammar.py --data dialogue --seeds 3 --out dialogue_grammar.json

Forty cases of four sessions a seed, as the demo configuration has them (160 sessions), and 300 cases of eight
sessions that are planned and not put into words.

- risk: of the sessions after one in which item 9 of the PHQ-9 was positive, how many ask about such thoughts again, and
  in how many the clinician speaks of a safety plan; by the words of the clinician, not by what the plan calls them;
- measures: instruments per disorder; sessions by the number, first ones apart, whose clinician names a score;
  the largest fall of a total in one week, for totals that go to 27 or less and for the longer scales;
- techniques that ``UNFIT`` has for the disorder, and words of such techniques;
- recurrence: sentences of six words or more that stand word for word in another of the 160 sessions, and the same with
  fillers, repeated words and ``you know`` taken out first, so that a filler alone hides nothing;
- distinct-2 and self-BLEU as in an evaluation report, on as many words of each side;
- a classifier of function words (counts of scikit-learn's stop words and of fillers in windows of a hundred words of
  visits, logistic regression, five folds by person), real or grammar;
- severity from whole arcs: TF-IDF and logistic regression, trained on one seed's arcs and tested on the others', the
  upper bands at intake against the lower ones.

``--data`` holds the real transcripts; without it, what needs them is left out. Intervals resample cases.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from synthgen.eval.dialogue import diversity
from synthgen.eval.dialogue.records import Dialogues, words
from synthgen.generators.dialogue.conditions import condition_sampler
from synthgen.generators.dialogue.config import GeneratorConfig
from synthgen.generators.dialogue.model_folder import write_model_folder
from synthgen.generators.dialogue.plan.config import PlanConfig
from synthgen.generators.dialogue.sampler import open_generator, planner
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, Turn
from synthgen.records import Estimate, Request

SESSIONS, CASES, PLANNED = 4, 40, 300
ASKS = re.compile(
    r"better off dead|not be alive|be dead|hurt(?:ing)? yourself|harm(?:ing)? yourself|"
    r"not wanting to (?:be here|go on)|"
    r"wish(?:ing)? (?:you were|to be) dead|thoughts? of (?:death|dying|suicide|ending)|suicid|end(?:ing)? your life|"
    r"those thoughts|the dark thoughts|not (?:to )?be here|last question on the form|item nine",
    re.IGNORECASE,
)
ATTEMPTS = re.compile(r"(?:ever|in the past,?).{0,20}(?:tried|attempted|harm|hurt)|been an attempt|attempted to", re.I)
PLAN = re.compile(r"safety plan|crisis plan|plan for the bad|crisis card|what you'll do if it gets stronger", re.I)
NAMES = re.compile(
    r"questionnaire|the forms?\b|some forms|the (?:two )?sheets?\b|PHQ|GAD|Y-BOCS|PCL|AUDIT|\bscores?\b", re.IGNORECASE
)
UNFIT = {
    "panic": {"behavioural activation", "urge surfing"},
    "ptsd": {"behavioural experiment", "problem solving"},
    "ocd": {"thought record", "problem solving"},
    "insomnia": {"exposure hierarchy"},
    "alcohol_use": {"exposure hierarchy"},
    "grief": {"problem solving"},
}
"""Techniques that guidelines do not name for the disorder, or warn of (docs/clinical_content.md)."""
SOCIAL = re.compile(r"go red|count how many (?:people )?notice|somebody says something|small mistake on purpose", re.I)
AMOUNT = re.compile(
    r"how (?:much|many).{0,60}(?:drink|units|glasses|bottle|cans)|"
    r"drinks? (?:did|do) you have|how much is it|how much, honestly|what do you drink",
    re.I,
)
_FILLED = re.compile(r"\b(?:um+|uh+|uhm|erm?|mm+|hm+|you know|i mean|sort of|kind of|like)\b|[,–—-]")


def sentences(dialogue: Dialogue) -> list[tuple[str, ...]]:
    return [tuple(said) for t in dialogue.turns for s in re.split(r"[.?!]+", t.text) if len(said := words(s)) >= 6]


def bare(dialogue: Dialogue) -> Dialogue:
    """Without fillers and repeated words."""

    def plain(text: str) -> str:
        text = re.sub(r"\s+", " ", _FILLED.sub(" ", text.lower()))
        return re.sub(r"\b(\w+(?:'\w+)?)(?: \1\b)+", r"\1", text)

    return Dialogue(tuple(Turn(t.speaker, plain(t.text).strip() or "-", t.emotion, t.stage) for t in dialogue.turns))


def recurring(dialogues: Sequence[Dialogue]) -> tuple[np.ndarray, np.ndarray]:
    """By session: sentences of six words and more, and those that stand in another session."""
    own = [sentences(one) for one in dialogues]
    seen: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for i, found in enumerate(own):
        for sentence in found:
            seen[sentence].add(i)
    again = [sum(len(seen[s]) > 1 for s in found) for found in own]
    return np.array([len(found) for found in own]), np.array(again)


def share_recurring(name: str, dialogues: Sequence[Dialogue], cases: Sequence[str], seed: int) -> Estimate:
    total, again = recurring(dialogues)
    rng = np.random.default_rng(seed)
    people = sorted(set(cases))
    rows = {p: [i for i, c in enumerate(cases) if c == p] for p in people}
    drawn = []
    for _ in range(300):
        take = [i for p in rng.choice(people, len(people)) for i in rows[p]]
        drawn.append(again[take].sum() / max(1, total[take].sum()))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Estimate(name, float(again.sum() / total.sum()), (float(low), float(high)), len(people), "lower", "")


def made(seed: int, folder: Path, config: PlanConfig, cases: int) -> tuple[list[Dialogue], list[DialogueCondition]]:
    """Sessions of the grammar, in order."""
    whole = GeneratorConfig(plan=config)
    write_model_folder(folder, whole)
    condition = condition_sampler(config)
    requests = [Request(1_000_000 * seed + i, condition(i, seed)) for i in range(cases * config.sessions)]
    generator = open_generator(folder, whole, len(requests))
    samples = [s for i in range(0, len(requests), 32) for s in generator(requests[i : i + 32])]
    return [s.payload for s in samples], [s.condition for s in samples]


# Clinical ------------------------------------------------------------------------------------------------------------


def of_words(dialogues: Sequence[Dialogue], conditions: Sequence[DialogueCondition]) -> dict[str, list[bool]]:
    """Questions to the text of therapy, one answer a session."""
    found: dict[str, list[bool]] = defaultdict(list)
    risky: dict[object, bool] = defaultdict(bool)
    for dialogue, now in zip(dialogues, conditions, strict=True):
        if now.setting != "therapy":
            continue
        labels, key = dict(dialogue.labels), (now.case, now.case_seed)
        said = " ".join(t.text for t in dialogue.turns if t.speaker == "clinician")
        whole = " ".join(t.text for t in dialogue.turns)
        positive = bool(labels.get("risk_check")) if "item9" not in labels else bool(labels["item9"])
        if positive:
            found["positive: asked about"].append(bool(ASKS.search(said)))
            if not risky[key]:
                found["first positive session: earlier attempts asked"].append(bool(ATTEMPTS.search(said)))
        if risky[key]:
            found["after a positive session: followed up"].append(bool(ASKS.search(said)))
            found["after a positive session: safety plan spoken of"].append(bool(PLAN.search(said)))
        risky[key] |= positive
        found[f"{'first' if now.session == 1 else 'later'} session: a score is named"].append(bool(NAMES.search(said)))
        if now.disorder == "panic":
            found["panic: words of a social experiment"].append(bool(SOCIAL.search(whole)))
        if now.disorder == "alcohol_use":
            found["alcohol: amount asked"].append(bool(AMOUNT.search(said)))
        if now.disorder == "ptsd" and labels.get("technique") == "trauma-focused work":
            work = " ".join(t.text for t in dialogue.turns if t.stage == "work").lower()
            named = re.search(r"crash|lorry|collision|attack|fire|what happened (?:that|on)", work)
            meaning = re.search(r"what it has made you believe|say about you|mean to you|why it happened", work)
            found["ptsd: event named before its meaning"].append(
                bool(named and (not meaning or named.start() < meaning.start()))
            )
    return found


def of_plans(seed: int) -> dict[str, object]:
    """Totals, item 9 and techniques of many plans."""
    config = PlanConfig(settings={"therapy": 1.0}, sessions=8)
    condition, plan = condition_sampler(config), planner(config)
    measures: dict[str, set[str]] = defaultdict(set)
    falls: dict[str, list[float]] = defaultdict(list)
    item9: Counter[str] = Counter()
    bands: Counter[str] = Counter()
    unfit = sessions = followed = later = 0
    for case in range(PLANNED):
        now = condition(case * config.sessions, seed)
        arc = plan(now)
        before: dict[str, tuple[int, int]] = {}
        positive = False
        for session in arc.sessions:
            sessions += 1
            unfit += session.technique in UNFIT.get(now.disorder, ())
            if positive:
                later += 1
                followed += any("risk" in stage.name for stage in session.stages)
            for scores in session.scores:
                measures[now.disorder].add(scores.instrument)
                if scores.instrument in before:
                    week, total = before[scores.instrument]
                    falls[scores.instrument].append((total - scores.total) / max(1, session.week - week))
                before[scores.instrument] = (session.week, scores.total)
                if scores.instrument == "PHQ-9":
                    band = next(b for b, high in BANDS if scores.total <= high)
                    bands[band] += 1
                    item9[band] += scores.items[8] > 0
                    positive |= scores.items[8] > 0
    return {
        "sessions": sessions,
        "sessions with an unfit technique": unfit,
        "sessions after a positive item 9": later,
        "of these with a stage of risk": followed,
        "item 9 positive by band": {b: f"{item9[b]} of {bands[b]}" for b, _ in BANDS},
        "largest fall in a week": {k: max(v) for k, v in sorted(falls.items())},
        "falls of 10 and more in a week": {k: sum(x >= 10 for x in v) for k, v in sorted(falls.items())},
        "measures": {k: sorted(v) for k, v in sorted(measures.items())},
    }


BANDS = (("minimal", 4), ("mild", 9), ("moderate", 14), ("moderately severe", 19), ("severe", 27))


FILLERS = set("um uh uhm er okay ok yeah yes no mm hmm oh well like just right".split())  # noqa: SIM905

# Words ---------------------------------------------------------------------------------------------------------------


def function_words(grammar: Dialogues, real: Dialogues, seed: int) -> Estimate:
    """AUC of a classifier of function words, windows of a hundred words."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    known = sorted(ENGLISH_STOP_WORDS | FILLERS)
    at = {word: i for i, word in enumerate(known)}
    rows, sides, people = [], [], []
    rng = np.random.default_rng(seed)
    least = min(len(grammar), len(real), 80)
    for side, x in ((0, real), (1, grammar)):
        for i in rng.permutation(len(x))[:least]:
            said = [part for turn in x.turn_words[i] for word in turn for part in word.split("'")]
            for start in range(0, len(said) - 99, 100):
                row = np.zeros(len(known))
                for word in said[start : start + 100]:
                    if word in at:
                        row[at[word]] += 1
                rows.append(row)
                sides.append(side)
                people.append(f"{side}{x.patients[i]}")
    table, target = np.array(rows), np.array(sides)
    score = np.zeros(len(target))
    for train, test in GroupKFold(5).split(table, target, people):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000)).fit(
            table[train], target[train]
        )
        score[test] = model.decision_function(table[test])
    auc = float(roc_auc_score(target, score))
    groups = sorted(set(people))
    where = {p: [i for i, q in enumerate(people) if q == p] for p in groups}
    drawn = []
    for _ in range(200):
        take = [i for p in rng.choice(groups, len(groups)) for i in where[p]]
        if 0 < target[take].sum() < len(take):
            drawn.append(roc_auc_score(target[take], score[take]))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Estimate(
        "function_word_auc", auc, (float(low), float(high)), len(groups), "0.5", "windows of 100 words, visits"
    )


def severity_auc(arcs: Sequence[tuple[str, bool, int]]) -> float:
    """Trained on one seed's arcs and tested on the others', averaged; both settings together."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline

    found = []
    for held in sorted({seed for _, _, seed in arcs}):
        train, test = [a for a in arcs if a[2] != held], [a for a in arcs if a[2] == held]
        if len({a[1] for a in train}) < 2 or len({a[1] for a in test}) < 2:
            continue
        model = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), LogisticRegression(C=30)
        )
        model.fit([a[0] for a in train], [a[1] for a in train])
        found.append(roc_auc_score([a[1] for a in test], model.decision_function([a[0] for a in test])))
    return float(np.mean(found)) if found else float("nan")


def osce(folder: Path) -> Dialogues:
    lines = [json.loads(line) for line in (folder / "osce_interviews.jsonl").read_text("utf-8").splitlines() if line]
    dialogues, people = [], []
    for row in lines:
        turns = tuple(
            Turn("clinician" if t["role"] == "doctor" else "patient", t["text"])
            for t in row["turns"]
            if t["text"].strip()
        )
        if turns:
            dialogues.append(Dialogue(turns))
            people.append(str(row["patient_id"]))
    return Dialogues(tuple(dialogues), tuple(DialogueCondition() for _ in dialogues), tuple(people))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, help="folder of osce_interviews.jsonl")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("dialogue_grammar"), help="for the model folder")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--texts", type=Path, help="writes the sessions of seed 0 there, to be read")
    parsed = parser.parse_args()
    real = osce(parsed.data) if parsed.data else None
    report: dict[str, object] = {}
    answers: dict[str, list[bool]] = defaultdict(list)
    figures: dict[str, list[float]] = defaultdict(list)
    arcs: list[tuple[str, bool, int]] = []
    if real is not None:
        chosen = real.take(list(range(0, len(real), max(1, len(real) // 160)))[:160])
        for name, side in (
            ("real: recurring", chosen.dialogues),
            ("real: recurring, bare", [bare(d) for d in chosen.dialogues]),
        ):
            figures[name].append(share_recurring(name, side, chosen.patients, 0).value)
    for seed in range(parsed.seeds):
        started = time.process_time()
        config = PlanConfig(sessions=SESSIONS)
        dialogues, conditions = made(seed, parsed.folder / f"{seed}", config, CASES)
        figures["CPU seconds a session"].append((time.process_time() - started) / len(dialogues))
        if parsed.texts and seed == 0:
            parsed.texts.mkdir(parents=True, exist_ok=True)
            for i, (dialogue, now) in enumerate(zip(dialogues, conditions, strict=True)):
                lines = [f"{now.disorder} {now.severity} {now.session} {dict(dialogue.labels)}"]
                lines += [f"[{t.stage}|{t.emotion}] {t.speaker[0].upper()}: {t.text}" for t in dialogue.turns]
                (parsed.texts / f"{i:03d}_{now.disorder}_{now.session}.txt").write_text("\n".join(lines), "utf-8")
        cases = [f"{c.case}" for c in conditions]
        for key, found in of_words(dialogues, conditions).items():
            answers[key] += found
        for name, side in (("recurring", dialogues), ("recurring, bare", [bare(d) for d in dialogues])):
            figures[name].append(share_recurring(name, side, cases, seed).value)
        for setting in ("therapy", "visit"):
            rows = [i for i, c in enumerate(conditions) if c.setting == setting]
            figures[f"recurring, {setting}"].append(
                share_recurring(setting, [dialogues[i] for i in rows], [cases[i] for i in rows], seed).value
            )
        emotions = Counter(t.emotion for d in dialogues for t in d.turns if t.speaker == "patient")
        figures["patient's turns that are not neutral"].append(1 - emotions["neutral"] / sum(emotions.values()))
        for case in sorted({c.case for c in conditions}):
            rows = [i for i, c in enumerate(conditions) if c.case == case]
            high = conditions[rows[0]].severity in {"moderately severe", "severe"}
            arcs.append((" ".join(dialogues[i].text for i in rows), high, seed))
        whole = Dialogues(tuple(dialogues), tuple(conditions), tuple(cases))
        if real is not None:
            visits = whole.take([i for i, c in enumerate(conditions) if c.setting == "visit"])
            for side, own in (("", whole), (", visits", visits)):
                for estimate in diversity.distinct(own, real, 2, budget=38_000, seed=seed):
                    figures[estimate.metric + side].append(estimate.value)
                for estimate in diversity.self_bleu(own, real, dialogues=40, references=20, window=300, seed=seed):
                    figures[estimate.metric + side].append(estimate.value)
            figures["function words, AUC"].append(function_words(visits, real, seed).value)
        report[f"plans, seed {seed}"] = of_plans(seed)
        print(f"seed {seed}: {time.process_time() - started:.0f} s", file=sys.stderr, flush=True)
    report["severity from whole arcs, AUC"] = severity_auc(arcs)
    report["answers"] = {k: f"{sum(v)} of {len(v)}" for k, v in sorted(answers.items())}
    report["figures"] = {k: [round(x, 4) for x in v] for k, v in sorted(figures.items())}
    parsed.out.write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
