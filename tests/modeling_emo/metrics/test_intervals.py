"""Bootstrap intervals against scipy, the normal approximation and cases that can be counted out."""

import warnings

import numpy as np
import pytest
from scipy import stats

from configuration_emo import EmoBertConfig
from modeling_emo.metrics.compute_metrics import metric_function_for
from modeling_emo.metrics.intervals import bootstrap_intervals
from modeling_emo.metrics.task_metrics import emotion_metrics, sentiment_metrics


def mean_error(predictions, labels):
    return {"error": float(np.mean(np.abs(predictions - labels)))}


def test_same_as_scipys_percentile_bootstrap():
    generator = np.random.default_rng(0)
    labels = generator.normal(size=200)
    predictions = labels + generator.normal(size=200)
    ours = bootstrap_intervals(sentiment_metrics, predictions, labels, n_resamples=2000)
    theirs = stats.bootstrap(
        (predictions, labels),
        lambda p, y: stats.pearsonr(p, y).statistic,
        paired=True,
        vectorized=False,
        n_resamples=2000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    width = theirs.high - theirs.low
    # Two independent draws of 2,000: the ends of both vary by a few percent of the width.
    np.testing.assert_allclose(ours["corr"], theirs, atol=0.1 * width)


def test_normal_approximation_of_a_mean_and_the_confidence():
    errors = np.random.default_rng(7).exponential(size=1000)
    for confidence, quantile in ((0.95, 1.96), (0.5, 0.6745)):
        low, high = bootstrap_intervals(mean_error, errors, np.zeros(1000), n_resamples=4000, confidence=confidence)[
            "error"
        ]
        half_width = quantile * errors.std() / np.sqrt(1000)
        assert low == pytest.approx(errors.mean() - half_width, abs=0.1 * half_width)
        assert high == pytest.approx(errors.mean() + half_width, abs=0.1 * half_width)


def test_seed_decides():
    labels = np.arange(20.0)
    predictions = labels + np.sin(labels)
    first, again, other = (
        bootstrap_intervals(sentiment_metrics, predictions, labels, n_resamples=50, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again and first["mae"] != other["mae"]


def test_whole_groups_are_drawn():
    seen = []

    def remember(predictions, labels):
        assert (predictions[:, 0] == labels).all()
        seen.append(labels)
        return {"n": float(len(labels))}

    # Speaker a has the rows 0 and 3, b the rows 1, 2 and 4.
    rows = np.arange(5.0)
    interval = bootstrap_intervals(remember, rows[:, None], rows, n_resamples=200, groups=["a", "b", "b", "a", "b"])
    a, b = (0.0, 3.0), (1.0, 2.0, 4.0)
    assert {tuple(draw) for draw in seen} == {a + a, a + b, b + a, b + b}
    assert interval["n"] == (4.0, 6.0)


def test_groups_that_agree_within_are_wider():
    generator = np.random.default_rng(0)
    speakers = np.repeat(np.arange(20), 50)
    errors = np.repeat(generator.exponential(size=20), 50)
    alone = bootstrap_intervals(mean_error, errors, np.zeros(1000), n_resamples=500)["error"]
    grouped = bootstrap_intervals(mean_error, errors, np.zeros(1000), n_resamples=500, groups=speakers)["error"]
    # A mean of 20 independent values instead of 1,000: wider by the square root of 50.
    assert np.ptp(grouped) / np.ptp(alone) == pytest.approx(np.sqrt(50), rel=0.15)


def test_undefined_resamples_are_left_out_in_silence():
    def metrics(predictions, labels):
        return emotion_metrics(predictions, labels, ["angry", "happy", "sad"])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        intervals = bootstrap_intervals(metrics, [0, 0, 0, 1], [0, 0, 0, 1], n_resamples=100)
    # "happy" is missing from about a third of the resamples and right in all others; "sad" is never there.
    assert intervals["recall_happy"] == (1.0, 1.0)
    assert np.isnan(intervals["recall_sad"]).all()


@pytest.mark.parametrize(
    ("problem_type", "logits_shape", "labels_shape"),
    [
        ("single_label_classification", (40, 3), (40,)),
        ("one_vs_rest_classification", (40, 3, 2), (40,)),
        ("multi_label_classification", (40, 3), (40, 3)),
        ("regression", (40, 1), (40,)),
        ("regression", (40, 3), (40, 3)),
    ],
)
@pytest.mark.parametrize("is_finite", [True, False])
def test_decided_once_is_the_same_as_every_time(problem_type, logits_shape, labels_shape, is_finite):
    temperature = None if problem_type == "regression" else 2.0
    config = EmoBertConfig(problem_type=problem_type, num_labels=logits_shape[1], temperature=temperature)
    function = metric_function_for(config)
    generator = np.random.default_rng(0)
    logits = generator.normal(size=logits_shape)
    if not is_finite:  # in some resamples only
        logits[7, 0] = np.inf
    labels = generator.integers(0, 2, size=labels_shape)
    if problem_type == "regression":
        labels = labels + generator.normal(size=labels_shape)
    settings = {"n_resamples": 30, "groups": np.arange(40) // 2}
    once = bootstrap_intervals(function, logits, labels, **settings)
    every_time = bootstrap_intervals(lambda *arrays: function(*arrays), logits, labels, **settings)
    np.testing.assert_equal(once, every_time)
    assert len(once) >= 2


def test_rejects():
    with pytest.raises(ValueError, match="2 predictions and 1 labels"):
        bootstrap_intervals(mean_error, np.zeros(2), np.zeros(1))
    with pytest.raises(ValueError, match="one or more"):
        bootstrap_intervals(mean_error, [], [])
    with pytest.raises(ValueError, match="3 groups for 2 labels"):
        bootstrap_intervals(mean_error, np.zeros(2), np.zeros(2), groups=["a", "b", "c"])
    with pytest.raises(ValueError, match="confidence=1"):
        bootstrap_intervals(mean_error, np.zeros(2), np.zeros(2), confidence=1)
    with pytest.raises(ValueError, match="confidence=95"):
        bootstrap_intervals(mean_error, np.zeros(2), np.zeros(2), confidence=95)
    with pytest.raises(ValueError, match="n_resamples must be a whole number of at least 1, got 0"):
        bootstrap_intervals(mean_error, np.zeros(2), np.zeros(2), n_resamples=0)


def test_what_is_drawn_unless_it_is_said_otherwise():
    errors = np.random.default_rng(0).normal(size=12)
    given = {"n_resamples": 1000, "confidence": 0.95, "seed": 0, "groups": None}
    assert bootstrap_intervals(mean_error, errors, np.zeros(12)) == bootstrap_intervals(
        mean_error, errors, np.zeros(12), **given
    )
