"""A long session: how fast, in how much memory; do annotations agree with the tracks; what does a recogniser hear?

    OMP_NUM_THREADS=1 python benchmarks/speech_sessions.py --minutes 60 --work sessions --out sessions.json
    OMP_NUM_THREADS=1 python benchmarks/speech_sessions.py --minutes 0 --voices 30 --utterances 4 --out words.json

The session is spoken and released by a process of its own, whose peak memory and processor time are read at its end.
Words come from the dialogue modality's embedded realiser. The recogniser is pocketsphinx (``pip install pocketsphinx``)
with its own English acoustic model; its language is once its own, once bigrams of other patients' dialogues.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.generators.dialogue.conditions import condition_sampler
from synthgen.generators.dialogue.config import GeneratorConfig as DialogueConfig
from synthgen.generators.dialogue.plan.config import PlanConfig
from synthgen.generators.dialogue.realisers.template import TemplateRealiser
from synthgen.generators.dialogue.sampler import DialogueGenerator, planner
from synthgen.generators.speech.backends.espeak import Espeak
from synthgen.generators.speech.backends.opening import open_backend
from synthgen.generators.speech.config import RATE, GeneratorConfig
from synthgen.generators.speech.emotions import MANNERS
from synthgen.generators.speech.render import Speaker, render_session
from synthgen.generators.speech.sampler import cards
from synthgen.generators.speech.tracks import soundfile
from synthgen.generators.speech.voices import draw_voice
from synthgen.generators.speech.write import write_release
from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.payloads.speech import EMOTIONS, Speech, SpeechCondition
from synthgen.pretrained.recogniser import word_errors
from synthgen.records import Request, Synthetic

_WORDS_A_MINUTE = 155  # more than a session has, pauses counted


def dialogues(first: int, count: int) -> list[Dialogue]:
    """Sessions of ``count`` therapies, a patient each."""
    plan = PlanConfig(settings={"therapy": 1.0}, sessions=1)
    generator = DialogueGenerator(
        realiser=TemplateRealiser(), plan=planner(plan), config=DialogueConfig(plan=plan), segment=0
    )
    condition = condition_sampler(plan)
    requests = [Request(slot, condition(slot, 0)) for slot in range(first, first + count)]
    return [sample.payload for sample in generator(requests)]


def long_dialogue(minutes: float, seed: int) -> Dialogue:
    """Sessions one after the other until they last about so long."""
    turns: list[Turn] = []
    words, case = 0, 1000 * seed
    while words < minutes * _WORDS_A_MINUTE:
        found = dialogues(case, 1)[0].turns
        turns += found
        words += sum(len(turn.text.split()) for turn in found)
        case += 1
    return Dialogue(tuple(turns))


def render(minutes: float, seed: int, folder: Path, name: str) -> dict[str, float]:
    """Speaks and releases one session; to be called in a process of its own."""
    dialogue = long_dialogue(minutes, seed)
    config = GeneratorConfig(backend=name)
    backend = open_backend(config)
    speaker = Speaker(backend, config)
    before, start = time.process_time(), time.perf_counter()
    (folder / "scratch").mkdir(parents=True)
    recording = render_session(
        dialogue, cards(seed, "en"), speaker, severity="moderate", seed=seed, scratch=folder / "scratch"
    )
    spoken, wall = time.process_time() - before, time.perf_counter() - start
    (folder / "release").mkdir()
    condition = SpeechCondition(setting="therapy", severity="moderate")
    write_release(folder / "release", [(0, Synthetic(0, condition, Speech((recording,))))])
    written = time.process_time() - before - spoken
    if isinstance(backend, Espeak):
        backend.close()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    espeak = children.ru_utime + children.ru_stime
    seconds = recording.tracks[0].audio.seconds
    return {
        "audio_minutes": round(seconds / 60, 2),
        "turns": sum(len(track.segments) for track in recording.tracks),
        "cpu_seconds_layer": round(spoken, 1),
        "cpu_seconds_espeak": round(espeak, 1),
        "cpu_seconds_release": round(written, 1),
        "wall_seconds": round(wall, 1),
        "times_faster_than_real_time": round(seconds / (spoken + espeak), 1),
        "times_faster_with_release": round(seconds / (spoken + espeak + written), 1),
        "peak_mib": round(_peak_mib(), 1),
        "peak_mib_of_espeak": round(children.ru_maxrss / 1024, 1),
    }


def _peak_mib() -> float:
    """Of this process since its start; ru_maxrss would count the parent's, too."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


SILENT_DB = -58.0
"""Of full scale: above the room's noise (some -70 dB), below the quietest sound of speech."""


