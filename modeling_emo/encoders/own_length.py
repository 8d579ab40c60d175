"""Whisper at each recording's own length, in the place of 30 s.

Transformers' Whisper takes log-mel frames of 30 s only, and every frame attends to the silence behind the clip. Told
to hear the clip alone, the same weights read as many frames as the batch's longest clip has: the convolutions find
zeros behind each clip, its frames attend to one another only, and positions count from its first frame. A clip of 30 s
gives exactly what it gives there; of a shorter one the result is another, and costs a share of the time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.masking_utils import create_bidirectional_mask

from .families import family_of
from .frames import Convolution, frames_after
from .length_aware import LengthAware, SilentPadding, current_clip_lengths, silence_padding_before


class OwnLengthInput(LengthAware):
    """Before the first convolution, cuts the features off behind the batch's longest clip: a forward pre-hook."""

    def __call__(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        lengths = current_clip_lengths()
        if lengths is None or _is_traced():  # a trace would take the longest length for a constant
            return None
        features, *others = args  # (batch, bins, frames)
        return features[..., : max(1, int(lengths.max()))], *others


class OwnLengthPositions(LengthAware):
    """Before the embedding of positions, cuts them off where the features were: a forward pre-hook.

    Args:
        before (list of [`Convolution`]): those between the features and the positions.
    """

    def __init__(self, before: list[Convolution]):
        self.before = before

    def __call__(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        lengths = current_clip_lengths()
        if lengths is None or _is_traced():
            return None
        positions, *others = args
        return positions[: max(1, int(frames_after(self.before, lengths).max()))], *others


class OwnLengthMask(LengthAware):
    """Before a transformer layer, gives it the mask that Whisper's encoder withholds: a forward pre-hook.

    Args:
        encoder (`PreTrainedModel`): whose configuration says how it attends.
        before (list of [`Convolution`]): those between the features and the layers.
    """

    def __init__(self, encoder: PreTrainedModel, before: list[Convolution]):
        self.config = encoder.config
        self.before = before

    def __call__(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        lengths = current_clip_lengths()
        if lengths is None:
            return None
        hidden_states, _, *others = args  # (batch, frames, hidden)
        # A row without speech keeps one frame, so that attention is defined.
        frames = frames_after(self.before, lengths).clamp(min=1)
        valid = torch.arange(hidden_states.shape[1], device=hidden_states.device) < frames[:, None]
        mask = create_bidirectional_mask(self.config, hidden_states, valid)
        return (hidden_states, mask, *others), kwargs


def set_own_length(encoder: Any, own_length: bool) -> None:
    """Lets an encoder of a fixed length hear each clip alone, or the silence behind it again, in place.

    Args:
        encoder (`PreTrainedModel`): any speech encoder. Those that have no fixed length stay as they are.
        own_length (`bool`): whether it hears the clip alone.
    """
    family = family_of(encoder.config)
    if not family.fixed_length:
        return
    for module in encoder.modules():
        hooks = module._forward_pre_hooks
        for key in [key for key, hook in hooks.items() if isinstance(hook, LengthAware)]:
            del hooks[key]
            module._forward_pre_hooks_with_kwargs.pop(key, None)
    if not own_length:
        return
    convolutions = family.convolutions(encoder)
    encoder.conv1.register_forward_pre_hook(OwnLengthInput())
    silence_padding_before(encoder.conv2, convolutions[:1])
    encoder.embed_positions.register_forward_pre_hook(OwnLengthPositions(convolutions))
    for layer in encoder.layers:
        layer.register_forward_pre_hook(OwnLengthMask(encoder, convolutions), with_kwargs=True)


def hears_padding(encoder: Any) -> bool:
    """Whether an encoder hears what lies behind a clip: Whisper, unless [`set_own_length`] told it otherwise."""
    if not family_of(encoder.config).fixed_length:
        return False
    return not any(isinstance(hook, SilentPadding) for hook in encoder.conv2._forward_pre_hooks.values())


def whole_length(
    encoder: Any, inputs: torch.Tensor, attention_mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features `(batch, bins, frames)` and their mask, padded to the length that Transformers' encoder insists on."""
    missing = encoder.config.max_source_positions * encoder.conv2.stride[0] - inputs.shape[-1]
    if missing <= 0:
        return inputs, attention_mask
    return nn.functional.pad(inputs, (0, missing)), nn.functional.pad(attention_mask, (0, missing))


def _is_traced() -> bool:
    """Whether this is a trace, for which the padding stays and the masks do all."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()
