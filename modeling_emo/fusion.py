"""Fusion of a text sequence and a speech sequence: pooling, co-attention, and stand-ins for a missing modality."""

from __future__ import annotations

import torch
from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer

from configuration_emo.configuration_emobert import EmoBertConfig
from configuration_emo.summary_position import QUANTILES

from .modalities import has_values
from .plain_modules import is_plain


# Added to the variance, so that the deviation of a one-frame sequence has a finite gradient.
VARIANCE_EPSILON = 1e-5


class StandIn(nn.Module):
    """A learned vector that takes the place of a sequence where a modality is missing.

    Args:
        hidden_size (`int`): width of the sequence that it stands for.
    """

    def __init__(self, hidden_size: int):
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(hidden_size))

    def sequence(self, batch_size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """A batch of one-position sequences `(batch, 1, hidden)` with their mask `(batch, 1)`."""
        hidden_states = self.embedding.expand(batch_size, 1, -1)
        return hidden_states, hidden_states.new_ones((batch_size, 1), dtype=torch.bool)

    def forward(
        self, hidden_states: torch.Tensor, mask: torch.Tensor, present: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Puts a one-position sequence into the rows that miss the modality.

        Args:
            hidden_states (`torch.Tensor` of shape `(batch, length, hidden)`): encoded sequences.
            mask (`torch.Tensor` of shape `(batch, length)`): True where a position is valid.
            present (`torch.Tensor` of shape `(batch,)`): False for the rows to replace.

        Returns:
            The sequences and masks of the same shapes.
        """
        # Nothing to replace. In training the embedding has a gradient, of zeros, all the same.
        if (
            not torch.is_grad_enabled()
            and present.device.type == "cpu"
            and has_values(present)
            and bool(present.all())
        ):
            return hidden_states, mask
        length = hidden_states.shape[1]
        first = torch.arange(length, device=mask.device) == 0
        replacement = torch.where(first[:, None], self.embedding, 0)
        hidden_states = torch.where(present[:, None, None], hidden_states, replacement.to(hidden_states.dtype))
        # Not `torch.where`: ONNX Runtime has none for booleans.
        return hidden_states, (present[:, None] & mask) | (~present[:, None] & first)


class Pooling(nn.Module):
    """Turns a masked sequence into one vector.

    Args:
        hidden_size (`int`): width of the sequence.
        kind (`str`): `"cls"`, `"last"`, `"mean"`, `"mean_std"`, `"quantiles"` or `"attention"`, see
            [`EmoBertConfig`].
    """

    def __init__(self, hidden_size: int, kind: str):
        super().__init__()
        self.kind = kind
        # No bias: it would move all scores of a softmax alike, and change nothing.
        self.score = nn.Linear(hidden_size, 1, bias=False) if kind == "attention" else None

    def forward(self, hidden_states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """`(batch, length, hidden)` and a boolean mask `(batch, length)` to `(batch, hidden)`, or twice that width
        for mean and standard deviation, and five times for quantiles."""
        if self.kind == "cls":
            return hidden_states[:, 0]
        if self.kind == "last":
            last = (torch.arange(mask.shape[1], device=mask.device) * mask).amax(-1)
            return hidden_states.gather(1, last[:, None, None].expand(-1, 1, hidden_states.shape[-1])).squeeze(1)
        if self.kind == "quantiles":
            return _quantiles(hidden_states, mask)
        if self.score is not None:
            scores = self.score(hidden_states).squeeze(-1).float().masked_fill(~mask, torch.finfo(torch.float32).min)
            weights = scores.softmax(-1)
        else:
            weights = mask.float() / mask.sum(-1, keepdim=True)
        # weights: (batch, length)
        weights = weights.to(hidden_states.dtype).unsqueeze(1)
        mean = (weights @ hidden_states).squeeze(1)
        if self.kind != "mean_std":
            return mean
        variance = (weights @ (hidden_states - mean.unsqueeze(1)).square()).squeeze(1)
        return torch.cat([mean, (variance + VARIANCE_EPSILON).sqrt()], dim=-1)


def _quantiles(hidden_states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """`QUANTILES` of each channel over the valid positions, interpolated: `(batch, 5 * hidden)`."""
    # Padding comes last. What is sorted lies side by side: that is several times faster.
    behind = torch.finfo(hidden_states.dtype).max
    ordered = hidden_states.masked_fill(~mask.unsqueeze(-1), behind).transpose(1, 2).contiguous().sort(dim=2).values
    last = (mask.sum(-1, keepdim=True) - 1).clamp(min=0)  # (batch, 1)
    places = last * torch.tensor(QUANTILES, device=mask.device)  # (batch, quantiles)
    low = places.floor().long()
    share = (places - low).to(hidden_states.dtype).unsqueeze(1)
    index = torch.stack([low, torch.minimum(low + 1, last)]).unsqueeze(2)
    below, above = (ordered.gather(2, one.expand(-1, ordered.shape[1], -1)) for one in index)
    return torch.lerp(below, above, share).transpose(1, 2).flatten(1)


class Standardization(nn.Module):
    """Takes each channel's mean off and divides by its deviation, both fixed numbers of the training data.

    The raw middle layers of speech encoders have channels with offsets and scales far from the others', which new
    weights learn from slowly. The statistics come from [`fit_speech_standardization`]; without it nothing changes.

    Args:
        num_states (`int`): hidden states of the encoder that are in use: 1, or all of a layer mix.
        hidden_size (`int`): their width.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, num_states: int, hidden_size: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(num_states, hidden_size))
        self.register_buffer("std", torch.ones(num_states, hidden_size))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """`(batch, length, hidden)`, or `(batch, length, num_states, hidden)`, to the same shape."""
        mean, std = (self.mean[0], self.std[0]) if states.dim() == 3 else (self.mean, self.std)
        return (states - mean) / std


class WeightedLayerSum(nn.Module):
    """A learned convex mix of an encoder's hidden states (as in SUPERB, arXiv 2105.01051).

    Args:
        num_states (`int`): how many hidden states are mixed: the layers and the input of the first.
    """

    def __init__(self, num_states: int):
        super().__init__()
        self.weights = nn.Parameter(torch.empty(num_states))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """`(batch, length, states, hidden)` to `(batch, length, hidden)`."""
        return torch.einsum("s,btsh->bth", self.weights.softmax(0), states)


class CoAttention(nn.Module):
    """Multi-head attention of one query vector over the other modality's sequence.

    One query needs no keys and values of all positions: `q . (W h) = (W^T q) . h`, and `sum(a W h) = W sum(a h)`. Two
    vectors for each head are projected in their place, to the same results and gradients but for rounding. Where the
    two projections are more than linear layers ([`is_plain`]: adapted, quantised, offloaded, hooked), and in a trace,
    they are called.

    Args:
        query_size (`int`): width of the query and of the attention.
        sequence_size (`int`): width of the sequence.
        num_heads (`int`): divides `query_size`.
        dropout (`float`): on the attention weights.
    """

    # False: keys and values of all positions always.
    absorbs_projections = True

    def __init__(self, query_size: int, sequence_size: int, num_heads: int, dropout: float):
        super().__init__()
        self.num_heads = num_heads
        self.head_size = query_size // num_heads
        self.dropout = dropout
        self.q_proj = nn.Linear(query_size, query_size)
        self.k_proj = nn.Linear(sequence_size, query_size)
        self.v_proj = nn.Linear(sequence_size, query_size)
        self.out_proj = nn.Linear(query_size, query_size)

    def forward(
        self, query: torch.Tensor, sequence: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Attends once.

        Args:
            query (`torch.Tensor` of shape `(batch, query_size)`): the asking vector.
            sequence (`torch.Tensor` of shape `(batch, length, sequence_size)`): what it looks at.
            mask (`torch.Tensor` of shape `(batch, length)`): True where the sequence is valid.

        Returns:
            The attended vector `(batch, query_size)` and the weights `(batch, heads, length)`.
        """
        heads = (self.num_heads, self.head_size)
        query = self.q_proj(query).unflatten(-1, heads) * self.head_size**-0.5  # (batch, heads, head_size)
        absorbs = self.absorbs_projections and not torch.compiler.is_compiling() and not torch.jit.is_tracing()
        absorbs = absorbs and is_plain(self.k_proj, nn.Linear) and is_plain(self.v_proj, nn.Linear)
        if absorbs:
            scores = self._scores(query, sequence)
        else:
            keys = self.k_proj(sequence).unflatten(-1, heads)  # (batch, length, heads, head_size)
            scores = torch.einsum("bhd,bthd->bht", query, keys)
        scores = scores.float().masked_fill(~mask[:, None], torch.finfo(torch.float32).min)
        weights = scores.softmax(-1).to(sequence.dtype)
        dropped = nn.functional.dropout(weights, self.dropout, self.training)
        if absorbs:
            attended = self._attended(dropped, sequence)
        else:
            values = self.v_proj(sequence).unflatten(-1, heads)
            attended = torch.einsum("bht,bthd->bhd", dropped, values)
        return self.out_proj(attended.flatten(1)), weights

    def _scores(self, query: torch.Tensor, sequence: torch.Tensor) -> torch.Tensor:
        """`(batch, heads, length)` from the query `(batch, heads, head_size)`, without keys."""
        heads = (self.num_heads, self.head_size)
        asked = torch.einsum("bhd,hds->bhs", query, self.k_proj.weight.unflatten(0, heads))
        # The same for all positions, so that the softmax takes it out again; but the bias is to have its gradient, 0.
        of_bias = torch.einsum("bhd,hd->bh", query, self.k_proj.bias.unflatten(0, heads))
        return torch.einsum("bhs,bts->bht", asked, sequence) + of_bias.unsqueeze(-1)

    def _attended(self, weights: torch.Tensor, sequence: torch.Tensor) -> torch.Tensor:
        """`(batch, heads, head_size)` from the weights `(batch, heads, length)`, without values."""
        heads = (self.num_heads, self.head_size)
        seen = torch.einsum("bht,bts->bhs", weights, sequence)
        attended = torch.einsum("bhs,hds->bhd", seen, self.v_proj.weight.unflatten(0, heads))
        return attended + weights.sum(-1, keepdim=True) * self.v_proj.bias.unflatten(0, heads)


class CoAttentionLayer(GradientCheckpointingLayer):
    """One step of co-attention: `q + dropout(attention(q, sequence))`, by default without normalisation (the paper).

    Args:
        config ([`EmoBertConfig`]): heads, dropout and whether LayerNorm and feed-forward follow.
        query_size (`int`): width of the query.
        sequence_size (`int`): width of the attended sequence.
    """

    def __init__(self, config: EmoBertConfig, query_size: int, sequence_size: int):
        super().__init__()
        self.attention = CoAttention(
            query_size, sequence_size, config.num_co_attention_heads, config.co_attention_dropout
        )
        self.dropout = nn.Dropout(config.co_attention_dropout)
        self.feed_forward = (
            FeedForward(query_size, config.co_attention_dropout) if config.co_attention_feed_forward else None
        )

    def forward(
        self, query: torch.Tensor, sequence: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Shapes as in [`CoAttention`]."""
        attended, weights = self.attention(query, sequence, mask)
        query = query + self.dropout(attended)
        return (query if self.feed_forward is None else self.feed_forward(query)), weights


class FeedForward(nn.Module):
    """LayerNorm, a GELU feed-forward of four times the width with its residual, LayerNorm (post-norm, as in BERT)."""

    def __init__(self, size: int, dropout: float):
        super().__init__()
        self.attention_norm = nn.LayerNorm(size)
        self.up = nn.Linear(size, 4 * size)
        self.down = nn.Linear(4 * size, size)
        self.dropout = nn.Dropout(dropout)
        self.output_norm = nn.LayerNorm(size)

    def forward(self, vector: torch.Tensor) -> torch.Tensor:
        """`(batch, size)` to `(batch, size)`."""
        vector = self.attention_norm(vector)
        return self.output_norm(vector + self.dropout(self.down(nn.functional.gelu(self.up(vector)))))


class CoAttentionStack(nn.Module):
    """`config.num_co_attention_layers` layers; each asks the raw sequence with the previous layer's vector."""

    def __init__(self, config: EmoBertConfig, query_size: int, sequence_size: int):
        super().__init__()
        self.layers = nn.ModuleList(
            CoAttentionLayer(config, query_size, sequence_size) for _ in range(config.num_co_attention_layers)
        )

    def forward(
        self, query: torch.Tensor, sequence: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """The last vector `(batch, query_size)` and each layer's weights `(batch, heads, length)`."""
        all_weights = []
        for layer in self.layers:
            query, weights = layer(query, sequence, mask)
            all_weights.append(weights)
        return query, tuple(all_weights)
