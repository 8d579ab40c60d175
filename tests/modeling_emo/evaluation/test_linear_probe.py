"""The logistic regression beside the model: what it reads, and that it chooses without the tested rows."""

import numpy as np
import pytest
import torch

from modeling_emo import fit_linear_probe, layer_statistics
from tests.tiny_models import emobert


ROWS, SPEAKERS = 80, np.repeat(np.arange(8), 10)
TRAIN, TEST = np.arange(60), np.arange(60, 80)


def planted(layer, seed=0, noise=0.3):
    """Three layers of five features, of which one tells the three classes apart."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, ROWS)
    features = generator.normal(size=(ROWS, 3, 5)) * [1, 10, 0.1, 5, 1] + 7
    features[:, layer, :3] += np.array([1, 10, 0.1]) * (
        np.eye(3)[labels] * 3 + noise * generator.normal(size=(ROWS, 3))
    )
    return features, labels


@torch.no_grad()
def test_statistics_are_those_of_each_clips_own_frames():
    model = emobert("wavlm", use_weighted_layer_sum=True)
    values = torch.randn(3, 4000, generator=torch.Generator().manual_seed(0))
    lengths = [4000, 1700, 0]
    mask = (torch.arange(4000) < torch.tensor(lengths)[:, None]).long()
    batch = {"input_values": values * mask, "speech_attention_mask": mask, "labels": torch.zeros(3, dtype=torch.long)}
    found = layer_statistics(model, [batch, {"input_values": values[:1], "labels": torch.zeros(1)}])
    assert found.shape == (4, 3, 64) and found.dtype == np.float32
    for row, length in enumerate(lengths[:2]):
        states = model.emobert.speech_encoder(values[row : row + 1, :length], output_hidden_states=True).hidden_states
        for layer, state in enumerate(states):
            expected = torch.cat([state[0].mean(0), state[0].std(0, correction=0)])
            np.testing.assert_allclose(found[row, layer], expected, atol=1e-5)
    assert (found[2] == 0).all()
    np.testing.assert_allclose(found[3], found[0], atol=1e-6)
    with pytest.raises(ValueError, match="use_weighted_layer_sum=True"):
        layer_statistics(emobert("wavlm"), [batch])
    with pytest.raises(ValueError, match="reads speech, and a batch has none"):
        layer_statistics(model, [{"input_ids": torch.ones(1, 2, dtype=torch.long)}])


@pytest.mark.parametrize("layer", [0, 2])
def test_the_layer_that_tells_is_found(layer):
    features, labels = planted(layer)
    probe = fit_linear_probe(features, labels, TRAIN, TEST, 3, SPEAKERS)
    assert probe.layer == layer
    assert (probe.logits.argmax(1) == labels[TEST]).mean() > 0.9
    np.testing.assert_allclose(np.exp(probe.logits).sum(1), 1)


def test_tested_rows_decide_nothing():
    """Another layer tells the tested rows apart; it is not taken."""
    features, labels = planted(0)
    features[TEST, 1, 0] += 1000 * labels[TEST]
    changed = labels.copy()
    changed[TEST] = 0
    probes = [fit_linear_probe(features, one, TRAIN, TEST, 3, SPEAKERS) for one in (labels, changed)]
    assert probes[0].layer == probes[1].layer == 0
    np.testing.assert_array_equal(probes[0].logits, probes[1].logits)


def test_speakers_are_held_out_whole():
    """One layer says who speaks, and each speaker has one class: it tells nothing about other speakers."""
    features, _ = planted(0)
    labels = SPEAKERS % 3
    features[:, 1] = 0
    features[:, 1, 0] = SPEAKERS * 5
    features[:, 2, :3] = np.eye(3)[labels] * 2 + np.random.default_rng(1).normal(size=(ROWS, 3))
    assert fit_linear_probe(features[:, 1:], labels, TRAIN, TEST, 3, SPEAKERS).layer == 1


def test_a_class_that_nobody_trains_on_is_impossible():
    features, labels = planted(0)
    train = TRAIN[labels[TRAIN] != 1]
    probe = fit_linear_probe(features, labels, train, TEST, 3)
    assert (probe.logits[:, 1] == -1e4).all() and (probe.logits[:, [0, 2]] > -1e4).all()


def test_what_cannot_be_is_refused():
    features, labels = planted(0)
    with pytest.raises(ValueError, match="Row 59 trains the probe and is tested"):
        fit_linear_probe(features, labels, TRAIN, np.arange(59, 80), 3, SPEAKERS)
    with pytest.raises(ValueError, match="all of one class"):
        fit_linear_probe(features, np.zeros(ROWS, int), TRAIN, TEST, 3, SPEAKERS)
