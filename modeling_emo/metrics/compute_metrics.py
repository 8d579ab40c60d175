"""`compute_metrics` for the Trainer: which metrics belong to which model and corpus."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning
from transformers import EvalPrediction

from configuration_emo.configuration_emobert import EmoBertConfig
from configuration_emo.corpora import CORPORA, corpus_of_task
from configuration_emo.problem_types import PROBLEM_TYPES

from .confusion import presence_rows
from .scores import DECISION_THRESHOLD, label_names, predictions_to_scores
from .task_metrics import (
    dimensional_metrics,
    emotion_metrics,
    multi_label_decisions,
    one_vs_rest_decisions,
    per_label_metrics,
    presence_metrics,
    sentiment_metrics,
)
from .two_steps import TwoStepMetrics
from .values import Floats


MetricFunction = Callable[[NDArray, NDArray], dict[str, float]]
ScoreRange = tuple[float, float] | None

# The sets of metrics that are of one score only.
OF_ONE_SCORE = frozenset({"sentiment"})


def compute_metrics_for(
    config: EmoBertConfig, task: str | None = None
) -> Callable[[EvalPrediction], dict[str, float]]:
    """The Trainer's `compute_metrics` for a model, over the whole split at once.

    Args:
        config ([`EmoBertConfig`]): its `problem_type`, `num_labels`, `id2label` and `label_range`.
        task (`str`, *optional*): a task (`sentiment`, `emotion`, `one_vs_rest`, `multi_label`, `dimensional`) or a
            corpus (`mosi`, `mosei`, `mosei_emotions`, `iemocap`, `iemocap_one_vs_rest`, `iemocap_dimensional`, `meld`,
            `emodb`, `spoken_sentiment`). By default it follows from `problem_type`: regression of one score is
            `sentiment`, of several `dimensional`. The accuracies of `sentiment` need a scale: the model's
            `label_range`, or that of the corpus; without it there are `mae` and `corr` only.

    Returns:
        A callable that takes an `EvalPrediction`, whose `predictions` are the logits or a tuple that begins with
        them, and returns a flat dict of floats (see `task_metrics`). Logits that are not finite, of a model that
        diverged, give NaN and a warning.

    Raises:
        ValueError: the task is unknown or cannot be computed from this problem type; later, when called, shapes or
            labels that do not fit the configuration.

    Example:
        >>> import numpy as np
        >>> from transformers import EvalPrediction
        >>> from configuration_emo import EmoBertConfig
        >>> config = EmoBertConfig(problem_type="regression", num_labels=1, label_range=[-4.0, 4.0])
        >>> compute_metrics = compute_metrics_for(config)
        >>> compute_metrics(EvalPrediction(np.array([[1.5], [-2.0]]), np.array([1.0, -2.5])))["mae"]
        0.5
    """
    metric_function = metric_function_for(config, task)

    def compute_metrics(evaluation: EvalPrediction) -> dict[str, float]:
        logits = evaluation.predictions
        return metric_function(logits[0] if isinstance(logits, tuple) else logits, _only_labels(evaluation.label_ids))

    return compute_metrics


def metric_function_for(config: EmoBertConfig, task: str | None = None) -> TwoStepMetrics:
    """The same metrics as [`compute_metrics_for`] as a function of two arrays, for example for `bootstrap_intervals`.

    Returns:
        [`TwoStepMetrics`], a function of logits `(utterances, num_labels[, 2])` and labels, which returns a flat dict
        of floats.
    """
    metrics_of = _METRIC_SETS[_metric_set(config, task)]
    score_range = _score_range(config, task)

    def decide(logits: NDArray, labels: NDArray) -> tuple[NDArray, NDArray] | None:
        values = np.asarray(logits, dtype=np.float64)
        return metrics_of.decide(values, labels, config) if np.isfinite(values).all() else None

    def score(predicted: NDArray, truth: NDArray) -> dict[str, float]:
        return metrics_of.score(predicted, truth, config, score_range)

    def undefined(logits: NDArray, labels: NDArray) -> dict[str, float]:
        values = np.asarray(logits, dtype=np.float64)
        finite = np.isfinite(values)
        warnings.warn(
            f"{int((~finite).sum())} of {finite.size} logits are not finite: the model diverged, so "
            "every metric is NaN.",
            UndefinedMetricWarning,
            stacklevel=3,
        )
        zeroed = np.where(finite, values, 0.0)
        return dict.fromkeys(score(*metrics_of.decide(zeroed, labels, config)), float("nan"))

    return TwoStepMetrics(decide, score, undefined)


class _MetricSet(NamedTuple):
    """Logits and labels to what is predicted and true of each utterance, and that to metrics."""

    decide: Callable[[Floats, ArrayLike, EmoBertConfig], tuple[NDArray, NDArray]]
    score: Callable[[NDArray, NDArray, EmoBertConfig, ScoreRange], dict[str, float]]


def _scores(logits: Floats, labels: ArrayLike, config: EmoBertConfig) -> tuple[NDArray, NDArray]:
    return predictions_to_scores(logits, config), np.asarray(labels)


def _most_probable(logits: Floats, labels: ArrayLike, config: EmoBertConfig) -> tuple[NDArray, NDArray]:
    predicted = predictions_to_scores(logits, config).argmax(axis=-1)
    return predicted, _single_emotion(labels, cast(int, config.num_labels))


def _presence(logits: Floats, labels: ArrayLike, config: EmoBertConfig) -> tuple[NDArray, NDArray]:
    return one_vs_rest_decisions(logits, labels, cast(int, config.num_labels))


def _probable(logits: Floats, labels: ArrayLike, config: EmoBertConfig) -> tuple[NDArray, NDArray]:
    scores = predictions_to_scores(logits, config)
    return multi_label_decisions(scores, labels, cast(int, config.num_labels), threshold=DECISION_THRESHOLD)


def _sentiment(predicted: NDArray, truth: NDArray, config: EmoBertConfig, score_range: ScoreRange) -> dict[str, float]:
    return sentiment_metrics(predicted, truth, score_range=score_range)


def _by_name(metrics: Callable[..., dict[str, float]]) -> Callable[..., dict[str, float]]:
    return lambda predicted, truth, config, _: metrics(predicted, truth, label_names(config))


_METRIC_SETS: Mapping[str, _MetricSet] = MappingProxyType(
    {
        "sentiment": _MetricSet(_scores, _sentiment),
        "emotion": _MetricSet(_most_probable, _by_name(emotion_metrics)),
        "one_vs_rest": _MetricSet(_presence, _by_name(per_label_metrics)),
        "multi_label": _MetricSet(_probable, _by_name(presence_metrics)),
        "dimensional": _MetricSet(_scores, _by_name(dimensional_metrics)),
    }
)


def _score_range(config: EmoBertConfig, task: str | None) -> ScoreRange:
    """The scale of the scores: the model's, or else the corpus's; None where neither states it."""
    if config.label_range is not None:
        low, high = config.label_range
        return float(low), float(high)
    corpus = corpus_of_task(task)
    return None if corpus is None else corpus.score_range


def _metric_set(config: EmoBertConfig, task: str | None) -> str:
    """The set of metrics by its own name, by a corpus's task or by the problem type."""
    sets = config.problem.metrics
    if task is None:
        return next(name for name in sets if config.num_labels == 1 or name not in OF_ONE_SCORE)
    corpus = corpus_of_task(task)
    chosen = task if corpus is None else corpus.metrics[task]
    if chosen not in _METRIC_SETS:
        valid = ", ".join([*_METRIC_SETS, *(name for corpus in CORPORA.values() for name in corpus.metrics)])
        raise ValueError(f"There are no metrics for the task {task!r}: choose one of {valid}.")
    if chosen not in sets:
        fitting = [problem.name for problem in PROBLEM_TYPES.values() if chosen in problem.metrics]
        raise ValueError(
            f"The metrics of {task!r} need a model whose problem_type is "
            f"{' or '.join(fitting)}, this one's is {config.problem_type!r}."
        )
    if chosen in OF_ONE_SCORE and config.num_labels != 1:
        raise ValueError(f"The metrics of {task!r} are of one score, this model predicts {config.num_labels}.")
    return chosen


def _only_labels(label_ids: NDArray | tuple[NDArray, ...] | None) -> NDArray:
    labels = label_ids[0] if isinstance(label_ids, tuple) and len(label_ids) == 1 else label_ids
    if labels is None or isinstance(labels, tuple):
        raise ValueError("Metrics need the labels of every utterance as one array: evaluate on a labelled split.")
    return labels


def _single_emotion(labels: ArrayLike, num_labels: int) -> NDArray:
    """Class indices `(utterances,)`, also from rows of 0 and 1 with exactly one 1."""
    rows = presence_rows(labels, num_labels)
    if (rows.sum(axis=1) != 1).any():
        raise ValueError("Metrics of one emotion per utterance need exactly one emotion in each row of labels.")
    return rows.argmax(axis=1)
