"""Words in lines of a given width, in whatever script, without a display."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib import font_manager
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties


# Fonts for scripts that matplotlib's own DejaVu Sans lacks; those that are installed are used.
FONTS = (
    "DejaVu Sans",
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans SC", "WenQuanYi Zen Hei"),
    *(
        "WenQuanYi Micro Hei",
        "Droid Sans Fallback",
        "Microsoft YaHei",
        "PingFang SC",
        "Hiragino Sans",
        "Malgun Gothic",
    ),
    *("Noto Sans Devanagari", "Noto Sans Thai", "Noto Sans Bengali", "Noto Sans Tamil", "FreeSans", "Unifont"),
)
# In the place of a character that no font has.
MISSING = "\N{WHITE SQUARE}"
SPACE = 0.07  # inches between words
PADDING = 0.04  # inches on each side of a word
MEASURING_DPI = 100


@dataclass(frozen=True)
class PlacedText:
    """A word in its place.

    Args:
        text (`str`): what to draw, shortened where a line cannot hold it.
        line (`int`): counted from the top.
        x, width (`float`): left edge and width in inches, padding included.
    """

    text: str
    line: int
    x: float
    width: float


def lay_out(words: Sequence[str], width: float, size: float) -> list[PlacedText]:
    """Puts words into lines.

    Args:
        words (`list[str]`): in order.
        width (`float`): of a line in inches.
        size (`float`): of the type in points.

    Returns:
        `list[PlacedText]`: one per word.
    """
    measure = _Measure(size)
    places: list[PlacedText] = []
    line, x = 0, 0.0
    for word in words:
        text = measure.shorten(drawable(word), width)
        word_width = measure(text)
        if x and x + word_width > width:
            line, x = line + 1, 0.0
        places.append(PlacedText(text, line, x, word_width))
        x += word_width + SPACE
    return places


def drawable(text: str) -> str:
    """The text with a square for each character that no installed font has."""
    known = _characters()
    return "".join(c if ord(c) in known else MISSING for c in text if not _is_invisible(c))


def text_font(size: float) -> FontProperties:
    """Properties of a font that falls back to others, script by script."""
    return FontProperties(family=_installed(), size=size)  # type: ignore[arg-type]


class _Measure:
    """Widths of texts in inches."""

    def __init__(self, size: float):
        self.renderer = RendererAgg(1, 1, MEASURING_DPI)
        self.font = text_font(size)

    def __call__(self, text: str) -> float:
        pixels = self.renderer.get_text_width_height_descent(text, self.font, ismath=False)[0]
        return pixels / MEASURING_DPI + 2 * PADDING

    def shorten(self, text: str, width: float) -> str:
        """The text, or what of its beginning fits into `width` with an ellipsis."""
        if self(text) <= width:
            return text
        kept = bisect.bisect_right(range(len(text)), width, key=lambda end: self(text[:end] + "…")) - 1
        return text[: max(kept, 0)] + "…"


def _is_invisible(character: str) -> bool:
    """Joiners and variation selectors: without the font's help they would be squares of their own."""
    return character in "\u200b\u200c\u200d\ufe0e\ufe0f"


@functools.cache
def _installed() -> list[str]:
    names = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in FONTS if name in names]


@functools.cache
def _characters() -> frozenset[int]:
    """Code points that some of the installed fonts have."""
    codes: set[int] = set()
    for name in _installed():
        font = font_manager.get_font(font_manager.findfont(FontProperties(family=name)))  # type: ignore[arg-type]
        codes |= set(font.get_charmap())
    return frozenset(codes)
