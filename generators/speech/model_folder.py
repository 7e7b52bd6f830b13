"""The model folder of the speech generator: nothing is trained, so that it says which back-end speaks which words.

synthgen_speech.json   modality, format, back-end, its model and digest, language; written last
dialogues.jsonl        the dialogues to be spoken, where they were given; absent: they are planned
prior.json             which pitches patients speak at, by their own noisy votes; absent: as the voice cards have it
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from synthgen.errors import UserError, install_command
from synthgen.files import private_folder, write_atomically
from synthgen.generators.model_folder import check_kind
from synthgen.generators.speech.backends.espeak import Espeak
from synthgen.generators.speech.backends.opening import backend_names, open_backend
from synthgen.generators.speech.backends.protocol import Backend
from synthgen.generators.speech.calibration import phrases
from synthgen.generators.speech.config import NEED_MODELS, PACKAGED, SpeakingConfig, neural_or_espeak
from synthgen.generators.speech.voices import draw_voice
from synthgen.generators.speech.words import Told, told_bytes, told_from, told_in
from synthgen.progress import Progress, Silent

CARD, DIALOGUES, PRIOR = "synthgen_speech.json", "dialogues.jsonl", "prior.json"
MODALITY, FORMAT = "speech", 1


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What ``synthgen_speech.json`` says.

    Attributes:
        digest: of the back-end: its weights, or its library's version.
        dialogues: whether ``dialogues.jsonl`` says what is spoken.
    """

    backend: str
    model: str
    language: str
    digest: str
    dialogues: bool


def check(config: SpeakingConfig) -> None:
    """Refuses at once, before a cohort is read, what fitting and speaking would refuse later.

    Raises:
        UserError: there is no such back-end, or it lacks the voice or the language; or the dialogues cannot be read.
        MissingExtraError: the packages of a back-end that needs no model of the user's are not installed.
    """
    if config.backend not in NEED_MODELS or config.backend not in backend_names():
        open_backend(config)
    if config.backend == "espeak":
        backend = Espeak.installed()
        backend(phrases(config.language)[0], draw_voice(0, "check", config.language), "neutral", 1.0, 0)
        backend.close()
    if config.dialogues:
        told_in(config, Silent())


def fit(config: SpeakingConfig, folder: Path, progress: Progress) -> None:
    """Writes the folder; returns at once when it is finished.

    Raises:
        UserError: the back-end's model, or the dialogues, cannot be read.
        MissingExtraError: the back-end's packages are not installed.
    """
    if (folder / CARD).is_file():
        return
    backend = open_backend(config)
    progress.say(f"spoken by {spoken_by(config.backend, config.model)}{_advice(config)}")
    private_folder(folder)
    if config.dialogues:
        patients = told_in(config, progress)
        progress.say(
            f"the dialogues of {len(patients)} patients are spoken as they are given; identifiers in them reject a "
            "sample, and nearness to real ones is judged where the cohort has transcripts"
        )
        write_atomically(folder / DIALOGUES, told_bytes(patients))
    card = {
        "modality": MODALITY,
        "format": FORMAT,
        "backend": config.backend,
        "model": config.model,
        "language": config.language,
        "digest": backend.digest,
        "dialogues": bool(config.dialogues),
    }
    write_atomically(folder / CARD, (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())


def spoken_by(backend: str, model: str) -> str:
    """What speaks, for people to read."""
    named = f"{Path(model).name} ({backend})" if model else ""
    return named or {"espeak": "espeak-ng", "piper": "Piper's voice joe", "kokoro": "Kokoro"}.get(backend, backend)


def _advice(config: SpeakingConfig) -> str:
    """Where a voice that is understood better is not installed, how to have it."""
    if config.backend != "espeak" or neural_or_espeak(config.language) == "piper":
        return ""
    english = config.language.partition("-")[0].lower() == "en"
    return f"; a neural voice is understood better: {install_command('piper')}" if english else ""


def read_card(folder: Path) -> ModelCard:
    """The card of a model folder.

    Raises:
        UserError: the folder is no finished speech model, or of a newer format.
    """
    if not folder.is_dir():
        raise UserError(f"there is no model folder {folder}")
    if not (folder / CARD).is_file():
        raise UserError(f"{folder} is not a finished speech model: {CARD} is missing")
    try:
        values = json.loads((folder / CARD).read_text("utf-8"))
        card = ModelCard(
            values["backend"], str(values["model"]), str(values["language"]), values["digest"], values["dialogues"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{folder / CARD} cannot be read: fit the model again") from None
    check_kind(folder, values, MODALITY, FORMAT)
    if card.backend not in backend_names():
        raise UserError(
            f"{folder / CARD} names a back-end that is not installed: install its package, or fit another model"
        )
    return card


def read_dialogues(folder: Path) -> tuple[Told, ...]:
    """The dialogues that a model speaks; empty where they are planned.

    Raises:
        UserError: the folder is no speech model, or the file is damaged.
    """
    if not read_card(folder).dialogues:
        return ()
    try:
        return told_from((folder / DIALOGUES).read_bytes())
    except (OSError, ValueError):
        raise UserError(f"{folder / DIALOGUES} cannot be read: fit the model again") from None


def reads_cohort(folder: Path) -> bool:
    """False for planned words by rule or in a voice that a package carries, which no record of a cohort has entered.

    Dialogues that were given may be the cohort's own, the weights of a model that is named may have been trained on it,
    and a private prior is what its speakers voted for.

    Raises:
        UserError: see :func:`read_card`.
    """
    card = read_card(folder)
    return (
        card.backend not in PACKAGED
        or bool(card.model)
        or card.dialogues
        or (folder / DIALOGUES).exists()
        or holds_prior(folder)
    )


def holds_prior(folder: Path) -> bool:
    """True where the model in ``folder`` has a private prior."""
    return (folder / PRIOR).is_file()


def open_fitted_backend(folder: Path, config: SpeakingConfig) -> Backend:
    """The folder's back-end.

    Raises:
        UserError: the configuration, by which presets are protected and the card is written, names another back-end,
            model or language than the folder's; or the model is not the one that the folder was fitted with.
        MissingExtraError: its packages are not installed.
    """
    card = read_card(folder)
    for name in ("backend", "model", "language"):
        if getattr(config, name) != getattr(card, name):
            raise UserError(
                f"{folder} was fitted with generator.{name} {getattr(card, name)!r}: say so with "
                f"--set modality.generator.{name}={getattr(card, name)}, or fit another model"
            )
    backend = open_backend(config)
    if backend.digest != card.digest:
        raise UserError(f"the back-end {backend.name} is not the one that {folder} was fitted with: fit it again")
    return backend


def model_digest(folder: Path) -> str:
    """SHA-256 over the card, the dialogues and the prior.

    Raises:
        UserError: see :func:`read_card`.
    """
    card = read_card(folder)
    digest = hashlib.sha256()
    for name in (CARD, *([DIALOGUES] if card.dialogues else []), *([PRIOR] if holds_prior(folder) else [])):
        digest.update(name.encode() + b"\0" + (folder / name).read_bytes())
    return digest.hexdigest()
