"""A cohort of records that nobody has."""

import numpy as np
from numpy.typing import NDArray

from synthgen.payloads.cxr import CxrCondition
from synthgen.records import Real

Record = Real[NDArray[np.uint8], CxrCondition]


def cohort_of(count: int, *, size: int = 4, content: int = 0) -> list[Record]:
    """Random images of ``size`` px; ``content`` draws others under the same names."""
    rng = np.random.default_rng([content, size])
    images = rng.integers(0, 256, (count, size, size), dtype=np.uint8)
    return [
        Real(f"patient-{n:04d}", f"image-{n:04d}.png", CxrCondition(age=20 + n % 60), image)
        for n, image in enumerate(images)
    ]
