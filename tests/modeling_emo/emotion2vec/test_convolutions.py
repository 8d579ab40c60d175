"""Convolutions of emotion2vec: norms with the clips' own frames, and positions that padding does not reach."""

import pytest
import torch

from modeling_emo.emotion2vec.convolutions import (
    Emotion2VecFeatureEncoder,
    Emotion2VecFeatureProjection,
    Emotion2VecGroupNormConvLayer,
    Emotion2VecPositionalConvEmbedding,
)
from tests.emotion2vec_fixtures import ragged_batch, tiny_config


@pytest.fixture
def lengths_and_values():
    lengths = [700, 75, 411]
    return torch.tensor(lengths), ragged_batch(lengths)["input_values"]


class TestGroupNorm:
    def test_it_is_the_norm_of_each_clip_by_itself(self, lengths_and_values):
        lengths, values = lengths_and_values
        torch.manual_seed(0)
        layer = Emotion2VecGroupNormConvLayer(tiny_config())
        torch.nn.init.normal_(layer.layer_norm.weight)
        torch.nn.init.normal_(layer.layer_norm.bias)
        with torch.no_grad():
            together = layer(values[:, None], lengths)
            for row, length in enumerate(lengths.tolist()):
                alone = layer(values[row : row + 1, None, :length])
                expected = torch.nn.functional.gelu(layer.layer_norm(layer.conv(values[row : row + 1, None, :length])))
                assert torch.equal(alone, expected)
                torch.testing.assert_close(together[row, :, : alone.shape[2]], alone[0], rtol=0, atol=2e-6)
        assert together.shape == (3, 16, 139)

    def test_half_precision_has_statistics_of_float32(self, lengths_and_values):
        """A mean far from zero is lost in bfloat16 sums."""
        lengths, values = lengths_and_values
        layer = Emotion2VecGroupNormConvLayer(tiny_config())
        with torch.no_grad():
            expected = layer(values[:, None] + 3, lengths)
            actual = layer.bfloat16()((values[:, None] + 3).bfloat16(), lengths)
        assert actual.dtype == torch.bfloat16
        assert (actual.float() - expected)[0].abs().max() < 0.1

    def test_only_the_first_layer_has_one(self):
        config = tiny_config(feat_extract_norm="group")
        encoder = Emotion2VecFeatureEncoder(config)
        assert [getattr(layer, "layer_norm", None) is not None for layer in encoder.conv_layers] == [
            True,
            False,
            False,
        ]
        assert {name for name, _ in encoder.named_parameters() if "layer_norm" in name} == {
            "conv_layers.0.layer_norm.weight",
            "conv_layers.0.layer_norm.bias",
        }


def test_the_projection_norm_keeps_its_eps():
    projection = Emotion2VecFeatureProjection(tiny_config(layer_norm_eps=1e-3))
    assert projection.layer_norm.eps == 1e-5


class TestPositions:
    @pytest.mark.parametrize("kernel", [4, 5])
    @pytest.mark.parametrize("pre_norm", [False, True])
    def test_a_clip_is_the_same_alone_and_padded(self, kernel, pre_norm):
        torch.manual_seed(0)
        config = tiny_config(conv_pos_kernel_size=kernel, conv_pos_pre_norm=pre_norm, num_conv_pos_embeddings=4)
        positions = Emotion2VecPositionalConvEmbedding(config)
        frames = torch.randn(2, 30, 32)
        mask = torch.arange(30) < torch.tensor([[30], [13]])
        with torch.no_grad():
            together = positions(frames, mask)
            alone = positions(frames[1:, :13])
            torch.testing.assert_close(together[1, :13], alone[0], rtol=0, atol=2e-6)
            without_mask = positions(frames)[1, :13]
        assert (without_mask - alone[0]).abs().max() > 0.1, "padding must reach the clip where nothing keeps it away"
        assert together.shape == frames.shape

    def test_frames_are_not_changed_in_place(self):
        positions = Emotion2VecPositionalConvEmbedding(tiny_config())
        frames = torch.randn(2, 30, 32)
        before = frames.clone()
        with torch.no_grad():
            positions(frames, torch.arange(30) < torch.tensor([[30], [13]]))
        assert torch.equal(frames, before)
