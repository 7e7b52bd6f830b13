"""The calibrated dialogue filters on real transcripts, beside fixed rules of text deduplication.

    python benchmarks/dialogue_filters.py --data dialogue --out dialogue_filters.json [--seeds 5] \\
        [--half test] [--encoder FOLDER] [--only mts_dialog] [--figure docs/images/dialogue_filters]

``--data`` holds ``aci_bench.jsonl``, ``osce_interviews.jsonl``, ``mts_dialog.jsonl`` and
``mts_dialog_backtranslated.jsonl`` (one dialogue a line: dialogue_id, patient_id, topic, turns of role and text; the
back-translations name their original in labels.origin_id). Dialogues of fewer than 40 words are left out. A dialogue
without a patient is a patient; records that share half of their words in runs of eight are one patient.

Each source is a cohort of its own, split by patient and stratified by topic (the spine's split: 40% train, 50%
calibration, 10% audit), once per seed. The gate is calibrated at 1% of the calibration patients, who share their
topics with the training patients; its block rate is measured on the audit patients. It is opened as a run opens it
(``calibrate_gate``): calibration patients are protected too, and copies of a few training patients, who are not
counted, choose among the filters. Copies of all other training records are planted.

Halves: mts_dialog is dealt into a development and a test half by a hash of the dialogue's name, paraphrases with their
originals. Sizes of n-grams, the form of the scores and the length of passages were chosen on the development half.

Rules: "13-gram" rejects what shares any run of 13 words with a training record; "Jaccard" what has a Jaccard similarity
of at least 0.72 in sets of five words with one (what MinHash with 14 bands of 8 hashes approximates). Their thresholds
are fixed, so their block rates are whatever they are. The same scores with a threshold calibrated at 1% stand beside.

Intervals resample patients; a patient who stands in several splits is one patient.

The ROC curves of ``--figure`` take everybody who was not trained on for strangers, calibration patients too: at a
threshold that is swept, nobody has set it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

from synthgen.cohort import split_by_patient
from synthgen.config import SplitConfig
from synthgen.errors import SynthgenError, UserError
from synthgen.estimates import auc, mean, one_record_each, some_records
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, DialogueReal, Speaker, Turn
from synthgen.pretrained.sentence import Encode, sentence_encoder
from synthgen.privacy_filters.calibration import calibrate
from synthgen.privacy_filters.dialogue.config import NearDuplicateConfig
from synthgen.privacy_filters.dialogue.events import ToldEvents
from synthgen.privacy_filters.dialogue.filters import Builder, DialogueFilters
from synthgen.privacy_filters.dialogue.near_duplicate import Floats, Neighbours, passages
from synthgen.privacy_filters.dialogue.planted import planted_copies
from synthgen.privacy_filters.dialogue.rare_facts import RareFacts
from synthgen.privacy_filters.dialogue.same_case import same_case
from synthgen.privacy_filters.dialogue.words import dialogue_words, grams
from synthgen.privacy_filters.gate import calibrate_gate
from synthgen.records import Cohort, Estimate, Loaded, Planted, Real
from synthgen.sizes import TRIAL

SOURCES = ("aci_bench", "osce_interviews", "mts_dialog")
PARAPHRASED = "mts_dialog_backtranslated"
LEAST_WORDS = 40
ALPHA = 0.01
ELSE = "everybody who was not trained on"
BEYOND = ("three_quarters_replaced", "spliced_5_turns")
SHARED_RUN = 13
JACCARD = 0.72

Scores = NDArray[np.float64]
Scorer = Callable[[Sequence[Dialogue]], Scores]
"""Dialogues to scores [N], larger is safer."""


def read(path: Path) -> Iterator[tuple[DialogueReal, str]]:
    """Records of a file, and the name of the dialogue that each paraphrases, or its own.

    Raises:
        UserError: if a line is no dialogue.
    """
    sides: dict[str, Speaker] = {"doctor": "clinician", "patient": "patient"}
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UserError(f"cannot read {path}") from None
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            turns = tuple(
                Turn(sides.get(turn["role"].partition("_")[0], "companion"), turn["text"])
                for turn in row["turns"]
                if turn["text"].strip()
            )
            name, topic = str(row["dialogue_id"]), str(row["topic"]).strip().lower()
            patient, origin = str(row["patient_id"] or name), str((row.get("labels") or {}).get("origin_id") or name)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UserError(f"{path}, line {number} is no dialogue with dialogue_id, topic and turns") from None
        if turns and len(dialogue_words(payload := Dialogue(turns))) >= LEAST_WORDS:
            yield Real(patient, name, DialogueCondition(disorder=topic), payload), origin


def linked(data: Path, source: str, half: str = "all") -> tuple[list[DialogueReal], int]:
    """The records of a source by the case that links them, and how many of its patients were linked to another."""
    records = [record for record, _ in read(data / f"{source}.jsonl") if in_half(record.record, half)]
    cases = same_case([r.payload for r in records], [r.patient for r in records])
    count = len({r.patient for r in records}) - len(set(cases))
    return [replace(record, patient=case) for record, case in zip(records, cases, strict=True)], count


def in_half(name: str, half: str) -> bool:
    """Which half of the dialogues a name is dealt into."""
    even = hashlib.blake2b(name.encode()).digest()[0] % 2 == 0
    return half == "all" or even == (half == "development")


@dataclass
class Seen:
    """What a detector made of the records of all splits."""

    rejected: list[bool] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    patients: list[str] = field(default_factory=list)

    def add(self, scores: Scores, rejected: NDArray[np.bool_], patients: Sequence[str]) -> None:
        self.scores += scores.tolist()
        self.rejected += rejected.tolist()
        self.patients += patients


Table = defaultdict[str, defaultdict[str, Seen]]
"""Detector, then set of records."""


@dataclass(frozen=True)
class Split:
    """One split of a cohort: who calibrates, who judges, and the copies of those who are protected."""

    cohort: Cohort[Dialogue, DialogueCondition]
    strangers: list[DialogueReal]
    witnesses: list[DialogueReal]
    trial: list[Planted[Dialogue]]
    copies: dict[str, tuple[list[str], list[Dialogue]]]
    seed: int

    @property
    def others(self) -> list[DialogueReal]:
        """Everybody who was not trained on."""
        return [*self.strangers, *self.witnesses]

    def judge(self, table: Table, name: str, scorers: Sequence[Scorer], only: Sequence[str] = ()) -> None:
        """Calibrates scorers together on the strangers, and notes what they make of the others."""
        columns = [f"column {i}" for i in range(len(scorers))]

        def scored(dialogues: Sequence[Dialogue]) -> Scores:
            return np.stack([scorer(dialogues) for scorer in scorers], axis=1)

        calibration = calibrate(columns, scored([r.payload for r in self.strangers]), ALPHA)
        judged = {
            "strangers": ([r.patient for r in self.witnesses], [r.payload for r in self.witnesses]),
            ELSE: ([r.patient for r in self.others], [r.payload for r in self.others]),
            **self.copies,
        }
        for kind, (patients, dialogues) in judged.items():
            if dialogues and (not only or kind in (*only, ELSE)):
                scores = scored(dialogues)
                table[name][kind].add(calibration.common(scores), calibration.rejects(scores), patients)

    def gate(self, table: Table, name: str, further: Sequence[Builder], only: Sequence[str] = ()) -> None:
        """Opens the gate as a run does, with these columns beside its own, and notes what it makes of the others."""
        train, calibration = self.cohort.train, self.cohort.calibration
        filters = DialogueFilters.over([r.payload for r in train], [r.patient for r in train], further=further)
        gate = calibrate_gate(filters, train, calibration, ALPHA, self.seed, self.trial)
        everybody = {"strangers": self.witnesses, ELSE: self.others}
        for kind, records in everybody.items():
            patients, dialogues = [r.patient for r in records], [r.payload for r in records]
            scores = gate.scores(dialogues, patients)
            table[name][kind].add(gate.calibration.common(scores), gate.calibration.rejects(scores), patients)
        for kind, (patients, dialogues) in self.copies.items():
            if dialogues and (not only or kind in only):
                scores = gate.scores(dialogues)
                table[name][kind].add(gate.calibration.common(scores), gate.calibration.rejects(scores), patients)

    def rule(self, table: Table, name: str, scorer: Scorer, threshold: float) -> None:
        """Notes what a rule with a fixed threshold rejects; its strangers are all that were not trained on."""
        judged = {"strangers": ([r.patient for r in self.others], [r.payload for r in self.others]), **self.copies}
        for kind, (patients, dialogues) in judged.items():
            scores = scorer(dialogues)
            table[name][kind].add(scores, scores <= threshold, patients)


def remembered(filters: DialogueFilters) -> Callable[[Sequence[Dialogue]], Scores]:
    """The filters' scores, computed once for each list of dialogues: several detectors ask for the same."""
    known: dict[int, tuple[Sequence[Dialogue], Scores]] = {}

    def scores(dialogues: Sequence[Dialogue]) -> Scores:
        key = hash(tuple(id(dialogue) for dialogue in dialogues))
        if key not in known:
            known[key] = (dialogues, filters.scores(dialogues))
        return known[key][1]

    return scores


