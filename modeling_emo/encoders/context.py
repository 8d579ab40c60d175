"""What was said before, pooled apart from the text that it stands before."""

from __future__ import annotations

import torch


def context_beside_text(
    states: torch.Tensor, input_ids: torch.Tensor, mask: torch.Tensor, separator_id: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The states of the last segment, the text, each with the mean state of all segments before it at its side.

    Without an earlier segment that mean is zeros. Where a segment ends is told by the separator: one that stands in a
    text literally ends a segment, too.

    Args:
        states (`torch.Tensor` of shape `(batch, length, hidden)`): of all token ids.
        input_ids (`torch.LongTensor` of shape `(batch, length)`): the token ids, padded on the right.
        mask (`torch.Tensor` of shape `(batch, length)`): 1 where they are valid.
        separator_id (`int`): the token id that ends each segment.

    Returns:
        The states `(batch, length, 2 * hidden)`, those of the text first in their row, and their mask
        `(batch, length)`.
    """
    length = states.shape[1]
    input_ids, mask = input_ids[:, :length], mask[:, :length].bool()
    separators = ((input_ids == separator_id) & mask).long()
    ahead = separators.sum(1, keepdim=True) - separators.cumsum(1) + separators  # from this position on
    context = mask & (ahead > 1)
    before = context.sum(1, keepdim=True)
    weights = context.to(states.dtype) / before.clamp(min=1)
    mean = weights.unsqueeze(1) @ states
    positions = torch.arange(length, device=states.device)
    places = (positions + before).clamp(max=length - 1).unsqueeze(-1)
    text = states.gather(1, places.expand(-1, -1, states.shape[-1]))
    return torch.cat([text, mean.expand_as(text)], dim=-1), positions < (mask.sum(1, keepdim=True) - before)
