"""One utterance or many: what a call's first argument is, and how its utterances come one after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from .utterance_inputs import Given, is_labelled, is_numbers


class ManyInputs(NamedTuple):
    """Several utterances.

    Args:
        utterances (iterable): one after the other; each is read when it is its turn.
        is_sized (`bool`): there is an end to them that is known, as of a list, a table or a dataset.
    """

    utterances: Iterator[Any]
    is_sized: bool


def find_many(inputs: Any) -> ManyInputs | None:
    """The utterances of a list, generator, pandas table or column, dataset or one of its columns; None of one alone.

    A list of numbers, and a column of them, is one sound; so is an array of one or two axes that holds numbers.

    Args:
        inputs: the first argument of a call of the pipeline.

    Example:
        >>> find_many([0.0, 0.1, 0.2]) is None, find_many("a.wav") is None, list(find_many(["a.wav"]).utterances)
        (True, True, ['a.wav'])
    """
    if isinstance(inputs, np.ndarray) and inputs.ndim == 1 and inputs.dtype.kind in "OU":
        return ManyInputs(iter(inputs.tolist()), True)
    is_one = isinstance(inputs, (str, bytes, bytearray, os.PathLike, Mapping, tuple, np.ndarray, torch.Tensor))
    if is_one or any(hasattr(inputs, name) for name in ("read", "get_all_samples")):
        return None
    if is_numbers(inputs) or is_labelled(inputs):
        return None
    if hasattr(inputs, "iterrows"):  # a pandas table
        return ManyInputs((row for _, row in inputs.iterrows()), True)
    if hasattr(inputs, "__next__"):
        return ManyInputs(inputs, False)
    is_sized = hasattr(inputs, "__len__") and not isinstance(inputs, torch.utils.data.Dataset)
    if hasattr(inputs, "__iter__"):
        return ManyInputs(iter(inputs), is_sized)
    if hasattr(inputs, "__getitem__") and hasattr(inputs, "__len__"):  # a dataset of torch, read by number
        return ManyInputs((inputs[index] for index in range(len(inputs))), is_sized)
    return None


def with_texts(many: ManyInputs, text: Any, words: Any, sampling_rate: int | None) -> ManyInputs:
    """The utterances with what stands beside the first argument.

    Args:
        many ([`ManyInputs`]): the recordings.
        text, words (list, *optional*): one for each of them.
        sampling_rate (`int`, *optional*): of those that are bare arrays, in Hz.

    Raises:
        ValueError: there is one text for many recordings, or another number of them.
    """
    if text is None and words is None:
        return many._replace(utterances=(Given(one, sampling_rate=sampling_rate) for one in many.utterances))
    for name, values in (("text", text), ("words", words)):
        if values is not None and (isinstance(values, str) or not hasattr(values, "__iter__")):
            raise ValueError(f"There are several recordings: give `{name}` as a list with one for each of them.")
    recordings = list(many.utterances)
    columns = [[None] * len(recordings) if values is None else list(values) for values in (text, words)]
    for column in columns:
        if len(column) != len(recordings):
            raise ValueError(
                f"There are {len(recordings)} recordings and {len(column)} texts: give one for each of them."
            )
    rows = zip(recordings, columns[0], columns[1], strict=True)
    return ManyInputs((Given(*row, sampling_rate=sampling_rate) for row in rows), True)
