"""Draws docs/images/readme.png: synthetic radiographs, and a stretch of a synthetic session as words and as sound.

Run from the repository: ``python benchmarks/readme_picture.py RELEASE/contact_sheet.png``, with the sheet that
``synthgen generate --modality cxr`` puts beside a release of its demo cohort. No patient is in any of it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import wrap

import numpy as np
import soundfile
from PIL import Image, ImageDraw, ImageFont

from synthgen.modalities.speech.binding import SPEECH
from synthgen.payloads.speech import Recording, Segment
from synthgen.progress import Silent
from synthgen.records import Request

IMAGES = Path(__file__).parent.parent / "docs" / "images"
SIZE = (1240, 470)
STEP, TILE, LEFT, TOP = (154, 192), 144, 10, 10  # of the sheet
CELLS = ((0, 0), (2, 2), (3, 3), (5, 1), (1, 0), (6, 5), (4, 4), (7, 4), (5, 4))  # column, row
INK, SOFT, COLOURS = "#1b2430", "#5d6b7a", {"clinician": "#2b6cb0", "patient": "#b7791f"}
FIRST, TURNS, RIGHT = 3, 5, 500


def radiographs(canvas: Image.Image, path: Path) -> None:
    sheet = Image.open(path).convert("L")
    for place, (column, row) in enumerate(CELLS):
        x, y = LEFT + column * STEP[0], TOP + row * STEP[1]
        tile = sheet.crop((x, y, x + TILE, y + TILE))
        canvas.paste(tile, (10 + place % 3 * 154, 10 + place // 3 * 154))


def session(folder: Path) -> Recording:
    """One short session of one invented patient, in the words of the grammar and espeak's voices."""
    config = SPEECH.config("demo", ["modality.generator.plan={sessions: 1, utterances: [16, 18]}"], seed=11)
    model = folder / "model"
    SPEECH.generator.fit((), config.modality, model, 0, Silent())
    condition = SPEECH.generator.free_conditions(model, config.modality)(0, 11)
    open_generator = SPEECH.generator.open(model, config.modality, 1, folder)
    (sample,) = open_generator([Request(11, condition)])
    return sample.payload.recordings[0]


def turns(recording: Recording) -> list[tuple[str, Segment]]:
    told = [(track.role, segment) for track in recording.tracks for segment in track.segments]
    return sorted(told, key=lambda turn: turn[1].turn)[FIRST : FIRST + TURNS]


def words(draw: ImageDraw.ImageDraw, shown: list[tuple[str, Segment]]) -> int:
    """Draws the turns, and returns how far down they reach."""
    y = 12
    for role, segment in shown:
        mood = f"  ({segment.emotion})" if segment.emotion not in ("", "neutral") else ""
        draw.text((RIGHT, y), role + mood, fill=COLOURS[role], font=ImageFont.load_default(13))
        for line in wrap(segment.text, 88):
            y += 19
            draw.text((RIGHT, y), line, fill=INK, font=ImageFont.load_default(15))
        y += 26
    return y


def waveform(draw: ImageDraw.ImageDraw, recording: Recording, shown: list[tuple[str, Segment]], top: int) -> None:
    low, high = min(s.start for _, s in shown), max(s.end for _, s in shown)
    half, columns = (SIZE[1] - top - 14) // 2, SIZE[0] - RIGHT - 14
    for track in recording.tracks:
        sound, _ = soundfile.read(track.audio.path, start=low, stop=high, dtype="float32")
        loud = np.array([np.abs(part).max() for part in np.array_split(sound, columns)])
        for x, height in enumerate(half * loud / max(loud.max(), 1e-6)):
            if height > 0.5:
                line = (RIGHT + x, top + half - height, RIGHT + x, top + half + height)
                draw.line(line, fill=COLOURS[track.role])


def main() -> None:
    canvas = Image.new("RGB", SIZE, "white")
    radiographs(canvas, Path(sys.argv[1]))
    draw = ImageDraw.Draw(canvas)
    with TemporaryDirectory() as folder:
        recording = session(Path(folder))
        shown = turns(recording)
        waveform(draw, recording, shown, words(draw, shown) + 4)
    canvas.quantize(128).save(IMAGES / "readme.png", optimize=True)


if __name__ == "__main__":
    main()
