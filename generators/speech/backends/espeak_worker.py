"""Speaks by espeak-ng in a process of its own: ``python espeak_worker.py LIBRARY DATA``, requests on standard input.

espeak-ng keeps global state that no call resets (the phase of its oscillators, the seed of its noise), so that an
utterance depends on all that was spoken before it. Here the library is loaded once, speaks nothing itself, and forks a
child for every request: each utterance starts from the same state, and a crash costs one request. Only the standard
library is imported, so that a fork takes under a millisecond.

A request is a line of JSON: ``{"voice": "en-us+f2", "wpm": 175, "pitch": 50, "range": 50, "text": "…"}``. So is a
reply: ``{"error": "…"}``, or ``{"rate": 22050, "frames": 1, "words": [[position, length, sample], …]}`` and then
``frames`` samples of 16 bits.
"""

import ctypes
import json
import os
import sys

_RETRIEVAL, _DONT_EXIT = 2, 0x8000
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_UTF8 = 1
_SEED = 1
_END, _WORD = 0, 1


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class _Speaker:
    """The loaded library. ``speak`` is for a forked child, once."""

    def __init__(self, library: str, data: str) -> None:
        self.library = ctypes.CDLL(library)
        path = os.fsencode(data) if data else None
        self.rate = self.library.espeak_Initialize(_RETRIEVAL, 0, path, _DONT_EXIT)
        if self.rate <= 0:
            raise OSError("espeak-ng does not start")
        # Its noise is seeded by the clock at the start, by its own generator or by the C library's.
        ctypes.CDLL(None).srand(_SEED)
        if hasattr(self.library, "espeak_ng_SetRandSeed"):
            self.library.espeak_ng_SetRandSeed(ctypes.c_long(_SEED))
        self.sound: list[bytes] = []
        self.words: list[list[int]] = []
        self.callback = _Callback(self._heard)  # kept, or it would be collected while the library holds it
        self.library.espeak_SetSynthCallback(self.callback)

    def _heard(self, samples, count, events):  # type: ignore[no-untyped-def]
        if samples and count > 0:
            self.sound.append(ctypes.string_at(samples, 2 * count))
        index = 0
        while events[index].type != _END:
            event = events[index]
            if event.type == _WORD:
                self.words.append([event.text_position - 1, event.length, event.sample])
            index += 1
        return 0

    def speak(self, request: dict) -> bytes:  # type: ignore[type-arg]
        library = self.library
        if library.espeak_SetVoiceByName(request["voice"].encode()) != 0:
            return b'{"error": "voice"}\n'
        for parameter, value in (
            (_RATE, request["wpm"]),
            (_VOLUME, 100),
            (_PITCH, request["pitch"]),
            (_RANGE, request["range"]),
        ):
            library.espeak_SetParameter(parameter, value, 0)
        content = request["text"].encode() + b"\0"
        # Plain text: neither SSML (0x10) nor phonemes in brackets (0x100) are interpreted.
        if library.espeak_Synth(content, len(content), 0, 1, 0, _UTF8, None, None) != 0:
            return b'{"error": "synthesis"}\n'
        library.espeak_Synchronize()
        sound = b"".join(self.sound)
        head = {"rate": self.rate, "frames": len(sound) // 2, "words": self.words}
        return json.dumps(head).encode() + b"\n" + sound


def _in_child(speaker: _Speaker, request: dict) -> bytes:  # type: ignore[type-arg]
    """What a forked child speaks; empty where it crashed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reader)
            reply = memoryview(speaker.speak(request))
            while reply:
                reply = reply[os.write(writer, reply) :]
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    parts = []
    while part := os.read(reader, 1 << 16):
        parts.append(part)
    os.close(reader)
    _, status = os.waitpid(child, 0)
    return b"".join(parts) if status == 0 else b""


def main(library: str, data: str) -> None:
    """Serves until standard input closes."""
    source, target = sys.stdin.buffer, sys.stdout.buffer
    speaker = _Speaker(library, data)
    target.write(json.dumps({"rate": speaker.rate}).encode() + b"\n")
    target.flush()
    for line in source:
        target.write(_in_child(speaker, json.loads(line)) or b'{"error": "crash"}\n')
        target.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
