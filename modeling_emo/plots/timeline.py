"""A recording's timeline as a picture: how the predicted emotion changes over time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MultipleLocator

from configuration_emo.problem_types import get_problem_type

from ..metrics.values import Floats
from .style import (
    BLUE,
    DASHED,
    FAINT,
    GREY,
    INK,
    ORANGE,
    SKY,
    VERMILION,
    new_figure,
    save,
    set_title,
)


# The rest of Okabe and Ito's colours that show on white, and Tol's wine as the eighth.
GREEN, PURPLE, WINE = "#009E73", "#CC79A7", "#882255"
SHADE = "#F5F5F5"
COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, WINE, INK)

TICK_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
MAX_TICKS = 9
# Longer silence between two segments than this is left empty.
GAP_SECONDS = 0.05
# Rows of a picture; of more labels the most probable ones are drawn.
MAX_ROWS = len(COLOURS)
# The narrowest stretch, as a share of the picture, that has room for its label.
NAMED_SHARE = 0.09


class Timeline(NamedTuple):
    """A timeline's numbers.

    Args:
        labels (`list[str]`): the names of the columns.
        starts, ends (`array` of shape `(segments,)`): in seconds, in order.
        scores (`array` of shape `(segments, labels)`): what was predicted.
    """

    labels: list[str]
    starts: Floats
    ends: Floats
    scores: Floats


def plot_timeline(
    result: Mapping[str, Any],
    path: str | Path,
    *,
    problem_type: str = "single_label_classification",
    score_range: Sequence[float] | None = None,
    title: str = "Emotion over time",
) -> Path:
    """Each label's score over the time of a recording, a step per segment.

    Of classes every label has a row, as high as its probability (the shaded height is 1) and in full colour where it
    is the most probable one; the lowest row names the most probable label. Of more than eight labels the ones with the
    highest means have rows. Of scores (`regression`) all are drawn on one scale, with their mean over the recording.
    Time between segments, and silence, which has no predictions, are left empty.

    Args:
        result (`dict`): what [`EmotionRecognitionPipeline`] returns with `chunk_length_s` or `words`: `chunks`, each
            with `timestamp` `(start, end)` in seconds and `predictions`.
        path (`str` or `Path`): the picture to write.
        problem_type (`str`): the model's, `model.config.problem_type`.
        score_range (`(lowest, highest)`, *optional*): for regression the scale, `model.config.label_range`; by
            default what the scores span.
        title (`str`): above the plot.

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
    timeline = read_timeline(result)
    if not get_problem_type(problem_type).has_classes:
        return _plot_scores(timeline, Path(path), score_range, title)
    return _plot_probabilities(_by_name(timeline), Path(path), title)


def read_timeline(result: Mapping[str, Any]) -> Timeline:
    """The numbers of a pipeline's result; see [`plot_timeline`] for what it takes and raises.

    Example:
        >>> chunk = {"timestamp": (0.0, 2.0), "predictions": [{"label": "sad", "score": 0.7}]}
        >>> read_timeline({"chunks": [chunk]}).scores
        array([[0.7]])
    """
    chunks = result.get("chunks") if isinstance(result, Mapping) else None
    if not chunks:
        raise ValueError(
            "The result has no `chunks` to draw: call the pipeline with chunk_length_s, or give `words` with times."
        )
    if all(chunk["predictions"] is None for chunk in chunks):
        raise ValueError("None of the chunks has predictions to draw: nothing can be heard in them.")
    numbered = [(index, chunk) for index, chunk in enumerate(chunks) if chunk["predictions"] is not None]
    rows = [{entry["label"]: entry["score"] for entry in chunk["predictions"]} for _, chunk in numbered]
    labels = list(rows[0])
    for (index, chunk), row in zip(numbered, rows, strict=True):
        if None in chunk["timestamp"]:
            raise ValueError(f"Chunk {index} has no times: a text without sound and times has no timeline.")
        if set(row) != set(labels):
            raise ValueError(
                f"Chunk {index} has the labels {', '.join(row)}, chunk {numbered[0][0]} {', '.join(rows[0])}: call "
                "the pipeline without top_k."
            )
    starts, ends = np.array([chunk["timestamp"] for _, chunk in numbered], dtype=np.float64).T
    return Timeline(labels, starts, ends, np.array([[row[label] for label in labels] for row in rows]))


