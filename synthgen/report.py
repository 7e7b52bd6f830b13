"""What a run says about itself: the facts that the gate, the evaluation and the writers hand to the sealed release.

Only coarse counts and estimates stand here: no threshold, no score of a sample, no patient, no private path.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from synthgen.records import Estimate, JsonValue, Skipped
from synthgen.risks import NOT_MEASURED, Exposure, PatientExposure


class Outcome(StrEnum):
    """The verdict on a release as a whole. ``SEALS`` seal by themselves; REFUSE never does."""

    PASS = "PASS"  # noqa: S105 - a verdict, no password
    REFUSE = "REFUSE"
    INCONCLUSIVE = "INCONCLUSIVE"
    CALIBRATED_NOT_AUDITED = "CALIBRATED_NOT_AUDITED"
    UNCALIBRATED = "UNCALIBRATED"
    NO_COHORT = "NO_COHORT"
    DIFFERENTIALLY_PRIVATE = "DIFFERENTIALLY_PRIVATE"


SEALS = frozenset({Outcome.PASS, Outcome.DIFFERENTIALLY_PRIVATE})


@dataclass(frozen=True)
class LinkedFacts:
    """Who turned out to be one person, in counts.

    Attributes:
        patients_before: identifiers in the cohort as they are written.
        patients: people, after linking.
        links: for each kind of link the number of pairs of records.
        set_apart: pairs that the data steward declared to be of different people.
        spellings: identifiers that differ from another in spaces, case or Unicode form only.
    """

    patients_before: int
    patients: int
    links: tuple[tuple[str, int], ...]
    set_apart: int = 0
    spellings: int = 0


@dataclass(frozen=True)
class CalibrationFacts:
    """What the calibration attained.

    Attributes:
        patients_train, patients_calibration, patients_audit: patients behind each part of the split.
        alpha: the level that was asked for.
        k: the threshold is the k-th smallest of the calibration scores.
        expected_block_rate: k / (n + 1), the rate at which a stranger is rejected, in expectation.
        block_rate_ci95: central 95% of Beta(k, n + 1 - k), the distribution of the true rate.
        attainable_alpha: 1 / (n + 1), the smallest level that so many patients allow.
        filter_shares: for each filter by name, the share of the blocked calibration patients that it blocks.
        dropped_filters: filters without which more planted copies were caught at the same level.
        audit_block_rate: the rate measured on the audit patients, who set nothing.
        audit_limit: more blocked audit patients than this contradict the calibration; None without any.
    """

    patients_train: int
    patients_calibration: int
    patients_audit: int
    alpha: float
    k: int
    expected_block_rate: float
    block_rate_ci95: tuple[float, float]
    attainable_alpha: float
    filter_shares: tuple[tuple[str, float], ...]
    dropped_filters: tuple[str, ...]
    audit_block_rate: Estimate | None
    audit_limit: int | None


@dataclass(frozen=True)
class GeneratorTest:
    """First attempts below the threshold, held against BetaBinomial(N; k, n + 1 - k).

    Attributes:
        attempts: N, first attempts that were judged.
        rejected: how many of them the gate rejected.
        limit: more than this, all conditions together, and the generator memorises.
        expected_block_rate: rate at which strangers are rejected who are composed like the release.
        detectable_share: smallest share of copies among the samples that the test would have seen with 95% power.
        conditions_tested: values of conditions whose first attempts were tested by themselves.
        conditions_memorised: those of them whose count is beyond their limit.
        train_share: share of first attempts nearer to T than to a size-matched C (ideal 0.5).
    """

    attempts: int
    rejected: int
    limit: int
    expected_block_rate: float
    detectable_share: float
    conditions_tested: int
    conditions_memorised: tuple[str, ...]
    memorises: bool
    train_share: Estimate | None


@dataclass(frozen=True)
class PlantedResult:
    """Planted copies of one perturbation: how many the gate caught, and the 95% upper bound on what it misses."""

    perturbation: str
    domain: str
    planted: int
    caught: int
    miss_upper95: float


@dataclass(frozen=True)
class ScreeningFacts:
    """Coarse counts of the screening.

    Attributes:
        rejected: attempts that were rejected, by whatever filter or rule.
        exhausted: slots that found no acceptable sample within their attempts, and stay empty.
        rejected_by_rules: attempts that only a rule rejected (an identifier, a canary), not closeness to a patient.
        close_rejections: so many samples too close to a patient end a slot.
        withheld_for_audit: kept samples that lie too close to an audit patient, and were withheld in the last pass.
        withheld_persons: synthetic persons whose samples, taken together, lie too close to a patient.
        withheld_in_persons: samples that were withheld with them.
        persons: synthetic persons with several samples.
        withheld_undeniable: kept samples that too few patients could explain, by a noisy count.
        withheld_by_steward: kept samples that the data steward took out by hand, of those that were left.
        outsider_limit: more samples withheld for audit patients than this, and the generator knows them.
        person_limit: more persons withheld than this, and the generator deals patients out over sessions.
    """

    slots: int
    attempts: int
    rejected: int
    exhausted: int
    rejected_by_rules: int = 0
    close_rejections: int = 1
    withheld_for_audit: int = 0
    withheld_persons: int = 0
    withheld_in_persons: int = 0
    persons: int = 0
    outsider_limit: int = 0
    person_limit: int = 0
    withheld_undeniable: int = 0
    withheld_by_steward: int = 0

    @property
    def released(self) -> int:
        """Slots that are left to release."""
        by_gate = self.withheld_for_audit + self.withheld_in_persons + self.withheld_undeniable
        return self.slots - self.exhausted - by_gate - self.withheld_by_steward


@dataclass(frozen=True)
class Limits:
    """What a PASS is measured by; see the configuration's ``gate`` section, whose choices these are.

    Attributes:
        miss: largest 95% upper bound on the misses of a claimed kind of copy.
        detectable: largest share of copies that the generator test may overlook.
        attack_auc: an attack succeeds when its AUC's interval, at the level that the attacks share, lies above this.
        attack_upper: the upper end of every attack's AUC must lie below this.
        attack_tpr: likewise for the true positive rate at 1% false positives: the attack succeeds above this.
    """

    miss: float = 0.05
    detectable: float = 0.05
    attack_auc: float = 0.55
    attack_upper: float = 0.65
    attack_tpr: float = 0.1


@dataclass(frozen=True)
class Floor:
    """What a figure of quality must reach for the samples to be fit for use.

    Attributes:
        least: the floor. It is missed where the figure's whole interval lies below it: chance is no fault.
        real: the same figure of as many real records.
    """

    estimate: Estimate
    least: float
    real: float

    @property
    def missed(self) -> bool:
        return self.estimate.ci95[1] < self.least


@dataclass(frozen=True)
class Remedy:
    """What a reason means, what helps, and what that comes to in this run: patients, settings; may be empty."""

    means: str
    helps: str
    here: str = ""

    def __str__(self) -> str:
        return f"{self.means} {self.helps}" + (f" Here: {self.here}." if self.here else "")


@dataclass(frozen=True)
class DeniableFacts:
    """Plausible deniability: a noisy count of the patients who could explain a sample decided whether it is here.

    Attributes:
        k: patients, but for noise, who must be able to explain a sample.
        nearest: samples for which one patient counts at most.
        noise: standard deviation of the noise in each count, in patients.
        lone: the chance by which a sample passes that one patient alone could explain.
        judged: samples that were judged, all of which are paid for.
        model_epsilon: of the model alone, before anything was counted.
        by: what was compared.
    """

    k: int
    nearest: int
    noise: float
    lone: float
    judged: int
    model_epsilon: float
    by: str


@dataclass(frozen=True)
class GuaranteeFacts:
    """Differential privacy of what made the samples, the patient being the unit.

    Attributes:
        sentence: the whole guarantee in words, with what it covers and what not.
        screened: True where patients' records decided, without noise, which samples were kept: no ε covers that.
        release: what was released of the private model, by its name: ``dp``, ``dp+screen`` or ``dp+deniable``.
        most_caught: the largest share of copies that any screen within (ε, δ) catches at 1% of strangers blocked.
        deniable: where the choice of samples is private too.
    """

    epsilon: float
    delta: float
    patients: int
    mechanism: str
    sentence: str
    screened: bool
    release: str = "dp+screen"
    most_caught: float = 1.0
    deniable: DeniableFacts | None = None


@dataclass(frozen=True)
class OutsideFacts:
    """What is known of samples that were made elsewhere. Declarations are whoever's who screens; none is verified.

    Attributes:
        held_out: patients of whom it is declared that the generator has not seen them: those who are attacked with.
        unfiltered: declared: the candidates are all that was made, and nobody chose among them.
        labelled: whether the candidates' folder tells each one's condition.
        held_out_p: of Mann and Whitney's test that held-out patients lie as the others do; None without any.
        copies: candidates that are records of the cohort, byte for byte; none are counted where patients share records.
    """

    held_out: int
    unfiltered: bool
    labelled: bool
    held_out_p: float | None = None
    copies: int = 0


@dataclass(frozen=True)
class PrivacyReport:
    """Everything that ``privacy_report.json`` states. Parts that could not be had are None, and a reason says why.

    Attributes:
        remedies: what to do about each of the reasons, in their order.
        next_run: what would answer all of them at once, as options of the same command; may be empty.
        tries: which try on this cohort the run is, from 1; None where that is not known, or there is no cohort.
        floors: what the samples' quality was held against; see :class:`Floor`.
        private: the verdict as it would be whatever the quality: on privacy alone.
        guarantee: of the model; None where it was not fitted with differential privacy.
        exposure: the three risks, and who bears them; the verdict does not rest on them.
        outside: of samples that were made elsewhere; None for a generator of this run.
    """

    outcome: Outcome
    reasons: tuple[str, ...]
    claim: str
    filters: tuple[str, ...]
    calibration: CalibrationFacts | None
    generator_test: GeneratorTest | None
    planted: tuple[PlantedResult, ...]
    screening: ScreeningFacts
    attacks: tuple[Estimate, ...]
    limits: Limits
    rules: tuple[str, ...] = ()
    tries: int | None = None
    linked: LinkedFacts | None = None
    remedies: tuple[Remedy, ...] = ()
    next_run: str = ""
    floors: tuple[Floor, ...] = ()
    private: Outcome | None = None
    guarantee: GuaranteeFacts | None = None
    exposure: Exposure = NOT_MEASURED
    outside: OutsideFacts | None = None


@dataclass(frozen=True)
class LinkFacts:
    """What one attacker made of changed records in one way.

    Attributes:
        attack: ``same_record``, ``other_record``, ``within_release`` or ``oracle``.
        level: ``ignorant`` (learnt from untouched records), ``lazy-informed`` (that, against a gallery changed by the
            same operator) or ``semi-informed`` (learnt from changed records).
        auc, eer, tpr, rank1, d_sys: see :mod:`synthgen.linkage`.
        gallery: records among which a probe's person is looked for.
        untouched: the AUC of the same attacker where nothing is changed: its power.
    """

    attack: str
    level: str
    attacker: str
    auc: Estimate
    eer: Estimate
    tpr: Estimate
    rank1: Estimate
    d_sys: Estimate
    gallery: int
    untouched: Estimate


@dataclass(frozen=True)
class LinkageReport:
    """Everything that ``privacy_report.json`` states of a release of changed records.

    Attributes:
        operator, strength: what changed them, and how much.
        asked: the attacks that must fail for a PASS.
        held, broken, open: attacks that failed, that succeeded, and of which neither is shown.
        missing: attacks that could not be run, each with the reason.
        eer: the least equal error rate that was asked for.
        people: patients in the release, those who trained the attackers, and those who judged.
        tries: which try on this cohort the run is, from 1; None where that is not known.
    """

    outcome: Outcome
    reasons: tuple[str, ...]
    remedies: tuple[Remedy, ...]
    claim: str
    operator: str
    strength: float
    asked: tuple[str, ...]
    held: tuple[str, ...]
    broken: tuple[str, ...]
    open: tuple[str, ...]
    missing: tuple[tuple[str, str], ...]
    attacks: tuple[LinkFacts, ...]
    eer: float
    people: tuple[int, int, int]
    linked: LinkedFacts | None = None
    tries: int | None = None


@dataclass(frozen=True)
class Compared:
    """What is known of one way to give a cohort's training records away.

    Attributes:
        way: the operator and its strength, or what else was done.
        told: one line on what was done.
        verdict: of the way's own gate; empty where nothing was done.
        records: how many would be released of T.
        attacks: on who is among the records, and what they tell of those who are.
        linked: attempts to link a changed record to its patient; empty where no record is of a patient.
        quality: what the records are good for.
    """

    way: str
    told: str
    verdict: str
    records: int
    attacks: tuple[Estimate, ...]
    linked: tuple[LinkFacts, ...]
    quality: tuple[Estimate, ...]


@dataclass(frozen=True)
class Comparison:
    """One cohort, given away in several ways.

    Attributes:
        people: patients of T, C and E.
        records: of T.
        eer: the least equal error rate that a changed record is asked for.
    """

    synthgen_version: str
    modality: str
    preset: str
    people: tuple[int, ...]
    records: int
    eer: float
    ways: tuple[Compared, ...]


@dataclass(frozen=True)
class Column:
    """One column of the released table: its Croissant data type is ``sc:Text``, ``sc:Integer``, ``sc:Boolean`` …

    Attributes:
        repeated: the column holds lists.
        fields: what a column of structures holds, which has no data type of its own.
    """

    name: str
    data_type: str
    description: str
    repeated: bool = False
    fields: tuple[Column, ...] = ()


@dataclass(frozen=True)
class DatasetFacts:
    """What a modality's writer says of the data files it wrote, for the card and for Croissant.

    Attributes:
        metadata_file: path of the table inside the release, e.g. ``"data/train/metadata.csv"``; empty where the tables
            are ``tables``.
        media_glob: glob of the media files inside the release, e.g. ``"data/train/*.png"``; empty where there are none.
        media_type: MIME type of the media files.
        media_column: the column of ``columns`` that names the media file.
        counts: for each label its number of samples.
        task_categories: the hub's terms for the YAML header, e.g. ``("image-classification",)``.
        tables: for each split the glob of its Parquet files, e.g. ``("train", "data/train-*.parquet")``.
        formats: what lies beside the layout that these facts are of: ``("dicom",)``, in the folder of that name.
    """

    modality: str
    title: str
    description: str
    samples: int
    columns: tuple[Column, ...]
    metadata_file: str
    media_glob: str
    media_type: str
    media_column: str
    counts: tuple[tuple[str, int], ...]
    task_categories: tuple[str, ...]
    modality_tags: tuple[str, ...]
    tables: tuple[tuple[str, str], ...] = ()
    formats: tuple[str, ...] = ()


@dataclass(frozen=True)
class Provenance:
    """How the release came to be, as far as it may be public. Not the seed: with the model it would give the rejects.

    Attributes:
        config_digest, model_digest: hex digests under the run's secret key: its holder can check them, nobody else can
            guess a seed, a setting or a model from them.
        source: public name of the kind of source (``"demo phantom"``, ``"nih"``), with its licence.
        reads_cohort: False where it is certain that no record of the source entered the generator.
        model_note: what else must be said of a model that was given; may be empty.
        counts: what of the source the samples follow by counts alone, in words; empty where nothing was counted.
    """

    synthgen_version: str
    preset: str
    config_digest: str
    model_digest: str
    source: str
    source_licence: str
    generator: str
    skipped: tuple[Skipped, ...] = ()
    reads_cohort: bool = True
    model_note: str = ""
    counts: str = ""


@dataclass(frozen=True)
class Evaluation:
    """What a modality's evaluation returns.

    Attributes:
        attacks: each an AUC against one half, T as members and E as non-members; the verdict rests on these.
        quality: fidelity, diversity, utility, and what else is worth reporting.
        floors: what figures of quality must reach; a release that misses one is not fit for use.
        exposure: the three risks and the subgroups, on which no verdict rests.
        patients: who of T stands out, for the work folder alone.
    """

    attacks: tuple[Estimate, ...] = ()
    quality: tuple[Estimate, ...] = ()
    floors: tuple[Floor, ...] = ()
    exposure: Exposure = NOT_MEASURED
    patients: tuple[PatientExposure, ...] = ()


@dataclass(frozen=True)
class Preview:
    """Some samples of a release, to be seen at once: a PNG beside the card, and HTML for the report page.

    Attributes:
        picture: PNG; None where the samples are nothing to look at.
        html: a fragment that is safe to embed: escaped, without script, and needing no other file.
    """

    picture: bytes | None = None
    html: str = ""


@dataclass(frozen=True)
class ShownPair:
    """A sample and a real record beside each other, for the private review page alone.

    HTML fragments that need no other file: escaped, without script and without ``style``. What is common to both stands
    in ``<mark>``.

    Attributes:
        difference: of the two, where it can be seen; empty where it cannot.
    """

    sample: str
    real: str
    difference: str = ""


@dataclass(frozen=True)
class ChecklistLine:
    """What whoever signs a release must know of it, and no measurement tells.

    Attributes:
        key: as the steward's file has it.
        asks: the line in words.
        answer: what the steward wrote; None where the line is left open.
    """

    key: str
    asks: str
    answer: str | None = None


@dataclass(frozen=True)
class FormHeading(ChecklistLine):
    """One heading of a form that a data office fills.

    Attributes:
        see: where this release has what bears on it; no answer, and no legal advice.
    """

    see: str = ""


@dataclass(frozen=True)
class Form:
    """A form of a data office, by its headings, in our words.

    Attributes:
        source: the document that the headings are of.
    """

    name: str
    source: str
    headings: tuple[FormHeading, ...]


@dataclass(frozen=True)
class Checklist:
    """What the data steward states, and what is left open. Nothing of it was checked, and no verdict rests on it."""

    lines: tuple[ChecklistLine, ...] = ()
    forms: tuple[Form, ...] = ()


@dataclass(frozen=True)
class ReleaseReport:
    """The whole public account of a release: provenance, data, privacy, and fidelity, diversity and utility.

    Attributes:
        sealed: True of a release, False of what lies in quarantine.
    """

    provenance: Provenance
    dataset: DatasetFacts
    privacy: PrivacyReport
    evaluation: tuple[Estimate, ...]
    checklist: Checklist = Checklist()
    sealed: bool = False


@dataclass(frozen=True)
class AnonymisationReport:
    """The whole public account of a release of changed records.

    Attributes:
        sealed: True of a release, False of what lies in quarantine.
    """

    provenance: Provenance
    dataset: DatasetFacts
    privacy: LinkageReport
    evaluation: tuple[Estimate, ...]
    checklist: Checklist = Checklist()
    sealed: bool = False


def remedies_in(path: Path) -> tuple[tuple[str, ...], tuple[Remedy, ...], str]:
    """Reasons, remedies and next run of a report of ``synthgen screen``."""
    told = json.loads(path.read_bytes())
    return tuple(told["reasons"]), tuple(Remedy(**one) for one in told["remedies"]), str(told["next_run"])


def json_object(value: object) -> dict[str, JsonValue]:
    """A dataclass of this module as a JSON object."""
    told = to_json(value)
    if not isinstance(told, dict):
        raise TypeError(f"{type(value).__name__} is no object in JSON")
    return told


def to_json(value: object) -> JsonValue:
    """Dataclasses of this module, nested, as plain JSON values (tuples become lists, NaN and infinity become null)."""
    if isinstance(value, Estimate):
        return value.as_dict()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TypeError(f"no JSON form for {type(value).__name__}")
