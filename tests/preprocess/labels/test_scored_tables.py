"""Tables of predictions and labels, read directly: names of columns, sums, empty cells; and the tasks by name."""

import numpy as np
import pytest

from preprocess import read_scored_tables, scored_task
from preprocess.labels.scored_tasks import MOSEI_EMOTIONS


def read(tmp_path, predictions, labels, task):
    (tmp_path / "p.csv").write_text(predictions)
    (tmp_path / "l.csv").write_text(labels)
    return read_scored_tables(tmp_path / "p.csv", tmp_path / "l.csv", scored_task(task))


@pytest.mark.parametrize(
    ("name", "problem_type", "names", "metrics"),
    [
        ("mosei-emotions", "multi_label_classification", MOSEI_EMOTIONS, "multi_label"),
        ("mosei-score", "regression", None, "sentiment"),
        ("iemocap-vad", "regression", ("valence", "activation", "dominance"), "dimensional"),
        ("iemocap-4-class", "single_label_classification", ("neutral", "sad", "angry", "happy"), "emotion"),
    ],
)
def test_tasks_by_name(name, problem_type, names, metrics):
    task = scored_task(name)
    assert (task.problem_type, task.names, task.metrics) == (problem_type, names, metrics)


@pytest.mark.parametrize("name", ["mosei-7-class", "mosei-binary-has0"])
def test_classes_of_mosei_exclude_each_other(name):
    assert (scored_task(name).problem_type, scored_task(name).metrics) == ("single_label_classification", "emotion")


def test_a_name_like_none_is_answered_with_all():
    with pytest.raises(ValueError, match="There is no task 'zzz'; there are emotion, .* urdu-4-class"):
        scored_task("zzz")


@pytest.mark.parametrize(
    ("valence", "arousal", "dominance"),
    [("val", "act", "dom"), ("v", "a", "d"), ("emoval", "emoact", "emodom"), ("valence", "aro", "dominance")],
)
def test_dimensions_under_their_usual_names(tmp_path, valence, arousal, dominance):
    rows = f"id,{dominance},{valence},{arousal}\n1,3,1,2\n"
    tables = read(tmp_path, rows, rows, "iemocap-vad")
    assert tables.scores.tolist() == [[1, 2, 3]] and tables.labels.tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(("other", "is_refused"), [(0.485, False), (0.51, False), (0.47, True), (0.53, True)])
def test_probabilities_sum_to_1_but_for_rounding(tmp_path, other, is_refused):
    predictions, labels = f"id,calm,tense\n1,0.5,{other}\n2,0.5,0.5\n", "id,label\n1,calm\n2,tense\n"
    if is_refused:
        with pytest.raises(ValueError, match=f"scores from .* with the sum {0.5 + other:g} are no probabilities"):
            read(tmp_path, predictions, labels, "emotion")
    else:
        assert read(tmp_path, predictions, labels, "emotion").scores[0].tolist() == [0.5, other]


def test_no_label_is_left_out_and_none_of_several_is_an_answer(tmp_path):
    tables = read(tmp_path, "id,prediction\n1,sad\n2,sad\n", "id,label\n1,sad\n2,\n", "iemocap-4-class")
    assert tables.ids == ["1"] and tables.left_out == 1
    several = read(tmp_path, "id,prediction\n1,happy\n2,\n", "id,label\n1,happy\n2,\n", "mosei-emotions")
    assert several.ids == ["1", "2"] and several.left_out == 0
    assert several.labels.tolist() == np.eye(2, 6, dtype=int)[:1].tolist() + [[0] * 6]
