"""What abstaining buys: accuracy over the part of the utterances that a classifier is sure of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .values import finite_pair


class CoveragePoint(NamedTuple):
    """What is left of the utterances at one threshold.

    Args:
        threshold (`float`): the smallest confidence that still gets a label.
        coverage (`float`): the share of utterances with a label.
        accuracy (`float`): the share of these that is right; NaN where there are none.
    """

    threshold: float
    coverage: float
    accuracy: float


def risk_coverage(confidences: ArrayLike, correct: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Share of wrong labels over the share of labelled utterances, the surest first.

    Args:
        confidences (`array` of shape `(utterances,)`): probabilities of what was predicted.
        correct (`array` of shape `(utterances,)`): 1 where it was right, else 0.

    Returns:
        Coverage and risk, `(points,)` each: a point for each different confidence; equal ones are labelled together.

    Raises:
        ValueError: there are none, or lengths differ.

    Source: El-Yaniv and Wiener, JMLR 2010 (selective classification).

    Example:
        >>> coverage, risk = risk_coverage([0.9, 0.8, 0.6, 0.6], [1, 1, 0, 1])
        >>> coverage.tolist(), risk.tolist()
        ([0.25, 0.5, 1.0], [0.0, 0.0, 0.25])
    """
    stated, right = finite_pair(np.ravel(confidences), np.ravel(correct))
    if not len(stated):
        raise ValueError("There are no predictions: nothing is covered.")
    order = np.argsort(-stated, kind="stable")
    stated, wrong = stated[order], 1.0 - right[order]
    counts = np.arange(1, len(stated) + 1)
    last = np.append(np.diff(stated) != 0, True)
    return (counts / len(stated))[last], (np.cumsum(wrong) / counts)[last]


def area_under_risk_coverage(confidences: ArrayLike, correct: ArrayLike) -> float:
    """The mean risk over all coverages (AURC); lower is better, and that of a coin's confidence is the error rate.

    Takes and raises what [`risk_coverage`] does. Equal confidences count with the risk of all of them.

    Example:
        >>> area_under_risk_coverage([0.9, 0.8, 0.6, 0.6], [1, 1, 0, 1])
        0.125
    """
    coverage, risk = risk_coverage(confidences, correct)
    return float((np.diff(coverage, prepend=0.0) * risk).sum())


def coverage_points(
    confidences: ArrayLike, correct: ArrayLike, thresholds: ArrayLike = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9)
) -> list[CoveragePoint]:
    """Coverage and accuracy where a label is given from each of these confidences on.

    Example:
        >>> coverage_points([0.9, 0.8, 0.6, 0.6], [1, 1, 0, 1], [0.7])
        [CoveragePoint(threshold=0.7, coverage=0.5, accuracy=1.0)]
    """
    stated, right = finite_pair(np.ravel(confidences), np.ravel(correct))
    points = []
    for threshold in np.ravel(thresholds).tolist():
        labelled = stated >= threshold
        accuracy = float(right[labelled].mean()) if labelled.any() else float("nan")
        points.append(CoveragePoint(threshold, float(labelled.mean()), accuracy))
    return points
