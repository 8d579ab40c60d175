"""Predictions adapted to speakers: against a closed form, a planted model, and by what they must not change."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from configuration_emo import EmoBertConfig
from modeling_emo import SHARES, SpeakerStatistics, adapt_to_speakers, fit_speaker_statistics


NUM_CLASSES = 3
CENTRES = np.array([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 3.0]])


def config_of(num_labels: int = NUM_CLASSES, **fields) -> EmoBertConfig:
    return EmoBertConfig(num_labels=num_labels, problem_type="single_label_classification", **fields)


def speech_of(seed: int, num_speakers: int, labels_of_speaker: list[int], between: float = 2.0):
    """Logits, labels and speakers of voices that shift their logits by so much."""
    rng = np.random.default_rng(seed)
    labels = np.tile(labels_of_speaker, num_speakers)
    speakers = np.repeat(np.arange(num_speakers), len(labels_of_speaker))
    shift = rng.normal(scale=between, size=(num_speakers, NUM_CLASSES))[speakers]
    return CENTRES[labels] + shift + rng.normal(size=(len(labels), NUM_CLASSES)), labels, speakers.tolist()


@pytest.fixture(scope="module")
def config() -> EmoBertConfig:
    fitted = config_of()
    fitted.speaker_statistics = fit_speaker_statistics(*speech_of(0, 300, [0, 1, 2] * 5), fitted).to_dict()
    return fitted


def accuracy(logits, labels) -> float:
    return float((np.argmax(logits, -1) == labels).mean())


def test_statistics_are_those_that_were_planted(config):
    statistics = SpeakerStatistics.from_config(config)
    # Of a row less its mean two of three remain: variances of 1 become 2/3, with covariances of -1/3.
    shape = np.array([[2, -1], [-1, 2]]) / 3
    centred = (CENTRES - CENTRES.mean(1, keepdims=True))[:, :-1]
    np.testing.assert_allclose(statistics.within, shape, atol=0.05)
    np.testing.assert_allclose(statistics.between, 4 * shape, atol=0.5)
    offset = statistics.class_means - centred  # the mean speaker of the draw
    assert np.abs(offset - offset.mean(0)).max() < 0.08 and np.abs(offset).max() < 0.3


def test_statistics_of_one_draw_do_not_depend_on_how_often_each_class_occurs():
    """Speakers who are mostly angry do not make the mean of anger."""
    logits, labels, speakers = speech_of(1, 400, [0, 0, 0, 0, 0, 1, 2, 2], between=0.0)
    speakers = np.array(speakers)
    shift = np.where(speakers % 2, 4.0, 0.0)
    kept = (speakers % 2 == 0) | (labels == 0) | (np.arange(len(labels)) % 4 == 1)  # odd speakers: mostly class 0
    logits[:, 0] += shift
    statistics = fit_speaker_statistics(logits[kept], labels[kept], speakers[kept].tolist(), config_of())
    differences = statistics.class_means - statistics.class_means[0]
    np.testing.assert_allclose(differences, [[0, 0], [-3, 3], [-3, 0]], atol=0.2)


def test_equal_shares_of_speakers_that_show_all_classes(config):
    logits, labels, speakers = speech_of(2, 40, [0, 1, 2] * 6)
    alone = accuracy(logits, labels)
    together = {
        shares: accuracy(adapt_to_speakers(logits, speakers, config, shares=shares), labels) for shares in SHARES
    }
    assert alone < 0.8 and together["equal"] > 0.9 and together["unknown"] > 0.85


def test_unknown_shares_of_speakers_that_show_two_classes(config):
    logits, labels, speakers = speech_of(3, 40, [0] * 9 + [1] * 9)
    alone = accuracy(logits, labels)
    assert accuracy(adapt_to_speakers(logits, speakers, config), labels) > alone + 0.1


def test_posteriors_are_a_fixed_point_of_the_closed_form(config):
    """With the classes known the offset is that of a linear mixed model; with the offset known, classes are Bayes'."""
    logits, _, _ = speech_of(4, 1, [0, 1, 2, 2])
    statistics = SpeakerStatistics.from_config(config)
    adapted = adapt_to_speakers(logits, ["a"] * 4, config, shares="equal")
    posteriors = np.exp(adapted) / np.exp(adapted).sum(1, keepdims=True)
    points = (logits - logits.mean(1, keepdims=True))[:, :-1]
    # The mean of 4 points about their expected means has the covariance between + within / 4.
    gain = statistics.between @ np.linalg.inv(statistics.between + statistics.within / 4)
    offset = gain @ (points - posteriors @ statistics.class_means).mean(0)
    densities = np.stack(
        [multivariate_normal(mean + offset, statistics.within).pdf(points) for mean in statistics.class_means], axis=1
    )
    np.testing.assert_allclose(posteriors, densities / densities.sum(1, keepdims=True), atol=1e-5)


