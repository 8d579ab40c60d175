"""Whether a module computes what its class says and nobody looks on: its weights may be used in another way then."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules import module as of_all_modules


def is_plain(module: nn.Module, kind: type[nn.Module]) -> bool:
    """
    Whether nothing but its weights says what a module computes: it is of that very class (not adapted, quantised or
    parametrised), calls no hooks (of offloading, pruning, or that record), and its weights are plain tensors.

    Args:
        module (`nn.Module`): to look at; not what is inside it.
        kind (`type`): the class that it should be of.

    Example:

    ```python
    >>> layer = nn.Linear(2, 2)
    >>> is_plain(layer, nn.Linear)
    True
    >>> handle = layer.register_forward_hook(print)
    >>> is_plain(layer, nn.Linear)
    False

    ```
    """
    hooks = (
        *(module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks),
        *(of_all_modules._global_forward_hooks, of_all_modules._global_forward_pre_hooks),
        *(of_all_modules._global_backward_hooks, of_all_modules._global_backward_pre_hooks),
    )
    return (
        type(module) is kind
        and "forward" not in vars(module)
        and not any(hooks)
        # `None` where there is no bias.
        and all(type(weight) in (nn.Parameter, torch.Tensor, type(None)) for weight in module._parameters.values())
    )
