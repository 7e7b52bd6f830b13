"""Who finds a speaker again in another recording, once voices are changed, and what a recogniser still makes of them.

    python benchmarks/anonymised_voices.py --data SPEECH --work W --hears TINY --reference BASE --out found.json \\
        --out anonymised_voices.json --run none:0:0 fixed:0.8:0 world:0.5:0 world:1:0

``SPEECH`` holds ``librispeech_single`` and ``librispeech_multi``. Of each of ``--people`` speakers of the first, the
two halves of the clip are two recordings; they teach the attackers, and are judged in two folds. Of the ten speakers of
the second some clips are taken, and judged by attackers who learnt on all of the first.

Each run is operator:strength:seed. The operators are those of ``synthgen anonymize``, a pseudo-speaker for each
recording; ``fixed`` is McAdams' coefficient as in VoicePrivacy's baseline B2, its exponent, the strength, the same for
all. The probe was changed under the cohort's secret. Levels: ignorant, the other recording untouched; lazy-informed,
changed by the attacker under a secret of his own, who learnt on untouched ones; semi-informed, who learnt on changed
ones too. Each figure is the strongest attacker's.

Word errors: what the recogniser ``TINY`` (a CTranslate2 folder for faster-whisper) hears in untouched and in changed
clips, against what ``BASE`` hears in untouched ones: there are no transcripts.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.estimates import bounded_interval, mean, patient_counts, patient_weights, percentile_interval, ratio
from synthgen.eval.speech.changed import contour_correlation
from synthgen.eval.speech.intelligibility import words
from synthgen.eval.speech.linking import Cosine, Rhythm, TwoCovariance
from synthgen.generators.speech.operators import mcadams
from synthgen.generators.speech.revoice import revoiced
from synthgen.linkage import equal_error
from synthgen.modalities.speech.anonymise import SpeechAnonymiser
from synthgen.modality import load
from synthgen.payloads.sound import RATE, read
from synthgen.payloads.speech import Recording, Segment, Speech, SpeechCondition, SpeechReal, Track
from synthgen.pretrained.recogniser import word_errors
from synthgen.privacy_filters.speech.planted import keep
from synthgen.records import Matcher, Real

Floats = NDArray[np.float64]
Change = Callable[[SpeechReal], Speech]

_LONGEST = 5.0  # seconds of a clip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--run", nargs="+", required=True)
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--clips", type=int, default=4, help="of each of the ten speakers")
    parser.add_argument("--hears", type=Path)
    parser.add_argument("--reference", type=Path)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    cohort = Voices.of(given.data, given.work, given.people, given.clips)
    ears = Ears.of(given.hears, given.reference, cohort.ten, given.work) if given.hears else None
    told = json.loads(given.out.read_text()) if given.out.is_file() else []
    for name, strength, seed in (one.split(":") for one in given.run):
        if any((one["operator"], one["strength"], one["seed"]) == (name, float(strength), int(seed)) for one in told):
            continue
        work = None if name == "none" else given.work
        told.append(row(cohort, work, name, float(strength), int(seed), ears))
        given.out.write_text(json.dumps(told, indent=1) + "\n")


@dataclass(frozen=True)
class Voices:
    """Two recordings of each of many people, one clip's halves; and clips of ten people, in their order."""

    halves: tuple[tuple[SpeechReal, SpeechReal], ...]
    ten: tuple[SpeechReal, ...]

    @classmethod
    def of(cls, data: Path, work: Path, people: int, clips: int) -> Voices:
        halves: list[tuple[SpeechReal, SpeechReal]] = []
        for speaker, path in _listed(data / "librispeech_single"):
            sound = _sound(path)
            if len(sound) >= 3.4 * RATE and len(halves) < people:
                middle = len(sound) // 2
                one, two = (_record(speaker, str(k), part, work) for k, part in enumerate(np.split(sound, [middle])))
                halves.append((one, two))
        many: dict[str, list[Path]] = {}
        for speaker, path in _listed(data / "librispeech_multi"):
            many.setdefault(speaker, []).append(path)
        ten = [
            _record(speaker, path.stem, _sound(path)[: int(_LONGEST * RATE)], work)
            for speaker, paths in sorted(many.items())
            for path in paths[:clips]
        ]
        return cls(tuple(halves), tuple(ten))


def _listed(folder: Path) -> list[tuple[str, Path]]:
    with (folder / "metadata.csv").open(encoding="utf-8") as file:
        return sorted((row["speaker_id"], folder / row["file_name"]) for row in csv.DictReader(file))


def _sound(path: Path) -> NDArray[np.float32]:
    import soundfile

    samples, _ = soundfile.read(path, dtype="float32")  # at 16 kHz, as their table says
    return np.asarray(samples, dtype=np.float32)


