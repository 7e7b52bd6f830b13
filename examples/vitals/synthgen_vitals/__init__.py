"""A modality of one's own, in a hundred lines: vital signs at admission, as rows of a table."""

import csv
import hashlib
import json
from dataclasses import asdict, dataclass, replace

import numpy as np
from scipy.spatial.distance import cdist

from synthgen.config import Section
from synthgen.estimates import auc, one_record_each
from synthgen.eval.battery import exposure_of_rows
from synthgen.files import demo_folder, private_folder, write_atomically
from synthgen.modality import Cohorts, FilterKind, GeneratorKind, Modality, Releases
from synthgen.records import Filters, Loaded, Planted, Real, Synthetic
from synthgen.report import Column, DatasetFacts, Evaluation
from synthgen.slots import BySeed

SIGNS = ("heart_rate", "systolic", "diastolic", "breaths", "temperature", "saturation")


class VitalsConfig(Section):
    patients: int = 500


@dataclass(frozen=True)
class Admission:
    stratum: str = "admission"
    as_dict = asdict


class Table(Cohorts):  # a payload is a tuple of six numbers
    def write_demo(self, folder, config, seed, progress):
        spread = np.random.default_rng(seed).multivariate_normal(np.zeros(6), 0.6 * np.eye(6) + 0.4, config.patients)
        rows = (spread * (12, 15, 10, 3, 0.5, 1.5) + (80, 125, 78, 16, 36.8, 96.5)).round(4)
        with demo_folder(folder) as unfinished, (unfinished / "vitals.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("patient", *SIGNS), *((f"p{i}", *row) for i, row in enumerate(rows))])

    def load(self, data, config, cache, progress):
        with (data / "vitals.csv").open(newline="") as file:
            rows = [(row["patient"], tuple(float(row[sign]) for sign in SIGNS)) for row in csv.DictReader(file)]
        records = tuple(Real(patient, f"row {i}", Admission(), values) for i, (patient, values) in enumerate(rows))
        return Loaded(records, "vitals table", "as stated by the data holder")

    def load_candidates(self, folder, config, progress):
        return [(real.record, real.payload) for real in self.load(folder, config, None, progress).records]

    def candidate_conditions(self, folder, names, config, progress):
        return [Admission() for _ in names]

    def conditions(self, train, config):
        return BySeed(lambda seed: Admission())

    def condition_from(self, values):
        return Admission(**values)

    def encode(self, payload):
        return json.dumps(payload).encode()

    def decode(self, content, scratch):
        return tuple(json.loads(content))

    def show(self, payload):
        return ", ".join(f"{sign} {value:g}" for sign, value in zip(SIGNS, payload, strict=True))


class Gaussian(GeneratorKind):
    def fit(self, train, config, folder, seed, progress):
        rows = np.array([record.payload for record in one_record_each(train, seed)])
        values = {"mean": rows.mean(axis=0).tolist(), "covariance": np.cov(rows.T).tolist()}
        write_atomically(private_folder(folder) / "model.json", json.dumps(values).encode())

    def digest(self, model):
        return hashlib.sha256((model / "model.json").read_bytes()).hexdigest()

    def reads_cohort(self, model):
        return True

    def open(self, model, config, rows, scratch):
        mean, covariance = json.loads((model / "model.json").read_text()).values()
        drawn = lambda seed: np.random.default_rng(seed).multivariate_normal(mean, covariance).round(4)
        return lambda requests: [Synthetic(r.seed, r.condition, tuple(drawn(r.seed).tolist())) for r in requests]

    def describe(self, model, config):
        return "A normal distribution with the training patients' mean and covariance"


@dataclass(frozen=True)
class Nearest(Filters):  # one filter: how near the nearest patient lies, in units of the spread of each sign
    rows: np.ndarray
    patients: tuple
    spread: np.ndarray
    names = ("nearest_row",)

    def scores(self, payloads, exclude=None):
        d = self.distances(payloads, self.rows)
        if exclude is not None:
            d[np.array(exclude)[:, None] == np.array(self.patients)] = np.inf
        return d.min(axis=1, keepdims=True)

    def enrolled(self, payloads, patients):
        return replace(self, rows=np.concatenate([self.rows, payloads]), patients=(*self.patients, *patients))

    def nearest_patients(self, payloads):
        return [self.patients[i] for i in self.distances(payloads, self.rows).argmin(axis=1)]

    def distances(self, payloads, references):
        return cdist(np.array(payloads) / self.spread, np.array(references) / self.spread)


class NearestRows(FilterKind):
    def open(self, train, config, folder):
        rows = np.array([record.payload for record in train])
        return Nearest(rows, tuple(record.patient for record in train), rows.std(axis=0))

    def planted(self, planting, config):
        rows = np.array([record.payload for record in planting.records])
        noise = np.random.default_rng(planting.seed).normal(size=rows.shape) * rows.std(axis=0)
        yield Planted("exact", "exact", tuple(record.payload for record in planting.records))
        for name, copies in (("one_decimal", rows.round(1)), ("noise_5%", rows + 0.05 * noise)):
            yield Planted(name, "perturbed", tuple(map(tuple, copies)))


class Csv(Releases):
    formats = ("csv",)

    def write(self, folder, samples, formats, seed):
        (folder / "data").mkdir()
        rows = [sample.payload for _, sample in samples()]
        with (folder / "data" / "vitals.csv").open("w", newline="") as file:
            csv.writer(file).writerows([SIGNS, *rows])
        columns = tuple(Column(sign, "sc:Float", sign.replace("_", " ")) for sign in SIGNS)
        about = ("vitals", "Synthetic vital signs", "Vital signs at admission, of nobody", len(rows), columns)
        return DatasetFacts(*about, "data/vitals.csv", "", "", "", (), ("tabular-classification",), ("tabular",))

    def read(self, folder):
        with (folder / "data" / "vitals.csv").open(newline="") as file:
            return [Synthetic(0, Admission(), tuple(map(float, row))) for row in list(csv.reader(file))[1:]]

    def evaluate(self, samples, cohort, config, seed, progress):
        made = NearestRows().open([Real("", "", s.condition, s.payload) for s in samples], config, None)
        members, others = (-made.scores([r.payload for r in part])[:, 0] for part in (cohort.train, cohort.audit))
        told = [dict(zip(SIGNS, s.payload, strict=True)) for s in samples]  # for the three risks: what a row says
        row = lambda real: dict(zip(SIGNS, real.payload, strict=True))
        exposure = exposure_of_rows(told, cohort, row, seed=seed, progress=progress)
        return Evaluation((auc("membership_nearest_auc", members, others, seed=seed),), exposure=exposure)


PARTS = (Table(), Gaussian(), NearestRows(), Csv())
VITALS = Modality("vitals", VitalsConfig, ("demo", "demo"), *PARTS, configs="synthgen_vitals.presets")
