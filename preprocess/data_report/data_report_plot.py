"""How long the recordings and the transcripts of each split are, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure


_BINS = 40
_AXES = {"seconds": "length of the recording (s)", "words": "length of the transcript (words)"}

_ARROW: dict[str, Any] = {"ha": "right", "fontsize": 9, "arrowprops": {"arrowstyle": "->", "color": "0.4"}}

# One far outlier would squeeze all the others into one bar; longer ones are counted in the last bar.
_PERCENTILE = 99.5


def save_length_plot(lengths: Mapping[str, Mapping[str, Sequence[float]]], path: str | Path) -> None:
    """Draws one histogram for recordings and one for transcripts, each split as its share of utterances.

    Args:
        lengths (`Mapping`): by split, `seconds` and `words` of all utterances whose length is known.
        path (`str` or `Path`): the picture to write, in the format that its suffix says.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, (name, label) in zip(figure.subplots(1, len(_AXES)), _AXES.items(), strict=True):
        _draw(axes, {split: values[name] for split, values in lengths.items() if values[name]}, whole=name == "words")
        axes.set_xlabel(label)
    figure.savefig(path, dpi=120)


def _draw(axes: Axes, values: Mapping[str, Sequence[float]], *, whole: bool) -> None:
    if not values:
        axes.text(0.5, 0.5, "none known", color="0.4", ha="center", va="center", transform=axes.transAxes)
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
        axes.stairs(shares, edges, linewidth=1.5, label=f"{split} ({len(lengths)}, median {np.median(lengths):.3g})")
    axes.set_ylabel("share of the split (%)")
    if everything.max() > edges[-1]:
        axes.annotate("longer ones", (1, 0.16), (1, 0.3), xycoords="axes fraction", color="0.4", **_ARROW)
    axes.set_xlim(edges[0], edges[-1] + 0.02 * (edges[-1] - edges[0]))  # the last bar's outline stays visible
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
