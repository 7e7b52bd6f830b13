"""Does a voice stay itself? Cards over emotions and sessions, told apart by a speaker encoder (Resemblyzer).

    OMP_NUM_THREADS=1 python benchmarks/speech_voices.py --out voices.json [--backend piper] [--cards 200] \\
        [--probed 40] [--sessions 2] [--intensity 1] [--real librispeech_multi]

Every card is enrolled by a neutral clip of one session. The first ones are probed by clips of further sessions, other
sentences, in every emotion. A trial is a probe against its own card and one other card; it is won when its own is
nearer. Printed too: how often its own card is the nearest of all, and the distances between cards and within them.

``--real`` is a folder of recordings with metadata.csv (file_name, speaker_id), of at least two speakers with two clips.
The gain of voice distinctiveness G_VD (Noé et al. 2020) then compares the cards with the real speakers: 0 dB is as
distinct as they are. The log-likelihood ratio of two clips is a logistic function of their cosine, fitted to the real
speakers' pairs, both kinds with equal weight. Both sides have as many voices, and two clips of each.

Intervals resample cards (speakers).
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from synthgen.errors import SynthgenError, UserError
from synthgen.estimates import mean
from synthgen.generators.speech.backends.opening import open_backend
from synthgen.generators.speech.config import RATE, GeneratorConfig
from synthgen.generators.speech.demo_cohort import sentence
from synthgen.generators.speech.emotions import MANNERS
from synthgen.generators.speech.plan import stream
from synthgen.generators.speech.render import Speaker
from synthgen.generators.speech.voices import VoiceCard, draw_voice
from synthgen.payloads.sound import read, voiced, windows
from synthgen.payloads.speech import EMOTIONS, Audio, Emotion
from synthgen.pretrained.speaker import Resemblyzer, unit
from synthgen.privacy_filters.nearest import chord
from synthgen.privacy_filters.speech.config import VoiceConfig
from synthgen.records import Estimate

Floats = NDArray[np.float32]
Scores = NDArray[np.float64]

_DRAWS = 200
_QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)


def clip(
    card: VoiceCard, emotion: Emotion, session: int, speaker: Speaker, seconds: float, intensity: float = 1.0
) -> Floats:
    """Sentences of a session, some ``seconds`` long in neutral speech."""
    rng = stream(card.seed, "voices", session, emotion)
    parts: list[Floats] = []
    manner = MANNERS[emotion].at(intensity)
    wanted = seconds * RATE / manner.rate
    while sum(map(len, parts)) < wanted:
        said = speaker.speak(sentence(rng), card, emotion, intensity, manner, int(rng.integers(2**31)))
        parts += [said.samples.astype(np.float32), np.zeros(RATE // 4, dtype=np.float32)]
    return np.concatenate(parts)


def heard(samples: Floats, encoder: Resemblyzer) -> Floats:
    """The mean vector of a clip, shape [256], unit norm; windows as the filters take them."""
    config = VoiceConfig()
    vectors = encoder(windows(voiced(samples), config.seconds))
    if not len(vectors):
        raise UserError("a clip has no speech in it")
    return np.asarray(unit(vectors.mean(axis=0, keepdims=True))[0])


def real_clips(folder: Path, encoder: Resemblyzer) -> dict[str, Floats]:
    """Per speaker with two clips or more, the vectors of two, shape [2, 256].

    Raises:
        UserError: the folder holds no such speakers.
    """
    try:
        rows = list(csv.DictReader((folder / "metadata.csv").open(encoding="utf-8")))
        files: dict[str, list[Path]] = defaultdict(list)
        for row in rows:
            files[row["speaker_id"]].append(folder / row["file_name"])
    except (OSError, KeyError):
        raise UserError(f"{folder} has no metadata.csv with file_name and speaker_id") from None
    found = {}
    for speaker, paths in files.items():
        if len(paths) >= 2:
            found[speaker] = np.stack([heard(samples(path), encoder) for path in (paths[0], paths[-1])])
    if len(found) < 2:
        raise UserError(f"{folder} has {len(found)} speaker(s) with two clips: two are needed")
    return found


def samples(path: Path) -> Floats:
    info = soundfile.info(str(path))
    return read(Audio(path, "", info.samplerate, info.frames), [(0, info.frames)])


def spread(metric: str, values: Scores) -> dict[str, object]:
    return {
        "metric": metric,
        "n": values.size,
        **{f"q{q:g}": round(float(np.quantile(values, q)), 3) for q in _QUANTILES},
    }


def dominance(ratios: Scores) -> float:
    """D_diag of log-likelihood ratios [V, V], row: one clip of a voice, column: another clip (Noé et al. 2020)."""
    matrix = 1.0 / (1.0 + np.exp(-ratios))
    off = matrix[~np.eye(len(matrix), dtype=bool)]
    return float(abs(matrix.diagonal().mean() - off.mean()))


def distinctiveness(cards: Floats, real: Floats, seed: int) -> Estimate:
    """G_VD in dB of cards [V, 2, D] against real speakers [R, 2, D], the mean over draws of R cards.

    The interval is that of the draws: of cards, and of real speakers with replacement.
    """
    cosines = real[:, 0] @ real[:, 1].T
    same = np.eye(len(real), dtype=bool)
    fitted = LogisticRegression(class_weight="balanced").fit(cosines.reshape(-1, 1), same.ravel())

    def ratios(first: Floats, second: Floats) -> Scores:
        values = first @ second.T
        return np.asarray(fitted.decision_function(values.reshape(-1, 1)).reshape(values.shape))

    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(_DRAWS):
        own = cards[rng.permutation(len(cards))[: len(real)]]
        others = real[np.unique(rng.integers(len(real), size=len(real)))]
        gain = dominance(ratios(own[:, 0], own[:, 1])) / dominance(ratios(others[:, 0], others[:, 1]))
        draws.append(10.0 * float(np.log10(gain)))
    low, high = np.quantile(draws, [0.025, 0.975])
    note = f"{len(real)} real speakers, as many of the cards per draw; 0 dB: as distinct as they are"
    return Estimate("g_vd_db", float(np.mean(draws)), (float(low), float(high)), len(cards), "0", note)


def trials(probes: Floats, enrolled: Floats) -> tuple[Scores, Scores]:
    """Per probe [V, D] of the first V cards: share of other cards farther than its own; whether its own is nearest."""
    similarity = (probes @ enrolled.T).astype(np.float64)
    own = np.take_along_axis(similarity, np.arange(len(probes))[:, None], axis=1)
    others = similarity[~np.eye(len(probes), len(enrolled), dtype=bool)].reshape(len(probes), -1)
    won = others < own
    return won.astype(np.float64).mean(axis=1), won.all(axis=1).astype(np.float64)


def run(options: argparse.Namespace) -> dict[str, object]:
    encoder = Resemblyzer.load()
    config = GeneratorConfig(backend=options.backend)
    speaker = Speaker(open_backend(config), config)
    cards = [draw_voice(100_000 * options.seed + number, "patient") for number in range(options.cards)]

    def embed(card: VoiceCard, emotion: Emotion, session: int) -> Floats:
        return heard(clip(card, emotion, session, speaker, options.seconds, options.intensity), encoder)

    enrolled = np.stack([embed(card, "neutral", 0) for card in cards])
    shares: list[Scores] = []
    firsts: list[Scores] = []
    owners: list[str] = []
    probed = cards[: options.probed]
    names = [str(i) for i in range(len(probed))]
    within: dict[str, list[Scores]] = defaultdict(list)
    estimates: list[Estimate] = []
    for emotion in EMOTIONS:
        of_emotion: list[tuple[Scores, Scores]] = []
        for session in range(1, options.sessions + 1):
            values = np.stack([embed(card, emotion, session) for card in probed])
            of_emotion.append(trials(values, enrolled))
            within[emotion].append(chord((values * enrolled[: len(values)]).sum(axis=1)).astype(np.float64))
        share, first = (np.concatenate(part) for part in zip(*of_emotion, strict=True))
        estimates.append(mean(f"trials_won_{emotion}", share, names * options.sessions, bounded=True))
        estimates.append(mean(f"nearest_of_all_{emotion}", first, names * options.sessions, bounded=True))
        shares.append(share)
        firsts.append(first)
        owners += names * options.sessions
    estimates.append(mean("trials_won", np.concatenate(shares), owners, bounded=True))
    estimates.append(mean("nearest_of_all", np.concatenate(firsts), owners, bounded=True))
    if options.real:
        again = np.stack([embed(card, "neutral", options.sessions + 1) for card in cards])
        real = np.stack(list(real_clips(options.real, encoder).values()))
        estimates.append(distinctiveness(np.stack([enrolled, again], axis=1), real, options.seed))
        apart_real = chord(real[:, 0] @ real[:, 1].T).astype(np.float64)
        rows = [
            spread("distance_between_real_speakers", apart_real[~np.eye(len(real), dtype=bool)]),
            spread("distance_within_real_speaker", apart_real.diagonal()),
        ]
    else:
        rows = []
    apart = chord(enrolled @ enrolled.T)[np.triu_indices(len(cards), 1)].astype(np.float64)
    rows.append(spread("distance_between_cards", apart))
    rows += [spread(f"distance_within_card_{e}", np.concatenate(values)) for e, values in within.items()]
    return {
        "backend": options.backend,
        "cards": len(cards),
        "probes": len(owners),
        "trials": len(owners) * (len(cards) - 1),
        "seconds": options.seconds,
        "estimates": [e.as_dict() for e in estimates],
        "distances": rows,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="espeak")
    parser.add_argument("--intensity", type=float, default=1.0, help="of the emotions; a session's mean is 0.7")
    parser.add_argument("--cards", type=int, default=200)
    parser.add_argument("--probed", type=int, default=40, help="cards that are probed, of all")
    parser.add_argument("--sessions", type=int, default=2, help="sessions in which a card is probed")
    parser.add_argument("--seconds", type=float, default=8.0, help="of a clip")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real", type=Path, help="folder of real recordings, for G_VD")
    parser.add_argument("--out", type=Path, required=True, help="JSON of the figures")
    options = parser.parse_args()
    start = time.process_time()
    try:
        if not 2 <= options.probed <= options.cards or options.sessions < 1:
            raise UserError("--probed must be 2 to --cards, --sessions at least 1")
        report = run(options)
    except SynthgenError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    report["cpu_seconds"] = round(time.process_time() - start)
    options.out.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    print(f"{report['cards']} cards, {report['probes']} probes, {report['trials']} trials, {report['cpu_seconds']} s")
    for row in report["estimates"]:  # type: ignore[attr-defined]
        low, high = row["ci95"]
        print(f"{row['metric']:<28}{row['value']:8.4f}  [{low:.4f}, {high:.4f}]  n = {row['n']}")
    for row in report["distances"]:  # type: ignore[attr-defined]
        print("  ".join(f"{key} {value}" for key, value in row.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
