"""GroupNorm over time that does not see the padding.

wav2vec2-base, HuBERT-base, WavLM-base and Moonshine have a GroupNorm over time, whose statistics would see the
padding: here it is told each clip's own length.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import torch
from torch import nn
from transformers import PreTrainedModel


_clip_lengths: ContextVar[torch.Tensor | None] = ContextVar("clip_lengths", default=None)


class LengthAwareGroupNorm(nn.GroupNorm):
    """A GroupNorm over time that counts only each clip's own frames; same weights and names as `nn.GroupNorm`.

    The clips' lengths come from [`clip_lengths`]; outside of it this is a plain GroupNorm.

    Args:
        norm (`nn.GroupNorm`): the module to take the place of.
        convolution (`nn.Conv1d`): the only convolution before it.
    """

    def __init__(self, norm: nn.GroupNorm, convolution: nn.Conv1d):
        super().__init__(
            norm.num_groups, norm.num_channels, norm.eps, norm.affine, norm.weight.device, norm.weight.dtype
        )
        self.load_state_dict(norm.state_dict(), assign=True)
        self.kernel_size, self.stride = convolution.kernel_size[0], convolution.stride[0]

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(batch, channels, frames)` to the same shape; frames beyond a clip's end are normalised with its own
        statistics too."""
        lengths = _clip_lengths.get()
        if lengths is None:
            return super().forward(hidden_states)
        frames = (lengths - self.kernel_size) // self.stride + 1
        valid = torch.arange(hidden_states.shape[-1], device=frames.device) < frames[:, None]
        grouped = hidden_states.unflatten(1, (self.num_groups, -1)).float()
        # (batch, 1, 1, frames), each valid entry's share of its group's mean
        share = valid[:, None, None].float() / (frames * grouped.shape[2])[:, None, None, None]
        mean = (grouped * share).sum((2, 3), keepdim=True)
        variance = ((grouped - mean).square() * share).sum((2, 3), keepdim=True)
        normalised = ((grouped - mean) * (variance + self.eps).rsqrt()).flatten(1, 2).to(hidden_states.dtype)
        return normalised * self.weight[:, None] + self.bias[:, None]


@contextlib.contextmanager
def clip_lengths(lengths: torch.Tensor) -> Iterator[None]:
    """Tells every [`LengthAwareGroupNorm`] run inside how many samples each clip has.

    Args:
        lengths (`torch.Tensor` of shape `(batch,)`): samples per clip.
    """
    token = _clip_lengths.set(lengths)
    try:
        yield
    finally:
        _clip_lengths.reset(token)


def make_length_aware(encoder: PreTrainedModel) -> None:
    """Replaces, in place, the GroupNorm over time of a waveform encoder; other encoders stay as they are.

    Raises:
        ValueError: a GroupNorm over time in a place that is not known, so that padding would change results.
    """
    if isinstance(getattr(encoder, "groupnorm", None), nn.GroupNorm):  # Moonshine
        encoder.groupnorm = LengthAwareGroupNorm(encoder.groupnorm, encoder.conv1)
    for layer in feature_extractor_layers(encoder):  # wav2vec2 and its relatives: the first layer
        if isinstance(getattr(layer, "layer_norm", None), nn.GroupNorm):
            layer.layer_norm = LengthAwareGroupNorm(layer.layer_norm, layer.conv)
    for name, module in encoder.named_modules():
        if isinstance(module, nn.GroupNorm) and not isinstance(module, LengthAwareGroupNorm):
            raise ValueError(
                f"{type(encoder).__name__} has a GroupNorm at {name!r}, whose result would depend on padding; "
                "use another speech encoder."
            )


def feature_extractor_layers(encoder: PreTrainedModel) -> list[nn.Module]:
    """The convolution layers of a wav2vec2-like encoder, else an empty list."""
    return list(getattr(getattr(encoder, "feature_extractor", None), "conv_layers", []))
