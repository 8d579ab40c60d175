"""Temperature scaling: probabilities that are as often right as they say."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from configuration_emo.configuration_emobert import EmoBertConfig

from .calibration import expected_calibration_error
from .confusion import presence_rows
from .scores import confidences_and_outcomes, scores_at_temperature
from .values import finite


# Logits are divided by something between these; what ends at one of them has no temperature.
LOWEST, HIGHEST = 0.05, 20.0


class TemperatureFit(NamedTuple):
    """What was fitted, and what it changes on the data that it was fitted on.

    Args:
        temperature (`float`): what logits are divided by: over 1 the model was too sure, under 1 too cautious.
        ece_before, ece_after (`float`): [`expected_calibration_error`] without it and with it.
    """

    temperature: float
    ece_before: float
    ece_after: float


def fit_temperature(logits: ArrayLike, labels: ArrayLike, config: EmoBertConfig) -> TemperatureFit:
    """The temperature with the smallest negative log-likelihood, whatever `temperature` the configuration has.

    What is predicted stays the same, and so do accuracy and F1. Fit it on data that the model was neither trained on
    nor is tested on.

    Args:
        logits (`array` of shape `(utterances, num_labels[, 2])`): the model's.
        labels (`array` of shape `(utterances,)` or `(utterances, num_labels)`): class indices, or rows of 0 and 1.
        config ([`EmoBertConfig`]): its `problem_type`.

    Raises:
        ValueError: `problem_type` is `regression`, there are fewer than two utterances, values are not finite, or the
            likelihood grows without end, as where all or none of the predictions are right.

    Source: Guo et al. 2017 (arXiv 1706.04599), section 4.2.

    Example:
        >>> from configuration_emo import EmoBertConfig
        >>> config = EmoBertConfig(num_labels=2, problem_type="single_label_classification")
        >>> fit = fit_temperature([[4.0, 0.0]] * 4, [0, 0, 0, 1], config)  # 98 % sure, and right 3 times of 4
        >>> round(fit.temperature, 2), round(fit.ece_before, 2), round(fit.ece_after, 2)
        (3.64, 0.23, 0.0)
    """
    if not config.problem.has_classes:
        raise ValueError("problem_type='regression' states no probabilities: there is no temperature to fit.")
    values = finite(logits, "logits")
    truth = presence_rows(labels, values.shape[1])
    if len(values) < 2 or len(values) != len(truth):
        raise ValueError(f"A temperature needs two utterances or more, got {len(values)}, with {len(truth)} labels.")

    def loss(log_temperature: float) -> float:
        scores = scores_at_temperature(values, config, math.exp(log_temperature))
        said = scores[truth] if config.problem.is_exclusive else np.where(truth, scores, 1 - scores)
        return float(-np.log(np.maximum(said, np.finfo(np.float64).tiny)).mean())

    found = minimize_scalar(
        loss, bounds=(math.log(LOWEST), math.log(HIGHEST)), method="bounded", options={"xatol": 1e-5}
    )
    temperature = math.exp(float(found.x))
    if not LOWEST * 1.01 < temperature < HIGHEST / 1.01:
        raise ValueError(
            f"No temperature between {LOWEST:g} and {HIGHEST:g} fits these {len(values)} utterances, as where all or "
            "none of them are predicted rightly. Fit it on more data."
        )

    def error(at: float) -> float:
        scores = scores_at_temperature(values, config, at)
        return expected_calibration_error(*confidences_and_outcomes(scores, labels, config))

    return TemperatureFit(temperature, error(1.0), error(temperature))
