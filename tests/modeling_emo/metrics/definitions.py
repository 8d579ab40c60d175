"""Definitions of metrics, written out utterance by utterance, and what compares with them."""

import statistics

import numpy as np
from sklearn import metrics as reference


CASES = 1000
AVERAGES_EVERY = 20
NAN = float("nan")


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
