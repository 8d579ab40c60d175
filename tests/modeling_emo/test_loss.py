"""Losses and their gradients against NumPy formulas written out in float64, and the original's own numbers."""

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax

from modeling_emo.loss import IGNORED_LABEL, batch_concordance, emotion_loss, label_weight, split_loss
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


# Each problem type with labels of seven utterances and the logits' shape, and what weighs or smooths there.
KINDS = {
    "single": (
        {"class_weights": [0.5, 2.0, 1.0], "label_smoothing": 0.1},
        torch.tensor([0, 1, 2, 0, 1, 1, 0]),
        (7, 3),
    ),
    "focal": (
        {"class_weights": [0.5, 2.0, 1.0], "label_smoothing": 0.1, "classification_loss": "focal"},
        torch.tensor([0, 1, 2, 0, 1, 1, 0]),
        (7, 3),
    ),
    "soft F1": ({"classification_loss": "soft_f1"}, torch.tensor([0, 1, 2, 0, 1, 1, 0]), (7, 3)),
    "multi": (
        {"problem_type": "multi_label_classification", "class_weights": [0.5, 2.0, 1.0], "label_smoothing": 0.1},
        torch.eye(3)[[0, 1, 2, 0, 1, 1, 0]],
        (7, 3),
    ),
    "one-vs-rest": (
        {"problem_type": "one_vs_rest_classification", "class_weights": [0.5, 2.0, 1.0], "label_smoothing": 0.1},
        torch.tensor([0, 1, 2, 0, 1, 1, 0]),
        (7, 3, 2),
    ),
    "one-vs-rest rows": (
        {"problem_type": "one_vs_rest_classification"},
        torch.eye(3).long()[[0, 1, 2, 0, 1, 1, 0]],
        (7, 3, 2),
    ),
    "mse": ({"problem_type": "regression", "num_labels": 2}, torch.arange(14.0).view(7, 2).sin(), (7, 2)),
    "l1": (
        {"problem_type": "regression", "num_labels": 1, "regression_loss": "l1"},
        torch.arange(7.0).sin(),
        (7, 1),
    ),
    "ccc": (
        {"problem_type": "regression", "num_labels": 2, "regression_loss": "ccc"},
        torch.arange(14.0).view(7, 2).sin(),
        (7, 2),
    ),
}
KNOWN = torch.tensor([True, True, False, True, False, True, True])


@pytest.fixture(params=KINDS)
def kind(request):
    """Configuration, labels and random logits of one problem type."""
    kwargs, labels, shape = KINDS[request.param]
    logits = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return config(**kwargs), labels, logits


def test_rows_without_a_label_have_no_loss_and_no_gradient(kind):
    kind_config, labels, logits = kind
    ignored = labels.clone()
    ignored[~KNOWN] = IGNORED_LABEL
    logits.requires_grad_(True)
    loss = emotion_loss(ignored, logits, kind_config)
    loss.backward()
    alone = logits.detach()[KNOWN].requires_grad_(True)
    expected = emotion_loss(labels[KNOWN], alone, kind_config)
    expected.backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(logits.grad[KNOWN], alone.grad)
    assert not logits.grad[~KNOWN].any()


@pytest.mark.parametrize("total", [{}, {"num_items_in_batch": 0}, {"weight_in_batch": torch.tensor(0.0)}])
def test_without_any_label_the_loss_is_nought_but_that_of_a_split_is_unknown(kind, total):
    kind_config, labels, logits = kind
    nothing = torch.full_like(labels, IGNORED_LABEL)
    logits.requires_grad_(True)
    loss = emotion_loss(nothing, logits, kind_config, **total)
    loss.backward()
    assert loss.item() == 0 and not logits.grad.any()
    assert np.isnan(split_loss(logits.detach(), nothing, kind_config))


def test_a_single_label_of_some_scores_is_enough():
    """Multi-label and regression take -100 for one entry of a row; the CCC leaves the whole row out."""
    labels = torch.tensor([[1.0, 0.0], [0.0, IGNORED_LABEL], [1.0, 1.0]])
    logits = torch.tensor([[0.5, -1.0], [2.0, 3.0], [-0.25, 0.75]])
    known = labels != IGNORED_LABEL
    regression = {"problem_type": "regression", "num_labels": 2}
    loss = emotion_loss(labels, logits, config(**regression))
    torch.testing.assert_close(loss, (logits - labels)[known].square().mean())
    loss = emotion_loss(labels, logits, config(problem_type="multi_label_classification", num_labels=2))
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits[known], labels[known])
    torch.testing.assert_close(loss, expected)
    loss = emotion_loss(labels, logits, config(**regression, regression_loss="ccc"))
    torch.testing.assert_close(loss, 1 - batch_concordance(logits[[0, 2]], labels[[0, 2]]).mean())


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_class_weights_over_micro_batches_are_torchs_over_the_whole(smoothing):
    weights = [1.0, 50.0, 0.2]
    kwargs = {"class_weights": weights, "label_smoothing": smoothing}
    labels = torch.tensor([0, 1, 2, 0, IGNORED_LABEL, 1, 2, 2])
    logits = torch.randn(8, 3, generator=torch.Generator().manual_seed(2))
    expected = torch.nn.functional.cross_entropy(
        logits, labels, weight=torch.tensor(weights), label_smoothing=smoothing, ignore_index=IGNORED_LABEL
    )
    parts = [slice(0, 3), slice(3, 5), slice(5, 8)]
    total = sum(label_weight(labels[rows], config(**kwargs)) for rows in parts)
    assert total.item() == pytest.approx(2 * 1.0 + 2 * 50.0 + 3 * 0.2)
    losses = [emotion_loss(labels[rows], logits[rows], config(**kwargs), weight_in_batch=total) for rows in parts]
    torch.testing.assert_close(sum(losses), expected)
    # Told the number of labels only, as by Transformers' own Trainer: exact for a whole batch, and of that scale.
    torch.testing.assert_close(emotion_loss(labels, logits, config(**kwargs), num_items_in_batch=7), expected)
    losses = [emotion_loss(labels[rows], logits[rows], config(**kwargs), num_items_in_batch=7) for rows in parts]
    assert 0.3 < sum(losses) / expected < 3


