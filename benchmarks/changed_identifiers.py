"""Labelled identifiers after the operator: which are left whole, which in part, and how many documents give one away.

    python benchmarks/changed_identifiers.py --data pii --out changed_identifiers.json [--half test] [--model FOLDER]

``--data`` is as in ``benchmarks/deidentification.py``, as are halves and what is resampled for intervals; there the
detector is judged by families, here what stands in the changed text: a span is **left whole** when none of its letters
and digits was replaced, **left in part** when some were. What may stay by Safe Harbor (countries, ages up to 89,
years alone, weekdays) is counted at strength 2. A document **gives an identity away** when a person's name, address,
number or contact is left whole in it (``names``: a person's name; countries of MEDDOCAN do not count). Clinical facts
are counted before and after, by the toolkit's lists. Every document is changed alone, as one turn, under a secret of
its own.

With ``--model``, the folder or name of a spaCy model that looks too (``identifiers.ner``).
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.deidentification import FAMILIES, SETS, Document, documents, draws, interval
from synthgen.modalities.dialogue.anonymise import QUASI
from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.privacy_filters.dialogue.clinical import clinical_facts
from synthgen.privacy_filters.dialogue.identifier_config import SAFE_HARBOR
from synthgen.privacy_filters.dialogue.identifiers import IdentifierConfig, identifier_spans, replaced
from synthgen.records import Estimate

IDENTITIES = ("person", "place", "phone", "email", "url", "ip", "account", "id")
"""Families of which one that is left whole gives its document away."""


COUNTRIES = ("PAIS",)


@dataclass(frozen=True)
class Left:
    """What a changed document still has.

    Attributes:
        spans: per family and label, of each gold span: 0 replaced, 1 left in part, 2 left whole.
        replaced: spans that were replaced, and how many of them no gold span of any kind touches.
        facts: whether its clinical facts are others.
    """

    spans: dict[str, list[int]]
    replaced: tuple[int, int]
    facts: bool


def left(document: Document, number: int, config: IdentifierConfig) -> Left:
    dialogue = Dialogue((Turn("patient", document.text),))
    spans = identifier_spans([dialogue], config)[0]
    changed = replaced([dialogue], [spans], number, config)[0]
    covered = {i for span in spans for i in range(span.start, span.end)}
    found: dict[str, list[int]] = defaultdict(list)
    for start, end, label in document.gold:
        letters = [i for i in range(start, end) if document.text[i].isalnum()]
        stays = sum(i not in covered for i in letters)
        how = 0 if not stays else 2 if stays == len(letters) else 1
        family = FAMILIES.get(label)
        names = (label, f"family {family}", *(("identities",) if family in IDENTITIES else ())) if family else ()
        for name in names:
            if name != "identities" or label not in COUNTRIES:
                found[name].append(how)
    gold = {i for start, end, _ in document.gold for i in range(start, end)}
    wrong = sum(not gold.intersection(range(span.start, span.end)) for span in spans)
    return Left(found, (len(spans), wrong), clinical_facts(changed.text) != clinical_facts(document.text))


def share(name: str, top: NDArray[np.float64], bottom: NDArray[np.float64], units: Sequence[str]) -> dict[str, Any]:
    weights, count = draws(units, seed=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        value, drawn = top.sum() / bottom.sum(), (weights @ top) / (weights @ bottom)
    return {**Estimate(name, float(value), interval(drawn), count).as_dict(), "of": int(bottom.sum())}


def judged(docs: Sequence[Document], config: IdentifierConfig) -> dict[str, Any]:
    rows = [left(document, number, config) for number, document in enumerate(docs)]
    units = [document.unit for document in docs]
    results: dict[str, Any] = {}
    for name in sorted({name for row in rows for name in row.spans}):
        whole, part, gold = (
            np.array([float(sum(how in kinds for how in row.spans.get(name, ()))) for row in rows])
            for kinds in ((2,), (1,), (0, 1, 2))
        )
        results[name] = {"whole": share("whole", whole, gold, units), "part": share("part", part, gold, units)}
    for told, name in (("documents", "identities"), ("documents, names", "family person")):
        some = np.array([float(name in row.spans) for row in rows])
        given = np.array([float(2 in row.spans.get(name, ())) for row in rows])
        results[told] = {"whole": share("documents", given, some, units)}
    spans, wrong = (np.array([float(row.replaced[i]) for row in rows]) for i in (0, 1))
    results["wrongly replaced"] = {"whole": share("wrong", wrong, spans, units)}
    facts = np.array([float(row.facts) for row in rows])
    results["clinical facts"] = {"whole": share("documents", facts, np.ones(len(rows)), units)}
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--half", choices=("development", "test"), default="test")
    parser.add_argument("--model", default="", help="name or folder of a spaCy model for English")
    parser.add_argument("--only", choices=SETS, action="append")
    given = parser.parse_args()
    results: list[dict[str, Any]] = []
    for name in given.only or SETS:
        language = "es" if name == "meddocan_es" else "en"
        docs = documents(given.data / f"{name}.jsonl", given.half)
        for model in ("", given.model) if given.model and language == "en" else ("",):
            for strength, reject in ((1, SAFE_HARBOR), (2, (*SAFE_HARBOR, *QUASI))):
                ner = f"spacy:{model}" if model else ""
                config = IdentifierConfig.model_validate({"language": language, "reject": reject, "ner": ner})
                found = judged(docs, config)
                results.append(
                    {"set": name, "half": given.half, "documents": len(docs), "model": bool(model)}
                    | {"strength": strength, "left": found}
                )
                given.out.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
                print(name, strength, bool(model), f"{len(docs)} documents", flush=True)
                for kind, figures in found.items():
                    if kind.startswith("family") or kind.startswith(("documents", "wrongly", "clinical")):
                        told = {k: f"{v['value']:.3f} {v['ci95']} of {v['of']}" for k, v in figures.items()}
                        print("  ", kind, told, flush=True)


if __name__ == "__main__":
    main()
