"""Attacks on a release of speech. Five, stated here, so that nobody picks the one that fails.

``membership_nn_voice``, ``hole_voice`` and ``membership_domias_voice`` on speaker vectors; ``identity`` on timbre and
pitch, which no filter looks at; ``membership_runs`` by the longest run of words that a transcript shares with the
release, where transcripts are known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthgen.estimates import Floats, NotMeasurableError, auc, measured, one_per_patient, tpr_at_fpr
from synthgen.eval import attacks, copying
from synthgen.eval.dialogue.records import Dialogues
from synthgen.eval.dialogue.runs import run_scores
from synthgen.eval.speech.config import EvaluationConfig
from synthgen.eval.speech.features import timbre
from synthgen.eval.speech.pairs import Prints
from synthgen.eval.speech.records import Part
from synthgen.eval.speech.verification import linkability
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, Turn
from synthgen.progress import Progress
from synthgen.records import Estimate

_LONGEST_RUN = 100
_FEWEST_WORDS = 12
_TRANSCRIBED = 8


@dataclass(frozen=True)
class Attacked:
    """Who is attacked, with what: every voice of the release, T, E, and the attacker's reference population, C."""

    synthetic: Prints
    train: Prints
    audit: Prints
    reference: Prints


def attack_release(
    parts: Attacked, config: EvaluationConfig, seed: int, progress: Progress
) -> tuple[tuple[Estimate, ...], tuple[Estimate, ...]]:
    """(attacks, statistics of copying and linkability); one that has too little data is left out, and said.

    Raises:
        NotMeasurableError: nobody is heard in the release, T or E.
    """
    if not all(len(found.parts) for found in (parts.synthetic, parts.train, parts.audit)):
        raise NotMeasurableError("nobody is heard in the release, T or E")
    members, others = _matched(parts.train, parts.audit, seed)
    s = parts.synthetic.rows
    groups = attacks.Groups(members.rows, others.rows, tuple(members.patients), tuple(others.patients))
    note = "speaker vectors, the mean of a recording's windows; every voice of the release"
    found = list(measured(progress, attacks.nn_membership, groups, s, seed=seed, name="membership_nn_voice", note=note))
    found += measured(progress, attacks.hole_attack, groups, s, seed=seed, name="hole_voice", note=note)
    if len(parts.reference.parts):
        found += measured(
            progress, attacks.domias, groups, s, parts.reference.rows,
            dimensions=config.density_dimensions, seed=seed, name="membership_domias_voice", note=note,
        )  # fmt: skip
    found += measured(progress, _identity, parts, members, others, config, seed)
    found += measured(progress, _membership_runs, parts, members, others, seed)
    t, e = (-attacks.nearest_distance(x.rows, s) for x in (members, others))
    owners = parts.train.patients
    described = (
        *measured(
            progress, linkability, "linkability_dsys", t, e,
            permutations=config.permutations, seed=seed,
            note="D_sys of T's and E's closeness to the release (speaker vectors)",
        ),
        *measured(progress, attacks.privacy_gain, t, e, seed=seed, note=note),
        *measured(progress, copying.authenticity, parts.train.rows, owners, s, note=note),
        *measured(
            progress, copying.nearest_neighbour_distance_ratio, parts.train.rows, owners, s, seed=seed, note=note
        ),
        *measured(progress, copying.dcr_share, members.rows, others.rows, s, seed=seed, note=note),
        *measured(progress, copying.epsilon_identifiability, members.rows, others.rows, s, seed=seed, note=note),
        *measured(progress, copying.outlier_similarity, parts.train.rows, others.rows, s, note=note),
    )  # fmt: skip
    return tuple(found), described


def _matched(train: Prints, audit: Prints, seed: int) -> tuple[Prints, Prints]:
    """One random recording per patient, of as many patients on either side."""
    n = min(len(set(train.patients)), len(set(audit.patients)))
    return (
        train.take(one_per_patient(train.patients, seed, n)),
        audit.take(one_per_patient(audit.patients, seed + 1, n)),
    )


def _identity(
    parts: Attacked, members: Prints, others: Prints, config: EvaluationConfig, seed: int
) -> tuple[Estimate, ...]:
    """Largest cosine similarity to the release in timbre, standardised on C."""
    heard = [_timbres(found, config.voice_seconds) for found in (members, others, parts.synthetic, parts.reference)]
    (t, tp), (e, ep), (s, _), (c, _) = heard
    if min(len(t), len(e), len(s)) < 4 or len(c) < 8:
        raise NotMeasurableError("the attack on timbre needs 4 voices on each side, and 8 of C to set its scale")
    centre, spread = c.mean(axis=0), np.maximum(c.std(axis=0), 1e-6)
    t, e, s = ((x - centre) / spread for x in (t, e, s))
    groups = attacks.Groups(t, e, tuple(tp), tuple(ep))
    note = "long-term spectrum to 8 kHz, F0, tilt and harmonicity, standardised on C; no filter uses them"
    return attacks.identity_attack(groups, s, seed=seed, note=note)


def _timbres(found: Prints, seconds: float) -> tuple[Floats, list[str]]:
    rows, patients = [], []
    for part in found.parts:
        own = timbre(part, seconds)
        if own is not None:
            rows.append(own)
            patients.append(part.patient)
    return (np.stack(rows) if rows else np.zeros((0, 36))), patients


def _membership_runs(parts: Attacked, members: Prints, others: Prints, seed: int) -> tuple[Estimate, ...]:
    (t, tp), (e, ep) = (_transcripts(found) for found in (members, others))
    release, _ = _transcripts(parts.synthetic)
    if min(len(t), len(e)) < _TRANSCRIBED or not len(release):
        raise NotMeasurableError(f"{_TRANSCRIBED} transcripts of {_FEWEST_WORDS} words are needed in T and in E")
    own, foreign = run_scores((t, e), release, _LONGEST_RUN)
    note = "longest run of words shared with a transcript of the release"
    name = "membership_runs"
    area = auc(
        f"{name}_auc", own, foreign, positive_patients=tp, negative_patients=ep, seed=seed, better="0.5", note=note
    )
    rate = tpr_at_fpr(
        f"{name}_tpr_at_fpr_0.01", own, foreign, 0.01,
        positive_patients=tp, negative_patients=ep, seed=seed, better="0.01", note=note,
    )  # fmt: skip
    return (area, rate)


def _transcripts(found: Prints) -> tuple[Dialogues, list[str]]:
    kept: list[tuple[Part, Dialogue]] = []
    for part in found.parts:
        turns = tuple(Turn("patient", s.text) for s in part.track.segments if s.text.strip())
        if sum(len(turn.text.split()) for turn in turns) >= _FEWEST_WORDS:
            kept.append((part, Dialogue(turns)))
    patients = [part.patient for part, _ in kept]
    conditions = tuple(DialogueCondition() for _ in kept)
    return Dialogues(tuple(dialogue for _, dialogue in kept), conditions, tuple(patients)), patients
