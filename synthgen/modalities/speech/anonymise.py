"""Real voices turned into those of pseudo-speakers: the operators, who attacks them, and what they leave."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Self

import numpy as np

from synthgen.digests import keyed
from synthgen.errors import UserError
from synthgen.eval.speech.changed import changed_utility
from synthgen.eval.speech.linking import Cosine, Rhythm, TwoCovariance
from synthgen.files import private_folder, write_atomically
from synthgen.generators.speech.backends.espeak import Espeak
from synthgen.generators.speech.backends.protocol import Backend
from synthgen.generators.speech.encode import audio_name
from synthgen.generators.speech.operators import (
    SILENT,
    STRONGEST,
    Floats,
    Own,
    PseudoSpeaker,
    draw_speaker,
    mcadams,
    world,
)
from synthgen.generators.speech.respeak import Edit, Voice, edited, places_of, respoken
from synthgen.generators.speech.respeak import Place as SoundPlace
from synthgen.generators.speech.revoice import own_voice, revoiced
from synthgen.generators.speech.write import ANONYMISED, write_release
from synthgen.linking import LEAST_PATIENTS, had_by_many
from synthgen.modalities.speech.settings import SpeechConfig, SpokenIdentifiers
from synthgen.modalities.speech.spoken_identifiers import Place, spoken_identifiers
from synthgen.modality import AnonymiserKind
from synthgen.payloads.speech import (
    Audio,
    Segment,
    Speech,
    SpeechAnonymised,
    SpeechCondition,
    SpeechReal,
    Track,
)
from synthgen.pretrained.aligner import installed_aligner
from synthgen.pretrained.recogniser import installed_recogniser
from synthgen.privacy_filters.dialogue.identifier_config import IdentifierConfig
from synthgen.progress import Progress
from synthgen.records import Anonymised, Attacker, Cohort, Estimate, Operator
from synthgen.report import DatasetFacts

WORLD, BOTH, MCADAMS = "world", "both", "mcadams"

Edits = Mapping[Place, Sequence[Edit]]

_OF_T = 60  # recordings of T whose long-term spectra are averaged


@dataclass(frozen=True)
class Made:
    """A changed track, and the numbers of its turns that are silent since it is not known where a name is heard."""

    audio: Audio
    silenced: frozenset[int] = frozenset()

    def note(self, path: Path) -> None:
        """Notes what was made, so that it is found again."""
        write_atomically(path, json.dumps([self.audio.digest, sorted(self.silenced)]).encode())

    @classmethod
    def noted(cls, path: Path, audio: Audio) -> Self | None:
        """What was made of ``audio`` before, where it is still there."""
        if not path.is_file():
            return None
        digest, silenced = json.loads(path.read_text("utf-8"))
        made = path.parent / audio_name(digest)
        return cls(replace(audio, path=made, digest=digest), frozenset(silenced)) if made.is_file() else None


@dataclass(frozen=True)
class Revoiced:
    """One of the operators, under a secret; see :class:`Operator`.

    Attributes:
        strength: 0 leaves every sound file as it is.
        common: the long-term spectrum to which all voices are brought.
        kept: a pseudo-speaker is the patient's, over all recordings.
        shared: emotions and labels that enough patients have to be told.
        spoken: what becomes of identifiers that are heard.
        language: of the transcripts, BCP-47.
        backend: says other names in their place.
        scratch: where the changed sound files lie.
    """

    name: str
    strength: float
    secret: bytes
    common: tuple[float, ...]
    kept: bool
    shared: frozenset[tuple[str, Hashable]]
    identifiers: IdentifierConfig
    spoken: SpokenIdentifiers
    language: str
    backend: Backend | None
    scratch: Path

    def __call__(self, person: int, records: Sequence[SpeechReal]) -> list[SpeechAnonymised]:
        if not records:
            return []
        private_folder(self.scratch)
        seed = int(keyed(self.secret, "surrogates", records[0].patient), 16)
        edits = spoken_identifiers(records, seed, self.identifiers, silent=self.spoken == "silence")
        return [self._record(person, records, at, edits) for at in range(len(records))]

    def _record(self, person: int, records: Sequence[SpeechReal], at: int, edits: Edits) -> SpeechAnonymised:
        record = records[at]
        recordings = tuple(
            replace(
                recording,
                tracks=tuple(
                    self._track(record, number, track, [edits.get(Place(at, number, t, s), ()) for s in turns])
                    for t, track in enumerate(recording.tracks)
                    for turns in (range(len(track.segments)),)
                ),
                labels=tuple(label for label in recording.labels if label in self.shared),
            )
            for number, recording in enumerate(record.payload.recordings)
        )
        return Anonymised(self.name, self._condition(person, record.condition, len(records)), Speech(recordings))

    def _condition(self, person: int, was: SpeechCondition, sessions: int) -> SpeechCondition:
        told = {key: value for key, value in _told(was) if (key, value) in self.shared}
        of = {"sessions": sessions, "case": person} if self.kept else {}
        return SpeechCondition.from_dict({**told, **of})

    def _track(self, record: SpeechReal, number: int, track: Track, edits: Sequence[Sequence[Edit]]) -> Track:
        session = () if self.kept else (record.record, str(number))
        seed = int(keyed(self.secret, "voice", record.patient, track.role, *session), 16)
        made = self._sound(track, seed, edits) if self.strength else Made(self._taken(track.audio))
        turns = zip(track.segments, edits, strict=True)
        segments = tuple(self._segment(turn, own, n in made.silenced) for n, (turn, own) in enumerate(turns))
        return replace(track, audio=made.audio, segments=segments)

    def _segment(self, was: Segment, edits: Sequence[Edit], silenced: bool) -> Segment:
        emotion = was.emotion if ("emotion", was.emotion) in self.shared else ""
        told = was
        if edits:  # what is still heard is not written either, nor what is not heard any more
            written = self.respeaks and not silenced
            told = edited(was, edits) if written else replace(was, text="", spoken="", words=())
        return replace(told, emotion=emotion)

    @property
    def respeaks(self) -> bool:
        """Whether identifiers that are spoken are changed in the sound."""
        return self.strength > 0 and self.spoken != "keep"

    def _sound(self, track: Track, seed: int, edits: Sequence[Sequence[Edit]]) -> Made:
        """The changed file; what was made before under the same secret is taken as it lies."""
        places = str([(s.start, s.end) for s in track.segments])
        said = str(list(map(list, edits))) if self.respeaks and any(edits) else ""
        of = (self.name, str(self.strength), str(seed), track.audio.digest, places, said)
        note = self.scratch / keyed(self.secret, *of)
        if known := Made.noted(note, track.audio):
            return known
        own = own_voice(track) if self.name != MCADAMS or said else None
        change = self._change(own, draw_speaker(seed, self.strength))
        if not said:
            made = Made(revoiced(track, change, self.scratch))
        else:
            again = self._respoken(track, own, seed, edits)
            made = replace(again, audio=revoiced(replace(track, audio=again.audio), change, self.scratch))
            again.audio.path.unlink()
        made.note(note)
        return made

    def _respoken(self, track: Track, own: Own | None, seed: int, edits: Sequence[Sequence[Edit]]) -> Made:
        """The track in the speaker's own voice, with other names in it."""
        aligner = installed_aligner(self.language)
        places: list[SoundPlace] = []
        silenced: list[int] = []
        for number, (turn, wanted) in enumerate(zip(track.segments, edits, strict=True)):
            found = places_of(track, turn, wanted, self.language, aligner) if wanted else []
            if found is None:
                silenced.append(number)
                found = [SoundPlace(turn.start, turn.end, "")]
            places += found
        speaking = self.backend if own is not None else None
        voice = Voice.like(own or SILENT, speaking, self.language, seed)
        return Made(respoken(track, places, voice, self.language, self.scratch), frozenset(silenced))

    def _taken(self, audio: Audio) -> Audio:
        path = self.scratch / audio_name(audio.digest)
        if not path.is_file():
            try:
                os.link(audio.path, path)
            except OSError:  # another file system
                shutil.copyfile(audio.path, path)
        return replace(audio, path=path)

    def _change(self, own: Own | None, speaker: PseudoSpeaker) -> Callable[[Floats], Floats]:
        if self.name == MCADAMS:
            return lambda samples: mcadams(samples, speaker.power)
        if own is None:
            return lambda samples: samples
        common = np.array(self.common)
        if self.name == WORLD:
            return lambda samples: world(samples, own, common, speaker)
        return lambda samples: mcadams(world(samples, own, common, speaker), speaker.power)


