"""Speech as bytes, the same for the same speech: what lies in a shard. The sound lies beside it, by its digest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast, get_args

from synthgen.payloads.speech import Audio, Emotion, Recording, Role, Segment, Speech, Track, Word


def audio_name(digest: str) -> str:
    """The name of a sound file in the scratch folder."""
    return f"{digest}.flac"


def encode(speech: Speech) -> bytes:
    """Canonical JSON in UTF-8 with the digests of the sound files, and without their paths.

    Raises:
        ValueError: a text holds half a surrogate pair, or a label is NaN or infinite.
    """
    values = {"recordings": [recording_values(recording) for recording in speech.recordings]}
    return json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def decode(content: bytes, scratch: Path) -> Speech:
    """Inverse of :func:`encode`; the sound is looked for in ``scratch`` when it is read, not now.

    Raises:
        ValueError: these are not the bytes of speech.
    """
    try:
        return Speech(tuple(recording_from(values, scratch) for values in json.loads(content)["recordings"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not the bytes of speech") from error


def recording_values(recording: Recording) -> dict[str, Any]:
    """JSON values of a recording, without paths."""
    return {
        "labels": [[name, value] for name, value in recording.labels],
        "tracks": [
            {
                "role": track.role,
                "digest": track.audio.digest,
                "rate": track.audio.rate,
                "frames": track.audio.frames,
                "segments": [
                    [
                        s.turn,
                        s.start,
                        s.end,
                        s.text,
                        s.emotion,
                        s.intensity,
                        [[w.text, w.start, w.end] for w in s.words],
                        s.spoken,
                        s.voiced,
                    ]
                    for s in track.segments
                ],
            }
            for track in recording.tracks
        ],
    }


def recording_from(values: dict[str, Any], scratch: Path) -> Recording:
    """Inverse of :func:`recording_values`.

    Raises:
        ValueError, KeyError, TypeError: these are not the values of a recording.
    """
    tracks = []
    for track in values["tracks"]:
        if track["role"] not in get_args(Role):
            raise ValueError("not a role")
        digest = str(track["digest"])
        if not digest.isalnum():
            raise ValueError("not a digest")
        audio = Audio(scratch / audio_name(digest), digest, int(track["rate"]), int(track["frames"]))
        tracks.append(Track(cast(Role, track["role"]), audio, tuple(_segment(s) for s in track["segments"])))
    return Recording(tuple(tracks), tuple((str(name), value) for name, value in values["labels"]))


def _segment(values: list[Any]) -> Segment:
    turn, start, end, text, emotion, intensity, words, spoken, voiced = values
    if emotion not in get_args(Emotion):
        raise ValueError("not an emotion")
    placed = tuple(Word(str(word), int(first), int(last)) for word, first, last in words)
    stretches = tuple((int(first), int(last)) for first, last in voiced)
    label = cast(Emotion, emotion)
    return Segment(int(turn), int(start), int(end), str(text), label, float(intensity), placed, str(spoken), stretches)
