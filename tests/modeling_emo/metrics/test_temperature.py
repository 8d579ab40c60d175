"""The temperature of logits that were drawn with a known one, and what scores make of it."""

import numpy as np
import pytest

from configuration_emo import EmoBertConfig
from modeling_emo import fit_temperature, split_loss
from modeling_emo.metrics.scores import predictions_to_scores, scores_to_logits


def config(problem_type, **kwargs):
    return EmoBertConfig(problem_type=problem_type, num_labels=3, **kwargs)


def drawn(problem_type, temperature, count=20_000):
    """Labels drawn from the probabilities of logits, and these logits made hotter."""
    generator = np.random.default_rng(0)
    settings = config(problem_type)
    logits = generator.normal(0, 2, (count, 3, 2) if settings.problem.logits_per_label == 2 else (count, 3))
    scores = predictions_to_scores(logits, settings)
    if settings.problem.is_exclusive:
        labels = (scores.cumsum(1) > generator.random((count, 1))).argmax(1)
    else:
        labels = (generator.random(scores.shape) < scores).astype(int)
    return logits * temperature, labels, settings


@pytest.mark.parametrize(
    "problem_type", ["single_label_classification", "multi_label_classification", "one_vs_rest_classification"]
)
@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_a_known_temperature_is_found(problem_type, temperature):
    logits, labels, settings = drawn(problem_type, temperature)
    fit = fit_temperature(logits, labels, settings)
    assert fit.temperature == pytest.approx(temperature, rel=0.05)
    assert fit.ece_after < 0.015 and (temperature == 1.0 or fit.ece_before > 0.05)
    # What the configuration has makes no difference to the fit, and all of it to the scores.
    settings.temperature = fit.temperature
    assert fit_temperature(logits, labels, settings) == fit
    bare = config(problem_type)
    np.testing.assert_allclose(
        predictions_to_scores(logits, settings), predictions_to_scores(logits / fit.temperature, bare)
    )
    scores = predictions_to_scores(logits[:50], settings)
    np.testing.assert_allclose(predictions_to_scores(scores_to_logits(scores, settings), settings), scores, atol=1e-9)


@pytest.mark.parametrize("problem_type", ["single_label_classification", "multi_label_classification"])
def test_of_all_temperatures_it_has_the_smallest_loss(problem_type):
    """On labels that have nothing to do with the probabilities, where another measure would find another one."""
    generator = np.random.default_rng(1)
    settings = config(problem_type)
    logits = generator.normal(0, 2, (40, 3)) + [1.0, 0.0, 0.0]
    labels = np.where(generator.random(40) < 0.7, logits.argmax(1), generator.integers(3, size=40))
    labels = labels if settings.problem.is_exclusive else np.eye(3, dtype=int)[labels]

    def loss(temperature):
        return split_loss(logits / temperature, labels, settings)

    fit = fit_temperature(logits, labels, settings)
    grid = np.exp(np.linspace(np.log(0.05), np.log(20), 4000))
    assert fit.temperature == pytest.approx(min(grid, key=loss), rel=2e-3)


def test_the_range_of_temperatures():
    logits, labels, settings = drawn("single_label_classification", 15.0, count=4000)
    assert fit_temperature(logits, labels, settings).temperature == pytest.approx(15, rel=0.1)
    with pytest.raises(ValueError, match="No temperature between 0.05 and 20"):
        fit_temperature(-np.eye(3).repeat(3, 0), np.arange(3).repeat(3), settings)  # none is right
    logits, labels, settings = drawn("single_label_classification", 0.06, count=4000)
    assert fit_temperature(logits, labels, settings).temperature == pytest.approx(0.06, rel=0.1)


def test_predicted_values_have_none():
    regression = EmoBertConfig(problem_type="regression", num_labels=1)
    with pytest.raises(ValueError, match="states no probabilities"):
        fit_temperature([[1.0], [2.0]], [[1.0], [2.0]], regression)
    with pytest.raises(ValueError, match="`temperature` is a positive number, and for classes only, got 2.0"):
        EmoBertConfig(problem_type="regression", num_labels=1, temperature=2.0)
    with pytest.raises(ValueError, match="got 0"):
        config("single_label_classification", temperature=0)


def test_what_has_no_temperature_is_refused():
    settings = config("single_label_classification")
    with pytest.raises(ValueError, match="No temperature between 0.05 and 20 fits these 9 utterances"):
        fit_temperature(np.eye(3).repeat(3, 0), np.arange(3).repeat(3), settings)  # all are right
    with pytest.raises(ValueError, match="two utterances or more, got 1"):
        fit_temperature([[1.0, 0.0, 0.0]], [0], settings)
