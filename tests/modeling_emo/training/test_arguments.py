"""Numbers that no training can have are refused when they are given."""

import pytest

from modeling_emo import EmoBertTrainingArguments
from tests.modeling_emo.training.test_trainer import make_trainer


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"num_train_epochs": -3}, "num_train_epochs must be a number of at least 0, got -3"),
        ({"num_train_epochs": float("nan")}, "num_train_epochs must be a number of at least 0, got nan"),
        (
            {"per_device_train_batch_size": 0},
            "per_device_train_batch_size must be a whole number of at least 1, got 0",
        ),
        ({"per_device_eval_batch_size": -1}, "per_device_eval_batch_size must be a whole number of at least 1"),
        ({"gradient_accumulation_steps": 0}, "gradient_accumulation_steps must be a whole number of at least 1"),
        ({"max_padded_length": 0}, "max_padded_length must be a whole number of at least 1"),
        ({"max_batch_rows": 0, "max_padded_length": 9}, "max_batch_rows must be a whole number of at least 1"),
        ({"early_stopping_patience": 0}, "early_stopping_patience must be a whole number of at least 1"),
        ({"early_stopping_patience": 2}, "early_stopping_patience=2 waits for a better metric_for_best_model, and"),
        (
            {"early_stopping_patience": 2, "metric_for_best_model": "ua"},
            "nothing is evaluated by one: set it, and eval_strategy",
        ),
    ],
)
def test_what_is_refused(tmp_path, given, message):
    with pytest.raises(ValueError, match=message):
        EmoBertTrainingArguments(str(tmp_path), use_cpu=True, **given)


def test_what_is_taken(tmp_path):
    stopping = {"early_stopping_patience": 1, "metric_for_best_model": "loss", "eval_strategy": "epoch"}
    assert EmoBertTrainingArguments(str(tmp_path), use_cpu=True, **stopping).early_stopping_patience == 1
    assert EmoBertTrainingArguments(str(tmp_path), use_cpu=True, num_train_epochs=0.5).num_train_epochs == 0.5


@pytest.mark.parametrize(
    ("metric", "message"), [("los", r"did you mean loss\?"), ("recall", "there are loss, runtime, samples_per_second")]
)
def test_a_metric_that_there_is_not(tmp_path, metric, message):
    steps = {"max_steps": 1, "eval_strategy": "steps", "eval_steps": 1}
    trainer = make_trainer(tmp_path, metric_for_best_model=metric, **steps)
    with pytest.raises(ValueError, match=f"metric_for_best_model='{metric}' is no metric of this model's .*{message}"):
        trainer.train()
