"""Identifiers found in labelled text, beside plain Presidio on the same text.

    python benchmarks/deidentification.py --data pii --out deidentification.json \\
        [--english-model FOLDER] [--spanish-model FOLDER] [--half test]

``--data`` holds ``presidio_synth.jsonl`` (English sentences), ``meddocan_es.jsonl`` (Spanish case reports) and
``aci_bench_names_silver.jsonl`` (clinical conversations and notes, names only). Plain Presidio is
``AnalyzerEngine`` with its default recognisers, with the named spaCy model for its entities, or without one.

Halves: presidio_synth is dealt by template (all sentences of a template into one half), aci-bench by patient, MEDDOCAN
as published (its train and development splits are our development half). The recognisers were written while looking at
the development half only; what is quoted is the test half.

Matching: a gold span is found when a hit of its family overlaps it (``overlap``), or has its very start and end
(``exact``); ``characters`` is the share of the gold characters under a hit of the family. A hit is right when it
overlaps a gold span of its family, or has its very start and end. Families, not labels, so that both systems are held
to the same: a postcode within a found address is found. Intervals: bootstrap over templates, patients or documents.

Beside these, a hundred eponyms of diseases, signs and devices, each in four sentences: how many each system takes for a
person or for anything else that identifies. The list was written without looking at the recognisers' own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from synthgen.errors import SynthgenError, UserError
from synthgen.privacy_filters.dialogue.identifiers import IdentifierConfig, find_identifiers
from synthgen.records import Estimate

RESAMPLES = 2000
SETS = ("presidio_synth", "meddocan_es", "aci_bench_names_silver")
PLACE, WHEN = "place", "date or age"

# Family of each label, ours and everybody else's; labels that are no identifiers of Safe Harbor have none.
FAMILIES: dict[str, str] = {
    **dict.fromkeys(["PERSON", "NOMBRE_SUJETO_ASISTENCIA", "NOMBRE_PERSONAL_SANITARIO"], "person"),
    **dict.fromkeys(["PATIENT_NAME", "DOCTOR_NAME"], "person"),
    **dict.fromkeys(["ADDRESS", "POSTCODE", "LOCATION", "COUNTRY", "STREET_ADDRESS", "GPE", "ZIP_CODE"], PLACE),
    **dict.fromkeys(["CALLE", "TERRITORIO", "PAIS"], PLACE),
    **dict.fromkeys(["ORGANISATION", "ORGANIZATION", "HOSPITAL", "INSTITUCION", "CENTRO_SALUD"], "organisation"),
    **dict.fromkeys(["DATE", "MONTH", "YEAR", "WEEKDAY", "DATE_TIME", "FECHAS"], WHEN),
    **dict.fromkeys(["AGE", "AGE_OVER_89", "EDAD_SUJETO_ASISTENCIA"], WHEN),
    **dict.fromkeys(["GROUP", "NRP"], "nationality"),
    **dict.fromkeys(["PHONE", "PHONE_NUMBER", "NUMERO_TELEFONO", "NUMERO_FAX"], "phone"),
    **dict.fromkeys(["EMAIL", "EMAIL_ADDRESS", "CORREO_ELECTRONICO"], "email"),
    **dict.fromkeys(["URL", "DOMAIN_NAME"], "url"),
    **dict.fromkeys(["IP_ADDRESS"], "ip"),
    **dict.fromkeys(["CREDIT_CARD", "IBAN", "IBAN_CODE", "US_BANK_NUMBER", "CRYPTO"], "account"),
    **dict.fromkeys(["SSN", "US_SSN", "ID", "US_DRIVER_LICENSE", "US_PASSPORT", "US_ITIN", "UK_NHS", "ES_NIF"], "id"),
    **dict.fromkeys(["ES_NIE", "MEDICAL_LICENSE", "US_MBI", "US_NPI", "UK_NINO", "ID_SUJETO_ASISTENCIA"], "id"),
    **dict.fromkeys(["ID_TITULACION_PERSONAL_SANITARIO", "ID_ASEGURAMIENTO", "ID_CONTACTO_ASISTENCIAL"], "id"),
    **dict.fromkeys(["PLATE", "USERNAME", "MAC_ADDRESS", "UUID", "ES_PASSPORT"], "id"),
}

EPONYM_LIST = (
    "Parkinson's disease|Parkinson's|Alzheimer's disease|Alzheimer's|Huntington's disease|Crohn's disease|Crohn's|"
    "Hodgkin's lymphoma|non-Hodgkin lymphoma|Graves' disease|Hashimoto's thyroiditis|Hashimoto's|Addison's disease|"
    "Cushing's syndrome|Raynaud's phenomenon|Sjögren's syndrome|Marfan syndrome|Down syndrome|Turner syndrome|"
    "Klinefelter syndrome|Tourette's|Asperger's|Bell's palsy|Ménière's disease|Guillain-Barré syndrome|"
    "Barrett's oesophagus|Paget's disease|Kawasaki disease|Wilson's disease|Gaucher disease|Tay-Sachs disease|"
    "Ehlers-Danlos syndrome|Duchenne muscular dystrophy|Charcot foot|Wernicke's encephalopathy|Korsakoff syndrome|"
    "Creutzfeldt-Jakob disease|Lou Gehrig's disease|Osgood-Schlatter disease|Perthes disease|a Baker's cyst|"
    "a Colles' fracture|Dupuytren's contracture|Heberden's nodes|McBurney's point tenderness|Murphy's sign|"
    "a Babinski reflex|the Romberg test|the Lachman test|Phalen's test|Tinel's sign|Homans sign|Kernig's sign|"
    "Brudzinski's sign|Lewy body dementia|a Foley catheter|a Pap smear|an Apgar score of nine|"
    "the Beck Depression Inventory|the Hamilton scale|the Young Mania scale|the Epley manoeuvre|a Valsalva manoeuvre|"
    "the Heimlich manoeuvre|Kegel exercises|the Trendelenburg position|a Swan-Ganz catheter|a Hickman line|"
    "a Mantoux test|a Coombs test|Epstein-Barr virus|Lyme disease|Coxsackie virus|Takayasu's arteritis|"
    "Behçet's disease|Peyronie's disease|Wegener's granulomatosis|Goodpasture syndrome|Fabry disease|Pompe disease|"
    "Rett syndrome|Prader-Willi syndrome|Angelman syndrome|Noonan syndrome|Fanconi anaemia|von Willebrand disease|"
    "Hirschsprung's disease|a Meckel's diverticulum|a Mallory-Weiss tear|Zollinger-Ellison syndrome|"
    "Whipple's disease|Budd-Chiari syndrome|Gilbert's syndrome|Ewing sarcoma|Kaposi's sarcoma|a Wilms tumour|"
    "Burkitt lymphoma|Merkel cell carcinoma|Bowen's disease|Chiari malformation"
)
FRAMES = (
    "My mother has {}.",
    "They looked for {} last year and found nothing.",
    "So the doctor said it could be {}, is that right?",
    "She wrote {} in my file, and I have been reading about it since.",
)

EPONYMS = tuple(EPONYM_LIST.split("|"))

Span = tuple[int, int, str]
"""Start, end, label."""

Finder = Callable[[str], list[Span]]


@dataclass(frozen=True)
class Document:
    """Labelled text; ``unit`` is what is resampled: a template, a patient, or the document itself."""

    unit: str
    text: str
    gold: tuple[Span, ...]


@dataclass(frozen=True)
class Counts:
    """Per document, for one label or family: gold spans found and not, hits right and not, characters covered.

    Attributes:
        table: shape [documents, 7]: gold, found by overlap, found exactly, hits, right by overlap, right exactly, and
            gold characters, then those covered.
    """

    table: NDArray[np.float64]


def documents(path: Path, half: str) -> list[Document]:
    """One half of a set, ``development`` or ``test``; see the module's docstring."""
    if not path.is_file():
        raise UserError(f"{path} is missing: give --data the folder that holds it")
    chosen = []
    for line in path.read_text("utf-8").splitlines():
        record = json.loads(line)
        unit = str(record.get("template_id", record.get("patient_id") or record["doc_id"]))
        if "split" in record:
            mine = "test" if record["split"] == "test" else "development"
        else:
            even = hashlib.blake2b(unit.encode(), digest_size=4).digest()[0] % 2 == 0
            mine = "development" if even else "test"
        if mine == half:
            gold = tuple((e["start"], e["end"], e["label"]) for e in record["entities"])
            chosen.append(Document(unit, record["text"], gold))
    return chosen


