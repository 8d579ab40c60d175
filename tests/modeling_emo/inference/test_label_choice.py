import numpy as np
import pytest

from configuration_emo import EmoBertConfig
from modeling_emo.inference.label_choice import LabelChoice


LABELS = {0: "ang", 1: "exc", 2: "hap", 3: "neu"}
SCORES = np.array([[0.2, 0.1, 0.3, 0.4], [0.05, 0.6, 0.25, 0.1]])


def config(problem_type="single_label_classification"):
    return EmoBertConfig(id2label=LABELS, problem_type=problem_type)


def test_all_labels_are_kept_by_default():
    choice = LabelChoice(config())
    assert choice.names == ["ang", "exc", "hap", "neu"]
    np.testing.assert_allclose(choice.apply(SCORES), SCORES)


def test_probabilities_of_some_classes_are_those_given_that_it_is_one_of_them():
    choice = LabelChoice(config(), ["neu", "ang"])
    assert choice.names == ["neu", "ang"]
    np.testing.assert_allclose(choice.apply(SCORES), [[2 / 3, 1 / 3], [2 / 3, 1 / 3]])


def test_classes_of_one_name_are_added():
    choice = LabelChoice(config(), {"hap": "joy", "neu": "calm", "exc": "joy"})
    assert choice.names == ["joy", "calm"]
    np.testing.assert_allclose(choice.apply(SCORES), [[0.5, 0.5], [0.85 / 0.95, 0.1 / 0.95]])


@pytest.mark.parametrize("problem_type", ["multi_label_classification", "one_vs_rest_classification"])
def test_independent_probabilities_stay_as_they_are(problem_type):
    choice = LabelChoice(config(problem_type), {"exc": "joy", "hap": "joy", "ang": "anger"})
    np.testing.assert_allclose(choice.apply(SCORES), [[0.3, 0.2], [0.6, 0.05]])


def test_predicted_values_are_renamed_but_never_merged():
    np.testing.assert_allclose(LabelChoice(config("regression"), {"neu": "valence"}).apply(SCORES), [[0.4], [0.1]])
    with pytest.raises(ValueError, match="Predicted values cannot be merged"):
        LabelChoice(config("regression"), {"ang": "a", "exc": "a"})


@pytest.mark.parametrize("labels", [["ang", "angry"], [], {}, "ang", {"angry": "a"}])
def test_unknown_labels_are_refused_with_the_known_ones(labels):
    with pytest.raises(ValueError, match="some of ang, exc, hap, neu, or a mapping"):
        LabelChoice(config(), labels)