def _record(speaker: str, name: str, samples: NDArray[np.float32], work: Path) -> SpeechReal:
    audio = keep(samples, work)
    track = Track("speaker", audio, (Segment(0, 0, audio.frames, ""),))
    return Real(speaker, f"{speaker}-{name}", SpeechCondition(), Speech((Recording((track,)),)))


def changes(name: str, strength: float, secret: bytes, cohort: Voices, work: Path) -> Change:
    """The operator under a secret; its common spectrum is of the halves' first ones."""
    if name == "fixed":

        def fixed(record: SpeechReal) -> Speech:
            track = record.payload.recordings[0].tracks[0]
            audio = revoiced(track, lambda samples: mcadams(samples, strength), work)
            return Speech((Recording((Track(track.role, audio, track.segments),)),))

        return fixed
    train = [one for one, _ in cohort.halves]
    operator = SpeechAnonymiser(work).open(name, strength, train, load("speech").config("cpu").modality, secret)
    return lambda record: operator(0, [record])[0].payload


def row(cohort: Voices, work: Path | None, name: str, strength: float, seed: int, ears: Ears | None) -> dict[str, Any]:
    """All figures of one operator under one secret; of no operator without ``work``."""
    begun = process_time()
    ours, theirs = (
        (lambda record: record.payload) if work is None else changes(name, strength, secret, cohort, work)
        for secret in (b"cohort %d" % seed, b"attacker %d" % seed)
    )
    halves = [Sides.of(one, two, ours, theirs) for one, two in cohort.halves]
    ten = [Sides.of(one, one, ours, theirs) for one in cohort.ten]
    speakers = [record.patient for record in cohort.ten]
    found: dict[str, Any] = {"operator": name, "strength": strength, "seed": seed}
    for level in ("ignorant", "lazy-informed", "semi-informed"):
        matchers = learnt(halves, level, seed)
        probes, gallery = [one.probe for one in ten], [one.enrolled(level) for one in ten]
        found[f"ten {level}"] = strongest([of_ten(match(probes, gallery), speakers, seed) for match in matchers])
        found[f"halves {level}"] = of_halves(halves, level, seed)
    same = Rhythm().trained([], [], 0)([one.probe for one in ten], [record.payload for record in cohort.ten])
    found["same recording by rhythm"] = float((same.argmax(axis=1) == np.arange(len(ten))).mean())
    pairs = [
        (contour_correlation(*(read(_audio(s), [(0, _audio(s).frames)]) for s in (record.payload, one.probe))), record)
        for record, one in zip(cohort.ten, ten, strict=True)
    ]
    kept = [(value, record.patient) for value, record in pairs if value is not None]
    pitch = mean("pitch", np.array([value for value, _ in kept]), [patient for _, patient in kept], seed=seed)
    found["pitch"] = [pitch.value, *pitch.ci95]
    if ears is not None:
        found["wer"], found["wer more"] = ears.errors([one.probe for one in ten], speakers, seed)
    print(json.dumps(found), f"{process_time() - begun:.0f} s", flush=True)
    return found


def _audio(speech: Speech) -> Any:
    return speech.recordings[0].tracks[0].audio


@dataclass(frozen=True)
class Sides:
    """A changed record, and what an attacker has of its speaker: another one, untouched and changed by himself."""

    untouched: tuple[Speech, Speech]
    changed: tuple[Speech, Speech]
    by_attacker: tuple[Speech, Speech]

    @classmethod
    def of(cls, one: SpeechReal, two: SpeechReal, ours: Change, theirs: Change) -> Sides:
        both = (one, two)
        a, b = ([change(record) for record in both] for change in (ours, theirs))
        return cls((one.payload, two.payload), (a[0], a[1]), (b[0], b[1]))

    @property
    def probe(self) -> Speech:
        return self.changed[0]

    def enrolled(self, level: str) -> Speech:
        return (self.untouched if level == "ignorant" else self.by_attacker)[1]


def learnt(people: Sequence[Sides], level: str, seed: int) -> list[Matcher[Speech]]:
    """Attackers of a level: what they learn from, both recordings of a person stand on both sides."""
    if level == "semi-informed":
        probes = [one.changed[k] for k in (0, 1) for one in people]
        gallery = [one.by_attacker[1 - k] for k in (0, 1) for one in people]
        return [TwoCovariance().trained(probes, gallery, seed)]
    probes = [one.untouched[k] for k in (0, 1) for one in people]
    gallery = [one.untouched[1 - k] for k in (0, 1) for one in people]
    return [attacker.trained(probes, gallery, seed) for attacker in (Cosine(), TwoCovariance())]


def strongest(found: Sequence[list[float]]) -> list[float]:
    return min(found)


