"""A recording's timeline as a picture: how the predicted emotion changes over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from configuration_emo.plot_style import DASHED, FAINT, GREY, INK, VERMILION, new_figure, save, set_title, text_on
from configuration_emo.problem_types import get_problem_type

from .speaker_lanes import plot_lanes_of_classes, plot_lanes_of_scores
from .timeline_parts import (
    COLOURS,
    GAP_SECONDS,
    MAX_ROWS,
    NAMED_SHARE,
    SHADE,
    Timeline,
    beside,
    by_name,
    extent,
    means_by_duration,
    name_row,
    read_timeline,
    steps,
    time_axis,
)


def plot_timeline(
    result: Mapping[str, Any],
    path: str | Path,
    *,
    problem_type: str = "single_label_classification",
    score_range: Sequence[float] | None = None,
    title: str = "Emotion over time",
    duration: float | None = None,
) -> Path:
    """Each label's score over the time of a recording, a step per segment.

    Of classes every label has a row, as high as its probability (the shaded height is 1) and in full colour where it
    is the most probable one; the lowest row names the most probable label. Of more than eight labels the ones with the
    highest means have rows. Of scores (`regression`) all are drawn on one scale, with their mean over the recording.
    Time between segments, and silence, which has no predictions, are left empty.

    Where speakers are known each has a lane: of classes bars as high as the most probable label's probability, in its
    colour; of scores the same lines as above. What is said at the same time stands one below the other.

    Args:
        result (`dict`): what [`EmotionRecognitionPipeline`] returns with `chunk_length_s` or `words`: `chunks`, each
            with `timestamp` `(start, end)` in seconds and `predictions`.
        path (`str` or `Path`): the picture to write.
        problem_type (`str`): the model's, `model.config.problem_type`.
        score_range (`(lowest, highest)`, *optional*): for regression the scale, `model.config.label_range`; by
            default what the scores span.
        title (`str`): above the plot.
        duration (`float`, *optional*): of the recording in seconds. The picture begins at 0 and ends there, or, if
            it is left out, where the last chunk ends.

    Returns:
        `Path`: of the written picture.

    Raises:
        ValueError: there are no chunks, they have no times, or not all have the same labels (a call with `top_k`).

    Example:

    ```python
    >>> from transformers import pipeline
    >>> import modeling_emo, preprocess

    >>> recognise = pipeline("emotion-recognition", model="outputs/demo")  # doctest: +SKIP
    >>> result = recognise("hour.mp3", chunk_length_s=10)  # doctest: +SKIP
    >>> config = recognise.model.config  # doctest: +SKIP
    >>> plot_timeline(  # doctest: +SKIP
    ...     result, "hour.png", problem_type=config.problem_type, score_range=config.label_range
    ... )

    ```
    """
    timeline = read_timeline(result, duration)
    has_classes = get_problem_type(problem_type).has_classes
    if timeline.speakers is not None and has_classes:
        return plot_lanes_of_classes(by_name(timeline), Path(path), title)
    if timeline.speakers is not None:
        return plot_lanes_of_scores(timeline, Path(path), score_range, title)
    if not has_classes:
        return _plot_scores(timeline, Path(path), score_range, title)
    return _plot_probabilities(by_name(timeline), Path(path), title)


def _plot_probabilities(timeline: Timeline, path: Path, title: str) -> Path:
    means = means_by_duration(timeline)
    drawn = sorted(np.argsort(-means, kind="stable")[:MAX_ROWS].tolist())
    colours = dict(zip(drawn, COLOURS, strict=False))
    winners = timeline.scores.argmax(axis=1)
    figure, panels = new_figure(9.0, 1.5 + 0.46 * len(drawn), heights=(*(1.0,) * len(drawn), 0.55))
    figure.get_layout_engine().set(h_pad=0.03, hspace=0, rect=(0, 0.02, 1, 0.95))  # type: ignore[union-attr, call-arg]
    for axes, index in zip(panels, drawn, strict=False):
        times, values = steps(timeline.starts, timeline.ends, timeline.scores[:, index])
        wins = np.repeat(winners == index, 3)
        axes.set_facecolor(SHADE)
        axes.fill_between(times, values, color=colours[index], alpha=0.28, linewidth=0)
        axes.fill_between(times, values, where=wins.tolist(), color=colours[index], linewidth=0)
        axes.plot(times, values, color=colours[index], linewidth=0.9, gid=f"series_{index}")
        axes.set_ylim(0, 1)
        axes.tick_params(axis="x", length=0)
        name_row(axes, timeline.labels[index], INK)
        beside(axes, 0.5, f"{means[index]:.0%}")
    beside(panels[0], 1.25, "mean")
    _draw_winners(panels[-1], timeline, winners, colours)
    time_axis(panels[-1], timeline)
    best = int(np.argmax(means))
    left_out = len(timeline.labels) - len(drawn)
    note = f"   ({left_out} less probable labels are not drawn)" if left_out else ""
    highest = f"highest mean probability: {timeline.labels[best]}, {means[best]:.0%}"
    set_title(panels[0], title, f"{extent(timeline)}   {highest}{note}")
    return save(figure, path)


def _draw_winners(axes: Axes, timeline: Timeline, winners: np.ndarray, colours: Mapping[int, str]) -> None:
    """A strip in the colour of the most probable label, named where there is room."""
    for begin, end in _runs(timeline, winners):
        start, width = timeline.starts[begin], timeline.ends[end - 1] - timeline.starts[begin]
        index = int(winners[begin])
        colour = colours.get(index, GREY)
        axes.barh(0, width, left=start, height=1, color=colour, linewidth=0, gid=f"top_{index}")
        if width >= NAMED_SHARE * timeline.end:
            label = timeline.labels[index]
            axes.text(
                start + width / 2, 0, label, ha="center", va="center", color=text_on(colour), fontsize=8, clip_on=True
            )
    axes.set_ylim(-0.5, 0.5)
    name_row(axes, "most probable", GREY)


def _plot_scores(timeline: Timeline, path: Path, score_range: Sequence[float] | None, title: str) -> Path:
    labels, starts, ends, scores = timeline[:4]
    means = means_by_duration(timeline)
    everything = np.concatenate([scores.ravel(), [] if score_range is None else score_range])
    low, high = float(everything.min()), float(everything.max())
    margin = 0.05 * (high - low) or 1.0
    is_single = len(labels) == 1
    figure, (axes,) = new_figure(9.0, 3.4)
    if low < 0 < high:
        axes.axhline(0, color=GREY, linewidth=0.8)
    for index, label in enumerate(labels):
        colour = COLOURS[index] if index < len(COLOURS) else GREY
        times, values = steps(starts, ends, scores[:, index])
        if is_single:
            base = 0.0 if low <= 0 <= high else low
            axes.fill_between(times, values, base, color=colour, alpha=0.22, linewidth=0)
        axes.plot(times, values, color=colour, linewidth=1.6, label=label, gid=f"series_{index}")
        axes.axhline(means[index], color=VERMILION if is_single else colour, linewidth=1, linestyle=DASHED)
    axes.set_ylim(low - margin, high + margin)
    axes.set_ylabel(labels[0] if is_single else "score")
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    time_axis(axes, timeline)
    numbers = ", ".join(f"{label} {mean:.2f}" for label, mean in zip(labels, means, strict=True))
    set_title(axes, title, f"{extent(timeline)}   mean (dashed): {numbers}")
    if not is_single:
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=9, labelcolor=INK)
    return save(figure, path)


def _runs(timeline: Timeline, winners: np.ndarray) -> list[tuple[int, int]]:
    """Stretches `[begin, end)` of segments with one winner and no gap."""
    changes = np.flatnonzero((np.diff(winners) != 0) | (timeline.starts[1:] - timeline.ends[:-1] > GAP_SECONDS))
    bounds = [0, *(changes + 1).tolist(), len(winners)]
    return list(zip(bounds[:-1], bounds[1:], strict=True))
