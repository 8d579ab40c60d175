"""Plots of a training run and of an evaluation, as PNG files (or whatever the path's ending says).

Each function draws one picture and returns its path; see `style` for colours and type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike

from configuration_emo.plot_style import (
    BLUE,
    DASHED,
    DOTTED,
    FAINT,
    GREY,
    INK,
    ORANGE,
    SKY,
    VERMILION,
    legend,
    new_figure,
    save,
    set_title,
    shortened,
)

from ..metrics.calibration import calibration_bins, expected_calibration_error
from ..metrics.confusion import confusion_matrix
from ..metrics.task_metrics import pearson_correlation
from ..metrics.values import Floats, check_lengths, finite_pair, mean


# Of more classes the cells of a confusion matrix are small.
MANY_CLASSES = 14


def plot_predicted_against_rated(
    predictions: ArrayLike,
    ratings: ArrayLike,
    path: str | Path,
    *,
    score_range: Sequence[float] | None = None,
    score_name: str = "sentiment score",
    title: str = "Predicted against rated",
) -> Path:
    """Each utterance's predicted score over its human rating, with the line of perfect prediction.

    Args:
        predictions (`array` of shape `(utterances,)` or `(utterances, 1)`): predicted scores.
        ratings (`array` of the same length): human ratings.
        path (`str` or `Path`): the picture to write.
        score_range (`(lowest, highest)`, *optional*): the corpus's scale; by default what the ratings span.
        score_name (`str`): what is scored, for the axes.
        title (`str`): above the plot.

    Returns:
        `Path`: of the written picture.

    Raises:
        ValueError: lengths differ, a rating is not finite, or there is nothing to draw. Predictions that are not
            finite are left out, and counted above the plot.
    """
    (predicted, rated), left_out = _without_undefined(np.ravel(predictions), np.ravel(ratings))
    if predicted.size + left_out == 0:
        raise ValueError(f"There are no predictions to draw in {path}.")
    everything = np.concatenate([predicted, rated, [] if score_range is None else score_range])
    low, high = (everything.min(), everything.max()) if everything.size else (0.0, 0.0)
    margin = 0.04 * (high - low) or 1.0
    limits = (low - margin, high + margin)

    figure, (axes,) = new_figure(5.4, 5.4)
    axes.plot(limits, limits, color=GREY, linewidth=1, linestyle=DASHED, zorder=1, label="predicted = rated")
    if rated.size:
        average = float(rated.mean())
        axes.axhline(average, color=VERMILION, linewidth=1, linestyle=DOTTED, zorder=1, label="always the mean rating")
    # The more points, the smaller and fainter: dense regions still show as dense.
    count = max(predicted.size, 1)
    size, opacity = float(np.clip(4000 / count, 6, 30)), float(np.clip(250 / count, 0.25, 0.8))
    axes.scatter(rated, predicted, s=size, color=BLUE, alpha=opacity, linewidths=0, zorder=2)
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    axes.set_xlabel(f"rated {score_name}")
    axes.set_ylabel(f"predicted {score_name}")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=9, integer=True))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=9, integer=True))
    r, error = _number(pearson_correlation(predicted, rated)), _number(mean(np.abs(predicted - rated)))
    detail = f"n = {predicted.size:,}   Pearson r = {r}   mean absolute error = {error}"
    set_title(axes, title, detail + _note_of(left_out))
    legend(axes, loc="upper left")
    return save(figure, path)


def plot_learning_curves(
    log_history: Sequence[Mapping[str, Any]],
    path: str | Path,
    *,
    metric: str | None = None,
    greater_is_better: bool = True,
) -> Path:
    """Training and validation loss, and one validation metric, over the epochs.

    Args:
        log_history (`list[dict]`): `trainer.state.log_history`.
        path (`str` or `Path`): the picture to write.
        metric (`str`, *optional*): a logged validation metric (`"corr"` or `"eval_corr"`) for a second panel, whose
            best epoch is marked; left out where training ran without evaluation.
        greater_is_better (`bool`, defaults to `True`): whether the best is the highest.

    Returns:
        `Path`: of the written picture.

    Raises:
        ValueError: nothing was logged that could be drawn, or evaluations were, but not of this metric.
    """
    train, validation = _logged(log_history, "loss"), _logged(log_history, "eval_loss")
    if not train and not validation:
        raise ValueError("The log history has neither `loss` nor `eval_loss`: set logging_steps or eval_strategy.")
    if not any(key.startswith("eval_") for entry in log_history for key in entry):
        metric = None
    name = None if metric is None else metric if metric.startswith("eval_") else f"eval_{metric}"
    scores = [] if name is None else _logged(log_history, name)
    if name is not None and not scores:
        logged = sorted({key for entry in log_history for key in entry if key.startswith("eval_")})
        raise ValueError(f"{name!r} is not in the log history. Logged: {', '.join(logged)}.")

    # Of their own scales: in training there is dropout, and losses of single modalities are added.
    losses = [
        (points, what, colour)
        for points, what, colour in ((train, "training", BLUE), (validation, "validation", VERMILION))
        if points
    ]
    num_panels = len(losses) + (name is not None)
    last_epoch = max(epoch for epoch, _ in (*train, *validation, *scores))
    figure, panels = new_figure(1.2 + 4.2 * num_panels, 3.9, columns=num_panels)
    for axes, (points, what, colour) in zip(panels, losses, strict=False):
        _draw_line(axes, points, what, colour)
        axes.set_ylabel("loss")
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
        set_title(axes, f"{what.capitalize()} loss", _best(points, min) if points is validation else _last(points))
    if name is not None:
        axes = panels[-1]
        _draw_line(axes, scores, "validation", VERMILION)
        choose = max if greater_is_better else min
        epoch, value = choose(scores, key=lambda point: point[1])
        axes.plot([epoch], [value], marker="o", markersize=10, markerfacecolor="none", markeredgecolor=INK)
        axes.set_ylabel(name.removeprefix("eval_"))
        set_title(axes, f"Validation {name.removeprefix('eval_')}", _best(scores, choose))
    for axes in panels:
        axes.grid(axis="y", color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        axes.set_xlim(0, last_epoch * 1.03 or 1)
    return save(figure, path)


def plot_confusion_matrix(
    predictions: ArrayLike,
    labels: ArrayLike,
    label_names: Sequence[str],
    path: str | Path,
    *,
    title: str = "Confusion matrix",
) -> Path:
    """True emotions (rows) against predicted ones (columns): share of the row in colour, with the count below it.

    Args:
        predictions (`array` of shape `(utterances,)`): predicted class indices.
        labels (`array` of shape `(utterances,)`): true class indices.
        label_names (`Sequence[str]`): the classes, in the order of the indices.
        path (`str` or `Path`): the picture to write.
        title (`str`): above the plot.

    Returns:
        `Path`: of the written picture.

    Raises:
        ValueError: lengths differ, or an index lies outside the classes.
    """
    counts = confusion_matrix(predictions, labels, len(label_names))
    support = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, support, out=np.zeros(counts.shape), where=support > 0)

    # Of many classes only what is not 0 is written, and smaller.
    is_large = len(label_names) > MANY_CLASSES
    names = [shortened(name) for name in label_names]
    side = max(3.2, 2.4 + (0.42 if is_large else 0.72) * len(names))
    figure, (axes,) = new_figure(side + 2.2, side + 0.3)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        count = counts[row, column]
        if is_large and not count:
            continue
        colour = "white" if share > 0.6 else INK if count else GREY
        text = f"{share:.0%}" if support[row, 0] else "-"
        axes.text(column, row - 0.02, text, ha="center", va="bottom", fontsize=7 if is_large else 10, color=colour)
        size = 6 if is_large else 8
        axes.text(column, row + 0.08, f"{count:,}", ha="center", va="top", fontsize=size, color=colour)
    ticks = np.arange(len(names))
    axes.set_xticks(ticks, names)
    if is_large or max(map(len, names), default=0) > 9:
        for label in axes.get_xticklabels():
            label.set(rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, [f"{name} ({n:,})" for name, n in zip(names, support[:, 0], strict=True)])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xticks(ticks[1:] - 0.5, minor=True)
    axes.set_yticks(ticks[1:] - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)
    axes.set_xlabel("predicted emotion")
    axes.set_ylabel("true emotion (utterances)")
    correct = f"{np.trace(counts) / counts.sum():.1%}" if counts.sum() else "undefined"
    present = support[:, 0] > 0
    ua = f"{np.diag(shares)[present].mean():.1%}" if present.any() else "undefined"
    set_title(axes, title, f"n = {counts.sum():,}   accuracy (WA) = {correct}   mean recall (UA) = {ua}")
    # As high as the matrix and a fifth of an inch wide, however many classes there are.
    strip = axes.inset_axes((1 + 0.2 / side, 0, 0.2 / side, 1))
    bar = figure.colorbar(image, cax=strip, format=PercentFormatter(1, decimals=0))
    bar.set_label("share of the true emotion", color=INK)
    bar.outline.set_visible(False)  # type: ignore[operator]
    return save(figure, path)


def plot_reliability(
    confidences: ArrayLike,
    outcomes: ArrayLike,
    path: str | Path,
    *,
    num_bins: int = 10,
    title: str = "Reliability",
) -> Path:
    """How often a classifier is right when it states a probability (reliability diagram), and how often it states it.

    Args:
        confidences (`array` of shape `(decisions,)`): stated probabilities, see `confidences_and_outcomes`.
        outcomes (`array` of shape `(decisions,)`): 1 where it was so, else 0.
        path (`str` or `Path`): the picture to write.
        num_bins (`int`, defaults to 10): equally wide bins of probability.
        title (`str`): above the plot.

    Returns:
        `Path`: of the written picture.

    Raises:
        ValueError: lengths differ, a value lies outside [0, 1], or there is nothing to draw. Probabilities that are
            not finite are left out, and counted above the plot.
    """
    (stated, hits), left_out = _without_undefined(np.ravel(confidences), np.ravel(outcomes))
    edges, confidence, accuracy, counts = calibration_bins(stated, hits, num_bins=num_bins)
    if counts.sum() + left_out == 0:
        raise ValueError(f"There are no decisions to draw in {path}.")
    figure, (upper, lower) = new_figure(5.2, 6.0, heights=(3.4, 1))
    filled = counts > 0
    width = 1 / num_bins
    upper.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=DASHED, label="perfectly calibrated")
    upper.bar(edges[:-1][filled], accuracy[filled], width, align="edge", color=SKY, edgecolor="white")
    upper.vlines(
        confidence[filled],
        confidence[filled],
        accuracy[filled],
        color=VERMILION,
        linewidth=2,
        label="gap to the stated probability",
    )
    upper.plot(confidence[filled], accuracy[filled], "o", color=BLUE, markersize=5, clip_on=False, zorder=4)
    legend(upper, loc="upper left")
    upper.set(xlim=(0, 1), ylim=(0, 1.02))
    upper.set_ylabel("share that was so")
    error = _number(expected_calibration_error(stated, hits, num_bins=num_bins) if len(hits) else float("nan"))
    set_title(upper, title, f"n = {counts.sum():,}   expected calibration error = {error}" + _note_of(left_out))
    lower.bar(edges[:-1], counts / max(counts.sum(), 1), width, align="edge", color=FAINT, edgecolor="white")
    lower.set_ylabel("share of\ndecisions")
    lower.set_xlabel("stated probability")
    for axes in (upper, lower):
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return save(figure, path)


def plot_modality_comparison(
    values: Mapping[str, float],
    path: str | Path,
    *,
    metric: str,
    intervals: Mapping[str, tuple[float, float]] | None = None,
    chance: float | None = None,
    title: str = "What each modality contributes",
) -> Path:
    """One metric of one model with both modalities, text only and speech only, as bars with intervals.

    Args:
        values (`dict[str, float]`): the metric by condition, drawn from top to bottom.
        path (`str` or `Path`): the picture to write.
        metric (`str`): the metric's name, for the axis.
        intervals (`dict[str, tuple[float, float]]`, *optional*): confidence interval by condition.
        chance (`float`, *optional*): what guessing reaches; drawn as a line.
        title (`str`): above the plot.

    Returns:
        `Path`: of the written picture.

    Raises:
        ValueError: there is no value to draw.
    """
    if not values:
        raise ValueError(f"There are no values to draw in {path}.")
    intervals = {name: bounds for name, bounds in (intervals or {}).items() if np.isfinite(bounds).all()}
    names, heights = list(values), np.nan_to_num(list(values.values()))
    figure, (axes,) = new_figure(6.4, 1.5 + 0.62 * len(names))
    positions = np.arange(len(names))
    axes.barh(positions, heights, height=0.62, color=BLUE)
    bounds = [intervals.get(name, (height, height)) for name, height in zip(names, heights, strict=True)]
    ends = np.maximum(heights, [high for _, high in bounds])
    for position, name, (low, high), end in zip(positions, names, bounds, ends, strict=True):
        if name in intervals:
            axes.plot([low, high], [position, position], color=ORANGE, linewidth=2.2, solid_capstyle="butt")
            axes.plot([low, high], [position, position], "|", color=ORANGE, markersize=11, markeredgewidth=2.2)
        text = f"{values[name]:.3f}" if np.isfinite(values[name]) else "undefined"
        axes.annotate(text, (max(end, 0), position), xytext=(7, 0), textcoords="offset points", va="center")
    if chance is not None:
        axes.axvline(chance, color=GREY, linewidth=1, linestyle=DASHED)
        axes.text(chance, 1.02, "chance", transform=axes.get_xaxis_transform(), ha="center", color=GREY, fontsize=9)
    axes.set_yticks(positions, names)
    axes.invert_yaxis()
    axes.set_xlabel(f"{metric} (whiskers: confidence interval)" if intervals else metric)
    axes.set_xlim(min(0.0, *(low for low, _ in bounds)), max(0.0, *ends) * 1.15 or 1.0)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    set_title(axes, title, "" if chance is not None else None)
    return save(figure, path)


def _without_undefined(predictions: ArrayLike, truth: ArrayLike) -> tuple[tuple[Floats, Floats], int]:
    """The pairs whose prediction is finite, and how many are not: a model that diverged still gets its plots."""
    predicted, true = np.asarray(predictions, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    check_lengths(predicted, true)
    defined = np.isfinite(predicted)
    return finite_pair(predicted[defined], true[defined]), int((~defined).sum())


def _note_of(left_out: int) -> str:
    return f"   ({left_out:,} not finite, left out)" if left_out else ""


def _number(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "undefined"


def _logged(log_history: Sequence[Mapping[str, Any]], key: str) -> list[tuple[float, float]]:
    """(epoch, value) of every finite entry of one key."""
    points = [(float(entry["epoch"]), float(entry[key])) for entry in log_history if key in entry and "epoch" in entry]
    return [point for point in points if np.isfinite(point[1])]


def _draw_line(axes: Axes, points: Sequence[tuple[float, float]], label: str, colour: str) -> None:
    epochs, values = zip(*points, strict=True)
    marker = "o" if len(points) <= 40 else None
    axes.plot(epochs, values, color=colour, linewidth=1.8, marker=marker, markersize=4, label=label)


def _last(points: Sequence[tuple[float, float]]) -> str:
    return f"last: {points[-1][1]:.3f} at epoch {points[-1][0]:g}"


def _best(points: Sequence[tuple[float, float]], choose: Callable[..., tuple[float, float]]) -> str:
    epoch, value = choose(points, key=lambda point: point[1])
    return f"best validation: {value:.3f} at epoch {epoch:g}"
