"""Who reads a changed text and looks for what was not changed: how many originals are singled out, by policy.

    python benchmarks/parrot_attack.py --work W --out parrot_attack.json [--aci aci_bench.jsonl] [--patients 240]
        [--sessions 8] [--seeds 0 1 2]

Spans that the rules found are dropped at random, at several rates, before surrogates are drawn under either policy. The
attacker sees every mention, and not which is an original; he knows policy and rate, has run the operator on other
patients (half of them), and learnt from that, by a random forest, by what an original is told: how often it is said, in
how many sessions, beside how many other names, in which places, and (``lists``) whether Faker's lists have it. He names
what he holds for an original with more than even odds. A document leaks when it holds an original so named; a patient
leaks when one of his documents does (Osborne et al. 2022 count so; Carrell et al. 2019 call such an attacker parrot).

Cohorts: the grammar's, whose names no list has; the same with common names (its names replaced once, before all else);
and real visits with ``--aci``, a document each.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.anonymised_transcripts import cohort
from synthgen.estimates import proportion
from synthgen.modality import load
from synthgen.payloads.dialogue import Dialogue
from synthgen.privacy_filters.dialogue.identifier_config import IdentifierConfig
from synthgen.privacy_filters.dialogue.identifiers import identifier_spans, replaced
from synthgen.privacy_filters.dialogue.identifiers.invent import MOVED, Inventor
from synthgen.privacy_filters.dialogue.identifiers.types import Identifier
from synthgen.privacy_filters.dialogue.identifiers.vocabulary import folded, given_names, place_words
from synthgen.progress import Silent
from synthgen.records import Estimate

Policy = Literal["consistent", "markov"]
MISSED = (0.0, 0.001, 0.01, 0.05)
LEARNT_AT = 0.01
"""The attacker learns at no smaller rate: he would see too few."""
REPEATS = 6
"""How often the attacker tries the operator on his own patients; misses are rare."""


@dataclass(frozen=True)
class Patient:
    """A patient's dialogues and what the rules find in them."""

    dialogues: tuple[Dialogue, ...]
    spans: tuple[tuple[Identifier, ...], ...]


@dataclass(frozen=True)
class Mention:
    """What stands in a changed text where an identifier stood."""

    document: int
    kind: str
    said: str
    place: str
    original: bool


def patients_of(groups: Sequence[Sequence[Dialogue]], config: IdentifierConfig) -> list[Patient]:
    return [Patient(tuple(own), tuple(map(tuple, identifier_spans(own, config)))) for own in groups]


def mentions(patient: Patient, policy: Policy, missed: float, seed: int) -> list[Mention]:
    """One change of a patient's dialogues, of which each span is missed with this probability."""
    rng = np.random.default_rng(seed)
    texts = [dialogue.text for dialogue in patient.dialogues]
    taken = {
        folded(w)
        for t, hits in zip(texts, patient.spans, strict=True)
        for h in hits
        for w in t[h.start : h.end].split()
    }
    invent = Inventor(seed, "en", taken, markov=policy == "markov", weeks=True)
    found = []
    for document, (text, hits) in enumerate(zip(texts, patient.spans, strict=True)):
        for hit in hits:
            original = bool(rng.random() < missed)
            was = text[hit.start : hit.end]
            said = was if original else invent(hit.entity, was, text[: hit.start])
            place = " ".join(text[max(0, hit.start - 30) : hit.start].lower().split()[-2:])
            kind = "moved" if hit.entity in MOVED else hit.entity
            found.append(Mention(document, kind, folded(said), place, original))
    return found


def listed(said: str) -> float:
    """The share of a name's words that the surrogates' own lists have."""
    from faker.providers.person.en_US import Provider

    known = given_names("en_US")
    family = _folded_family(Provider)
    words = said.replace(".", " ").split()
    return sum(any(w in one for one in (*known, family, place_words().cities)) for w in words) / max(1, len(words))


_FAMILY: list[frozenset[str]] = []


def _folded_family(provider: Any) -> frozenset[str]:
    if not _FAMILY:
        _FAMILY.append(frozenset(folded(name) for name in provider.last_names))
    return _FAMILY[0]


def candidates(said: Sequence[Mention], lists: bool) -> Iterator[tuple[str, str, list[float], bool]]:
    """Each string of each kind that stands in a patient's changed dialogues: kind, string, what is told, the truth."""
    by_kind: dict[str, list[Mention]] = defaultdict(list)
    for mention in said:
        by_kind[mention.kind].append(mention)
    for kind, own in by_kind.items():
        counts = Counter(mention.said for mention in own)
        most = max(counts.values())
        for string, count in counts.items():
            mine = [m for m in own if m.said == string]
            words = set(string.split())
            others = [m for m in own if m.said != string]
            places = {m.place for m in mine}
            told = [
                count,
                count / len(own),
                count / most,
                len(counts),
                len(own),
                len({m.document for m in mine}) / len({m.document for m in own}),
                np.mean([m.place in places for m in others]) if others else -1.0,
                float(any(words & set(other.split()) for other in counts if other != string)),
                len(words),
                sum(c == count for c in counts.values()),
                float(kind == "PERSON"),
                float(kind == "moved"),
                *((listed(string),) if lists else ()),
            ]
            yield kind, string, told, any(m.original for m in mine)


