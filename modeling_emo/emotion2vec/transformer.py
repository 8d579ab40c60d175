"""The transformer of emotion2vec: frames with their positions and extra tokens through layers that are all alike."""

import torch
from torch import nn
from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled
from transformers.integrations.fsdp import is_fsdp_managed_module
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.models.data2vec.modeling_data2vec_audio import Data2VecAudioFeedForward
from transformers.processing_utils import Unpack
from transformers.utils import TransformersKwargs

from configuration_emo.configuration_emotion2vec import Emotion2VecConfig

from .attention import DistanceBias, Emotion2VecAlibi, Emotion2VecAttention
from .convolutions import Emotion2VecPositionalConvEmbedding


class Emotion2VecLayer(GradientCheckpointingLayer):
    """A transformer layer over extra tokens and frames.

    Args:
        config ([`Emotion2VecConfig`]): the architecture.
    """

    def __init__(self, config: Emotion2VecConfig):
        super().__init__()
        self.layer_norm_first = config.layer_norm_first
        self.attention = Emotion2VecAttention(config)
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.layer_norm = _layer_norm(config)
        self.feed_forward = Data2VecAudioFeedForward(config)
        self.feed_forward.output_dropout = nn.Dropout(0.0)  # comes after it, where only one of two terms is dropped
        self.final_layer_norm = _layer_norm(config)

    def forward(
        self,
        frames: torch.Tensor,
        tokens: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_bias: DistanceBias | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """
        Args:
            frames (`torch.Tensor` of shape `(batch, frames, hidden)`): kept apart from the tokens, so that the hidden
                states that Transformers records are those of frames.
            tokens (`torch.Tensor` of shape `(batch, num_extra_tokens, hidden)`, *optional*): what stands before them.
            attention_mask, position_bias: see [`Emotion2VecAttention`].

        Returns:
            The new frames and tokens.
        """
        hidden_states = frames if tokens is None else torch.cat([tokens, frames], dim=1)
        if self.layer_norm_first:
            attended, _ = self.attention(self.layer_norm(hidden_states), attention_mask, position_bias, **kwargs)
            hidden_states = hidden_states + self.dropout(attended)
            # As the models are trained: the output is added to itself, and not to the input.
            hidden_states = self.feed_forward(self.final_layer_norm(hidden_states))
            hidden_states = hidden_states + self.dropout(hidden_states)
        else:
            attended, _ = self.attention(hidden_states, attention_mask, position_bias, **kwargs)
            hidden_states = self.layer_norm(hidden_states + self.dropout(attended))
            hidden_states = hidden_states + self.dropout(self.feed_forward(hidden_states))
            hidden_states = self.final_layer_norm(hidden_states)
        return _split(hidden_states, 0 if tokens is None else tokens.shape[1])


class Emotion2VecEncoder(nn.Module):
    """Positions, extra tokens and the transformer layers.

    Args:
        config ([`Emotion2VecConfig`]): the architecture.
    """

    def __init__(self, config: Emotion2VecConfig):
        super().__init__()
        self.config = config
        self.pos_conv_embed = Emotion2VecPositionalConvEmbedding(config)
        self.extra_tokens = None
        if config.num_extra_tokens:
            self.extra_tokens = nn.Parameter(torch.zeros(1, config.num_extra_tokens, config.hidden_size))
        self.alibi = Emotion2VecAlibi(config) if config.num_alibi_heads else None
        self.layer_norm = _layer_norm(config)
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.layers = nn.ModuleList(Emotion2VecLayer(config) for _ in range(config.num_hidden_layers))
        self.gradient_checkpointing = False

    def forward(
        self, frames: torch.Tensor, frame_mask: torch.Tensor | None = None, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """
        Args:
            frames (`torch.Tensor` of shape `(batch, frames, hidden)`): projected frames.
            frame_mask (`torch.BoolTensor` of shape `(batch, frames)`, *optional*): False beyond a clip's end.

        Returns:
            The last states of frames and tokens.
        """
        num_tokens = self.config.num_extra_tokens
        hidden_states = frames + self.pos_conv_embed(frames, frame_mask)
        if self.extra_tokens is not None:
            extra_tokens = self.extra_tokens.expand(frames.shape[0], -1, -1).to(hidden_states.dtype)
            hidden_states = torch.cat([extra_tokens, hidden_states], dim=1)
        if not self.config.layer_norm_first:
            hidden_states = self.layer_norm(hidden_states)
        hidden_states = self.dropout(hidden_states)

        mask = None if frame_mask is None else nn.functional.pad(frame_mask, (num_tokens, 0), value=True)
        attention_mask = create_bidirectional_mask(
            config=self.config, inputs_embeds=hidden_states, attention_mask=mask
        )
        frames, tokens = _split(hidden_states, num_tokens)
        frames, tokens = self._run_layers(frames, tokens, attention_mask, **kwargs)
        if self.config.layer_norm_first:
            frames = self.layer_norm(frames)
            tokens = None if tokens is None else self.layer_norm(tokens)
        return frames, tokens

    def _run_layers(self, frames, tokens, mask, **kwargs) -> tuple[torch.Tensor, torch.Tensor | None]:
        """All layers; `mask` is what Transformers makes for the attention implementation."""
        is_flex = self.config._attn_implementation == "flex_attention"
        attention_mask, position_bias, distances = mask, None, None
        if self.alibi is not None and not is_flex:
            distances = self.alibi.distances(self.config.num_extra_tokens + frames.shape[1])
        # Under FSDP and ZeRO-3 all processes must run the same layers.
        may_skip = self.training and not (is_deepspeed_zero3_enabled() or is_fsdp_managed_module(self))
        for index, layer in enumerate(self.layers):
            if self.alibi is not None and (index == 0 or self.alibi.per_layer):
                if distances is None:
                    position_bias = DistanceBias(self.alibi.rates(index), self.config.num_extra_tokens)
                else:
                    attention_mask = self.alibi(index, distances, mask, _score_dtype(frames))
            if may_skip and self.config.layerdrop > 0 and torch.rand([]) < self.config.layerdrop:
                continue
            frames, tokens = layer(frames, tokens, attention_mask, position_bias, **kwargs)
        return frames, tokens


def _layer_norm(config: Emotion2VecConfig) -> nn.LayerNorm:
    """A norm of the transformer."""
    return nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps, elementwise_affine=config.layer_norm_affine)


def _split(hidden_states: torch.Tensor, num_tokens: int) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Frames and tokens of a sequence that begins with tokens."""
    if num_tokens == 0:
        return hidden_states, None
    return hidden_states[:, num_tokens:], hidden_states[:, :num_tokens]


def _score_dtype(hidden_states: torch.Tensor) -> torch.dtype:
    """The type that attention scores will have, which under autocast is not that of the states."""
    device = hidden_states.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden_states.dtype


__all__ = ["Emotion2VecEncoder", "Emotion2VecLayer"]
