"""The field's metrics on ragged and degenerate splits, against their definitions and against scikit-learn and scipy.

1,000 random splits per family are compared with definitions written out utterance by utterance in plain Python, and
with scikit-learn's precision, recall and F1 by class, scipy and numpy. scikit-learn's ready-made averages
(`f1_score(average="weighted")`, `balanced_accuracy_score`), several calls of 2 ms each, see every twentieth of them.
"""

import statistics
import warnings

import numpy as np
import pytest
import sklearn
from scipy import stats
from sklearn import metrics as reference
from sklearn.exceptions import UndefinedMetricWarning

from modeling_emo.metrics.calibration import calibration_bins, expected_calibration_error
from modeling_emo.metrics.task_metrics import (
    dimensional_metrics,
    emotion_metrics,
    multi_label_metrics,
    one_vs_rest_metrics,
    sentiment_metrics,
)


CASES = 1000
AVERAGES_EVERY = 20
NAN = float("nan")


@pytest.fixture
def quiet():
    """Undefined values are part of the random cases; their warnings are tested on their own."""
    with warnings.catch_warnings(), sklearn.config_context(skip_parameter_validation=True, assume_finite=True):
        warnings.simplefilter("error", RuntimeWarning)  # a division by zero of ours is no way to an undefined value
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        warnings.simplefilter("ignore", UserWarning)  # of which UndefinedMetricWarning is one
        yield


def assert_same(ours, expected):
    assert list(ours) == list(expected)
    np.testing.assert_allclose(list(ours.values()), list(expected.values()), rtol=1e-9, atol=1e-12)


def random_length(generator):
    """Ragged, and often tiny: 0 to 40 utterances."""
    return int(generator.integers(0, 41) if generator.random() < 0.8 else generator.integers(0, 4))


def f1_of(wanted, truth, predicted):
    hits = sum(y == p == wanted for y, p in zip(truth, predicted, strict=True))
    mentions = list(truth).count(wanted) + list(predicted).count(wanted)
    return 2 * hits / mentions if mentions else NAN


def weighted_f1(truth, predicted):
    truth = list(truth)
    parts = [truth.count(wanted) / len(truth) * f1_of(wanted, truth, predicted) for wanted in set(truth)]
    return sum(parts) if truth else NAN


def accuracy(truth, predicted):
    return sum(y == p for y, p in zip(truth, predicted, strict=True)) / len(truth) if len(truth) else NAN


def mean(values):
    return sum(values) / len(values) if len(values) else NAN


def correlation(predicted, truth):
    if len(set(predicted)) < 2 or len(set(truth)) < 2:
        return NAN
    return statistics.correlation(predicted, truth)


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


