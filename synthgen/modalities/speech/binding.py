"""Speech as a modality: binds the generator, the filters and the evaluation, which do not know each other."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthgen.config import RunConfig
from synthgen.dp.accounting import Event
from synthgen.dp.ballots import METHOD, votes_drawn
from synthgen.dp.screening import public_radius
from synthgen.errors import require
from synthgen.eval.speech.diariser import WindowClustering
from synthgen.eval.speech.evaluate import evaluate
from synthgen.generators.speech.candidates import candidate_conditions, load_candidates
from synthgen.generators.speech.cohort import load_cohort
from synthgen.generators.speech.cohort.recognise import recognise
from synthgen.generators.speech.config import PACKAGED
from synthgen.generators.speech.demo_cohort import write_demo_cohort
from synthgen.generators.speech.encode import decode, encode
from synthgen.generators.speech.evolution import BY, NEAR, VoicePopulation, speech_features
from synthgen.generators.speech.model_folder import (
    check,
    fit,
    holds_prior,
    model_digest,
    open_fitted_backend,
    read_card,
    read_dialogues,
    reads_cohort,
    spoken_by,
)
from synthgen.generators.speech.preview import pair, preview_html, show
from synthgen.generators.speech.private_model import MECHANISM, events, fit_prior, voice_of
from synthgen.generators.speech.read import read_release
from synthgen.generators.speech.sampler import SpeechGenerator
from synthgen.generators.speech.words import (
    Given,
    Planned,
    given_conditions,
    planned_conditions,
    told_in,
)
from synthgen.generators.speech.write import write_release
from synthgen.modalities.speech.anonymise import SpeechAnonymiser
from synthgen.modalities.speech.register import register
from synthgen.modalities.speech.round_trips import inside_sessions, through_the_layer
from synthgen.modalities.speech.rules import OnTranscript
from synthgen.modalities.speech.same_voice import recurring_voices
from synthgen.modalities.speech.settings import OFFER, SpeechConfig
from synthgen.modality import Cohorts, FilterKind, GeneratorKind, Modality, PrivateFit, PublicSpace, Releases
from synthgen.payloads.speech import Speech, SpeechCondition, SpeechReal, SpeechRoundTrip, SpeechSynthetic, Track
from synthgen.pretrained.recogniser import installed_recogniser
from synthgen.privacy_filters.dialogue.identifiers import IdentifierRule
from synthgen.privacy_filters.speech.duplicates import same_sound
from synthgen.privacy_filters.speech.filters import SpeechFilters
from synthgen.privacy_filters.speech.listening import Heard, Listener
from synthgen.privacy_filters.speech.planted import planted_copies
from synthgen.privacy_filters.speech.recordings import Levels
from synthgen.progress import Progress, Silent
from synthgen.records import Cohort, Generator, JsonValue, Link, Loaded, Planted, Planting, Rule
from synthgen.report import DatasetFacts, Evaluation, Preview, ShownPair
from synthgen.slots import Conditions

_EAR = "speaker"


require(
    "soundfile", "soxr", "pyworld", "sklearn", "pydivsufsort", "presidio_analyzer"
)  # what is imported where it is used

SpeechMaker = Generator[Speech, SpeechCondition]


class SpeechCohorts(Cohorts[Speech, SpeechCondition, SpeechConfig]):
    """See :class:`synthgen.modality.Cohorts`; every method hands on to the function that does the work."""

    def write_demo(self, folder: Path, config: SpeechConfig, seed: int, progress: Progress) -> None:
        check(config.generator)
        write_demo_cohort(folder, config.demo, seed, progress)

    def load(
        self, data: Path, config: SpeechConfig, cache: Path, progress: Progress
    ) -> Loaded[Speech, SpeechCondition]:
        check(config.generator)
        return load_cohort(data, config.cohort, cache, progress)

    def listed(self, data: Path, config: SpeechConfig, cache: Path, progress: Progress) -> Sequence[str] | None:
        return [entry.speaker for entry in recognise(data, config.cohort).read(data, config.cohort).entries]

    def load_candidates(self, folder: Path, config: SpeechConfig, progress: Progress) -> list[tuple[str, Speech]]:
        return load_candidates(folder, config.cohort, _until_exit(), progress)

    def candidate_conditions(
        self, folder: Path, names: Sequence[str], config: SpeechConfig, progress: Progress
    ) -> Sequence[SpeechCondition] | None:
        return candidate_conditions(folder, names, config.cohort)

    def links(self, records: Sequence[SpeechReal], config: SpeechConfig, progress: Progress) -> Sequence[Link]:
        """Recordings of different patients of which one holds the other's sound, through a codec, louder or cut."""
        if len({record.patient for record in records}) < 2:
            return ()
        listener = _listener(records, config)
        task = progress.task("compare recordings", len(records), "recording")
        tracks: list[Heard] = []
        owners: list[int] = []
        for number, record in enumerate(records):
            heard = listener.all(record.payload)
            tracks += heard
            owners += [number] * len(heard)
            task.advance()
        _say_recurring([records[owner].patient for owner in owners], tracks, progress)
        return same_recordings(records, [track.levels for track in tracks], owners)

    def conditions(self, train: Sequence[SpeechReal], config: SpeechConfig) -> Conditions[SpeechCondition]:
        if config.generator.dialogues:
            return given_conditions(told_in(config.generator, Silent()))
        return planned_conditions(config.generator.plan)

    def condition_from(self, values: dict[str, JsonValue]) -> SpeechCondition:
        return SpeechCondition.from_dict(values)

    def joined(self, payloads: Sequence[Speech]) -> Speech:
        return Speech(tuple(recording for payload in payloads for recording in payload.recordings))

    def encode(self, payload: Speech) -> bytes:
        return encode(payload)

    def decode(self, content: bytes, scratch: Path) -> Speech:
        return decode(content, scratch)

    def show(self, payload: Speech) -> str:
        return show(payload)

    def show_pair(self, sample: Speech, real: Speech) -> ShownPair:
        return pair(sample, real)


