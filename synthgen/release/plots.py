"""Plots, drawn by matplotlib without a display: as PNG for a card, as SVG within a page, in the page's own colours."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from synthgen.errors import MissingExtraError
from synthgen.records import Estimate
from synthgen.release import words
from synthgen.report import Compared

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _SOFT, _LINE, _ATTACK, _USE = "#1b2430", "#5d6b7a", "#c9d1d9", "#b42318", "#2b6cb0"
_OF_THE_PAGE: Final = {
    _INK: "var(--ink)",
    _SOFT: "var(--soft)",
    _LINE: "var(--line)",
    _ATTACK: "var(--red)",
    _USE: "var(--blue)",
}
_STYLE: Final[Any] = {
    "font.family": "sans-serif", "font.size": 10, "text.color": _INK, "axes.labelcolor": _SOFT, "axes.edgecolor": _LINE,
    "xtick.color": _SOFT, "ytick.color": _INK, "svg.fonttype": "none", "svg.hashsalt": "synthgen",
}  # fmt: skip


_ATTACKED: Final = (
    "Each dot is an attack; the strongest of each way is drawn with its 95% interval, and the dashed line is guessing."
)
_USED: Final = (
    " On the right: how well what is trained on the records reads real ones; the dashed line is training on them as "
    "they are."
)


@dataclass(frozen=True)
class Picture:
    """One plot in two forms, and what it shows."""

    png: bytes
    svg: str
    caption: str


def needed() -> None:
    """Looks for what draws, before anything is computed.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import matplotlib  # noqa: F401 - only whether it is there
    except ModuleNotFoundError:
        raise MissingExtraError("plots", "plots") from None


def compared_plot(ways: Sequence[Compared], use: str) -> Picture:
    """A line for each way: all attacks on who is in it, and the figure of use, with their 95% intervals.

    Args:
        use: the metric of ``Compared.quality`` on the right; the panel stays out where no way has it.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    uses = [next((one for one in way.quality if one.metric == use), None) for way in ways]
    panels = 2 if any(uses) else 1
    with rc_context(_STYLE):
        figure = Figure(figsize=(9.0, 1.3 + 0.5 * len(ways)), layout="constrained")
        axes = figure.subplots(1, panels, sharey=True, squeeze=False)[0]
        _attacks(axes[0], ways)
        if panels == 2:
            _uses(axes[1], uses)
        axes[0].set_yticks(range(len(ways)), [way.way for way in ways])
        axes[0].set_ylim(len(ways) - 0.5, -0.5)
        return Picture(_png(figure), _svg(figure), _ATTACKED + (_USED if panels == 2 else ""))


def _attacks(axes: Axes, ways: Sequence[Compared]) -> None:
    for row, way in enumerate(ways):
        found = sorted((one for one in way.attacks if words.is_auc(one)), key=lambda one: one.value)
        for one in found[:-1]:
            axes.plot(one.value, row, "o", color=_ATTACK, alpha=0.3, markersize=4)
        for one in found[-1:]:
            _whisker(axes, one, row, _ATTACK)
    axes.axvline(0.5, color=_SOFT, linewidth=1, linestyle="--")
    axes.set_xlim(0.35, 1.02)
    _named(axes, "Attacks: AUC")


def _uses(axes: Axes, uses: Sequence[Estimate | None]) -> None:
    for row, one in enumerate(uses):
        if one is not None:
            _whisker(axes, one, row, _USE)
    if uses[0] is not None:
        axes.axvline(uses[0].value, color=_SOFT, linewidth=1, linestyle="--")
    _named(axes, "Use: AUC on real records")


def _whisker(axes: Axes, one: Estimate, row: int, colour: str) -> None:
    axes.plot(one.ci95, (row, row), color=colour, linewidth=2, solid_capstyle="round")
    axes.plot(one.value, row, "o", color=colour, markersize=7)


def _named(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=10, color=_INK, loc="left")
    axes.grid(axis="x", color=_LINE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)


def _png(figure: Figure) -> bytes:
    """Pixels alone: what matplotlib writes beside them is metadata, which no release holds."""
    from PIL import Image

    raw, buffer = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, format="png", dpi=150)
    Image.open(raw).convert("RGB").save(buffer, "png", optimize=True)
    return buffer.getvalue()


def _svg(figure: Figure) -> str:
    """Without a background, in colours that follow the page's, and as wide as its place."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*"|<svg ', _wide, text, count=1)
    for colour, variable in _OF_THE_PAGE.items():
        text = text.replace(colour, variable)
    return text


def _wide(found: re.Match[str]) -> str:
    return f'<svg role="img" aria-label="attacks and uses by way" width="100%" {found.group(1) or ""}'
