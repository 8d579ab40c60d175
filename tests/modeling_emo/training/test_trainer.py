"""Trainer's losses: of the whole effective batch in training, and of the whole split in evaluation."""

import pytest
import torch
from transformers import Trainer, TrainingArguments

from modeling_emo import EmoBertTrainer, EmoBertTrainingArguments
from modeling_emo.loss import batch_concordance
from tests.distributed.trainer_worker import model_without_dropout
from tests.modeling_emo.training.training_rows import Rows


LABELS = torch.tensor([0, 1, 2, 0, 1])
WEIGHTS = [1.0, 50.0, 0.2]
SCORES = torch.tensor([0.5, -1.0, 2.0, 0.0, 1.5])


def make_trainer(folder, trainer=EmoBertTrainer, arguments=EmoBertTrainingArguments, options=None, **kwargs):
    """A trainer over the five rows of `ragged_batch`, in batches of 2: the last is ragged."""
    model = model_without_dropout("moonshine", **(options or {}))
    names = ("compute_metrics", "preprocess_logits_for_metrics", "compute_loss_func")
    given = {name: kwargs.pop(name) for name in names if name in kwargs}
    values = {"per_device_train_batch_size": 2, "per_device_eval_batch_size": 2, "learning_rate": 0.0, **kwargs}
    rows = Rows()
    if model.config.problem_type == "regression":
        rows.batch["labels"] = SCORES
    return trainer(
        model=model,
        args=arguments(
            str(folder),
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
            **values,
        ),
        train_dataset=rows,
        eval_dataset=rows,
        **given,
    )


@torch.no_grad()
def logits_of(trainer):
    return trainer.model.eval()(**{name: value for name, value in Rows().batch.items() if name != "labels"}).logits


def weighted_cross_entropy(logits, smoothing=0.0):
    options = {"weight": torch.tensor(WEIGHTS), "label_smoothing": smoothing}
    return torch.nn.functional.cross_entropy(logits, LABELS, **options).item()


@pytest.mark.parametrize(("batch_size", "accumulated"), [(5, 1), (2, 3), (1, 5)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_class_weights_weigh_alike_in_training_and_evaluation(tmp_path, batch_size, accumulated, smoothing):
    options = {"class_weights": WEIGHTS, "label_smoothing": smoothing}
    sizes = {"per_device_train_batch_size": batch_size, "gradient_accumulation_steps": accumulated}
    trainer = make_trainer(tmp_path, options=options, max_steps=1, **sizes)
    expected = weighted_cross_entropy(logits_of(trainer), smoothing)
    trainer.train()
    assert trainer.state.log_history[0]["loss"] == pytest.approx(expected, rel=1e-5)
    assert trainer.evaluate()["eval_loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("trainer", "arguments"), [(EmoBertTrainer, EmoBertTrainingArguments), (Trainer, TrainingArguments)]
)
def test_votes_train_and_labels_are_measured(tmp_path, trainer, arguments):
    """A row without votes has its label; metrics and the loss of a split are of the labels."""
    votes = torch.tensor([[0.6, 0.4, 0.0], [0.0, 0.5, 0.5], [float("nan")] * 3, [1.0, 0.0, 0.0], [0.2, 0.6, 0.2]])
    options = {
        "max_steps": 1,
        "per_device_train_batch_size": 5,
        "compute_metrics": count,
        "per_device_eval_batch_size": 5,
    }
    made = make_trainer(tmp_path, trainer, arguments, **options)
    made.train_dataset = Rows()
    made.train_dataset.batch["votes"] = votes
    logits = logits_of(made)
    targets = torch.where(votes.isnan(), torch.nn.functional.one_hot(LABELS, 3).float(), votes)
    made.train()
    expected = torch.nn.functional.cross_entropy(logits, targets)
    assert made.state.log_history[0]["loss"] == pytest.approx(expected.item(), rel=1e-5)
    measured = made.evaluate()
    assert measured["eval_count"] == 5
    assert measured["eval_loss"] == pytest.approx(torch.nn.functional.cross_entropy(logits, LABELS).item(), rel=1e-5)


def test_class_weights_under_transformers_own_trainer(tmp_path):
    """It tells the model how many labels there are, not what they weigh."""
    options = {"options": {"class_weights": WEIGHTS}, "max_steps": 1, "per_device_train_batch_size": 5}
    trainer = make_trainer(tmp_path, Trainer, TrainingArguments, **options)
    expected = weighted_cross_entropy(logits_of(trainer))
    trainer.train()
    assert trainer.state.log_history[0]["loss"] == pytest.approx(expected, rel=1e-5)


def to_classes(logits, labels):
    return logits.argmax(-1)


def count(prediction):
    return {"count": len(prediction.label_ids)}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"compute_metrics": count},
        {"compute_metrics": count, "preprocess_logits_for_metrics": to_classes},
        {"preprocess_logits_for_metrics": to_classes, "eval_do_concat_batches": False},
        {"prediction_loss_only": True},
        {"compute_metrics": lambda prediction, compute_result: {}, "batch_eval_metrics": True},
        {"eval_accumulation_steps": 1},
    ],
)
def test_the_evaluation_loss_is_that_of_the_whole_split(tmp_path, given):
    trainer = make_trainer(tmp_path, options={"class_weights": WEIGHTS}, **given)
    logits = logits_of(trainer)
    expected = weighted_cross_entropy(logits)
    for ignore_keys in (None, []) if "preprocess_logits_for_metrics" not in given else (None,):
        assert trainer.evaluate(ignore_keys=ignore_keys)["eval_loss"] == pytest.approx(expected, rel=1e-5)
    output = trainer.predict(trainer.eval_dataset)
    assert output.metrics["test_loss"] == pytest.approx(expected, rel=1e-5)

    scores = {"problem_type": "regression", "num_labels": 1, "regression_loss": "ccc"}
    trainer = make_trainer(tmp_path, options=scores, **given)
    expected = 1 - batch_concordance(logits_of(trainer)[:, 0], SCORES).item()
    assert trainer.evaluate()["eval_loss"] == pytest.approx(expected, rel=1e-5)


def test_a_loss_of_ones_own_stays_as_trainer_averages_it(tmp_path):
    def squares(outputs, labels, num_items_in_batch=None):
        return outputs.logits.square().mean()

    trainer = make_trainer(tmp_path, compute_loss_func=squares, per_device_eval_batch_size=5)
    assert trainer.evaluate()["eval_loss"] == pytest.approx(logits_of(trainer).square().mean().item(), rel=1e-5)


def test_label_smoothing_of_trainers_own_is_refused(tmp_path):
    with pytest.raises(ValueError, match="label_smoothing_factor=0.1 .* set `label_smoothing` in the model's config"):
        make_trainer(tmp_path, label_smoothing_factor=0.1)


@pytest.mark.parametrize(("length", "kept"), [({"num_train_epochs": 0}, True), ({"max_steps": 1}, False)])
def test_what_was_fitted_to_logits_does_not_outlive_them(tmp_path, length, kept, caplog):
    statistics = {"class_means": [[1, 0], [0, 1], [-1, -1]], "within": [[1, 0], [0, 1]], "between": [[1, 0], [0, 1]]}
    fitted = {"temperature": 1.7, "speaker_statistics": statistics}
    trainer = make_trainer(tmp_path, options=fitted, **length)
    trainer.train()
    assert {name: getattr(trainer.model.config, name) for name in fitted} == (
        fitted if kept else dict.fromkeys(fitted)
    )
    assert [f"`{name}` is of the logits before and is dropped" in caplog.text for name in fitted] == [not kept] * 2
