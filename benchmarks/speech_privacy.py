"""The calibrated speech filters on real recordings: strangers, copies, other clips of the same speakers, honest cards.

    OMP_NUM_THREADS=1 python benchmarks/speech_privacy.py --single librispeech_single --multi librispeech_multi \\
        --work work --out speech_privacy.json [--splits 60] [--alpha 0.01 0.05] [--cards 200] [--half unseen]

``--single`` and ``--multi`` are cohorts of recordings, in any layout that ``synthgen`` reads. The speakers of
``--single`` are split by speaker, once per seed, into T (40%), C (40%) and E (20%). The gate protects T, is calibrated
at alpha on one record of each speaker of C, and judges

- strangers: one record of each speaker of E (FAR: the share that is taken for somebody of T);
- copies of one record of ``--planted`` random speakers of T, per perturbation. Their words are not told, so that only
  sound counts;
- another clip: the speakers of ``--multi``, in none of the three, are enrolled with one clip each (or five), and every
  other clip of theirs is judged (FRR: the share that is not recognised);
- sessions (``--sessions`` of each kind): of the speakers of ``--multi`` one half is enrolled with half of their clips,
  the others are hosts. A minute, of which a share in four turns is in an enrolled voice: the sound that was enrolled,
  or other clips; two minutes of a host with a stretch of an enrolled recording somewhere, its level within 6 dB; and
  hosts alone, a minute of each;
- honest cards: as many synthetic speakers of the demo cohort, two clips each in emotions of their own, words not told.

Beside the gate stand parts of it, each calibrated by itself at the same alpha. No threshold comes from anywhere but C.
In development tempi, modulations, floors and the length of a stretch were chosen on copies and strangers among half of
the speakers of ``--single``. The other half's are given apart ("unseen half"), or, with ``--half unseen``, are all that
is looked at. The views, and which statistics of a spectrum, were chosen
by equal error rates of all of them.

Intervals resample speakers. tau is given as mean and standard deviation over the splits, on each filter's own scale.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.errors import SynthgenError, UserError
from synthgen.estimates import mean, one_record_each
from synthgen.files import private_folder
from synthgen.generators.speech.cohort import CohortConfig, load_cohort
from synthgen.generators.speech.config import GeneratorConfig
from synthgen.generators.speech.demo_cohort import DemoCohortConfig, write_demo_cohort
from synthgen.modalities.speech.round_trips import in_manner, through_the_layer
from synthgen.payloads.sound import RATE, Floats, read, spoken
from synthgen.payloads.speech import (
    EMOTIONS,
    Audio,
    Emotion,
    Recording,
    Segment,
    Speech,
    SpeechReal,
    SpeechRoundTrip,
    Track,
)
from synthgen.privacy_filters.calibration import Calibration, calibrate
from synthgen.privacy_filters.speech.config import VoiceConfig
from synthgen.privacy_filters.speech.filters import SpeechFilters
from synthgen.privacy_filters.speech.listening import Heard, Listener
from synthgen.privacy_filters.speech.planted import keep, planted_copies
from synthgen.progress import Silent
from synthgen.records import JsonValue, RoundTrip

Scores = NDArray[np.float64]

PARTS = {
    "gate": None,
    "Resemblyzer alone": ("speaker",),
    "Resemblyzer, both views": ("speaker", "speaker_narrow"),
    "statistics alone": ("spectrum",),
    "recordings alone": ("recording", "recording_passage"),
    "voices without recordings": ("speaker", "speaker_narrow", "spectrum"),
}
_DEVELOPED_ON, _DEVELOPMENT_SEED = 0.5, 99


@dataclass
class Seen:
    """What a detector made of one kind of records in all splits."""

    rejected: list[bool] = field(default_factory=list)
    speakers: list[str] = field(default_factory=list)


Detector = tuple[float, str]
"""Its level and its name."""
Table = defaultdict[Detector, defaultdict[str, Seen]]
"""Detector, then kind of records."""


def wordless(payload: Speech) -> Speech:
    """The same sound, its words not told."""
    return Speech(
        tuple(
            replace(
                r, tracks=tuple(replace(t, segments=tuple(replace(s, text="") for s in t.segments)) for t in r.tracks)
            )
            for r in payload.recordings
        )
    )


def unseen_half(speakers: Sequence[str]) -> set[str]:
    """The half of the speakers on which nothing was chosen."""
    order = np.random.default_rng(_DEVELOPMENT_SEED).permutation(sorted(speakers)).tolist()
    return set(order[int(_DEVELOPED_ON * len(order)) :])


@dataclass(frozen=True)
class Material:
    """Everything that is judged, made once."""

    single: list[SpeechReal]
    multi: list[SpeechReal]
    copies: dict[str, dict[str, Speech]]
    cards: list[Speech]
    enrolled: dict[str, Speech]
    sessions: dict[str, list[tuple[str, Speech]]]


def planted(records: Sequence[SpeechReal], seed: int, folder: Path) -> dict[str, dict[str, Speech]]:
    """Per perturbation and record the copy; those of an earlier run are found by the list that it left."""
    listed = folder / f"copies-{seed}-{len(records)}.json"
    if not listed.is_file():
        made: dict[str, dict[str, tuple[str, int]]] = {}
        for kind in planted_copies(records, layers(seed, folder), seed, folder):
            audio = [payload.recordings[0].tracks[0].audio for payload in kind.payloads]
            if kind.domain != "exact":
                made[kind.perturbation] = {r.record: (a.digest, a.frames) for r, a in zip(records, audio, strict=True)}
        listed.write_text(json.dumps(made), "utf-8")
    found = {"exact": {record.record: wordless(record.payload) for record in records}}
    for kind, copies in json.loads(listed.read_text("utf-8")).items():
        found[kind] = {
            record: Speech(
                (Recording((Track("speaker", Audio(folder / f"{digest}.flac", digest, RATE, frames), ()),)),)
            )
            for record, (digest, frames) in copies.items()
        }
    return found


def layers(seed: int, folder: Path) -> list[SpeechRoundTrip]:
    """The generator's layer, each emotion by itself, and drawn voices."""

    def shaped(emotion: Emotion) -> SpeechRoundTrip:
        def copies(records: Sequence[SpeechReal]) -> list[Speech]:
            return [in_manner(r.payload, emotion, None, i, folder) for i, r in enumerate(records)]

        return RoundTrip(f"emotion_{emotion}", "generator", copies)

    return [
        *(shaped(emotion) for emotion in EMOTIONS if emotion != "neutral"),
        through_the_layer(seed, folder, GeneratorConfig())[1],
    ]


