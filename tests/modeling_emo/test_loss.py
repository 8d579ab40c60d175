"""Losses and their gradients against NumPy formulas written out in float64, and the original's own numbers."""

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax

from modeling_emo.loss import batch_concordance, emotion_loss
from tests.tiny_models import emobert, emobert_config, ragged_batch


RNG = np.random.default_rng(0)


def config(**kwargs):
    return emobert_config(**kwargs)


def loss_and_gradient(labels, logits, **kwargs):
    logits = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    loss = emotion_loss(torch.as_tensor(labels), logits, config(**kwargs))
    loss.backward()
    return loss.item(), logits.grad.numpy()


def assert_loss(labels, logits, reference, **kwargs):
    """Compares the loss with `reference(logits)` and its gradient with central differences of the reference."""
    loss, gradient = loss_and_gradient(labels, logits, **kwargs)
    assert loss == pytest.approx(reference(logits), rel=1e-6)
    step = 1e-6
    numeric = np.zeros_like(logits)
    for index in np.ndindex(*logits.shape):
        shifted = np.zeros_like(logits)
        shifted[index] = step
        numeric[index] = (reference(logits + shifted) - reference(logits - shifted)) / (2 * step)
    np.testing.assert_allclose(gradient, numeric, atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 1.0]])
def test_single_label(weights):
    labels = RNG.integers(0, 3, 7)
    weight = np.ones(3) if weights is None else np.array(weights)

    def reference(logits):
        losses = -log_softmax(logits, axis=-1)[np.arange(7), labels]
        return (weight[labels] * losses).sum() / weight[labels].sum()

    assert_loss(labels, RNG.normal(size=(7, 3)), reference, class_weights=weights)


@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 1.0]])
def test_multi_label(weights):
    labels = RNG.integers(0, 2, (7, 3))
    weight = np.ones(3) if weights is None else np.array(weights)

    def reference(logits):
        return -np.mean(weight * labels * np.log(expit(logits)) + (1 - labels) * np.log(expit(-logits)))

    kwargs = {"problem_type": "multi_label_classification", "class_weights": weights}
    assert_loss(labels, RNG.normal(size=(7, 3)), reference, **kwargs)


@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 1.0]])
@pytest.mark.parametrize("as_rows", [False, True])
def test_one_vs_rest(weights, as_rows):
    indices = RNG.integers(0, 3, 7)
    rows = np.eye(3, dtype=int)[indices]
    weight = np.where(rows == 1, 1.0 if weights is None else np.array(weights), 1.0)

    def reference(logits):
        log_probabilities = log_softmax(logits, axis=-1)
        chosen = np.where(rows == 1, log_probabilities[..., 1], log_probabilities[..., 0])
        return -(weight * chosen).mean()

    kwargs = {"problem_type": "one_vs_rest_classification", "class_weights": weights}
    assert_loss(rows if as_rows else indices, RNG.normal(size=(7, 3, 2)), reference, **kwargs)


def ccc(predictions, labels):
    covariance = ((predictions - predictions.mean(0)) * (labels - labels.mean(0))).mean(0)
    distance = (predictions.mean(0) - labels.mean(0)) ** 2
    return 2 * covariance / (predictions.var(0) + labels.var(0) + distance)


@pytest.mark.parametrize("shape", [(7, 1), (7, 3)])
@pytest.mark.parametrize("name", ["mse", "l1"])
def test_regression(name, shape):
    labels = RNG.normal(size=shape)
    power = {"mse": 2, "l1": 1}[name]

    def reference(logits):
        return (np.abs(logits - labels) ** power).mean()

    targets = labels[:, 0] if shape[1] == 1 else labels
    kwargs = {"problem_type": "regression", "regression_loss": name, "num_labels": shape[1]}
    assert_loss(targets, RNG.normal(size=shape), reference, **kwargs)


