"""Training on CPUs without dropout of attention weights, for which PyTorch's attention has no fast way there."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import nn
from transformers import AttentionInterface
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS


NAME = "sdpa"
_MARK = "without_attention_dropout_on_cpu"


def leave_attention_dropout_out(model: nn.Module) -> None:
    """Lets the modules of a model attend without dropout of attention weights on CPUs, in place.

    It holds for attention that runs through Transformers' `"sdpa"`; all other dropout stays, and so does that of
    attention weights on other devices, of `"eager"` attention, and of families that compute attention by themselves
    (DeBERTa, MPNet). It is not saved with the model. Transformers' `"sdpa"` is taught to look for it; other models
    are not changed.

    Args:
        model (`nn.Module`): with Transformers' encoders in it.

    Example:
        >>> leave_attention_dropout_out(model)  # doctest: +SKIP
    """
    for module in model.modules():
        setattr(module, _MARK, True)
    attend = ALL_ATTENTION_FUNCTIONS[NAME]
    if not getattr(attend, "knows_marked_modules", False):
        AttentionInterface.register(NAME, _without_dropout_where_marked(attend))


def _without_dropout_where_marked(attend: Callable) -> Callable:
    @wraps(attend)
    def attention(
        module: nn.Module, query: torch.Tensor, *args: Any, dropout: float = 0.0, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        if query.device.type == "cpu" and getattr(module, _MARK, False):
            dropout = 0.0
        return attend(module, query, *args, dropout=dropout, **kwargs)

    attention.knows_marked_modules = True  # type: ignore[attr-defined]
    return attention