def sessions(
    multi: Sequence[SpeechReal], count: int, seed: int, folder: Path
) -> tuple[dict[str, Speech], dict[str, list[tuple[str, Speech]]]]:
    """What is enrolled of the first half of the speakers, and per kind long tracks, each with its speaker."""
    sounds: dict[str, list[Floats]] = defaultdict(list)
    for record in multi if count else ():
        track = record.payload.recordings[0].tracks[0]
        sounds[record.patient].append(read(track.audio, spoken(track)))
    names, rng = sorted(sounds), np.random.default_rng(seed)
    known, hosts = names[: len(names) // 2], names[len(names) // 2 :]
    same, other = ({name: np.concatenate(sounds[name][half::2]) for name in known} for half in (0, 1))
    made: dict[str, list[tuple[str, Speech]]] = defaultdict(list)
    for number in range(count):
        name, host = known[number % len(known)], np.concatenate(sounds[hosts[number % len(hosts)]])
        made["host alone, 60 s"].append((hosts[number % len(hosts)], spoken_by(long(host, 60.0), folder)))
        for share in (0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0):
            for kind, sound in (("enrolled sound", same[name]), ("other clips", other[name])):
                mixed = in_turns(long(sound, 60.0 * share), long(host, 60.0 * (1 - share)))
                made[f"{share:.0%} of 60 s, {kind}"].append((name, spoken_by(mixed, folder)))
        for seconds in (1.0, 2.0, 3.0, 5.0):
            hidden = with_stretch(long(host, 120.0), same[name], seconds, rng)
            made[f"{seconds:g} s within 120 s"].append((name, spoken_by(hidden, folder)))
    return {name: spoken_by(sound, folder) for name, sound in same.items()}, dict(made)


def long(sound: Floats, seconds: float) -> Floats:
    """So many seconds of it, over and over."""
    length = round(seconds * RATE)
    return np.tile(sound, -(-length // len(sound)))[:length]


def in_turns(one: Floats, other: Floats, turns: int = 4) -> Floats:
    parts = zip(np.array_split(one, turns), np.array_split(other, turns), strict=True)
    return np.concatenate([part for pair in parts for part in pair])


def with_stretch(host: Floats, sound: Floats, seconds: float, rng: np.random.Generator) -> Floats:
    """The host with a stretch of the sound in place of its own somewhere, at up to 6 dB from its level."""
    length = round(seconds * RATE)
    start, place = (int(rng.integers(len(x) - length)) for x in (sound, host))
    stretch = sound[start : start + length]
    gain = float(np.std(host) / max(np.std(stretch), 1e-6)) * 10 ** (rng.uniform(-6, 6) / 20)
    return np.concatenate([host[:place], np.float32(gain) * stretch, host[place + length :]])


def spoken_by(sound: Floats, folder: Path) -> Speech:
    audio = keep(sound, folder)
    return Speech((Recording((Track("speaker", audio, (Segment(0, 0, audio.frames, ""),)),)),))


def material(options: argparse.Namespace) -> Material:
    def cohort(folder: Path, cache: str) -> list[SpeechReal]:
        return list(load_cohort(folder, CohortConfig(), options.work / cache, Silent()).records)

    single, multi = cohort(options.single, "single"), cohort(options.multi, "multi")
    if options.half == "unseen":
        unseen = unseen_half([r.patient for r in single])
        single = [r for r in single if r.patient in unseen]
    one = one_record_each(single, 0)
    copies = planted(one[: options.copied or len(one)], options.seed, private_folder(options.work / "copies"))
    enrolled, long_tracks = sessions(multi, options.sessions, options.seed, private_folder(options.work / "sessions"))
    demo = options.work / f"cards-{options.cards}-{options.seed}"
    if not demo.is_dir():
        write_demo_cohort(demo, DemoCohortConfig(speakers=options.cards, clips=2), options.seed, Silent())
    by_card: dict[str, list[Speech]] = defaultdict(list)
    for record in cohort(demo, "cards"):
        by_card[record.patient].append(wordless(record.payload))
    cards = [Speech(tuple(r for clip in clips for r in clip.recordings)) for clips in by_card.values()]
    return Material(one, multi, copies, cards, enrolled, long_tracks)


@dataclass(frozen=True)
class Remembering(Listener):
    """The same tracks come back with every split."""

    known: dict[str, Heard] = field(default_factory=dict)

    def __call__(self, track: Track) -> Heard:
        if track.audio.digest not in self.known:
            self.known[track.audio.digest] = super().__call__(track)
        return self.known[track.audio.digest]


@dataclass
class Judge:
    """Calibrates each detector on the same strangers, and notes what it rejects."""

    names: tuple[str, ...]
    calibrations: dict[Detector, tuple[list[int], Calibration]]
    table: Table

    @classmethod
    def on(cls, filters: SpeechFilters, strangers: Sequence[Speech], alphas: Sequence[float], table: Table) -> Judge:
        scores = filters.scores(strangers)
        found = {}
        for name, part in PARTS.items():
            columns = [i for i, column in enumerate(filters.names) if part is None or column in part]
            for alpha in alphas:
                found[alpha, name] = (
                    columns,
                    calibrate([filters.names[i] for i in columns], scores[:, columns], alpha),
                )
        return cls(filters.names, found, table)

    def note(self, kind: str, filters: SpeechFilters, payloads: Sequence[Speech], speakers: Sequence[str]) -> None:
        scores = filters.scores(payloads)
        for detector, (columns, calibration) in self.calibrations.items():
            seen = self.table[detector][kind]
            seen.rejected += calibration.rejects(scores[:, columns]).tolist()
            seen.speakers += speakers


def split(
    made: Material, listener: Listener, seed: int, options: argparse.Namespace, unseen: set[str], table: Table
) -> Judge:
    """One split, judged."""
    order = np.random.default_rng([seed, 7]).permutation(len(made.single))
    cuts = (round(0.4 * len(order)), round(0.8 * len(order)))
    T, C, E = ([made.single[i] for i in sorted(part)] for part in np.split(order, cuts))
    filters = SpeechFilters.over(listener, [r.payload for r in T], [r.patient for r in T])
    judge = Judge.on(filters, [r.payload for r in C], options.alpha, table)
    judge.note("strangers", filters, [r.payload for r in E], [r.patient for r in E])
    picks = np.random.default_rng([seed, 9])
    copied = [r for r in T if r.record in made.copies["exact"]]
    planted = [copied[i] for i in sorted(picks.permutation(len(copied))[: options.planted])]
    for name, copies in made.copies.items():
        judge.note(name, filters, [copies[r.record] for r in planted], [r.patient for r in planted])
    cards = sorted(picks.permutation(len(made.cards))[: options.planted].tolist())
    judge.note("honest cards", filters, [made.cards[i] for i in cards], [str(i) for i in cards])
    rng = np.random.default_rng([seed, 8])
    by_speaker: dict[str, list[SpeechReal]] = defaultdict(list)
    for record in made.multi:
        by_speaker[record.patient].append(record)
    for count in (1, 5):
        known, others = [], []
        for group in by_speaker.values():
            shuffled = [group[i] for i in rng.permutation(len(group))]
            known += shuffled[:count]
            others += shuffled[count:]
        enrolled = filters.enrolled([r.payload for r in known], [r.patient for r in known])
        judge.note(
            f"another clip, {count} enrolled", enrolled, [r.payload for r in others], [r.patient for r in others]
        )
    grown = filters.enrolled(list(made.enrolled.values()), list(made.enrolled))
    for kind, tracks in made.sessions.items():
        judge.note(kind, grown, [payload for _, payload in tracks], [name for name, _ in tracks])
    for detector in judge.calibrations:
        for kind in ("strangers", *made.copies):
            seen, half = table[detector][kind], table[detector][f"{kind} (unseen half)"]
            start = len(seen.rejected) - (len(E) if kind == "strangers" else len(planted))
            pairs = [(r, s) for r, s in zip(seen.rejected[start:], seen.speakers[start:], strict=True) if s in unseen]
            half.rejected += [r for r, _ in pairs]
            half.speakers += [s for _, s in pairs]
    return judge


def run(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    options.work.mkdir(parents=True, exist_ok=True)
    opened = Listener.open(VoiceConfig(encoder=options.encoder), options.work / "heard")
    listener = Remembering(opened.ears, opened.config, opened.cache)
    made = material(options)
    speakers = {r.patient for r in made.single}
    table: Table = defaultdict(lambda: defaultdict(Seen))
    judges = [
        split(
            made,
            listener,
            options.seed + number,
            options,
            speakers if options.half == "unseen" else unseen_half(list(speakers)),
            table,
        )
        for number in range(options.splits)
    ]
    print(f"{len(made.single)} + {len({r.patient for r in made.multi})} speakers, {options.splits} splits")
    return {
        f"alpha {alpha}": {
            **facts([judge.calibrations[alpha, "gate"][1] for judge in judges]),
            "estimates": {name: figures(table[alpha, name], options.seed) for name in PARTS},
        }
        for alpha in options.alpha
    }


def facts(calibrations: Sequence[Calibration]) -> dict[str, object]:
    """What the gate's calibrations came to."""
    first = calibrations[0]
    thresholds = np.array([c.thresholds for c in calibrations])
    common = np.array([c.threshold for c in calibrations])
    return {
        "k": first.k,
        "n": first.n,
        "expected_block_rate": first.k / (first.n + 1),
        "tau_common_mean_sd": (round(float(common.mean()), 3), round(float(common.std()), 3)),
        "tau_mean_sd": {
            name: (round(float(column.mean()), 4), round(float(column.std()), 4))
            for name, column in zip(first.names, thresholds.T, strict=True)
        },
        "blocked_in_calibration_by": {n: sum(c.blockers[i] for c in calibrations) for i, n in enumerate(first.names)},
    }


def figures(kinds: dict[str, Seen], seed: int) -> list[dict[str, JsonValue]]:
    """The share of each kind of records that a detector rejects."""
    rows = []
    for kind, seen in kinds.items():
        better = "lower" if kind.startswith(("strangers", "honest")) else "higher"
        values = np.array(seen.rejected, dtype=np.float64)
        note = f"{len(values)} judged"
        estimate = mean(kind, values, seen.speakers, seed=seed, better=better, bounded=True, note=note)
        rows.append(estimate.as_dict())
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--single", type=Path, required=True, help="cohort, one recording of a speaker")
    parser.add_argument("--multi", type=Path, required=True, help="cohort, several recordings of a speaker")
    parser.add_argument("--work", type=Path, required=True, help="private folder for conversions and copies; reused")
    parser.add_argument("--out", type=Path, required=True, help="JSON of the figures")
    parser.add_argument("--splits", type=int, default=60)
    parser.add_argument("--alpha", type=float, nargs="+", default=[0.01, 0.05])
    parser.add_argument("--cards", type=int, default=200, help="synthetic speakers")
    parser.add_argument("--planted", type=int, default=100, help="copies of each kind, and cards, in a split")
    parser.add_argument("--half", choices=("all", "unseen"), default="all", help="which speakers of --single")
    parser.add_argument("--copied", type=int, default=0, help="speakers of whom copies are made; 0: all")
    parser.add_argument("--sessions", type=int, default=0, help="long tracks of each kind; 0: none")
    parser.add_argument("--encoder", default="", help="a second speaker encoder: folder of an x-vector model")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.process_time()
    try:
        if min(options.splits, options.cards, options.planted) < 1 or not all(0 < alpha < 1 for alpha in options.alpha):
            raise UserError("--splits, --cards and --planted must be at least 1, --alpha in (0, 1)")
        report = run(options)
    except SynthgenError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    options.out.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{time.process_time() - start:.0f} s of computing, {peak:.0f} MB at the most")
    for level, found in report.items():
        print(level, {key: value for key, value in found.items() if key != "estimates"})
        for detector, rows in found["estimates"].items():
            print(f"  {detector}")
            for row in rows:
                low, high = row["ci95"]
                print(
                    f"    {row['metric']:<34}{row['value']:7.4f} [{low:.4f}, {high:.4f}]  n = {row['n']}, {row['note']}"
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
