"""From logits to scores, predicted labels and confidences, by the configuration's `problem_type`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import from_numpy

from configuration_emo.configuration_emobert import EmoBertConfig
from configuration_emo.configuration_emotion2vec import Emotion2VecConfig

from .confusion import presence_rows
from .values import Floats


DECISION_THRESHOLD = 0.5


def _log(probabilities: Floats) -> Floats:
    """The logarithm, finite also of 0."""
    return np.log(np.maximum(probabilities, np.finfo(np.float64).tiny))


# From logits to scores and back, by `ProblemType.activation`.
ACTIVATIONS: Mapping[str, Callable[[Floats], Floats]] = MappingProxyType(
    {
        "softmax": lambda logits: from_numpy(logits).softmax(-1).numpy(),
        "sigmoid": lambda logits: from_numpy(logits).sigmoid().numpy(),
        "softmax_of_two": lambda logits: from_numpy(logits).softmax(-1).numpy()[..., 1],
        "identity": lambda logits: logits,
    }
)
INVERSE_ACTIVATIONS: Mapping[str, Callable[[Floats], Floats]] = MappingProxyType(
    {
        "softmax": _log,
        "sigmoid": lambda scores: _log(scores) - _log(1 - scores),
        "softmax_of_two": lambda scores: np.stack([_log(1 - scores), _log(scores)], axis=-1),
        "identity": lambda scores: scores,
    }
)


def predictions_to_scores(logits: ArrayLike, config: EmoBertConfig | Emotion2VecConfig) -> Floats:
    """One score per utterance and label.

    Args:
        logits (`array` of shape `(utterances, num_labels)`, or `(utterances, num_labels, 2)` for one-vs-rest).
        config ([`EmoBertConfig`] or [`Emotion2VecConfig`]): its `problem_type` and `num_labels`.

    Returns:
        `array` of shape `(utterances, num_labels)`, float64: probabilities that sum to 1 over the labels
        (`single_label_classification`), one probability of presence per label (`multi_label_classification`,
        `one_vs_rest_classification`), or the predicted values in the corpus's own units (`regression`). Logits of
        classes are divided by the configuration's `temperature`, if it has one.

    Raises:
        ValueError: the logits do not have the shape that the problem type asks for.

    Example:
        >>> from configuration_emo import EmoBertConfig
        >>> config = EmoBertConfig(problem_type="multi_label_classification", num_labels=2)
        >>> predictions_to_scores([[0.0, 0.0]], config)
        array([[0.5, 0.5]])
    """
    values = np.asarray(logits, dtype=np.float64)
    of_label = config.problem.logits_per_label
    expected: tuple[Any, ...] = (config.num_labels, of_label) if of_label > 1 else (config.num_labels,)
    if values.shape[1:] != expected:
        shape = ", ".join(map(str, expected))
        raise ValueError(f"{config.problem.name} has logits of shape (utterances, {shape}), got {values.shape}.")
    return scores_at_temperature(values, config, getattr(config, "temperature", None) or 1.0)


def scores_at_temperature(logits: Floats, config: EmoBertConfig | Emotion2VecConfig, temperature: float) -> Floats:
    """[`predictions_to_scores`] at another temperature than the configuration's; predicted values have none."""
    if config.problem.has_classes:
        logits = logits / temperature
    return ACTIVATIONS[config.problem.activation](logits)


def label_names(config: EmoBertConfig | Emotion2VecConfig) -> list[str]:
    """The configuration's label names in the order of the logits."""
    return [name for _, name in sorted((int(index), name) for index, name in (config.id2label or {}).items())]


def chance_of(config: EmoBertConfig, metric: str) -> float | None:
    """What guessing reaches in a metric, None where that depends on the data.

    Args:
        config ([`EmoBertConfig`]): of the model.
        metric (`str`): its name.

    Example:
        >>> chance_of(EmoBertConfig(num_labels=4), "ua")
        0.25
    """
    if metric == "ua" and config.problem.is_exclusive:
        return 1 / len(label_names(config))
    return config.problem.chance if metric == config.problem.headline else None


def scores_to_logits(scores: ArrayLike, config: EmoBertConfig) -> Floats:
    """Logits that [`predictions_to_scores`] turns into these scores again; its inverse but for a constant.

    Args:
        scores (`array` of shape `(utterances, num_labels)`): probabilities, or predicted values (`regression`).
        config ([`EmoBertConfig`]): its `problem_type`.

    Returns:
        `array` of shape `(utterances, num_labels)`, or `(utterances, num_labels, 2)` for one-vs-rest, float64 and
        finite: a probability of 0 counts as the smallest float.

    Example:
        >>> from configuration_emo import EmoBertConfig
        >>> config = EmoBertConfig(problem_type="multi_label_classification", num_labels=2)
        >>> scores_to_logits([[0.5, 0.5]], config)
        array([[0., 0.]])
    """
    values = np.asarray(scores, dtype=np.float64)
    logits = INVERSE_ACTIVATIONS[config.problem.activation](values)
    return logits * (config.temperature or 1.0)  # which scores of a regression do not have


def scores_to_labels(scores: ArrayLike, config: EmoBertConfig) -> list[str] | list[list[str]] | list[list[float]]:
    """What is predicted for each utterance.

    Args:
        scores (`array` of shape `(utterances, num_labels)`): of [`predictions_to_scores`].
        config ([`EmoBertConfig`]): its `problem_type` and `id2label`.

    Returns:
        One entry per utterance: the most probable label (`single_label_classification`,
        `one_vs_rest_classification`), the labels whose probability is above 0.5 (`multi_label_classification`), or
        the values of all labels (`regression`).

    Example:
        >>> from configuration_emo import EmoBertConfig
        >>> config = EmoBertConfig(id2label={0: "angry", 1: "happy"})
        >>> scores_to_labels([[0.2, 0.8]], config)
        ['happy']
    """
    names = label_names(config)
    values = np.asarray(scores, dtype=np.float64).reshape(-1, len(names))
    if config.problem.predicts == "scores":
        return values.tolist()
    if config.problem.predicts == "probable":
        return [[names[index] for index in np.flatnonzero(row > DECISION_THRESHOLD)] for row in values]
    return [names[index] for index in values.argmax(axis=-1)]


def confidences_and_outcomes(
    scores: ArrayLike, labels: ArrayLike, config: EmoBertConfig
) -> tuple[Floats, NDArray[np.bool_]]:
    """The probabilities that a classifier stated, and whether it was so: what a reliability diagram compares.

    Args:
        scores (`array` of shape `(utterances, num_labels)`): of [`predictions_to_scores`].
        labels (`array` of shape `(utterances,)` or `(utterances, num_labels)`): class indices, or rows of 0 and 1.
        config ([`EmoBertConfig`]): its `problem_type`.

    Returns:
        Two arrays of shape `(decisions,)`. `single_label_classification`: the probability of the predicted class, and
        whether it is the true one. `multi_label_classification` and `one_vs_rest_classification`: the probability of
        every label, and whether it is present.

    Raises:
        ValueError: `problem_type` is `regression`, which states no probability.
    """
    if not config.problem.has_classes:
        raise ValueError(
            f"problem_type={config.problem_type!r} states no probabilities, so there is no calibration to look at."
        )
    values = np.asarray(scores, dtype=np.float64)
    truth = presence_rows(labels, values.shape[1])
    if not config.problem.is_exclusive:
        return values.ravel(), truth.ravel()
    rows, winners = np.arange(len(values)), values.argmax(axis=-1)
    return values[rows, winners], truth[rows, winners]
