"""How many frames come out of convolutions, against convolutions."""

import pytest
import torch
from torch import nn

from modeling_emo.encoders.families import FAMILIES
from modeling_emo.encoders.frames import (
    Convolution,
    adapter_convolutions,
    adapter_layers,
    frames_after,
    moonshine_convolutions,
    no_convolutions,
    positions_for,
    speech_to_text_convolutions,
    wav2vec2_convolutions,
    whisper_convolutions,
)
from tests.tiny_models import emobert


STACKS = [
    [nn.Conv1d(1, 1, 10, stride=5), nn.Conv1d(1, 1, 3, stride=2), nn.Conv1d(1, 1, 2, stride=2)],
    [nn.Conv1d(1, 1, 3, padding=1), nn.Conv1d(1, 1, 3, stride=2, padding=1)],
    [nn.Conv1d(1, 1, 7, stride=3, padding=2)],
    [],
]


@pytest.mark.parametrize("stack", STACKS)
def test_frames_are_those_that_torch_makes(stack):
    convolutions = [Convolution.of(layer) for layer in stack]
    lengths = torch.arange(40, 90)
    expected = [nn.Sequential(*stack)(torch.zeros(1, 1, length)).shape[-1] for length in lengths.tolist()]
    assert frames_after(convolutions, lengths).tolist() == expected


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_the_fewest_positions_of_so_many_frames(stack, frames):
    convolutions = [Convolution.of(layer) for layer in stack]
    fewest = positions_for(convolutions, frames)
    assert frames_after(convolutions, torch.tensor([fewest, fewest - 1])).tolist()[0] == frames
    assert fewest == 1 or frames_after(convolutions, torch.tensor(fewest - 1)) < frames


def test_a_convolution_that_pads_more_than_it_takes_still_needs_a_position():
    assert positions_for([Convolution(3, 1, 2)], 1) == 1


@pytest.mark.parametrize(
    ("family", "of", "layers"),
    [
        ("moonshine", moonshine_convolutions, lambda e: [e.conv1, e.conv2, e.conv3]),
        ("whisper", whisper_convolutions, lambda e: [e.conv1, e.conv2]),
        ("speech_to_text", speech_to_text_convolutions, lambda e: list(e.conv.conv_layers)),
        ("hubert", wav2vec2_convolutions, lambda e: [layer.conv for layer in e.feature_extractor.conv_layers]),
    ],
)
def test_convolutions_of_a_family(family, of, layers):
    encoder = emobert(family).emobert.speech_encoder
    expected = [(layer.kernel_size[0], layer.stride[0], layer.padding[0]) for layer in layers(encoder)]
    assert [tuple(one) for one in of(encoder)] == expected
    assert no_convolutions(encoder) == [] == adapter_layers(encoder) == adapter_convolutions(encoder)
    assert FAMILIES[encoder.config.model_type].convolutions is of


@pytest.mark.parametrize(("family", "layers"), [("wav2vec2-adapter", 1), ("wav2vec2-bert-adapter", 2)])
def test_convolutions_of_an_adapter(family, layers):
    encoder = emobert(family).emobert.speech_encoder
    assert [len(convolutions) for convolutions in adapter_layers(encoder)] == [layers, layers]
    assert [tuple(one) for one in adapter_convolutions(encoder)] == [(3, 2, 1), (3, 2, 1)]
