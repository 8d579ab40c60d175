"""Predictions of a split in batches of similar lengths, in the order of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import Trainer
from transformers.trainer_utils import PredictionOutput


def longest_first(dataset: Dataset, length_columns: Sequence[str] = ("speech_length", "text_length")) -> np.ndarray:
    """The rows in an order in which neighbours make a batch with little padding.

    Args:
        dataset (`Dataset`): prepared rows.
        length_columns (sequence of `str`): columns to sort by, the first of them first. Those that the dataset lacks
            do not count; without any the rows stay as they are.

    Returns:
        `np.ndarray` of shape `(rows,)`: their indices.

    Example:

    ```python
    >>> longest_first(Dataset.from_dict({"text_length": [2, 9, 4]})).tolist()
    [1, 2, 0]

    ```
    """
    columns = [np.asarray(dataset[name]) for name in length_columns if name in dataset.column_names]
    return np.lexsort(columns[::-1])[::-1] if columns else np.arange(len(dataset))


def predict_by_length(
    trainer: Trainer, dataset: Dataset, *, length_columns: Sequence[str] = ("speech_length", "text_length")
) -> PredictionOutput:
    """What `trainer.predict` returns, with little padding: the rows are run longest first and put back.

    Args:
        trainer (`Trainer`): any that reads an evaluation's rows one after the other, as Trainer does unless
            `train_sampling_strategy` is `"group_by_length"`.
        dataset (`Dataset`): prepared rows.
        length_columns (sequence of `str`): as in [`longest_first`].

    Returns:
        `PredictionOutput`: `predictions` and `label_ids` in the order of the dataset. A `compute_metrics` of the
        trainer has seen them longest first.

    Raises:
        ValueError: the trainer does not read the rows one after the other.

    Example:

    ```python
    >>> output = predict_by_length(trainer, prepared["test"])  # doctest: +SKIP

    ```
    """
    if trainer.args.train_sampling_strategy == "group_by_length":
        raise ValueError(
            "train_sampling_strategy='group_by_length' deals out the rows of an evaluation at random: leave it out of "
            "the arguments of the trainer that predicts."
        )
    order = longest_first(dataset, length_columns)
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    predictions, label_ids, metrics = trainer.predict(dataset.select(order))
    return PredictionOutput(_taken(predictions, places), _taken(label_ids, places), metrics)


def _taken(parts: Any, places: np.ndarray) -> Any:
    """Rows of an array, or of each of several."""
    if parts is None:
        return None
    return tuple(_taken(part, places) for part in parts) if isinstance(parts, (tuple, list)) else parts[places]
