"""Attention of emotion2vec: heads that look less at distant frames (ALiBi), and tokens that have no distance."""

import math
from collections.abc import Callable

import torch
from torch import nn
from transformers import initialization as init
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from configuration_emo.configuration_emotion2vec import Emotion2VecConfig


def alibi_slopes(num_heads: int, device: torch.device | None = None) -> torch.Tensor:
    """How much each head looks away from distant frames, for a frame of distance (Press et al., arXiv 2108.12409).

    Args:
        num_heads (`int`): at least 1.
        device (`torch.device`, *optional*): where to compute them.

    Returns:
        `torch.Tensor` of shape `(num_heads,)`, float32: for a power of two a geometric sequence that ends with 1/256;
        for another number that of the power below, followed by every second slope of the power above.

    Example:

    ```python
    >>> alibi_slopes(3).tolist()
    [0.0625, 0.00390625, 0.25]

    ```
    """
    power = 2 ** math.floor(math.log2(num_heads))
    head = torch.arange(num_heads, device=device)
    # In steps of the power above, of which the power below takes every second one.
    steps = torch.where(head < power, 2 * (head + 1), 2 * (head - power) + 1)
    return torch.exp2(-4.0 / power * steps)


class Emotion2VecAlibi(nn.Module):
    """What is added to attention scores for the distance between frames: `-slope * scale * |i - j|`.

    Slopes are fixed, scales are weights. Extra tokens stand before the frames and are not counted: where a token looks
    or is looked at, nothing is added.

    Args:
        config ([`Emotion2VecConfig`]): with `num_alibi_heads` of at least 1.
    """

    scale: torch.Tensor

    def __init__(self, config: Emotion2VecConfig):
        super().__init__()
        self.num_extra_tokens = config.num_extra_tokens
        self.num_heads, self.num_alibi_heads = config.num_attention_heads, config.num_alibi_heads or 0
        self.per_layer = config.alibi_scale_per_layer
        self.initial_scale = float(config.alibi_scale)
        layers = config.num_hidden_layers if config.alibi_scale_per_layer else 1
        heads = self.num_alibi_heads if config.alibi_scale_per_head else 1
        scale = torch.full((layers, heads), self.initial_scale)
        if config.learned_alibi_scale:
            self.scale = nn.Parameter(scale)
        else:
            self.register_buffer("scale", scale)

    def reset_parameters(self) -> None:
        """Sets the scales to where they start."""
        init.constant_(self.scale, self.initial_scale)

    def rates(self, layer: int) -> torch.Tensor:
        """What a frame of distance costs the heads of a layer, `(heads,)`, float32 and not negative."""
        scale = self.scale[layer if self.per_layer else 0].float().clamp_min(0)
        rates = alibi_slopes(self.num_alibi_heads, scale.device) * scale
        return nn.functional.pad(rates, (0, self.num_heads - self.num_alibi_heads))

    def distances(self, length: int) -> torch.Tensor:
        """Frames between any two positions, `(length, length)`, float32, 0 for tokens."""
        frame = torch.arange(length - self.num_extra_tokens, device=self.scale.device, dtype=torch.float32)
        distances = (frame[:, None] - frame[None, :]).abs()
        return nn.functional.pad(distances, (self.num_extra_tokens, 0, self.num_extra_tokens, 0))

    def forward(
        self, layer: int, distances: torch.Tensor, mask: torch.Tensor | None, dtype: torch.dtype
    ) -> torch.Tensor:
        """
        Distances and mask of a layer in one array.

        Args:
            layer (`int`): index of the layer.
            distances (`torch.Tensor` of shape `(length, length)`): of [`~Emotion2VecAlibi.distances`].
            mask (`torch.Tensor` of shape `(batch, 1, length, length)`, *optional*): True where a position is looked
                at, or what is added to the scores.
            dtype (`torch.dtype`): of the scores.

        Returns:
            `torch.Tensor` of shape `(batch or 1, heads, length, length)`: what is added to the scores.
        """
        bias = (-self.rates(layer)[:, None, None] * distances).to(dtype).unsqueeze(0)
        if mask is None:
            return bias
        if mask.dtype == torch.bool:
            return torch.where(mask, bias, torch.finfo(dtype).min)
        return bias + mask


