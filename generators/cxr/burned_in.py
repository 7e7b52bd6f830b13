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
from scipy.sparse.csgraph import connected_components

from synthgen.payloads.cxr import CxrImage

Mask = NDArray[np.bool_]

_LEVELS = ((60, 3), (26, 5))
"""Grey levels by which strokes stand out, and how many letters then make a row: the fainter, the more."""
_FAINT = 20  # grey levels of what belongs to a row that was found
_THICKEST = 0.022  # of the side: a stroke is thinner
_ON = 3  # letters' heights, for which a row is looked for beyond its ends
_LOWEST, _HIGHEST = 4, 0.13  # a letter's height: pixels; of the side


def text_in(image: CxrImage) -> Mask:
    """Where text stands, shape as given; a margin of a pixel or two about each letter belongs to it."""
    found = np.zeros(image.shape, np.uint8)
    for seen in (image, 255 - image):
        steepness = _steepness(seen)
        for level, letters in _LEVELS:
            found |= _rows(steepness >= level, steepness >= _FAINT, letters)
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
    fits = (h >= _LOWEST) & (h <= high) & (w <= 1.6 * high) & (area >= 4) & (area <= 0.9 * w * h + 4)
    x, y, w, h = (values[fits, None] for values in (x, y, w, h))
    tall, middle = np.maximum(h, h.T), y + h / 2
    level = (abs(middle - middle.T) < 0.4 * tall) & (np.minimum(h, h.T) > 0.5 * tall)
    gap = np.maximum(x, x.T) - np.minimum(x + w, (x + w).T)
    _, group = connected_components(level & (gap < 1.6 * tall))
    row = np.zeros(strokes.shape, np.uint8)
    for one in np.flatnonzero(np.bincount(group) >= letters):
        left, top, wide, height = (values[group == one, 0] for values in (x, y, w, h))
        size = float(np.median(height))
        columns = slice(int(max(0, left.min() - _ON * size)), int((left + wide).max() + _ON * size) + 1)
        row[int(max(0, top.min() - 0.2 * size)) : int((top + height).max() + 0.3 * size) + 1, columns] = 1
    return np.asarray(row & faint, dtype=np.uint8)
