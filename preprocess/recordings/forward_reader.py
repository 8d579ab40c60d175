"""A sound that is read once, from front to back, by someone who wants stretches of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


class ForwardReader:
    """Keeps only what may still be asked for.

    Args:
        pieces (iterator of `np.ndarray`): consecutive samples, each `(samples,)`.
    """

    def __init__(self, pieces: Iterator[np.ndarray]):
        self._pieces = pieces
        self._kept = np.zeros(0, dtype=np.float32)
        self._begin = self._needed_from = 0  # where `_kept` begins in the sound, and from where on it is of use

    @property
    def end(self) -> int:
        """How many samples have been read from the sound."""
        return self._begin + len(self._kept)

    def read(self, begin: int, end: int) -> np.ndarray:
        """The samples from `begin` to `end`, fewer where the sound ends before."""
        while self.end < end:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._kept = np.concatenate([self._kept, piece])
            self._drop_what_is_not_needed()
        return self._kept[max(0, begin - self._begin) : max(0, end - self._begin)]

    def read_to_the_end(self) -> None:
        """Reads what is left without keeping it."""
        for piece in self._pieces:
            self._begin = self.end + len(piece)
            self._kept = self._kept[:0]

    def forget_before(self, begin: int) -> None:
        """Says that nothing before `begin` is asked for again, be it read or still to come."""
        self._needed_from = begin
        self._drop_what_is_not_needed()

    def _drop_what_is_not_needed(self) -> None:
        count = min(self._needed_from - self._begin, len(self._kept))
        self._kept = self._kept[count:]
        self._begin += count
