"""`compute_metrics` for the Trainer: which metrics belong to which model and corpus."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning
from transformers import EvalPrediction

from configuration_emo.configuration_emobert import EmoBertConfig

from .confusion import presence_rows
from .scores import DECISION_THRESHOLD, label_names, predictions_to_scores
from .task_metrics import (
    MOSI_RANGE,
    dimensional_metrics,
    emotion_metrics,
    multi_label_metrics,
    one_vs_rest_metrics,
    sentiment_metrics,
)


MetricFunction = Callable[[NDArray, NDArray], dict[str, float]]

# Each task, and the problem types whose logits it can be computed from.
TASK_PROBLEM_TYPES = {
    "sentiment": ("regression",),
    "emotion": ("single_label_classification", "one_vs_rest_classification"),
    "one_vs_rest": ("one_vs_rest_classification",),
    "multi_label": ("multi_label_classification",),
    "dimensional": ("regression",),
}

CORPUS_TASKS = {
    "emodb": "emotion",
    "iemocap": "emotion",
    "iemocap_dimensional": "dimensional",
    "iemocap_one_vs_rest": "one_vs_rest",
    "meld": "emotion",
    "mosei": "sentiment",
    "mosei_emotions": "multi_label",
    "mosi": "sentiment",
    "spoken_sentiment": "sentiment",
}

CORPUS_SCORE_RANGES = {"mosei": (-3.0, 3.0), "mosi": (-3.0, 3.0), "spoken_sentiment": (-4.0, 4.0)}


def compute_metrics_for(
    config: EmoBertConfig, task: str | None = None
) -> Callable[[EvalPrediction], dict[str, float]]:
    """The Trainer's `compute_metrics` for a model, over the whole split at once.

    Args:
        config ([`EmoBertConfig`]): its `problem_type`, `num_labels`, `id2label` and `label_range`.
        task (`str`, *optional*): a task (`sentiment`, `emotion`, `one_vs_rest`, `multi_label`, `dimensional`) or a
            corpus (`mosi`, `mosei`, `mosei_emotions`, `iemocap`, `iemocap_one_vs_rest`, `iemocap_dimensional`, `meld`,
            `emodb`, `spoken_sentiment`). By default it follows from `problem_type`: regression of one score is
            `sentiment`, of several `dimensional`.

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


def metric_function_for(config: EmoBertConfig, task: str | None = None) -> MetricFunction:
    """The same metrics as [`compute_metrics_for`] as a function of two arrays, for example for `bootstrap_intervals`.

    Returns:
        A function of logits `(utterances, num_labels[, 2])` and labels, which returns a flat dict of floats.
    """
    chosen = _task_of(config, task)
    names = label_names(config)
    low, high = config.label_range or CORPUS_SCORE_RANGES.get(task or "", MOSI_RANGE)

    def metric_function(logits: ArrayLike, labels: ArrayLike) -> dict[str, float]:
        values = np.asarray(logits, dtype=np.float64)
        if chosen == "dimensional":
            return dimensional_metrics(values, labels, names)
        if chosen == "one_vs_rest":
            return one_vs_rest_metrics(values, labels, names)
        scores = predictions_to_scores(values, config)
        if chosen == "sentiment":
            return sentiment_metrics(scores, labels, score_range=(low, high))
        if chosen == "multi_label":
            return multi_label_metrics(scores, labels, names, threshold=DECISION_THRESHOLD)
        return emotion_metrics(scores.argmax(axis=-1), _single_emotion(labels, len(names)), names)

    def metric_function_of_any_logits(logits: NDArray, labels: NDArray) -> dict[str, float]:
        finite = np.isfinite(logits)
        if finite.all():
            return metric_function(logits, labels)
        warnings.warn(
            f"{int((~finite).sum())} of {finite.size} logits are not finite: the model diverged, so "
            "every metric is NaN.",
            UndefinedMetricWarning,
            stacklevel=2,
        )
        return dict.fromkeys(metric_function(np.where(finite, logits, 0.0), labels), float("nan"))

    return metric_function_of_any_logits


def _task_of(config: EmoBertConfig, task: str | None) -> str:
    """The task by its own name, by a corpus or by the problem type."""
    if task is None:
        default = {
            "regression": "sentiment" if config.num_labels == 1 else "dimensional",
            "single_label_classification": "emotion",
            "multi_label_classification": "multi_label",
            "one_vs_rest_classification": "one_vs_rest",
        }
        chosen = default.get(config.problem_type or "")
        if chosen is None:
            raise ValueError(f"config.problem_type={config.problem_type!r} must be one of {', '.join(default)}.")
        return chosen
    chosen = CORPUS_TASKS.get(task, task)
    if chosen not in TASK_PROBLEM_TYPES:
        valid = ", ".join([*TASK_PROBLEM_TYPES, *CORPUS_TASKS])
        raise ValueError(f"There are no metrics for the task {task!r}: choose one of {valid}.")
    if config.problem_type not in TASK_PROBLEM_TYPES[chosen]:
        raise ValueError(
            f"The metrics of {task!r} need a model whose problem_type is "
            f"{' or '.join(TASK_PROBLEM_TYPES[chosen])}, this one's is {config.problem_type!r}."
        )
    if chosen == "sentiment" and config.num_labels != 1:
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
