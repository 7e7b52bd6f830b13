"""The gate for data and generators made elsewhere: open it over a cohort at hand, judge, attack, and read the verdict.

>>> with gate("cxr", train=train, calibration=calibration, audit=audit) as opened:  # doctest: +SKIP
...     found = opened.judge(images)
...     report = opened.report(found, opened.attack(found))
>>> report.outcome, report.reasons, report.claim  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from synthgen.config import Section
from synthgen.errors import UserError
from synthgen.evaluation import catch_rate, far_from_all
from synthgen.findings import Findings
from synthgen.fitting import fit_filters
from synthgen.modality import Modality, load
from synthgen.privacy_filters.gate import EVERYBODY, FirstAttempts, judge_generator, share_nearer_to_train
from synthgen.progress import Progress, Silent
from synthgen.records import C, Cohort, Estimate, Real, Synthetic
from synthgen.report import LinkedFacts, PlantedResult, PrivacyReport, ScreeningFacts
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
    """

    payloads: tuple[T, ...]
    kept: NDArray[np.bool_]
    close: NDArray[np.bool_]


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
        run = self.run
        found = run.modality.releases.evaluate(samples, self.cohort, run.settings, run.seed("evaluation"), run.progress)
        return found.attacks

    def report(
        self,
        judged: Judged[T],
        attacks: Sequence[Estimate] = (),
        *,
        risk: float = RISK,
        linked: LinkedFacts | None = None,
        tries: int | None = None,
    ) -> PrivacyReport:
        """The verdict on samples. Never PASS without attacks.

        Args:
            risk: probability of passing what is just as bad as the limits allow.
            tries: which try on this cohort it is, where that is counted.
        """
        gate, count = self.screen.gate, len(judged.payloads)
        first = FirstAttempts(count, int(judged.close.sum()), {EVERYBODY: count}, {})
        some, seed = judged.payloads[:_FAR], self.run.seed("train_share")
        share = share_nearer_to_train(gate.filters, some, self.cohort.train, self.cohort.calibration, seed)
        rejected, close = int((~judged.kept).sum()), first.close
        findings = Findings(
            calibration=gate.calibration,
            calibrated_on_strangers=bool(self.cohort.calibration),
            facts=self.screen.facts,
            generator_test=judge_generator(gate, first, catch_rate(self.planted), share, 1 - risk),
            far_from_all=far_from_all(gate, some),
            planted=self.planted,
            screening=ScreeningFacts(count, count, rejected, 0, rejected - close),
            attacks=tuple(attacks),
            limits=self.run.config.gate.limits,
            audited=bool(self.cohort.audit and attacks),
            risk=risk,
        )
        return privacy_report(findings, rules=self.screen.judge.rule_names, linked=linked, tries=tries)


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
