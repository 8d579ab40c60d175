"""Fully sharded training with torch alone: a layer at a time, with whole checkpoints."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict, set_model_state_dict
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from transformers import PreTrainedModel


def shard_model(model: PreTrainedModel, mesh: DeviceMesh, **options: Any) -> PreTrainedModel:
    """Cuts the weights over the processes of a mesh with torch's `fully_shard` (FSDP2), in place.

    Each module that the model names in `_no_split_modules` is gathered for its own forward and backward only; what is
    left is one more group. Every process has to run the same modules: see `keep_absent_modalities` of
    [`EmoBertDataCollator`]. Make the optimiser afterwards.

    Args:
        model (`PreTrainedModel`): with the same weights in every process.
        mesh (`DeviceMesh`): of one dimension, such as `init_device_mesh("cuda", (num_gpus,))`.
        options: of `fully_shard`, such as `mp_policy` and `reshard_after_forward`.

    Returns:
        `PreTrainedModel`: the model.

    Example:

    ```python
    >>> from torch.distributed.device_mesh import init_device_mesh

    >>> model = shard_model(model, init_device_mesh("cuda", (8,)))  # doctest: +SKIP
    >>> weights = full_state_dict(model)  # doctest: +SKIP
    >>> if torch.distributed.get_rank() == 0:  # doctest: +SKIP
    ...     model.save_pretrained("model", state_dict=weights)

    ```
    """
    names = set(model._no_split_modules or ())
    for module in [module for module in model.modules() if type(module).__name__ in names]:
        fully_shard(module, mesh=mesh, **options)
    fully_shard(model, mesh=mesh, **options)
    return model


def full_state_dict(model: nn.Module) -> dict[str, torch.Tensor]:
    """Whole weights of a sharded model on the CPU of the first process, nothing on the others; all have to call it."""
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    return cast(dict[str, torch.Tensor], get_model_state_dict(model, options=options))


def load_full_state_dict(model: nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Loads whole weights, which the first process alone needs to have, into a sharded model; all have to call it.

    Args:
        model (`nn.Module`): of [`shard_model`].
        weights (`dict[str, torch.Tensor]`): of [`full_state_dict`], or of an unsharded model.

    Raises:
        ValueError: in the first process, weights are missing or are not the model's.
    """
    if torch.distributed.get_rank() == 0:
        difference = set(weights) ^ set(get_model_state_dict(model))
        if difference:
            raise ValueError(f"These weights belong to the checkpoint or to the model only: {sorted(difference)}.")
    # A copy, since torch puts the sharded weights into it. Its own strictness wants the names in every process.
    options = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True, strict=False)
    set_model_state_dict(model, dict(weights), options=options)
