"""Running text encoders so that a text's result does not depend on its batch."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from configuration_emo.encoder_layers import chosen_layers

from .context import context_beside_text
from .families import family_of
from .ids import encode_ids


def encode_text(
    encoder: PreTrainedModel,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    layers: int | list[int] | None = None,
    separator_id: int | None = None,
    packing: bool = True,
    **kwargs,
) -> tuple[torch.Tensor, torch.Tensor, BaseModelOutput]:
    """Runs a text encoder.

    Args:
        encoder (`PreTrainedModel`): any that [`check_encoder`] accepts.
        input_ids (`torch.LongTensor` of shape `(batch, length)`): token ids.
        attention_mask (`torch.Tensor` of shape `(batch, length)`, *optional*): 1 where the text is valid.
        layers (`int` or `list[int]`, *optional*): these hidden states side by side in the place of the last one.
        separator_id (`int`, *optional*): keeps the context apart, see [`context_beside_text`].
        packing (`bool`, defaults to `True`): see [`encode_ids`].
        kwargs: `output_hidden_states`, `output_attentions`.

    Returns:
        The text's states `(batch, length, hidden)`, their mask `(batch, length)`, and the encoder's whole output.
    """
    if attention_mask is None:
        attention_mask = torch.ones_like(input_ids)
    if layers is not None:
        kwargs["output_hidden_states"] = True
    if family_of(encoder.config).row_by_row:
        states, mask, output = _row_by_row(encoder, input_ids, attention_mask, kwargs)
    else:
        output = encode_ids(encoder, input_ids, attention_mask, packing=packing, **kwargs)
        states, mask = output.last_hidden_state, attention_mask.bool()
    if layers is not None:
        hidden: Any = output.hidden_states
        states = torch.cat([hidden[layer] for layer in chosen_layers(layers)], dim=-1)
    if separator_id is not None:
        states, mask = context_beside_text(states, input_ids, mask, separator_id)
    return states, mask, output


def _row_by_row(
    encoder: PreTrainedModel, input_ids: torch.Tensor, attention_mask: torch.Tensor, kwargs: dict
) -> tuple[torch.Tensor, torch.Tensor, BaseModelOutput]:
    """Each text alone, cut to its own length; then padded with zeros to the longest."""
    positions = torch.arange(1, attention_mask.shape[1] + 1, device=attention_mask.device)
    lengths = (positions * attention_mask.bool()).amax(1).tolist()
    rows = []
    for row, length in enumerate(lengths):
        one = slice(row, row + 1)
        ids, mask = input_ids[one, :length], attention_mask[one, :length].long()
        rows.append(encoder(input_ids=ids, attention_mask=mask, return_dict=True, **kwargs))
    states = _padded([row.last_hidden_state for row in rows])
    mask = torch.zeros(states.shape[:2], dtype=torch.bool, device=states.device)
    for row, length in enumerate(lengths):
        mask[row, :length] = attention_mask[row, :length].bool()
    output = BaseModelOutput(last_hidden_state=states)
    if rows[0].get("hidden_states") is not None:
        output["hidden_states"] = tuple(map(_padded, zip(*(row.hidden_states for row in rows), strict=True)))
    if rows[0].get("attentions") is not None:
        output["attentions"] = tuple(map(_padded_square, zip(*(row.attentions for row in rows), strict=True)))
    return states, mask, output


def _padded(states) -> torch.Tensor:
    """`(1, length, hidden)` each to `(batch, longest, hidden)`."""
    return pad_sequence([state[0] for state in states], batch_first=True)


def _padded_square(weights) -> torch.Tensor:
    """`(1, heads, length, length)` each to `(batch, heads, longest, longest)`."""
    longest = max(weight.shape[-1] for weight in weights)
    return torch.cat([torch.nn.functional.pad(weight, (0, longest - weight.shape[-1]) * 2) for weight in weights])
