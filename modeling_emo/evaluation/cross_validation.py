"""What a cross-validation says: metrics averaged over its folds and of its pooled predictions, over all its seeds.

The two differ and papers report either, so both are kept apart by name:

- *averaged*: the metric of each fold, then the mean over the folds. A fold in which the metric is not defined (a class
  that the speaker never shows) is left out of that metric's mean.
- *pooled*: the predictions of all folds put together, then the metric of them all at once.

With several seeds a run's metric is averaged over them in both; how much folds and seeds scatter is stated separately.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning

from configuration_emo.configuration_emobert import EmoBertConfig
from configuration_emo.option_kinds import check_whole
from configuration_emo.structured_text import read_json_object

from ..metrics.compute_metrics import MetricFunction, metric_function_for
from ..metrics.confusion import presence_rows
from ..metrics.intervals import bootstrap_intervals
from ..metrics.scores import label_names
from ..metrics.two_steps import TwoStepMetrics
from ..metrics.values import mean
from .predictions_csv import Predictions, read_predictions


@dataclass
class FoldPredictions:
    """What one training run predicted on its test fold.

    Args:
        fold (`str`): the tested fold.
        seed (`int`): of the training.
        predictions (`dict[str, Predictions]`): by condition (`both`, `text`, `speech`), the main one first.
        checkpoint_selection (`str`): how the evaluated checkpoint was chosen.
    """

    fold: str
    seed: int
    predictions: dict[str, Predictions]
    checkpoint_selection: str


@dataclass(frozen=True)
class Statistic:
    """One metric over folds and seeds; what is not defined is NaN.

    Args:
        mean (`float`): averaged over seeds (and folds).
        std_folds (`float`): sample standard deviation over the folds of each fold's mean over seeds; averaged only.
        std_seeds (`float`): sample standard deviation over the seeds.
        interval (`(float, float)`): 95 % bootstrap interval over speakers (utterances where they are not known) of the
            mean over seeds; pooled only.
    """

    mean: float
    std_folds: float = math.nan
    std_seeds: float = math.nan
    interval: tuple[float, float] = (math.nan, math.nan)


@dataclass
class ConditionResult:
    """All numbers of one input condition.

    Args:
        pooled_predictions (`dict[int, Predictions]`): of all folds, by seed; the same utterances in the same order.
        fold_sizes (`dict[str, int]`): utterances by fold.
        per_fold (`dict[str, dict[int, dict[str, float]]]`): metrics by fold and seed.
        averaged, pooled (`dict[str, Statistic]`): by metric.
        per_speaker (`dict[str, dict[str, Statistic]]`): metrics of each speaker's utterances; empty where speakers are
            not known.
        speaker_sizes (`dict[str, int]`): utterances by speaker.
        label_sizes (`dict[str, int]`): utterances by label.
    """

    pooled_predictions: dict[int, Predictions]
    fold_sizes: dict[str, int]
    per_fold: dict[str, dict[int, dict[str, float]]]
    averaged: dict[str, Statistic]
    pooled: dict[str, Statistic]
    per_speaker: dict[str, dict[str, Statistic]] = field(default_factory=dict)
    speaker_sizes: dict[str, int] = field(default_factory=dict)
    label_sizes: dict[str, int] = field(default_factory=dict)


def read_fold_predictions(folder: str | Path, config: EmoBertConfig) -> FoldPredictions:
    """The run whose evaluation (`write_evaluations`) is in a folder.

    Args:
        folder (`str` or `Path`): with `metrics.json` and the predictions files.
        config ([`EmoBertConfig`]): problem type and label names.

    Raises:
        ValueError: a file is missing, or of another fold-less evaluation.
    """
    folder = Path(folder)
    path = folder / "metrics.json"
    if not path.is_file():
        raise ValueError(f"{folder} holds no evaluation: there is no metrics.json.")
    record = read_json_object(path, "seed", "metrics", "checkpoint_selection")
    if record["seed"] is None:
        raise ValueError(f"{path} does not say of which seed it is: the model has no training record.")
    predictions = {
        name: read_predictions(folder / (f"predictions_{name}.csv" if index else "predictions.csv"), config)
        for index, name in enumerate(record["metrics"])
    }
    return FoldPredictions(str(record["fold"]), record["seed"], predictions, record["checkpoint_selection"])


def summarize_runs(
    runs: Sequence[FoldPredictions],
    config: EmoBertConfig,
    *,
    task: str | None = None,
    speakers: Mapping[str, str] | None = None,
    num_resamples: int = 1000,
) -> dict[str, ConditionResult]:
    """The numbers of a complete cross-validation, by condition.

    Args:
        runs (`list[FoldPredictions]`): one of every fold and seed.
        config ([`EmoBertConfig`]): problem type and labels.
        task (`str`, *optional*): set of metrics, see `compute_metrics_for`.
        speakers (`dict[str, str]`, *optional*): speaker by utterance id.
        num_resamples (`int`): bootstrap resamples.

    Raises:
        ValueError: there is no run, a (fold, seed) is missing or there twice, or an utterance is tested twice.

    Example:
        >>> results = summarize_runs(runs, config, speakers={"03a01Fa": "03"})  # doctest: +SKIP
        >>> results["both"].pooled["ua"].mean  # doctest: +SKIP
        0.75
    """
    check_whole("num_resamples", num_resamples)
    grid = _grid(runs)
    metric_function = metric_function_for(config, task)
    results = {}
    with warnings.catch_warnings():
        # A speaker seldom shows every class: what is undefined is NaN in the numbers below, by name.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        for condition in runs[0].predictions:
            results[condition] = _summarize_condition(
                {
                    fold: {seed: run.predictions[condition] for seed, run in seeds.items()}
                    for fold, seeds in grid.items()
                },
                config,
                metric_function,
                speakers,
                num_resamples,
            )
    return results


def metrics_by_label(metrics: Mapping[str, Statistic], names: Sequence[str]) -> dict[str, dict[str, Statistic]]:
    """The metrics that belong to a label (`recall_anger`), by label and by the metric's name without it."""
    found: dict[str, dict[str, Statistic]] = {}
    for metric, value in metrics.items():
        name = _label_of(metric, names)
        if name is not None:
            found.setdefault(name, {})[metric.removesuffix(f"_{name}")] = value
    return {name: found[name] for name in names if name in found}


