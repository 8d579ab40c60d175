"""The Trainer's `compute_metrics`: which metrics for which model, in one piece whatever the batches were."""

import numpy as np
import pytest
import torch
from datasets import Dataset
from sklearn.exceptions import UndefinedMetricWarning
from transformers import EvalPrediction, Trainer, TrainingArguments

from configuration_emo import EmoBertConfig
from modeling_emo import compute_metrics_for
from modeling_emo.metrics.task_metrics import (
    dimensional_metrics,
    emotion_metrics,
    multi_label_metrics,
    one_vs_rest_metrics,
    sentiment_metrics,
)


NAMES = ["neutral", "sad", "angry"]
GENERATOR = np.random.default_rng(0)
SIZE = 17
LOGITS = GENERATOR.normal(size=(SIZE, 3)).astype(np.float32)
PAIRS = GENERATOR.normal(size=(SIZE, 3, 2)).astype(np.float32)
VALUES = GENERATOR.normal(size=(SIZE, 1)).astype(np.float32) * 2
INDICES = np.concatenate([np.arange(3), GENERATOR.integers(3, size=SIZE - 3)])
ONE_HOT = np.eye(3, dtype=int)[INDICES]
ROWS = GENERATOR.integers(2, size=(SIZE, 3)).astype(np.float32)
RATINGS = np.round(VALUES[:, 0] + 0.4, 1)


def config(problem_type, names=NAMES, **options):
    return EmoBertConfig(problem_type=problem_type, id2label=dict(enumerate(names)), **options)


def evaluate(configuration, logits, labels, task=None):
    return compute_metrics_for(configuration, task)(EvalPrediction(predictions=logits, label_ids=labels))


class TestChoiceOfMetrics:
    """Each task equals its own function on predictions derived by hand."""

    @pytest.mark.parametrize("task", [None, "emotion", "iemocap", "meld", "emodb"])
    def test_emotion(self, task):
        expected = emotion_metrics(LOGITS.argmax(axis=1), INDICES, NAMES)
        assert evaluate(config("single_label_classification"), LOGITS, INDICES, task) == expected

    @pytest.mark.parametrize("task", [None, "one_vs_rest", "iemocap_one_vs_rest"])
    @pytest.mark.parametrize("labels", [INDICES, ONE_HOT, ONE_HOT.astype(np.float32), ROWS])
    def test_one_vs_rest(self, task, labels):
        expected = one_vs_rest_metrics(PAIRS, labels, NAMES)
        assert evaluate(config("one_vs_rest_classification"), PAIRS, labels, task) == expected

    @pytest.mark.parametrize("labels", [INDICES, ONE_HOT])
    def test_one_emotion_out_of_one_vs_rest(self, labels):
        # The probability of presence grows with the difference of the two logits.
        expected = emotion_metrics((PAIRS[..., 1] - PAIRS[..., 0]).argmax(axis=1), INDICES, NAMES)
        assert evaluate(config("one_vs_rest_classification"), PAIRS, labels, "iemocap") == expected

    @pytest.mark.parametrize("task", [None, "multi_label", "mosei_emotions"])
    def test_multi_label(self, task):
        expected = multi_label_metrics(1 / (1 + np.exp(-LOGITS.astype(float))), ROWS, NAMES)
        assert evaluate(config("multi_label_classification"), LOGITS, ROWS, task) == expected

    @pytest.mark.parametrize("task", ["mosi", "mosei"])
    def test_sentiment(self, task):
        expected = sentiment_metrics(VALUES, RATINGS)
        assert evaluate(config("regression", ["sentiment"]), VALUES, RATINGS, task) == expected

    @pytest.mark.parametrize("task", [None, "sentiment"])
    def test_sentiment_needs_a_scale(self, task):
        ranged = config("regression", ["sentiment"], label_range=[-3.0, 3.0])
        assert evaluate(ranged, VALUES, RATINGS, task) == sentiment_metrics(VALUES, RATINGS)
        # Scores from 0 to 100: on MOSI's scale all of them would be 3, and every prediction right.
        grades = (50 + 20 * GENERATOR.normal(size=(SIZE, 1))).clip(0, 100)
        guesses = grades[::-1]
        metrics = evaluate(config("regression", ["grade"]), guesses, grades, task)
        assert metrics == {
            "mae": pytest.approx(np.abs(guesses - grades).mean()),
            "corr": pytest.approx(np.corrcoef(guesses[:, 0], grades[:, 0])[0, 1]),
        }
        ranged = config("regression", ["grade"], label_range=[0.0, 100.0])
        assert 0 < evaluate(ranged, guesses, grades, task)["acc_7"] < 0.9

    def test_sentiment_on_another_scale(self):
        expected = sentiment_metrics(VALUES, RATINGS, score_range=(-4, 4))
        ranged = config("regression", ["sentiment"], label_range=[-4.0, 4.0])
        assert expected["acc_7"] != sentiment_metrics(VALUES, RATINGS)["acc_7"]
        assert evaluate(ranged, VALUES, RATINGS) == expected
        assert evaluate(ranged, VALUES, RATINGS[:, None]) == expected
        assert evaluate(config("regression", ["sentiment"]), VALUES, RATINGS, "spoken_sentiment") == expected

    @pytest.mark.parametrize("task", [None, "dimensional", "iemocap_dimensional"])
    def test_dimensional(self, task):
        names = ["valence", "arousal", "dominance"]
        expected = dimensional_metrics(LOGITS, ROWS, names)
        assert evaluate(config("regression", names), LOGITS, ROWS, task) == expected

    def test_one_dimension_when_asked_for(self):
        expected = dimensional_metrics(VALUES, RATINGS, ["arousal"])
        assert evaluate(config("regression", ["arousal"]), VALUES, RATINGS, "dimensional") == expected

    def test_first_of_several_outputs(self):
        configuration = config("single_label_classification")
        expected = evaluate(configuration, LOGITS, INDICES)
        assert evaluate(configuration, (LOGITS, np.zeros((SIZE, 8))), (INDICES,)) == expected


