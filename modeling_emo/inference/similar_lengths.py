"""Batches of similar lengths out of a stream, and what was computed of them in the order of the stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from torch.utils.data import IterableDataset


# So many batches are read ahead, to be made of rows of similar lengths.
BATCHES_AHEAD = 8


class SimilarLengths(IterableDataset):
    """Batches of a stream's rows: some batches at a time are sorted by length, so that neighbours need little padding.

    Args:
        rows (iterable of `dict`): with `length`, a tuple of numbers, by which they are sorted. A dict gets its `place`
            in the stream.
        batch_size (`int`): most rows of a batch; with 1 none is read ahead.
        max_padded_length (`float`, *optional*): most that a batch holds with its padding, rows times the first number
            of the longest one's `length`. A row that is longer comes alone.

    Example:

    ```python
    >>> rows = [{"length": (length,)} for length in (9, 1, 8, 2)]
    >>> [[row["length"][0] for row in batch] for batch in SimilarLengths(rows, batch_size=2)]
    [[9, 8], [2, 1]]
    >>> [[row["length"][0] for row in batch] for batch in SimilarLengths(rows, batch_size=4, max_padded_length=16)]
    [[9], [8, 2], [1]]

    ```
    """

    def __init__(self, rows: Iterable[dict[str, Any]], batch_size: int, max_padded_length: float | None = None):
        self.rows, self.batch_size, self.max_padded_length = rows, batch_size, max_padded_length
        self.ahead = 1 if batch_size == 1 else BATCHES_AHEAD * batch_size

    def __iter__(self) -> Iterator[list[dict[str, Any]]]:
        rows = ({**row, "place": place} for place, row in enumerate(self.rows))
        while window := list(islice(rows, self.ahead)):
            # The longest first: a batch that does not fit the memory is met at once.
            window.sort(key=lambda row: row["length"], reverse=True)
            while window:
                rows_of_batch = self._rows_beside(window[0]["length"][0])
                yield window[:rows_of_batch]
                del window[:rows_of_batch]

    def _rows_beside(self, longest: float) -> int:
        """How many rows a batch has, of which this is the longest."""
        if self.max_padded_length is None or longest == 0:
            return self.batch_size
        return max(1, min(self.batch_size, int(self.max_padded_length // longest)))


def rows_of(batches: Iterable[Mapping[str, list[Any]]]) -> Iterator[dict[str, Any]]:
    """The rows of batches that hold a list of equal length under each name."""
    for batch in batches:
        for values in zip(*batch.values(), strict=True):
            yield dict(zip(batch, values, strict=True))


def in_order(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows by their `place`, which is taken out of them; each as soon as all before it have come."""
    waiting: dict[int, dict[str, Any]] = {}
    following = 0
    for row in rows:
        waiting[row.pop("place")] = row
        while following in waiting:
            yield waiting.pop(following)
            following += 1
