"""Turns from exports that are no list of turns: recognisers of speech (AWS, Deepgram, Google, Azure, Rev), ChatGPT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

Turn = dict[str, Any]


def turns_in(value: Mapping[str, Any]) -> list[Turn] | None:
    """The turns of a recogniser's result, each with ``speaker`` and ``text``; None where it is no such result."""
    results = value.get("results")
    for found in (
        _aws(results) if isinstance(results, Mapping) else None,
        _deepgram(results) if isinstance(results, Mapping) else None,
        _google(results) if isinstance(results, list) else None,
        _azure(value.get("recognizedPhrases")),
        _rev(value.get("monologues")),
        _scribe(value.get("Conversation")),
        _tree(value),
    ):
        if found:
            return found
    return None


def _aws(results: Mapping[str, Any]) -> list[Turn] | None:
    """Amazon Transcribe: segments of a speaker, or words that segments or the words themselves give a speaker."""
    if segments := _mappings(results.get("audio_segments")):
        return [{"speaker": _name(s.get("speaker_label")), "text": s.get("transcript")} for s in segments]
    items = _mappings(results.get("items"))
    labels = results.get("speaker_labels")
    starts = {
        item.get("start_time"): segment.get("speaker_label")
        for segment in _mappings(labels.get("segments") if isinstance(labels, Mapping) else None)
        for item in _mappings(segment.get("items"))
    }
    words: list[tuple[object, str, bool]] = []
    for item in items:
        best = _first(item.get("alternatives"))
        point = item.get("type") == "punctuation"
        label = item.get("speaker_label") or starts.get(item.get("start_time")) or (words[-1][0] if words else None)
        words.append((label, str(best.get("content", "")), point))
    return _grouped(words) if any(label for label, _, _ in words) else None


def _deepgram(results: Mapping[str, Any]) -> list[Turn] | None:
    if utterances := _mappings(results.get("utterances")):
        return [{"speaker": _name(u.get("speaker")), "text": u.get("transcript")} for u in utterances]
    best = _first(_first(results.get("channels")).get("alternatives"))
    words = _mappings(best.get("words"))
    if not any("speaker" in word for word in words):
        return None
    return _grouped((w.get("speaker"), str(w.get("punctuated_word") or w.get("word", "")), False) for w in words)


def _google(results: list[Any]) -> list[Turn] | None:
    """Speech-to-Text: the last result has all words with the speaker's tag."""
    words = _mappings(_first(_first(results[-1:]).get("alternatives")).get("words"))
    if not any("speakerTag" in word or "speakerLabel" in word for word in words):
        return None
    return _grouped((w.get("speakerTag", w.get("speakerLabel")), str(w.get("word", "")), False) for w in words)


def _azure(phrases: object) -> list[Turn] | None:
    return [
        {"speaker": _name(p.get("speaker")), "text": _first(p.get("nBest")).get("display")} for p in _mappings(phrases)
    ] or None


def _rev(monologues: object) -> list[Turn] | None:
    return [
        {"speaker": _name(m.get("speaker")), "text": "".join(str(e.get("value", "")) for e in _mappings(m["elements"]))}
        for m in _mappings(monologues)
        if "elements" in m
    ] or None


def _scribe(conversation: object) -> list[Turn] | None:
    """AWS HealthScribe: ``CLINICIAN_0``, ``PATIENT_0``."""
    if not isinstance(conversation, Mapping):
        return None
    found = []
    for segment in _mappings(conversation.get("TranscriptSegments")):
        person = segment.get("ParticipantDetails")
        role = person.get("ParticipantRole") if isinstance(person, Mapping) else None
        found.append({"speaker": role, "text": segment.get("Content")})
    return found or None


def _tree(value: Mapping[str, Any]) -> list[Turn] | None:
    """ChatGPT's export: messages by id, each with its parent; the branch that was shown last."""
    nodes, at = value.get("mapping"), value.get("current_node")
    if not isinstance(nodes, Mapping):
        return None
    found: list[Turn] = []
    while isinstance(at, str) and isinstance(node := nodes.get(at), Mapping) and len(found) <= len(nodes):
        message = node.get("message")
        author = message.get("author") if isinstance(message, Mapping) else None
        if isinstance(message, Mapping) and isinstance(author, Mapping):
            found.append({"speaker": author.get("role"), "text": message.get("content")})
        at = node.get("parent")
    return found[::-1] or None


def _grouped(words: Iterable[tuple[object, str, bool]]) -> list[Turn]:
    """Words by speaker; a point stands close to the word before it."""
    return [{"speaker": _name(label), "text": _spaced(own)} for label, own in groupby(words, key=lambda word: word[0])]


def _spaced(words: Iterator[tuple[object, str, bool]]) -> str:
    return "".join(word if point else f" {word}" for _, word, point in words).strip()


def _name(label: object) -> object:
    return f"speaker {label}" if isinstance(label, int) and not isinstance(label, bool) else label


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _first(value: object) -> Mapping[str, Any]:
    return next(iter(_mappings(value)), {})
