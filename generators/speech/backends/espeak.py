"""espeak-ng: the embedded back-end, without weights, by the library that espeakng-loader carries, or the system's.

It is a formant synthesiser: small, plain, and no recording of anybody is in it. The GPL covers the library, which is
loaded at run time by a process of its own (:mod:`synthgen.generators.speech.backends.espeak_worker`).
"""

from __future__ import annotations

import ctypes.util
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from synthgen.errors import MissingExtraError, SynthgenError, UserError
from synthgen.generators.speech.backends import espeak_worker
from synthgen.generators.speech.backends.protocol import Capabilities, Samples, Utterance
from synthgen.generators.speech.voices import VoiceCard
from synthgen.payloads.speech import Emotion, Word

_WPM = 148
"""Words a minute of a card with rate 1: a clear talker's. At 165 a recogniser lost half as many words again."""
_LEAST_WPM, _MOST_WPM = 80, 450
_NAMES = {"en-gb": "en"}
_CAPABILITIES = Capabilities(rate=True, words=True, unit="phrase")


@dataclass
class Espeak:
    """Speaks one unit at a time by a worker process, which starts on first use. Threads take turns.

    Raises:
        MissingExtraError: espeak-ng is not installed.
    """

    library: str
    data: str
    name: str = "espeak"
    capabilities: Capabilities = _CAPABILITIES
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def installed(cls) -> Espeak:
        """The library of espeakng-loader, else the system's."""
        try:
            loader = import_module("espeakng_loader")
        except ImportError:
            found = ctypes.util.find_library("espeak-ng")
            if found is None:
                raise MissingExtraError("the espeak back-end", "speech") from None
            return cls(found, "")
        data = Path(loader.get_data_path())
        return cls(str(loader.get_library_path()), str(data.parent))

    @cached_property
    def digest(self) -> str:
        """Of the library file, or of its name where the system's linker finds it."""
        path = Path(self.library)
        content = path.read_bytes() if path.is_file() else self.library.encode()
        return hashlib.blake2b(content, digest_size=16).hexdigest()

    def speakers(self, language: str) -> tuple[str, ...]:
        """None: its voices are rules."""
        return ()

    def __call__(
        self, text: str, voice: VoiceCard, emotion: Emotion, intensity: float, seed: int, rate: float = 1.0
    ) -> Utterance:
        """Speaks ``text``; the waveform depends on text, base voice and rate alone.

        Raises:
            UserError: espeak-ng has no such language, or cannot speak the text.
        """
        wpm = round(min(max(_WPM * voice.rate * rate, _LEAST_WPM), _MOST_WPM))
        text = _plain(text)
        # Without a mark at its end, espeak breaks the last sound off.
        marked = f"{text}," if text[-1:].isalnum() else text
        language = _NAMES.get(voice.language, voice.language)
        request = {"voice": f"{language}+{voice.variant}", "wpm": wpm, "pitch": 50, "range": 50, "text": marked}
        with self._lock:
            head, sound = self._ask(json.dumps(request).encode() + b"\n")
        if head.get("error") == "voice":
            raise UserError(f"espeak-ng has no language {voice.language!r}: see `espeak-ng --voices`")
        if "error" in head:
            raise UserError("espeak-ng cannot speak a turn of this dialogue: leave it out, or choose another back-end")
        return Utterance(sound, int(head["rate"]), _words(text, head["words"], len(sound)))

    def _ask(self, request: bytes) -> tuple[dict[str, Any], Samples]:
        """Asks the worker, and another one where the first has been ended."""
        for _ in range(2):
            worker = self._worker
            assert worker.stdin is not None and worker.stdout is not None  # noqa: S101 - for the type checker
            try:
                worker.stdin.write(request)
                worker.stdin.flush()
            except OSError:
                self._restart()
                continue
            if line := worker.stdout.readline():
                head: dict[str, Any] = json.loads(line)
                raw = worker.stdout.read(2 * int(head.get("frames", 0)))
                if len(raw) == 2 * int(head.get("frames", 0)):
                    return head, np.frombuffer(raw, "<i2").astype(np.float32) / 32768.0
            self._restart()
        raise SynthgenError("espeak-ng's process ends again and again: run the same command later")

    @cached_property
    def _worker(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-S", str(espeak_worker.__file__), self.library, self.data]
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}
        worker = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        assert worker.stdout is not None  # noqa: S101 - for the type checker
        if not worker.stdout.readline():
            worker.kill()
            worker.wait()
            raise UserError(f"espeak-ng does not start from {self.library}: reinstall espeakng-loader")
        return worker

    def _restart(self) -> None:
        worker: subprocess.Popen[bytes] | None = self.__dict__.pop("_worker", None)
        if worker is None:
            return
        worker.kill()
        worker.wait()
        for pipe in (worker.stdin, worker.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was still to be sent cannot be
                    pipe.close()

    def close(self) -> None:
        """Ends the worker; the next utterance starts another. It ends by itself with this process."""
        with self._lock:
            self._restart()

    def __del__(self) -> None:
        self.close()


_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def _plain(text: str) -> str:
    """Without control characters and halves of surrogate pairs: NUL would end the text in C."""
    return _UNSPEAKABLE.sub(" ", text)


def _words(text: str, events: Sequence[Sequence[int]], frames: int) -> tuple[Word, ...]:
    """Words from espeak's events; each ends where the next begins, the last at the end of the waveform.

    espeak counts characters. It gives several events for a number, of which the first is taken, and one for words that
    its dictionary holds as a pair ("of the"), whose time is divided by their letters.
    """
    tokens = [match for match in re.finditer(r"\S+", text) if any(c.isalnum() for c in match.group())]
    starts: dict[int, int] = {}
    index = 0
    for position, _, sample in events:
        while index < len(tokens) and tokens[index].end() <= position:
            index += 1
        if index < len(tokens) and tokens[index].start() <= position:
            starts.setdefault(index, min(sample, frames))
    if not starts:
        return ()
    starts.setdefault(0, next(iter(starts.values())))
    letters = np.cumsum([0, *(len(token.group()) for token in tokens)])
    known = sorted(starts)
    places = np.interp(letters, letters[[*known, len(tokens)]], [*(starts[k] for k in known), frames])
    edges = [int(place) for place in np.maximum.accumulate(places)]
    spans = zip(tokens, edges[:-1], edges[1:], strict=True)
    return tuple(Word(token.group(), start, end) for token, start, end in spans)
