"""Layers over time give a clip what they give it alone, whatever lies behind it."""

import pytest
import torch
from torch import nn

from modeling_emo.encoders.frames import Convolution
from modeling_emo.encoders.length_aware import (
    LengthAwareGroupNorm,
    SilentPadding,
    clip_lengths,
    current_clip_lengths,
    is_length_aware,
    silence_padding_before,
)
from tests.tiny_models import emobert


LENGTHS = torch.tensor([23, 11, 40])


def sounds():
    """Clips of different lengths with noise behind them."""
    return torch.randn(3, 1, 40, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("groups", [1, 3, 6])
def test_a_norm_counts_the_clip_s_own_frames(groups):
    torch.manual_seed(0)
    convolution, plain = nn.Conv1d(1, 6, 4, stride=3), nn.GroupNorm(groups, 6)
    nn.init.normal_(plain.weight)
    nn.init.normal_(plain.bias)
    aware = LengthAwareGroupNorm(plain, convolution)
    assert is_length_aware(aware) and not is_length_aware(plain)
    assert aware.weight is plain.weight and aware.bias is plain.bias
    hidden = convolution(sounds()) * 3 + 1
    torch.testing.assert_close(aware(hidden), plain(hidden))  # nobody says where clips end
    with clip_lengths(LENGTHS):
        together = aware(hidden)
        assert torch.equal(current_clip_lengths(), LENGTHS)
        half = aware(hidden.bfloat16())
    assert current_clip_lengths() is None
    assert half.dtype == torch.float32 and together.shape == hidden.shape  # of weights and what they scale
    for row, length in enumerate(LENGTHS.tolist()):
        alone = plain(convolution(sounds()[row : row + 1, :, :length]) * 3 + 1)
        torch.testing.assert_close(together[row, :, : alone.shape[-1]], alone[0], atol=1e-5, rtol=1e-5)


def test_padding_is_silent_before_a_convolution():
    torch.manual_seed(0)
    first, second = nn.Conv1d(1, 2, 4, stride=3), nn.Conv1d(2, 2, 3, padding=1)
    expected = [second(first(sounds()[row : row + 1, :, :length])) for row, length in enumerate(LENGTHS.tolist())]
    hidden = first(sounds())
    untouched = second(hidden)
    silence_padding_before(second, [Convolution.of(first)])
    assert is_length_aware(second) and not is_length_aware(first)
    assert torch.equal(second(hidden), untouched)
    with clip_lengths(LENGTHS):
        together = second(hidden)
    for row, alone in enumerate(expected):
        torch.testing.assert_close(together[row, :, : alone.shape[-1]], alone[0])
    assert not torch.allclose(together[1], untouched[1])


def test_what_is_told_ends_with_an_error():
    with pytest.raises(RuntimeError), clip_lengths(LENGTHS):
        raise RuntimeError
    assert current_clip_lengths() is None


@pytest.mark.parametrize(
    ("family", "parts"),
    [
        ("wav2vec2-group-norm", ["feature_extractor.conv_layers.0.layer_norm"]),
        ("wav2vec2-layer-norm", []),
        ("moonshine", ["groupnorm"]),
        ("speech_to_text", ["conv.conv_layers.0", "conv.conv_layers.1"]),
        ("hubert", ["feature_extractor.conv_layers.0.layer_norm"]),
        ("wav2vec2-bert", []),
        (
            "wav2vec2-adapter",
            ["feature_extractor.conv_layers.0.layer_norm", "adapter.layers.0.conv", "adapter.layers.1.conv"],
        ),
        (
            "wav2vec2-bert-adapter",
            [f"adapter.layers.{layer}.{name}_conv" for layer in (0, 1) for name in ("residual", "self_attn")],
        ),
        ("data2vec-audio", [f"encoder.pos_conv_embed.layers.{layer}.conv" for layer in range(3)]),
        (
            "conformer-rotary",
            [
                "feature_extractor.conv_layers.0.layer_norm",
                *(f"encoder.layers.{layer}.conv_module.depthwise_conv" for layer in (0, 1)),
            ],
        ),
    ],
)
def test_which_parts_are_told(family, parts):
    encoder = emobert(family).emobert.speech_encoder
    assert [name for name, module in encoder.named_modules() if is_length_aware(module)] == parts


@pytest.mark.parametrize(
    ("family", "before"),
    [
        # Kernel, stride and padding of all convolutions on the way to each part.
        ("speech_to_text", [[], [(5, 2, 2)]]),
        ("wav2vec2-adapter", [[(10, 5, 0), (3, 2, 0)], [(10, 5, 0), (3, 2, 0), (3, 2, 1)]]),
        ("wav2vec2-bert-adapter", [[], [], [(3, 2, 1)], [(3, 2, 1)]]),
        ("data2vec-audio", [[(10, 5, 0), (3, 2, 0)]] * 3),
        ("conformer-rotary", [[(10, 5, 0), (3, 2, 0)]] * 2),
    ],
)
def test_what_lies_before_a_part(family, before):
    encoder = emobert(family).emobert.speech_encoder
    hooks = [hook for module in encoder.modules() for hook in module._forward_pre_hooks.values()]
    assert [list(hook.before) for hook in hooks if isinstance(hook, SilentPadding)] == before
    if "adapter" in family:
        assert encoder.adapter.layerdrop == 0.0 and encoder.config.layerdrop > 0
