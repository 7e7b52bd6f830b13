"""Pictures whose last rows were never written: a copy that was broken off and filled up, a JPEG closed too early.

What is missing has one value over the full width, up to the last pixel. So has what a collimator or a shutter covers,
which mostly leaves margins on more sides than one, or an edge that is not level; where that is so nobody can tell, and
the picture is left as it is, and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_MARGIN: Final = 0.25
"""Share of another border at the same value from which on there is a margin there too."""
_ABRUPT: Final = 0.1
"""Share of the gray scale by which pixels must differ at the edge, and half of them must."""
_MUCH: Final = 0.1
_SLOPED: Final = 2


@dataclass(frozen=True, slots=True)
class Tail:
    """The last rows of a picture that are of one value.

    Attributes:
        share: of all rows.
        abrupt: whether the picture ends there within a row or two, as anatomy does not.
        alone: whether no other side has a margin of that value.
        broken: whether the value begins within a row, as where bytes are missing.
    """

    value: int
    share: float
    abrupt: bool
    alone: bool
    broken: bool

    @property
    def missing(self) -> bool:
        """Whether rows were hardly covered, but were never written."""
        return self.abrupt and self.alone and (self.broken or self.share >= _MUCH)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is told of a picture that is left as it is."""
        if self.share < _MUCH:
            return ()
        tenths = int(10 * self.share) * 10
        return (f"image whose lower {tenths}% is black or of one gray: perhaps cut short, left as it is",)


def tail_of(rows: NDArray[Any], band: int = 1) -> Tail | None:
    """The tail of a picture of integers [h, w]; None where its last row is not of one value, or all of it is.

    Args:
        band: rows that are written together, 8 or 16 in a JPEG.
    """
    value = rows[-1, -1]
    whole = (rows[:, :: max(1, rows.shape[1] // 32)] == value).all(axis=1)  # most pictures end here
    if not whole[-1] or whole.all():
        return None
    same = rows == value
    first = rows.shape[0] - int(np.argmin(same.all(axis=1)[::-1]))
    if not 0 < first < rows.shape[0]:
        return None
    above = same[:first]
    sloped = _trailing(above[:, -1]), _trailing(above[:, 0])
    level = above[: max(1, first - band)]
    margins = (level[0].mean(), level[:, 0].mean(), level[:, -1].mean())
    edge = rows[max(0, first - band - 1)].astype(np.float64)
    low, high = np.percentile(rows[:first:4, ::4], (1, 99))
    return Tail(
        value=int(value),
        share=1 - first / rows.shape[0],
        abrupt=max(sloped) <= max(_SLOPED, band)
        and float((np.abs(edge - float(value)) > _ABRUPT * (high - low)).mean()) > 0.5,
        alone=float(max(margins)) < _MARGIN,
        broken=0 < sloped[0] <= band and sloped[1] == 0,
    )


def _trailing(same: NDArray[np.bool_]) -> int:
    """How many of the last are True."""
    return same.size if same.all() else int(np.argmin(same[::-1]))
