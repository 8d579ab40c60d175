"""The common look of the plots.

Every picture is a `Figure` of its own: no display is needed, and neither pyplot nor matplotlib's global style is
touched. The colours are those of Okabe and Ito, which people with any colour vision tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure


BLUE, VERMILION, ORANGE, SKY = "#0072B2", "#D55E00", "#E69F00", "#56B4E9"
GREEN, PURPLE, WINE = "#009E73", "#CC79A7", "#882255"
INK, GREY, FAINT = "#222222", "#6E6E6E", "#D9D9D9"
DASHED, DOTTED = (0, (4, 3)), (0, (1, 2))
DPI = 150


def text_on(colour: str) -> str:
    """White or ink, whichever is easier to read on a colour.

    Example:
        >>> text_on(BLUE), text_on(ORANGE) == INK
        ('white', True)
    """
    red, green, blue = to_rgb(colour)
    return "white" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.5 else INK


def shortened(name: str, length: int = 24) -> str:
    """A name without its middle, where it is longer: the end tells names apart.

    Example:
        >>> shortened("a rather long emotion name 7")
        'a rather lon…tion name 7'
    """
    return name if len(name) <= length else f"{name[: length // 2]}…{name[length // 2 + 1 - length :]}"


def new_figure(
    width: float, height: float, *, columns: int = 1, heights: Sequence[float] = (1,)
) -> tuple[Figure, list[Axes]]:
    """A figure of `width` x `height` inches and its panels: side by side, or below each other on one x axis."""
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)  # type: ignore[union-attr, call-arg]
    panels = figure.subplots(len(heights), columns, sharex=len(heights) > 1, height_ratios=heights, squeeze=False)
    axes = list(panels.flat)
    for panel in axes:
        _style(panel)
    return figure, axes


def _style(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=9, color=GREY)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(color=INK, size=10)


def set_title(axes: Axes, title: str, detail: str | None = None) -> None:
    """A bold title at the left, with a plain line of numbers below it."""
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", color=INK, pad=10 if detail is None else 24)
    if detail:
        axes.annotate(
            detail, (0, 1), xycoords="axes fraction", xytext=(0, 9), textcoords="offset points", color=GREY, fontsize=9
        )


def legend(axes: Axes, loc: Literal["best", "upper left"] = "best") -> None:
    """An unframed legend; `loc` says where."""
    axes.legend(loc=loc, frameon=False, fontsize=9, labelcolor=INK)


def save(figure: Figure, path: str | Path) -> Path:
    """Writes the picture, with its folder where need be, and returns its path."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=DPI)
    return target
