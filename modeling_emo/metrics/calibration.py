"""Calibration: whether a model that says "80 %" is right 80 times in a hundred."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .undefined import warn_undefined
from .values import Floats, Integers, finite_pair, ratio


def expected_calibration_error(confidences: ArrayLike, outcomes: ArrayLike, *, num_bins: int = 10) -> float:
    """Mean gap between confidence and accuracy over equally wide bins of confidence, weighted by the bins' counts.

    Args:
        confidences (`array` of shape `(decisions,)`): probabilities in [0, 1].
        outcomes (`array` of shape `(decisions,)`): 1 where what the probability speaks of was so, else 0.
        num_bins (`int`, defaults to 10): bins are closed above, the first also below.

    Raises:
        ValueError: lengths differ, or a value lies outside [0, 1].

    Source: Guo et al. 2017 (arXiv 1706.04599), equation 3.

    Example:
        >>> round(expected_calibration_error([0.9, 0.9], [1, 0]), 6)
        0.4
    """
    _, mean_confidence, accuracy, counts = calibration_bins(confidences, outcomes, num_bins=num_bins)
    filled = counts > 0
    gaps = np.abs(mean_confidence - accuracy)[filled]
    metric = {"ece": float(ratio((gaps * counts[filled]).sum(), counts.sum()))}
    return warn_undefined(metric, int(counts.sum()))["ece"]


def calibration_bins(
    confidences: ArrayLike, outcomes: ArrayLike, *, num_bins: int = 10
) -> tuple[Floats, Floats, Floats, Integers]:
    """Confidence against accuracy by bins, as a reliability diagram shows it.

    Takes the arguments of [`expected_calibration_error`].

    Returns:
        Bin edges `(num_bins + 1,)`; mean confidence and accuracy (NaN in an empty bin) and count, `(num_bins,)` each.
    """
    probabilities, hits = finite_pair(np.ravel(confidences), np.ravel(outcomes))
    for name, values in (("confidence", probabilities), ("outcome", hits)):
        if values.size and (values.min() < 0 or values.max() > 1):
            raise ValueError(f"Each {name} must lie in [0, 1], got values from {values.min()} to {values.max()}.")
    edges = np.linspace(0.0, 1.0, num_bins + 1)
    bins = np.clip(np.searchsorted(edges, probabilities, side="left") - 1, 0, num_bins - 1)
    counts = np.bincount(bins, minlength=num_bins)
    sums = (np.bincount(bins, weights=values, minlength=num_bins) for values in (probabilities, hits))
    mean_confidence, accuracy = (ratio(total, counts) for total in sums)
    return edges, mean_confidence, accuracy, counts
