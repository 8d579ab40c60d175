"""Focal and soft-F1 losses, and votes as targets, against NumPy formulas written out in float64."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from modeling_emo.loss import IGNORED_LABEL, emotion_loss
from tests.modeling_emo.test_loss import RNG, assert_loss, config


@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 1.0]])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_focal(weights, gamma, smoothing):
    labels = RNG.integers(0, 3, 7)
    weight = np.ones(3) if weights is None else np.array(weights)
    targets = np.eye(3)[labels] * (1 - smoothing) + smoothing / 3

    def reference(logits):
        log_p = log_softmax(logits, axis=-1)
        return -(weight * targets * (1 - np.exp(log_p)) ** gamma * log_p).sum() / weight[labels].sum()

    kwargs = {"class_weights": weights, "label_smoothing": smoothing, "focal_gamma": gamma}
    assert_loss(labels, RNG.normal(size=(7, 3)), reference, classification_loss="focal", **kwargs)


def test_focal_of_a_certain_prediction_is_finite():
    logits = torch.tensor([[200.0, 0.0, 0.0], [0.0, 200.0, 0.0]], requires_grad=True)
    for gamma in (0.0, 0.5, 2.0):
        loss = emotion_loss(torch.tensor([0, 0]), logits, config(classification_loss="focal", focal_gamma=gamma))
        loss.backward()
        assert loss.item() == pytest.approx(100.0) and logits.grad.isfinite().all()


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_soft_f1(smoothing):
    """Of the classes that the batch has: the third is not counted."""
    labels = np.array([0, 1, 1, 0, 3, 1, 0])
    targets = np.eye(4)[labels] * (1 - smoothing) + smoothing / 4

    def reference(logits):
        p = np.exp(log_softmax(logits, axis=-1))
        f1 = [2 * (p[:, c] * targets[:, c]).sum() / (p[:, c].sum() + targets[:, c].sum()) for c in (0, 1, 3)]
        return 1 - np.mean(f1)

    kwargs = {"num_labels": 4, "label_smoothing": smoothing, "classification_loss": "soft_f1"}
    assert_loss(labels, RNG.normal(size=(7, 4)), reference, **kwargs)
    certain = torch.eye(4)[torch.as_tensor(labels)] * 100
    assert emotion_loss(torch.as_tensor(labels), certain, config(num_labels=4, classification_loss="soft_f1")) < 1e-6


VOTES = np.array([[0.5, 0.5, 0.0], [0.2, 0.2, 0.6], [np.nan] * 3, [1.0, 0.0, 0.0]])
MAJORITY = np.array([0, 2, 1, 0])


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "soft_f1"])
@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 1.0]])
def test_votes_as_targets(name, weights):
    """A row without votes has the class of its label; what rows weigh is that of their labels."""
    if name == "soft_f1" and weights is not None:
        with pytest.raises(ValueError, match="`class_weights` does not apply to .*classification_loss='soft_f1'"):
            config(classification_loss=name, class_weights=weights)
        return
    weight = np.ones(3) if weights is None else np.array(weights)
    targets = VOTES.copy()
    targets[2] = [0, 1, 0]

    def reference(logits):
        log_p = log_softmax(logits, axis=-1)
        p = np.exp(log_p)
        if name == "soft_f1":
            return 1 - np.mean(2 * (p * targets).sum(0) / (p + targets).sum(0))
        factor = (1 - p) ** 2 if name == "focal" else 1
        return -(weight * targets * factor * log_p).sum() / weight[MAJORITY].sum()

    logits = RNG.normal(size=(4, 3))
    given = torch.tensor(logits, requires_grad=True)
    options = {"votes": torch.tensor(VOTES)}
    kind_config = config(classification_loss=name, class_weights=weights)
    loss = emotion_loss(torch.tensor(MAJORITY), given, kind_config, **options)
    loss.backward()
    assert loss.item() == pytest.approx(reference(logits), rel=1e-6)
    assert given.grad.isfinite().all()
    step = np.zeros_like(logits)
    step[1, 2] = 1e-6
    slope = (reference(logits + step) - reference(logits - step)) / 2e-6
    assert given.grad[1, 2].item() == pytest.approx(slope, rel=1e-4)
    # Votes of one mind are the label.
    hard = emotion_loss(torch.tensor(MAJORITY), given, kind_config)
    same = torch.eye(3, dtype=torch.float64)[MAJORITY]
    torch.testing.assert_close(emotion_loss(torch.tensor(MAJORITY), given, kind_config, votes=same), hard)
    ignored = torch.tensor([0, IGNORED_LABEL, 1, 0])
    left = [0, 2, 3]
    torch.testing.assert_close(
        emotion_loss(ignored, given, kind_config, **options),
        emotion_loss(ignored[left], given[left], kind_config, votes=options["votes"][left]),
    )


def test_votes_are_for_one_class_a_row():
    logits, votes = torch.zeros(4, 3), torch.tensor(VOTES).float()
    with pytest.raises(ValueError, match="problem_type is 'multi_label_classification'"):
        kind_config = config(problem_type="multi_label_classification")
        emotion_loss(torch.zeros(4, 3), logits, kind_config, votes=votes)
    with pytest.raises(ValueError, match="do not fit logits of shape"):
        emotion_loss(torch.zeros(4).long(), logits, config(), votes=votes[:, :2])
    for kwargs in ({"problem_type": "multi_label_classification"}, {"problem_type": "regression"}):
        with pytest.raises(ValueError, match="`classification_loss` does not apply to problem_type="):
            config(classification_loss="focal", **kwargs)
    with pytest.raises(ValueError, match="must be one of cross_entropy, focal, soft_f1, got 'dice'"):
        config(classification_loss="dice")
    with pytest.raises(ValueError, match="`focal_gamma` must be finite and not negative"):
        config(focal_gamma=-1.0)
