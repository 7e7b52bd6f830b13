"""Labelled identifiers after the operator: which are left whole, which in part, and how many documents give one away.

    python benchmarks/changed_identifiers.py --data pii --out changed_identifiers.json [--half test] [--model FOLDER]

``--data`` is as in ``benchmarks/deidentification.py``, as are halves and what is resampled for intervals; there the
detector is judged by families, here what stands in the changed text: a span is **left whole** when none of its letters
and digits was replaced, **left in part** when some were. What may stay by Safe Harbor (countries, ages up to 89,
years alone, weekdays) is counted at strength 2. A document **gives an identity away** when a person's name, address,
number or contact is left whole in it. Every document is changed alone, as one turn, under a secret of its own.

With ``--model``, the folder or name of a spaCy model that looks too (``identifiers.ner``).
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.deidentification import FAMILIES, SETS, Document, documents, draws, interval
from synthgen.modalities.dialogue.anonymise import QUASI
from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.privacy_filters.dialogue.identifier_config import SAFE_HARBOR
from synthgen.privacy_filters.dialogue.identifiers import IdentifierConfig, identifier_spans, replaced
from synthgen.records import Estimate

IDENTITIES = ("person", "place", "phone", "email", "url", "ip", "account", "id")
"""Families of which one that is left whole gives its document away."""


def left(document: Document, number: int, config: IdentifierConfig) -> tuple[dict[str, list[int]], int, int]:
    """Per family and label: 0 replaced, 1 left in part, 2 left whole, of each gold span; spans replaced, and wrongly.

    Wrongly: what no gold span of any kind touches.
    """
    dialogue = Dialogue((Turn("patient", document.text),))
    spans = identifier_spans([dialogue], config)[0]
    replaced([dialogue], [spans], number, config)  # that it can be done at all
    covered = {i for span in spans for i in range(span.start, span.end)}
    found: dict[str, list[int]] = defaultdict(list)
    for start, end, label in document.gold:
        letters = [i for i in range(start, end) if document.text[i].isalnum()]
        stays = sum(i not in covered for i in letters)
        how = 0 if not stays else 2 if stays == len(letters) else 1
        family = FAMILIES.get(label)
        for name in (label, f"family {family}") if family else ():
            found[name].append(how)
    gold = {i for start, end, _ in document.gold for i in range(start, end)}
    wrong = sum(not gold.intersection(range(span.start, span.end)) for span in spans)
    return found, len(spans), wrong


def share(name: str, top: NDArray[np.float64], bottom: NDArray[np.float64], units: Sequence[str]) -> dict[str, Any]:
    weights, count = draws(units, seed=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        value, drawn = top.sum() / bottom.sum(), (weights @ top) / (weights @ bottom)
    return {**Estimate(name, float(value), interval(drawn), count).as_dict(), "of": int(bottom.sum())}


def judged(docs: Sequence[Document], config: IdentifierConfig) -> dict[str, Any]:
    rows = [left(document, number, config) for number, document in enumerate(docs)]
    units = [document.unit for document in docs]
    names = sorted({name for found, _, _ in rows for name in found})
    results: dict[str, Any] = {}
    for name in names:
        whole, part, gold = (
            np.array([float(sum(how in kinds for how in found.get(name, ()))) for found, _, _ in rows])
            for kinds in ((2,), (1,), (0, 1, 2))
        )
        results[name] = {"whole": share("whole", whole, gold, units), "part": share("part", part, gold, units)}
    identities = [[how for f in IDENTITIES for how in found.get(f"family {f}", ())] for found, _, _ in rows]
    some = np.array([float(bool(found)) for found in identities])
    given = np.array([float(2 in found) for found in identities])
    results["documents"] = {"whole": share("documents", given, some, units)}
    spans, wrong = (np.array([float(row[i]) for row in rows]) for i in (1, 2))
    results["wrongly replaced"] = {"whole": share("wrong", wrong, spans, units)}
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
                    if kind.startswith("family") or kind in ("documents", "wrongly replaced"):
                        told = {k: f"{v['value']:.3f} {v['ci95']} of {v['of']}" for k, v in figures.items()}
                        print("  ", kind, told, flush=True)


if __name__ == "__main__":
    main()
