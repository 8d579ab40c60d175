"""How long the recordings and the transcripts of each split are, and what they are labelled with, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from configuration_emo.plot_style import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    VERMILION,
    legend,
    new_figure,
    save,
    shortened,
)


_BINS = 40
_AXES = {"seconds": "length of the recording (s)", "words": "length of the transcript (words)"}
_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE)
_MAX_LABELS = 15

_ARROW: dict[str, Any] = {"ha": "right", "fontsize": 9, "arrowprops": {"arrowstyle": "->", "color": GREY}}

# One far outlier would squeeze all the others into one bar; longer ones are counted in the last bar.
_PERCENTILE = 99.5


def save_length_plot(
    lengths: Mapping[str, Mapping[str, Sequence[float]]],
    path: str | Path,
    labels: Mapping[str, Mapping[str, int]] | None = None,
) -> None:
    """Draws one histogram for recordings and one for transcripts, each split as its share of utterances, and how many
    utterances of each label there are.

    Args:
        lengths (`Mapping`): by split, `seconds` and `words` of all utterances whose length is known.
        path (`str` or `Path`): the picture to write, in the format that its suffix says.
        labels (`Mapping`, *optional*): by split, counts by label; left out for scores.
    """
    counts = {split: told for split, told in (labels or {}).items() if told}
    names = list(dict.fromkeys(name for told in counts.values() for name in told))
    height = 3.8 if not names else max(3.8, 1.4 + min(len(names), _MAX_LABELS) * (0.1 + 0.08 * len(counts)))
    figure, panels = new_figure(4.8 * (3 if names else 2), height, columns=3 if names else 2)
    colours = {split: _COLOURS[number % len(_COLOURS)] for number, split in enumerate(lengths)}
    for axes, (name, label) in zip(panels, _AXES.items(), strict=False):
        told = {split: values[name] for split, values in lengths.items() if values[name]}
        _draw(axes, told, colours, whole=name == "words")
        axes.set_xlabel(label)
    if names:
        _draw_labels(panels[2], counts, names, colours)
    save(figure, path)


def _draw(axes: Axes, values: Mapping[str, Sequence[float]], colours: Mapping[str, str], *, whole: bool) -> None:
    if not values:
        axes.text(0.5, 0.5, "none known", color=GREY, ha="center", va="center", transform=axes.transAxes)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        return
    everything = np.concatenate([np.asarray(lengths) for lengths in values.values()])
    end = max(float(np.percentile(everything, _PERCENTILE)), 1e-3)
    if whole:  # bars as wide as a whole number of words, so that none is empty by rounding
        step = max(1, int(np.ceil(end / _BINS)))
        edges = np.arange(0, end + 2 * step, step) - 0.5
    else:
        edges = np.linspace(0, end, _BINS + 1)
    for split, lengths in values.items():
        clipped = np.minimum(lengths, edges[-1])
        shares = np.histogram(clipped, edges)[0] * (100 / len(lengths))
        label = f"{split} ({len(lengths)}, median {np.median(lengths):.3g})"
        axes.stairs(shares, edges, linewidth=1.5, label=label, color=colours[split])
    axes.set_ylabel("share of the split (%)")
    if everything.max() > edges[-1]:
        axes.annotate("longer ones", (1, 0.16), (1, 0.3), xycoords="axes fraction", color=GREY, **_ARROW)
    axes.set_xlim(edges[0], edges[-1] + 0.02 * (edges[-1] - edges[0]))  # the last bar's outline stays visible
    axes.set_ylim(0, axes.get_ylim()[1] * (1 + 0.09 * len(values)))  # the legend stands above the curves
    legend(axes)


def _draw_labels(
    axes: Axes, counts: Mapping[str, Mapping[str, int]], names: Sequence[str], colours: Mapping[str, str]
) -> None:
    """A bar for each label and split, the most frequent label first; the count stands behind it."""
    totals = {name: sum(told.get(name, 0) for told in counts.values()) for name in names}
    shown = sorted(names, key=lambda name: -totals[name])[:_MAX_LABELS]
    height = 0.8 / len(counts)
    for number, (split, told) in enumerate(counts.items()):
        values = [told.get(name, 0) for name in shown]
        places = np.arange(len(shown)) + (number - (len(counts) - 1) / 2) * height
        bars = axes.barh(places, values, height * 0.9, color=colours.get(split, GREY), label=split)
        axes.bar_label(bars, fmt="{:,.0f}", fontsize=7, padding=2)
    axes.set_yticks(range(len(shown)), [shortened(name) for name in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    more = f" ({len(shown)} of {len(names)})" if len(names) > len(shown) else ""
    axes.set_xlabel(f"utterances of each label{more}")
    axes.set_xlim(0, max(1, *(max(told.values()) for told in counts.values())) * 1.12)
    axes.grid(axis="x", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
