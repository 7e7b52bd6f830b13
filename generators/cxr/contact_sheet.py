"""One picture of many synthetic radiographs, for the report and for a first look."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from synthgen.payloads.cxr import OLDEST, CxrSynthetic

_MOST = 64
_GAP, _LINE, _FONT = 10, 17, 13
_PAPER, _INK = 255, 70


def contact_sheet(samples: Sequence[CxrSynthetic], *, columns: int = 8, tile: int = 144) -> bytes:
    """A PNG of up to 64 synthetic images in rows, each with its findings, view, sex and age beneath.

    The type admits synthetic samples only; more than 64 are cut off.

    Args:
        samples: at least one; images uint8 [size, size] are fitted to the tile.
        columns: images in a row.
        tile: edge of an image on the sheet, in pixels.

    Raises:
        ValueError: there is no sample.
    """
    if not samples:
        raise ValueError("a contact sheet needs at least one sample")
    shown = samples[:_MOST]
    columns = min(columns, len(shown))
    rows = math.ceil(len(shown) / columns)
    step_x, step_y = tile + _GAP, tile + 2 * _LINE + _GAP + 4
    sheet = Image.new("L", (columns * step_x + _GAP, rows * step_y + _GAP), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=_FONT)
    for place, sample in enumerate(shown):
        x, y = _GAP + place % columns * step_x, _GAP + place // columns * step_y
        sheet.paste(Image.fromarray(sample.payload).resize((tile, tile), Image.Resampling.LANCZOS), (x, y))
        for line, text in enumerate(_caption(sample)):
            draw.text((x, y + tile + 2 + line * _LINE), _fitted(text, tile, font), fill=_INK, font=font)
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _caption(sample: CxrSynthetic) -> tuple[str, str]:
    condition = sample.condition
    age = "" if condition.age is None else f"{OLDEST}+" if condition.age >= OLDEST else str(condition.age)
    return ", ".join(condition.labels), " · ".join(part for part in (condition.view, condition.sex, age) if part)


def _fitted(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip(" ,·") + "…"