def _told(condition: SpeechCondition) -> Iterator[tuple[str, str]]:
    for key in ("emotion", "setting", "disorder", "severity"):
        if value := getattr(condition, key):
            yield key, value


def _labels(train: Sequence[SpeechReal]) -> Iterator[tuple[tuple[str, Hashable], str]]:
    """What is told of recordings and turns, and of whom."""
    for record in train:
        for told in _told(record.condition):
            yield told, record.patient
        for recording in record.payload.recordings:
            for label in recording.labels:
                yield label, record.patient
            for track in recording.tracks:
                for segment in track.segments:
                    yield ("emotion", segment.emotion), record.patient


_SPOKEN: dict[SpokenIdentifiers, str] = {
    "replace": "identifiers that rules find in a transcript are said otherwise, and written so",
    "silence": "identifiers that rules find in a transcript are silenced, and left out of it",
    "keep": "transcripts in which rules find an identifier are left out, and it can be heard",
}


@dataclass(frozen=True)
class SpeechAnonymiser(AnonymiserKind[Speech, SpeechCondition, SpeechConfig]):
    """See :class:`synthgen.modality.AnonymiserKind`.

    Attributes:
        scratch: where changed sound files lie; beside the cohort's own where it is not given.
    """

    scratch: Path | None = None

    operators = (WORLD, BOTH, MCADAMS)

    def within(self, scratch: Path) -> Self:
        return replace(self, scratch=scratch)

    def open(
        self, operator: str, strength: float, train: Sequence[SpeechReal], config: SpeechConfig, secret: bytes
    ) -> Operator[Speech, SpeechCondition]:
        if strength > STRONGEST:
            raise UserError(f"--strength of {operator} is at most {STRONGEST:g}, got {strength:g}")
        tracks = [track for record in train for recording in record.payload.recordings for track in recording.tracks]
        some = tracks[:: -(-len(tracks) // _OF_T)]
        return Revoiced(
            name=operator,
            strength=strength,
            secret=secret,
            common=common_spectrum(tuple(some)) if strength and operator != MCADAMS else (),
            kept=config.pseudo_speaker == "patient",
            shared=had_by_many(_labels(train)),
            identifiers=config.identifiers,
            spoken=config.spoken_identifiers,
            language=config.generator.language,
            backend=Espeak.installed() if strength and config.spoken_identifiers == "replace" else None,
            scratch=self.scratch or tracks[0].audio.path.parent,
        )

    def describe(self, operator: str, strength: float, config: SpeechConfig) -> str:
        kept = (
            f"labels that fewer than {LEAST_PATIENTS} patients have are left out; "
            f"{_SPOKEN[config.spoken_identifiers]}; what else is said, when and how fast, is as it was"
        )
        if not strength:
            return f"No sound is changed; {kept}"
        whose = (
            "one for all recordings of a patient" if config.pseudo_speaker == "patient" else "one for each recording"
        )
        how = {
            BOTH: "F0, long-term spectrum and formants by WORLD, then angles of poles by the McAdams coefficient",
            WORLD: "F0, long-term spectrum and formants by WORLD",
            MCADAMS: "formants by angles of poles to a power, the McAdams coefficient; F0 is untouched",
        }
        return f"Voices of pseudo-speakers, {whose}: {how[operator]}; {kept}"

    def attackers(self, config: SpeechConfig) -> tuple[Attacker[Speech], ...]:
        return (TwoCovariance(), Cosine(), Rhythm())

    def write(self, folder: Path, records: Callable[[], Iterable[tuple[int, SpeechAnonymised]]]) -> DatasetFacts:
        return write_release(folder, records(), ANONYMISED)

    def evaluate(
        self,
        operator: Operator[Speech, SpeechCondition],
        cohort: Cohort[Speech, SpeechCondition],
        config: SpeechConfig,
        seed: int,
        progress: Progress,
    ) -> tuple[Estimate, ...]:
        """Of E: pitch, pauses, words before and after; emotion, as a classifier hears it that learnt on T."""
        ordered = sorted(cohort.audit, key=lambda r: (r.patient, r.record))
        changed = [
            made.payload
            for _, group in groupby(ordered, key=lambda r: r.patient)
            for own in (list(group),)
            for made in operator(0, own)
        ]
        hearing = installed_recogniser(config.generator.language) if config.evaluation.wer_turns else None
        return changed_utility(ordered, changed, cohort.train, config.evaluation, seed, progress, hearing)


@lru_cache(maxsize=2)
def common_spectrum(tracks: tuple[Track, ...]) -> tuple[float, ...]:
    """The mean of the long-term spectra of the recordings, dB, at 24 points on the mel scale.

    Raises:
        UserError: all are silent.
    """
    found = [own.spectrum for track in tracks if (own := own_voice(track)) is not None]
    if not found:
        raise UserError("the training recordings are silent: there is no voice to be changed")
    return tuple(np.mean(found, axis=0).tolist())
