"""The gate for data and generators made elsewhere: open it over a cohort at hand, judge, attack, and read the verdict.

>>> with gate("cxr", train=train, calibration=calibration, audit=audit) as opened:  # doctest: +SKIP
...     found = opened.judge(images)
...     report = opened.report(found, opened.attack(found))
>>> report.outcome, report.reasons, report.claim  # doctest: +SKIP
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from synthgen.config import Section
from synthgen.errors import UserError
from synthgen.estimates import one_record_each
from synthgen.evaluation import catch_rate, far_from_all
from synthgen.findings import Findings
from synthgen.fitting import fit_filters
from synthgen.last_pass import outsider_limit
from synthgen.modality import Modality, load
from synthgen.privacy_filters.gate import (
    EVERYBODY,
    Facet,
    FirstAttempts,
    facets,
    judge_generator,
    share_nearer_to_train,
)
from synthgen.progress import Progress, Silent
from synthgen.records import C, Cohort, Estimate, Real, Synthetic
from synthgen.report import Evaluation, LinkedFacts, OutsideFacts, PlantedResult, PrivacyReport, ScreeningFacts
from synthgen.run import Run
from synthgen.screening import Screen, open_screen
from synthgen.sizes import RISK, SizeCheck, parts_in
from synthgen.verdict import privacy_report
from synthgen.workfolder import opened, recorded_seed

T = TypeVar("T")
M = TypeVar("M", bound=Section)

_FAR = 256  # samples that tell whether a generator is off the map


@dataclass(frozen=True)
class Judged(Generic[T]):
    """Samples under the gate.

    Attributes:
        payloads: N samples, as they came.
        kept: shape [N], whether nothing rejects a sample.
        close: shape [N], whether it lies too close to a protected patient.
        known: shape [N], whether the last pass withheld it, since it lies too close to an audit patient; None before.
    """

    payloads: tuple[T, ...]
    kept: NDArray[np.bool_]
    close: NDArray[np.bool_]
    known: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class OpenGate(Generic[T, C, M]):
    """A calibrated gate over a cohort."""

    run: Run[T, C, M]
    cohort: Cohort[T, C]
    screen: Screen[T]

    @property
    def planted(self) -> tuple[PlantedResult, ...]:
        """What the gate catches of planted copies, by kind."""
        return self.screen.planted

    def judge(self, payloads: Sequence[T]) -> Judged[T]:
        """Judges samples; each counts as a first attempt of whatever made it."""
        task = self.run.progress.task("screen", len(payloads), "record")
        kept: list[bool] = []
        close: list[bool] = []
        rows = self.run.config.slots.rows
        for low in range(0, len(payloads), rows):
            for verdicts in self.screen.judge(payloads[low : low + rows]):
                kept.append(all(verdict.keeps for verdict in verdicts))
                close.append(any(not verdict.keeps for verdict in verdicts if not verdict.rule))
            task.advance(min(rows, len(payloads) - low), f"{len(kept) - sum(kept)} rejected")
        return Judged(tuple(payloads), np.array(kept, dtype=np.bool_), np.array(close, dtype=np.bool_))

    def attack(self, samples: Sequence[Synthetic[T, C]]) -> tuple[Estimate, ...]:
        """Membership, attribute and identity attacks on what would be released, with the audit patients as outsiders.

        Attribute attacks and figures by group need the samples' conditions.
        """
        return self.evaluate(samples).attacks

    def evaluate(self, samples: Sequence[Synthetic[T, C]]) -> Evaluation:
        """The attacks, the three risks, and the quality of what would be released."""
        run = self.run
        return run.modality.releases.evaluate(samples, self.cohort, run.settings, run.seed("evaluation"), run.progress)

    def last_pass(self, judged: Judged[T]) -> Judged[T]:
        """Protects the audit patients too, once they have served: what is close to one of them is kept no more."""
        known, (kept,) = self.screen.gate.protecting(self.cohort.audit), np.nonzero(judged.kept)
        close = np.zeros(len(judged.kept), dtype=np.bool_)
        rows = self.run.config.slots.rows
        for low in range(0, len(kept), rows):
            some = kept[low : low + rows]
            close[some] = known.rejects([judged.payloads[i] for i in some])
        return replace(judged, kept=judged.kept & ~close, known=close)

    def held_out_p(self) -> float | None:
        """Mann and Whitney's two-sided p that audit and calibration patients lie as far from T; None without either.

        In the filters' retrieval embedding, which has seen neither, so that both are alike where both were drawn by
        lot. Who is held out by a declaration may be of another site or time, and attacks on such people fail or
        succeed whatever the generator knows.
        """
        cohort, seed = self.cohort, self.run.seed("held out")
        known = [record.payload for record in one_record_each(cohort.train, seed)]
        if not cohort.audit or not cohort.calibration:
            return None
        theirs, others = (
            self.screen.gate.outsiders.distances([r.payload for r in one_record_each(part, seed)], known).min(axis=1)
            for part in (cohort.audit, cohort.calibration)
        )
        return float(mannwhitneyu(theirs, others).pvalue)

    def report(
        self,
        judged: Judged[T],
        attacks: Sequence[Estimate] = (),
        *,
        risk: float = RISK,
        linked: LinkedFacts | None = None,
        tries: int | None = None,
        conditions: Sequence[C] | None = None,
        evaluation: Evaluation | None = None,
        outside: OutsideFacts | None = None,
    ) -> PrivacyReport:
        """The verdict on samples. Never PASS without attacks.

        Args:
            risk: probability of passing what is just as bad as the limits allow.
            tries: which try on this cohort it is, where that is counted.
            conditions: of the samples, by which a generator is tested that memorises under some of them alone.
            evaluation: all that was measured, in place of ``attacks``.
            outside: what is known of samples whose maker may have seen others of the cohort than T.
        """
        gate, count = self.screen.gate, len(judged.payloads)
        found = evaluation or Evaluation(tuple(attacks))
        first = first_of(judged.close, conditions)
        some, seed = judged.payloads[:_FAR], self.run.seed("train_share")
        # Whoever made the samples elsewhere may have seen C as well, so that leaning towards T says nothing.
        share = (
            share_nearer_to_train(gate.filters, some, self.cohort.train, self.cohort.calibration, seed)
            if outside is None
            else None
        )
        rejected = count - int(judged.kept.sum())
        withheld = 0 if judged.known is None else int(judged.known.sum())
        findings = Findings(
            calibration=gate.calibration,
            calibrated_on_strangers=bool(self.cohort.calibration),
            facts=self.screen.facts,
            generator_test=judge_generator(gate, first, catch_rate(self.planted), share, 1 - risk),
            far_from_all=far_from_all(gate, some),
            planted=self.planted,
            screening=ScreeningFacts(
                slots=count,
                attempts=count,
                rejected=rejected - withheld,
                exhausted=0,
                rejected_by_rules=rejected - withheld - first.close,
                withheld_for_audit=withheld,
                outsider_limit=outsider_limit(gate, count - rejected + withheld),
            ),
            attacks=found.attacks,
            limits=self.run.config.gate.limits,
            audited=bool(self.cohort.audit and (found.attacks or outside is not None)),
            risk=risk,
            floors=found.floors,
            exposure=found.exposure,
            outside=outside,
        )
        return privacy_report(findings, rules=self.screen.judge.rule_names, linked=linked, tries=tries)


def first_of(close: NDArray[np.bool_], conditions: Sequence[C] | None) -> FirstAttempts:
    """Samples that all count as first attempts. A value that all share is no condition of its own.

    Args:
        close: shape [N], whether each lies too close to a protected patient.
        conditions: of each; None where they are not known.
    """
    count = len(close)
    if conditions is None:
        return FirstAttempts(count, int(close.sum()), {EVERYBODY: count}, {})
    owned = [facets(condition) for condition in conditions]
    judged = Counter(facet for own in owned for facet in own)
    near = Counter(facet for own, is_close in zip(owned, close, strict=True) if is_close for facet in own)
    told = {facet: (n, near[facet]) for facet, n in judged.items() if n < count}
    mix: Counter[Facet] = Counter(("stratum", condition.stratum) for condition in conditions)
    return FirstAttempts(count, int(close.sum()), dict(mix), told)


def check_apart(cohort: Cohort[T, C]) -> None:
    """Refuses parts that share a patient.

    Raises:
        UserError: with the count.
    """
    parts = [{record.patient for record in part} for part in (cohort.train, cohort.calibration, cohort.audit)]
    shared = sum(map(len, parts)) - len(set().union(*parts))
    if shared:
        raise UserError(
            f"{shared} patients stand in more than one of train, calibration and audit: give each patient one"
        )


def open_gate(run: Run[T, C, M], cohort: Cohort[T, C]) -> OpenGate[T, C, M]:
    """Calibrates the filters that were fitted in the run's work folder, and plants copies."""
    return OpenGate(run, cohort, open_screen(run, cohort, folder=run.work.screen, model=None))


