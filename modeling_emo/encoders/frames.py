"""How many frames an encoder makes of so many samples or feature frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from transformers import PreTrainedModel


class Convolution(NamedTuple):
    """A convolution over time, as far as it decides how many frames come out.

    Args:
        kernel_size, stride, padding (`int`): as in `nn.Conv1d`.
    """

    kernel_size: int
    stride: int
    padding: int = 0

    @classmethod
    def of(cls, layer: nn.Conv1d) -> Convolution:
        """That of a layer."""
        return cls(layer.kernel_size[0], layer.stride[0], int(layer.padding[0]))


def frames_after(convolutions: Iterable[Convolution], lengths: torch.Tensor) -> torch.Tensor:
    """Frames that come out of some convolutions.

    Args:
        convolutions (iterable of [`Convolution`]): in the order in which they run.
        lengths (`torch.Tensor` of shape `(batch,)`): positions that go in.

    Returns:
        `torch.Tensor` of shape `(batch,)`.

    Example:

    ```python
    >>> import torch

    >>> frames_after([Convolution(10, 5), Convolution(3, 2)], torch.tensor([400, 25]))
    tensor([39,  1])

    ```
    """
    for kernel_size, stride, padding in convolutions:
        lengths = (lengths + 2 * padding - kernel_size) // stride + 1
    return lengths


def positions_for(convolutions: Sequence[Convolution], frames: int) -> int:
    """The fewest positions of which these convolutions make so many frames."""
    for kernel_size, stride, padding in reversed(convolutions):
        frames = max(1, (frames - 1) * stride + kernel_size - 2 * padding)
    return frames


def no_convolutions(encoder: PreTrainedModel) -> list[Convolution]:
    """Of an encoder that makes one frame of each position."""
    return []


def wav2vec2_convolutions(encoder: PreTrainedModel) -> list[Convolution]:
    """Of wav2vec2 and its kin: the feature extractor's."""
    config = encoder.config
    return [Convolution(*sizes) for sizes in zip(config.conv_kernel, config.conv_stride, strict=True)]


# The parts of an encoder have the names and types that its family gives them, which annotations cannot tell: Any.


def moonshine_convolutions(encoder: Any) -> list[Convolution]:
    """Of Moonshine: three."""
    return [Convolution.of(layer) for layer in (encoder.conv1, encoder.conv2, encoder.conv3)]


def whisper_convolutions(encoder: Any) -> list[Convolution]:
    """Of Whisper: two, of which the second takes every other frame."""
    return [Convolution.of(encoder.conv1), Convolution.of(encoder.conv2)]


def speech_to_text_convolutions(encoder: Any) -> list[Convolution]:
    """Of Speech2Text: each takes every other frame."""
    return [Convolution.of(layer) for layer in encoder.conv.conv_layers]


def adapter_convolutions(encoder: PreTrainedModel) -> list[Convolution]:
    """Of the adapter that shortens the last hidden state further; an empty list without one."""
    return [Convolution.of(convolutions[0]) for convolutions in adapter_layers(encoder)]


def adapter_layers(encoder: PreTrainedModel) -> list[list[nn.Conv1d]]:
    """The convolutions of each layer of the adapter, all of one layer over the same frames."""
    adapter = getattr(encoder, "adapter", None)
    if adapter is None:
        return []
    return [[part for part in layer.modules() if isinstance(part, nn.Conv1d)] for layer in adapter.layers]