def agreement(release: Path) -> dict[str, float]:
    """Holds RTTM, table and mix against the tracks; all counts are to be zero but those of samples and stretches."""
    found: Counter[str] = Counter()
    levels: list[float] = []
    rows = [json.loads(line) for line in (release / "data/train/metadata.jsonl").read_text("utf-8").splitlines()]
    for folder in sorted(path for path in (release / "sessions").iterdir() if path.is_dir()):
        tracks = {path.stem: _samples(path) for path in sorted(folder.glob("*.flac"))}
        mix = tracks.pop("mix").astype(np.int32)
        found["samples"] += len(mix)
        for track in tracks.values():
            mix -= track
        found["samples of the mix that are not the sum"] += int(np.count_nonzero(mix))
        spans: dict[str, set[tuple[int, int]]] = defaultdict(set)
        for line in (folder / f"{folder.name}.rttm").read_text("utf-8").splitlines():
            _, _, _, start, length, _, _, speaker, *_ = line.split()
            first, last = float(start) * RATE, (float(start) + float(length)) * RATE
            spans[speaker.rpartition("-")[2]].add((round(first), round(last)))
            found["stretches"] += 1
            found["stretches off the sample grid by more than a hundredth"] += abs(first - round(first)) > 0.01
        own = {
            role: [row for row in rows if (row["session_id"], row["speaker"]) == (folder.name, role)] for role in tracks
        }
        for role, track in tracks.items():
            loud = _levels(track) > SILENT_DB
            outside = np.ones(len(track), bool)
            for first, last in spans[role]:
                outside[first:last] = False
                found["stretches with 0.4 s of silence inside"] += _longest_quiet(track[first:last]) >= 0.4
                within = [r for r in own[role] if r["start_sample"] <= first and last <= r["end_sample"]]
                found["stretches in no row of the table"] += not within
            frame = RATE // 100
            clear = outside[: len(loud) * frame].reshape(-1, frame).all(axis=1)
            found["frames of sound outside the stretches, of 10 ms"] += int(np.count_nonzero(loud & clear))
            tone = _levels(track)[clear & ~loud]
            found["samples of digital silence"] += int(np.count_nonzero(tone < -150)) * frame
            for row in own[role]:
                clip = _samples(release / "data/train" / row["file_name"])
                cut = track[row["start_sample"] : row["end_sample"]]
                found["clips that differ from their track"] += not np.array_equal(clip, cut)
                if row["emotion"] in {"", "neutral"}:
                    inside = _levels(cut)
                    levels.append(float(10 * np.log10(np.mean(10 ** (inside[inside > inside.max() - 30] / 10)))))
    low, middle, high = np.percentile(levels, [5, 50, 95]) if levels else (math.nan,) * 3
    turns = Counter(row["emotion"] or "neutral" for row in rows if row["speaker"] == "patient")
    return {
        **found,
        "dB of neutral turns, 5%": round(float(low), 1),
        "dB of neutral turns, median": round(float(middle), 1),
        "dB of neutral turns, 95%": round(float(high), 1),
        "share of the patient's turns that are not neutral": round(1 - turns["neutral"] / turns.total(), 3),
    }


def _levels(track: NDArray[np.int16]) -> NDArray[np.float64]:
    """RMS of frames of 10 ms, dB against full scale."""
    frames = track[: len(track) // (RATE // 100) * (RATE // 100)].reshape(-1, RATE // 100) / 32768.0
    return np.asarray(10 * np.log10(np.mean(frames**2, axis=1) + 1e-20))


def _longest_quiet(cut: NDArray[np.int16]) -> float:
    """Seconds."""
    quiet = np.concatenate([[0], (_levels(cut) <= SILENT_DB).astype(np.int8), [0]])
    edges = np.flatnonzero(np.diff(quiet))
    return float((edges[1::2] - edges[::2]).max(initial=0)) / 100


def _samples(path: Path) -> NDArray[np.int16]:
    found: NDArray[np.int16] = soundfile().read(path, dtype="int16")[0]
    return found


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower().replace("’", "'"))


def bigrams(texts: Iterable[Sequence[str]], known: set[str], path: Path) -> None:
    """Writes a bigram model with absolute discounting (Ney et al. 1994) as ARPA."""
    unigram: Counter[str] = Counter()
    pairs: dict[str, Counter[str]] = defaultdict(Counter)
    for text in texts:
        sentence = ["<s>", *(word for word in text if word in known), "</s>"]
        unigram.update(sentence)
        for left, right in pairwise(sentence):
            pairs[left][right] += 1
    discount = 0.7
    total = sum(count for word, count in unigram.items() if word != "<s>")
    share = {word: count / total for word, count in unigram.items() if word != "<s>"}
    lines = ["\\data\\", f"ngram 1={len(unigram)}", f"ngram 2={sum(map(len, pairs.values()))}", "", "\\1-grams:"]
    for word in unigram:
        own = pairs[word]
        left = 1 - sum(share.get(right, 0.0) for right in own)
        weight = math.log10(discount * len(own) / own.total() / max(left, 1e-6)) if own else 0.0
        lines.append(f"{math.log10(share[word]) if word in share else -99:.4f} {word} {weight:.4f}")
    lines += ["", "\\2-grams:"]
    for word, own in pairs.items():
        lines += [
            f"{math.log10((count - discount) / own.total() + 1e-9):.4f} {word} {right}" for right, count in own.items()
        ]
    path.write_text("\n".join([*lines, "", "\\end\\", ""]), "utf-8")


