"""A picture of how evenly a model serves groups of utterances."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from configuration_emo.plot_style import BLUE, GREY, VERMILION, new_figure, save, set_title


# Of more groups of one kind the worst are drawn.
MAX_GROUPS = 12


def plot_groups(groups: Mapping[str, Any], path: str | Path, *, title: str = "Groups of utterances") -> Path:
    """A panel for each kind of groups: the metric of each group, the worst one marked, the worst at the top.

    Args:
        groups (`dict[str, GroupMetrics]`): by kind, see [`evaluate_groups`].
        path (`str` or `Path`): the picture to write.
        title (`str`): above it.

    Returns:
        `Path`: of the written picture.

    Raises:
        ValueError: there are no groups.
    """
    if not groups:
        raise ValueError(f"There are no groups to draw in {path}.")
    shown = {name: _shown(found) for name, found in groups.items()}
    heights = [0.9 + 0.28 * len(names) for names in shown.values()]
    figure, panels = new_figure(7.0, 0.6 + sum(heights), heights=heights)
    for axes, (kind, found) in zip(panels, groups.items(), strict=True):
        names = shown[kind]
        values = [found.metrics[name][found.metric] for name in names]
        colours = [VERMILION if name == found.worst else BLUE for name in names]
        axes.barh(range(len(names)), np.nan_to_num(values), height=0.68, color=colours)
        for position, (name, value) in enumerate(zip(names, values, strict=True)):
            written = f"{value:.3f}" if np.isfinite(value) else "undefined"
            axes.annotate(
                f"{written}  n = {found.sizes[name]:,}",
                (max(float(np.nan_to_num(value)), 0.0), position),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
                color=GREY,
            )
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.tick_params(labelbottom=True)
        low, high = found.interval
        left_out = len(found.sizes) - len(names)
        more = f", the worst {len(names)} of {len(found.sizes)}" if left_out else ""
        detail = f"{found.worst} minus the rest: {found.difference:+.3f} [{low:+.3f}, {high:+.3f}]"
        set_title(axes, f"{kind}: {found.metric}{more}", detail)
    drawn = [found.metrics[name][found.metric] for found in groups.values() for name in found.sizes]
    limits = np.nan_to_num(drawn)
    panels[0].set_xlim(min(0.0, limits.min()), max(0.0, limits.max()) * 1.25 or 1.0)
    figure.suptitle(title, x=0.02, ha="left", fontsize=12, fontweight="bold")
    return save(figure, path)


def _shown(found: Any) -> list[str]:
    """The groups to draw, the worst first."""
    sign = -1.0 if found.metric in ("mae", "mean_mae") else 1.0

    def badness(name: str) -> float:
        value = found.metrics[name][found.metric]
        return float("inf") if np.isnan(value) else sign * value

    others = sorted((name for name in found.sizes if name != found.worst), key=badness)
    return [found.worst, *others][:MAX_GROUPS]
