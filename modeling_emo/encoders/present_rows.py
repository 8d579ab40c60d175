"""Encoding the rows of a batch that have a modality, and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import distributed
from transformers import PreTrainedModel
from transformers.integrations import is_deepspeed_zero3_enabled, is_fsdp_managed_module

from ..modalities import has_values
from ..modeling_outputs import EncodedSequence


def encode_present_rows(
    encode: Callable[..., EncodedSequence],
    encoder: PreTrainedModel,
    inputs: torch.Tensor,
    mask: torch.Tensor | None,
    present: torch.Tensor,
    **requested: Any,
) -> EncodedSequence | None:
    """Encodes one modality of a batch.

    All rows are encoded in a trace, and where processes hold parts of the weights and have to run the same layers.

    Args:
        encode (`Callable`): inputs `(batch, ...)`, mask and what is requested to an [`EncodedSequence`].
        encoder (`PreTrainedModel`): what `encode` runs.
        inputs (`torch.Tensor` of shape `(batch, ...)`): what it eats.
        mask (`torch.Tensor` of shape `(batch, length)`, *optional*): 1 where valid; full in rows that are not present.
        present (`torch.Tensor` of shape `(batch,)`): True for the rows that have the modality.
        requested: `output_hidden_states`, `output_attentions`.

    Returns:
        [`EncodedSequence`], with zeros and an empty mask in rows that are not present; None where no row is. With
        gradients one row is then encoded all the same, so that every weight has one: of zeros.
    """
    if mask is None or not has_values(present) or present.all() or _in_step_with_others(encoder):
        return encode(inputs, mask, **requested)
    rows = present.nonzero().squeeze(1)
    if len(rows) == 0:
        if not torch.is_grad_enabled():
            return None
        rows = rows.new_zeros(1)
    return encode(inputs[rows], mask[rows], **requested).spread(rows, len(present))


def _in_step_with_others(encoder: PreTrainedModel) -> bool:
    """Whether other processes wait for every layer of this encoder to run."""
    if is_deepspeed_zero3_enabled():
        return True
    is_distributed = distributed.is_available() and distributed.is_initialized()
    return is_distributed and any(map(is_fsdp_managed_module, encoder.modules()))
