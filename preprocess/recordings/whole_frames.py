"""A sound in pieces of any length, as frames of one length."""

from __future__ import annotations

import numpy as np


class WholeFrames:
    """Puts pieces together and hands out what is whole.

    Args:
        length (`int`): samples of a frame.
    """

    def __init__(self, length: int):
        self.length = length
        self.num_samples = 0  # that were fed
        self._kept = np.zeros(0, dtype=np.float32)

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """Takes the next samples `(samples,)`; gives the frames that are whole now, `(frames, length)`."""
        kept = np.concatenate([self._kept, samples])
        self.num_samples += len(samples)
        whole = len(kept) // self.length * self.length
        self._kept = kept[whole:]
        return kept[:whole].reshape(-1, self.length)

    def rest(self, mode: str) -> np.ndarray:
        """The last frame, padded as `np.pad` does with this `mode`: `(1, length)`, or `(0, length)` of nothing."""
        if not len(self._kept):
            return np.zeros((0, self.length), dtype=np.float32)
        return np.pad(self._kept, (0, self.length - len(self._kept)), mode=mode)[None]  # type: ignore[call-overload]
