"""Draws docs/images/phantom_sheet.png: phantom radiographs with their labels, and pairs of visits. No patient is in it.

Run from the repository: ``python benchmarks/phantom_sheet.py``
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from synthgen.generators.cxr.phantom import FINDINGS, render, sample_patient, sample_visit
from synthgen.payloads.cxr import CxrImage, View

SIZE, COLUMNS, LINE = 160, 6, 15
OUT = Path(__file__).parent.parent / "docs" / "images" / "phantom_sheet.png"


def cells() -> list[tuple[str, CxrImage]]:
    """Six healthy people, two images of every finding, and one person's two visits."""
    out = []

    def add(seed: int, findings: tuple[str, ...], view: View, visit: int = 0) -> None:
        patient = sample_patient(seed)
        image = render(patient, sample_visit(visit, patient), findings, view, SIZE)
        label = ", ".join(findings) or "No Finding"
        out.append((f"{label} {view} {patient.sex}{patient.age}", image))

    for seed in range(6):
        add(100 + seed, (), "AP" if seed == 5 else "PA")
    for index, finding in enumerate(FINDINGS):
        add(200 + 2 * index, (finding,), "PA")
        add(201 + 2 * index, (finding,), "AP")
    add(104, (), "PA", visit=1)
    add(104, (), "PA", visit=2)
    return out


def main() -> None:
    sheet = cells()
    rows = -(-len(sheet) // COLUMNS)
    canvas = Image.new("L", (COLUMNS * SIZE, rows * (SIZE + LINE)), 255)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(11)
    for index, (label, image) in enumerate(sheet):
        x, y = index % COLUMNS * SIZE, index // COLUMNS * (SIZE + LINE)
        canvas.paste(Image.fromarray(image), (x, y + LINE))
        draw.text((x + 3, y + 1), label, fill=0, font=font)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    canvas.save(OUT, optimize=True)
    print(f"{OUT}: {len(sheet)} images, {OUT.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
