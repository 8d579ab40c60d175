"""Metrics of sentiment scores on ragged and degenerate splits, see `test_task_metrics`."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as reference
from sklearn.exceptions import UndefinedMetricWarning

from modeling_emo.metrics.task_metrics import (
    sentiment_metrics,
)
from tests.modeling_emo.metrics.definitions import (
    AVERAGES_EVERY,
    CASES,
    NAN,
    accuracy,
    accuracy_and_weighted_f1,
    assert_same,
    correlation,
    mean,
    random_length,
    weighted_f1,
)


class TestSentimentMetrics:
    @staticmethod
    def case(generator):
        size = random_length(generator)
        # Thirds and halves, as raters' means have them, so that rounding at .5 and exact zeros occur often.
        truth = np.round(generator.uniform(-3.6, 3.6, size) * 6) / 6
        predicted = np.round(generator.normal(0, 2, size) * 4) / 4
        kind = generator.integers(12)
        if kind == 0:
            truth[:] = 0
        elif kind == 1:
            predicted[:] = 0.1
        elif kind == 2:
            truth[:] = 1.7
        elif kind == 3:
            truth = np.abs(truth) + 0.5
        return predicted, truth

    @staticmethod
    def expected(predicted, truth):
        predicted, truth = predicted.tolist(), truth.tolist()
        pairs = list(zip(predicted, truth, strict=True))

        def share_of_equal_classes(bound):
            # Python's round is half to even, like numpy's.
            return mean([len({round(min(max(score, -bound), bound)) for score in pair}) == 1 for pair in pairs])

        rated = [(p, y) for p, y in pairs if y != 0]
        has0 = [y >= 0 for y in truth], [p >= 0 for p in predicted]
        non0 = [y > 0 for _, y in rated], [p > 0 for p, _ in rated]
        return {
            "mae": mean([abs(p - y) for p, y in pairs]),
            "corr": correlation(predicted, truth),
            "acc_7": share_of_equal_classes(3),
            "acc_5": share_of_equal_classes(2),
            "acc_2_has0": accuracy(*has0),
            "f1_has0": weighted_f1(*has0),
            "acc_2_non0": accuracy(*non0),
            "f1_non0": weighted_f1(*non0),
        }

    @staticmethod
    def by_libraries(predicted, truth):
        rated = truth != 0
        has0 = accuracy_and_weighted_f1(truth >= 0, predicted >= 0)
        non0 = accuracy_and_weighted_f1(truth[rated] > 0, predicted[rated] > 0)
        accuracies = [
            np.equal(*(np.rint(np.clip(scores, -bound, bound)) for scores in (predicted, truth))).mean()
            for bound in (3, 2)
        ]
        return {
            "mae": np.abs(predicted - truth).mean(),
            "corr": stats.pearsonr(predicted, truth).statistic if len(truth) > 1 else NAN,
            **dict(zip(("acc_7", "acc_5"), accuracies, strict=True)),
            **dict(zip(("acc_2_has0", "f1_has0", "acc_2_non0", "f1_non0"), (*has0, *non0), strict=True)),
        }

    @staticmethod
    def by_ready_made_averages(predicted, truth):
        rated = truth != 0
        return {
            "mae": reference.mean_absolute_error(truth, predicted),
            "acc_2_has0": reference.accuracy_score(truth >= 0, predicted >= 0),
            "f1_has0": reference.f1_score(truth >= 0, predicted >= 0, average="weighted"),
            "acc_2_non0": reference.accuracy_score(truth[rated] > 0, predicted[rated] > 0) if rated.any() else NAN,
            "f1_non0": (
                reference.f1_score(truth[rated] > 0, predicted[rated] > 0, average="weighted") if rated.any() else NAN
            ),
        }

    def test_random_ragged_splits(self, quiet):
        generator = np.random.default_rng(0)
        for number in range(CASES):
            predicted, truth = self.case(generator)
            metrics = sentiment_metrics(predicted, truth)
            assert_same(metrics, self.expected(predicted, truth))
            if len(truth):
                assert_same(metrics, self.by_libraries(predicted, truth))
            if number % AVERAGES_EVERY == 0 and len(truth):
                expected = self.by_ready_made_averages(predicted, truth)
                assert_same({name: metrics[name] for name in expected}, expected)

    def test_by_hand(self):
        metrics = sentiment_metrics([3.5, 0.5, -0.2, 2.5], [3.0, 0.0, 0.0, 3.0])
        # 3.5 -> 3; 0.5 -> 0 (half to even); -0.2 -> 0; 2.5 -> 2 (half to even), where the truth is 3.
        assert metrics["acc_7"] == 0.75
        assert metrics["acc_5"] == 1.0
        assert metrics["acc_2_has0"] == 0.75
        assert metrics["acc_2_non0"] == 1.0
        assert metrics["mae"] == pytest.approx((0.5 + 0.5 + 0.2 + 0.5) / 4)
        # One true class: F1 of "non-negative" is 2 * 3 / (3 + 4).
        assert metrics["f1_has0"] == pytest.approx(6 / 7)

    def test_a_predicted_zero_is_negative_once_neutral_truth_is_dropped(self):
        metrics = sentiment_metrics([0.0, 0.0, 1.0], [-1.0, 0.0, 2.0])
        assert metrics["acc_2_non0"] == 1.0
        assert metrics["acc_2_has0"] == pytest.approx(2 / 3)

    @pytest.mark.parametrize(("low", "high"), [(-4.0, 4.0), (1.0, 9.0)])
    def test_another_scale_keeps_the_classes_and_its_own_units(self, low, high, quiet):
        generator = np.random.default_rng(1)
        for _ in range(100):
            predicted, truth = self.case(generator)
            stretch, centre = (high - low) / 6, (high + low) / 2
            on_mosi = sentiment_metrics(predicted, truth)
            on_other = sentiment_metrics(
                predicted * stretch + centre, truth * stretch + centre, score_range=(low, high)
            )
            on_mosi["mae"] *= stretch
            # Thirds are not exact in binary, so scaled scores at a rounding edge may differ: compare away from it.
            for bound, name in ((3, "acc_7"), (2, "acc_5")):
                clipped = np.clip(np.concatenate([predicted, truth]), -bound, bound)
                if (np.abs(np.abs(clipped % 1) - 0.5) < 1e-9).any():
                    on_mosi.pop(name), on_other.pop(name)
            assert_same(on_other, on_mosi)

    def test_shape_of_one_column(self):
        column = np.array([[1.0], [-2.0]])
        assert sentiment_metrics(column, column[:, 0]) == sentiment_metrics(column[:, 0], column)

    def test_undefined_values_are_named(self):
        with pytest.warns(UndefinedMetricWarning, match="corr, acc_2_non0, f1_non0") as record:
            metrics = sentiment_metrics([1.0, 2.0], [0.0, 0.0])
        assert len(record) == 1 and record[0].filename == __file__
        assert [name for name, value in metrics.items() if np.isnan(value)] == ["corr", "acc_2_non0", "f1_non0"]

    def test_no_utterances(self):
        with pytest.warns(UndefinedMetricWarning, match="0 utterances"):
            assert all(np.isnan(value) for value in sentiment_metrics([], []).values())

    def test_rejects(self):
        with pytest.raises(ValueError, match="2 predictions for 1 labels"):
            sentiment_metrics([1.0, 2.0], [1.0])
        with pytest.raises(ValueError, match="1 of 2 predictions are not finite"):
            sentiment_metrics([1.0, np.nan], [1.0, 1.0])
        with pytest.raises(ValueError, match="1 of 2 labels are not finite"):
            sentiment_metrics([1.0, 1.0], [1.0, np.inf])
        with pytest.raises(ValueError, match="score_range"):
            sentiment_metrics([1.0], [1.0], score_range=(3, -3))


def test_a_little_is_positive_too():
    metrics = sentiment_metrics([0.2, -0.3, 0.4], [0.5, -0.1, 0.0], score_range=(-3, 3))
    assert metrics["acc_2_non0"] == metrics["f1_non0"] == metrics["acc_2_has0"] == 1
