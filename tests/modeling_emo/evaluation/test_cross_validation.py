"""The numbers of a cross-validation against NumPy's and against the bootstrap that they name."""

import numpy as np
import pytest

from configuration_emo import EmoBertConfig
from modeling_emo import bootstrap_intervals, summarize_runs
from modeling_emo.evaluation.cross_validation import FoldPredictions
from modeling_emo.evaluation.predictions_csv import Predictions
from modeling_emo.metrics.compute_metrics import metric_function_for


CONFIG = EmoBertConfig(num_labels=3, problem_type="single_label_classification")
# Three speakers of unequal size; one is always right, one never.
SPEAKERS = {**{f"a{i}": "anna" for i in range(12)}, **{f"b{i}": "bo" for i in range(6)}, "c0": "carl", "c1": "carl"}


def runs():
    """Two folds; the predictions of a speaker are right together, or wrong."""
    generator = np.random.default_rng(0)
    parts = {
        "fold=1": [one for one in SPEAKERS if one[0] == "a"],
        "fold=2": [one for one in SPEAKERS if one[0] != "a"],
    }
    for fold, ids in parts.items():
        labels = generator.integers(0, 3, len(ids))
        predicted = np.where([one[0] == "b" for one in ids], (labels + 1) % 3, labels)
        logits = np.eye(3)[predicted] * 4
        yield FoldPredictions(fold, 0, {"both": Predictions(ids, logits, labels)}, "last")


def test_intervals_are_drawn_by_speaker_where_all_are_known():
    both = summarize_runs(list(runs()), CONFIG, speakers=SPEAKERS, num_resamples=200)["both"]
    assert both.pooled["wa"].mean == pytest.approx(14 / 20)
    pooled = both.pooled_predictions[0]
    groups = np.array([SPEAKERS[one] for one in pooled.ids])
    of = metric_function_for(CONFIG)
    expected = bootstrap_intervals(of, pooled.logits, pooled.labels, n_resamples=200, groups=groups)
    assert both.pooled["wa"].interval == pytest.approx(expected["wa"])
    # Speakers who agree with themselves make it wide: a resample of nobody but Bo is wrong throughout.
    assert both.pooled["wa"].interval[0] < 0.2 and both.pooled["wa"].interval[1] == 1
    assert both.speaker_sizes == {"anna": 12, "bo": 6, "carl": 2}
    assert {name: one["wa"].mean for name, one in both.per_speaker.items()} == {"anna": 1, "bo": 0, "carl": 1}


@pytest.mark.parametrize("speakers", [None, {**SPEAKERS, "c1": None}, {"a0": "anna"}])
def test_they_are_drawn_by_utterance_where_a_speaker_is_not_known(speakers):
    both = summarize_runs(list(runs()), CONFIG, speakers=speakers, num_resamples=200)["both"]
    pooled = both.pooled_predictions[0]
    expected = bootstrap_intervals(metric_function_for(CONFIG), pooled.logits, pooled.labels, n_resamples=200)
    assert both.pooled["wa"].interval == pytest.approx(expected["wa"])
    assert both.pooled["wa"].interval[0] > 0.4 and not both.per_speaker
