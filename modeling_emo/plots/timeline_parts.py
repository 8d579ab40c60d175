"""What pictures over time share: the numbers of a timeline, its colours, its axis."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MultipleLocator

from configuration_emo.option_kinds import check_number
from configuration_emo.plot_style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, VERMILION, WINE

from ..metrics.values import Floats


# The rest of Okabe and Ito's colours that show on white, and Tol's wine as the eighth.
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
        speakers (`list`, *optional*): who speaks in each segment; None where nobody is known.
        end (`float`): of the recording in seconds, as far as it is known; pictures go from 0 to there.
    """

    labels: list[str]
    starts: Floats
    ends: Floats
    scores: Floats
    speakers: list[str | None] | None = None
    end: float = 0.0


def read_timeline(result: Mapping[str, Any], duration: float | None = None) -> Timeline:
    """The numbers of a pipeline's result; see [`plot_timeline`] for what it takes and raises.

    Silence at the end, which has no predictions, tells where the recording ends.

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
    scores = np.array([[row[label] for label in labels] for row in rows])
    speakers = [chunk.get("speaker") for _, chunk in numbered]
    end = max(chunk["timestamp"][1] or 0.0 for chunk in chunks)
    if duration is not None:
        check_number("duration", duration, is_open=True)
        end = max(end, duration)
    return Timeline(
        labels, starts, ends, scores, speakers if any(name is not None for name in speakers) else None, end
    )


def steps(starts: Floats, ends: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Points of a step line, three per segment: its start, its end, and a break where a gap follows."""
    follows = np.append(starts[1:] - ends[:-1] <= GAP_SECONDS, False)
    breaks = np.where(follows, values, np.nan)
    # Neighbours meet at the later one's start, so that rounded times leave no hairline between them.
    ends = np.where(follows, np.append(starts[1:], ends[-1]), ends)
    return np.stack([starts, ends, ends], axis=1).ravel(), np.stack([values, values, breaks], axis=1).ravel()


def means_by_duration(timeline: Timeline) -> Floats:
    """Each label's mean over the recording, by duration, as the pipeline's `predictions`."""
    return np.average(timeline.scores, axis=0, weights=np.maximum(timeline.ends - timeline.starts, 1e-3))


def by_name(timeline: Timeline) -> Timeline:
    """The labels in alphabetical order: each has its place and colour in the pictures of all recordings."""
    order = sorted(range(len(timeline.labels)), key=timeline.labels.__getitem__)
    labels = [timeline.labels[index] for index in order]
    return timeline._replace(labels=labels, scores=timeline.scores[:, order])


def name_row(axes: Axes, name: str, colour: str) -> None:
    """Puts the name in the place of the y axis."""
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_ylabel(name, rotation=0, ha="right", va="center", color=colour, fontsize=9)


def beside(axes: Axes, height: float, text: str) -> None:
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


def time_axis(axes: Axes, timeline: Timeline) -> None:
    """The time of the whole recording, from 0, however late its first segment begins."""
    end = timeline.end
    span = max(end, 1e-3)
    step = next((seconds for seconds in TICK_SECONDS if span / seconds <= MAX_TICKS), 86400 * math.ceil(span / 777600))
    axes.set_xlim(0, span)
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


def extent(timeline: Timeline) -> str:
    count = len(timeline.starts)
    seconds = timeline.end
    return f"{count:,} segment{'' if count == 1 else 's'}, {clock(seconds, tenths=seconds < 10)}"
