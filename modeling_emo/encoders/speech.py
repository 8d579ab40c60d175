"""Running speech encoders so that a clip's result does not depend on its batch.

Convolutional speech encoders shorten the sequence, so a mask over samples has to become a mask over frames.
"""

from __future__ import annotations

import contextlib

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from ..modalities import has_values
from .families import family_of
from .frames import Convolution, adapter_convolutions, frames_after, positions_for
from .ids import encode_ids
from .length_aware import clip_lengths
from .own_length import hears_padding, whole_length
from .packed_layers import HOOKS_RUN_AGAIN, packed_layers
from .packing import Packing, packing_for


SPEECH_INPUTS = ("speech_input_ids", "input_values", "input_features")


def speech_input_name(encoder: PreTrainedModel) -> str:
    """The argument of EmoBERT's forward that this speech encoder eats, one of `SPEECH_INPUTS`."""
    name = encoder.main_input_name
    return "speech_input_ids" if name == "input_ids" else name


def encode_speech(
    encoder: PreTrainedModel,
    inputs: torch.Tensor,
    attention_mask: torch.Tensor | None,
    of_layers: bool = False,
    *,
    packing: bool = True,
    **kwargs,
) -> tuple[torch.Tensor, torch.Tensor, BaseModelOutput]:
    """Runs a speech encoder.

    Args:
        encoder (`PreTrainedModel`): prepared as its family's row says.
        inputs (`torch.Tensor`): token ids `(batch, length)`, samples `(batch, samples)` at 16 kHz or log-mel features
            as the encoder's feature extractor makes them. What lies behind a clip's end does not matter, but for an
            encoder of fixed length (Whisper) that was not told to hear the clip alone ([`set_own_length`]).
        attention_mask (`torch.Tensor` of shape `(batch, length)`, *optional*): 1 where the input is valid; padding is
            on the right.
        of_layers (`bool`, defaults to `False`): return the mask of the frames of its transformer layers. It differs
            where an encoder squeezes the sequence for them (SEW).
        packing (`bool`, defaults to `True`): compute nothing for the padding in the transformer layers, where
            [`packing_for`] finds a way. The states of the padding are then zeros, or what an adapter makes of them.
        kwargs: `output_hidden_states`, `output_attentions`.

    Returns:
        The last hidden state `(batch, frames, hidden)`, the mask of the valid frames `(batch, frames)`, and the
        encoder's whole output.
    """
    family = family_of(encoder.config)
    if attention_mask is None:
        attention_mask = _full_mask(encoder, inputs)
    if family.input_name == "input_ids":
        output = encode_ids(encoder, inputs, attention_mask, packing=packing, **kwargs)
        return output.last_hidden_state, attention_mask.bool(), output
    # Before a clip that is too short is lengthened: what it is lengthened by must be silence.
    inputs = inputs if hears_padding(encoder) else _without_padding(inputs, attention_mask, family.bins_first)
    if family.fixed_length and not hears_padding(encoder):
        inputs, attention_mask = whole_length(encoder, inputs, attention_mask)
    inputs, attention_mask = _long_enough(encoder, inputs, attention_mask)
    lengths = attention_mask.sum(-1)
    frames = speech_frames(encoder, lengths)
    packed = _packing(encoder, lengths, attention_mask.shape[1], kwargs.get("output_attentions")) if packing else None
    with clip_lengths(lengths), contextlib.nullcontext() if packed is None else packed_layers(packed):
        output = encoder(
            **{family.input_name: inputs.to(encoder.dtype)},
            attention_mask=family.encoder_mask(encoder, attention_mask, frames),
            return_dict=True,
            **_no_mask_where_none_fits(encoder, attention_mask),
            **kwargs,
        )
    if packed is not None:
        output = packed.unpack_output(output)
    hidden_states = output.last_hidden_state
    num_frames = hidden_states.shape[1]
    if of_layers:
        squeeze = family.squeeze(encoder.config)
        frames, num_frames = frames // squeeze, output.hidden_states[0].shape[1]
    mask = torch.arange(num_frames, device=hidden_states.device) < frames[:, None]
    return hidden_states, mask, output


