"""Transcripts of linguists: ELAN's .eaf with a tier for each speaker, and CHAT's .cha (TalkBank)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from synthgen.generators.dialogue.cohort.cues import Cue
from synthgen.generators.dialogue.cohort.raw import Reading
from synthgen.generators.dialogue.cohort.text import DamagedError, clean, whole

_BULLET: Final = re.compile("\x15[^\x15]*\x15")
_CODE: Final = re.compile(
    r"\[[^\]]*\]|&=\S+|\+[^\s\w]*[./?!\"]+|\(\.{1,3}\)|\(\d+(?:\.\d+)?:?\)|\bxxx\b|\byyy\b|\bwww\b|0(?=\S)"
)
_FILLER: Final = re.compile(r"&[-+~](\S+)")
_INSIDE: Final = re.compile(r"[<>‡„↫⌈⌉⌊⌋^]|\b(?=@)|@\w+(?::\w+)?")
_LEFT_OUT: Final = re.compile(r"\((\w+)\)")


def elan(path: Path, reading: Reading) -> list[Cue]:
    """The annotations of ELAN's tiers that have times of their own, by the participant or the tier.

    Raises:
        DamagedError: it is no ELAN file.
    """
    text = whole(path, reading.progress)
    try:
        if "<!DOCTYPE" in text[:2000] or "<!ENTITY" in text:
            raise ElementTree.ParseError
        # Without a document type there are no entities to grow.
        root = ElementTree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))  # noqa: S314
        slots = {s.get("TIME_SLOT_ID", ""): s.get("TIME_VALUE") for s in root.iter("TIME_SLOT")}
        cues = [cue for tier in root.iter("TIER") for cue in _tier(tier, slots, path)]
    except (ElementTree.ParseError, ValueError):
        raise DamagedError(f"{path.name} is no readable ELAN file: save it again in ELAN") from None
    return sorted(cues, key=lambda cue: cue.start)


def _tier(tier: ElementTree.Element, slots: Mapping[str, str | None], path: Path) -> Iterator[Cue]:
    role = tier.get("PARTICIPANT") or tier.get("TIER_ID") or ""
    for number, entry in enumerate(tier.iter("ALIGNABLE_ANNOTATION"), start=1):
        said = clean(entry.findtext("ANNOTATION_VALUE") or "")
        if said:
            start = slots.get(entry.get("TIME_SLOT_REF1", "")) or "0"
            yield Cue(int(start) / 1000, role, said, f"{path.name}, annotation {number}")


def chat(path: Path, reading: Reading) -> list[Cue]:
    """The utterances of a CHAT file by the role of the participant (``PAR`` is ``Participant``), codes taken off.

    Raises:
        DamagedError: no line is an utterance.
    """
    roles: dict[str, str] = {}
    cues: list[Cue] = []
    for number, line in _chat_lines(whole(path, reading.progress)):
        if line.startswith("@Participants:"):
            roles = {words[0]: words[-1] for person in line.partition(":")[2].split(",") if (words := person.split())}
        elif line.startswith("*"):
            code, _, said = line[1:].partition(":")
            text = _said(said) if reading.config.markup == "strip" else _BULLET.sub("", said).strip()
            role = roles.get(code.strip(), code.strip()).replace("_", " ")
            cues.append(Cue(len(cues), role, text, f"{path.name}, line {number}"))
    if not cues:
        raise DamagedError(f"{path.name} has no utterance: none of its lines begins with *, as in CHAT")
    return cues


def _chat_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with those put to them that a tab continues."""
    begun, number = "", 0
    for at, row in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if row.startswith(("\t", "    ")) and begun:
            begun += " " + row.strip()
            continue
        if begun:
            yield number, begun
        begun, number = row.strip(), at
    if begun:
        yield number, begun


def _said(text: str) -> str:
    plain = _FILLER.sub(r"\1", _CODE.sub(" ", _BULLET.sub(" ", text)))
    words = " ".join(_LEFT_OUT.sub(r"\1", _INSIDE.sub("", plain)).split())
    return re.sub(r"\s+(?=[.,!?](?:\s|$))", "", words)
