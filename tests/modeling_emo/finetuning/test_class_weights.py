"""Class weights from the labels of the training data."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from modeling_emo.finetuning.class_weights import balanced_class_weights


def test_balanced_weights_are_scikit_learns():
    labels = np.random.default_rng(0).choice(4, 200, p=[0.6, 0.2, 0.15, 0.05])
    expected = compute_class_weight("balanced", classes=np.arange(4), y=labels)
    assert balanced_class_weights(labels, 4) == pytest.approx(expected)


@pytest.mark.parametrize("problem_type", ["multi_label_classification", "one_vs_rest_classification"])
def test_balanced_weights_of_presence(problem_type):
    rows = (np.random.default_rng(0).random((100, 3)) < [0.5, 0.2, 0.05]).astype(int)
    expected = []
    for column in rows.T:
        absent, present = compute_class_weight("balanced", classes=np.arange(2), y=column)
        expected.append(present / absent)
    assert balanced_class_weights(rows, 3, problem_type) == pytest.approx(expected)
    assert balanced_class_weights([0, 1, 1, 2], 3, "one_vs_rest_classification") == pytest.approx([3, 1, 3])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 2], 3), "No row of the training data has the labels \\[1\\]"),
        (([0, 3], 3), "between 0 and 2, got up to 3"),
        (([0.5, 1.0], 2), "must be class indices"),
        (([[0, 1, 0]], 2, "multi_label_classification"), "do not fit 2 labels"),
        (([0.5, 1.0], 2, "regression"), "do not apply to problem_type='regression'"),
    ],
)
def test_weights_that_are_not_defined_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        balanced_class_weights(*arguments)
