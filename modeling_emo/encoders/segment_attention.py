"""Attention in one long row that holds many sequences, each of which sees itself only.

Transformers' `"sdpa"` learns one more keyword, `segment_lengths`: with it every sequence is a call of its own, without
it nothing changes, for any model. It is looked up by name whenever a layer runs, also when gradient checkpointing runs
one again, so no encoder's configuration has to be switched before a forward and back after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import torch
from transformers import AttentionInterface
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS


NAME = "sdpa"


def attend_within_segments(attend: Callable) -> Callable:
    """An attention function that also takes `segment_lengths`.

    Args:
        attend (`Callable`): of Transformers' attention interface: module, query, key, value `(batch, heads, length,
            head_size)`, mask and keywords to the attended values `(batch, length, heads, head_size)` and weights.

    Returns:
        `Callable`: the same, and with `segment_lengths` (sequence of `int`, whose sum is the length of the only row)
        `attend` for each of them; no weights are returned then.
    """

    @wraps(attend)
    def attention(
        module: torch.nn.Module,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor | None,
        *args: Any,
        segment_lengths: Sequence[int] | None = None,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        if segment_lengths is None:
            return attend(module, query, key, value, attention_mask, *args, **kwargs)
        attended, start = [], 0
        parts = (states.split(segment_lengths, dim=2) for states in (query, key, value))
        for length, *segment in zip(segment_lengths, *parts, strict=True):
            inside = slice(start, start + length)
            # A mask over the whole row is there for layers that see their neighbourhood only (ModernBERT).
            mask = None if attention_mask is None else attention_mask[..., inside, inside]
            attended.append(attend(module, *segment, mask, *args, **kwargs)[0])
            start += length
        return torch.cat(attended, dim=1), None

    attention.takes_segments = True  # type: ignore[attr-defined]
    return attention


def teach_segments() -> None:
    """Makes Transformers' `"sdpa"`, whoever registered it, take `segment_lengths`; without effect when it does."""
    attend = ALL_ATTENTION_FUNCTIONS[NAME]
    if not getattr(attend, "takes_segments", False):
        AttentionInterface.register(NAME, attend_within_segments(attend))
