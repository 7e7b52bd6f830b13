"""Dialogues as a modality: binds the generator, the filters and the evaluation, which do not know each other."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path

from synthgen.config import RunConfig
from synthgen.eval.dialogue.evaluate import evaluate
from synthgen.generators.dialogue.candidates import load_candidates
from synthgen.generators.dialogue.cohort import load_cohort
from synthgen.generators.dialogue.conditions import condition_sampler
from synthgen.generators.dialogue.demo_cohort import write_demo_cohort
from synthgen.generators.dialogue.encode import decode, encode
from synthgen.generators.dialogue.fit.canaries import read_canaries
from synthgen.generators.dialogue.fit.training import fit_generator
from synthgen.generators.dialogue.model_folder import check_folder, is_bare_grammar, model_digest
from synthgen.generators.dialogue.read import read_release
from synthgen.generators.dialogue.sampler import open_generator
from synthgen.generators.dialogue.show import excerpts, transcript
from synthgen.generators.dialogue.write import write_release
from synthgen.modalities.dialogue.judge import judge_of
from synthgen.modalities.dialogue.model_attacks import model_attacks
from synthgen.modalities.dialogue.round_trips import round_trips
from synthgen.modalities.dialogue.rules import Unfinished
from synthgen.modalities.dialogue.settings import OFFER, DialogueConfig
from synthgen.modalities.dialogue.surrogates import Surrogated
from synthgen.payloads.dialogue import (
    Dialogue,
    DialogueCondition,
    DialogueReal,
    DialogueSynthetic,
)
from synthgen.pretrained.sentence import sentence_encoder
from synthgen.privacy_filters.dialogue.canaries import CanaryRule
from synthgen.privacy_filters.dialogue.events import ToldEvents
from synthgen.privacy_filters.dialogue.filters import DialogueFilters
from synthgen.privacy_filters.dialogue.identifiers import IdentifierRule
from synthgen.privacy_filters.dialogue.planted import planted_copies
from synthgen.privacy_filters.dialogue.rare_facts import RareFacts
from synthgen.privacy_filters.dialogue.same_case import same_cases
from synthgen.progress import Progress
from synthgen.records import Cohort, Generator, JsonValue, Link, Loaded, Planted, Rule
from synthgen.report import DatasetFacts, Evaluation, Preview
from synthgen.slots import Conditions


class Dialogues:
    """See :class:`synthgen.modality.Modality`; every method hands on to the function that does the work."""

    name = OFFER.name
    section = DialogueConfig
    presets = OFFER.presets
    formats = OFFER.formats

    def write_demo_cohort(self, folder: Path, config: DialogueConfig, seed: int, progress: Progress) -> None:
        write_demo_cohort(folder, config.demo, seed, progress)

    def load_cohort(
        self, data: Path, config: DialogueConfig, cache: Path, progress: Progress
    ) -> Loaded[Dialogue, DialogueCondition]:
        return load_cohort(data, config.cohort, progress)

    def links(self, records: Sequence[DialogueReal], config: DialogueConfig, progress: Progress) -> Sequence[Link]:
        return same_cases([r.payload for r in records], [r.patient for r in records])

    def load_candidates(self, folder: Path, config: DialogueConfig, progress: Progress) -> list[tuple[str, Dialogue]]:
        return load_candidates(folder, config.cohort, progress)

    def fit(
        self, train: Sequence[DialogueReal], config: DialogueConfig, folder: Path, seed: int, progress: Progress
    ) -> None:
        fit_generator(train, config.generator, config.fit, folder, seed=seed, progress=progress)

    def fit_filters(
        self, train: Sequence[DialogueReal], config: DialogueConfig, folder: Path, seed: int, progress: Progress
    ) -> None:
        """Nothing is trained: word weights and the index of runs are made of T whenever the filters are opened."""

    def model_digest(self, model: Path) -> str:
        check_folder(model)
        return model_digest(model)

    def reads_cohort(self, model: Path) -> bool:
        return not is_bare_grammar(model)

    def open_generator(
        self, model: Path, config: DialogueConfig, rows: int, scratch: Path | None = None
    ) -> Generator[Dialogue, DialogueCondition]:
        generator = open_generator(model, config.generator, rows, scratch)
        return Surrogated(generator, config.identifiers) if config.identifiers.surrogates else generator

    def open_filters(self, train: Sequence[DialogueReal], config: DialogueConfig, folder: Path) -> DialogueFilters:
        dialogues, patients = [r.payload for r in train], [r.patient for r in train]
        further = (RareFacts.over, ToldEvents.over)
        return DialogueFilters.over(dialogues, patients, config.near_duplicate, further)

    def rules(self, config: DialogueConfig, model: Path | None) -> tuple[Rule[Dialogue], ...]:
        invented = model is not None and config.identifiers.surrogates  # what the rule would find are surrogates
        found: tuple[Rule[Dialogue], ...] = (
            (Unfinished(),)
            if invented
            else (
                Unfinished(),
                IdentifierRule(config.identifiers),
            )
        )
        canaries = read_canaries(model) if model else None
        if canaries is None or not canaries.planted:
            return found
        return (*found, CanaryRule(tuple(canary.secret for canary in canaries.planted)))

    def planted(
        self, records: Sequence[DialogueReal], model: Path | None, config: RunConfig[DialogueConfig], seed: int
    ) -> Iterable[Planted[Dialogue]]:
        trips = () if model is None else round_trips(model, config.modality.generator, config.slots.rows, seed)
        return planted_copies(records, trips, seed)

    def conditions(self, train: Sequence[DialogueReal], config: DialogueConfig) -> Conditions[DialogueCondition]:
        return condition_sampler(config.generator.plan)

    def free_conditions(self, model: Path, config: DialogueConfig) -> Conditions[DialogueCondition]:
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

    def evaluate(
        self,
        samples: Sequence[DialogueSynthetic],
        cohort: Cohort[Dialogue, DialogueCondition],
        model: Path | None,
        config: DialogueConfig,
        seed: int,
        progress: Progress,
    ) -> Evaluation:
        encoder = sentence_encoder(config.near_duplicate.encoder) if config.near_duplicate.encoder else None
        judge = judge_of(model, config.generator, seed) if config.evaluation.judge_dialogues else None
        if config.evaluation.judge_dialogues and judge is None:
            progress.say("no judge: the run has no language model")
        found = evaluate(samples, cohort, config.evaluation, seed, progress, encoder, judge)
        return Evaluation(found.attacks, (*found.quality, *model_attacks(model, cohort, config.fit, seed, progress)))

    def write(
        self,
        folder: Path,
        samples: Callable[[], Iterable[tuple[int, DialogueSynthetic]]],
        formats: Sequence[str],
        seed: int,
    ) -> DatasetFacts:
        return write_release(folder, samples)

    def read_release(self, folder: Path) -> list[DialogueSynthetic]:
        return read_release(folder)

    def show(self, payload: Dialogue) -> str:
        return transcript(payload)

    def preview(self, samples: Sequence[DialogueSynthetic]) -> Preview:
        return Preview(html=excerpts(samples))

    def describe(self, config: DialogueConfig) -> str:
        g = config.generator
        words = {
            "template": "a grammar, without a language model",
            "transformers": f"{Path(g.base).name} in process (transformers)",
            "vllm": f"{Path(g.base).name} in process (vLLM)",
            "openai": f"{Path(g.base).name} behind a local OpenAI-compatible server",
        }[g.realiser]
        return f"Planned patients, arcs and sessions (seeded, without a model), put into words by {words}"


DIALOGUE = Dialogues()
