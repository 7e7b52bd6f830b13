"""A planned session spoken onto its tracks, phrase by phrase: the memory it takes does not grow with its length.

The times in a recording are the sample positions at which its phrases were written; nothing is recognised afterwards.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from synthgen.errors import MissingExtraError, SynthgenError, UserError
from synthgen.files import write_atomically
from synthgen.generators.speech.backends.protocol import Backend, Utterance
from synthgen.generators.speech.config import RATE, GeneratorConfig
from synthgen.generators.speech.emotions import MANNERS, Manner
from synthgen.generators.speech.encode import recording_from, recording_values
from synthgen.generators.speech.guard import Recogniser, complaint, hearing_complaint, level_complaint
from synthgen.generators.speech.plan import PlannedTurn, SessionPlan, plan_session, stream
from synthgen.generators.speech.tracks import RoomTone, TrackWriter
from synthgen.generators.speech.voiced import Stretch, joined, stretches
from synthgen.generators.speech.voices import VoiceCard
from synthgen.generators.speech.world import Reference, reference, shape
from synthgen.payloads.dialogue import Dialogue, Label
from synthgen.payloads.speech import Emotion, Recording, Role, Segment, Track, Word

VERSION = 4
"""Of the planning, the emotion layer and the rendering: part of what a finished session is found again by."""
_LEAD, _CLOSE = 0.4, 0.6  # seconds of silence before and after a session


class UnspokenError(SynthgenError):
    """No try at a phrase gave what the guard lets through."""


@dataclass
class Speaker:
    """A back-end with the layer after it, and what was measured of its own voices, card by card.

    Attributes:
        recogniser: asked by the guard where ``config.guard.word_errors`` is set.
    """

    backend: Backend
    config: GeneratorConfig
    recogniser: Recogniser | None = None
    _references: dict[VoiceCard, Reference] = field(default_factory=dict, repr=False)

    def speak(
        self, text: str, voice: VoiceCard, emotion: Emotion, intensity: float, manner: Manner, seed: int
    ) -> Utterance:
        """One phrase in the card's voice and the manner, at :data:`RATE`.

        Raises:
            UnspokenError: no try gave a phrase that passes the guard.
            UserError: the back-end cannot speak the text.
        """
        can = self.backend.capabilities
        own = self.reference(voice)
        left = manner_left(manner, emotion, intensity, can.emotions)
        tempo = voice.rate * left.rate
        fault = ""
        for attempt in range(self.config.guard.attempts):
            draw = int(stream(seed, "attempt", attempt).integers(2**31))
            said = self.backend(text, voice, emotion, intensity, draw, left.rate if can.rate else 1.0)
            fault = complaint(said, text, tempo if can.rate else 1.0, self.config.guard)
            if fault:
                continue
            stretch, pauses = 1.0 if can.rate else 1 / tempo, 1.0 if can.unit == "phrase" else left.pauses
            try:
                shaped = shape(said, voice, own, left, draw, stretch=stretch, pauses=pauses)
            except SynthgenError as error:
                fault = str(error)
                continue
            fault = level_complaint(shaped) or hearing_complaint(shaped, text, self.recogniser, self.config.guard)
            if not fault:
                return shaped
        raise UnspokenError(
            f"the back-end {self.backend.name} failed {self.config.guard.attempts} times at a phrase ({fault}): "
            "mend its text, choose another model, or raise generator.guard.attempts"
        )

    def reference(self, voice: VoiceCard) -> Reference:
        """What the back-end's own voice for a card is like."""
        if voice not in self._references:
            if len(self._references) > 256:
                self._references.clear()
            self._references[voice] = reference(self.backend, voice)
        return self._references[voice]


def manner_left(manner: Manner, emotion: Emotion, intensity: float, native: tuple[Emotion, ...]) -> Manner:
    """What the layer has to do after a back-end that renders ``native`` emotions itself: only the speaker's tempo."""
    if emotion not in native or emotion in {"", "neutral"}:
        return manner
    return Manner(rate=manner.rate / MANNERS[emotion].at(intensity).rate)


def render_session(
    dialogue: Dialogue,
    voices: Mapping[Role, VoiceCard],
    speaker: Speaker,
    *,
    severity: str,
    seed: int,
    scratch: Path,
) -> Recording:
    """Speaks a dialogue into ``scratch``; a session that was finished there before is found, not spoken again.

    Args:
        voices: a card for every speaker of the dialogue.
        scratch: a private folder, which exists.

    Returns:
        The recording: tracks of clinician and patient, and of a companion who speaks; silent where others speak.

    Raises:
        UserError: the text cannot be spoken, or the disk is full.
        SynthgenError: the back-end fails.
    """
    marker = scratch / f"session-{_key(dialogue, voices, speaker, severity, seed)}.json"
    if found := _finished(marker, scratch):
        return found
    plan = plan_session(
        dialogue, severity=severity, seed=seed, config=speaker.config, unit=speaker.backend.capabilities.unit
    )
    recording = _record(plan, dialogue.labels, voices, speaker, seed, scratch)
    write_atomically(marker, json.dumps(recording_values(recording), ensure_ascii=False).encode())
    return recording