class DistanceBias:
    """What [`Emotion2VecAlibi`] adds, for those who only index it, as `flex_attention` does: computed where it is
    looked at and never stored.

    Args:
        rates (`torch.Tensor` of shape `(heads,)`): see [`Emotion2VecAlibi`].
        num_extra_tokens (`int`): positions before the frames.
    """

    def __init__(self, rates: torch.Tensor, num_extra_tokens: int):
        self.rates, self.num_extra_tokens = rates, num_extra_tokens

    def __getitem__(self, position: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Of `(row, head, query, key)`."""
        _, head, query, key = position
        between_frames = (query >= self.num_extra_tokens) & (key >= self.num_extra_tokens)
        return -self.rates[head] * torch.where(between_frames, (query - key).abs(), 0)


class Emotion2VecAttention(nn.Module):
    """Self-attention over frames and tokens.

    Args:
        config ([`Emotion2VecConfig`]): widths, heads and dropout.
    """

    def __init__(self, config: Emotion2VecConfig):
        super().__init__()
        self.config = config
        self.head_dim = config.hidden_size // config.num_attention_heads
        self.scaling = self.head_dim**-0.5
        self.dropout = config.attention_dropout
        self.is_causal = False  # attention implementations ask
        self.q_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.k_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.v_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.out_proj = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        position_bias: DistanceBias | None = None,
        **kwargs,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """
        Args:
            hidden_states (`torch.Tensor` of shape `(batch, length, hidden)`): what attends to itself.
            attention_mask (`torch.Tensor` or `BlockMask`, *optional*): as the attention implementation takes it.
            position_bias ([`DistanceBias`], *optional*): what `flex_attention` adds to the scores.

        Returns:
            The new states `(batch, length, hidden)`, and the weights `(batch, heads, length, length)` where the
            implementation gives them.
        """
        shape = (*hidden_states.shape[:-1], -1, self.head_dim)
        projections = (self.q_proj, self.k_proj, self.v_proj)
        query, key, value = (projection(hidden_states).view(shape).transpose(1, 2) for projection in projections)
        attend: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(self.config._attn_implementation, eager_attention)
        if position_bias is not None:
            kwargs["position_bias"] = position_bias
        attended, weights = attend(
            self,
            query,
            key,
            value,
            attention_mask,
            dropout=self.dropout if self.training else 0.0,
            scaling=self.scaling,
            **kwargs,
        )
        if torch.compiler.is_compiling():
            # A trace notes no copy that its own kernel can do without. The scales' gradients may call for another one.
            attended = attended.clone(memory_format=torch.contiguous_format)
        return self.out_proj(attended.reshape(hidden_states.shape)), weights


def eager_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    dropout: float = 0.0,
    **kwargs,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The attention of `attn_implementation="eager"`, with its softmax in float32.

    Args:
        module (`nn.Module`): whose mode says whether weights are dropped.
        query, key, value (`torch.Tensor` of shape `(batch, heads, length, head_dim)`): the projections.
        attention_mask (`torch.Tensor`, *optional*): what is added to the scores.
        scaling (`float`): the scores' factor.
        dropout (`float`): on the weights.

    Returns:
        The attended values `(batch, length, heads, head_dim)` and the weights `(batch, heads, length, length)`.
    """
    scores = query @ key.transpose(2, 3) * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = nn.functional.softmax(scores, dim=-1, dtype=torch.float32).to(value.dtype)
    weights = nn.functional.dropout(weights, p=dropout, training=module.training)
    return (weights @ value).transpose(1, 2).contiguous(), weights


__all__ = ["DistanceBias", "Emotion2VecAlibi", "Emotion2VecAttention", "alibi_slopes"]
