"""The yardstick of speech emotion: a logistic regression on one frozen layer, by the same folds as the model.

Layer and penalty are chosen on held-out speakers of each fold's training rows, never on the fold that is tested.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler

from ..modeling_emobert import SPEECH_ARGUMENTS, EmoBertForSequenceClassification


# scikit-learn's C, the inverse of the penalty, over standardised features. The layer is chosen with the first.
INVERSE_PENALTIES = (0.01, 0.001, 0.1)
NUM_INNER_FOLDS = 5
MAX_ITERATIONS = 300
# Logits of classes that no training row has.
IMPOSSIBLE = -1e4


@dataclass(frozen=True)
class LinearProbe:
    """A fitted probe and what it says of the tested rows.

    Args:
        layer (`int`): the hidden state that was chosen, 0 is the input of the first layer.
        inverse_penalty (`float`): scikit-learn's `C`.
        logits (`np.ndarray` of shape `(tested rows, num_labels)`): log-probabilities.
    """

    layer: int
    inverse_penalty: float
    logits: NDArray[np.float64]


@torch.no_grad()
def layer_statistics(
    model: EmoBertForSequenceClassification, batches: Iterable[Mapping[str, torch.Tensor]]
) -> NDArray[np.float32]:
    """Mean and standard deviation over time of every hidden state of the speech encoder.

    Args:
        model ([`EmoBertForSequenceClassification`]): with `use_weighted_layer_sum=True`, by which it hands on all
            hidden states.
        batches (iterable of `dict[str, torch.Tensor]`): collated rows with speech.

    Returns:
        `np.ndarray` of shape `(rows, states, 2 * hidden)`: zeros for a row without speech.

    Raises:
        ValueError: the model hands on one hidden state only, or a batch has no speech.
    """
    if not model.config.use_weighted_layer_sum:
        raise ValueError("A probe of all layers needs a model with `use_weighted_layer_sum=True`.")
    was_training = model.training
    model.eval()
    rows = []
    for batch in batches:
        name = next((name for name in SPEECH_ARGUMENTS if batch.get(name) is not None), None)
        if name is None:
            raise ValueError("A probe reads speech, and a batch has none: leave rows without speech out.")
        mask = batch.get("speech_attention_mask")
        mask = None if mask is None else mask.to(model.device)
        encoded = model.emobert.encode_speech(batch[name].to(model.device), mask)
        states, weights = encoded.hidden_states.double(), encoded.mask.double()  # (batch, frames, states, hidden)
        if mask is not None:  # a row without speech counts as one frame of silence
            weights = weights * mask.bool().any(-1, keepdim=True).to(weights)
        weights = weights / weights.sum(-1, keepdim=True).clamp(min=1)
        mean = torch.einsum("bt,btsh->bsh", weights, states)
        variance = torch.einsum("bt,btsh->bsh", weights, (states - mean[:, None]).square())
        rows.append(torch.cat([mean, variance.sqrt()], dim=-1).float().cpu().numpy())
    model.train(was_training)
    return np.concatenate(rows)


def fit_linear_probe(
    features: NDArray,
    labels: NDArray,
    train: Sequence[int],
    test: Sequence[int],
    num_labels: int,
    groups: Sequence[object] | None = None,
) -> LinearProbe:
    """A multinomial logistic regression with balanced classes on standardised features of one layer.

    The layer is chosen with the first of `INVERSE_PENALTIES`, then the penalty with that layer, both by the balanced
    accuracy on held-out groups of the training rows.

    Args:
        features (`np.ndarray` of shape `(rows, layers, features)`): of [`layer_statistics`].
        labels (`np.ndarray` of shape `(rows,)`): class indices.
        train, test (sequence of `int`): rows; none is in both.
        num_labels (`int`): number of classes.
        groups (sequence, *optional*): the speaker of every row. Left out, or of one speaker only, training rows are
            held out by class.

    Raises:
        ValueError: a row trains and is tested, or the training rows are of one class.
    """
    known: NDArray[np.int64] = np.asarray(train, dtype=np.int64)
    tested: NDArray[np.int64] = np.asarray(test, dtype=np.int64)
    if np.intersect1d(known, tested).size:
        raise ValueError(f"Row {np.intersect1d(known, tested)[0]} trains the probe and is tested by it.")
    if len(np.unique(labels[known])) < 2:
        raise ValueError("The training rows of a probe are all of one class: it has nothing to learn.")
    parts = _inner_folds(labels[known], None if groups is None else [str(groups[row]) for row in known])

    def held_out_accuracy(layer: int, inverse_penalty: float) -> float:
        predicted = np.empty(len(known), dtype=int)
        for rest, held_out in parts:
            fit = _fit(features[known[rest], layer], labels[known[rest]], inverse_penalty)
            predicted[held_out] = fit.predict(features[known[held_out], layer])
        return float(balanced_accuracy_score(labels[known], predicted))

    layers = range(features.shape[1])
    accuracies = [held_out_accuracy(layer, INVERSE_PENALTIES[0]) for layer in layers]
    layer = int(np.argmax(accuracies))
    by_penalty = [accuracies[layer], *(held_out_accuracy(layer, penalty) for penalty in INVERSE_PENALTIES[1:])]
    inverse_penalty = INVERSE_PENALTIES[int(np.argmax(by_penalty))]
    fit = _fit(features[known, layer], labels[known], inverse_penalty)
    logits = np.full((len(tested), num_labels), IMPOSSIBLE)
    logits[:, fit.classes] = fit.log_probabilities(features[tested, layer])
    return LinearProbe(layer, inverse_penalty, logits)


@dataclass(frozen=True)
class _Fit:
    scaler: StandardScaler
    regression: LogisticRegression

    @property
    def classes(self) -> NDArray[np.int64]:
        return self.regression.classes_

    def predict(self, features: NDArray) -> NDArray[np.int64]:
        return self.regression.predict(self.scaler.transform(features))

    def log_probabilities(self, features: NDArray) -> NDArray[np.float64]:
        return np.maximum(self.regression.predict_log_proba(self.scaler.transform(features)), IMPOSSIBLE)


def _fit(features: NDArray, labels: NDArray, inverse_penalty: float) -> _Fit:
    scaler = StandardScaler().fit(features)
    regression = LogisticRegression(C=inverse_penalty, class_weight="balanced", max_iter=MAX_ITERATIONS, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # as good a yardstick a step earlier
        return _Fit(scaler, regression.fit(scaler.transform(features), labels))


def _inner_folds(labels: NDArray, groups: Sequence[str] | None) -> list[tuple[NDArray, NDArray]]:
    """Training and held-out rows of each inner fold, of which every training part has at least two classes."""
    count = 0 if groups is None else min(NUM_INNER_FOLDS, len(set(groups)))
    if count > 1:
        folds = list(GroupKFold(count).split(labels, labels, groups))
        if all(len(np.unique(labels[rest])) > 1 for rest, _ in folds):
            return folds
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class of fewer rows than folds
        count = max(2, min(NUM_INNER_FOLDS, int(np.bincount(labels).max())))
        return list(StratifiedKFold(count, shuffle=True, random_state=0).split(labels, labels))