def _finished(marker: Path, scratch: Path) -> Recording | None:
    """A file has the name of its content from the moment it is whole, so that being there is enough."""
    try:
        recording = recording_from(json.loads(marker.read_bytes()), scratch)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return recording if all(track.audio.path.is_file() for track in recording.tracks) else None


def _record(
    plan: SessionPlan,
    labels: tuple[tuple[str, Label], ...],
    voices: Mapping[Role, VoiceCard],
    speaker: Speaker,
    seed: int,
    scratch: Path,
) -> Recording:
    with ExitStack() as stack:
        writers = {
            role: stack.enter_context(TrackWriter(scratch, _room_tone(speaker.config, seed, role)))
            for role in plan.roles
        }
        segments: dict[Role, list[Segment]] = {role: [] for role in plan.roles}
        end = round(_LEAD * RATE)
        for turn in plan.turns:
            writer = writers[turn.role]
            writer.silence_until(max(end + round(turn.latency * RATE), writer.position + RATE // 10))
            spoken = list(_spoken(turn, voices, writers, speaker, seed))
            for role, segment in spoken:
                segments[role].append(segment)
                end = max(end, segment.end)
        length = end + round(_CLOSE * RATE)
        for writer in writers.values():
            writer.silence_until(length)
        return Recording(
            tuple(Track(role, writer.finish(), tuple(segments[role])) for role, writer in writers.items()), labels
        )


def _room_tone(config: GeneratorConfig, seed: int, role: Role) -> RoomTone | None:
    """Every speaker has a room and a microphone of his own; a session of two has their sum."""
    if not config.room_tone:
        return None
    rng = stream(seed, "room", role)
    level = config.room_tone_db + float(np.clip(rng.normal(0.0, 2.5), -5, 5))
    return RoomTone(level, int(rng.integers(2**31)))


def _spoken(
    turn: PlannedTurn,
    voices: Mapping[Role, VoiceCard],
    writers: Mapping[Role, TrackWriter],
    speaker: Speaker,
    seed: int,
) -> Iterator[tuple[Role, Segment]]:
    """Writes a turn, and the listener's backchannel in it."""
    writer, voice = writers[turn.role], voices[turn.role]
    start, words, found = writer.position, [], list[Stretch]()
    for index, phrase in enumerate(turn.phrases):
        draw = int(stream(seed, "phrase", turn.turn, index).integers(2**31))
        try:
            said = speaker.speak(phrase.text, voice, turn.emotion, turn.intensity, turn.manner, draw)
        except MissingExtraError:
            raise
        except (UnspokenError, UserError) as error:
            kind = UnspokenError if isinstance(error, UnspokenError) else UserError
            raise kind(f"turn {turn.turn + 1} of a session: {error}") from error
        words += [Word(w.text, writer.position + w.start, writer.position + w.end) for w in said.words]
        found += stretches(said.samples, writer.position)
        writer.write(said.samples)
        if turn.backchannel is not None and turn.backchannel.after == index:
            heard = _backchannel(turn, writer.position, voices, writers, speaker, seed)
            if heard is not None:
                yield turn.backchannel.role, heard
        if phrase.pause:
            writer.silence_until(writer.position + round(phrase.pause * RATE))
    voiced = tuple(joined(found))
    segment = Segment(
        turn.turn, start, writer.position, turn.text, turn.emotion, turn.intensity, tuple(words), turn.spoken, voiced
    )
    yield turn.role, segment


def _backchannel(
    turn: PlannedTurn,
    position: int,
    voices: Mapping[Role, VoiceCard],
    writers: Mapping[Role, TrackWriter],
    speaker: Speaker,
    seed: int,
) -> Segment | None:
    """The listener's word beside a turn; none where the listener's track has gone past this place."""
    heard = turn.backchannel
    if heard is None or writers[heard.role].position > position:
        return None
    writer = writers[heard.role]
    draw = int(stream(seed, "backchannel", turn.turn).integers(2**31))
    quiet = Manner(gain=-4.0, f0_range=0.8)
    said = speaker.speak(heard.text, voices[heard.role], "neutral", 1.0, quiet, draw)
    start = position + round(0.05 * RATE)
    writer.silence_until(start)
    writer.write(said.samples)
    words = tuple(Word(w.text, start + w.start, start + w.end) for w in said.words)
    voiced = tuple(stretches(said.samples, start))
    return Segment(turn.turn, start, writer.position, heard.text, "neutral", 1.0, words, heard.text, voiced)


def _key(dialogue: Dialogue, voices: Mapping[Role, VoiceCard], speaker: Speaker, severity: str, seed: int) -> str:
    """Everything that the sound depends on."""
    parts = (
        VERSION,
        speaker.backend.name,
        speaker.backend.digest,
        speaker.config.model_dump_json(),
        sorted(repr(item) for item in voices.items()),
        severity,
        seed,
        [(turn.speaker, turn.text, turn.emotion) for turn in dialogue.turns],
        dialogue.labels,
    )
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
