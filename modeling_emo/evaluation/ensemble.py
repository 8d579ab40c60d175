"""Several models as one: the mean of their probabilities, or of the scores that they predict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from configuration_emo.configuration_emobert import EmoBertConfig

from ..metrics.scores import label_names, predictions_to_scores, scores_to_logits
from ..metrics.values import Floats
from .cross_validation import FoldPredictions
from .predictions_csv import Predictions


def average_predictions(logits: Sequence[ArrayLike], configs: Sequence[EmoBertConfig]) -> Floats:
    """Logits of the mean of several models' probabilities; of regression, the mean of their scores.

    Args:
        logits (sequence of `array` of shape `(utterances, num_labels[, 2])`): of each model, over the same utterances.
        configs (sequence of [`EmoBertConfig`]): of each model; their temperatures count.

    Returns:
        `array` of the same shape, for the first configuration.

    Raises:
        ValueError: there is no model, or they predict different things.

    Example:
        >>> config = EmoBertConfig(num_labels=2)
        >>> mean = average_predictions([[[0.0, 0.0]], [[9.0, -9.0]]], [config, config])
        >>> predictions_to_scores(mean, config).round(2).tolist()
        [[0.75, 0.25]]
    """
    if not logits or len(logits) != len(configs):
        raise ValueError(f"There are {len(logits)} predictions of {len(configs)} models: give one of each.")
    facts = [(config.problem_type, label_names(config), config.label_range) for config in configs]
    for problem, names, label_range in facts[1:]:
        if (problem, names, label_range) != facts[0]:
            raise ValueError(
                f"Models of an ensemble predict the same labels in the same order; one has {', '.join(facts[0][1])} "
                f"({facts[0][0]}), one {', '.join(names)} ({problem})."
            )
    scores = [predictions_to_scores(one, config) for one, config in zip(logits, configs, strict=True)]
    return scores_to_logits(np.mean(scores, axis=0), configs[0])


def ensemble_seeds(runs: Sequence[FoldPredictions], config: EmoBertConfig) -> list[FoldPredictions]:
    """The runs of a cross-validation with the seeds of each fold as one model.

    Args:
        runs (`list[FoldPredictions]`): of every fold and seed.
        config ([`EmoBertConfig`]): problem type and labels.

    Returns:
        `list[FoldPredictions]`: one of each fold, with seed 0 and `, ensemble` behind the names of the conditions.

    Raises:
        ValueError: there is one seed only, or the seeds of a fold tested different utterances.
    """
    folds: dict[str, list[FoldPredictions]] = {}
    for run in runs:
        folds.setdefault(run.fold, []).append(run)
    ensembles = []
    for fold, seeds in folds.items():
        if len(seeds) < 2:
            raise ValueError(f"An ensemble is of several models: fold {fold!r} has one seed. Give more seeds.")
        predictions = {}
        for name, first in seeds[0].predictions.items():
            parts = [run.predictions[name] for run in seeds]
            if any(part.ids != first.ids for part in parts):
                raise ValueError(f"The seeds of fold {fold!r} tested different utterances.")
            mean = average_predictions([part.logits for part in parts], [config] * len(parts))
            predictions[f"{name}, ensemble"] = Predictions(first.ids, mean, first.labels)
        ensembles.append(FoldPredictions(fold, 0, predictions, seeds[0].checkpoint_selection))
    return ensembles