class SpeechGeneratorKind(GeneratorKind[Speech, SpeechCondition, SpeechConfig]):
    """See :class:`synthgen.modality.GeneratorKind`."""

    def fit(
        self, train: Sequence[SpeechReal], config: SpeechConfig, folder: Path, seed: int, progress: Progress
    ) -> None:
        """Nothing of T enters the generator: its voices come from a prior, its words from plans or given dialogues."""
        fit(config.generator, folder, progress)

    def digest(self, model: Path) -> str:
        return model_digest(model)

    def reads_cohort(self, model: Path) -> bool:
        return reads_cohort(model)

    def will_read(self, config: SpeechConfig) -> bool:
        speaking = config.generator
        return speaking.backend not in PACKAGED or bool(speaking.model or speaking.dialogues)

    def private_fits(self, config: SpeechConfig) -> tuple[PrivateFit[Speech, SpeechCondition], ...]:
        """Of the pitch of voices, where planned words are spoken by rule; of a neural back-end there is none yet."""
        if self.will_read(config):
            return ()

        def ready(train: Sequence[SpeechReal], noise: tuple[Event, ...], folder: Path, seed: int) -> None:
            check(config.generator)

        def fit(
            train: Sequence[SpeechReal], noise: tuple[Event, ...], folder: Path, seed: int, progress: Progress
        ) -> None:
            fit_prior(train, noise, config.generator, folder, seed, progress)

        return (PrivateFit(METHOD, MECHANISM, events, fit, check=ready, drawn=votes_drawn),)

    def public_space(self, config: SpeechConfig) -> PublicSpace[Speech, SpeechCondition]:
        """That of the votes on voices."""
        population = VoicePopulation()
        return PublicSpace(
            speech_features, lambda condition: "", lambda share: public_radius(population, share), NEAR, BY
        )

    def open(self, model: Path, config: SpeechConfig, rows: int, scratch: Path) -> SpeechGenerator:
        patients, speaking = read_dialogues(model), config.generator
        words = Given(patients) if patients else Planned.by_grammar(speaking.plan)
        hearing = installed_recogniser(speaking.language) if speaking.guard.word_errors else None
        backend = open_fitted_backend(model, speaking)
        return SpeechGenerator(words, backend, speaking, scratch, recogniser=hearing, voice=voice_of(model))

    def free_conditions(self, model: Path, config: SpeechConfig) -> Conditions[SpeechCondition]:
        patients = read_dialogues(model)
        return given_conditions(patients) if patients else planned_conditions(config.generator.plan)

    def round_trips(
        self, model: Path, config: RunConfig[SpeechConfig], seed: int, scratch: Path
    ) -> tuple[SpeechRoundTrip, ...]:
        return through_the_layer(seed, scratch, config.modality.generator)

    def describe(self, model: Path, config: SpeechConfig) -> str:
        card = read_card(model)
        words = "Dialogues that were given" if card.dialogues else "Planned dialogues in the words of a grammar"
        spoken = spoken_by(card.backend, card.model)
        if card.backend != "espeak" and not config.generator.protect_presets:
            spoken += ", whose own speakers are not protected,"
        voices = "voices whose pitch patients voted on privately" if holds_prior(model) else "voices drawn from a prior"
        return f"{words}, spoken by {spoken} in {voices}, emotion shaped by WORLD"


