"""The losses against the original's criterion: it sums where ours takes the mean."""

import json

import numpy as np
import pytest
import torch

from configuration_emo import EmoBertConfig
from modeling_emo.loss import emotion_loss
from tests.fairseq_fixtures import REFERENCE


CASES = {
    "l1_regression": (EmoBertConfig(num_labels=1, problem_type="regression", regression_loss="l1"), (24, 1)),
    "one_vs_rest": (EmoBertConfig(num_labels=4, problem_type="one_vs_rest_classification"), (24, 4, 2)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("summed_by_trainer", [False, True])
def test_loss_and_gradient(name, summed_by_trainer):
    config, shape = CASES[name]
    reference = np.load(REFERENCE / "criterion" / "inputs.npz")
    expected = json.loads((REFERENCE / "criterion" / "expected.json").read_text())[name]["loss_sum"]
    logits = torch.from_numpy(reference[f"{name}_logits"]).view(shape).requires_grad_()
    labels = torch.from_numpy(reference[f"{name}_target"])
    labels = labels.long() if name == "one_vs_rest" else labels
    # 24 utterances of one score, or of 4 emotions: what the original's sum is divided by.
    count = 24 * (shape[1] if name == "one_vs_rest" else 1)
    loss = emotion_loss(labels, logits, config, num_items_in_batch=24 if summed_by_trainer else None) * count
    loss.backward()
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    gradient = torch.from_numpy(reference[f"{name}_grad"]).view(shape)
    torch.testing.assert_close(logits.grad, gradient, rtol=1e-6, atol=1e-7)
