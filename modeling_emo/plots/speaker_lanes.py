"""A lane for each speaker of a recording: who felt what, when."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from configuration_emo.plot_style import DASHED, FAINT, GREY, INK, new_figure, save, set_title, text_on

from .timeline_parts import (
    COLOURS,
    MAX_ROWS,
    NAMED_SHARE,
    SHADE,
    Timeline,
    beside,
    extent,
    means_by_duration,
    name_row,
    steps,
    time_axis,
)


UNKNOWN = "unknown"
# Longer names are cut, so that the lanes keep their room.
MAX_NAME = 24


def plot_lanes_of_classes(timeline: Timeline, path: Path, title: str) -> Path:
    """Bars in the colours of the most probable labels, as high as their probability.

    Args:
        timeline ([`Timeline`]): with speakers, its labels in the order of their colours.
        path (`Path`): the picture to write.
        title (`str`): above it.

    Returns:
        `Path`: of the written picture.
    """
    means = means_by_duration(timeline)
    coloured = sorted(np.argsort(-means, kind="stable")[:MAX_ROWS].tolist())
    colours = dict(zip(coloured, COLOURS, strict=False))
    names, lanes = _lanes(timeline)
    figure, panels = new_figure(9.0, 1.5 + 0.75 * len(names), heights=(1.0,) * len(names))
    winners = timeline.scores.argmax(axis=1)
    for number, (axes, name) in enumerate(zip(panels, names, strict=True)):
        rows = lanes[name]
        axes.set_facecolor(SHADE)
        for row in rows:
            _draw_bar(axes, timeline, row, int(winners[row]), colours, number, NAMED_SHARE * timeline.end)
        axes.set_ylim(0, 1)
        axes.tick_params(axis="x", length=0)
        name_row(axes, name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…", INK)
        of_speaker = means_by_duration(_only(timeline, rows))
        best = int(of_speaker.argmax())
        beside(axes, 0.5, f"{timeline.labels[best]}\n{of_speaker[best]:.0%}")
    beside(panels[0], 1.15, "mean")
    time_axis(panels[-1], timeline)
    shown = [index for index in coloured if index in set(winners.tolist())]
    keys = [Patch(color=colours[index], label=timeline.labels[index]) for index in shown]
    if len(set(winners.tolist())) > len(shown):
        keys.append(Patch(color=GREY, label="other"))
    panels[-1].legend(
        handles=keys,
        loc="upper left",
        bbox_to_anchor=(0, -0.62),
        ncols=len(keys),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
        borderaxespad=0,
    )
    set_title(panels[0], title, f"{_extent(timeline, names)}   height: probability of the most probable label")
    return save(figure, path)


def plot_lanes_of_scores(timeline: Timeline, path: Path, score_range: Sequence[float] | None, title: str) -> Path:
    """Each speaker's scores as lines, all lanes on one scale, with their means dashed.

    Args:
        timeline ([`Timeline`]): with speakers.
        path (`Path`): the picture to write.
        score_range (`(lowest, highest)`, *optional*): the scale; what the scores span if left out.
        title (`str`): above it.

    Returns:
        `Path`: of the written picture.
    """
    everything = np.concatenate([timeline.scores.ravel(), [] if score_range is None else score_range])
    low, high = float(everything.min()), float(everything.max())
    margin = 0.05 * (high - low) or 1.0
    names, lanes = _lanes(timeline)
    figure, panels = new_figure(9.0, 1.3 + 1.3 * len(names), heights=(1.0,) * len(names))
    for number, (axes, name) in enumerate(zip(panels, names, strict=True)):
        part = _only(timeline, lanes[name])
        means = means_by_duration(part)
        if low < 0 < high:
            axes.axhline(0, color=GREY, linewidth=0.8)
        for index, label in enumerate(timeline.labels):
            colour = COLOURS[index] if index < len(COLOURS) else GREY
            times, values = steps(part.starts, part.ends, part.scores[:, index])
            axes.plot(times, values, color=colour, linewidth=1.6, label=label, gid=f"lane_{number}_{index}")
            axes.axhline(means[index], color=colour, linewidth=1, linestyle=DASHED)
        axes.set_ylim(low - margin, high + margin)
        axes.set_ylabel(name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…")
        axes.grid(axis="y", color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
        beside(axes, 0.5, "\n".join(f"{mean:.2f}" for mean in means))
    beside(panels[0], 1.08, "mean")
    time_axis(panels[-1], timeline)
    if len(timeline.labels) > 1:
        panels[-1].legend(loc="upper left", bbox_to_anchor=(0, -0.4), ncols=4, frameon=False, fontsize=9)
    scores = ", ".join(timeline.labels)
    set_title(panels[0], title, f"{_extent(timeline, names)}   {scores}, mean dashed")
    return save(figure, path)


def _lanes(timeline: Timeline) -> tuple[list[str], dict[str, list[int]]]:
    """The speakers in the order of their first words, and the rows of each."""
    lanes: dict[str, list[int]] = {}
    for row, speaker in enumerate(timeline.speakers or []):
        lanes.setdefault(UNKNOWN if speaker is None else speaker, []).append(row)
    return list(lanes), lanes


def _only(timeline: Timeline, rows: list[int]) -> Timeline:
    return Timeline(timeline.labels, timeline.starts[rows], timeline.ends[rows], timeline.scores[rows])


def _draw_bar(
    axes: Axes, timeline: Timeline, row: int, winner: int, colours: dict[int, str], lane: int, room: float
) -> None:
    start, width = timeline.starts[row], timeline.ends[row] - timeline.starts[row]
    height = timeline.scores[row, winner]
    colour = colours.get(winner, GREY)
    axes.bar(
        start, height, width, align="edge", color=colour, edgecolor="white", linewidth=0.5, gid=f"lane_{lane}_{winner}"
    )
    if width >= room and height >= 0.3:
        label = timeline.labels[winner]
        axes.text(
            start + width / 2,
            height / 2,
            label,
            ha="center",
            va="center",
            color=text_on(colour),
            fontsize=8,
            clip_on=True,
        )


def _extent(timeline: Timeline, names: list[str]) -> str:
    return f"{extent(timeline)}, {len(names)} speaker{'' if len(names) == 1 else 's'}"
