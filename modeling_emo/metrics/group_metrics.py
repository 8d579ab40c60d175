"""Metrics of groups of utterances, and by how much the worst group falls short of the rest."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning

from configuration_emo.option_kinds import check_whole

from .compute_metrics import MetricFunction


# What groups are compared by: the first of these that is defined in each of them.
COMPARED = ("ua", "corr", "mean_ccc", "macro_f1", "mean_wf1", "wa", "mean_accuracy", "micro_f1", "mae", "mean_mae")
ERRORS = ("mae", "mean_mae")
# Smaller groups are listed, and are the worst only where all are small.
MIN_GROUP_SIZE = 10


class GroupMetrics(NamedTuple):
    """The groups of one kind, such as speakers.

    Args:
        metric (`str`): what they are compared by.
        sizes (`dict[str, int]`): utterances of each group.
        metrics (`dict[str, dict[str, float]]`): all metrics of each.
        worst (`str`): the group with the worst `metric`.
        rest (`float`): `metric` of all other utterances.
        difference (`float`): of the worst group minus the rest.
        interval (`(float, float)`): of the difference, 95 %.
        unknown (`int`): utterances of which the group is not known; they are in none.
    """

    metric: str
    sizes: dict[str, int]
    metrics: dict[str, dict[str, float]]
    worst: str
    rest: float
    difference: float
    interval: tuple[float, float]
    unknown: int


def group_metrics(
    metric_function: MetricFunction,
    predictions: ArrayLike,
    labels: ArrayLike,
    groups: Sequence[str | None],
    *,
    speakers: Sequence[str | None] | None = None,
    num_resamples: int = 1000,
    seed: int = 0,
) -> GroupMetrics | None:
    """Metrics by group, with the worst one against the rest.

    Groups are compared by the first of unweighted accuracy, correlation, CCC, F1, accuracy and error that is defined
    in each of them: few speakers show every class. The interval of the difference is a percentile bootstrap over
    speakers: of those of the worst group and of the rest each for themselves, or together where a speaker is on both
    sides. Where a side has one speaker, and where speakers are not known, utterances are drawn there. It says how much
    the difference owes to who was tested, not that the worst group was chosen by looking: of many groups one is always
    the worst.

    Args:
        metric_function (`Callable`): of [`metric_function_for`].
        predictions, labels (`array` of shape `(utterances, ...)`): what it takes.
        groups (sequence of `str`): of each utterance, None where it is not known.
        speakers (sequence of `str`, *optional*): of each utterance.
        num_resamples (`int`, defaults to 1000): of the bootstrap.
        seed (`int`, defaults to 0): of its draws.

    Returns:
        [`GroupMetrics`], or None where fewer than two groups are known.

    Raises:
        ValueError: lengths differ.

    Example:
        >>> import numpy as np
        >>> def accuracy(predicted, true):
        ...     return {"wa": float((predicted == true).mean())}
        >>> found = group_metrics(accuracy, [1, 1, 0, 0], [1, 1, 1, 0], ["f", "f", "m", "m"], num_resamples=50)
        >>> found.worst, found.metrics["m"]["wa"], found.difference
        ('m', 0.5, -0.5)
    """
    check_whole("num_resamples", num_resamples)
    predicted, truth = np.asarray(predictions), np.asarray(labels)
    if not len(predicted) == len(truth) == len(groups) or (speakers is not None and len(speakers) != len(groups)):
        raise ValueError(f"{len(predicted)} predictions, {len(truth)} labels and {len(groups)} groups do not fit.")
    names = list(dict.fromkeys(name for name in groups if name is not None))
    if len(names) < 2:
        return None
    rows = {name: np.array([index for index, group in enumerate(groups) if group == name]) for name in names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        metrics = {name: metric_function(predicted[of_it], truth[of_it]) for name, of_it in rows.items()}
        metric = _compared(metrics)
        sign = -1.0 if metric in ERRORS else 1.0
        large = [name for name in names if len(rows[name]) >= MIN_GROUP_SIZE] or names
        worst = min(large, key=lambda name: (_or_infinite(sign * metrics[name][metric]), name))
        others = np.concatenate([rows[name] for name in names if name != worst])

        def difference(of_worst: NDArray, of_rest: NDArray) -> tuple[float, float]:
            values = [metric_function(predicted[of_it], truth[of_it])[metric] for of_it in (of_worst, of_rest)]
            return values[1], values[0] - values[1]

        rest, gap = difference(rows[worst], others)
        draws = [
            difference(*drawn)[1]
            for drawn in _drawn(rows[worst], others, speakers, num_resamples, np.random.default_rng(seed))
        ]
    defined = [draw for draw in draws if not math.isnan(draw)]
    low, high = np.quantile(defined, [0.025, 0.975]).tolist() if defined else (math.nan, math.nan)
    sizes = {name: len(of_it) for name, of_it in rows.items()}
    return GroupMetrics(metric, sizes, metrics, worst, rest, gap, (low, high), sum(name is None for name in groups))


def terciles(values: Sequence[float | None], unit: str) -> list[str | None]:
    """Names of three groups of about equal size, by the size of a number; None where there is none.

    Args:
        values (sequence of `float`): None or NaN where the number is not known.
        unit (`str`): what it is counted in.

    Example:
        >>> terciles([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "s")[::2]
        ['up to 2.67 s', '2.67 to 4.33 s', 'over 4.33 s']
    """
    numbers = np.array([math.nan if value is None else float(value) for value in values])
    known = ~np.isnan(numbers)
    if not known.any():
        return [None] * len(numbers)
    low, high = np.quantile(numbers[known], [1 / 3, 2 / 3])
    # Where many numbers are the same there may be fewer groups.
    names = (f"up to {low:.3g} {unit}", f"{low:.3g} to {high:.3g} {unit}", f"over {high:.3g} {unit}")
    return [
        names[int(one > low) + int(one > high)] if is_known else None
        for one, is_known in zip(numbers, known, strict=True)
    ]


def _compared(metrics: Mapping[str, Mapping[str, float]]) -> str:
    first = next(iter(metrics.values()))
    there = [name for name in COMPARED if name in first]
    if not there:
        raise ValueError(f"None of {', '.join(COMPARED)} is among the metrics {', '.join(first)}.")
    everywhere = [name for name in there if all(math.isfinite(one[name]) for one in metrics.values())]
    return (everywhere or there)[0]


def _or_infinite(value: float) -> float:
    return math.inf if math.isnan(value) else value


def _drawn(worst: NDArray, rest: NDArray, speakers: Sequence[str | None] | None, count: int, generator):
    """Pairs of resampled rows."""
    of = None if speakers is None or any(one is None for one in speakers) else np.array(speakers, dtype=object)
    shared = of is not None and bool(set(of[worst]) & set(of[rest]))
    for _ in range(count):
        if of is None or not shared:
            yield tuple(_draw_side(side, of, generator) for side in (worst, rest))
            continue
        names = sorted(set(of[worst]) | set(of[rest]))
        drawn = [names[index] for index in generator.integers(len(names), size=len(names))]
        pair = tuple(np.concatenate([side[of[side] == name] for name in drawn]) for side in (worst, rest))
        if all(len(side) for side in pair):
            yield pair


def _draw_side(rows: NDArray, speakers: NDArray | None, generator: np.random.Generator) -> NDArray:
    names = [] if speakers is None else sorted(set(speakers[rows]))
    if len(names) < 2:
        return rows[generator.integers(len(rows), size=len(rows))]
    assert speakers is not None
    drawn = generator.integers(len(names), size=len(names))
    return np.concatenate([rows[speakers[rows] == names[index]] for index in drawn])
