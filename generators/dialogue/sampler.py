"""Drawing dialogues: a case is planned from its condition, its session is put into words from the request's seed."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np

from synthgen.errors import UserError
from synthgen.files import private_folder, write_atomically
from synthgen.generators.dialogue.conditions import case_of, condition_sampler
from synthgen.generators.dialogue.conduct.lockstep import Failure, conduct_sessions
from synthgen.generators.dialogue.conduct.relevance import LEAST_WORDS, Line, Relevance, calibrated
from synthgen.generators.dialogue.conduct.session import Brief, restart_seed
from synthgen.generators.dialogue.conduct.tally import ACCEPTED, Tally, is_hopeless, remedy
from synthgen.generators.dialogue.conduct.validate import words
from synthgen.generators.dialogue.config import ConductConfig, GeneratorConfig, RealiserName
from synthgen.generators.dialogue.model_folder import ADAPTER, ModelCard, check_folder, model_digest, read_excerpts
from synthgen.generators.dialogue.plan.config import PlanConfig
from synthgen.generators.dialogue.plan.types import CaseArc
from synthgen.generators.dialogue.realisers.journal import Forgetful, Journaled
from synthgen.generators.dialogue.realisers.protocol import Realiser, Sampling, Weighing
from synthgen.generators.dialogue.under_way import UNDER_WAY, UnderWay
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, DialogueSynthetic, Turn
from synthgen.records import Request, Synthetic

FAILURES = "failed"
"""Folder of the traces of sessions that were given up, in the private work folder."""
FAILED = ("failed", True)
"""The label of a dialogue that stands for a session which was given up; the screen rejects it by rule."""

Planner = Callable[[DialogueCondition], CaseArc]


def is_failed(dialogue: Dialogue) -> bool:
    """True for what stands in the place of a session that was given up. It must never be released."""
    return FAILED in dialogue.labels


class DialogueGenerator:
    """A generator of sessions; satisfies ``synthgen.records.Generator``.

    The plan of a case depends on the condition alone, so that the sessions of a case belong together whoever asks for
    them, and whatever the screen rejects; the wording depends on the request's seed.

    Args:
        plan: draws the case of a condition.
        identity: of the model, for the journal.
        excerpts: of training transcripts, one of which each session's prompts show.
        scratch: private folder for the journal of answers (``journal/``), the traces of sessions that were given up
            (``failed/``) and how far the others are (``sessions_under_way.json``); None keeps none of them.
        segment: see :class:`Journaled`; 0 journals nothing (a realiser that is faster than the disk).
    """

    def __init__(
        self,
        *,
        realiser: Realiser,
        plan: Planner,
        config: GeneratorConfig,
        identity: str = "",
        excerpts: Sequence[tuple[Turn, ...]] = (),
        scratch: Path | None = None,
        segment: int = 1,
    ) -> None:
        self._realiser, self._plan, self._config = realiser, plan, config
        self._identity, self._excerpts, self._scratch, self._segment = identity, tuple(excerpts), scratch, segment
        self.given_up: Counter[str] = Counter()
        """How often an utterance was turned down for each reason in sessions that were given up."""
        self._relevance: Relevance | None = None
        self._began = time.monotonic()
        self.tally = Tally()
        """Of all answers and starts."""

    def __call__(self, requests: Sequence[Request[DialogueCondition]]) -> list[DialogueSynthetic]:
        """One session per request; the same request twice is conducted once.

        A session that is given up starts anew, ``conduct.restarts`` times; after that a dialogue with the label
        :data:`FAILED` stands in its place, which no screen keeps.

        Raises:
            UserError: if the run so far shows that its model gives no sessions (see conduct.tally), or the back-end is
                gone for good.
        """
        wanted = list(dict.fromkeys(requests))
        arcs = {condition: self._plan(condition) for condition in dict.fromkeys(r.condition for r in wanted)}
        made: dict[Request[DialogueCondition], Dialogue] = {}
        for restart in range(self._config.conduct.restarts + 1):
            todo = [request for request in wanted if request not in made]
            if todo:
                briefs = [Brief(arcs[r.condition], r.condition.session, restart_seed(r.seed, restart)) for r in todo]
                for request, result in zip(todo, self._conduct(briefs), strict=True):
                    if isinstance(result, Dialogue):
                        made[request] = result
                    else:
                        self._trace(result)
            if is_hopeless(self.tally, self._config.conduct.tries):
                raise UserError(self._no_use())
        return [Synthetic(r.seed, r.condition, made.get(r) or _stand_in()) for r in requests]

    def _no_use(self) -> str:
        tally = self.tally
        often = ", ".join(f"{reason} ({count})" for reason, count in tally.mostly())
        where = "" if self._scratch is None else f". What was said lies in {self._scratch / FAILURES}"
        return (
            f"the model gives no usable session: of {tally.started} starts {tally.finished} came to an end, and of "
            f"{sum(tally.answers.values())} answers {tally.answers[ACCEPTED]} were accepted; the others were turned "
            f"down mostly for: {often}{where}. Advice: {remedy(tally)}"
        )

    def _conduct(self, briefs: Sequence[Brief]) -> list[Dialogue | Failure]:
        sampling = Sampling(**self._config.sampling.model_dump())
        examples = [self._excerpts_for(brief) for brief in briefs]
        with self._journaled(briefs) as realiser:
            return conduct_sessions(
                briefs,
                realiser,
                self._config.conduct,
                sampling=sampling,
                examples=examples,
                relevance=self._judge(),
                tally=self.tally,
                task=self._task(len(briefs)),
            )

    def _task(self, sessions: int) -> UnderWay | None:
        """Says in a file how far the sessions are; the grammar is done before anybody looks."""
        if self._scratch is None or not self._segment:
            return None
        return UnderWay(private_folder(self._scratch) / UNDER_WAY, self.tally, sessions, self._began)

    def _judge(self) -> Relevance | None:
        """Asks the realiser whether its words are to the point, where it can be asked; calibrated at the first call."""
        if not self._config.conduct.relevance or not isinstance(self._realiser, Weighing):
            return None
        if self._relevance is None:
            self._relevance = calibrated(self._realiser, grammar_lines())
        return self._relevance

    def _journaled(self, briefs: Sequence[Brief]) -> Journaled | nullcontext[Realiser]:
        if self._scratch is None or not self._segment:
            if isinstance(self._realiser, Forgetful):
                self._realiser.forget()
            return nullcontext(self._realiser)
        names = [(brief.seed, brief.number, repr(brief.arc)) for brief in briefs]
        name = hashlib.blake2b(json.dumps([self._identity, names]).encode(), digest_size=16).hexdigest()
        path = private_folder(self._scratch / "journal") / f"{name}.jsonl"
        return Journaled(self._realiser, path, identity=self._identity, segment=self._segment)

    def _excerpts_for(self, brief: Brief) -> tuple[tuple[Turn, ...], ...]:
        if not self._excerpts:
            return ()
        return (self._excerpts[np.random.default_rng((brief.seed, 0xE8)).integers(len(self._excerpts))],)

    def _trace(self, failure: Failure) -> None:
        """Writes the trace of a session that was given up. Private: a model may repeat what it was trained on."""
        self.given_up.update(failure.reasons)
        if self._scratch is None:
            return
        trace = {
            "seed": failure.brief.seed,
            "session": failure.brief.number,
            "turn": failure.turn,
            "rejected": [asdict(rejected) for rejected in failure.rejected],
            "turns": [asdict(turn) for turn in failure.turns],
        }
        content = json.dumps(trace, ensure_ascii=False, indent=1).encode("utf-8", "replace")
        write_atomically(private_folder(self._scratch / FAILURES) / f"{failure.brief.seed}.json", content)


def grammar_lines(sessions: int = 6, most: int = 48) -> list[Line]:
    """Utterances of the grammar's own sessions, each behind what it answers: the same ones whoever asks."""
    from synthgen.generators.dialogue.realisers.template import TemplateRealiser

    plan = PlanConfig(utterances=(16, 40), sessions=1)
    conditions = [condition_sampler(plan)(slot, 0) for slot in range(sessions)]
    briefs = [Brief(case_of(condition, plan), condition.session, slot) for slot, condition in enumerate(conditions)]
    lines: list[Line] = []
    for brief, made in zip(briefs, conduct_sessions(briefs, TemplateRealiser(), ConductConfig()), strict=True):
        turns = made.turns
        lines += [
            Line(brief.plan.setting, turn.speaker, before.text, turn.text)
            for before, turn in pairwise(turns[:-2])
            if len(words(turn.text)) >= LEAST_WORDS
        ]
    return lines[:: max(1, len(lines) // most)][:most]


def _stand_in() -> Dialogue:
    return Dialogue((Turn("clinician", "No session."),), (FAILED,))


def open_generator(
    model: Path, config: GeneratorConfig, rows: int, scratch: Path | None = None, plan: Planner | None = None
) -> DialogueGenerator:
    """Opens a model folder (see model_folder).

    Args:
        config: its realiser may be another than the folder's as long as both run the folder's base model.
        rows: sessions that are asked for at once.
        scratch: see :class:`DialogueGenerator`.
        plan: of the cases; as ``config.plan`` has it unless given.

    Raises:
        UserError: the folder is no dialogue model, or its chat model cannot be opened.
        MissingExtraError: optional packages are missing.
    """
    card = check_folder(model)
    name = realiser_of(card, config)

    keeps_cache = name == "transformers" and config.in_process.reuse_cache
    settings = config.model_dump_json(exclude={"server", "conduct", "few_shot"})
    return DialogueGenerator(
        realiser=open_realiser(name, model, card, config, rows),
        plan=plan or planner(config.plan),
        config=config,
        identity=f"{model_digest(model)} {settings}",
        excerpts=read_excerpts(model) if config.few_shot else (),
        scratch=scratch,
        segment=0 if name == "template" else config.in_process.segment if keeps_cache else 1,
    )


def planner(config: PlanConfig) -> Planner:
    """Draws the case of a condition from its seed, under these distributions."""

    def plan(condition: DialogueCondition) -> CaseArc:
        return case_of(condition, config)

    return plan


def realiser_of(card: ModelCard, config: GeneratorConfig) -> RealiserName:
    """The realiser for a model folder: the configuration's where it can run the folder's model, the folder's otherwise.

    Raises:
        UserError: a chat model is asked for, and the folder has none.
    """
    if config.realiser == "template":
        return card.realiser
    if card.realiser == "template":
        raise UserError(f"the model folder is of the template realiser: fit one with realiser={config.realiser}")
    return config.realiser


def open_realiser(name: RealiserName, model: Path, card: ModelCard, config: GeneratorConfig, rows: int) -> Realiser:
    """The realiser of a model folder, opened; see :func:`open_generator`."""
    adapter = model / ADAPTER if card.adapted else None
    if name == "template":
        from synthgen.generators.dialogue.realisers.template import TemplateRealiser

        return TemplateRealiser()
    if name == "openai":
        from synthgen.generators.dialogue.realisers.openai import open_openai

        return open_openai(config.base or card.base, config.server)  # a server may know the model by another name
    if name == "vllm":
        from synthgen.generators.dialogue.realisers.vllm import open_vllm

        return open_vllm(card.base, config.in_process, adapter)
    from synthgen.generators.dialogue.realisers.transformers import open_transformers

    return open_transformers(card.base, config.in_process, adapter, sessions=min(rows, config.conduct.batch))
