"""Scores and labels of every problem type, against closed forms."""

import numpy as np
import pytest

from configuration_emo import EmoBertConfig, Emotion2VecConfig
from modeling_emo.metrics.scores import (
    confidences_and_outcomes,
    label_names,
    predictions_to_scores,
    scores_to_labels,
    scores_to_logits,
)


NAMES = {0: "angry", 1: "happy", 2: "sad"}
LOG3 = np.log(3.0)


def config(problem_type, names=NAMES):
    return EmoBertConfig(problem_type=problem_type, id2label=names)


class TestPredictionsToScores:
    def test_single_label_is_a_softmax(self):
        scores = predictions_to_scores(
            np.float32([[LOG3, 0, 0], [1000, 0, -1000]]), config("single_label_classification")
        )
        np.testing.assert_allclose(scores, [[0.6, 0.2, 0.2], [1, 0, 0]], rtol=1e-7)

    def test_multi_label_is_a_sigmoid(self):
        scores = predictions_to_scores([[LOG3, -LOG3, -1000.0]], config("multi_label_classification"))
        np.testing.assert_allclose(scores, [[0.75, 0.25, 0]], rtol=1e-12)

    def test_one_vs_rest_is_the_probability_of_presence(self):
        logits = [[[0, LOG3], [LOG3, 0], [5, 5]]]
        scores = predictions_to_scores(logits, config("one_vs_rest_classification"))
        np.testing.assert_allclose(scores, [[0.75, 0.25, 0.5]], rtol=1e-12)

    def test_regression_stays_as_it_is(self):
        scores = predictions_to_scores([[-7.5], [0.25]], config("regression", {0: "sentiment"}))
        np.testing.assert_array_equal(scores, [[-7.5], [0.25]])

    @pytest.mark.parametrize(
        ("problem_type", "shape"),
        [("single_label_classification", (4, 2)), ("one_vs_rest_classification", (4, 3)), ("regression", (4, 3, 2))],
    )
    def test_rejects_other_shapes(self, problem_type, shape):
        with pytest.raises(ValueError, match=rf"{problem_type} has logits of shape \(utterances, 3"):
            predictions_to_scores(np.zeros(shape), config(problem_type))


class TestThereAndBack:
    """Files keep probabilities; what is evaluated from them are logits."""

    probabilities = np.array([[0.7, 0.2, 0.1], [0.25, 0.15, 0.6]])

    @pytest.mark.parametrize("temperature", [None, 2.5])
    @pytest.mark.parametrize(
        "problem_type",
        ["single_label_classification", "multi_label_classification", "one_vs_rest_classification", "regression"],
    )
    def test_scores_come_back(self, problem_type, temperature):
        of = EmoBertConfig(
            problem_type=problem_type,
            id2label=NAMES,
            temperature=None if problem_type == "regression" else temperature,
        )
        logits = scores_to_logits(self.probabilities, of)
        assert logits.shape == ((2, 3, 2) if problem_type == "one_vs_rest_classification" else (2, 3))
        np.testing.assert_allclose(predictions_to_scores(logits, of), self.probabilities, rtol=1e-12)

    def test_certainty_stays_finite(self):
        for problem_type in (
            "single_label_classification",
            "multi_label_classification",
            "one_vs_rest_classification",
        ):
            of = config(problem_type)
            logits = scores_to_logits([[1.0, 0.0, 0.0]], of)
            assert np.isfinite(logits).all()
            np.testing.assert_allclose(predictions_to_scores(logits, of), [[1, 0, 0]], atol=1e-300)

    def test_they_are_of_double_precision(self):
        for problem_type in ("regression", "single_label_classification"):
            assert scores_to_logits(np.float32([[0.5, 0.25, 0.25]]), config(problem_type)).dtype == np.float64

    def test_a_configuration_without_temperature(self):
        of = Emotion2VecConfig(id2label=NAMES)
        np.testing.assert_allclose(predictions_to_scores([[LOG3, 0, 0]], of), [[0.6, 0.2, 0.2]])


class TestScoresToLabels:
    scores = np.array([[0.2, 0.7, 0.1], [0.6, 0.5, 0.9], [0.4, 0.3, 0.2]])

    def test_most_probable_label(self):
        for problem_type in ("single_label_classification", "one_vs_rest_classification"):
            assert scores_to_labels(self.scores, config(problem_type)) == ["happy", "sad", "angry"]

    def test_all_labels_above_one_half(self):
        labels = scores_to_labels(self.scores, config("multi_label_classification"))
        assert labels == [["happy"], ["angry", "sad"], []]

    def test_values(self):
        assert scores_to_labels(np.array([[1.5], [-2.0]]), config("regression", {0: "sentiment"})) == [[1.5], [-2.0]]


class TestConfidencesAndOutcomes:
    scores = np.array([[0.2, 0.7, 0.1], [0.6, 0.3, 0.1]])

    def test_single_label_looks_at_the_winner(self):
        confidences, outcomes = confidences_and_outcomes(self.scores, [1, 2], config("single_label_classification"))
        assert confidences.tolist() == [0.7, 0.6] and outcomes.tolist() == [True, False]

    @pytest.mark.parametrize("labels", [[1, 2], [[0, 1, 0], [0, 0, 1]]])
    def test_one_vs_rest_looks_at_every_label(self, labels):
        confidences, outcomes = confidences_and_outcomes(self.scores, labels, config("one_vs_rest_classification"))
        assert confidences.tolist() == self.scores.ravel().tolist()
        assert outcomes.tolist() == [False, True, False, False, False, True]

    def test_regression_has_none(self):
        with pytest.raises(ValueError, match="states no probabilities"):
            confidences_and_outcomes([[1.0]], [1.0], config("regression", {0: "sentiment"}))


def test_label_names_follow_the_logits():
    assert label_names(config("single_label_classification", {2: "c", 0: "a", 1: "b"})) == ["a", "b", "c"]