@pytest.mark.parametrize("shape", [(9, 1), (9, 3)])
def test_concordance_loss(shape):
    labels, logits = RNG.normal(size=shape), RNG.normal(size=shape)
    targets = labels[:, 0] if shape[1] == 1 else labels
    kwargs = {"problem_type": "regression", "regression_loss": "ccc", "num_labels": shape[1]}
    loss, gradient = loss_and_gradient(targets, logits, **kwargs)
    assert loss == pytest.approx(1 - ccc(logits, labels).mean(), rel=1e-5)
    step = np.zeros(shape)
    step[2, 0] = 1e-4
    slope = -(ccc(logits + step, labels).mean() - ccc(logits - step, labels).mean()) / 2e-4
    assert gradient[2, 0] == pytest.approx(slope, rel=1e-3)


def test_concordance_of_constants_is_zero_and_finite():
    value = torch.full((4,), 2.0)
    assert batch_concordance(value, value).item() == 0
    assert batch_concordance(torch.arange(4.0), torch.arange(4.0)).item() == pytest.approx(1)


@pytest.mark.parametrize(
    ("kwargs", "labels", "items"),
    [
        ({}, torch.tensor([0, 1, 2, 0, 1]), 5),
        ({"problem_type": "one_vs_rest_classification"}, torch.tensor([0, 1, 2, 0, 1]), 5),
        ({"problem_type": "multi_label_classification"}, torch.eye(3)[[0, 1, 2, 0, 1]], 15),
        ({"problem_type": "regression", "num_labels": 1}, torch.tensor([0.1, 2, -1, 0, 3]), 5),
    ],
    ids=["single", "one-vs-rest", "multi", "regression"],
)
def test_accumulated_ragged_micro_batches_equal_one_batch(kwargs, labels, items):
    """Two micro-batches of 3 and 2, each told the total number of labels, sum to the loss of the whole."""
    model = emobert(**kwargs)
    batch = ragged_batch()
    whole = model(**batch, labels=labels).loss
    parts = [
        model(**{k: v[rows] for k, v in batch.items()}, labels=labels[rows], num_items_in_batch=items).loss
        for rows in (slice(0, 3), slice(3, 5))
    ]
    torch.testing.assert_close(sum(parts), whole)


@pytest.mark.parametrize("kwargs", [{"problem_type": "multi_label_classification"}, {"problem_type": "regression"}])
def test_labels_of_another_shape_are_refused(kwargs):
    with pytest.raises(ValueError, match=r"shape \(5, 2\) do not fit logits of shape \(5, 3\)"):
        emotion_loss(torch.zeros(5, 2), torch.zeros(5, 3), config(**kwargs))


def test_label_smoothing_spreads_its_share_over_the_classes():
    labels = RNG.integers(0, 3, 7)
    targets = np.full((7, 3), 0.3 / 3)
    targets[np.arange(7), labels] += 0.7
    assert_loss(
        labels,
        RNG.normal(size=(7, 3)),
        lambda logits: -np.mean((targets * log_softmax(logits, axis=-1)).sum(-1)),
        label_smoothing=0.3,
    )


def test_label_smoothing_of_present_and_absent_labels():
    labels = RNG.integers(0, 2, (7, 3))
    targets = 0.8 * labels + 0.1
    assert_loss(
        labels,
        RNG.normal(size=(7, 3)),
        lambda logits: -np.mean(targets * np.log(expit(logits)) + (1 - targets) * np.log(expit(-logits))),
        problem_type="multi_label_classification",
        label_smoothing=0.2,
    )
    two_way = np.stack([1 - targets, targets], axis=-1)
    assert_loss(
        labels,
        RNG.normal(size=(7, 3, 2)),
        lambda logits: -np.mean((two_way * log_softmax(logits, axis=-1)).sum(-1)),
        problem_type="one_vs_rest_classification",
        label_smoothing=0.2,
    )


def test_label_smoothing_is_refused_for_scores():
    with pytest.raises(ValueError, match="label_smoothing"):
        config(problem_type="regression", label_smoothing=0.1)
