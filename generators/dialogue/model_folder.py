"""The model folder of the dialogue generator: which model puts the plan into words, and what was fitted to it.

synthgen_dialogue.json   modality, format, realiser, base model; written last: a folder without it is not finished
adapter/                 the PEFT adapter where the base was fine-tuned, in safetensors
excerpts.jsonl           private: excerpts of training transcripts, one a line, where few-shot prompts were asked for
plan_counts.json         counts of the cohort that the plans follow, where that was asked for (see cohort_counts)
checkpoints/             private: the state of an unfinished training; not part of the model
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from synthgen.errors import UserError
from synthgen.files import private_folder, write_atomically
from synthgen.generators.dialogue.cohort_counts import COUNTS, read_counts
from synthgen.generators.dialogue.config import GeneratorConfig, RealiserName
from synthgen.generators.model_folder import check_kind, digest_of, read_json, refuse_pickled
from synthgen.payloads.dialogue import Speaker, Turn
from synthgen.records import JsonValue

MODALITY, FORMAT = "dialogue", 1
CARD, ADAPTER, EXCERPTS, CHECKPOINTS = "synthgen_dialogue.json", "adapter", "excerpts.jsonl", "checkpoints"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What ``synthgen_dialogue.json`` says.

    Attributes:
        base: hub name or folder of the chat model; empty for the template realiser.
        adapted: True where ``adapter/`` holds a PEFT adapter of the base.
    """

    realiser: RealiserName
    base: str
    adapted: bool


def write_model_folder(
    folder: Path,
    config: GeneratorConfig,
    *,
    excerpts: Iterable[Sequence[Turn]] = (),
    about: Mapping[str, JsonValue] | None = None,
) -> None:
    """Finishes a model folder: ``adapter/``, if there is to be one, lies in it already.

    Args:
        excerpts: of training transcripts, for few-shot prompts; refused unless ``config.few_shot``.
        about: what else to write down; no private text.

    Raises:
        ValueError: excerpts without ``few_shot``.
    """
    lines = [[{"speaker": turn.speaker, "text": turn.text} for turn in excerpt] for excerpt in excerpts]
    if lines and not config.few_shot:
        raise ValueError("excerpts of transcripts are kept only where few_shot asks for them")
    private_folder(folder)
    if lines:
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        write_atomically(folder / EXCERPTS, text.encode())
    card: dict[str, JsonValue] = {
        "modality": MODALITY,
        "format": FORMAT,
        "realiser": config.realiser,
        "base": config.base,
        "adapted": (folder / ADAPTER).is_dir(),
        "about": dict(about or {}),
    }
    write_atomically(folder / CARD, (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())


def is_finished(folder: Path) -> bool:
    """True where ``folder`` holds a model that was fitted to its end."""
    return (folder / CARD).is_file()


def check_folder(folder: Path) -> ModelCard:
    """Reads the card of a model folder, and refuses what must not be opened before anything is loaded.

    Raises:
        UserError: the folder is no finished dialogue model, is of a newer format, lacks its adapter, or holds pickled
            weights.
    """
    if not folder.is_dir():
        raise UserError(f"there is no model folder {folder}")
    own = [p for p in folder.rglob("*") if CHECKPOINTS not in p.relative_to(folder).parts[:1]]
    refuse_pickled(folder, own)
    if not is_finished(folder):
        other = read_json(folder / "synthgen.json") if (folder / "synthgen.json").is_file() else {}
        if "modality" in other:
            raise UserError(f"{folder} is a model of modality {other['modality']!r}, not {MODALITY!r}")
        unfinished = (folder / CHECKPOINTS).is_dir()
        hint = "its training is not finished: run the same fit again" if unfinished else f"{CARD} is missing"
        raise UserError(f"{folder} is not a finished dialogue model: {hint}")
    card = read_json(folder / CARD)
    check_kind(folder, card, MODALITY, FORMAT)
    realiser, base, adapted = card.get("realiser"), card.get("base"), card.get("adapted", False)
    if realiser not in get_args(RealiserName) or not isinstance(base, str) or not isinstance(adapted, bool):
        raise UserError(f"{folder / CARD} does not name its realiser and base: fit the model again")
    if adapted and not any((folder / ADAPTER).glob("*.safetensors")):
        raise UserError(f"{folder} lacks {ADAPTER}/ in safetensors; fit the model again or copy it again")
    return ModelCard(cast(RealiserName, realiser), base, adapted)


def is_bare_grammar(folder: Path) -> bool:
    """True where the model is the grammar and nothing else: no transcript, and no model that could know one.

    Counts of a cohort (``cohort_counts``) hold no record; a file of that name that holds anything else makes it False.
    An unfinished or foreign folder, an adapter, excerpts or any file that the grammar does not write make it False.
    """
    try:
        card = check_folder(folder)
        if (folder / COUNTS).exists():
            read_counts(folder / COUNTS)
    except UserError:
        return False
    known = {folder / CARD, folder / COUNTS}
    others = [p for p in folder.rglob("*") if p.is_file() and p not in known and not p.name.startswith(".")]
    return card.realiser == "template" and not card.base and not card.adapted and not others


def read_excerpts(folder: Path) -> tuple[tuple[Turn, ...], ...]:
    """The excerpts that few-shot prompts show; none where none were kept.

    Raises:
        UserError: if the file is damaged.
    """
    path = folder / EXCERPTS
    if not path.is_file():
        return ()
    try:
        lines = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
        return tuple(tuple(Turn(cast(Speaker, t["speaker"]), str(t["text"])) for t in line) for line in lines)
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{path} cannot be read; fit the model again") from None


def model_digest(folder: Path) -> str:
    """SHA-256 over the names and bytes of the model's files; checkpoints do not count.

    Raises:
        UserError: see :func:`check_folder`.
    """
    check_folder(folder)
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return digest_of(folder, [path for path in files if path.relative_to(folder).parts[0] != CHECKPOINTS])