def _plot_probabilities(timeline: Timeline, path: Path, title: str) -> Path:
    means = _means(timeline)
    drawn = sorted(np.argsort(-means, kind="stable")[:MAX_ROWS].tolist())
    colours = dict(zip(drawn, COLOURS, strict=False))
    winners = timeline.scores.argmax(axis=1)
    figure, panels = new_figure(9.0, 1.5 + 0.46 * len(drawn), heights=(*(1.0,) * len(drawn), 0.55))
    figure.get_layout_engine().set(h_pad=0.03, hspace=0, rect=(0, 0.02, 1, 0.95))  # type: ignore[union-attr, call-arg]
    for axes, index in zip(panels, drawn, strict=False):
        times, values = _steps(timeline.starts, timeline.ends, timeline.scores[:, index])
        wins = np.repeat(winners == index, 3)
        axes.set_facecolor(SHADE)
        axes.fill_between(times, values, color=colours[index], alpha=0.28, linewidth=0)
        axes.fill_between(times, values, where=wins.tolist(), color=colours[index], linewidth=0)
        axes.plot(times, values, color=colours[index], linewidth=0.9, gid=f"series_{index}")
        axes.set_ylim(0, 1)
        axes.tick_params(axis="x", length=0)
        _name_row(axes, timeline.labels[index], INK)
        _beside(axes, 0.5, f"{means[index]:.0%}")
    _beside(panels[0], 1.25, "mean")
    _draw_winners(panels[-1], timeline, winners, colours)
    _time_axis(panels[-1], timeline.starts[0], timeline.ends[-1])
    best = int(np.argmax(means))
    left_out = len(timeline.labels) - len(drawn)
    note = f"   ({left_out} less probable labels are not drawn)" if left_out else ""
    highest = f"highest mean probability: {timeline.labels[best]}, {means[best]:.0%}"
    set_title(panels[0], title, f"{_extent(timeline)}   {highest}{note}")
    return save(figure, path)


def _draw_winners(axes: Axes, timeline: Timeline, winners: np.ndarray, colours: Mapping[int, str]) -> None:
    """A strip in the colour of the most probable label, named where there is room."""
    span = timeline.ends[-1] - timeline.starts[0]
    for begin, end in _runs(timeline, winners):
        start, width = timeline.starts[begin], timeline.ends[end - 1] - timeline.starts[begin]
        index = int(winners[begin])
        colour = colours.get(index, GREY)
        axes.barh(0, width, left=start, height=1, color=colour, linewidth=0, gid=f"top_{index}")
        if width >= NAMED_SHARE * span:
            label = timeline.labels[index]
            axes.text(start + width / 2, 0, label, ha="center", va="center", color="white", fontsize=8, clip_on=True)
    axes.set_ylim(-0.5, 0.5)
    _name_row(axes, "most probable", GREY)


def _plot_scores(timeline: Timeline, path: Path, score_range: Sequence[float] | None, title: str) -> Path:
    labels, starts, ends, scores = timeline
    means = _means(timeline)
    everything = np.concatenate([scores.ravel(), [] if score_range is None else score_range])
    low, high = float(everything.min()), float(everything.max())
    margin = 0.05 * (high - low) or 1.0
    is_single = len(labels) == 1
    figure, (axes,) = new_figure(9.0, 3.4)
    if low < 0 < high:
        axes.axhline(0, color=GREY, linewidth=0.8)
    for index, label in enumerate(labels):
        colour = COLOURS[index] if index < len(COLOURS) else GREY
        times, values = _steps(starts, ends, scores[:, index])
        if is_single:
            base = 0.0 if low <= 0 <= high else low
            axes.fill_between(times, values, base, color=colour, alpha=0.22, linewidth=0)
        axes.plot(times, values, color=colour, linewidth=1.6, label=label, gid=f"series_{index}")
        axes.axhline(means[index], color=VERMILION if is_single else colour, linewidth=1, linestyle=DASHED)
    axes.set_ylim(low - margin, high + margin)
    axes.set_ylabel(labels[0] if is_single else "score")
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    _time_axis(axes, starts[0], ends[-1])
    numbers = ", ".join(f"{label} {mean:.2f}" for label, mean in zip(labels, means, strict=True))
    set_title(axes, title, f"{_extent(timeline)}   mean (dashed): {numbers}")
    if not is_single:
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=9, labelcolor=INK)
    return save(figure, path)