def attacker(own: Sequence[Patient], policy: Policy, missed: float, lists: bool, seed: int) -> Any:
    """A forest that has seen the operator at work on patients of the attacker's own."""
    from sklearn.ensemble import RandomForestClassifier

    rows = [
        row
        for repeat in range(REPEATS)
        for number, patient in enumerate(own)
        for row in candidates(mentions(patient, policy, missed, seed + 7919 * (repeat + 1) + number), lists)
    ]
    told, truth = np.array([row[2] for row in rows]), np.array([row[3] for row in rows])
    return RandomForestClassifier(60, min_samples_leaf=10, random_state=seed, n_jobs=1).fit(told, truth)


def singled_out(
    forest: Any, judged: Sequence[Patient], policy: Policy, missed: float, learnt_at: float, lists: bool, seed: int
) -> list[tuple[list[Mention], set[tuple[str, str]]]]:
    """Of each patient that is judged: what stands in his changed dialogues, and what the attacker names.

    Args:
        learnt_at: the rate of misses that the attacker learnt at, where they are rarer; he corrects his odds by it.
    """
    prior = missed / learnt_at
    found = []
    for number, patient in enumerate(judged):
        said = mentions(patient, policy, missed, seed + 104729 + number)
        seen = list(candidates(said, lists))
        chances = forest.predict_proba(np.array([row[2] for row in seen]))[:, -1] if seen else []
        odds = [p * prior / (p * prior + 1 - p) if p < 1 else 1.0 for p in chances]
        found.append((said, {row[:2] for row, p in zip(seen, odds, strict=True) if p > 0.5}))
    return found


def measured(name: str, patients: Sequence[Patient], seed: int) -> Iterator[dict[str, Any]]:
    half = len(patients) // 2
    for policy in ("consistent", "markov"):
        for lists in (False, True):
            forests = {rate: attacker(patients[:half], policy, rate, lists, seed) for rate in (LEARNT_AT, MISSED[-1])}
            for missed in MISSED:
                figures: list[Estimate] = []
                rate = max(missed, LEARNT_AT)
                found = singled_out(forests[rate], patients[half:], policy, missed, rate, lists, seed)
                for group, kinds in (("drawn", lambda kind: kind != "moved"), ("moved", lambda kind: kind == "moved")):
                    documents = leaked = kept = right = claims = left = 0
                    for (said, named), patient in zip(found, patients[half:], strict=True):
                        mine = [m for m in said if kinds(m.kind)]
                        originals = [m for m in mine if m.original]
                        hit = {m.document for m in originals if (m.kind, m.said) in named}
                        documents += len(patient.dialogues)
                        leaked += len(hit)
                        right += bool(hit)
                        left += bool(originals)
                        claims += sum(kinds(kind) for kind, _ in named)
                        kept += len({(m.kind, m.said) for m in originals} & named)
                    figures += [
                        proportion(f"{group}_documents", leaked, documents, better="lower"),
                        proportion(f"{group}_patients", right, len(found), better="lower"),
                        proportion(f"{group}_patients_with_an_original", left, len(found), better="lower"),
                        proportion(f"{group}_named_rightly", kept, claims, better="lower"),
                    ]
                yield {
                    "cohort": name,
                    "seed": seed,
                    "policy": policy,
                    "missed": missed,
                    "lists": lists,
                    "figures": figures,
                }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--aci", type=Path)
    parser.add_argument("--patients", type=int, default=240)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    kind = load("dialogue")
    section = kind.config("cpu", []).modality
    config = section.identifiers.model_copy(update={"policy": "consistent"})
    results: list[dict[str, Any]] = []
    for seed in given.seeds:
        groups, _ = cohort(given.work, seed, given.patients, given.sessions)
        sets = {"grammar": [[record.payload for record in own] for own in groups]}
        invented = patients_of(sets["grammar"], config)
        sets["grammar, common names"] = [
            replaced(one.dialogues, one.spans, 10**6 + seed * 1000 + i, config) for i, one in enumerate(invented)
        ]
        if given.aci:
            loaded = kind.cohorts.load(given.aci, section, given.work, Silent()).records
            order = np.random.default_rng(seed).permutation(len(loaded))
            sets["aci_bench"] = [[loaded[i].payload] for i in order]
        for name, own in sets.items():
            for row in measured(name, invented if name == "grammar" else patients_of(own, config), seed):
                results.append(row)
                told = {e.metric: round(e.value, 3) for e in row["figures"] if e.metric.startswith("drawn")}
                print(name, seed, row["policy"], row["missed"], row["lists"], told, flush=True)
        given.out.write_text(json.dumps(results, indent=1, default=Estimate.as_dict) + "\n")


if __name__ == "__main__":
    main()