class SpeechFilterKind(FilterKind[Speech, SpeechCondition, SpeechConfig]):
    """See :class:`synthgen.modality.FilterKind`."""

    def fit(
        self, train: Sequence[SpeechReal], config: SpeechConfig, folder: Path, seed: int, progress: Progress
    ) -> None:
        """Listens to T once, and to the back-end's own speakers; what the filters learn is made of that."""
        listener = _listener(train, config)
        task = progress.task("listen to T", len(train), "recording")
        for record in train:
            listener.all(record.payload)
            task.advance()
        if config.generator.protect_presets:
            register(config.generator, listener, folder / "presets", progress)

    def open(self, train: Sequence[SpeechReal], config: SpeechConfig, folder: Path) -> SpeechFilters:
        listener, speaking = _listener(train, config), config.generator
        presets = register(speaking, listener, folder / "presets", Silent()) if speaking.protect_presets else ()
        return SpeechFilters.over(listener, [r.payload for r in train], [r.patient for r in train], presets)

    def rules(self, config: SpeechConfig, *, cleaned: bool) -> tuple[Rule[Speech], ...]:
        return (OnTranscript(IdentifierRule(config.identifiers)),)

    def planted(self, planting: Planting[Speech, SpeechCondition], config: SpeechConfig) -> Iterable[Planted[Speech]]:
        trips = (*planting.round_trips, *inside_sessions(planting.seed, planting.scratch))
        return planted_copies(planting.records, trips, planting.seed, planting.scratch)


class SpeechReleases(Releases[Speech, SpeechCondition, SpeechConfig]):
    """See :class:`synthgen.modality.Releases`."""

    formats = OFFER.formats

    def write(
        self,
        folder: Path,
        samples: Callable[[], Iterable[tuple[int, SpeechSynthetic]]],
        formats: Sequence[str],
        seed: int,
    ) -> DatasetFacts:
        return write_release(folder, samples())

    def read(self, folder: Path) -> list[SpeechSynthetic]:
        return read_release(folder)

    def preview(self, samples: Sequence[SpeechSynthetic]) -> Preview:
        return Preview(html=preview_html(samples))

    def evaluate(
        self,
        samples: Sequence[SpeechSynthetic],
        cohort: Cohort[Speech, SpeechCondition],
        config: SpeechConfig,
        seed: int,
        progress: Progress,
    ) -> Evaluation:
        listener = _short_windows(_listener(cohort.train, config))

        def vectors(track: Track) -> NDArray[np.float64] | None:
            heard = listener(track)
            return None if heard.silent else heard.windows[_EAR].astype(np.float64)

        recogniser = installed_recogniser(config.generator.language) if config.evaluation.wer_turns else None
        diariser = WindowClustering.by_resemblyzer() if config.evaluation.diarised_seconds else None
        return evaluate(samples, cohort, config.evaluation, seed, progress, vectors, recogniser, diariser)


def _listener(train: Sequence[SpeechReal], config: SpeechConfig) -> Listener:
    """Keeps what it hears beside the cohort's private sound files, for the filters and the evaluation alike."""
    cohort = train[0].payload.recordings[0].tracks[0].audio.path.parent
    return Listener.open(config.voice, cohort / "heard")


def same_recordings(records: Sequence[SpeechReal], levels: Sequence[Levels], owners: Sequence[int]) -> list[Link]:
    """The links between records of different patients, by their tracks' band levels; track i is of ``owners[i]``."""
    pairs = {
        (min(owners[a], owners[b]), max(owners[a], owners[b]))
        for a, b in same_sound(levels)
        if records[owners[a]].patient != records[owners[b]].patient
    }
    return [Link(a, b, _kind(records[a].payload, records[b].payload)) for a, b in sorted(pairs)]


def _say_recurring(patients: Sequence[str], tracks: Sequence[Heard], progress: Progress) -> None:
    """Tells of people who are one by their voices, and several by names that a diariser gave them."""
    count = recurring_voices(patients, [track.windows[_EAR].sum(axis=0).astype(np.float64) for track in tracks])
    if count:
        progress.say(
            f"{count} people whose names hold within their recording sound like one in another recording: if that is "
            "one person, name it in modality.cohort.recurring, or set modality.cohort.speaker_names=cohort"
        )


def _kind(one: Speech, other: Speech) -> str:
    first, second = ({t.audio.digest for r in payload.recordings for t in r.tracks} for payload in (one, other))
    return "same sound" if first & second else "same sound, re-encoded or cut"


def _short_windows(listener: Listener) -> Listener:
    """The plain ear alone, with windows of half the length: a clip of 3.5 s has two."""
    config = listener.config.model_copy(update={"seconds": max(1.0, listener.config.seconds / 2)})
    return Listener(tuple(ear for ear in listener.ears if ear.name == _EAR), config, listener.cache)


def _until_exit() -> Path:
    """A private folder that is deleted when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="synthgen-speech-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


SPEECH: Modality[Speech, SpeechCondition, SpeechConfig] = Modality(
    name=OFFER.name,
    section=SpeechConfig,
    presets=OFFER.presets,
    cohorts=SpeechCohorts(),
    generator=SpeechGeneratorKind(),
    filters=SpeechFilterKind(),
    releases=SpeechReleases(),
    anonymiser=SpeechAnonymiser(),
)