def ours(language: str, model: str) -> Finder:
    config = IdentifierConfig(language="es" if language == "es" else "en", ner=f"spacy:{model}" if model else "")
    return lambda text: [(hit.start, hit.end, hit.entity) for hit in find_identifiers(text, config)]


def plain_presidio(language: str, model: str, threshold: float = 0.0) -> Finder:
    """``AnalyzerEngine`` as it comes: default recognisers, default mapping of a model's entities."""
    import spacy
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    class Engine(SpacyNlpEngine):
        def load(self) -> None:
            self.nlp = {language: spacy.load(model) if model else spacy.blank(language)}  # type: ignore[assignment]

    engine = Engine(models=[{"lang_code": language, "model_name": model or "blank"}])
    engine.load()
    registry = RecognizerRegistry(supported_languages=[language])
    registry.load_predefined_recognizers(languages=[language], nlp_engine=engine)
    analyser = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[language])
    return lambda text: [
        (r.start, r.end, r.entity_type) for r in analyser.analyze(text, language, score_threshold=threshold)
    ]


def count(document: Document, hits: Sequence[Span]) -> dict[str, NDArray[np.float64]]:
    """The table's row of this document for each gold label, each family (``family …``) and everything (``all``)."""
    rows: dict[str, NDArray[np.float64]] = {}
    gold = [(s, e, label, FAMILIES.get(label)) for s, e, label in document.gold]
    found = [(s, e, FAMILIES.get(label)) for s, e, label in hits]
    found = sorted({hit for hit in found if hit[2]}, key=str)

    def add(name: str, column: int, value: float = 1.0) -> None:
        rows.setdefault(name, np.zeros(8))[column] += value

    for start, end, label, family in gold:
        names = (label, f"family {family}", "all") if family else (f"{label} (not looked for)",)
        same = [(s, e) for s, e, other in found if family is None or other == family]
        covered = {i for s, e in same for i in range(max(s, start), min(e, end))}
        for name in names:
            add(name, 0)
            add(name, 1, float(bool(covered)))
            add(name, 2, float((start, end) in same))
            add(name, 6, end - start)
            add(name, 7, len(covered))
    for start, end, family in found:
        same = [(s, e) for s, e, _, other in gold if other == family]
        for name in (f"family {family}", "all"):
            add(name, 3)
            add(name, 4, float(any(s < end and start < e for s, e in same)))
            add(name, 5, float((start, end) in same))
    return rows


