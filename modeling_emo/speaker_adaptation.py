"""Predictions adapted to each speaker by that speaker's own recordings, without labels.

A voice shifts the logits of all that it says: what sounds sad in one is how another always speaks. Logits of an
utterance of class c by speaker s are taken as `mean(c) + offset(s) + rest`, with a normal offset and a normal rest
(two-covariance model, Brümmer and de Villiers 2010). Held-out speakers with labels tell the means and both
covariances; for a new speaker, expectation and maximisation find the offset, and how often each class occurs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from configuration_emo.configuration_emobert import EmoBertConfig
from configuration_emo.shown_values import shown

from .metrics.scores import scores_to_logits
from .metrics.values import finite


Floats = NDArray[np.float64]

# What is taken of how often a new speaker shows each class.
SHARES = ("unknown", "equal")
# With fewer speakers nothing is known of how speakers differ.
MIN_SPEAKERS = 3
# Unknown shares of the classes begin at equal ones, as if so many recordings had shown them before.
PRIOR_RECORDINGS = 16.0
# Speakers are taken to differ in every direction by at least this share of the mean variance within speakers.
SMALLEST_SHARE = 1e-5
MAX_ITERATIONS, TOLERANCE = 200, 1e-7


@dataclass(frozen=True)
class SpeakerStatistics:
    """How a model's logits differ within and between speakers. A point is a row of logits less its mean, without the
    last class, which follows from the others.

    Args:
        class_means (`np.ndarray` of shape `(classes, classes - 1)`): the points of the classes, of a mean speaker.
        within (`np.ndarray` of shape `(classes - 1, classes - 1)`): covariance of one class by one speaker.
        between (`np.ndarray` of shape `(classes - 1, classes - 1)`): covariance of the speakers' offsets.
    """

    class_means: Floats
    within: Floats
    between: Floats

    def to_dict(self) -> dict[str, list]:
        """As lists, for `config.speaker_statistics`."""
        return {name: getattr(self, name).tolist() for name in self.__dataclass_fields__}

    @classmethod
    def from_config(cls, config: EmoBertConfig) -> SpeakerStatistics:
        """Those that a model's configuration holds.

        Raises:
            ValueError: there are none, or they do not fit the labels.
        """
        stored: Mapping[str, Any] | None = getattr(config, "speaker_statistics", None)
        if stored is None:
            raise ValueError(
                "The model has no speaker statistics to adapt with: `emobert evaluate --split validation "
                "--calibrate_speakers true` fits them on speakers that it was not trained on."
            )
        size = config.num_logits
        shapes = {"class_means": (size, size - 1), "within": (size - 1, size - 1), "between": (size - 1, size - 1)}
        try:
            arrays = {name: np.asarray(stored[name], float).reshape(shape) for name, shape in shapes.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"`speaker_statistics` are not those of {size} labels: fit them again.") from error
        return cls(**arrays)


def fit_speaker_statistics(
    logits: ArrayLike, labels: ArrayLike, speakers: Sequence[object], config: EmoBertConfig
) -> SpeakerStatistics:
    """How a model's logits differ within and between speakers, by least squares and the method of moments.

    Fit them on speakers that the model was neither trained on nor is tested on.

    Args:
        logits (`array` of shape `(utterances, num_labels)`): the model's.
        labels (`array` of shape `(utterances,)`): class indices.
        speakers (sequence of length `utterances`): who speaks; utterances where that is None do not count.
        config ([`EmoBertConfig`]): its problem type and number of labels.

    Raises:
        ValueError: another problem type, lengths that differ, values that are not finite, a class without utterances,
            fewer than three speakers with two utterances, or too few utterances for the covariances.

    Source: the two-covariance model of Brümmer and de Villiers 2010, "The speaker partitioning problem" (Odyssey).

    Example:
        >>> from configuration_emo import EmoBertConfig
        >>> config = EmoBertConfig(num_labels=2, problem_type="single_label_classification")
        >>> logits = [[2.0, 0.0], [0.4, 2.0], [4.0, 0.0], [2.4, 2.0], [0.0, 0.0], [0.0, 3.6]]
        >>> config.speaker_statistics = fit_speaker_statistics(logits, [0, 1] * 3, "aabbcc", config).to_dict()
        >>> new = [[6.0, 0.0], [5.0, 1.0], [4.0, 2.2]]  # this voice is taken for the first class
        >>> adapt_to_speakers(new, ["d"] * 3, config).argmax(-1).tolist()
        [0, 0, 1]
    """
    _check_problem(config)
    points = _points(logits, config)
    classes = np.asarray(labels)
    if not len(points) == len(classes) == len(speakers):
        raise ValueError(f"{len(points)} rows of logits, {len(classes)} labels and {len(speakers)} speakers differ.")
    names = [None if one is None or label < 0 else str(one) for one, label in zip(speakers, classes, strict=True)]
    repeated = {name for name, count in Counter(names).items() if name is not None and count > 1}
    rows = [row for row, name in enumerate(names) if name in repeated]
    points, classes = points[rows], classes[rows].astype(int)
    numbers = np.unique([str(names[row]) for row in rows], return_inverse=True)[1]
    num_speakers, size, width = len(repeated), config.num_logits, config.num_logits - 1
    degrees = len(points) - num_speakers - size + 1
    missing = sorted(set(range(size)) - set(classes.tolist()))
    if num_speakers < MIN_SPEAKERS or degrees < width or missing:
        raise ValueError(
            f"Speaker statistics need {MIN_SPEAKERS} speakers and more utterances than speakers and labels, of every "
            f"label: there are {num_speakers} speakers, {len(points)} utterances, {size - len(missing)} of {size} "
            "labels."
        )
    offsets, means = np.zeros((num_speakers, width)), np.zeros((size, width))
    for _ in range(MAX_ITERATIONS):
        before = means
        means = _group_means(points - offsets[numbers], classes, size)
        offsets = _group_means(points - means[classes], numbers, num_speakers)
        offsets -= offsets.mean(0)  # of a mean speaker
        if np.abs(means - before).max() <= TOLERANCE * np.abs(means).max():
            break
    rest = points - means[classes] - offsets[numbers]
    within = rest.T @ rest / degrees
    # Means of a few recordings scatter by themselves: that is no difference between speakers.
    scatter = within * (1 / np.bincount(numbers)).mean()
    between = offsets.T @ offsets / (num_speakers - 1) - scatter
    floor = SMALLEST_SHARE * np.trace(within) / width
    values, vectors = np.linalg.eigh(between)
    within += floor * np.eye(width)
    return SpeakerStatistics(means, within, (vectors * np.maximum(values, floor)) @ vectors.T)


def adapt_to_speakers(
    logits: ArrayLike, speakers: Sequence[object], config: EmoBertConfig, *, shares: str = "unknown"
) -> Floats:
    """Logits adapted to each speaker by all the rows of that speaker, without labels.

    Args:
        logits (`array` of shape `(utterances, num_labels)`): the model's.
        speakers (sequence of length `utterances`): who speaks. Rows where that is None, and those of speakers with one
            row, are left as they are.
        config ([`EmoBertConfig`]): of the model, with `speaker_statistics`.
        shares (`str`): `"unknown"`: how often a speaker shows each class is estimated too. `"equal"`: each speaker
            shows all classes equally often, as in acted corpora; where that is wrong it costs more than it gains.

    Returns:
        `array` of shape `(utterances, num_labels)`, float64: logits whose scores ([`predictions_to_scores`]) are the
        probabilities given all recordings of the speaker.

    Raises:
        ValueError: the model has no statistics, another problem type, or wrong shapes or `shares`.

    Example: see [`fit_speaker_statistics`].
    """
    check_shares(shares)
    _check_problem(config)
    statistics = SpeakerStatistics.from_config(config)
    adapted = finite(logits, "logits").copy()
    points = _points(adapted, config)
    if len(points) != len(speakers):
        raise ValueError(f"There are {len(points)} rows of logits and {len(speakers)} speakers.")
    rows_of: dict[str, list[int]] = {}
    for row, speaker in enumerate(speakers):
        if speaker is not None:
            rows_of.setdefault(str(speaker), []).append(row)
    for rows in rows_of.values():
        if len(rows) > 1:
            adapted[rows] = scores_to_logits(_posteriors(points[rows], statistics, shares), config)
    return adapted


def check_shares(shares: Any) -> None:
    """ValueError of what is not one of `SHARES`."""
    if shares not in SHARES:
        raise ValueError(f"Shares of the classes are {' or '.join(map(repr, SHARES))}, got {shown(shares)}.")


def _check_problem(config: EmoBertConfig) -> None:
    if config.problem.name != "single_label_classification" or config.num_logits < 2:
        raise ValueError(
            f"Speakers are adapted to where one label of several is predicted, not with {config.problem.name!r} of "
            f"{config.num_logits} labels."
        )


def _points(logits: ArrayLike, config: EmoBertConfig) -> Floats:
    values = finite(logits, "logits")
    if values.ndim != 2 or values.shape[1] != config.num_logits:
        raise ValueError(f"Logits have the shape (utterances, {config.num_logits}), got {values.shape}.")
    return (values - values.mean(1, keepdims=True))[:, :-1]


def _group_means(points: Floats, numbers: NDArray[np.int64], size: int) -> Floats:
    sums = np.zeros((size, points.shape[1]))
    np.add.at(sums, numbers, points)
    return sums / np.bincount(numbers, minlength=size)[:, None]


def _posteriors(points: Floats, statistics: SpeakerStatistics, shares: str) -> Floats:
    """Probabilities `(rows, classes)` of one speaker's rows, by expectation (classes) and maximisation (the offset and
    the shares of the classes), from no offset and equal shares on."""
    means, num_rows = statistics.class_means, len(points)
    precision, prior = np.linalg.inv(statistics.within), np.linalg.inv(statistics.between)
    of_class = np.full(len(means), 1 / len(means))
    offset, posteriors = np.zeros(points.shape[1]), np.zeros((num_rows, len(means)))
    for _ in range(MAX_ITERATIONS):
        before = posteriors
        away = points[:, None] - means - offset
        joint = np.log(of_class) - 0.5 * np.einsum("rcd,de,rce->rc", away, precision, away)
        joint -= joint.max(1, keepdims=True)
        posteriors = np.exp(joint) / np.exp(joint).sum(1, keepdims=True)
        if np.abs(posteriors - before).max() < TOLERANCE:
            break
        left = (points - posteriors @ means).sum(0)
        offset = np.linalg.solve(num_rows * precision + prior, precision @ left)
        if shares == "unknown":
            counts = posteriors.sum(0) + PRIOR_RECORDINGS / len(means)
            of_class = counts / counts.sum()
    return posteriors
