"""Fitting the dialogue generator into one model folder (see model_folder); a rerun of the same call resumes.

Beside what stands there:
fit.json                private: how the adapters moved, the loss; written after the adapters
canaries.json           private: what was planted, where canaries are asked for (see canaries)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from synthgen.digests import agrees, write_mark
from synthgen.errors import MissingExtraError, UserError
from synthgen.files import private_folder, write_atomically
from synthgen.generators.dialogue.cohort_counts import COUNTS, count, write_counts
from synthgen.generators.dialogue.config import GeneratorConfig, follows_cohort
from synthgen.generators.dialogue.fit.canaries import draw_canaries, plant_canaries, write_canaries
from synthgen.generators.dialogue.fit.config import FitConfig
from synthgen.generators.dialogue.fit.examples import ChatLayout, draw_examples, few_shot_examples, session_examples
from synthgen.generators.dialogue.model_folder import (
    ADAPTER,
    CHECKPOINTS,
    check_folder,
    is_finished,
    write_model_folder,
)
from synthgen.payloads.dialogue import DialogueReal
from synthgen.progress import Progress
from synthgen.records import JsonValue

REPORT = "fit.json"


def fit_generator(
    train: Sequence[DialogueReal],
    generator: GeneratorConfig,
    config: FitConfig,
    folder: Path,
    *,
    seed: int,
    progress: Progress,
) -> None:
    """Makes the model folder that ``generator`` asks for; returns at once where it is finished.

    The template realiser's words and a server's model are not fitted to anything. A chat model in this process is
    fine-tuned on ``train`` (see :func:`fit_adapters`) unless ``config.adapt`` is off. Excerpts of transcripts are kept
    for the prompts where ``generator.few_shot`` asks for them, and never otherwise; counts for the plans where
    ``generator.follow_cohort`` does.

    Raises:
        UserError: a base model beside the template realiser; a folder that holds another model; see
            :func:`fit_adapters`.
    """
    if generator.realiser == "template" and generator.base:
        raise UserError(
            "modality.generator.base names a chat model, and the template realiser uses none: "
            "set modality.generator.realiser=transformers"
        )
    if is_finished(folder):
        card = check_folder(folder)
        if (card.realiser, card.base) != (generator.realiser, generator.base):
            raise UserError(f"{folder} holds a model with another realiser or base: choose another folder")
    about: dict[str, JsonValue] = {}
    if generator.realiser in {"transformers", "vllm"} and config.adapt:
        fit_adapters(train, generator.base, config, folder, seed=seed, progress=progress)
        fitted = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        about = {key: fitted[key] for key in ("base_identity", "steps", "sequences", "loss")}
    if is_finished(folder):
        progress.say(f"model found in {folder}: nothing to fit")
        return
    if follows_cohort(generator):
        write_counts(private_folder(folder) / COUNTS, count(train))
    excerpts = few_shot_examples(train, config.excerpts, config.excerpt_turns, seed) if generator.few_shot else ()
    write_model_folder(folder, generator, excerpts=[excerpt.turns for excerpt in excerpts], about=about)


def fit_adapters(
    train: Sequence[DialogueReal], base: str, config: FitConfig, folder: Path, *, seed: int, progress: Progress
) -> None:
    """Fine-tunes the chat model ``base`` on ``train`` and writes the adapters to ``folder/adapter``.

    A training that was killed at any time and is run again ends, on one CPU thread, with the very bytes of one that was
    not. Returns at once where it is finished.

    Args:
        base: hub name or folder. It is named in the adapters' files, with its digest, and not copied.

    Raises:
        UserError: no records; a folder that holds another training; a base that cannot be had or is no chat model;
            canaries that find no room; adapters that did not move; a loss that is no longer finite.
    """
    if not train:
        raise UserError("the training split is empty: fine-tuning needs transcripts")
    try:
        from synthgen.generators.dialogue.fit.lora import (
            folder_digest,
            half_precision,
            open_base,
            steps_of,
            train_adapters,
        )
    except ModuleNotFoundError as error:
        raise MissingExtraError("fine-tuning a chat model", "dialogue") from error
    digest = folder_digest(Path(base)) if Path(base).is_dir() else ""
    _claim(private_folder(folder), _run_digest(train, f"{base} {digest}", config, seed))
    if (folder / REPORT).is_file():
        return
    records = list(train)
    if config.canaries.count:
        canaries = draw_canaries(config.canaries, seed)
        records = plant_canaries(train, canaries, seed)
        write_canaries(folder, canaries)
    opened = open_base(base, half=half_precision(config))
    layout = ChatLayout(opened.tokenizer)
    limit = min(config.max_tokens, opened.context)
    sessions = [session_examples(layout, record, limit) for record in records]
    sequences = sum(len(session.examples) for session in sessions)
    too_long = sum(session.too_long for session in sessions)
    if not sequences:
        raise UserError(f"no utterance fits into {limit} tokens with its prompt: raise fit.max_tokens")
    if too_long:
        progress.say(f"{too_long} utterances are longer than {limit} tokens with what they answer: not trained on")
    trained = train_adapters(
        opened,
        lambda step: draw_examples(sessions, config.batch, step, seed),
        steps_of(config, sequences),
        config,
        checkpoint=folder / CHECKPOINTS / "adapters.safetensors",
        folder=folder / ADAPTER,
        seed=seed,
        progress=progress,
    )
    moved = np.array(list(trained.moved.values()))
    progress.say(
        f"all {len(moved)} adapter matrices moved, by {moved.min():.2g} to {moved.max():.2g} (Frobenius norm); "
        f"loss {trained.loss:.3f} per token"
    )
    report: dict[str, JsonValue] = {
        "base": base,
        "base_identity": digest or opened.revision,
        "steps": trained.steps,
        "sequences": sequences,
        "utterances_left_out": too_long,
        "loss": trained.loss,
        "moved": dict(trained.moved),
    }
    write_atomically(folder / REPORT, (json.dumps(report, indent=1) + "\n").encode())
    (folder / CHECKPOINTS / "adapters.safetensors").unlink(missing_ok=True)


def _run_digest(train: Sequence[DialogueReal], base: str, config: FitConfig, seed: int) -> str:
    """Identifies a training by its settings, its seed and its records; how often it is saved is free to change."""
    settings = config.model_dump_json(exclude={"checkpoint_every", "excerpts", "excerpt_turns"})
    digest = hashlib.blake2b(json.dumps([settings, base, seed]).encode(), digest_size=16)
    for record in train:
        turns = [[turn.speaker, turn.text] for turn in record.payload.turns]
        digest.update(json.dumps([record.patient, record.record, record.condition.as_dict(), turns]).encode())
    return digest.hexdigest()


def _claim(folder: Path, digest: str) -> None:
    """Marks the folder as this training's, or refuses one that is another's."""
    mark = private_folder(folder / CHECKPOINTS) / "run.json"
    if not mark.is_file():
        write_mark(mark, digest)
    elif not agrees(mark, digest):
        raise UserError(f"{folder} holds a training with other settings or transcripts: choose another folder")
