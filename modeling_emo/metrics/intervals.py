"""Confidence intervals of metrics by bootstrap: how much a number owes to which utterances happened to be tested."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning

from configuration_emo.option_kinds import check_whole

from .compute_metrics import MetricFunction
from .two_steps import TwoStepMetrics


def bootstrap_intervals(
    metric_function: MetricFunction,
    predictions: ArrayLike,
    labels: ArrayLike,
    *,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    groups: ArrayLike | None = None,
) -> dict[str, tuple[float, float]]:
    """Percentile bootstrap intervals of every metric that a function returns.

    Utterances are drawn with replacement, each with its prediction and its label. With `groups`, whole groups are
    drawn instead (cluster bootstrap): utterances of one speaker are alike, so intervals over utterances are too narrow
    for "another speaker". They describe the choice of test items only, not that of the training seed.

    Args:
        metric_function (`Callable`): takes predictions and labels of equal length and returns a flat dict of floats.
            Of a [`TwoStepMetrics`], as [`metric_function_for`] gives, the first step is taken once.
        predictions (`array` of shape `(utterances, ...)`): what `metric_function` takes first.
        labels (`array` of shape `(utterances, ...)`): what `metric_function` takes second.
        n_resamples (`int`, defaults to 1000): how many times to draw.
        confidence (`float`, defaults to 0.95): the share of resamples inside the interval.
        seed (`int`, defaults to 0): of the draws; the same seed gives the same intervals.
        groups (`array` of shape `(utterances,)`, *optional*): the speaker (or session) of each utterance.

    Returns:
        `dict[str, tuple[float, float]]`: lower and upper bound by metric, over the resamples in which the metric is
        defined; (NaN, NaN) where it is in none.

    Raises:
        ValueError: lengths differ, there is nothing to draw from, or an option is outside its range.

    Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13.

    Example:
        >>> from modeling_emo import sentiment_metrics
        >>> low, high = bootstrap_intervals(sentiment_metrics, [1.0, 2.0, -1.0], [1.5, 2.0, -2.0])["mae"]
        >>> low, high
        (0.0, 1.0)
    """
    check_whole("n_resamples", n_resamples)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence} must lie between 0 and 1, for example 0.95.")
    predicted, truth = np.asarray(predictions), np.asarray(labels)
    members = _group_members(len(truth), groups)
    if not len(predicted) == len(truth) > 0:
        raise ValueError(
            f"There are {len(predicted)} predictions and {len(truth)} labels: as many of both, one or more."
        )

    decided = metric_function.decide(predicted, truth) if isinstance(metric_function, TwoStepMetrics) else None
    if isinstance(metric_function, TwoStepMetrics) and decided is not None:
        predicted, truth = decided
        metric_function = metric_function.score

    generator = np.random.default_rng(seed)
    values: dict[str, list[float]] = {}
    with warnings.catch_warnings():
        # A rare class is missing from many resamples; those are left out of its interval below.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        for _ in range(n_resamples):
            rows = _draw(members, len(truth), generator)
            for name, value in metric_function(predicted[rows], truth[rows]).items():
                values.setdefault(name, []).append(value)
    return {name: _percentile_interval(np.array(draws), confidence) for name, draws in values.items()}


def _group_members(num_rows: int, groups: ArrayLike | None) -> list[NDArray[np.intp]] | None:
    """The row numbers of each group, or None where every row is drawn on its own."""
    if groups is None:
        return None
    names = np.asarray(groups)
    if len(names) != num_rows:
        raise ValueError(f"There are {len(names)} groups for {num_rows} labels: give one per utterance.")
    _, inverse = np.unique(names, return_inverse=True)
    return [np.flatnonzero(inverse == group) for group in range(inverse.max() + 1)] if num_rows else []


def _draw(members: list[NDArray[np.intp]] | None, num_rows: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """Row numbers of one resample."""
    if members is None:
        return generator.integers(num_rows, size=num_rows)
    return np.concatenate([members[group] for group in generator.integers(len(members), size=len(members))])


def _percentile_interval(draws: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    defined = draws[~np.isnan(draws)]
    if defined.size == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
