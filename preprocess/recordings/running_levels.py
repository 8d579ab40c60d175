"""Levels of a sound so far: their distribution over the last seconds, and the gate that is set by it."""

from __future__ import annotations

import math

import numpy as np


# dB re full scale: the quietest level that is told apart.
LOWEST_LEVEL = -120


def frame_levels(frames: np.ndarray) -> list[int]:
    """The level of each frame `(frames, length)` in dB re full scale, without a constant offset."""
    powers = frames.astype(np.float64).var(axis=1)
    return np.clip(np.round(10 * np.log10(np.maximum(powers, 1e-12))), LOWEST_LEVEL, 0).astype(int).tolist()


class RunningLevels:
    """How the last levels are distributed.

    Args:
        count (`int`): how many of them are remembered.

    Example:
        >>> levels = RunningLevels(3)
        >>> for level in (-10, -50, -40, -30):
        ...     levels.add(level)
        >>> levels.percentile(0), levels.percentile(100)
        (-50, -30)
    """

    def __init__(self, count: int):
        self._last = np.zeros(count, dtype=np.int8)
        self._added = 0
        self._counts = np.zeros(1 - LOWEST_LEVEL, dtype=np.int64)

    def add(self, level: int) -> None:
        """Takes the next level, a whole number of dB from -120 to 0."""
        place = self._added % len(self._last)
        if self._added >= len(self._last):
            self._counts[int(self._last[place]) - LOWEST_LEVEL] -= 1
        self._last[place] = level
        self._counts[level - LOWEST_LEVEL] += 1
        self._added += 1

    def percentile(self, share: float, *, audible: bool = False) -> int:
        """The lowest level that so many percent are not above.

        Args:
            share (`float`): in percent.
            audible (`bool`, defaults to False): only of levels over the lowest that is told apart, which it gives
                where there are none.
        """
        below = np.cumsum(self._counts[1:] if audible else self._counts)
        if not below[-1]:
            return LOWEST_LEVEL
        place = int(np.searchsorted(below, max(1, math.ceil(below[-1] * share / 100))))
        return LOWEST_LEVEL + place + int(audible)