def recognised(voices: int, utterances: int, seed: int) -> dict[str, Any]:
    """Word error rates of patients' sentences, each voice in its own words, by emotion and language model."""
    from pocketsphinx import Decoder, get_model_path

    dictionary = Path(get_model_path("en-us/cmudict-en-us.dict")).read_text("utf-8")
    known = {re.sub(r"\(\d+\)$", "", line.split()[0]) for line in dictionary.splitlines() if line.strip()}
    with tempfile.TemporaryDirectory() as folder:
        arpa = Path(folder) / "other.arpa"
        others = [words_of(s) for d in dialogues(50_000, 60) for t in d.turns for s in _sentences(t.text)]
        bigrams(others, known, arpa)
        decoders = {
            "its own trigrams": Decoder(samprate=RATE, loglevel="FATAL"),
            "bigrams of other patients": Decoder(samprate=RATE, loglevel="FATAL", lm=str(arpa)),
        }
    speaker = Speaker(Espeak.installed(), GeneratorConfig())
    counts: dict[str, dict[str, list[tuple[int, int]]]] = {name: defaultdict(list) for name in decoders}
    for voice in range(voices):
        rng = np.random.default_rng([seed, voice])
        card = draw_voice(7_000_000 + 1000 * seed + voice, "patient")
        said = [s for t in dialogues(90_000 + 100 * seed + voice, 1)[0].turns for s in _sentences(t.text)]
        said = [s for s in said if 5 <= len(words_of(s)) <= 18 and set(words_of(s)) <= known]
        said = [s for s in said if not any(character.isdigit() for character in s)]
        chosen = [said[i] for i in rng.permutation(len(said))[:utterances]]
        for number, text in enumerate(chosen):
            other = EMOTIONS[1 + (voice + number) % (len(EMOTIONS) - 1)]
            for emotion in ("neutral", other):
                sound = speaker.speak(text, card, emotion, 1.0, MANNERS[emotion], number).samples
                for name, decoder in decoders.items():
                    wanted = words_of(text)
                    errors = word_errors(wanted, words_of(heard(decoder, sound)))
                    counts[name]["neutral" if emotion == "neutral" else "emotional"].append((errors, len(wanted)))
                    if emotion != "neutral":
                        counts[name][emotion].append((errors, len(wanted)))
    clusters = {"neutral": utterances, "emotional": utterances}  # one utterance of a voice in each single emotion
    return {
        name: {kind: rate(found, clusters.get(kind, 1)) for kind, found in kinds.items()}
        for name, kinds in counts.items()
    }


def _sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?])\s+", text) if part]


def heard(decoder: Any, sound: NDArray[np.float32]) -> str:
    """What the recogniser makes of one utterance, at a level that it is used to."""
    samples = np.pad(sound * (0.3 / max(1e-6, float(np.abs(sound).max()))), RATE // 5)
    noise = np.random.default_rng(0).standard_normal(len(samples)) * 1e-3
    decoder.start_utt()
    decoder.process_raw(np.rint((samples + noise) * 32767).astype(np.int16).tobytes(), full_utt=True)
    decoder.end_utt()
    best = decoder.hyp()
    return re.sub(r"\(\d+\)", "", best.hypstr) if best else ""


def rate(found: list[tuple[int, int]], cluster: int) -> dict[str, Any]:
    """WER with a percentile bootstrap over voices, whose ``cluster`` utterances follow each other."""
    groups = [np.sum(found[i : i + cluster], axis=0) for i in range(0, len(found), cluster)]
    pairs = np.array(groups, float)
    rng = np.random.default_rng(0)
    drawn = pairs[rng.integers(len(pairs), size=(4000, len(pairs)))].sum(axis=1)
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5])
    errors, words = pairs.sum(axis=0)
    return {
        "wer": round(float(errors / words), 4),
        "ci95": [round(float(low), 4), round(float(high), 4)],
        "utterances": len(found),
        "voices": len(groups),
        "words": int(words),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--backend", default="espeak", help="that speaks the session")
    options.add_argument("--minutes", type=float, default=60.0, help="of the session; 0 leaves it out")
    options.add_argument("--voices", type=int, default=0, help="that the recogniser hears; 0 leaves it out")
    options.add_argument("--utterances", type=int, default=4, help="of each voice, twice each")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--work", type=Path, help="a folder that is made for the session; a temporary one without")
    options.add_argument("--out", type=Path)
    options.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.child:
        print(json.dumps(render(arguments.minutes, arguments.seed, arguments.work, arguments.backend)))
        return
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary) / "work"
        if arguments.minutes:
            command = [sys.executable, __file__, "--child", "--minutes", str(arguments.minutes)]
            command += ["--seed", str(arguments.seed), "--work", str(work), "--backend", arguments.backend]
            child = subprocess.run(command, check=True, capture_output=True, text=True)
            report["session"] = json.loads(child.stdout)
            report["agreement"] = agreement(work / "release")
    if arguments.voices:
        report["words"] = recognised(arguments.voices, arguments.utterances, arguments.seed)
    text = json.dumps(report, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
