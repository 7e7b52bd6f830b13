"""Where two radiographs differ, as a picture."""

from __future__ import annotations

import numpy as np
from PIL import Image

from synthgen.payloads.cxr import CxrImage


def difference(first: CxrImage, second: CxrImage) -> CxrImage:
    """|first − second| at the first one's size, uint8 [height, width]: black where they are alike.

    It is not stretched to the range that it has: a copy stays black, and noise in it does not look like another film.
    """
    if first.shape != second.shape:
        height, width = first.shape
        second = np.asarray(Image.fromarray(second).resize((width, height), Image.Resampling.BILINEAR))
    return np.abs(first.astype(np.int16) - second.astype(np.int16)).astype(np.uint8)
