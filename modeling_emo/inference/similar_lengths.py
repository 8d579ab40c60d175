"""Batches of similar lengths out of a stream, and what was computed of them in the order of the stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from torch.utils.data import IterableDataset


# So many batches are read ahead, to be made of rows of similar lengths.
BATCHES_AHEAD = 8


class SimilarLengths(IterableDataset):
    """Rows of a stream, some batches at a time sorted by length, so that neighbours make a batch with little padding.

    Args:
        rows (iterable of `dict`): with `length`, anything that can be compared. A dict gets its `place` in the stream.
        batch_size (`int`): rows of a batch; with 1 the rows stay as they are, and none is read ahead.

    Example:

    ```python
    >>> rows = SimilarLengths(({"length": length} for length in (9, 1, 8, 2)), batch_size=2)
    >>> [row["length"] for row in rows]
    [9, 8, 2, 1]

    ```
    """

    def __init__(self, rows: Iterable[dict[str, Any]], batch_size: int):
        self.rows = rows
        self.ahead = 1 if batch_size == 1 else BATCHES_AHEAD * batch_size

    def __iter__(self) -> Iterator[dict[str, Any]]:
        rows = ({**row, "place": place} for place, row in enumerate(self.rows))
        while window := list(islice(rows, self.ahead)):
            # The longest first: a batch that does not fit the memory is met at once.
            yield from sorted(window, key=lambda row: row["length"], reverse=True)


def in_order(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows by their `place`, which is taken out of them; each as soon as all before it have come."""
    waiting: dict[int, dict[str, Any]] = {}
    following = 0
    for row in rows:
        waiting[row.pop("place")] = row
        while following in waiting:
            yield waiting.pop(following)
            following += 1
