"""What every metric is made of: finite arrays of equal length, and ratios that may be undefined."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> Floats:
    """Element-wise quotient, NaN where the denominator is 0."""
    above, below = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    return np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=below != 0)


def mean(values: NDArray) -> float:
    """The mean, NaN (in silence) of nothing."""
    return float(np.mean(values)) if values.size else float("nan")


def finite(values: ArrayLike, name: str) -> Floats:
    """`values` as float64.

    Raises:
        ValueError: one of them is NaN or infinite.
    """
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise ValueError(f"{bad} of {array.size} {name} are not finite: a model that diverged, or a broken label?")
    return array


def finite_pair(predictions: ArrayLike, labels: ArrayLike) -> tuple[Floats, Floats]:
    """Predictions and truth as float64, both finite and of equal length."""
    predicted, truth = finite(predictions, "predictions"), finite(labels, "labels")
    check_lengths(predicted, truth)
    return predicted, truth


def check_lengths(predictions: NDArray, labels: NDArray) -> None:
    """ValueError where there is not one prediction per label."""
    if len(predictions) != len(labels):
        raise ValueError(f"There are {len(predictions)} predictions for {len(labels)} labels.")
