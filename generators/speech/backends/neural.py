"""What the neural back-ends share: one random stream per utterance, an alphabet that loses nothing, digests."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from synthgen.errors import UserError
from synthgen.generators.speech.spoken import read_aloud


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's random numbers start from ``seed`` in the block and go on afterwards as if it had not been."""
    import torch

    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(seed)
        yield


def in_alphabet(text: str, knows: Callable[[str], bool], language: str) -> str:
    """The text in letters that the model knows: numbers in words, accents off where it must be, nothing left out.

    Models leave out what they do not know without a word, and a dose would be lost.

    Args:
        knows: whether the model knows a character, in lower or in upper case.

    Raises:
        UserError: a letter or digit of the text is unknown to the model.
    """

    def known(character: str) -> bool:
        return knows(character.lower()) or knows(character.upper())

    if any(c.isdigit() and not known(c) for c in text):
        text = read_aloud(text, language)
    if any(c.isdigit() and not known(c) for c in text):
        raise UserError("the model has no digits in its alphabet: write the numbers of the dialogue as words")
    text = "".join(c if known(c) else _plain(c) for c in text)
    if any(c.isalnum() and not known(c) for c in text):
        raise UserError(
            "a turn has letters that the model does not know: choose a model of the dialogue's language, or another one"
        )
    return text


def _plain(character: str) -> str:
    """Without its accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))


def folder_digest(folder: Path) -> str:
    """Hex digest of the names and contents of the files of a model folder."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        digest.update(f"{path.relative_to(folder).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def text_digest(*parts: object) -> str:
    """Hex digest of what names a model that lies in no folder of the user's."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def file_digest(*files: Path) -> str:
    """Hex digest of the contents of files, in order."""
    digest = hashlib.blake2b(digest_size=16)
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def check_spoken_language(voice: str, language: str, spoken: Sequence[str]) -> None:
    """Refuses a language that a voice does not speak; an accent of its own is none of that.

    Args:
        voice: its name, for the message.
        language, spoken: BCP-47 tags; only their first parts are compared.

    Raises:
        UserError: it names the languages of the voice.
    """
    own = sorted({one.partition("-")[0].lower() for one in spoken})
    if language.partition("-")[0].lower() not in own:
        raise UserError(
            f"the voice {voice} does not speak {language!r}: say --set modality.generator.language={own[0]}, or choose "
            "another voice or back-end"
        )


def one_thread_session(model: Path) -> Any:
    """ONNX Runtime over a file, on one thread: the same sums in the same order everywhere.

    Raises:
        ImportError: onnxruntime is not installed.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(model), sess_options=options, providers=["CPUExecutionProvider"])
