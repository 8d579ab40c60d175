"""The explained value against the model's own probabilities."""

import numpy as np
import pytest
import torch

from configuration_emo import EmoBertConfig
from modeling_emo.explanation.explained_value import explained_value, resolve_label
from modeling_emo.metrics.scores import predictions_to_scores


def config(problem_type, num_labels=3):
    return EmoBertConfig(problem_type=problem_type, id2label=dict(enumerate("abc"[:num_labels])))


@pytest.mark.parametrize(
    ("problem_type", "shape"),
    [
        ("single_label_classification", (4, 3)),
        ("multi_label_classification", (4, 3)),
        ("one_vs_rest_classification", (4, 3, 2)),
    ],
)
def test_it_is_the_log_odds_of_the_probability(problem_type, shape):
    logits = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 2
    for label in range(3):
        p = predictions_to_scores(logits.numpy(), config(problem_type))[:, label]
        value = explained_value(logits, label, config(problem_type))
        np.testing.assert_allclose(value, np.log(p / (1 - p)), rtol=1e-4, atol=1e-5)


def test_it_is_the_score_of_a_regression():
    assert explained_value(torch.tensor([[1.5, -2.0]]), 1, config("regression", 2)).tolist() == [-2.0]


def test_the_most_probable_label_unless_told_otherwise():
    logits = torch.tensor([[0.0, 3.0, 1.0]])
    classes = config("single_label_classification")
    assert resolve_label(None, logits, classes) == 1
    assert resolve_label("c", logits, classes) == 2
    assert resolve_label(0, logits, classes) == 0
    rows = torch.tensor([[[5.0, 6.0], [0.0, -1.0], [0.0, 3.0]]])
    assert resolve_label(None, rows, config("one_vs_rest_classification")) == 2
    assert resolve_label(None, torch.tensor([[-2.0]]), config("regression", 1)) == 0


def test_unknown_labels_are_refused():
    classes = config("single_label_classification")
    for label in ("angry", 3, -1):
        with pytest.raises(ValueError, match=f"no label {label!r} to explain; the model has a, b, c"):
            resolve_label(label, torch.zeros(1, 3), classes)
    with pytest.raises(ValueError, match="predicts 2 scores: pass label= one of a, b"):
        resolve_label(None, torch.zeros(1, 2), config("regression", 2))
