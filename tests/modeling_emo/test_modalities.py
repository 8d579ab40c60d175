"""Modalities: which are present, what is refused, and modality dropout."""

import pytest
import torch

from modeling_emo.modalities import hide_modalities


def test_modality_dropout_hides_each_modality_equally_often_and_never_both():
    torch.manual_seed(0)
    both = torch.ones(40_000, dtype=torch.bool)
    text, speech = hide_modalities(both, both, 0.5)
    assert (text | speech).all()
    assert (~text).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert (~speech).float().mean().item() == pytest.approx(0.25, abs=0.01)
    alone, _ = hide_modalities(both, ~both, 0.5)
    assert alone.all(), "a row must not lose its only modality"