class TestEmotionMetrics:
    names = ["angry", "happy", "neutral", "sad", "surprised"]

    def case(self, generator):
        size, classes = random_length(generator), generator.integers(1, len(self.names) + 1)
        truth, predicted = generator.integers(classes, size=(2, size))
        kind = generator.integers(8)
        if kind == 0:
            truth[:] = 2
        elif kind == 1:
            predicted[:] = 4
        return predicted, truth

    def expected(self, predicted, truth):
        predicted, truth = predicted.tolist(), truth.tolist()
        recalls, precisions, f1 = [], [], []
        for index in range(len(self.names)):
            recalls.append(mean([p == index for p, y in zip(predicted, truth, strict=True) if y == index]))
            precisions.append(mean([y == index for p, y in zip(predicted, truth, strict=True) if p == index]))
            f1.append(f1_of(index, truth, predicted))
        expected = {
            "wa": accuracy(truth, predicted),
            "ua": mean([recalls[index] for index in set(truth)]),
            "wf1": weighted_f1(truth, predicted),
            "macro_f1": mean([f1[index] for index in {*truth, *predicted}]),
        }
        for name, *values in zip(self.names, recalls, precisions, f1, strict=True):
            expected |= dict(zip((f"recall_{name}", f"precision_{name}", f"f1_{name}"), values, strict=True))
        return expected

    def by_libraries(self, predicted, truth):
        precision, recall, f1, support = reference.precision_recall_fscore_support(
            truth, predicted, labels=range(len(self.names)), zero_division=NAN
        )
        expected = {
            "wa": (truth == predicted).mean(),
            "ua": np.nanmean(recall),
            "wf1": np.average(np.nan_to_num(f1), weights=support),
            "macro_f1": np.nanmean(f1),
        }
        for name, *values in zip(self.names, recall, precision, f1, strict=True):
            expected |= dict(zip((f"recall_{name}", f"precision_{name}", f"f1_{name}"), values, strict=True))
        return expected

    @staticmethod
    def by_ready_made_averages(predicted, truth):
        return {
            "wa": reference.accuracy_score(truth, predicted),
            "ua": reference.balanced_accuracy_score(truth, predicted),
            "wf1": reference.f1_score(truth, predicted, average="weighted"),
            "macro_f1": reference.f1_score(truth, predicted, average="macro"),
        }

    def test_random_ragged_splits(self, quiet):
        generator = np.random.default_rng(2)
        for number in range(CASES):
            predicted, truth = self.case(generator)
            metrics = emotion_metrics(predicted, truth, self.names)
            assert_same(metrics, self.expected(predicted, truth))
            if len(truth):
                assert_same(metrics, self.by_libraries(predicted, truth))
            if number % AVERAGES_EVERY == 0 and len(truth):
                expected = self.by_ready_made_averages(predicted, truth)
                assert_same({name: metrics[name] for name in expected}, expected)

    def test_by_hand(self):
        metrics = emotion_metrics([0, 0, 0, 1], [0, 0, 1, 1], ["a", "b"])
        assert metrics["wa"] == 0.75 and metrics["ua"] == 0.75
        assert metrics["f1_a"] == pytest.approx(0.8) and metrics["f1_b"] == pytest.approx(2 / 3)
        assert metrics["wf1"] == metrics["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)

    def test_absent_classes_are_named(self):
        with pytest.warns(UndefinedMetricWarning, match="precision_happy, recall_sad, precision_sad, f1_sad"):
            metrics = emotion_metrics([0, 0], [0, 1], ["angry", "happy", "sad"])
        assert metrics["ua"] == 0.5
        assert np.isnan(metrics["recall_sad"]) and np.isnan(metrics["precision_happy"])
        assert metrics["f1_happy"] == 0.0

    def test_rejects(self):
        with pytest.raises(ValueError, match="labels must be class indices from 0 to 1, got .*-100"):
            emotion_metrics([0, 1], [0, -100], ["a", "b"])
        with pytest.raises(ValueError, match="predictions must be class indices"):
            emotion_metrics([0, 2], [0, 1], ["a", "b"])
        with pytest.raises(ValueError, match="1 predictions for 2 labels"):
            emotion_metrics([0], [0, 1], ["a", "b"])


def expected_per_label(truth, predicted, names):
    expected = {}
    for name, *columns in zip(names, truth.T.tolist(), predicted.T.tolist(), strict=True):
        expected |= {f"accuracy_{name}": accuracy(*columns), f"wf1_{name}": weighted_f1(*columns)}
    for measure in ("accuracy", "wf1"):
        expected[f"mean_{measure}"] = mean([expected[f"{measure}_{name}"] for name in names])
    return expected


def accuracy_and_weighted_f1(truth, predicted):
    """Of yes/no decisions `(utterances,)` or `(utterances, labels)`, through scikit-learn's F1 of yes and of no."""
    if not len(truth):
        return NAN, NAN
    truth, predicted = (np.asarray(values).reshape(len(truth), -1).astype(int) for values in (truth, predicted))
    both = [np.concatenate([values, 1 - values], axis=1) for values in (truth, predicted)]
    _, _, f1, support = reference.precision_recall_fscore_support(*both, zero_division=0)
    weighted = (f1 * support).reshape(2, -1).sum(axis=0) / len(truth)
    accuracies = (truth == predicted).mean(axis=0)
    return (accuracies, weighted) if len(weighted) > 1 else (accuracies[0], weighted[0])


def per_label_by_scikit_learn(truth, predicted, names, *, ready_made):
    expected = {}
    if ready_made:
        pairs = list(zip(truth.T, predicted.T, strict=True))
        accuracies = [reference.accuracy_score(*pair) for pair in pairs]
        weighted = [reference.f1_score(*pair, average="weighted") for pair in pairs]
    else:
        accuracies, weighted = accuracy_and_weighted_f1(truth, predicted)
    for name, *values in zip(names, accuracies, weighted, strict=True):
        expected[f"accuracy_{name}"], expected[f"wf1_{name}"] = values
    for measure in ("accuracy", "wf1"):
        expected[f"mean_{measure}"] = np.mean([expected[f"{measure}_{name}"] for name in names])
    return expected


class TestOneVsRestMetrics:
    names = ["neutral", "sad", "angry"]

    def test_random_ragged_splits_with_class_indices_and_rows(self, quiet):
        generator = np.random.default_rng(3)
        for case in range(CASES):
            size = random_length(generator)
            # Coarse logits, so that ties occur: a tie is "absent".
            logits = np.round(generator.normal(size=(size, 3, 2)) * 2)
            indices = generator.integers(3, size=size)
            if case % 10 == 0:
                indices[:] = 1
            rows = generator.integers(2, size=(size, 3))
            if case % 10 == 1:
                rows[:] = 0
            if case % 10 == 2:
                logits[:] = [1.0, 0.0]
            predicted = (logits[:, :, 1] - logits[:, :, 0]) > 0
            one_hot = np.array([[int(index == column) for column in range(3)] for index in indices]).reshape(size, 3)
            labels, truth = (indices, one_hot) if case % 2 else (rows, rows)
            predicted = predicted.astype(int)
            metrics = one_vs_rest_metrics(logits, labels, self.names)
            assert_same(metrics, expected_per_label(truth, predicted, self.names))
            if size:
                ready_made = case % AVERAGES_EVERY == 0
                assert_same(metrics, per_label_by_scikit_learn(truth, predicted, self.names, ready_made=ready_made))

    def test_rejects(self):
        with pytest.raises(ValueError, match=r"shape \(utterances, 3, 2\), got \(4, 3\)"):
            one_vs_rest_metrics(np.zeros((4, 3)), np.zeros(4), self.names)
        with pytest.raises(ValueError, match="neither|0 .absent. or 1 .present."):
            one_vs_rest_metrics(np.zeros((1, 3, 2)), [[0, 2, 1]], self.names)
        with pytest.raises(ValueError, match=r"labels must have the shape \(utterances,\) or \(utterances, 3\)"):
            one_vs_rest_metrics(np.zeros((1, 3, 2)), [[0, 1]], self.names)


class TestMultiLabelMetrics:
    names = ["happy", "sad", "afraid"]

    def test_random_ragged_splits(self, quiet):
        generator = np.random.default_rng(4)
        for case in range(CASES):
            size = random_length(generator)
            scores = np.round(generator.random((size, 3)), 1)
            truth = (generator.random((size, 3)) < generator.random(3)).astype(int)
            if case % 10 == 0:
                truth[:] = 0
            if case % 10 == 1:
                scores[:] = 0.5
            predicted = np.where(scores > 0.5, 1, 0)
            metrics = multi_label_metrics(scores, truth, self.names)
            expected = expected_per_label(truth, predicted, self.names)
            expected["micro_f1"] = f1_of(1, truth.ravel().tolist(), predicted.ravel().tolist())
            per_label = [f1_of(1, *columns) for columns in zip(truth.T.tolist(), predicted.T.tolist(), strict=True)]
            expected["macro_f1"] = mean([value for value in per_label if not np.isnan(value)])
            assert_same(metrics, expected)
            if size:
                ready_made = case % AVERAGES_EVERY == 0
                expected = per_label_by_scikit_learn(truth, predicted, self.names, ready_made=ready_made)
                for average in ("micro", "macro"):
                    f1 = reference.f1_score(truth, predicted, average=average, zero_division=NAN)
                    expected[f"{average}_f1"] = f1
                assert_same(metrics, expected)

    def test_threshold(self):
        assert multi_label_metrics([[0.3]], [[1]], ["happy"], threshold=0.2)["micro_f1"] == 1.0

    def test_rejects_another_number_of_labels(self):
        with pytest.raises(ValueError, match=r"differ in shape: \(2, 2\) against \(2, 3\)"):
            multi_label_metrics(np.zeros((2, 2)), np.zeros((2, 3)), self.names)


class TestDimensionalMetrics:
    names = ["valence", "arousal"]

    @staticmethod
    def concordance(predicted, truth):
        if not len(truth):
            return NAN
        gap = np.mean(predicted) - np.mean(truth)
        # Lin's coefficient through the covariance matrix with the population's divisor.
        (var_p, cov), (_, var_y) = np.cov(predicted, truth, bias=True)
        below = var_p + var_y + gap**2
        return 2 * cov / below if below > 1e-25 else NAN

    def test_random_ragged_splits(self, quiet):
        generator = np.random.default_rng(5)
        for case in range(CASES):
            size = random_length(generator)
            truth = generator.uniform(1, 5, (size, 2))
            predicted = 0.5 * truth + generator.normal(size=(size, 2))
            if case % 10 == 0:
                predicted[:] = 2.7
            if case % 10 == 1:
                truth[:] = 2.0
            if case % 20 == 1:
                predicted[:] = 2.0
            expected = {}
            for column, name in enumerate(self.names):
                p, y = predicted[:, column], truth[:, column]
                expected[f"ccc_{name}"] = self.concordance(p, y)
                expected[f"pearson_{name}"] = correlation(p.tolist(), y.tolist())
                expected[f"mae_{name}"] = mean([abs(a - b) for a, b in zip(p.tolist(), y.tolist(), strict=True)])
            for measure in ("ccc", "pearson", "mae"):
                expected[f"mean_{measure}"] = mean([expected[f"{measure}_{name}"] for name in self.names])
            metrics = dimensional_metrics(predicted, truth, self.names)
            assert_same(metrics, expected)
            if size > 1:
                pairs = list(zip(self.names, predicted.T, truth.T, strict=True))
                by_scipy = {f"pearson_{name}": stats.pearsonr(p, y).statistic for name, p, y in pairs}
                assert_same({name: metrics[name] for name in by_scipy}, by_scipy)

    def test_agreement_is_more_than_correlation(self):
        truth = np.array([[1.0], [2.0], [3.0]])
        metrics = dimensional_metrics(truth + 1, truth, ["valence"])
        # Variance 2/3 on both sides and a gap of 1: 2 * (2/3) / (4/3 + 1).
        assert metrics["ccc_valence"] == pytest.approx(4 / 7)
        assert metrics["pearson_valence"] == pytest.approx(1.0)
        assert metrics["mean_mae"] == 1.0

    def test_one_dimension_may_be_flat(self):
        flat, column = np.array([1.0, 2.0, 4.0]), np.array([[1.0], [3.0], [4.0]])
        assert dimensional_metrics(flat, column, ["valence"]) == dimensional_metrics(
            flat[:, None], column, ["valence"]
        )

    def test_rejects_another_number_of_dimensions(self):
        with pytest.raises(ValueError, match=r"labels must have the shape \(utterances, 2\), got \(4,\)"):
            dimensional_metrics(np.zeros((4, 2)), np.zeros(4), self.names)


class TestCalibration:
    def test_by_hand(self):
        confidences = [0.05, 0.1, 0.95, 0.95, 1.0]
        outcomes = [0, 1, 1, 1, 0]
        edges, confidence, accuracy_, counts = calibration_bins(confidences, outcomes)
        np.testing.assert_allclose(edges, np.arange(11) / 10)
        assert counts.tolist() == [2, 0, 0, 0, 0, 0, 0, 0, 0, 3]
        np.testing.assert_allclose(confidence[[0, 9]], [0.075, 2.9 / 3])
        np.testing.assert_allclose(accuracy_[[0, 9]], [0.5, 2 / 3])
        assert np.isnan(accuracy_[1:9]).all()
        expected = 0.4 * abs(0.5 - 0.075) + 0.6 * abs(2 / 3 - 2.9 / 3)
        assert expected_calibration_error(confidences, outcomes) == pytest.approx(expected)

    def test_random_against_a_loop(self):
        generator = np.random.default_rng(6)
        confidences, outcomes = generator.random(500), generator.integers(2, size=500)
        error = 0.0
        for number in range(15):
            inside = (confidences > number / 15) & (confidences <= (number + 1) / 15)
            error += inside.mean() * abs(confidences[inside].mean() - outcomes[inside].mean())
        assert expected_calibration_error(confidences, outcomes, num_bins=15) == pytest.approx(error, abs=1e-12)

    def test_nothing_and_nonsense(self):
        with pytest.warns(UndefinedMetricWarning):
            assert np.isnan(expected_calibration_error([], []))
        with pytest.raises(ValueError, match=r"confidence must lie in \[0, 1\]"):
            expected_calibration_error([1.2], [1])
