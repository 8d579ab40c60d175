"""The field's metrics of sentiment and emotion recognition, over a whole split.

Every function takes the predictions first and the truth second, as arrays over **all** utterances of a split, and
returns a flat dict of floats. Averaging a metric over batches gives another number, so nothing here works by batch.

What is not defined on the utterances given (the correlation of constant predictions, the recall of a class that does
not occur, anything on no utterances at all) is NaN and named in one `sklearn.exceptions.UndefinedMetricWarning`.

Everything categorical is derived from confusion counts: one pass over the utterances, cheap enough for a bootstrap.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .confusion import binary_scores, class_f1, confusion_matrix, presence_rows, weighted_f1
from .undefined import warn_undefined
from .values import Floats, finite, finite_pair, mean, ratio


# The scale on which the accuracies of sentiment are defined.
MOSI_RANGE = (-3.0, 3.0)


def sentiment_metrics(
    predictions: ArrayLike, labels: ArrayLike, *, score_range: tuple[float, float] | None = MOSI_RANGE
) -> dict[str, float]:
    """Metrics of CMU-MOSI and CMU-MOSEI for one sentiment score per utterance.

    `mae` and `corr` (Pearson) use the scores as they are. For the accuracies the scores of a corpus on another scale
    are first mapped linearly from `score_range` to MOSI's [-3, 3], so that its midpoint becomes the neutral 0:

    - `acc_7`, `acc_5`: clipped to [-3, 3] or [-2, 2], rounded half to even, share of equal classes;
    - `acc_2_has0`, `f1_has0`: negative against non-negative, all utterances;
    - `acc_2_non0`, `f1_non0`: negative against positive, without the utterances whose true score is exactly neutral
      (a predicted 0 counts as negative).

    F1 is weighted by the support of the two true classes.

    Args:
        predictions (`array` of shape `(utterances,)` or `(utterances, 1)`): predicted scores, unclipped.
        labels (`array` of shape `(utterances,)` or `(utterances, 1)`): human ratings.
        score_range (`tuple[float, float]`, defaults to `(-3, 3)`): lowest and highest score of the corpus's scale.
            With None, on a scale that nobody states, there are no accuracies: scores from 0 to 100 would nearly all
            round to the same class.

    Returns:
        `dict[str, float]`: `mae` (in the corpus's own units), `corr`, `acc_7`, `acc_5`, `acc_2_has0`, `f1_has0`,
        `acc_2_non0`, `f1_non0`; without a `score_range` only `mae` and `corr`.

    Raises:
        ValueError: lengths differ, a value is not finite, or the range is empty.

    Source: Zadeh et al. 2016 (arXiv 1606.06259); the two binary readings as in Tsai et al. 2019 (MulT) and
    Yu et al. 2021 (Self-MM).

    Example:
        >>> scores = sentiment_metrics([2.4, -1.2, 0.3], [3.0, -1.0, 0.0])
        >>> round(scores["mae"], 3), round(scores["acc_7"], 3), scores["acc_2_non0"]
        (0.367, 0.667, 1.0)
    """
    predicted, truth = finite_pair(np.ravel(predictions), np.ravel(labels))
    metrics = {"mae": mean(np.abs(predicted - truth)), "corr": pearson_correlation(predicted, truth)}
    if score_range is not None:
        metrics |= _sentiment_accuracies(predicted, truth, score_range)
    return warn_undefined(metrics, len(truth))


def _sentiment_accuracies(predicted: Floats, truth: Floats, score_range: tuple[float, float]) -> dict[str, float]:
    """Accuracies on MOSI's scale of scores on another one; both arrays `(utterances,)`."""
    low, high = map(float, score_range)
    if not low < high:
        raise ValueError(f"score_range={score_range!r} must be (lowest, highest) with lowest < highest.")
    factor = (MOSI_RANGE[1] - MOSI_RANGE[0]) / (high - low)
    scaled_predicted, scaled_truth = ((scores - (low + high) / 2) * factor for scores in (predicted, truth))
    rated = scaled_truth != 0
    acc_2_has0, f1_has0 = binary_scores(scaled_predicted >= 0, scaled_truth >= 0)
    acc_2_non0, f1_non0 = binary_scores(scaled_predicted[rated] > 0, scaled_truth[rated] > 0)
    return {
        "acc_7": mean(_rounded(scaled_predicted, 3) == _rounded(scaled_truth, 3)),
        "acc_5": mean(_rounded(scaled_predicted, 2) == _rounded(scaled_truth, 2)),
        "acc_2_has0": acc_2_has0,
        "f1_has0": f1_has0,
        "acc_2_non0": acc_2_non0,
        "f1_non0": f1_non0,
    }


def emotion_metrics(predictions: ArrayLike, labels: ArrayLike, label_names: Sequence[str]) -> dict[str, float]:
    """Metrics of categorical emotion recognition, one emotion per utterance (IEMOCAP, MELD, EmoDB).

    - `wa`: weighted accuracy in the field's sense, that is plain accuracy;
    - `ua`: unweighted accuracy, the mean recall of the classes that occur in the truth;
    - `wf1`: F1 of the classes, weighted by their true counts; `macro_f1`: mean F1 of the classes that occur in the
      truth or in the predictions;
    - `recall_<name>`, `precision_<name>`, `f1_<name>` of every class.

    Args:
        predictions (`array` of shape `(utterances,)`): predicted class indices.
        labels (`array` of shape `(utterances,)`): true class indices.
        label_names (`Sequence[str]`): the name of each class, in the order of the indices.

    Raises:
        ValueError: lengths differ, or an index lies outside the classes.

    Example:
        >>> scores = emotion_metrics([0, 1, 1, 1], [0, 1, 1, 0], ["angry", "happy"])
        >>> scores["wa"], scores["ua"], scores["recall_angry"]
        (0.75, 0.75, 0.5)
    """
    confusion = confusion_matrix(predictions, labels, len(label_names))
    support, predicted_counts = confusion.sum(axis=1), confusion.sum(axis=0)
    correct = np.diagonal(confusion)
    recall, precision, f1 = ratio(correct, support), ratio(correct, predicted_counts), class_f1(confusion)
    metrics = {
        "wa": float(ratio(correct.sum(), support.sum())),
        "ua": mean(recall[support > 0]),
        "wf1": float(weighted_f1(confusion)),
        "macro_f1": mean(f1[~np.isnan(f1)]),
    }
    for index, name in enumerate(label_names):
        metrics[f"recall_{name}"] = float(recall[index])
        metrics[f"precision_{name}"] = float(precision[index])
        metrics[f"f1_{name}"] = float(f1[index])
    return warn_undefined(metrics, int(support.sum()))


def one_vs_rest_metrics(logits: ArrayLike, labels: ArrayLike, label_names: Sequence[str]) -> dict[str, float]:
    """The paper's metrics on IEMOCAP: each emotion on its own, present against absent.

    Args:
        logits (`array` of shape `(utterances, emotions, 2)`): index 1 of the last axis speaks for "present".
        labels (`array` of shape `(utterances,)` or `(utterances, emotions)`): class indices, or rows of 0 and 1.
        label_names (`Sequence[str]`): the emotions, in order.

    Returns:
        `dict[str, float]`: `accuracy_<name>` and `wf1_<name>` (F1 of present and absent, weighted by their true
        counts) of every emotion, and their means `mean_accuracy` and `mean_wf1`.

    Raises:
        ValueError: shapes do not fit, a logit is not finite, or a label is neither a known class index nor 0 or 1.

    Source: arXiv 2008.06682, section 4 (binary accuracy and F1 per emotion).

    Example:
        >>> one_vs_rest_metrics([[[0.0, 2.0], [1.0, 0.0]]], [0], ["sad", "happy"])["mean_accuracy"]
        1.0
    """
    return per_label_metrics(*one_vs_rest_decisions(logits, labels, len(label_names)), label_names)


def one_vs_rest_decisions(
    logits: ArrayLike, labels: ArrayLike, num_labels: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """What [`one_vs_rest_metrics`] compares: predicted and true presence, `(utterances, num_labels)` both."""
    scores = finite(logits, "logits")
    if scores.ndim != 3 or scores.shape[1:] != (num_labels, 2):
        raise ValueError(f"logits must have the shape (utterances, {num_labels}, 2), got {scores.shape}.")
    return scores[..., 1] > scores[..., 0], presence_rows(labels, num_labels)


def per_label_metrics(
    predicted: NDArray[np.bool_], truth: NDArray[np.bool_], label_names: Sequence[str]
) -> dict[str, float]:
    """[`one_vs_rest_metrics`] of decisions `(utterances, emotions)`."""
    return warn_undefined(_per_label_scores(predicted, truth, label_names), len(truth))


def multi_label_metrics(
    scores: ArrayLike, labels: ArrayLike, label_names: Sequence[str], *, threshold: float = 0.5
) -> dict[str, float]:
    """Metrics of multi-label recognition: any number of emotions per utterance.

    Args:
        scores (`array` of shape `(utterances, labels)`): probabilities; a label is predicted where its probability
            is above `threshold`.
        labels (`array` of shape `(utterances, labels)`): rows of 0 and 1.
        label_names (`Sequence[str]`): the labels, in order.
        threshold (`float`, defaults to 0.5): the probability above which a label counts as predicted.

    Returns:
        `dict[str, float]`: `accuracy_<name>` and `wf1_<name>` (present and absent weighted by their true counts) per
        label, `mean_accuracy`, `mean_wf1`; `micro_f1` of all decisions for "present" together, and `macro_f1`, the
        mean F1 for "present" of the labels that occur in the truth or in the predictions.

    Raises:
        ValueError: shapes do not fit, a score is not finite or a label is neither 0 nor 1.

    Example:
        >>> multi_label_metrics([[0.9, 0.2], [0.7, 0.6]], [[1, 0], [0, 1]], ["happy", "surprised"])["micro_f1"]
        0.8
    """
    return presence_metrics(*multi_label_decisions(scores, labels, len(label_names), threshold=threshold), label_names)


def multi_label_decisions(
    scores: ArrayLike, labels: ArrayLike, num_labels: int, *, threshold: float = 0.5
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """What [`multi_label_metrics`] compares: predicted and true presence, `(utterances, num_labels)` both."""
    return finite(scores, "scores") > threshold, presence_rows(labels, num_labels)


def presence_metrics(
    predicted: NDArray[np.bool_], truth: NDArray[np.bool_], label_names: Sequence[str]
) -> dict[str, float]:
    """[`multi_label_metrics`] of decisions `(utterances, labels)`."""
    metrics = _per_label_scores(predicted, truth, label_names)
    hits, counts = (predicted & truth).sum(axis=0), predicted.sum(axis=0) + truth.sum(axis=0)
    f1 = ratio(2 * hits, counts)
    metrics["micro_f1"] = float(ratio(2 * hits.sum(), counts.sum()))
    metrics["macro_f1"] = mean(f1[~np.isnan(f1)])
    return warn_undefined(metrics, len(truth))


def dimensional_metrics(predictions: ArrayLike, labels: ArrayLike, label_names: Sequence[str]) -> dict[str, float]:
    """Metrics of dimensional emotion: valence, arousal and dominance, or whatever the dimensions are.

    Args:
        predictions (`array` of shape `(utterances, dimensions)`, or `(utterances,)` for one dimension).
        labels (`array` of the same shape): ratings.
        label_names (`Sequence[str]`): the dimensions, in order.

    Returns:
        `dict[str, float]`: `ccc_<name>`, `pearson_<name>`, `mae_<name>` of every dimension and `mean_ccc`,
        `mean_pearson`, `mean_mae` (NaN where one of the dimensions is).

    Raises:
        ValueError: shapes do not fit, or a value is not finite.

    Example:
        >>> dimensional_metrics([[1.0], [2.0]], [[2.0], [3.0]], ["valence"])["mae_valence"]
        1.0
    """
    columns = len(label_names)
    for name, values in (("predictions", np.asarray(predictions)), ("labels", np.asarray(labels))):
        if values.shape[1:] != (columns,) and not (values.ndim == 1 and columns == 1):
            raise ValueError(f"{name} must have the shape (utterances, {columns}), got {values.shape}.")
    predicted, truth = finite_pair(*(np.reshape(values, (-1, columns)) for values in (predictions, labels)))
    metrics: dict[str, float] = {}
    for index, name in enumerate(label_names):
        pair = predicted[:, index], truth[:, index]
        metrics[f"ccc_{name}"] = concordance_correlation(*pair)
        metrics[f"pearson_{name}"] = pearson_correlation(*pair)
        metrics[f"mae_{name}"] = mean(np.abs(pair[0] - pair[1]))
    for measure in ("ccc", "pearson", "mae"):
        metrics[f"mean_{measure}"] = mean(np.array([metrics[f"{measure}_{name}"] for name in label_names]))
    return warn_undefined(metrics, len(truth))


def pearson_correlation(predictions: Floats, labels: Floats) -> float:
    """Pearson's r of two arrays of shape `(utterances,)`; NaN where one of them is constant or empty."""
    if _is_constant(predictions) or _is_constant(labels):
        return float("nan")
    return float(np.corrcoef(predictions, labels)[0, 1])


def concordance_correlation(predictions: Floats, labels: Floats) -> float:
    """Lin's concordance correlation coefficient, `2 cov / (var + var + (mean - mean)^2)`, population moments.

    Both arrays have the shape `(utterances,)`. One constant side gives 0; two equal constants, or nothing, give NaN.

    Source: Lin 1989, "A concordance correlation coefficient to evaluate reproducibility", Biometrics 45.
    """
    if predictions.size == 0:
        return float("nan")
    if _is_constant(predictions) or _is_constant(labels):
        both_the_same = _is_constant(predictions) and _is_constant(labels) and predictions[0] == labels[0]
        return float("nan") if both_the_same else 0.0
    gap = predictions.mean() - labels.mean()
    covariance = np.mean((predictions - predictions.mean()) * (labels - labels.mean()))
    return float(2 * covariance / (predictions.var() + labels.var() + gap**2))


def _per_label_scores(
    predicted: NDArray[np.bool_], truth: NDArray[np.bool_], label_names: Sequence[str]
) -> dict[str, float]:
    """Accuracy and weighted F1 of each column, and their means; both arrays `(utterances, labels)`."""
    if predicted.shape != truth.shape:
        raise ValueError(f"Predictions and labels differ in shape: {predicted.shape} against {truth.shape}.")
    metrics: dict[str, float] = {}
    for index, name in enumerate(label_names):
        scores = binary_scores(predicted[:, index], truth[:, index])
        metrics[f"accuracy_{name}"], metrics[f"wf1_{name}"] = scores
    for measure in ("accuracy", "wf1"):
        metrics[f"mean_{measure}"] = mean(np.array([metrics[f"{measure}_{name}"] for name in label_names]))
    return metrics


def _rounded(scores: Floats, bound: float) -> Floats:
    """Scores as whole-numbered classes; numpy rounds half to even."""
    return np.clip(scores, -bound, bound).round()


def _is_constant(values: Floats) -> bool:
    return values.size == 0 or bool((values == values[0]).all())
