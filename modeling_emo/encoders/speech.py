"""Running speech encoders so that a clip's result does not depend on its batch.

Convolutional speech encoders shorten the sequence, so a mask over samples has to become a mask over frames.
"""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedModel

from .length_aware_norm import clip_lengths


SPEECH_INPUTS = ("speech_input_ids", "input_values", "input_features")


def speech_input_name(encoder: PreTrainedModel) -> str:
    """The argument of EmoBERT's forward that this speech encoder eats, one of `SPEECH_INPUTS`."""
    name = encoder.main_input_name
    return "speech_input_ids" if name == "input_ids" else name


def encode_speech(
    encoder: PreTrainedModel, inputs: torch.Tensor, attention_mask: torch.Tensor | None, **kwargs
) -> tuple[torch.Tensor, torch.Tensor, dict]:
    """Runs a speech encoder.

    Args:
        encoder (`PreTrainedModel`): prepared by [`make_length_aware`].
        inputs (`torch.Tensor`): token ids `(batch, length)`, samples `(batch, samples)` at 16 kHz or log-mel features
            as the encoder's feature extractor makes them.
        attention_mask (`torch.Tensor` of shape `(batch, length)`, *optional*): 1 where the input is valid; padding is
            on the right.
        kwargs: `output_hidden_states`, `output_attentions`.

    Returns:
        The last hidden state `(batch, frames, hidden)`, the mask of its valid frames `(batch, frames)`, and the
        encoder's whole output.
    """
    name = encoder.main_input_name
    if attention_mask is None:
        attention_mask = _full_mask(encoder, inputs)
    if name == "input_ids":
        output = encoder(input_ids=inputs, attention_mask=attention_mask, **kwargs)
        return output.last_hidden_state, attention_mask.bool(), output
    if name == "input_features":
        output = _run_on_features(encoder, inputs, attention_mask, kwargs)
        frames = _feature_frames(encoder, attention_mask)
    else:
        inputs, attention_mask = _at_least_one_frame(encoder, inputs, attention_mask)
        lengths = attention_mask.sum(-1)
        frames = waveform_frames(encoder, lengths)
        with clip_lengths(lengths):
            output = encoder(
                input_values=inputs.to(encoder.dtype),
                attention_mask=_waveform_mask(encoder, attention_mask, frames),
                **kwargs,
            )
    hidden_states = output.last_hidden_state
    mask = torch.arange(hidden_states.shape[1], device=hidden_states.device) < frames[:, None]
    return hidden_states, mask, output


def waveform_frames(encoder: PreTrainedModel, lengths: torch.Tensor) -> torch.Tensor:
    """Frames `(batch,)` that the encoder makes of clips of `lengths` samples `(batch,)`."""
    for kernel_size, stride in convolutions(encoder):
        lengths = (lengths - kernel_size) // stride + 1
    return lengths


def min_samples(encoder: PreTrainedModel) -> int:
    """Samples that a waveform encoder needs for one frame."""
    samples = 1
    for kernel_size, stride in reversed(convolutions(encoder)):
        samples = (samples - 1) * stride + kernel_size
    return samples


def convolutions(encoder: PreTrainedModel) -> list[tuple[int, int]]:
    """Kernel size and stride of each convolution between samples and frames."""
    if encoder.config.model_type == "moonshine":
        layers = [encoder.conv1, encoder.conv2, encoder.conv3]
        return [(layer.kernel_size[0], layer.stride[0]) for layer in layers]
    config = encoder.config
    convolutions = list(zip(config.conv_kernel, config.conv_stride, strict=True))
    if getattr(config, "add_adapter", False):
        convolutions += [(1, config.adapter_stride)] * config.num_adapter_layers
    return convolutions


def _at_least_one_frame(
    encoder: PreTrainedModel, input_values: torch.Tensor, attention_mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Counts the silence after a clip that is shorter than one frame as part of it, so that it has one frame."""
    shortest = min_samples(encoder)
    missing = max(0, shortest - input_values.shape[1])
    input_values = nn.functional.pad(input_values, (0, missing))
    attention_mask = nn.functional.pad(attention_mask, (0, missing))
    return input_values, attention_mask.bool() | (
        torch.arange(attention_mask.shape[1], device=attention_mask.device) < shortest
    )


def _waveform_mask(encoder: PreTrainedModel, attention_mask: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
    """The mask over samples from which the encoder derives exactly `frames` valid frames."""
    if encoder.config.model_type != "moonshine":
        return attention_mask
    # Moonshine reads every 384th sample's mask, which would also keep frames that reach into the padding.
    hop = encoder.conv1.stride[0] * encoder.conv2.stride[0] * encoder.conv3.stride[0]
    return (torch.arange(attention_mask.shape[1], device=frames.device) < (frames * hop)[:, None]).long()


def _run_on_features(encoder, input_features, attention_mask, kwargs):
    input_features = input_features.to(encoder.dtype)
    if encoder.config.model_type == "whisper":  # always 30 s long; it looks at the silence too
        return encoder(input_features, **kwargs)
    return encoder(input_features, attention_mask=attention_mask, **kwargs)


def _feature_frames(encoder: PreTrainedModel, attention_mask: torch.Tensor) -> torch.Tensor:
    """Valid frames `(batch,)` for a mask over log-mel frames."""
    lengths = attention_mask.sum(-1)
    if encoder.config.model_type == "whisper":
        return (lengths + 1) // 2
    if encoder.config.model_type == "wav2vec2-bert" and not encoder.config.add_adapter:
        return lengths
    return encoder._get_feat_extract_output_lengths(lengths)


def _full_mask(encoder: PreTrainedModel, inputs: torch.Tensor) -> torch.Tensor:
    if encoder.config.model_type == "whisper":  # (batch, mel bins, frames)
        return inputs.new_ones((inputs.shape[0], inputs.shape[2]), dtype=torch.long)
    return inputs.new_ones(inputs.shape[:2], dtype=torch.long)
