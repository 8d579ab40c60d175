"""The last part of a sound that is still coming."""

from __future__ import annotations

from collections import deque

import numpy as np


class SampleBuffer:
    """Keeps pieces of a sound until they are no longer of use; nothing is copied before it is read."""

    def __init__(self) -> None:
        self._pieces: deque[np.ndarray] = deque()
        self._begin = self.end = 0  # of what is kept, in samples of the sound

    def __len__(self) -> int:
        return self.end - self._begin

    def add(self, piece: np.ndarray) -> None:
        """Takes the next samples `(samples,)`."""
        if len(piece):
            self._pieces.append(piece)
            self.end += len(piece)

    def read(self, begin: int, end: int) -> np.ndarray:
        """The samples from `begin` to `end`, fewer where they have not come or are forgotten."""
        parts, place = [np.zeros(0, dtype=np.float32)], self._begin
        for piece in self._pieces:
            if place < end and place + len(piece) > begin:
                parts.append(piece[max(0, begin - place) : end - place])
            place += len(piece)
        return np.concatenate(parts)

    def forget_before(self, begin: int) -> None:
        """Says that nothing before `begin` is asked for again."""
        while self._pieces and self._begin + len(self._pieces[0]) <= begin:
            self._begin += len(self._pieces.popleft())
