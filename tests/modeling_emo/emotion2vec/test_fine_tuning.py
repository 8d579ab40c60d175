"""A small emotion2vec learns to tell low tones from high ones, from clips of several lengths in one batch."""

import numpy as np
import torch

from modeling_emo import Emotion2VecForAudioClassification
from preprocess import Emotion2VecFeatureExtractor
from tests.emotion2vec_fixtures import tiny_config


def batch(seed, count=16):
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    clips = []
    for label in labels:
        time = np.arange(generator.integers(2400, 6400)) / 16_000
        pitch = (200 if label == 0 else 1200) * generator.uniform(0.9, 1.1)
        clips.append(np.sin(2 * np.pi * pitch * time) + 0.05 * generator.standard_normal(len(time)))
    inputs = Emotion2VecFeatureExtractor()(clips, sampling_rate=16_000, padding=True, return_tensors="pt")
    return {**inputs, "labels": torch.tensor(labels)}


def test_it_learns():
    torch.manual_seed(0)
    model = Emotion2VecForAudioClassification(tiny_config(num_labels=2)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    losses = []
    for step in range(25):
        loss = model(**batch(step)).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[0] > 0.4 and np.mean(losses[-5:]) < 0.2
    unseen = batch(1000)
    with torch.no_grad():
        predicted = model.eval()(**unseen).logits.argmax(-1)
    assert (predicted == unseen["labels"]).float().mean() > 0.9