def speech_frames(encoder: PreTrainedModel, lengths: torch.Tensor) -> torch.Tensor:
    """Valid frames `(batch,)` that an encoder makes of clips of `lengths` samples or feature frames `(batch,)`."""
    family = family_of(encoder.config)
    frames = frames_after(family.convolutions(encoder), lengths)
    squeeze = family.squeeze(encoder.config)
    if squeeze > 1:  # what is left over has no frame of its own
        frames = frames // squeeze * squeeze
    return frames_after(adapter_convolutions(encoder), frames)


def min_samples(encoder: PreTrainedModel) -> int:
    """Samples, or feature frames, that an encoder needs for one frame."""
    family = family_of(encoder.config)
    frames = max(positions_for(adapter_convolutions(encoder), 1), family.squeeze(encoder.config))
    return positions_for(family.convolutions(encoder), frames)


def convolutions(encoder: PreTrainedModel) -> list[Convolution]:
    """Each convolution between samples and frames."""
    return [*family_of(encoder.config).convolutions(encoder), *adapter_convolutions(encoder)]


def _packing(
    encoder: PreTrainedModel, lengths: torch.Tensor, padded_length: int, output_attentions: bool | None
) -> Packing | None:
    """How to pack what the transformer layers get of clips of these lengths."""
    family = family_of(encoder.config)
    again = HOOKS_RUN_AGAIN and encoder.training and encoder.is_gradient_checkpointing
    if family.packing != "states" or again or not has_values(lengths):
        return None
    squeeze = family.squeeze(encoder.config)
    frames = frames_after(family.convolutions(encoder), lengths) // squeeze
    longest = int(frames_after(family.convolutions(encoder), torch.tensor(padded_length))) // squeeze
    return packing_for(encoder, frames, longest, output_attentions=output_attentions)


def _long_enough(
    encoder: PreTrainedModel, inputs: torch.Tensor, attention_mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Counts the silence after a clip that is shorter than one frame as part of it, so that it has one frame."""
    shortest = min_samples(encoder)
    if shortest == 1 or family_of(encoder.config).fixed_length:
        return inputs, attention_mask
    missing = max(0, shortest - attention_mask.shape[1])
    inputs = nn.functional.pad(inputs, (0, missing) if inputs.dim() == 2 else (0, 0, 0, missing))
    attention_mask = nn.functional.pad(attention_mask, (0, missing))
    return inputs, attention_mask.bool() | (
        torch.arange(attention_mask.shape[1], device=attention_mask.device) < shortest
    )


def _no_mask_where_none_fits(encoder: PreTrainedModel, attention_mask: torch.Tensor) -> dict[str, torch.Tensor]:
    """Leaves SpecAugment (arXiv 1904.08779) out of a batch of training that is shorter than one of its masks, which
    could not be drawn."""
    if not encoder.training or not getattr(encoder.config, "mask_time_prob", 0) > 0:
        return {}
    family = family_of(encoder.config)
    rows, length = attention_mask.shape
    num_frames = int(frames_after(family.convolutions(encoder), torch.tensor(length)))
    if family.fixed_length or num_frames >= encoder.config.mask_time_length:
        return {}
    none = torch.zeros((rows, num_frames), dtype=torch.bool, device=attention_mask.device)
    return {"mask_time_indices": none}


def _without_padding(inputs: torch.Tensor, attention_mask: torch.Tensor, bins_first: bool) -> torch.Tensor:
    """Silence in the place of whatever lies behind a clip, so that nothing there can matter."""
    padding = ~attention_mask.bool()
    if inputs.dim() == 3:
        padding = padding[:, None] if bins_first else padding[..., None]
    return inputs.masked_fill(padding, 0)


def _full_mask(encoder: PreTrainedModel, inputs: torch.Tensor) -> torch.Tensor:
    time_axis = 2 if family_of(encoder.config).bins_first else 1
    return inputs.new_ones((inputs.shape[0], inputs.shape[time_axis]), dtype=torch.long)