def test_what_is_not_changed(config):
    logits, _, speakers = speech_of(5, 4, [0, 1, 2])
    names = [None, "only once", *speakers[2:]]
    adapted = adapt_to_speakers(logits, names, config)
    np.testing.assert_array_equal(adapted[:2], logits[:2])
    assert (adapted[3:] != logits[3:]).any(axis=1).all()
    # Neither what is added to all logits of a row nor the order of the rows changes anything.
    moved = adapt_to_speakers(logits + np.arange(12)[:, None], names, config)
    np.testing.assert_allclose(moved[3:], adapted[3:], atol=1e-6)
    order = np.random.default_rng(0).permutation(12)
    shuffled = adapt_to_speakers(logits[order], [names[row] for row in order], config)
    np.testing.assert_allclose(shuffled, adapted[order], atol=1e-6)
    # A temperature divides what is adapted, too: the scores stay the probabilities.
    with_temperature = config_of(temperature=2.0, speaker_statistics=config.speaker_statistics)
    np.testing.assert_allclose(adapt_to_speakers(logits, names, with_temperature)[3:], 2 * adapted[3:], atol=1e-9)


def test_statistics_travel_with_the_configuration(config, tmp_path):
    config.save_pretrained(tmp_path)
    logits, _, speakers = speech_of(6, 3, [0, 1])
    stored = EmoBertConfig.from_pretrained(tmp_path)
    np.testing.assert_array_equal(
        adapt_to_speakers(logits, speakers, stored), adapt_to_speakers(logits, speakers, config)
    )


def test_two_labels_and_labels_that_do_not_count():
    rng = np.random.default_rng(7)
    labels = np.tile([0, 1], 60)
    speakers = np.repeat(np.arange(12), 10)
    logits = np.stack([2.0 * labels, np.zeros(120)], axis=1) + rng.normal(size=12)[speakers][:, None] * [0, 1]
    logits += rng.normal(scale=0.1, size=(120, 2))
    config = config_of(2)
    fitted = fit_speaker_statistics(logits, labels, speakers.tolist(), config)
    ignored, unnamed = labels.copy(), [None if row >= 110 else speaker for row, speaker in enumerate(speakers)]
    ignored[100:] = -100
    fewer = fit_speaker_statistics(logits[:100], labels[:100], speakers[:100].tolist(), config)
    for same in (
        fit_speaker_statistics(logits, ignored, speakers.tolist(), config),
        fit_speaker_statistics(logits, ignored, unnamed, config),
    ):
        np.testing.assert_allclose(same.within, fewer.within)
    assert fitted.class_means[0] - fitted.class_means[1] == pytest.approx(-1.0, abs=0.05)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"speakers": [0, 1]}, "2 speakers differ"),
        ({"labels": np.zeros(36, int)}, "1 of 3 labels"),
        ({"speakers": ["a", "b"] * 18}, "there are 2 speakers"),
        ({"speakers": list(range(36))}, "there are 0 speakers, 0 utterances"),
        ({"logits": np.zeros((36, 4))}, r"shape \(utterances, 3\), got \(36, 4\)"),
        ({"logits": np.full((36, 3), np.nan)}, "108 of 108 logits are not finite"),
        ({"config": EmoBertConfig(num_labels=3, problem_type="regression")}, "not with 'regression' of 3 labels"),
    ],
)
def test_what_cannot_be_fitted(change, message):
    logits, labels, speakers = speech_of(8, 12, [0, 1, 2])
    given = {"logits": logits, "labels": labels, "speakers": speakers, "config": config_of(), **change}
    with pytest.raises(ValueError, match=message):
        fit_speaker_statistics(**given)


def test_what_cannot_be_adapted(config):
    logits, _, speakers = speech_of(9, 2, [0, 1, 2])
    with pytest.raises(ValueError, match="no speaker statistics to adapt with: `emobert evaluate"):
        adapt_to_speakers(logits, speakers, config_of())
    with pytest.raises(ValueError, match="'unknown' or 'equal', got 'even'"):
        adapt_to_speakers(logits, speakers, config, shares="even")
    with pytest.raises(ValueError, match="6 rows of logits and 5 speakers"):
        adapt_to_speakers(logits, speakers[:5], config)
    other = config_of(4, speaker_statistics=config.speaker_statistics)
    with pytest.raises(ValueError, match="not those of 4 labels"):
        adapt_to_speakers(np.zeros((2, 4)), ["a", "a"], other)
