"""Identifiers that are spoken, said otherwise in place: are they heard afterwards, and what else is lost?

    python -m benchmarks.spoken_identifiers said --whisper MODEL --work W --out said.json
    python -m benchmarks.spoken_identifiers read --data LIBRISPEECH_SINGLE --whisper MODEL --work W --out read.json

``said``: a hundred sentences with invented identifiers, by espeak-ng in ten voices; what is replaced is what the rules
find in the text. ``read``: a hundred clips of people who read, whose text is what the recogniser hears in them; a pair
of words of each stands for an identifier and becomes an invented name. Words are placed by forced alignment of the
sound alone. Voices stay as they are, so that what is heard otherwise is the replacement's doing.

Words of the identifier count as heard where they are heard anywhere in the sentence and are not among its other words.
Other words count as changed where they were heard before and are not any more, in their order. MODEL: a folder that
faster-whisper reads.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rapidfuzz.distance import LCSseq

from synthgen.estimates import clopper_pearson
from synthgen.eval.speech.intelligibility import words
from synthgen.generators.speech.backends.espeak import Espeak
from synthgen.generators.speech.operators import SILENT
from synthgen.generators.speech.respeak import Edit, Place, Voice, edited, places_of, respoken
from synthgen.generators.speech.revoice import own_voice
from synthgen.generators.speech.spoken import read_aloud
from synthgen.generators.speech.tracks import TrackWriter, excerpt
from synthgen.generators.speech.voices import draw_voice
from synthgen.generators.speech.world import at_rate
from synthgen.modalities.speech.settings import SpeechConfig
from synthgen.modality import load
from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.payloads.speech import Audio, Segment, Track
from synthgen.pretrained.aligner import installed_aligner
from synthgen.privacy_filters.dialogue.identifier_config import SAFE_HARBOR, IdentifierConfig
from synthgen.privacy_filters.dialogue.identifiers import identifier_spans, surrogate_edits
from synthgen.progress import Silent

COUNT, LANGUAGE = 100, "en-us"
SENTENCES = (
    "My name is {name} and I have been coming here since {date}.",
    "Could you tell {name} that the pain in my knee is worse at night?",
    "I moved to {street} in {city} after my mother died.",
    "The last appointment was on {date}, and {name} told me to come back.",
    "You can reach my sister {name} at {phone} in the evening.",
    "I was born in {city} on {date}, the youngest of four.",
    "Since {name} left I sleep badly and eat very little.",
    "They took me to the hospital in {city}, where {name} looked after me.",
    "My neighbour {name} drives me to the clinic every other week.",
    "Please send the letter to {street}, not to my old address in {city}.",
)


@dataclass(frozen=True)
class Said:
    """A recording, and what of its text is to be said otherwise."""

    track: Track
    edits: tuple[Edit, ...]

    @property
    def text(self) -> str:
        return self.track.segments[0].text

    def parts(self) -> tuple[list[str], list[str]]:
        """The words of the identifiers that are no other words, and the other words, as they are said."""
        inside: list[str] = []
        outside: list[str] = []
        at = 0
        for start, end, _ in self.edits:
            outside += words(read_aloud(self.text[at:start], LANGUAGE))
            inside += words(read_aloud(self.text[start:end], LANGUAGE))
            at = end
        outside += words(read_aloud(self.text[at:], LANGUAGE))
        return [word for word in inside if word not in outside and len(word) > 2], outside


def invented(work: Path) -> Iterator[Said]:
    """Sentences by espeak."""
    from faker import Faker

    backend, fake = Espeak.installed(), Faker("en_US")
    fake.seed_instance(1)
    config = IdentifierConfig().model_copy(update={"reject": SAFE_HARBOR, "policy": "consistent"})
    for number in range(COUNT):
        text = SENTENCES[number % len(SENTENCES)].format(
            name=f"{fake.first_name()} {fake.last_name()}", city=fake.city(), phone=fake.numerify("### ### ####"),
            date=fake.date_object().strftime("%-d %B %Y"), street=f"{fake.building_number()} {fake.street_name()}",
        )  # fmt: skip
        card = draw_voice(number // len(SENTENCES), "patient", LANGUAGE)
        said = backend(read_aloud(text, LANGUAGE), card, "neutral", 1.0, 0)
        with TrackWriter(work) as writer:
            writer.write((0.5 * at_rate(said.samples, said.rate)).astype(np.float32))
            audio = writer.finish()
        dialogue = Dialogue((Turn("patient", text),))
        (edits,) = surrogate_edits([dialogue], identifier_spans([dialogue], config), number, config)
        yield Said(_track(audio, text), tuple(edits))


def recorded(data: Path, work: Path, hears: Hears) -> Iterator[Said]:
    """Clips of readers, a pair of words of each to be replaced."""
    from faker import Faker

    fake, rng = Faker("en_US"), np.random.default_rng(1)
    fake.seed_instance(1)
    kind = load("speech")
    config: SpeechConfig = kind.config(kind.presets[-1], (), seed=0).modality
    records = kind.cohorts.load(data, config, work / "cohort", Silent()).records
    count = 0
    for record in sorted(records, key=lambda r: r.record):
        audio = record.payload.recordings[0].tracks[0].audio
        text = " ".join(hears(audio))
        said = text.split()
        places = [i for i in range(1, len(said) - 2) if min(len(said[i]), len(said[i + 1])) > 3]
        if not places or not all(word.isalpha() for word in said):
            continue
        at = int(rng.choice(places))
        start = len(" ".join(said[:at])) + 1
        end = start + len(" ".join(said[at : at + 2]))
        yield Said(_track(audio, text), ((start, end, fake.name()),))
        count += 1
        if count == COUNT:
            return


def _track(audio: Audio, text: str) -> Track:
    return Track("patient", audio, (Segment(0, 0, audio.frames, text),))


@dataclass(frozen=True)
class Hears:
    """Whisper, without a search."""

    model: Any

    @classmethod
    def of(cls, folder: Path) -> Hears:
        from faster_whisper import WhisperModel

        return cls(WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1))

    def __call__(self, audio: Audio) -> list[str]:
        samples = excerpt(audio, 0, audio.frames).astype(np.float32) / 32768
        asked: dict[str, Any] = {"language": "en", "beam_size": 1, "temperature": 0.0, "no_repeat_ngram_size": 3}
        parts, _ = self.model.transcribe(samples, condition_on_previous_text=False, **asked)
        return words(read_aloud(" ".join(part.text for part in parts), LANGUAGE))


def changed(said: Said, work: Path, backend: Espeak, number: int) -> tuple[Audio, bool]:
    """The recording as a release would have it, but for the voice; and whether the words could be placed."""
    aligner = installed_aligner(LANGUAGE)
    if aligner is None:
        raise SystemExit("pip install pocketsphinx")
    (turn,) = said.track.segments
    places = places_of(said.track, turn, said.edits, LANGUAGE, aligner)
    voice = Voice.like(own_voice(said.track) or SILENT, backend, LANGUAGE, number)
    placed = places if places is not None else [Place(turn.start, turn.end, "")]
    return respoken(said.track, placed, voice, LANGUAGE, work), places is not None


def row(said: Said, audio: Audio, hears: Hears) -> dict[str, Any]:
    """What is heard of the identifiers and of the rest, before and after."""
    inside, outside = said.parts()
    before, after = hears(said.track.audio), hears(audio)
    kept = [heard for heard in outside if heard in before]
    common = [LCSseq.similarity(outside, side) for side in (before, after)]
    told = words(read_aloud(edited(said.track.segments[0], said.edits).text, LANGUAGE))
    return {
        "inside": len(inside), "heard_before": sum(word in before for word in inside),
        "heard_after": sum(word in after and word not in told for word in inside), "outside": len(outside),
        "lost": max(0, common[0] - common[1]), "kept": len(kept),
        "surrogate": len([w for w in told if w not in outside]),
        "surrogate_heard": sum(w in after for w in told if w not in outside),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("said", "read"))
    parser.add_argument("--data", type=Path, help="clips of readers")
    parser.add_argument("--whisper", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    hears, backend = Hears.of(given.whisper), Espeak.installed()
    clips = invented(given.work) if given.which == "said" else recorded(given.data, given.work, hears)
    rows, found = [], 0
    for number, said in enumerate(clips):
        if not said.edits:
            continue
        audio, placed = changed(said, given.work, backend, number)
        found += placed
        rows.append(row(said, audio, hears))
        print(number, rows[-1], flush=True)
    given.out.write_text(json.dumps(summary(given.which, rows, found), indent=1) + "\n")


def summary(which: str, rows: Sequence[dict[str, Any]], placed: int) -> dict[str, Any]:
    total = {key: sum(one[key] for one in rows) for key in rows[0]}
    some = sum(one["heard_after"] > 0 for one in rows)
    shares = {"heard_after": (total["heard_after"], total["inside"]), "lost": (total["lost"], total["outside"])}
    told = {key: [count, of, *map(float, clopper_pearson(count, of))] for key, (count, of) in shares.items()}
    return {"which": which, "sentences": len(rows), "placed": placed, "with_some_heard": some, **total, "shares": told}


if __name__ == "__main__":
    main()
