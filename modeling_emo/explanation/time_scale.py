"""Positions of a sequence, and spans of a recording, on the time axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class TimeScale:
    """Evenly spaced positions of a sequence on the time axis.

    Args:
        rate (`float`): positions per second.
        offset (`float`): the position at 0 s; position p covers the seconds `[(p - offset) / rate,
            (p + 1 - offset) / rate)`.
    """

    rate: float
    offset: float = 0.0

    def seconds(self, positions: Any) -> np.ndarray:
        """Where positions begin, in seconds."""
        return (np.asarray(positions, dtype=np.float64) - self.offset) / self.rate

    def positions(self, seconds: Any) -> np.ndarray:
        """The (fractional) positions at these seconds."""
        return np.asarray(seconds, dtype=np.float64) * self.rate + self.offset


def span_edges(duration_s: float, span_s: float, max_spans: int) -> np.ndarray:
    """Borders of equally long spans over a recording; the last one may be shorter.

    Args:
        duration_s (`float`): length of the recording in seconds.
        span_s (`float`): length of a span in seconds; it becomes a whole multiple of it where there would be more than
            `max_spans`.
        max_spans (`int`): most spans.

    Returns:
        `array` of shape `(spans + 1,)`, from 0 to `duration_s`.

    Raises:
        ValueError: `span_s` is not positive or `max_spans` is below 1.

    Example:
        >>> span_edges(0.25, 0.1, 100)
        array([0.  , 0.1 , 0.2 , 0.25])
    """
    if not span_s > 0 or max_spans < 1:
        raise ValueError(f"span_s={span_s} (seconds) must be positive and max_spans={max_spans} at least 1.")
    count = max(1, int(np.ceil(duration_s / span_s - 1e-6)))
    width = span_s * -(-count // max_spans)
    count = max(1, int(np.ceil(duration_s / width - 1e-6)))
    return np.append(np.arange(count) * width, duration_s)


def share_among_spans(
    weights: np.ndarray, scale: TimeScale, edges: np.ndarray, special: np.ndarray | None = None
) -> np.ndarray:
    """Adds up per-frame weights by time span; a frame over a border is divided by its share of each side.

    Args:
        weights (`array` of shape `(..., frames)`): one weight per frame.
        scale ([`TimeScale`]): of the frames.
        edges (`array` of shape `(spans + 1,)`): borders of the spans in seconds.
        special (`array` of shape `(frames,)`, *optional*): True for frames that stand for no time; they are left out.

    Returns:
        `array` of shape `(..., spans)`; it sums to what the weights of the frames that stand for a time sum to.
    """
    frames = np.arange(weights.shape[-1])
    starts = scale.seconds(frames)[:, None]
    ends = scale.seconds(frames + 1)[:, None]
    overlap = (np.minimum(ends, edges[1:]) - np.maximum(starts, edges[:-1])).clip(0)  # (frames, spans)
    # A frame that the recording is too short for lies beyond its end.
    outside = overlap.sum(1) == 0
    nearest = np.searchsorted(edges, (starts + ends)[:, 0] / 2).clip(1, len(edges) - 1) - 1
    overlap[outside, nearest[outside]] = 1
    overlap /= overlap.sum(1, keepdims=True)
    if special is not None:
        overlap[special] = 0
    return weights @ overlap
