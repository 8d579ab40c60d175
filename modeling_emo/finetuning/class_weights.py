"""Class weights that follow from how often the training data has each label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from configuration_emo.problem_types import get_problem_type


def balanced_class_weights(
    labels: Sequence, num_labels: int, problem_type: str = "single_label_classification"
) -> list[float]:
    """`class_weights` that make rare classes count as much as frequent ones.

    Args:
        labels (sequence of `int`, or of 0/1 rows): of the training data.
        num_labels (`int`): number of labels.
        problem_type (`str`): see [`EmoBertConfig`]. For `single_label_classification` the weights are
            `rows / (num_labels * count of the class)`, scikit-learn's `compute_class_weight("balanced")`. For
            `multi_label_classification` and `one_vs_rest_classification`, where only presence is weighted, they are
            `rows without the label / rows with it`: the ratio of its two balanced weights.

    Raises:
        ValueError: a label has no row, labels do not fit, or the problem is a regression.

    Example:

    ```python
    >>> from modeling_emo import balanced_class_weights

    >>> balanced_class_weights([0, 0, 0, 1], 2)
    [0.6666666666666666, 2.0]

    ```
    """
    problem = get_problem_type(problem_type)
    if not problem.has_classes:
        raise ValueError("Balanced class weights do not apply to problem_type='regression': leave them out.")
    values = np.asarray(labels)
    if values.ndim == 1:
        counts = np.bincount(class_indices(values, num_labels), minlength=num_labels)
    elif values.shape == (len(values), num_labels):
        counts = values.sum(0)
    else:
        raise ValueError(f"Labels of shape {values.shape} do not fit {num_labels} labels.")
    absent = np.flatnonzero(counts == 0).tolist()
    if absent:
        raise ValueError(f"No row of the training data has the labels {absent}: a balanced weight is not defined.")
    if problem.is_exclusive:
        return (len(values) / (num_labels * counts)).tolist()
    return ((len(values) - counts) / counts).tolist()


def class_indices(labels: Sequence | np.ndarray, num_labels: int) -> np.ndarray:
    """The labels as an array `(rows,)` of class indices.

    Raises:
        ValueError: they are no integers, or one is out of the range.
    """
    classes = np.asarray(labels)
    if classes.ndim != 1 or not np.issubdtype(classes.dtype, np.integer):
        raise ValueError(f"Labels must be class indices, one per row, got {classes.dtype} of shape {classes.shape}.")
    if len(classes) and not 0 <= classes.min() <= classes.max() < num_labels:
        raise ValueError(f"Class indices must lie between 0 and {num_labels - 1}, got up to {classes.max()}.")
    return classes