def test_rows_that_are_left_out_still_weigh(kind):
    kind_config, labels, logits = kind
    loss = emotion_loss(labels, logits, kind_config, rows=KNOWN)
    left = label_weight(labels[KNOWN], kind_config) / label_weight(labels, kind_config)
    torch.testing.assert_close(loss, left * emotion_loss(labels[KNOWN], logits[KNOWN], kind_config))


def test_labels_of_double_precision_leave_the_loss_in_that_of_the_logits(kind):
    kind_config, labels, logits = kind
    precise = labels.double() if labels.is_floating_point() else labels
    votes = {"votes": torch.eye(3).double()[labels]} if kind_config.problem.is_exclusive else {}
    loss = emotion_loss(precise, logits.float(), kind_config, **votes)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), emotion_loss(labels, logits, kind_config).double(), rtol=1e-5, atol=1e-6)


def test_targets_are_as_precise_as_the_logits():
    labels, logits = torch.tensor([0, 2, 1]), torch.randn(3, 3, dtype=torch.float64)
    kwargs = {"label_smoothing": 0.1}
    plain = emotion_loss(labels, logits, config(**kwargs))
    focal = emotion_loss(labels, logits, config(**kwargs, classification_loss="focal", focal_gamma=0.0))
    torch.testing.assert_close(focal, plain, rtol=1e-13, atol=0)


def test_the_loss_of_a_split_is_that_of_one_batch(kind):
    kind_config, labels, logits = kind
    labels = torch.where(KNOWN.view(-1, *[1] * (labels.dim() - 1)), labels, IGNORED_LABEL)
    assert IGNORED_LABEL == -100  # Trainer's and torch's
    expected = emotion_loss(labels[KNOWN], logits[KNOWN], kind_config).item()
    assert split_loss(logits.numpy(), labels.numpy(), kind_config) == pytest.approx(expected)


def test_a_single_label_says_what_its_like_weigh():
    weighted = config(class_weights=[0.5, 2.0, 1.0])
    logits = torch.randn(1, 3, generator=torch.Generator().manual_seed(3))
    loss = emotion_loss(torch.tensor([1]), logits, weighted, num_items_in_batch=4)
    torch.testing.assert_close(loss, -logits.log_softmax(-1)[0, 1] / 4)


@pytest.mark.parametrize("name", ["ccc", "soft F1"])
def test_what_is_no_mean_weighs_with_its_labels(name):
    """Micro-batches and processes of 4, 2 and 1 labels, one without: each has its own loss, and its share of 7."""
    kwargs, labels, shape = KINDS[name]
    labels = torch.cat([labels, torch.full_like(labels[:2], IGNORED_LABEL)])
    logits = torch.randn((9, *shape[1:]), generator=torch.Generator().manual_seed(1))
    parts = [slice(0, 4), slice(4, 6), slice(6, 7), slice(7, 9)]
    total = sum(label_weight(labels[part], config(**kwargs)) for part in parts)
    shares = [emotion_loss(labels[part], logits[part], config(**kwargs), weight_in_batch=total) for part in parts]
    own = [emotion_loss(labels[part], logits[part], config(**kwargs)) for part in parts]
    torch.testing.assert_close(torch.stack(shares), torch.stack(own) * torch.tensor([4, 2, 1, 0]) / 7)
    assert len({round(loss.item(), 4) for loss in own}) == 4


@pytest.mark.parametrize("counted", [False, True])
def test_a_row_has_no_loss_of_a_modality_that_it_lacks(counted):
    """Row 3 has no text and row 4 no speech: both stand-ins together would tell nothing of the utterance."""
    kwargs = {"classifier_dropout": 0.0, "co_attention_dropout": 0.0, "class_weights": [0.5, 2.0, 1.0]}
    model = emobert(unimodal_loss_weight=0.4, **kwargs)
    for encoder in (model.emobert.text_encoder, model.emobert.speech_encoder):
        encoder.requires_grad_(False)  # and so in evaluation mode, without dropout
    labels = torch.tensor([0, 1, 2, 0, 1])
    total = torch.tensor(100.0) if counted else label_weight(labels, model.config)
    loss = model.train()(**ragged_batch(), labels=labels, weight_in_batch=total if counted else None).loss

    def summed(rows, *names):
        batch = {name: value[rows] for name, value in ragged_batch().items() if name in names}
        logits = model.eval()(**batch).logits
        return torch.nn.functional.cross_entropy(
            logits, labels[rows], weight=torch.tensor(model.config.class_weights), reduction="sum"
        )

    text, speech = ("input_ids", "attention_mask"), ("speech_input_ids", "speech_attention_mask")
    fused = summed([0, 1, 2, 3, 4], *text, *speech)
    expected = fused + 0.4 * (summed([0, 1, 2, 4], *text) + summed([0, 1, 2, 3], *speech))
    torch.testing.assert_close(loss, expected / total)
