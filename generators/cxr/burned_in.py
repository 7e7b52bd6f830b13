"""Text burned into a radiograph: found as rows of small bright or dark strokes, and painted over.

Letters are strokes of one grey, thinner than any rib, steeper against what lies around them, and stand in rows of
similar height. Opening takes strokes away and leaves bodies (top-hat, Serra 1982); what it took, and stands in rows, is
text. Painted over is by the fast marching of Telea (2004).

What is smaller than some five pixels is neither read by a person nor found here.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from synthgen.payloads.cxr import CxrImage

Mask = NDArray[np.bool_]

_LEVELS = ((60, 3), (24, 5))
"""Grey levels by which strokes stand out, and how many letters then make a row: the fainter, the more."""
_THICKEST = 0.035  # of the side: a stroke is thinner
_LOWEST, _HIGHEST = 4, 0.13  # a letter's height: pixels; of the side


def text_in(image: CxrImage) -> Mask:
    """Where text stands, shape as given; a margin of a pixel or two about each letter belongs to it."""
    found = np.zeros(image.shape, np.uint8)
    for seen in (image, 255 - image):
        steepness = _steepness(seen)
        for level, letters in _LEVELS:
            found |= _rows(steepness >= level, steepness >= _LEVELS[-1][0], letters)
    return np.asarray(cv2.dilate(found, _disc(3 + len(image) // 200)) > 0)


def without_text(image: CxrImage) -> CxrImage:
    """The image with its text painted over; itself where none was found."""
    mask = text_in(image)
    if not mask.any():
        return image
    return np.asarray(cv2.inpaint(image, mask.astype(np.uint8), 3, cv2.INPAINT_TELEA), dtype=np.uint8)


def _disc(size: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), dtype=np.uint8)


def _steepness(image: CxrImage) -> CxrImage:
    """By how many grey levels what is thin and bright stands out."""
    width = 2 * round(_THICKEST * len(image) / 2 + 1) + 1
    return np.asarray(cv2.morphologyEx(image, cv2.MORPH_TOPHAT, _disc(width)), dtype=np.uint8)


def _rows(strokes: Mask, faint: Mask, letters: int) -> NDArray[np.uint8]:
    """Strokes of the size of letters of which so many stand in a row, and fainter ones that stand on in it: 1."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(strokes.astype(np.uint8), connectivity=8)
    x, y, w, h, area = (stats[1:, i].astype(float) for i in range(5))  # the first is the ground
    high = _HIGHEST * len(strokes)
    fits = (h >= _LOWEST) & (h <= high) & (w <= 1.6 * high) & (area >= 5) & (area <= 0.9 * w * h + 4)
    x, y, w, h = (values[fits] for values in (x, y, w, h))
    row = np.zeros(strokes.shape, np.uint8)
    for one in range(len(x)):
        tall = np.maximum(h[one], h)
        level = (abs(y[one] + h[one] / 2 - y - h / 2) < 0.35 * tall) & (np.minimum(h[one], h) > 0.55 * tall)
        gap = np.maximum(x[one], x) - np.minimum(x[one] + w[one], x + w)
        if (level & (gap < 1.2 * tall)).sum() >= letters:
            top, left = int(max(0, y[one] - 0.2 * h[one])), int(max(0, x[one] - 2.5 * h[one]))
            row[top : int(y[one] + 1.3 * h[one]) + 1, left : int(x[one] + w[one] + 2.5 * h[one]) + 1] = 1
    return np.asarray(row & faint, dtype=np.uint8)
