"""Running encoders of token ids, with or without their padding."""

from __future__ import annotations

from typing import Any

import torch
from transformers import PreTrainedModel

from .families import family_of
from .packing import Packing, packing_for


def encode_ids(
    encoder: PreTrainedModel, ids: torch.Tensor, attention_mask: torch.Tensor, *, packing: bool = True, **kwargs: Any
) -> Any:
    """Runs an encoder of token ids.

    Args:
        encoder (`PreTrainedModel`): of text or of speech.
        ids (`torch.LongTensor` of shape `(batch, length)`): token ids.
        attention_mask (`torch.Tensor` of shape `(batch, length)`): 1 where they are valid.
        packing (`bool`, defaults to `True`): compute nothing for the padding where [`packing_for`] finds a way. The
            states of the padding are then zeros.
        kwargs: `output_hidden_states`, `output_attentions`.

    Returns:
        The encoder's output with `last_hidden_state` `(batch, length, hidden)`.
    """
    packed = _packing(encoder, attention_mask, kwargs.get("output_attentions")) if packing else None
    if packed is None:
        inputs = family_of(encoder.config).text_inputs(encoder, ids, attention_mask)
        return encoder(**inputs, attention_mask=attention_mask, return_dict=True, **kwargs)
    output = encoder(
        input_ids=packed.pack(ids),
        position_ids=packed.pack(_position_ids(encoder, ids)),
        return_dict=True,
        **packed.attention_arguments,
        **kwargs,
    )
    return packed.unpack_output(output)


def _packing(encoder: PreTrainedModel, mask: torch.Tensor, output_attentions: bool | None) -> Packing | None:
    if family_of(encoder.config).packing != "ids":
        return None
    mask = mask.bool()
    packed = packing_for(encoder, mask.sum(-1), mask.shape[1], output_attentions=output_attentions)
    if packed is not None and (mask[:, 1:] & ~mask[:, :-1]).any():  # padding that is not on the right
        return None
    return packed


def _position_ids(encoder: Any, ids: torch.Tensor) -> torch.Tensor:
    """The positions `(batch, length)` that the encoder itself gives to padded rows."""
    count = getattr(encoder.embeddings, "create_position_ids_from_input_ids", None)
    if count is not None:  # RoBERTa and its kin, from behind that of the padding on
        return count(ids, encoder.embeddings.padding_idx)
    return torch.arange(ids.shape[1], device=ids.device).expand(ids.shape)
