"""Who speaks when, in the formats that others read: RTTM, WebVTT and TextGrid, from the sample positions themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from synthgen.payloads.speech import Recording, Segment, Track


def seconds(sample: int, rate: int) -> str:
    """A sample position in seconds with seven decimals: exact to the sample at every rate up to 1 MHz."""
    return f"{sample / rate:.7f}"


def in_order(recording: Recording) -> list[tuple[Track, Segment]]:
    """All turns by their start, with their tracks."""
    pairs = [(track, segment) for track in recording.tracks for segment in track.segments]
    return sorted(pairs, key=lambda pair: (pair[1].start, pair[1].turn, pair[0].role))


def rttm(recording: Recording, name: str, speakers: dict[str, str]) -> str:
    """Rich Transcription Time Marked (NIST RT-09), a line for each stretch of speech: no silence counts as speech.

    Args:
        name: of the file, without blanks.
        speakers: name of each role's speaker, without blanks.
    """
    return "".join(
        f"SPEAKER {name} 1 {seconds(start, t.audio.rate)} {seconds(end - start, t.audio.rate)} "
        f"<NA> <NA> {speakers[t.role]} <NA> <NA>\n"
        for start, end, t in sorted(
            ((start, end, t) for t, s in in_order(recording) for start, end in s.stretches),
            key=lambda stretch: (stretch[0], stretch[1], stretch[2].role),
        )
    )


def webvtt(recording: Recording) -> str:
    """WebVTT captions, a cue per turn with its speaker; times to the millisecond, as the format has it."""
    cues = ["WEBVTT\n"]
    for track, segment in in_order(recording):
        rate = track.audio.rate
        text = segment.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        cues.append(f"{_clock(segment.start, rate)} --> {_clock(segment.end, rate)}\n<v {track.role}>{text}</v>\n")
    return "\n".join(cues)


def textgrid(recording: Recording) -> str:
    """Praat's TextGrid, long form: for each speaker a tier of turns, of emotions, of where there is
    speech, and of words where there are any."""
    rate, frames = recording.tracks[0].audio.rate, recording.tracks[0].audio.frames
    tiers: list[tuple[str, list[tuple[int, int, str]]]] = []
    for track in recording.tracks:
        tiers.append((f"{track.role} turns", [(s.start, s.end, s.text) for s in track.segments]))
        tiers.append((f"{track.role} emotions", [(s.start, s.end, s.emotion) for s in track.segments]))
        heard = [(start, end, "speech") for segment in track.segments for start, end in segment.stretches]
        tiers.append((f"{track.role} speech", heard))
        words = [(word.start, word.end, word.text) for s in track.segments for word in s.words]
        if words:
            tiers.append((f"{track.role} words", words))
    end = seconds(frames, rate)
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {end}",
        "tiers? <exists>",
    ]
    lines += [f"size = {len(tiers)}", "item []:"]
    for number, (name, spans) in enumerate(tiers, start=1):
        intervals = list(_filled(spans, frames))
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {_quoted(name)}"]
        lines += ["        xmin = 0", f"        xmax = {end}", f"        intervals: size = {len(intervals)}"]
        for index, (start, stop, text) in enumerate(intervals, start=1):
            lines += [
                f"        intervals [{index}]:",
                f"            xmin = {seconds(start, rate)}",
                f"            xmax = {seconds(stop, rate)}",
                f"            text = {_quoted(text)}",
            ]
    return "\n".join(lines) + "\n"


def _filled(spans: Iterable[tuple[int, int, str]], frames: int) -> Iterator[tuple[int, int, str]]:
    """The spans with empty ones between them: a tier covers all of the time."""
    position = 0
    for start, end, text in spans:
        if start > position:
            yield position, start, ""
        yield start, end, text
        position = end
    if position < frames:
        yield position, frames, ""


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _clock(sample: int, rate: int) -> str:
    milliseconds = round(1000 * sample / rate)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