@contextmanager
def gate(
    modality: str | Modality[T, C, M],
    *,
    train: Sequence[Real[T, C]],
    calibration: Sequence[Real[T, C]],
    audit: Sequence[Real[T, C]] = (),
    config: str = "",
    settings: Sequence[str] = (),
    work: Path | None = None,
    progress: Progress | None = None,
) -> Iterator[OpenGate[T, C, M]]:
    """Fits the filters on ``train``, calibrates on ``calibration``, and plants copies: a gate without folders.

    The three share no patient. That nobody stands in two of them under two names is the caller's to see to;
    ``synthgen generate`` and ``synthgen screen`` link such patients themselves.

    Args:
        config, settings: preset (default: the modality's for real data) and ``key=value`` settings over it.
        work: a private folder that keeps fitted filters for the next time; None works in a temporary one.

    Raises:
        UserError: the parts share a patient, or are too few for the level.
    """
    kind: Modality[T, C, M] = load(modality) if isinstance(modality, str) else modality
    seed = None if work is None else recorded_seed(work)
    settled = kind.config(config or kind.presets[1], settings, seed=seed)
    cohort = Cohort(tuple(train), tuple(calibration), tuple(audit), "as stated by the data holder", "")
    check_apart(cohort)
    SizeCheck(settled.gate, None, may_accept=False, audits=bool(audit))(parts_in(cohort))
    with TemporaryDirectory(prefix="synthgen-gate-") as scratch:
        folder = work or Path(scratch) / "work"
        with opened(folder, modality=kind.name, config_digest=settled.digest(), seed=settled.seed) as place:
            run: Run[Any, Any, Any] = Run(kind, settled, place, progress or Silent())
            fit_filters(run, cohort)
            yield open_gate(run, cohort)
