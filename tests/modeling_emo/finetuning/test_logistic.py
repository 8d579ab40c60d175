"""Logistic regression as the last layer, against scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from modeling_emo import fit_linear_head
from modeling_emo.finetuning.logistic import LOGISTIC_PENALTIES, choose_logistic, fit_logistic
from modeling_emo.finetuning.ridge import scaled_features
from tests.tiny_models import emobert


def data(rows=120):
    generator = np.random.default_rng(0)
    classes = np.arange(rows) % 3
    speech = generator.normal(size=(rows, 5)) * [1, 10, 1, 1, 0.1] + 3
    speech[:, 0] += 1.5 * classes
    text = generator.normal(size=(rows, 4))
    text[:, 1] -= classes == 2
    return {"text": text, "speech": speech}, classes


def test_it_is_the_minimum_that_scikit_learn_finds():
    features, classes = data()
    present = dict.fromkeys(features, np.ones(120, bool))
    row_weights = np.where(classes == 1, 2.0, 0.5)
    fit = fit_logistic(features, present, np.eye(3)[classes], row_weights, 1e-3)
    blocks, _, _ = scaled_features(features, present, row_weights)
    rows = np.concatenate(blocks, axis=1) / np.sqrt(2)
    expected = LogisticRegression(C=1 / (2 * 1e-3 * row_weights.sum()), tol=1e-8, max_iter=5000)
    expected.fit(rows, classes, sample_weight=row_weights)
    logits = fit.predict(features, present)
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected.predict_proba(rows), atol=2e-3)


def test_the_penalty_is_that_of_the_least_loss_on_held_out_groups():
    features, classes = data()
    present = dict.fromkeys(features, np.ones(120, bool))
    targets, row_weights, groups = np.eye(3)[classes], np.ones(120), np.arange(120) // 12
    choice = choose_logistic(features, present, targets, row_weights, groups)
    rows = np.concatenate(scaled_features(features, present, row_weights)[0], axis=1) / np.sqrt(2)
    losses = []
    for penalty in LOGISTIC_PENALTIES:
        loss = 0.0
        for part in range(3):
            held = groups % 3 == part
            fit = LogisticRegression(C=1 / (2 * penalty * (~held).sum()), tol=1e-8, max_iter=5000)
            fit.fit(rows[~held], classes[~held])
            loss -= fit.predict_log_proba(rows[held])[np.arange(held.sum()), classes[held]].sum()
        losses.append(loss / 120)
    assert choice.penalty == LOGISTIC_PENALTIES[int(np.argmin(losses))]
    assert choice.loss == pytest.approx(min(losses), abs=1e-3)


@torch.no_grad()
def test_it_becomes_the_last_layer():
    features, classes = data()
    model = emobert("wavlm", fusion="shallow", text_pooling="mean", speech_pooling="mean")
    speech, text = torch.zeros(120, 2, 32), torch.zeros(120, 3, 32)
    speech[:, :, :5] = torch.tensor(features["speech"]).float()[:, None]
    text[:, :, :4] = torch.tensor(features["text"]).float()[:, None]
    batch = {"encoded_text": text, "encoded_speech": speech, "labels": torch.tensor(classes)}
    head = fit_linear_head(model, [batch], kind="logistic")
    assert head.shares == {"text": 0.5, "speech": 0.5} and head.sharpness == 1
    wide = {"text": text.mean(1).double().numpy(), "speech": speech.mean(1).double().numpy()}
    present = dict.fromkeys(wide, np.ones(120, bool))
    fit = fit_logistic(wide, present, np.eye(3)[classes], np.ones(120), head.penalty)
    torch.testing.assert_close(
        model(**batch).logits, torch.from_numpy(fit.predict(wide, present)).float(), atol=1e-3, rtol=1e-3
    )
    assert (model(**batch).logits.argmax(-1).numpy() == classes).mean() > 0.6


def test_what_it_is_not_for_is_refused():
    batch = {"encoded_speech": torch.randn(4, 3, 32), "labels": torch.rand(4, 3)}
    model = emobert("wavlm", fusion="shallow", problem_type="regression")
    with pytest.raises(
        ValueError, match="'regression' cannot be of the kind 'logistic': take ridge or logistic, which"
    ):
        fit_linear_head(model, [batch], kind="logistic")
    with pytest.raises(ValueError, match="of the kind 'svm'"):
        fit_linear_head(emobert("wavlm", fusion="shallow"), [{**batch, "labels": torch.arange(4) % 3}], kind="svm")
