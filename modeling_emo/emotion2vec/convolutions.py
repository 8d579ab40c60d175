"""Convolutions of emotion2vec: samples become frames, and frames learn where they are. Padding changes neither."""

from typing import Any

import torch
from torch import nn
from transformers.activations import ACT2FN
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.models.data2vec.modeling_data2vec_audio import (
    Data2VecAudioConvLayer,
    Data2VecAudioPositionalConvLayer,
)
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2NoLayerNormConvLayer

from configuration_emo.configuration_emotion2vec import Emotion2VecConfig


# Of every norm before the transformer, whatever the configuration says of those in it.
NORM_EPS = 1e-5


class Emotion2VecGroupNormConvLayer(GradientCheckpointingLayer):
    """The first convolution of the extractor with a GroupNorm over time, which counts each clip's own frames only.

    Args:
        config ([`Emotion2VecConfig`]): the architecture.
    """

    def __init__(self, config: Emotion2VecConfig):
        super().__init__()
        dim = config.conv_dim[0]
        self.conv = nn.Conv1d(1, dim, config.conv_kernel[0], stride=config.conv_stride[0], bias=config.conv_bias)
        self.layer_norm = nn.GroupNorm(dim, dim, eps=NORM_EPS)
        self.activation = ACT2FN[config.feat_extract_activation]

    def forward(self, hidden_states: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """
        Args:
            hidden_states (`torch.Tensor` of shape `(batch, 1, samples)`): waveforms.
            lengths (`torch.Tensor` of shape `(batch,)`, *optional*): samples of each clip, all when not given.

        Returns:
            `torch.Tensor` of shape `(batch, channels, frames)`
        """
        hidden_states = self.conv(hidden_states)
        if lengths is None:
            return self.activation(self.layer_norm(hidden_states))
        frames = (lengths - self.conv.kernel_size[0]) // self.conv.stride[0] + 1
        return self.activation(self._normalize(hidden_states, frames[:, None, None]))

    def _normalize(self, hidden_states: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        """The norm with statistics over the first `frames` `(batch, 1, 1)` of each row, in float32."""
        values = hidden_states.float()
        padding = torch.arange(values.shape[-1], device=values.device) >= frames
        mean = values.masked_fill(padding, 0).sum(-1, keepdim=True) / frames
        centered = values - mean
        variance = centered.masked_fill(padding, 0).square().sum(-1, keepdim=True) / frames
        normalized = (centered * (variance + self.layer_norm.eps).rsqrt()).to(hidden_states.dtype)
        return normalized * self.layer_norm.weight[:, None] + self.layer_norm.bias[:, None]


class Emotion2VecFeatureEncoder(nn.Module):
    """The convolutions that make frames of samples.

    Args:
        config ([`Emotion2VecConfig`]): the architecture.
    """

    def __init__(self, config: Emotion2VecConfig):
        super().__init__()
        layers: list[nn.Module]
        if config.feat_extract_norm == "layer":
            layers = [Data2VecAudioConvLayer(config, index) for index in range(config.num_feat_extract_layers)]
        else:
            later = range(1, config.num_feat_extract_layers)
            layers = [
                Emotion2VecGroupNormConvLayer(config),
                *(Wav2Vec2NoLayerNormConvLayer(config, index) for index in later),
            ]
        self.conv_layers = nn.ModuleList(layers)

    def forward(self, input_values: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """
        Args:
            input_values (`torch.Tensor` of shape `(batch, samples)`): normalised waveforms.
            lengths (`torch.Tensor` of shape `(batch,)`, *optional*): samples of each clip, all when not given.

        Returns:
            `torch.Tensor` of shape `(batch, frames, conv_dim[-1])`: beyond the clips' ends the values mean nothing.
        """
        hidden_states = input_values[:, None]
        first: Any = self.conv_layers[0]
        if self.training and first.gradient_checkpointing and first.conv.weight.requires_grad:
            # Reentrant checkpointing gives no gradients to the weights of a layer whose inputs have none.
            hidden_states.requires_grad_()
        for layer in self.conv_layers:
            if isinstance(layer, Emotion2VecGroupNormConvLayer):
                hidden_states = layer(hidden_states, lengths)
            else:
                hidden_states = layer(hidden_states)
        return hidden_states.transpose(1, 2)


class Emotion2VecFeatureProjection(nn.Module):
    """Frames of the convolutions to the width of the transformer.

    Args:
        config ([`Emotion2VecConfig`]): the architecture.
    """

    def __init__(self, config: Emotion2VecConfig):
        super().__init__()
        self.layer_norm = nn.LayerNorm(config.conv_dim[-1], eps=NORM_EPS)
        self.projection = nn.Linear(config.conv_dim[-1], config.hidden_size)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(batch, frames, conv_dim[-1])` to `(batch, frames, hidden_size)`."""
        return self.projection(self.layer_norm(hidden_states))


class Emotion2VecPositionalConvEmbedding(nn.Module):
    """Convolutions over frames, whose result tells a frame its place among its neighbours.

    Each of them is given zeros beyond a clip's end, as it would be if the clip were alone: what a norm and a bias make
    of those zeros must not reach the next one.

    Args:
        config ([`Emotion2VecConfig`]): the architecture.
    """

    def __init__(self, config: Emotion2VecConfig):
        super().__init__()
        self.layer_norm = nn.LayerNorm(config.hidden_size, eps=NORM_EPS) if config.conv_pos_pre_norm else None
        self.layers = nn.ModuleList(
            Data2VecAudioPositionalConvLayer(config) for _ in range(config.num_conv_pos_embeddings)
        )

    def forward(self, hidden_states: torch.Tensor, frame_mask: torch.Tensor | None = None) -> torch.Tensor:
        """
        Args:
            hidden_states (`torch.Tensor` of shape `(batch, frames, hidden)`): frames without positions.
            frame_mask (`torch.BoolTensor` of shape `(batch, frames)`, *optional*): False beyond a clip's end.

        Returns:
            `torch.Tensor` of shape `(batch, frames, hidden)`: the positions.
        """
        if self.layer_norm is not None:
            hidden_states = self.layer_norm(hidden_states)
        hidden_states = hidden_states.transpose(1, 2)  # (batch, hidden, frames)
        for layer in self.layers:
            if frame_mask is not None:
                hidden_states = hidden_states.masked_fill(~frame_mask[:, None], 0)
            hidden_states = layer(hidden_states)
        return hidden_states.transpose(1, 2)


__all__ = [
    "Emotion2VecFeatureEncoder",
    "Emotion2VecFeatureProjection",
    "Emotion2VecGroupNormConvLayer",
    "Emotion2VecPositionalConvEmbedding",
]
