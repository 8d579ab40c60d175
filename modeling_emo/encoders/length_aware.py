"""Layers over time that do not see the padding.

Some encoders normalise over time (wav2vec2-base, HuBERT-base, WavLM-base, Moonshine), or convolve over time after a
layer that makes something out of the zeros behind a clip (data2vec-audio, the conformer, Speech2Text, adapters). Here
these layers are told where each clip ends.

How they are told: the lengths lie in a `ContextVar` while the encoder runs, since Transformers' encoders hand
nothing of the kind down to them. Each thread has its own, and the encoder is called as a whole, as sharding and
offloading need it. `torch.export` traces through it; `torch.compile` breaks its graph where the lengths are read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import torch
from torch import nn

from .frames import Convolution, adapter_layers, frames_after, speech_to_text_convolutions, wav2vec2_convolutions


_clip_lengths: ContextVar[torch.Tensor | None] = ContextVar("clip_lengths", default=None)


class LengthAwareGroupNorm(nn.GroupNorm):
    """A GroupNorm over time that counts only each clip's own frames; same weights and names as `nn.GroupNorm`.

    The clips' lengths come from [`clip_lengths`]; outside of it this is a plain GroupNorm.

    Args:
        norm (`nn.GroupNorm`): the module to take the place of.
        convolution (`nn.Conv1d`): the only convolution before it.
    """

    def __init__(self, norm: nn.GroupNorm, convolution: nn.Conv1d):
        super().__init__(norm.num_groups, norm.num_channels, norm.eps, norm.affine, device="meta")
        self.weight, self.bias = norm.weight, norm.bias  # the same parameters, frozen or not
        self.before = (Convolution.of(convolution),)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(batch, channels, frames)` to the same shape; frames beyond a clip's end are normalised with its own
        statistics too."""
        lengths = _clip_lengths.get()
        if lengths is None:
            return super().forward(hidden_states)
        frames = frames_after(self.before, lengths)
        valid = torch.arange(hidden_states.shape[-1], device=frames.device) < frames[:, None]
        grouped = hidden_states.unflatten(1, (self.num_groups, -1)).float()
        # (batch, 1, 1, frames), each valid entry's share of its group's mean
        share = valid[:, None, None].float() / (frames * grouped.shape[2])[:, None, None, None]
        mean = (grouped * share).sum((2, 3), keepdim=True)
        variance = ((grouped - mean).square() * share).sum((2, 3), keepdim=True)
        normalised = ((grouped - mean) * (variance + self.eps).rsqrt()).flatten(1, 2).to(hidden_states.dtype)
        return normalised * self.weight[:, None] + self.bias[:, None]


class LengthAware:
    """A forward pre-hook that is told where each clip ends, by [`current_clip_lengths`]."""


class SilentPadding(LengthAware):
    """Before a convolution over time, sets to zero whatever lies behind a clip's own frames: a forward pre-hook.

    The clips' lengths come from [`clip_lengths`]; outside of it nothing is done.

    Args:
        before (sequence of [`Convolution`]): those between the samples and the input of this one.
    """

    def __init__(self, before: Sequence[Convolution]):
        self.before = tuple(before)

    def __call__(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        lengths = _clip_lengths.get()
        if lengths is None:
            return None
        hidden_states, *others = args  # (batch, channels, frames)
        frames = frames_after(self.before, lengths)
        beyond = torch.arange(hidden_states.shape[-1], device=frames.device) >= frames[:, None]
        return hidden_states.masked_fill(beyond[:, None], 0), *others


def current_clip_lengths() -> torch.Tensor | None:
    """Samples or feature frames per clip `(batch,)` while an encoder runs inside [`clip_lengths`], else None."""
    return _clip_lengths.get()


@contextlib.contextmanager
def clip_lengths(lengths: torch.Tensor) -> Iterator[None]:
    """Tells every length-aware layer that is run inside how long each clip is.

    Args:
        lengths (`torch.Tensor` of shape `(batch,)`): samples or feature frames per clip.
    """
    token = _clip_lengths.set(lengths)
    try:
        yield
    finally:
        _clip_lengths.reset(token)


def silence_padding_before(convolution: nn.Conv1d, before: Sequence[Convolution]) -> None:
    """Puts a [`SilentPadding`] before a convolution, in place."""
    convolution.register_forward_pre_hook(SilentPadding(before))


# The parts of an encoder have the names and types that its family gives them, which annotations cannot tell: Any.


def prepare_wav2vec2(encoder: Any) -> None:
    """Makes wav2vec2 and its kin length-aware, in place: the norm of the feature extractor, and the adapter."""
    for layer in encoder.feature_extractor.conv_layers:
        if isinstance(getattr(layer, "layer_norm", None), nn.GroupNorm):  # in the first layer only
            layer.layer_norm = LengthAwareGroupNorm(layer.layer_norm, layer.conv)
    prepare_adapter(encoder, wav2vec2_convolutions(encoder))


def prepare_data2vec(encoder: Any) -> None:
    """Makes data2vec-audio length-aware, in place: its positions are several convolutions, with norms between them."""
    prepare_wav2vec2(encoder)
    for layer in encoder.encoder.pos_conv_embed.layers:
        silence_padding_before(layer.conv, wav2vec2_convolutions(encoder))


def prepare_conformer(encoder: Any) -> None:
    """Makes wav2vec2-conformer length-aware, in place: each of its layers convolves over time after a norm."""
    prepare_wav2vec2(encoder)
    for layer in encoder.encoder.layers:
        silence_padding_before(layer.conv_module.depthwise_conv, wav2vec2_convolutions(encoder))


def prepare_moonshine(encoder: Any) -> None:
    """Makes Moonshine length-aware, in place: the norm after its first convolution."""
    encoder.groupnorm = LengthAwareGroupNorm(encoder.groupnorm, encoder.conv1)


def prepare_speech_to_text(encoder: Any) -> None:
    """Makes Speech2Text length-aware, in place: each of its convolutions makes something of the silence behind."""
    convolutions = speech_to_text_convolutions(encoder)
    for index, layer in enumerate(encoder.conv.conv_layers):
        silence_padding_before(layer, convolutions[:index])


def prepare_adapter(encoder: Any, before: Sequence[Convolution] = ()) -> None:
    """Makes the adapter behind an encoder length-aware, in place; `before` is what shortens the sequence before it."""
    before = list(before)
    for convolutions in adapter_layers(encoder):
        for convolution in convolutions:
            silence_padding_before(convolution, before)
        before.append(Convolution.of(convolutions[0]))
    if adapter_layers(encoder):
        # A layer that is skipped at random would leave twice as many frames.
        encoder.adapter.layerdrop = 0.0


def is_length_aware(module: nn.Module) -> bool:
    """Whether this very module is told where each clip ends."""
    hooks = module._forward_pre_hooks.values()
    return isinstance(module, LengthAwareGroupNorm) or any(isinstance(hook, LengthAware) for hook in hooks)
