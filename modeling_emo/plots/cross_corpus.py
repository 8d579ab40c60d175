"""One metric of every pair of training and test corpora, as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.patches import Rectangle

from configuration_emo.plot_style import GREY, INK, VERMILION, new_figure, save, set_title


def plot_cross_corpus(
    values: Mapping[tuple[str, str], float],
    path: str | Path,
    *,
    metric: str,
    sizes: Mapping[str, int],
    chance: float | None = None,
) -> Path:
    """What was trained on (rows) against what was tested (columns); pairs within a corpus have a frame.

    Args:
        values (`dict[(str, str), float]`): the metric, from 0 to 1, by the corpora trained on (joined by `+`) and the
            corpus tested; NaN and pairs that are not there stay empty.
        path (`str` or `Path`): the picture to write.
        metric (`str`): the metric's name.
        sizes (`dict[str, int]`): tested utterances by corpus.
        chance (`float`, *optional*): the metric of guessing.

    Returns:
        `Path`: of the written picture.

    Raises:
        ValueError: there is no value to draw.
    """
    if not values:
        raise ValueError(f"There are no values to draw in {path}.")
    trained, tested = ([*dict.fromkeys(names)] for names in zip(*values, strict=True))
    tested.sort(key=lambda name: trained.index(name) if name in trained else len(trained))  # a diagonal
    table = np.array([[values.get((row, column), np.nan) for column in tested] for row in trained], dtype=float)
    widest = max(map(len, trained))
    figure, (axes,) = new_figure(3.0 + 0.09 * widest + 1.25 * len(tested), 1.9 + 0.75 * len(trained))
    image = axes.imshow(np.ma.masked_invalid(table), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        text = "-" if np.isnan(value) else f"{value:.3f}"
        colour = GREY if np.isnan(value) else "white" if value > 0.6 else INK
        axes.text(column, row, text, ha="center", va="center", fontsize=11, color=colour)
        if tested[column] in trained[row].split("+"):
            frame = Rectangle((column - 0.47, row - 0.46), 0.94, 0.92, fill=False, edgecolor=VERMILION, linewidth=1.5)
            axes.add_patch(frame)
    axes.set_xticks(range(len(tested)), [f"{name}\n({sizes[name]:,})" for name in tested])
    axes.set_yticks(range(len(trained)), trained)
    axes.set_xlabel("tested on (utterances)")
    axes.set_ylabel("trained on")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, label=metric)
    bar.outline.set_visible(False)  # type: ignore[operator]
    guessed = "" if chance is None else f"; guessing: {chance:.3f}"
    set_title(axes, f"{metric} across corpora", f"framed: within a corpus, unknown speakers{guessed}")
    return save(figure, path)