def of_ten(scores: Floats, speakers: Sequence[str], seed: int) -> list[float]:
    """Equal error rate over pairs of different clips, and its interval, speakers resampled."""
    names = sorted(set(speakers))
    who = np.array([names.index(speaker) for speaker in speakers])
    same = who[:, None] == who
    mated, other = np.nonzero(same & ~np.eye(len(who), dtype=np.bool_)), np.nonzero(~same)
    counts = np.concatenate([np.ones((1, len(names))), patient_counts(len(names), seed, 400)])
    rates, _ = equal_error(
        scores[mated], scores[other], counts[:, who[mated[0]]], counts[:, who[other[0]]] * counts[:, who[other[1]]]
    )
    return [float(rates[0]), *bounded_interval(float(rates[0]), rates[1:], len(names))]


def of_halves(people: Sequence[Sides], level: str, seed: int) -> list[float]:
    """The same for those of whom one half is looked for by the other: two folds, each judged by who learnt on the
    other; both folds' pairs together, people resampled."""
    order = np.random.default_rng(seed).permutation(len(people))
    folds = [[people[i] for i in part] for part in np.array_split(order, 2)]
    count = 1 if level == "semi-informed" else 2
    scores: list[list[Floats]] = [[] for _ in range(count)]
    for judged, teach in ((folds[0], folds[1]), (folds[1], folds[0])):
        for number, match in enumerate(learnt(teach, level, seed)):
            found = match([one.probe for one in judged], [one.enrolled(level) for one in judged])
            scores[number].append((found - found.mean()) / found.std())
    return strongest([_pooled(parts, seed) for parts in scores])


def _pooled(parts: Sequence[Floats], seed: int) -> list[float]:
    mated, non_mated, own, left, right, first = [], [], [], [], [], 0
    for scores in parts:
        rows, columns = np.nonzero(~np.eye(len(scores), dtype=np.bool_))
        mated.append(np.diagonal(scores))
        non_mated.append(scores[rows, columns])
        own.append(first + np.arange(len(scores)))
        left.append(first + rows)
        right.append(first + columns)
        first += len(scores)
    counts = np.concatenate([np.ones((1, first)), patient_counts(first, seed, 400)])
    a, b, c = (np.concatenate(x) for x in (own, left, right))
    rates, _ = equal_error(np.concatenate(mated), np.concatenate(non_mated), counts[:, a], counts[:, b] * counts[:, c])
    return [float(rates[0]), *bounded_interval(float(rates[0]), rates[1:], first)]


@dataclass(frozen=True)
class Ears:
    """A recogniser, and per clip what a larger one hears untouched, and how many of its words this one misses there."""

    hears: Any
    reference: tuple[list[str], ...]
    before: tuple[int, ...]

    @classmethod
    def of(cls, hears: Path, reference: Path, clips: Sequence[SpeechReal], work: Path) -> Ears:
        from faster_whisper import WhisperModel

        small, large = (
            WhisperModel(str(x), device="cpu", compute_type="int8", cpu_threads=1) for x in (hears, reference)
        )
        kept = work / "heard.json"
        if not kept.is_file():
            kept.write_text(json.dumps([[_heard(model, clip.payload) for clip in clips] for model in (large, small)]))
        said, heard = json.loads(kept.read_text())
        return cls(small, tuple(said), tuple(word_errors(r, h) for r, h in zip(said, heard, strict=True)))

    def errors(self, clips: Sequence[Speech], speakers: list[str], seed: int) -> tuple[list[float], list[float]]:
        """Word error rate, and how much more than untouched, each with its interval over speakers."""
        total = np.array([len(said) for said in self.reference], dtype=np.float64)
        after = np.array(
            [word_errors(said, _heard(self.hears, clip)) for said, clip in zip(self.reference, clips, strict=True)],
            dtype=np.float64,
        )
        weights = np.concatenate([np.ones((1, len(total))), patient_weights(speakers, seed)])
        told = []
        for errors in (after, after - np.array(self.before)):
            draws = ratio(weights @ errors, weights @ total)
            told.append([float(draws[0]), *percentile_interval(draws[1:])])
        return told[0], told[1]


def _heard(model: Any, speech: Speech) -> list[str]:
    audio = _audio(speech)
    samples = read(audio, [(0, audio.frames)])
    asked: dict[str, Any] = {"language": "en", "beam_size": 1, "temperature": 0.0, "condition_on_previous_text": False}
    asked["no_repeat_ngram_size"] = 3  # else one clip in forty is heard as the same word two hundred times
    parts, _ = model.transcribe(samples, **asked)
    return words(" ".join(part.text for part in parts))


if __name__ == "__main__":
    main()