def farthest_from(train: Sequence[Dialogue], counts: Callable[[Sequence[Dialogue]], Any]) -> Scorer:
    """1 - the largest TF-IDF cosine to a training dialogue: plain TF-IDF, as it is commonly used."""
    rarity = TfidfTransformer(sublinear_tf=True).fit(counts(train))
    known = rarity.transform(counts(train))
    return lambda dialogues: np.maximum(1.0 - (rarity.transform(counts(dialogues)) @ known.T).toarray().max(axis=1), 0)


def word_counts(dialogues: Sequence[Dialogue]) -> Any:
    def runs(dialogue: Dialogue) -> list[str]:
        return list(grams(dialogue_words(dialogue), (1, 2)))

    return HashingVectorizer(analyzer=runs, norm=None, alternate_sign=False).transform(dialogues)


def letter_counts(dialogues: Sequence[Dialogue]) -> Any:
    texts = [" ".join(dialogue_words(dialogue)) for dialogue in dialogues]
    return HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), norm=None, alternate_sign=False).transform(texts)


def jaccard_distance(train: Sequence[Dialogue]) -> Scorer:
    """1 - the largest Jaccard similarity of the sets of five words."""

    def sets(dialogues: Sequence[Dialogue]) -> Any:
        runs = [list(grams(dialogue_words(dialogue), (5,))) for dialogue in dialogues]
        hashed = HashingVectorizer(analyzer=lambda x: x, n_features=2**24, norm=None, binary=True, alternate_sign=False)
        return hashed.transform(runs)

    known = sets(train)
    sizes = np.asarray(known.sum(axis=1)).ravel()

    def scorer(dialogues: Sequence[Dialogue]) -> Scores:
        own = sets(dialogues)
        shared = (own @ known.T).toarray()
        union = np.asarray(own.sum(axis=1)) + sizes - shared
        return np.asarray(1.0 - (shared / union).max(axis=1), dtype=np.float64)

    return scorer


