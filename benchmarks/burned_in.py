"""Text drawn into radiographs at known places: how much of it is left, and what else is painted over.

    python benchmarks/burned_in.py --out burned_in.json [--data NIH] [--films 200] [--sizes 128 256 448]

Films are phantoms, whose lungs are known, and where ``--data`` is given real ones. Each bears one line (a name, a date
of birth, a number, a time) in one of two fonts, 3% to 9% of the side high, white, light grey or black, at the top, at
the bottom or anywhere. A letter that differs from the film by fewer than 20 grey levels is not counted; one is left
where the mask covers less than half of its pixels. Lung: the share of the lungs' pixels that was painted over and bore
no letter. The same films without a line: in how many text is found, and how much of the lungs is touched.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from synthgen.estimates import proportion
from synthgen.generators.cxr.burned_in import text_in
from synthgen.generators.cxr.phantom import sample_patient, sample_visit
from synthgen.generators.cxr.phantom.render import render_with_masks

LINES = ("MARY KELWELL", "DOB 03/11/1961", "PORTABLE 14:35", "ID 4471-902", "St. Anne Hospital")
READABLE = 20  # grey levels by which a letter differs from the film: white on white is nothing to be found
_HERSHEY = 0.045  # of a scale for one pixel of height

Mask = NDArray[np.bool_]


def drawn(film: NDArray[np.uint8], line: str, rng: np.random.Generator) -> tuple[NDArray[np.uint8], list[Mask]]:
    """The film with the line, and where each letter stands."""
    side = len(film)
    height = max(8, int(rng.uniform(0.03, 0.09) * side))
    grey, outline = int(rng.choice([255, 255, 220, 0])), bool(rng.random() < 0.3)
    down = int(rng.choice([0.03, 0.97 - height / side, rng.uniform(0.1, 0.8)]) * side)
    x, letters = rng.uniform(0.02, 0.3) * side, []
    font = ImageFont.load_default(height)
    for letter in line:
        ink = np.zeros((side, side), np.uint8)
        if outline:
            scale = _HERSHEY * height * 0.8
            cv2.putText(ink, letter, (int(x), down + height), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 1, cv2.LINE_AA)
            x += cv2.getTextSize(letter, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][0]
        else:
            page = Image.fromarray(ink)
            ImageDraw.Draw(page).text((x, down), letter, fill=255, font=font)
            ink, x = np.asarray(page), x + font.getlength(letter)
        cover = ink.astype(float) / 255
        seen = abs(cover * (grey - film.astype(float)))
        film = np.rint(film * (1 - cover) + grey * cover).astype(np.uint8)
        if (cover > 0.5).sum() >= 3 and seen[cover > 0.5].mean() >= READABLE:
            letters.append(cover > 0.5)
    return film, letters


def phantoms(count: int, size: int) -> Iterator[tuple[NDArray[np.uint8], Mask | None]]:
    for seed in range(count):
        patient = sample_patient(seed)
        film, masks = render_with_masks(patient, sample_visit(seed, patient), (), "AP" if seed % 3 == 0 else "PA", size)
        yield film, masks.lungs


def real(folder: Path, count: int, size: int) -> Iterator[tuple[NDArray[np.uint8], Mask | None]]:
    files = sorted(folder.rglob("*.png"))
    for path in files[:: max(1, len(files) // count)][:count]:
        yield np.asarray(Image.open(path).convert("L").resize((size, size), Image.Resampling.LANCZOS)), None


def measured(source: str, films: Iterator[tuple[NDArray[np.uint8], Mask | None]], size: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    letters = left = lines = whole = found = count = 0
    touched, touched_bare = [], []
    for film, lungs in films:
        bare = text_in(film)
        found, count = found + bool(bare.any()), count + 1
        made, where = drawn(film, str(rng.choice(LINES)), rng)
        mask, faint = text_in(made), 0
        for letter in where:
            faint += (letter & ~mask).sum() > letter.sum() / 2
        letters, left = letters + len(where), left + faint
        lines, whole = lines + bool(where), whole + (bool(where) and faint == 0)
        if lungs is not None:
            about = cv2.dilate(np.any([bare & False, *where], axis=0).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
            touched.append((mask & lungs & ~about).sum() / lungs.sum())
            touched_bare.append((bare & lungs).sum() / lungs.sum())
    return {
        "films": source,
        "size": size,
        "letters_left": proportion("letters_left", left, letters, better="lower").as_dict(),
        "lines_gone": proportion("lines_gone", whole, lines).as_dict(),
        "lung_touched": float(np.mean(touched)) if touched else None,
        "without_text_found": proportion("found", found, count, better="lower").as_dict(),
        "without_text_lung_touched": float(np.mean(touched_bare)) if touched_bare else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--films", type=int, default=200)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256, 448])
    given = parser.parse_args()
    told = []
    for size in given.sizes:
        told.append(measured("phantoms", phantoms(given.films, size), size))
        if given.data:
            told.append(measured("real", real(given.data, given.films, size), size))
        given.out.write_text(json.dumps(told, indent=1) + "\n")
        print(json.dumps(told[-2:], indent=1))


if __name__ == "__main__":
    main()