def _steps(starts: Floats, ends: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Points of a step line, three per segment: its start, its end, and a break where a gap follows."""
    follows = np.append(starts[1:] - ends[:-1] <= GAP_SECONDS, False)
    breaks = np.where(follows, values, np.nan)
    # Neighbours meet at the later one's start, so that rounded times leave no hairline between them.
    ends = np.where(follows, np.append(starts[1:], ends[-1]), ends)
    return np.stack([starts, ends, ends], axis=1).ravel(), np.stack([values, values, breaks], axis=1).ravel()


def _runs(timeline: Timeline, winners: np.ndarray) -> list[tuple[int, int]]:
    """Stretches `[begin, end)` of segments with one winner and no gap."""
    changes = np.flatnonzero((np.diff(winners) != 0) | (timeline.starts[1:] - timeline.ends[:-1] > GAP_SECONDS))
    bounds = [0, *(changes + 1).tolist(), len(winners)]
    return list(zip(bounds[:-1], bounds[1:], strict=True))


def _means(timeline: Timeline) -> Floats:
    """Each label's mean over the recording, by duration, as the pipeline's `predictions`."""
    return np.average(timeline.scores, axis=0, weights=np.maximum(timeline.ends - timeline.starts, 1e-3))


def _by_name(timeline: Timeline) -> Timeline:
    """The labels in alphabetical order: each has its place and colour in the pictures of all recordings."""
    order = sorted(range(len(timeline.labels)), key=timeline.labels.__getitem__)
    labels = [timeline.labels[index] for index in order]
    return timeline._replace(labels=labels, scores=timeline.scores[:, order])


def _name_row(axes: Axes, name: str, colour: str) -> None:
    """Puts the name in the place of the y axis."""
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_ylabel(name, rotation=0, ha="right", va="center", color=colour, fontsize=9)


def _beside(axes: Axes, height: float, text: str) -> None:
    """A note at the right of a panel, at a share of its height."""
    axes.annotate(
        text,
        (1, height),
        xycoords="axes fraction",
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        color=GREY,
        fontsize=9,
    )


def _time_axis(axes: Axes, start: float, end: float) -> None:
    span = max(end - start, 1e-3)
    step = next((seconds for seconds in TICK_SECONDS if span / seconds <= MAX_TICKS), 86400 * math.ceil(span / 777600))
    axes.set_xlim(start, start + span)
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: clock(seconds, tenths=step < 1)))
    axes.set_xlabel("time (h:mm:ss)" if end >= 3600 else "time (m:ss)")


def clock(seconds: float, *, tenths: bool = False) -> str:
    """A time as `m:ss`, from an hour on `h:mm:ss`.

    Args:
        seconds (`float`): the time.
        tenths (`bool`, defaults to `False`): with tenths of a second.

    Example:
        >>> clock(65), clock(3725), clock(1.25, tenths=True)
        ('1:05', '1:02:05', '0:01.2')
    """
    whole = round(seconds, 1) if tenths else round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(int(minutes), 60)
    tail = f"{rest:04.1f}" if tenths else f"{int(rest):02d}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def _extent(timeline: Timeline) -> str:
    count = len(timeline.starts)
    seconds = timeline.ends[-1] - timeline.starts[0]
    return f"{count:,} segment{'' if count == 1 else 's'}, {clock(seconds, tenths=seconds < 10)}"
