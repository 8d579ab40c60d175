"""Confusion counts, and the F1 scores that follow from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .values import Floats, Integers, check_lengths, ratio


def confusion_matrix(predictions: ArrayLike, labels: ArrayLike, num_classes: int) -> Integers:
    """Counts of shape `(num_classes, num_classes)`: rows are the true classes, columns the predicted ones.

    Raises:
        ValueError: lengths differ, or an index lies outside `[0, num_classes)`.
    """
    predicted, truth = (
        _class_indices(values, num_classes, name)
        for values, name in ((predictions, "predictions"), (labels, "labels"))
    )
    check_lengths(predicted, truth)
    return np.bincount(truth * num_classes + predicted, minlength=num_classes**2).reshape(num_classes, num_classes)


def presence_rows(labels: ArrayLike, num_labels: int) -> NDArray[np.bool_]:
    """Labels as rows of present or absent, shape `(utterances, num_labels)`.

    Args:
        labels (`array` of shape `(utterances,)`, `(utterances, 1)` or `(utterances, num_labels)`): class indices (one
            per utterance) or rows of 0 and 1.
        num_labels (`int`): how many labels there are.

    Raises:
        ValueError: another shape, an unknown class index, or an entry that is neither 0 nor 1.
    """
    values = np.asarray(labels)
    if values.ndim == 2 and values.shape[1] == num_labels:
        if not np.isin(values, (0, 1)).all():
            wrong = values[~np.isin(values, (0, 1))].flat[0]
            raise ValueError(f"Rows of labels hold 0 (absent) or 1 (present), got {wrong!r}.")
        return values.astype(bool)
    if values.ndim == 1 or values.shape[1:] == (1,):
        return np.eye(num_labels, dtype=bool)[_class_indices(values, num_labels, "labels")]
    raise ValueError(f"labels must have the shape (utterances,) or (utterances, {num_labels}), got {values.shape}.")


def binary_scores(predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Accuracy and weighted F1 of yes/no decisions, both of shape `(utterances,)`."""
    confusion = np.bincount(2 * truth + predicted, minlength=4).reshape(2, 2)
    return float(ratio(np.trace(confusion), confusion.sum())), float(weighted_f1(confusion))


def class_f1(confusion: Integers) -> Floats:
    """F1 of each class; NaN where a class occurs neither in the truth nor in the predictions."""
    return ratio(2 * np.diagonal(confusion), confusion.sum(axis=0) + confusion.sum(axis=1))


def weighted_f1(confusion: Integers) -> Floats:
    """Mean F1 of the classes, weighted by their true counts; NaN of no utterances."""
    support = confusion.sum(axis=1)
    return ratio(np.nansum(class_f1(confusion) * support), support.sum())


def _class_indices(values: ArrayLike, num_classes: int, name: str) -> Integers:
    array = np.ravel(values)
    indices = array.astype(np.int64)
    wrong = (indices < 0) | (indices >= num_classes) | (indices != array)
    if wrong.any():
        raise ValueError(f"{name} must be class indices from 0 to {num_classes - 1}, got {array[wrong][0]!r}.")
    return indices