class TestErrors:
    def test_unknown_task_lists_the_valid_ones(self):
        with pytest.raises(ValueError, match="'mood'.*sentiment, emotion, one_vs_rest.*meld.*spoken_sentiment"):
            compute_metrics_for(config("regression", ["sentiment"]), "mood")

    def test_task_that_does_not_fit_the_model(self):
        with pytest.raises(ValueError, match="'meld' need.*single_label_classification or one_vs_rest.*'regression'"):
            compute_metrics_for(config("regression", ["sentiment"]), "meld")
        with pytest.raises(ValueError, match="'mosi' are of one score, this model predicts 3"):
            compute_metrics_for(config("regression"), "mosi")

    def test_rows_with_two_emotions_are_not_one_emotion(self):
        with pytest.raises(ValueError, match="exactly one emotion"):
            evaluate(config("one_vs_rest_classification"), PAIRS, np.ones((SIZE, 3)), "emotion")

    def test_no_labels(self):
        with pytest.raises(ValueError, match="labelled split"):
            evaluate(config("regression", ["sentiment"]), VALUES, None)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize(
        ("problem_type", "names", "logits", "labels"),
        [
            ("single_label_classification", NAMES, LOGITS, INDICES),
            ("one_vs_rest_classification", NAMES, PAIRS, ROWS),
            ("multi_label_classification", NAMES, LOGITS, ROWS),
            ("regression", ["sentiment"], VALUES, RATINGS),
            ("regression", NAMES, LOGITS, ROWS),
        ],
    )
    def test_diverged_model_gives_nan_and_goes_on(self, problem_type, names, logits, labels, value):
        diverged = logits.copy()
        diverged[3, 0] = value
        bad, configuration = int((~np.isfinite(diverged)).sum()), config(problem_type, names)
        with pytest.warns(UndefinedMetricWarning, match=f"{bad} of {logits.size} logits are not finite"):
            metrics = evaluate(configuration, diverged, labels)
        assert list(metrics) == list(evaluate(configuration, logits, labels))
        assert np.isnan(list(metrics.values())).all()


class Echo(torch.nn.Module):
    """Returns its inputs as logits, so that a Trainer's evaluation has known predictions."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, features, labels):
        logits = features * self.scale
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}


@pytest.mark.parametrize("batch_size", [1, 5, 17, 32])
def test_trainers_batches_do_not_matter(batch_size, tmp_path):
    trainer = Trainer(
        model=Echo(),
        args=TrainingArguments(
            output_dir=str(tmp_path), per_device_eval_batch_size=batch_size, use_cpu=True, report_to="none"
        ),
        eval_dataset=Dataset.from_dict({"features": LOGITS, "labels": INDICES}),
        compute_metrics=compute_metrics_for(config("single_label_classification")),
    )
    evaluated = trainer.evaluate()
    expected = emotion_metrics(LOGITS.argmax(axis=1), INDICES, NAMES)
    assert {f"eval_{name}": value for name, value in expected.items()}.items() <= evaluated.items()