def tables(docs: Sequence[Document], find: Finder) -> dict[str, NDArray[np.float64]]:
    """Shape [documents, 8] per name."""
    rows = [count(document, find(document.text)) for document in docs]
    names = sorted({name for row in rows for name in row})
    zero = np.zeros(8)
    return {name: np.stack([row.get(name, zero) for row in rows]) for name in names}


def draws(units: Sequence[str], seed: int) -> tuple[NDArray[np.float64], int]:
    """How often each document counts in each resample of the units, shape [R, documents]; and how many units."""
    names, of = np.unique(np.asarray(units), return_inverse=True)
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    return weights[:, of].astype(np.float64), len(names)


RATIOS = {
    "recall": (1, 0),
    "recall_exact": (2, 0),
    "recall_characters": (7, 6),
    "precision": (4, 3),
    "precision_exact": (5, 3),
}


def ratio(sums: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
    """A ratio of ``RATIOS``, or F1, of sums of shape [..., 8]."""
    with np.errstate(invalid="ignore", divide="ignore"):
        if kind == "f1":
            p, r = ratio(sums, "precision"), ratio(sums, "recall")
            return np.asarray(2 * p * r / (p + r))
        top, bottom = RATIOS[kind]
        return np.asarray(sums[..., top] / sums[..., bottom])


def estimate(name: str, kind: str, table: NDArray[np.float64], weights: NDArray[np.float64], units: int) -> Estimate:
    value = float(ratio(table.sum(axis=0), kind))
    return Estimate(f"{name} {kind}", value, interval(ratio(weights @ table, kind)), units)


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


def judged(
    docs: Sequence[Document], systems: Iterable[tuple[str, Finder]], console: Console
) -> dict[str, dict[str, object]]:
    weights, units = draws([document.unit for document in docs], seed=0)
    results: dict[str, dict[str, object]] = {}
    kept: dict[str, NDArray[np.float64]] = {}
    for system, find in systems:
        find("Hello.")  # models are loaded before the clock starts
        start = time.monotonic()
        found = tables(docs, find)
        seconds = time.monotonic() - start
        kept[system] = found["all"]
        kinds = (*RATIOS, "f1")
        results[system] = {
            "seconds": round(seconds, 1),
            "characters": sum(len(document.text) for document in docs),
            "estimates": {
                name: {kind: estimate(name, kind, table, weights, units).as_dict() for kind in kinds}
                | {"gold": int(table[:, 0].sum()), "hits": int(table[:, 3].sum())}
                for name, table in found.items()
            },
        }
        show(console, system, found, weights)
    first, *others = kept
    for other in others:
        a, b = (weights @ kept[system] for system in (first, other))
        gains = {
            kind: Estimate(
                f"{kind}: {first} less {other}",
                float(ratio(kept[first].sum(axis=0), kind) - ratio(kept[other].sum(axis=0), kind)),
                interval(ratio(a, kind) - ratio(b, kind)),
                units,
            ).as_dict()
            for kind in ("recall", "recall_exact", "recall_characters", "precision", "f1")
        }
        results[other]["gain"] = gains
        for kind, gain in gains.items():
            known = gain["value"] is not None  # a system without a hit has no precision
            console.print(f"{first} less {other}, {kind}: {gain['value'] if known else '–'} {gain['ci95']}")
    return results


def mistaken(systems: Iterable[tuple[str, Finder]], console: Console) -> dict[str, dict[str, object]]:
    """Per system, how many eponyms are taken for a person, and for anything of a family, in any of the sentences."""
    results: dict[str, dict[str, object]] = {}
    for system, find in systems:
        persons, anything, mentions = set(), set(), 0
        for eponym in EPONYMS:
            for frame in FRAMES:
                text = frame.format(eponym)
                start = text.index(eponym)
                families = {FAMILIES.get(h[2]) for h in find(text) if h[0] < start + len(eponym) and start < h[1]}
                mentions += "person" in families
                persons |= {eponym} if "person" in families else set()
                anything |= {eponym} if families - {None} else set()
        results[system] = {
            "eponyms": len(EPONYMS),
            "sentences": len(EPONYMS) * len(FRAMES),
            "sentences_with_a_person": mentions,
            "taken_for_a_person": sorted(persons),
            "taken_for_anything": sorted(anything),
        }
        console.print(
            f"{system}: of {len(EPONYMS)} eponyms {len(persons)} taken for a person (in {mentions} of "
            f"{len(EPONYMS) * len(FRAMES)} sentences), {len(anything)} for anything that identifies"
        )
    return results


def show(console: Console, system: str, found: dict[str, NDArray[np.float64]], weights: NDArray[np.float64]) -> None:
    table = Table(title=system)
    for column in ("", "gold", "hits", "recall", "95%", "exact", "characters", "precision", "95%", "exact", "F1"):
        table.add_column(column)

    def written(counts: NDArray[np.float64], kind: str) -> str:
        return f"{float(ratio(counts, kind)):.3f}"

    for name, counts in found.items():
        sums, drawn = counts.sum(axis=0), weights @ counts
        recall, precision = (interval(ratio(drawn, kind)) for kind in ("recall", "precision"))
        table.add_row(
            name,
            f"{sums[0]:.0f}",
            f"{sums[3]:.0f}",
            written(sums, "recall"),
            f"{recall[0]:.2f}-{recall[1]:.2f}",
            written(sums, "recall_exact"),
            written(sums, "recall_characters"),
            written(sums, "precision"),
            f"{precision[0]:.2f}-{precision[1]:.2f}",
            written(sums, "precision_exact"),
            written(sums, "f1"),
        )
    console.print(table)


def systems(name: str, english: str, spanish: str) -> Iterable[tuple[str, Finder]]:
    language = "es" if name == "meddocan_es" else "en"
    model = spanish if language == "es" else english
    yield "ours", ours(language, "")
    if model:
        yield "ours with the model", ours(language, model)
        yield "plain Presidio with the model", plain_presidio(language, model)
        yield "plain Presidio with the model, scores from 0.5", plain_presidio(language, model, 0.5)
    yield "plain Presidio without a model", plain_presidio(language, "")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--english-model", default="", help="name or folder of a spaCy model")
    parser.add_argument("--spanish-model", default="", help="name or folder of a spaCy model")
    parser.add_argument("--half", choices=("development", "test"), default="test")
    parser.add_argument(
        "--only", choices=(*SETS, "eponyms"), action="append", help="one of the sets; more than once for more"
    )
    options = parser.parse_args()
    console = Console(width=150)
    try:
        results: dict[str, object] = {}
        chosen = options.only or (*SETS, "eponyms")
        if "eponyms" in chosen:
            results["eponyms"] = mistaken(systems("eponyms", options.english_model, ""), console)
        for name in (name for name in chosen if name != "eponyms"):
            docs = documents(options.data / f"{name}.jsonl", options.half)
            console.print(f"[bold]{name}, {options.half} half: {len(docs)} documents")
            results[name] = judged(docs, systems(name, options.english_model, options.spanish_model), console)
    except SynthgenError as error:
        console.print(f"error: {error}")
        return error.exit_code
    options.out.write_text(json.dumps({"half": options.half, "sets": results}, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
