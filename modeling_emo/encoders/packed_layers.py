"""Transformer layers that run on packed states, in encoders whose convolutions need the padded batch.

The states are packed before the first layer that runs, which need not be the first (LayerDrop), and put back into a
batch behind the module that owns the layers. How they are packed lies in a `ContextVar` while the encoder runs, as the
lengths do in `length_aware`; what a layer is given it keeps, so that gradient checkpointing can run it again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from .families import family_of
from .layers import encoder_layers, transformer_layers
from .packing import Packing


_packing: ContextVar[Packing | None] = ContextVar("packing", default=None)

# Older versions of Transformers run a layer's hooks again with it, when the packing is no longer known.
HOOKS_RUN_AGAIN = "__call__" in vars(GradientCheckpointingLayer)


class PackStates:
    """Before a transformer layer, puts the states of a batch into one row: a forward pre-hook with keywords."""

    def __call__(
        self, layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        states, *others = args
        mask = kwargs.get("attention_mask")
        # Looking it up would break the graph of a compiled layer, which runs on the batch as it comes.
        if torch.compiler.is_compiling() and (
            mask is None or (len(mask), mask.shape[-1]) == (len(states), states.shape[1])
        ):
            return None
        packing = _packing.get()
        if packing is None:
            return None
        if not packing.is_packed(states):
            states = packing.pack(states)
        kwargs = {**kwargs, **packing.attention_arguments, "attention_mask": None}
        if kwargs.get("position_embeddings") is not None:  # cosines and sines of each position
            kwargs["position_embeddings"] = tuple(map(packing.pack, kwargs["position_embeddings"]))
        return (states, *others), kwargs


class UnpackStates:
    """Behind the module that owns the layers, makes a batch of its last hidden state: a forward hook.

    Args:
        squeeze (`int`): frames that the layers took together as one.
    """

    def __init__(self, squeeze: int):
        self.squeeze = squeeze

    def __call__(self, owner: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        packing = _packing.get()
        if packing is None or packing.padded_length is None:  # no layer has run
            return None
        states = packing.unpack(output.last_hidden_state, packing.padded_length, self.squeeze)
        if self.squeeze > 1:  # frames that were left over
            states = nn.functional.pad(states, (0, 0, 0, args[0].shape[1] - states.shape[1]))
        output.last_hidden_state = states
        return output


def prepare_packing(encoder: PreTrainedModel) -> None:
    """Lets the layers of an encoder run on packed states, in place; without effect where its family has no such way.

    Args:
        encoder (`PreTrainedModel`): with the layers that it is to keep.
    """
    family = family_of(encoder.config)
    if family.packing != "states" or not encoder_layers(encoder):
        return
    name, layers = transformer_layers(encoder)
    if any(isinstance(hook, PackStates) for layer in layers for hook in layer._forward_pre_hooks.values()):
        return
    for layer in layers:
        layer.register_forward_pre_hook(PackStates(), with_kwargs=True)
    owner = encoder.get_submodule(name.rpartition(".")[0])
    owner.register_forward_hook(UnpackStates(family.squeeze(encoder.config)))


@contextlib.contextmanager
def packed_layers(packing: Packing | None) -> Iterator[None]:
    """Packs what enters the layers of every encoder that is run inside, as `packing` says; None packs nothing."""
    token = _packing.set(packing)
    try:
        yield
    finally:
        _packing.reset(token)
