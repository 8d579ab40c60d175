"""One metric of a cross-validation by fold, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from configuration_emo.plot_style import (
    BLUE,
    DASHED,
    DOTTED,
    FAINT,
    GREY,
    ORANGE,
    SKY,
    VERMILION,
    legend,
    new_figure,
    save,
    set_title,
)


def plot_metric_per_fold(
    values: Mapping[str, Mapping[str, Sequence[float]]],
    path: str | Path,
    *,
    metric: str,
    fold_sizes: Mapping[str, int],
    chance: float | None = None,
    title: str | None = None,
) -> Path:
    """A row per fold, a mark per seed, a colour per condition, and each condition's mean over the folds as a line.

    Args:
        values (`dict[str, dict[str, list[float]]]`): by condition and fold, one per seed; NaN is not drawn.
        path (`str` or `Path`): the picture to write.
        metric (`str`): the metric's name, for the axis.
        fold_sizes (`dict[str, int]`): tested utterances by fold.
        chance (`float`, *optional*): what guessing reaches; drawn as a line.
        title (`str`, *optional*): above the plot.

    Returns:
        `Path`: of the written picture.

    Raises:
        ValueError: there is no value to draw.
    """
    by_condition = {name: folds for name, folds in values.items() if folds}
    if not by_condition:
        raise ValueError(f"There are no values to draw in {path}.")
    folds = list(next(iter(by_condition.values())))
    figure, (axes,) = new_figure(7.2, 1.7 + 0.42 * len(folds))
    colours = (BLUE, ORANGE, VERMILION, SKY)
    offsets = np.linspace(-0.2, 0.2, len(by_condition)) if len(by_condition) > 1 else [0.0]
    means = []
    for index, (name, by_fold) in enumerate(by_condition.items()):
        colour = colours[index % len(colours)]
        points = [
            (value, row + offsets[index])
            for row, fold in enumerate(folds)
            for value in by_fold[fold]
            if np.isfinite(value)
        ]
        if not points:
            continue
        average = float(np.mean([np.nanmean(by_fold[fold]) for fold in folds if np.isfinite(by_fold[fold]).any()]))
        means.append(f"{name} {average:.3f}")
        axes.axvline(average, color=colour, linewidth=1.2, linestyle=DASHED, zorder=1)
        axes.plot(*zip(*points, strict=True), "o", color=colour, markersize=6, alpha=0.8, label=name, zorder=2)
    if chance is not None:
        axes.axvline(chance, color=GREY, linewidth=1, linestyle=DOTTED, label="chance", zorder=1)
    axes.set_yticks(range(len(folds)), [f"{fold} ({fold_sizes[fold]:,})" for fold in folds])
    axes.set_ylim(len(folds) - 0.5, -0.5)
    axes.set_xlabel(metric)
    axes.set_ylabel("fold (utterances)", color=GREY)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    set_title(axes, title or f"{metric} by fold", f"mean over folds (dashed): {', '.join(means)}")
    if len(by_condition) > 1 or chance is not None:
        legend(axes)
    return save(figure, path)
