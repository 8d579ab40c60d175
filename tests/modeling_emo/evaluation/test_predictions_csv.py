"""The predictions file says under each label's name what the model said of that label, and is read back as it was."""

import numpy as np
import pytest

from configuration_emo import EmoBertConfig
from modeling_emo.evaluation.predictions_csv import prediction_rows, read_predictions, write_predictions
from modeling_emo.metrics.scores import predictions_to_scores


NAMES = ["angry", "happy", "sad"]
IDS = ["a", "b", "c"]
# Each label is the largest of one row, so that a name beside its place shows.
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.25, 0.15, 0.6]])
LOGITS = {
    "single_label_classification": np.log(PROBABILITIES),
    "multi_label_classification": np.log(PROBABILITIES / (1 - PROBABILITIES)),
    "one_vs_rest_classification": np.stack([np.log(1 - PROBABILITIES), np.log(PROBABILITIES)], axis=-1),
    "regression": PROBABILITIES,
}
ROWS = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 0]])
EXPECTED = {
    "single_label_classification": (np.array([0, 1, 2]), "angry,angry happy,happy sad,sad"),
    "multi_label_classification": (ROWS, "angry,angry happy|sad,happy ,sad"),
    "one_vs_rest_classification": (ROWS, "angry,angry happy|sad,happy ,sad"),
}


@pytest.mark.parametrize("problem_type", EXPECTED)
def test_names_go_with_their_numbers(problem_type, tmp_path):
    # The names lie in another order than their numbers.
    config = EmoBertConfig(problem_type=problem_type, id2label={2: "sad", 0: "angry", 1: "happy"})
    labels, expected = EXPECTED[problem_type]
    write_predictions(tmp_path / "p.csv", prediction_rows(IDS, LOGITS[problem_type], config, labels))
    header, *lines = (tmp_path / "p.csv").read_text().splitlines()
    assert header == "id,label,prediction,score_angry,score_happy,score_sad"
    assert [",".join(line.split(",")[1:3]) for line in lines] == expected.split(" ")
    np.testing.assert_allclose([[float(cell) for cell in line.split(",")[3:]] for line in lines], PROBABILITIES)
    back = read_predictions(tmp_path / "p.csv", config)
    assert back.ids == IDS
    np.testing.assert_array_equal(back.labels, labels)
    np.testing.assert_allclose(predictions_to_scores(back.logits, config), PROBABILITIES)
    rows = prediction_rows(back.ids, back.logits, config, back.labels)
    assert [row["prediction"] for row in rows] == [line.split(",")[2] for line in lines]


def test_several_scores(tmp_path):
    config = EmoBertConfig(problem_type="regression", id2label=dict(enumerate(NAMES)))
    write_predictions(tmp_path / "p.csv", prediction_rows(IDS, PROBABILITIES, config, PROBABILITIES * 2))
    back = read_predictions(tmp_path / "p.csv", config)
    np.testing.assert_allclose(back.logits, PROBABILITIES)
    np.testing.assert_allclose(back.labels, PROBABILITIES * 2)
