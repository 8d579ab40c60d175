"""The picture of an explanation: the recording with the moments that mattered, and the text with its words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from configuration_emo.plot_style import DASHED, FAINT, GREY, INK, PURPLE, save, set_title

from ..explanation.explain import Explanation, SpanExplanation, WordExplanation
from .text_layout import PlacedText, drawable, lay_out, text_font


# Against the label, nothing, for the label: told apart with any colour vision, and dark text is readable on all.
AGAINST_TO_FOR = LinearSegmentedColormap.from_list("against_to_for", ["#5AA2D6", "#FFFFFF", "#F08A4B"])
# Inches: the panels' width and the space around it, a line of words, and the panels' heights with what is below each.
PANEL_WIDTH, LEFT, RIGHT, TITLE = 8.3, 0.45, 0.25, 0.72
LINE_HEIGHT = 0.4
WAVE_HEIGHT, ATTENTION_HEIGHT, LEGEND_HEIGHT = 1.7, 0.75, 0.35
TIME_AXIS, GAP = 0.6, 0.12
WORD_SIZE = 11  # points
# Contributions of the strongest colour: 2 takes even odds to 88 %; of scores a quarter of the range.
LOG_ODDS_SCALE, RANGE_SHARE = 2.0, 0.25
WAVEFORM_COLUMNS = 1250  # of the waveform, about one per pixel


def plot_explanation(
    explanation: Explanation, path: str | Path, *, title: str | None = None, scale: float | None = None
) -> Path:
    """Draws an explanation.

    The recording's spans and the text's words are coloured by their contribution, from blue (against the label, or
    lowering the score) over white to orange (for it), on one fixed scale, so that pictures compare: pale everywhere is
    little everywhere. Under the recording, where the text's co-attention
    looks; under each word, a bar for the voice's.

    Args:
        explanation ([`Explanation`]): of [`explain_prediction`].
        path (`str` or `Path`): the picture to write (PNG, or whatever the ending says).
        title (`str`, *optional*): in the place of the label and its score.
        scale (`float`, *optional*): the contribution of the strongest colour; what is beyond it has that colour. By
            default 2 for log-odds, a quarter of the model's range for scores, and the strongest contribution where
            a model of scores states no range.

    Returns:
        `Path`: of the written picture.

    Raises:
        ValueError: the scale is not positive.

    Example:
        >>> plot_explanation(explanation, "outputs/explanation.png")  # doctest: +SKIP
    """
    places = lay_out([word.text for word in explanation.words], PANEL_WIDTH, WORD_SIZE)
    num_lines = 1 + max((place.line for place in places), default=-1)
    has_attention = any(span.attention is not None for span in explanation.spans)
    # Each panel's height and the space below it.
    heights: dict[str, tuple[float, float]] = {}
    if explanation.spans:
        heights["voice"] = (WAVE_HEIGHT, GAP if has_attention else TIME_AXIS)
    if has_attention:
        heights["attention"] = (ATTENTION_HEIGHT, TIME_AXIS)
    if explanation.words:
        heights["words"] = (num_lines * LINE_HEIGHT, GAP)
    heights["legend"] = (LEGEND_HEIGHT, GAP)

    figure, panels = _panels(heights)
    limit = _scale(explanation) if scale is None else scale
    if not limit > 0:
        raise ValueError(f"scale must be positive, got {scale}.")
    set_title(next(iter(panels.values())), *_titles(explanation, title))
    if "voice" in panels:
        _draw_recording(panels["voice"], explanation, limit)
    if "attention" in panels:
        _draw_attention(panels["attention"], explanation.spans)
    if "words" in panels:
        _draw_words(panels["words"], explanation.words, places, limit)
    _draw_legend(figure, panels["legend"], explanation, limit)
    return save(figure, path)


def _panels(heights: dict[str, tuple[float, float]]) -> tuple[Figure, dict[str, Axes]]:
    """The panels from top to bottom, placed by the inch; those with a time axis share it."""
    width, height = LEFT + PANEL_WIDTH + RIGHT, TITLE + sum(map(sum, heights.values()))
    figure = Figure(figsize=(width, height))
    panels: dict[str, Axes] = {}
    bottom = height - TITLE
    for name, (panel_height, below) in heights.items():
        bottom -= panel_height
        axes = figure.add_axes((LEFT / width, bottom / height, PANEL_WIDTH / width, panel_height / height))
        bottom -= below
        if name in ("words", "legend"):
            axes.set(xlim=(0, PANEL_WIDTH), ylim=(panel_height, 0))  # inches, from the top left
            axes.set_axis_off()
        else:
            axes.spines[["top", "right", "left"]].set_visible(False)
            axes.spines["bottom"].set_color(GREY)
            axes.tick_params(colors=INK, labelsize=9, color=GREY, labelbottom=below == TIME_AXIS)
            axes.set_ylabel(name, color=INK, fontsize=10)
            axes.set_xlabel("seconds" if below == TIME_AXIS else "", color=INK, fontsize=10)
        panels[name] = axes
    return figure, panels


def _titles(explanation: Explanation, title: str | None) -> tuple[str, str]:
    label = drawable(explanation.label)
    if explanation.unit == "score":
        return title or f"{label} {explanation.score:+.2f}", _parts(explanation)
    return title or f"{label} {explanation.score:.0%}", f"log-odds {explanation.value:+.2f}   " + _parts(explanation)


def _parts(explanation: Explanation) -> str:
    parts = []
    if explanation.duration_s is not None:
        parts.append(f"{explanation.duration_s:.1f} s of speech")
    if explanation.words:
        parts.append(f"{len(explanation.words)} word{'s' if len(explanation.words) > 1 else ''}")
    return ", ".join(parts)


def _scale(explanation: Explanation) -> float:
    """The contribution of the strongest colour, for words and spans: they have the same unit."""
    if explanation.unit == "log-odds":
        return LOG_ODDS_SCALE
    if explanation.score_range is not None:
        return (explanation.score_range[1] - explanation.score_range[0]) * RANGE_SHARE
    return _strongest(explanation) or 1.0


def _strongest(explanation: Explanation) -> float:
    units: list[WordExplanation | SpanExplanation] = [*explanation.words, *explanation.spans]
    return max((abs(unit.attribution) for unit in units), default=0.0)


def _colour(unit: WordExplanation | SpanExplanation, limit: float) -> tuple[float, ...]:
    return AGAINST_TO_FOR(0.5 + 0.5 * min(max(unit.attribution / limit, -1.0), 1.0))


def _draw_recording(axes: Axes, explanation: Explanation, limit: float) -> None:
    for span in explanation.spans:
        axes.axvspan(span.start_s, span.end_s, color=_colour(span, limit), linewidth=0)
    duration = explanation.spans[-1].end_s
    if explanation.waveform is not None and explanation.waveform.size:
        low, high = _envelope(explanation.waveform)
        seconds = (np.arange(len(low)) + 0.5) * duration / len(low)
        axes.fill_between(seconds, low, high, color=INK, linewidth=0.3, alpha=0.85)
    axes.set(xlim=(0, duration), ylim=(-1.1, 1.1), yticks=[])


def _envelope(waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest value of about as many pieces as the picture has columns, the largest at 1."""
    pieces = np.array_split(waveform, min(WAVEFORM_COLUMNS, max(1, len(waveform) // 2)))
    low = np.array([piece.min() for piece in pieces])
    high = np.array([piece.max() for piece in pieces])
    peak = max(float(np.abs(low).max()), float(np.abs(high).max())) or 1.0
    return low / peak, high / peak


def _draw_attention(axes: Axes, spans: Sequence[SpanExplanation]) -> None:
    """The density of the text's attention over time: an even look is 1 everywhere."""
    edges = np.array([spans[0].start_s, *(span.end_s for span in spans)])
    widths = np.diff(edges)
    density = np.array([span.attention for span in spans]) * edges[-1] / widths
    axes.stairs(density, edges, fill=True, color=PURPLE, alpha=0.35)
    axes.stairs(density, edges, color=PURPLE, linewidth=1.2)
    axes.axhline(1, color=GREY, linewidth=0.8, linestyle=DASHED)
    axes.set(xlim=(0, edges[-1]), ylim=(0, max(float(density.max()) * 1.1, 1.2)), yticks=[])


def _draw_words(axes: Axes, words: Sequence[WordExplanation], places: Sequence[PlacedText], limit: float) -> None:
    """The text, wrapped, in inches."""
    most_attention = max((word.attention or 0.0 for word in words), default=0.0) or 1.0
    for word, place in zip(words, places, strict=True):
        top = place.line * LINE_HEIGHT
        axes.add_patch(
            FancyBboxPatch(
                (place.x, top + 0.05),
                place.width,
                0.23,
                boxstyle="round,pad=0,rounding_size=0.04",
                facecolor=_colour(word, limit),
                edgecolor=FAINT,
                linewidth=0.5,
                clip_on=False,
            )
        )
        axes.text(
            place.x + place.width / 2,
            top + 0.165,
            place.text,
            font=text_font(WORD_SIZE),
            color=INK,
            ha="center",
            va="center_baseline",
            parse_math=False,
        )
        if word.attention is not None:
            length = place.width * word.attention / most_attention
            axes.add_patch(Rectangle((place.x, top + 0.305), length, 0.035, color=PURPLE, linewidth=0, clip_on=False))


def _draw_legend(figure: Figure, axes: Axes, explanation: Explanation, limit: float) -> None:
    """The colour bar with what its ends are worth, and what is purple."""
    strip = axes.inset_axes((1.0, 0.2, 1.5, 0.12), transform=axes.transData)
    bar = figure.colorbar(ScalarMappable(Normalize(-1, 1), AGAINST_TO_FOR), cax=strip, orientation="horizontal")
    bar.set_ticks([])
    bar.outline.set(edgecolor=GREY, linewidth=0.5)  # type: ignore[operator]
    ends = ("lowers", "raises") if explanation.unit == "score" else ("against", "for")
    for x, text, side in ((0.93, f"{ends[0]} {limit:.2g}", "right"), (2.57, f"{ends[1]} {limit:.2g}", "left")):
        axes.text(x, 0.26, text, ha=side, va="center", fontsize=9, color=INK)
    note = f"contribution to the {explanation.unit}, at most {_strongest(explanation):.2g}"
    if explanation.co_attention is not None:
        note += "; purple: co-attention"
    axes.text(PANEL_WIDTH, 0.26, note, ha="right", va="center", fontsize=9, color=GREY)
