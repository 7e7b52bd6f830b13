"""Attacks on a release of speech. Five, stated here, so that nobody picks the one that fails.

``membership_nn_voice``, ``hole_voice`` and ``membership_domias_voice`` on speaker vectors; ``identity`` on timbre and
pitch, which no filter looks at; ``membership_runs`` by the longest run of words that a transcript shares with the
release, where transcripts are known.
"""

from __future__ import annotations

import numpy as np

from synthgen.estimates import Floats, NotMeasurableError, attempted, measured
from synthgen.eval import attacks, battery, risks
from synthgen.eval.battery import Attacked, Sets, Space
from synthgen.eval.dialogue.records import Dialogues
from synthgen.eval.dialogue.runs import membership_runs
from synthgen.eval.known import Row
from synthgen.eval.speech.config import EvaluationConfig
from synthgen.eval.speech.features import timbre
from synthgen.eval.speech.pairs import Prints
from synthgen.eval.speech.records import SpeakerTrack
from synthgen.eval.speech.verification import linkability
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, Turn
from synthgen.progress import Progress
from synthgen.records import Estimate

_LONGEST_RUN = 100
_FEWEST_WORDS = 12
_TRANSCRIBED = 8


def attack_release(sets: Sets[Prints], config: EvaluationConfig, seed: int, progress: Progress) -> Attacked:
    """All attacks on the release; what has too little data is left out, and said.

    Args:
        sets: of the release every voice.

    Raises:
        NotMeasurableError: nobody is heard in the release, T or E.
    """
    if not all(len(found) for found in (sets.synthetic, sets.train, sets.audit)):
        raise NotMeasurableError("nobody is heard in the release, T or E")
    matched = sets.size_matched(seed)
    note = "speaker vectors, the mean of a recording's windows; every voice of the release"
    space = Space.of(matched, lambda x: x.rows, "voice", note)
    found = [*battery.membership(space, dimensions=config.density_dimensions, seed=seed, progress=progress)]
    known = attempted(progress, _identity, matched, config)
    found += battery.identity(known, seed=seed) if known is not None else ()
    found += measured(progress, _membership_runs, matched, seed)
    linked = measured(
        progress, linkability, "linkability_dsys",
        *battery.closeness(space.groups.members, space.groups.nonmembers, space.synthetic),
        permutations=config.permutations, seed=seed,
        note="D_sys of T's and E's closeness to the release (speaker vectors)",
    )  # fmt: skip
    halves = attempted(progress, halves_of_a_recording, matched)
    exposed = battery.exposure(
        matched, rows, [space], (),
        dimensions=config.density_dimensions, seed=seed, progress=progress,
        further=() if halves is None else (halves,),
    )  # fmt: skip
    described = battery.described(sets, lambda x: x.rows, seed=seed, progress=progress, note=note, cells=False)
    return Attacked(tuple(found), (*linked, *described), exposed, battery.patient_exposure(space))


def rows(x: Prints) -> list[Row]:
    """What is known of a recording beside the voice: how bad the patient is, how much and how long is said."""
    return [
        {
            "severity": part.severity,
            "seconds": sum(s.end - s.start for s in part.track.segments) / part.track.audio.rate,
            "turns": len(part.track.segments),
        }
        for part in x.parts
    ]


def halves_of_a_recording(matched: Sets[Prints]) -> risks.Outcomes:
    """Linkability of two recordings: the halves of one are each held against the release's voices.

    Raises:
        NotMeasurableError: fewer than 8 people on a side have a recording of two windows.
    """
    release = matched.synthetic.rows.T

    def linked(x: Prints) -> Floats:
        long = np.array([len(w) > 1 for w in x.windows], dtype=np.bool_)
        if long.sum() < 8:
            raise NotMeasurableError("linking halves of recordings needs 8 people on each side with longer ones")
        halves = [np.array_split(w, 2) for w, keep in zip(x.windows, long, strict=True) if keep]
        first, second = (attacks.unit(np.stack([pair[i].mean(axis=0) for pair in halves])) for i in (0, 1))
        outcome = np.full(len(x), np.nan)
        outcome[long] = risks.joined(1 - first @ release, 1 - second @ release)
        return outcome

    on_t, on_e = linked(matched.train), linked(matched.audit)
    naive = np.where(np.isnan(on_t), np.nan, 1 / release.shape[1])
    note = "speaker vectors of either half; the nearest recording of the release"
    return risks.Outcomes("linkability", "halves of a recording", on_t, on_e, naive, note)


def _identity(matched: Sets[Prints], config: EvaluationConfig) -> Space:
    """Timbre, standardised on C."""
    heard = (matched.train, matched.audit, matched.synthetic, matched.reference)
    (t, tp), (e, ep), (s, _), (c, _) = (_timbres(found, config.voice_seconds) for found in heard)
    if min(len(t), len(e), len(s)) < 4 or len(c) < 8:
        raise NotMeasurableError("the attack on timbre needs 4 voices on each side, and 8 of C to set its scale")
    centre, spread = c.mean(axis=0), np.maximum(c.std(axis=0), 1e-6)
    t, e, s, c = ((x - centre) / spread for x in (t, e, s, c))
    note = "long-term spectrum to 8 kHz, F0, tilt and harmonicity, standardised on C; no filter uses them"
    return Space("", note, attacks.Groups(t, e, tuple(tp), tuple(ep)), s, c)


def _timbres(found: Prints, seconds: float) -> tuple[Floats, list[str]]:
    rows, patients = [], []
    for part in found.parts:
        own = timbre(part, seconds)
        if own is not None:
            rows.append(own)
            patients.append(part.patient)
    return (np.stack(rows) if rows else np.zeros((0, 36))), patients


def _membership_runs(matched: Sets[Prints], seed: int) -> tuple[Estimate, ...]:
    members, others, release = (_transcripts(found) for found in (matched.train, matched.audit, matched.synthetic))
    if min(len(members), len(others)) < _TRANSCRIBED or not len(release):
        raise NotMeasurableError(f"{_TRANSCRIBED} transcripts of {_FEWEST_WORDS} words are needed in T and in E")
    note = "longest run of words shared with a transcript of the release"
    return membership_runs(members, others, release, _LONGEST_RUN, seed=seed, note=note)


def _transcripts(found: Prints) -> Dialogues:
    kept: list[tuple[SpeakerTrack, Dialogue]] = []
    for part in found.parts:
        turns = tuple(Turn("patient", s.text) for s in part.track.segments if s.text.strip())
        if sum(len(turn.text.split()) for turn in turns) >= _FEWEST_WORDS:
            kept.append((part, Dialogue(turns)))
    patients = tuple(part.patient for part, _ in kept)
    conditions = tuple(DialogueCondition() for _ in kept)
    return Dialogues(tuple(dialogue for _, dialogue in kept), conditions, patients)
