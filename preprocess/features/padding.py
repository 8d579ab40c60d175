"""Rows of different lengths as one array, padded on the right: the one place where batches are assembled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Layout(NamedTuple):
    """How long the rows of a batch become, as the arguments of the same names of Transformers' tokenizers.

    Args:
        padding (`bool` or `str`, defaults to True): True or `"longest"`, `"max_length"`, False or `"do_not_pad"`.
        max_length (`int`, *optional*): the length of `"max_length"`; longer rows stay whole.
        pad_to_multiple_of (`int`, *optional*): rounds the length up.
    """

    padding: bool | str = True
    max_length: int | None = None
    pad_to_multiple_of: int | None = None

    @property
    def pads(self) -> bool:
        """Whether rows get one length."""
        return self.padding not in (False, "do_not_pad")

    def width(self, longest: int) -> int:
        """The length of all rows, where the longest has so many positions."""
        if self.padding == "max_length" and self.max_length is not None:
            longest = max(longest, self.max_length)
        if self.pad_to_multiple_of is not None:
            longest = -(-longest // self.pad_to_multiple_of) * self.pad_to_multiple_of
        return longest


LONGEST = Layout()


def pad_sequences(
    rows: Sequence[np.ndarray | None],
    padding_value: float,
    layout: Layout = LONGEST,
    *,
    lengths: Sequence[int] | None = None,
    repeat_last: bool = False,
    time_last: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and their mask. Padding comes behind a row, whatever side a tokenizer or extractor is used to: positions
    are counted from the first one, and so a row's values do not depend on the others.

    Args:
        rows (sequence of `np.ndarray` of shape `(length, ...)` or None): None is a row without this modality; at least
            one is not None. Integers become int64, others float32.
        padding_value (`float`): what stands behind a row, and in all of a row that is None.
        layout ([`Layout`]): how long they become.
        lengths (sequence of `int`, *optional*): how many positions of each row are valid, all of them if left out.
        repeat_last (`bool`): a row is padded with its own last position.
        time_last (`bool`): the result is `(rows, ..., width)`.

    Returns:
        `tuple[np.ndarray, np.ndarray]`: values `(rows, width, ...)`, and the int64 mask `(rows, width)`: 1 is valid, 0
        is padding.

    Example:
        >>> values, mask = pad_sequences([np.array([5, 6]), None, np.array([7])], 0)
        >>> values.tolist(), mask.tolist()
        ([[5, 6], [0, 0], [7, 0]], [[1, 1], [0, 0], [1, 0]])
    """
    present = [row for row in rows if row is not None]
    width = layout.width(max(map(len, present)))
    dtype = np.int64 if np.issubdtype(present[0].dtype, np.integer) else np.float32
    inner = present[0].shape[1:]
    values = np.full((len(rows), *inner, width) if time_last else (len(rows), width, *inner), padding_value, dtype)
    time_first = np.moveaxis(values, -1, 1) if time_last else values  # a view
    mask = np.zeros((len(rows), width), dtype=np.int64)
    for index, row in enumerate(rows):
        if row is None:
            continue
        time_first[index, : len(row)] = row
        if repeat_last:
            time_first[index, len(row) :] = row[-1]
        mask[index, : len(row) if lengths is None else lengths[index]] = 1
    return values, mask