def overall_metrics(metrics: Sequence[str] | Mapping[str, object], names: Sequence[str]) -> list[str]:
    """The metrics that belong to no single label."""
    return [metric for metric in metrics if _label_of(metric, names) is None]


def _grid(runs: Sequence[FoldPredictions]) -> dict[str, dict[int, FoldPredictions]]:
    """Runs by fold and seed, complete."""
    if not runs:
        raise ValueError("There is no run to summarise.")
    grid: dict[str, dict[int, FoldPredictions]] = {}
    for run in runs:
        if run.seed in grid.setdefault(run.fold, {}):
            raise ValueError(f"Fold {run.fold!r}, seed {run.seed} is there twice.")
        if list(run.predictions) != list(runs[0].predictions):
            raise ValueError(
                f"Fold {run.fold!r}, seed {run.seed} was evaluated with {', '.join(run.predictions)}, the first run "
                f"with {', '.join(runs[0].predictions)}: evaluate all with the same modalities."
            )
        grid[run.fold][run.seed] = run
    seeds = sorted({run.seed for run in runs})
    missing = [f"fold {fold!r}, seed {seed}" for fold in grid for seed in seeds if seed not in grid[fold]]
    if missing:
        raise ValueError(f"Results would be of some runs only; missing: {'; '.join(missing)}.")
    return {fold: {seed: grid[fold][seed] for seed in seeds} for fold in grid}


def _summarize_condition(
    grid: Mapping[str, Mapping[int, Predictions]],
    config: EmoBertConfig,
    metric_function: TwoStepMetrics,
    speakers: Mapping[str, str] | None,
    num_resamples: int,
) -> ConditionResult:
    per_fold = {
        fold: {seed: metric_function(one.logits, one.labels) for seed, one in seeds.items()}
        for fold, seeds in grid.items()
    }
    pooled = _pool(grid)
    first = next(iter(pooled.values()))
    logits = np.stack([one.logits for one in pooled.values()], axis=1)  # (utterances, seeds, labels[, 2])

    known = speakers is not None and all(speakers.get(one) is not None for one in first.ids)
    groups = np.array([speakers[one] for one in first.ids]) if speakers is not None and known else None
    intervals = bootstrap_intervals(
        _mean_over_seeds(metric_function), logits, first.labels, n_resamples=num_resamples, groups=groups
    )
    names = label_names(config)
    result = ConditionResult(
        pooled_predictions=pooled,
        fold_sizes={fold: len(next(iter(seeds.values())).ids) for fold, seeds in grid.items()},
        per_fold=per_fold,
        averaged=_averaged(per_fold),
        pooled=_over_seeds(metric_function, logits, first.labels, intervals),
        label_sizes=_label_sizes(first.labels, config, names),
    )
    if groups is not None:
        for speaker in sorted(set(groups.tolist())):
            rows = np.flatnonzero(groups == speaker)
            result.per_speaker[speaker] = _over_seeds(metric_function, logits[rows], first.labels[rows])
            result.speaker_sizes[speaker] = len(rows)
    return result


