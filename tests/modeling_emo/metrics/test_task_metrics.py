"""The field's metrics on ragged and degenerate splits, against their definitions and against scikit-learn and scipy.

1,000 random splits per family are compared with definitions written out utterance by utterance in plain Python, and
with scikit-learn's precision, recall and F1 by class, scipy and numpy. scikit-learn's ready-made averages
(`f1_score(average="weighted")`, `balanced_accuracy_score`), several calls of 2 ms each, see every twentieth of them.
"""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as reference
from sklearn.exceptions import UndefinedMetricWarning

from modeling_emo.metrics.confusion import presence_rows
from modeling_emo.metrics.task_metrics import (
    dimensional_metrics,
    emotion_metrics,
    multi_label_decisions,
    multi_label_metrics,
    one_vs_rest_metrics,
)
from tests.modeling_emo.metrics.definitions import (
    AVERAGES_EVERY,
    CASES,
    NAN,
    accuracy,
    accuracy_and_weighted_f1,
    assert_same,
    correlation,
    f1_of,
    mean,
    random_length,
    weighted_f1,
)


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

    def test_a_column_of_class_indices(self):
        assert presence_rows([[2], [0]], 3).tolist() == [[False, False, True], [True, False, False]]
        with pytest.raises(ValueError, match=r"must have the shape .*got \(1, 1, 2\)"):
            presence_rows(np.zeros((1, 1, 2)), 3)
        with pytest.raises(ValueError, match=r"must have the shape .*got \(1, 2\)"):
            presence_rows([[0, 1]], 3)

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

    def test_by_hand(self):
        metrics = one_vs_rest_metrics([[[0, 1], [1, 0], [1, 0]], [[0, 1], [1, 0], [0, 1]]], [0, 2], self.names)
        assert [metrics[f"accuracy_{name}"] for name in self.names] == [0.5, 1, 1]
        assert metrics["mean_accuracy"] == pytest.approx(5 / 6)

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
        with pytest.raises(ValueError, match=r"shape \(utterances, 3, 2\), got \(4, 3, 3\)"):
            one_vs_rest_metrics(np.zeros((4, 3, 3)), np.zeros(4), self.names)
        for wrong in (2, -1, 0.5):
            with pytest.raises(ValueError, match=rf"hold 0 \(absent\) or 1 \(present\), got .*{wrong}"):
                presence_rows([[0, 1], [1, wrong]], 2)
        with pytest.raises(ValueError, match="neither|0 .absent. or 1 .present."):
            one_vs_rest_metrics(np.zeros((1, 3, 2)), [[0, 2, 1]], self.names)
        with pytest.raises(ValueError, match=r"labels must have the shape \(utterances,\) or \(utterances, 3\)"):
            one_vs_rest_metrics(np.zeros((1, 3, 2)), [[0, 1]], self.names)


class TestMultiLabelMetrics:
    names = ["happy", "sad", "afraid"]

    def test_by_hand(self):
        scores = [[0.9, 0.8, 0.1], [0.2, 0.7, 0.3], [0.6, 0.4, 0.2]]
        metrics = multi_label_metrics(scores, [[1, 0, 0], [0, 1, 0], [1, 1, 0]], self.names)
        assert multi_label_decisions([[0.6, 0.5]], [[1, 0]], 2)[0].tolist() == [[True, False]]
        # happy: right throughout; sad: one hit, one false alarm, one miss; afraid: never there and never predicted.
        assert metrics["micro_f1"] == pytest.approx(2 * 3 / 8)
        assert metrics["macro_f1"] == pytest.approx((1 + 0.5) / 2)
        assert [metrics[f"accuracy_{name}"] for name in self.names] == pytest.approx([1, 1 / 3, 1])

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
