"""The mean of several models' probabilities, by hand."""

import numpy as np
import pytest

from configuration_emo import EmoBertConfig
from modeling_emo import FoldPredictions, Predictions, average_predictions, ensemble_seeds, summarize_runs
from modeling_emo.metrics.scores import predictions_to_scores


NAMES = {0: "sad", 1: "angry", 2: "happy"}


def log(rows):
    return np.log(np.array(rows))


def test_the_mean_of_probabilities_and_not_of_logits():
    config = EmoBertConfig(id2label=NAMES)
    first, second = log([[0.98, 0.01, 0.01]]), log([[0.1, 0.8, 0.1]])
    mean = average_predictions([first, second], [config, config])
    assert predictions_to_scores(mean, config) == pytest.approx(np.array([[0.54, 0.405, 0.055]]))


def test_each_model_has_its_own_temperature():
    plain, warm = EmoBertConfig(id2label=NAMES), EmoBertConfig(id2label=NAMES, temperature=2.0)
    row = np.array([[2.0, 0.0, 0.0]])
    warmed = np.exp([1.0, 0, 0]) / np.exp([1.0, 0, 0]).sum()
    sharp = np.exp([2.0, 0, 0]) / np.exp([2.0, 0, 0]).sum()
    for configs in ([plain, warm], [warm, plain]):
        mean = predictions_to_scores(average_predictions([row, row], configs), configs[0])
        assert mean[0] == pytest.approx((warmed + sharp) / 2)


@pytest.mark.parametrize("problem_type", ["multi_label_classification", "regression"])
def test_other_problems(problem_type):
    options = {"label_range": [-3.0, 3.0]} if problem_type == "regression" else {}
    config = EmoBertConfig(id2label={0: "joy", 1: "fear"}, problem_type=problem_type, **options)
    logits = [np.array([[1.0, -1.0]]), np.array([[-2.0, 0.5]])]
    scores = [predictions_to_scores(one, config) for one in logits]
    mean = predictions_to_scores(average_predictions(logits, [config, config]), config)
    assert mean == pytest.approx(np.mean(scores, axis=0))


def test_models_that_do_not_belong_together():
    config, other = EmoBertConfig(id2label=NAMES), EmoBertConfig(id2label={0: "angry", 1: "sad", 2: "happy"})
    with pytest.raises(ValueError, match="one has sad, angry, happy .* one angry, sad, happy"):
        average_predictions([np.zeros((1, 3))] * 2, [config, other])
    with pytest.raises(ValueError, match="0 predictions of 0 models"):
        average_predictions([], [])


def run(fold, seed, ids, rows, labels):
    return FoldPredictions(fold, seed, {"both": Predictions(ids, log(rows), np.array(labels))}, "the last step")


def test_the_seeds_of_each_fold_become_one():
    """Each seed is wrong where the other is sure: both are right together."""
    config = EmoBertConfig(id2label={0: "sad", 1: "angry"})
    runs = [
        run("1", 0, ["a", "b"], [[0.9, 0.1], [0.6, 0.4]], [0, 1]),
        run("1", 1, ["a", "b"], [[0.4, 0.6], [0.1, 0.9]], [0, 1]),
        run("2", 0, ["c"], [[0.2, 0.8]], [0]),
        run("2", 1, ["c"], [[0.9, 0.1]], [0]),
    ]
    assert summarize_runs(runs, config, num_resamples=2)["both"].pooled["wa"].mean == pytest.approx(
        (1 / 3 + 2 / 3) / 2
    )
    results = summarize_runs(ensemble_seeds(runs, config), config, num_resamples=2)
    assert list(results) == ["both, ensemble"] and results["both, ensemble"].pooled["wa"].mean == 1
    with pytest.raises(ValueError, match="fold '2' has one seed"):
        ensemble_seeds(runs[:3], config)
    with pytest.raises(ValueError, match="seeds of fold '2' tested different"):
        ensemble_seeds([*runs[:3], run("2", 1, ["d"], [[0.9, 0.1]], [0])], config)