def _pool(grid: Mapping[str, Mapping[int, Predictions]]) -> dict[int, Predictions]:
    """The predictions of all folds, by seed."""
    pooled: dict[int, Predictions] = {}
    for seed in next(iter(grid.values())):
        parts = [seeds[seed] for seeds in grid.values()]
        ids = [one for part in parts for one in part.ids]
        repeated = sorted({one for one in ids if ids.count(one) > 1}) if len(set(ids)) < len(ids) else []
        if repeated:
            raise ValueError(f"{len(repeated)} utterances are tested in several folds, the first is {repeated[0]!r}.")
        pooled[seed] = Predictions(
            ids, np.concatenate([part.logits for part in parts]), np.concatenate([part.labels for part in parts])
        )
        if ids != next(iter(pooled.values())).ids:
            raise ValueError(f"Seed {seed} tested other utterances than the first seed.")
    return pooled


def _averaged(per_fold: Mapping[str, Mapping[int, Mapping[str, float]]]) -> dict[str, Statistic]:
    runs = [list(seeds.values()) for seeds in per_fold.values()]
    statistics = {}
    for metric in runs[0][0]:
        values = np.array([[run[metric] for run in seeds] for seeds in runs])  # (folds, seeds)
        by_fold, by_seed = ([_mean(row) for row in rows] for rows in (values, values.T))
        statistics[metric] = Statistic(_mean(by_fold), _std(by_fold), _std(by_seed))
    return statistics


def _mean_over_seeds(metric_function: TwoStepMetrics) -> TwoStepMetrics:
    """The mean of the seeds' metrics, of logits `(utterances, seeds, labels[, 2])`."""

    def decide(logits: NDArray, labels: NDArray) -> tuple[NDArray, NDArray] | None:
        decided = [metric_function.decide(logits[:, index], labels) for index in range(logits.shape[1])]
        known = [pair for pair in decided if pair is not None]
        if len(known) < len(decided):
            return None
        return np.stack([predicted for predicted, _ in known], axis=1), known[0][1]

    def mean_of(function: MetricFunction) -> MetricFunction:
        return lambda predicted, truth: _mean_metrics(
            [function(predicted[:, index], truth) for index in range(predicted.shape[1])]
        )

    return TwoStepMetrics(decide, mean_of(metric_function.score), mean_of(metric_function))


def _over_seeds(
    metric_function: MetricFunction,
    logits: NDArray,
    labels: NDArray,
    intervals: Mapping[str, tuple[float, float]] | None = None,
) -> dict[str, Statistic]:
    """Metrics of predictions of shape `(utterances, seeds, ...)`."""
    by_seed = [metric_function(logits[:, index], labels) for index in range(logits.shape[1])]
    undefined = (math.nan, math.nan)
    return {
        metric: Statistic(
            mean=_mean([metrics[metric] for metrics in by_seed]),
            std_seeds=_std([metrics[metric] for metrics in by_seed]),
            interval=(intervals or {}).get(metric, undefined),
        )
        for metric in by_seed[0]
    }


def _mean_metrics(by_seed: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {metric: _mean([metrics[metric] for metrics in by_seed]) for metric in by_seed[0]}


def _label_sizes(labels: NDArray, config: EmoBertConfig, names: Sequence[str]) -> dict[str, int]:
    if not config.problem.has_classes:
        return dict.fromkeys(names, len(labels))
    counts = presence_rows(labels, len(names)).sum(axis=0)
    return {name: int(count) for name, count in zip(names, counts, strict=True)}


def _label_of(metric: str, names: Sequence[str]) -> str | None:
    fitting = [name for name in names if metric.endswith(f"_{name}")]
    return max(fitting, key=len) if fitting else None


def _defined(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    return array[~np.isnan(array)]


def _mean(values: ArrayLike) -> float:
    return mean(_defined(values))


def _std(values: ArrayLike) -> float:
    """Sample standard deviation; NaN of fewer than two values."""
    defined = _defined(values)
    return float(defined.std(ddof=1)) if defined.size > 1 else math.nan
