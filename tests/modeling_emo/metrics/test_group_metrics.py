import numpy as np
import pytest

from modeling_emo.metrics.group_metrics import group_metrics, terciles
from modeling_emo.metrics.selective import area_under_risk_coverage, coverage_points, risk_coverage


def accuracy(predicted, true):
    return {"ua": float("nan") if len(set(true)) < 2 else 0.0, "wa": float((predicted == true).mean())}


def test_the_worst_group_against_the_rest():
    true = np.tile([0, 1], 30)
    predicted = true.copy()
    predicted[40:50] = 1 - predicted[40:50]  # ten of the last twenty are wrong
    groups = ["a"] * 20 + ["b"] * 20 + ["c"] * 20
    found = group_metrics(lambda p, t: {"wa": float((p == t).mean())}, predicted, true, groups, num_resamples=400)
    assert (found.metric, found.worst, found.rest, found.difference) == ("wa", "c", 1.0, -0.5)
    assert found.sizes == {"a": 20, "b": 20, "c": 20} and found.metrics["c"] == {"wa": 0.5}
    # The binomial of 20: 0.5 +- 1.96 * sqrt(0.25 / 20).
    assert found.interval == pytest.approx((-0.72, -0.28), abs=0.06)


def test_speakers_are_drawn_and_not_utterances():
    """Two of four women are always wrong: which of them are drawn decides, not how many utterances they have."""
    true = np.zeros(160, dtype=int)
    speakers = [f"f{index // 20}" if index < 80 else f"m{index // 20}" for index in range(160)]
    predicted = np.array([int(name in ("f0", "f1")) for name in speakers])
    groups = [name[0] for name in speakers]
    of = lambda p, t: {"wa": float((p == t).mean())}  # noqa: E731
    by_speaker = group_metrics(of, predicted, true, groups, speakers=speakers, num_resamples=400)
    by_utterance = group_metrics(of, predicted, true, groups, num_resamples=400)
    assert by_speaker.worst == "f" and by_speaker.difference == by_utterance.difference == -0.5
    assert by_speaker.interval == (-1.0, 0.0)
    assert by_utterance.interval == pytest.approx((-0.61, -0.39), abs=0.03)


def test_a_speaker_on_both_sides_is_drawn_with_both():
    """Every speaker is 0.25 worse in long utterances: the difference owes nothing to who is drawn."""
    true = np.zeros(80, dtype=int)
    predicted = np.array([0, 0, 0, 0, 0, 0, 0, 1] * 10)
    predicted[::8] = 0
    groups = ["short", "short", "short", "short", "long", "long", "long", "long"] * 10
    speakers = [f"s{index // 8}" for index in range(80)]
    found = group_metrics(
        lambda p, t: {"wa": float((p == t).mean())}, predicted, true, groups, speakers=speakers, num_resamples=50
    )
    assert (found.worst, found.difference, found.interval) == ("long", -0.25, (-0.25, -0.25))


def test_speakers_of_different_skill_on_both_sides_are_drawn_with_both():
    """Half of the speakers are much worse in all that they say, and each of them 0.25 worse in long utterances."""
    good, bad = [0, 0, 0, 0, 0, 0, 0, 1], [0, 1, 1, 1, 1, 1, 1, 1]
    predicted = np.array((good + bad) * 5)
    groups = ["short", "short", "short", "short", "long", "long", "long", "long"] * 10
    speakers = [f"s{index // 8}" for index in range(80)]
    of = lambda p, t: {"wa": float((p == t).mean())}  # noqa: E731
    found = group_metrics(of, predicted, np.zeros(80, dtype=int), groups, speakers=speakers, num_resamples=50)
    assert (found.worst, found.difference) == ("long", -0.25) and found.interval == pytest.approx((-0.25, -0.25))


def test_ten_utterances_are_a_group():
    predicted = np.array([0] * 20 + [1] * 10 + [1] * 9)
    of = lambda p, t: {"wa": float((p == t).mean())}  # noqa: E731
    found = group_metrics(of, predicted, np.zeros(39), ["a"] * 20 + ["b"] * 10 + ["c"] * 9, num_resamples=5)
    assert found.worst == "b"


def test_what_cannot_be_compared_is_refused():
    of = lambda p, t: {"own": 1.0}  # noqa: E731
    with pytest.raises(ValueError, match="None of ua, corr, .* is among the metrics own"):
        group_metrics(of, [0, 1], [0, 1], ["a", "b"])
    for predicted, labels, groups, speakers in (
        ([0], [0, 1], ["a", "b"], None),
        ([0, 1], [0], ["a", "b"], None),
        ([0, 1], [0, 1], ["a"], None),
        ([0, 1], [0, 1], ["a", "b"], ["s"]),
    ):
        with pytest.raises(ValueError, match="labels and [12] groups do not fit"):
            group_metrics(of, predicted, labels, groups, speakers=speakers)


def test_what_is_not_defined_in_a_group_is_not_compared():
    true = np.array([0, 1] * 10 + [0] * 20)
    found = group_metrics(accuracy, true, true, ["a"] * 20 + ["b"] * 19 + [None], num_resamples=10)
    assert (found.metric, found.unknown, found.sizes) == ("wa", 1, {"a": 20, "b": 19})
    assert group_metrics(accuracy, true, true, ["a"] * 20 + [None] * 20) is None


def test_small_groups_are_listed_and_not_the_worst():
    true = np.zeros(43, dtype=int)
    predicted = np.array([0] * 20 + [1] + [0] * 19 + [1] * 3)
    found = group_metrics(
        lambda p, t: {"mae": float(np.abs(p - t).mean())}, predicted, true, ["a"] * 20 + ["b"] * 20 + ["c"] * 3
    )
    assert found.metrics["c"]["mae"] == 1.0 and found.worst == "b" and found.difference == pytest.approx(0.05 - 3 / 23)


def test_terciles():
    names = terciles([0.1, 5.0, 1.0, None, 2.0, float("nan"), 9.0, 3.0], "s")
    assert names == ["up to 1.67 s", "over 3.67 s", "up to 1.67 s", None, "1.67 to 3.67 s", None] + [
        "over 3.67 s",
        "1.67 to 3.67 s",
    ]
    assert set(terciles([2.0, 2.0, 2.0], "s")) == {"up to 2 s"}
    assert terciles([None, None], "s") == [None, None]


def test_risk_and_coverage():
    confidences, right = [0.9, 0.5, 0.8, 0.6], [1, 0, 1, 1]
    coverage, risk = risk_coverage(confidences, right)
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0] and risk.tolist() == [0.0, 0.0, 0.0, 0.25]
    assert area_under_risk_coverage(confidences, right) == pytest.approx(0.0625)
    # As sure of all of them: the area is the error rate.
    assert area_under_risk_coverage([0.7] * 4, right) == 0.25
    (all_of_them, some, none) = coverage_points(confidences, right, [0.0, 0.6, 0.95])
    assert [point.threshold for point in coverage_points(confidences, right)] == [0.0, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert (all_of_them.coverage, all_of_them.accuracy) == (1.0, 0.75)
    assert (some.coverage, some.accuracy) == (0.75, 1.0)
    assert none.coverage == 0.0 and np.isnan(none.accuracy)