@dataclass(frozen=True)
class Meanings:
    """Whole dialogues by a sentence encoder, the mean over their passages; a column of the gate."""

    encode: Encode
    neighbours: Neighbours
    least: int

    name = "meaning"

    @classmethod
    def builder(cls, encode: Encode, least: int) -> Builder:
        """What makes the column."""

        def over(dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Meanings:
            return cls(encode, Neighbours.over(_pooled(encode, dialogues, least), patients), least)

        return over

    def enrolled(self, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """Protects these dialogues too."""
        index = self.neighbours.index
        vectors = np.concatenate([index.vectors, _pooled(self.encode, dialogues, self.least)])
        return replace(self, neighbours=Neighbours.over(vectors, [*index.owners, *patients]))

    def scores(self, dialogues: Sequence[Dialogue], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N]."""
        return self.neighbours.scores(_pooled(self.encode, dialogues, self.least), exclude)


def _pooled(encode: Encode, dialogues: Sequence[Dialogue], least: int) -> Floats:
    """Mean of the passages' vectors, scaled to norm one, shape [N, D]."""
    spans = [passages(dialogue, least) for dialogue in dialogues]
    texts = [
        "\n".join(turn.text for turn in dialogue.turns[start:end])
        for dialogue, own in zip(dialogues, spans, strict=True)
        for start, end in own
    ]
    firsts = np.cumsum([0, *(len(own) for own in spans[:-1])])
    pooled = np.add.reduceat(np.asarray(encode(texts), dtype=np.float32), firsts, axis=0)
    unit: Floats = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
    return unit


def cached(encode: Encode) -> Encode:
    """The same passages come back with every split: each is encoded once."""
    known: dict[str, NDArray[np.float32]] = {}

    def encoded(texts: Sequence[str]) -> NDArray[np.float32]:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            known.update(zip(new, encode(new), strict=True))
        return np.stack([known[text] for text in texts])

    return encoded


def judged(
    records: Sequence[DialogueReal],
    paraphrases: Sequence[tuple[DialogueReal, str]],
    seed: int,
    table: Table,
    encode: Encode | None,
) -> tuple[int, int]:
    """One split: fits, calibrates, plants and judges. The numbers of training and calibration patients."""
    cohort = split_by_patient(
        Loaded(tuple(records), "", ""), SplitConfig(train=0.4, calibration=0.5, audit=0.1, seed=seed)
    )
    everybody = some_records(cohort.train, len(cohort.train), seed)
    tried, train = everybody[:TRIAL], everybody[TRIAL:]
    protected = one_record_each(cohort.train, seed)
    dialogues, patients = [r.payload for r in protected], [r.patient for r in protected]
    copies = {
        planted.perturbation: ([r.patient for r in train], list(planted.payloads))
        for planted in planted_copies(train, (), seed)
        if len(planted.payloads) == len(train)  # an event is told again where there is one: dialogue_events.py
    }
    own = {r.record: r.patient for r in train}
    found = [(own[origin], paraphrase.payload) for paraphrase, origin in paraphrases if origin in own]
    if found:
        copies["back_translated"] = ([patient for patient, _ in found], [dialogue for _, dialogue in found])
    strangers, witnesses = one_record_each(cohort.calibration, seed), one_record_each(cohort.audit, seed)
    trial = [planted for planted in planted_copies(tried, (), seed + 1) if planted.domain != "beyond"]
    split = Split(cohort, strangers, witnesses, trial, copies, seed)
    further = (RareFacts.over, ToldEvents.over)
    split.gate(table, "gate", further)
    split.gate(table, "gate without facts and events", ())
    filters = DialogueFilters.over(dialogues, patients, further=further)
    scores = remembered(filters)
    columns: list[Scorer] = [lambda d, i=i: scores(d)[:, i] for i in range(len(filters.names))]  # type: ignore[misc]
    for name, column in zip(filters.names, columns, strict=True):
        split.judge(table, f"{name} alone", [column])
    split.rule(table, "rule: 13-gram", columns[0], 1.0 / SHARED_RUN)
    jaccard = jaccard_distance(dialogues)
    split.rule(table, "rule: Jaccard 0.72", jaccard, 1.0 - JACCARD)
    split.judge(table, "Jaccard, calibrated", [jaccard])
    split.judge(table, "TF-IDF of 1 and 2 words, calibrated", [farthest_from(dialogues, word_counts)])
    split.judge(table, "TF-IDF of 3 to 5 letters, calibrated", [farthest_from(dialogues, letter_counts)])
    if encode is not None and found:
        meaning = Meanings.builder(encode, NearDuplicateConfig().passage_words)
        kinds = ("strangers", "exact", "back_translated")
        split.judge(table, "encoder alone", [meaning(dialogues, patients).scores], kinds)
        split.gate(table, "gate with encoder", (*further, meaning), kinds)
    return len(set(patients)), len(strangers)


def figures(table: Table, seed: int) -> dict[str, list[Estimate]]:
    """Per detector: what it rejects of the strangers and of each kind of copy, and the AUC of that kind."""
    found: dict[str, list[Estimate]] = {}
    for name, seen in table.items():
        rows = []
        for kind, records in seen.items():
            if kind == ELSE:
                continue
            better = "lower" if kind == "strangers" else "higher"
            values = np.array(records.rejected, dtype=np.float64)
            rows.append(mean(f"rejected_{kind}", values, records.patients, seed=seed, better=better, bounded=True))
        strangers = seen["strangers"]
        for kind in ("half_of_turns_replaced", "back_translated"):
            if kind in seen:
                near, far = (np.clip(-np.array(s.scores), -1e9, 1e9) for s in (seen[kind], strangers))
                rows.append(
                    auc(
                        f"auc_{kind}",
                        near,
                        far,
                        positive_patients=seen[kind].patients,
                        negative_patients=strangers.patients,
                        seed=seed,
                    )
                )
        found[name] = rows
    return found


COLOURS = {
    "gate": "#0b6e4f",
    "Jaccard, calibrated": "#b5651d",
    "shared_run alone": "#6a4c93",
    "TF-IDF of 1 and 2 words, calibrated": "#3a7ca5",
}
"""Detectors whose curves are drawn; "shared_run alone" is what the rule of 13 words is a point of."""
RULES = {"rule: 13-gram": "#6a4c93", "rule: Jaccard 0.72": "#b5651d"}
LEAST_RATE = 1e-3


def roc(seen: defaultdict[str, Seen], kind: str) -> NDArray[np.float64]:
    """Shares of strangers and of copies at or below each threshold, both rising, shape [2, thresholds]."""
    strangers, copies = (np.sort(np.array(seen[name].scores)) for name in (ELSE, kind))
    at = np.unique(np.concatenate([strangers, copies]))
    return np.stack([np.searchsorted(x, at, side="right") / len(x) for x in (strangers, copies)])


def figure(table: Table, kind: str, title: str) -> str:
    """ROC curves as SVG: strangers blocked (logarithmic, from 0.1%) against copies caught, and the rules' points."""
    wide, high, left, top, below = 360, 300, 48, 34, 96

    def point(false: float, true: float) -> str:
        across = np.log10(max(false, LEAST_RATE) / LEAST_RATE) / -np.log10(LEAST_RATE)
        return f"{left + wide * across:.1f},{top + high * (1 - true):.1f}"

    lines = [f'<text x="{left}" y="18" font-size="13">{title}</text>']
    for share in (0.001, 0.01, 0.1, 1.0):
        x, y = point(share, 0).split(",")
        lines.append(f'<path d="M{x} {y}V{top}" stroke="#ddd"/><text x="{x}" y="{top + high + 16}" '
                     f'text-anchor="middle">{share:.1%}</text>')  # fmt: skip
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = point(LEAST_RATE, share).split(",")
        lines.append(f'<path d="M{x} {y}h{wide}" stroke="#ddd"/><text x="{left - 6}" y="{float(y) + 4:.1f}" '
                     f'text-anchor="end">{share:.0%}</text>')  # fmt: skip
    legend: list[tuple[str, str]] = []
    for name, colour in COLOURS.items():
        false, true = roc(table[name], kind)
        best = dict(zip(false.clip(LEAST_RATE).tolist(), true.tolist(), strict=True))  # the last, so the most caught
        corners = {t: f for f, t in sorted(best.items(), reverse=True)}  # the fewest strangers for each share
        steps = " ".join([*(point(f, t) for t, f in sorted(corners.items())), point(1.0, 1.0)])
        lines.append(f'<polyline points="{steps}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        legend.append((name, colour))
    for name, colour in RULES.items():
        x, y = point(*(float(np.mean(table[name][k].rejected)) for k in ("strangers", kind))).split(",")
        lines.append(f'<circle cx="{x}" cy="{y}" r="4.5" fill="{colour}" stroke="white"/>')
        legend.append((f"● {name}", colour))
    lines.append(f'<text x="{left + wide / 2}" y="{top + high + 32}" text-anchor="middle">strangers blocked</text>')
    for i, (name, colour) in enumerate(legend):
        across, down = left + (i % 2) * 190, top + high + 50 + 15 * (i // 2)
        lines.append(f'<text x="{across}" y="{down}" fill="{colour}">{name}</text>')
    size = f"{left + wide + 24} {top + high + below}"
    body = "\n".join(lines)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" font-family="sans-serif" font-size="10">\n'
            f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n')  # fmt: skip


def run(options: argparse.Namespace) -> dict[str, Any]:
    encode = cached(sentence_encoder(options.encoder)) if options.encoder else None
    results = {}
    for source in options.only or SOURCES:
        started = time.process_time()
        half = options.half if source == "mts_dialog" else "all"
        records, others = linked(options.data, source, half)
        paraphrases = list(read(options.data / f"{PARAPHRASED}.jsonl")) if source == "mts_dialog" else []
        table: Table = defaultdict(lambda: defaultdict(Seen))
        for seed in range(options.seeds):
            sizes = judged(records, paraphrases, seed, table, encode)
        detectors = figures(table, options.seeds)
        for kind in ("half_of_turns_replaced", "back_translated") if options.figure else ():
            if kind in table["gate"]:
                path = options.figure.with_name(f"{options.figure.name}_{source}_{kind}.svg")
                path.write_text(figure(table, kind, f"{source}: {kind.replace('_', ' ')}"), encoding="utf-8")
        results[source] = {
            "patients": len({r.patient for r in records}), "linked": others, "train": sizes[0], "calibration": sizes[1],
            "splits": options.seeds, "beyond": BEYOND, "cpu_seconds": round(time.process_time() - started),
            "detectors": detectors,
        }  # fmt: skip
        print(f"{source}: { {key: value for key, value in results[source].items() if key != 'detectors'} }")
        for name, rows in detectors.items():
            print(f"  {name}")
            show(rows, indent=4)
    return results


def show(estimates: Sequence[Estimate], indent: int = 2) -> None:
    for e in estimates:
        print(f"{' ' * indent}{e.metric:<50}{e.value:7.4f}  [{e.ci95[0]:.4f}, {e.ci95[1]:.4f}]  n = {e.n}", flush=True)


def asks(description: str | None, seeds: int = 5) -> argparse.ArgumentParser:
    """What every benchmark of the dialogue gate is asked with."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the JSONL files")
    parser.add_argument("--out", type=Path, required=True, help="JSON of the estimates")
    parser.add_argument("--seeds", type=int, default=seeds, help="number of splits")
    parser.add_argument("--only", action="append", choices=SOURCES, help="one source; may be given again")
    return parser


def written(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], Mapping[str, Any]]) -> int:
    """Runs, and writes the estimates as they are nested; an error of ours is one line."""
    options = parser.parse_args()
    try:
        if options.seeds < 1:
            raise UserError(f"--seeds must be at least 1, got {options.seeds}")
        results = run(options)
    except SynthgenError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    options.out.write_text(json.dumps(results, indent=1, default=Estimate.as_dict), encoding="utf-8")
    return 0


def main() -> int:
    parser = asks(__doc__)
    parser.add_argument("--half", choices=("development", "test", "all"), default="test", help="of mts_dialog")
    parser.add_argument("--encoder", default="", help="sentence-transformers folder: judges the paraphrases too")
    parser.add_argument("--figure", type=Path, help="beginning of the names of ROC curves in SVG")
    return written(parser, run)


if __name__ == "__main__":
    sys.exit(main())
