"""Rows of different lengths one behind the other in one row, so that nothing is computed for padding."""

from __future__ import annotations

from functools import cached_property
from itertools import accumulate
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from ..modalities import has_values
from .families import family_of
from .segment_attention import NAME, teach_segments


class Packing:
    """The lengths of the rows of a batch, and tensors of the batch in one row and back.

    Args:
        lengths (sequence of `int`): valid positions at the start of each row.
        device (`torch.device`): of the tensors.

    Example:

    ```python
    >>> packing = Packing([1, 3], torch.device("cpu"))
    >>> packing.pack(torch.tensor([[4, 0, 0], [5, 6, 7]]))
    tensor([[4, 5, 6, 7]])

    ```
    """

    def __init__(self, lengths: list[int], device: torch.device):
        self.lengths = lengths
        self.total = sum(lengths)
        self.device = device
        self.padded_length: int | None = None
        self._places = torch.empty(0)

    def pack(self, batch: torch.Tensor) -> torch.Tensor:
        """`(batch, length, ...)`, or `(1, length, ...)` for all rows alike, to `(1, total, ...)`."""
        places = self._places_in(batch.shape[1])
        if batch.shape[0] == 1:
            places = places % batch.shape[1]
        return batch.flatten(0, 1).index_select(0, places)[None]

    def unpack(self, row: torch.Tensor, padded_length: int, times: int = 1) -> torch.Tensor:
        """`(1, total * times, ...)` to `(batch, padded_length * times, ...)`, with zeros in the padding.

        Args:
            row (`torch.Tensor`): what was computed; positions behind the last are left out.
            padded_length (`int`): positions of each row.
            times (`int`, defaults to 1): into so many of them each position was taken apart.
        """
        parts = row[0, : self.total * times].unflatten(0, (self.total, times))
        batch = parts.new_zeros((len(self.lengths) * padded_length, *parts.shape[1:]))
        batch = batch.index_copy(0, self._places_in(padded_length), parts)
        return batch.unflatten(0, (len(self.lengths), padded_length)).flatten(1, 2)

    def is_packed(self, states: torch.Tensor) -> bool:
        """Whether states are in one row, `(1, total, ...)`."""
        return tuple(states.shape[:2]) == (1, self.total)

    @cached_property
    def attention_arguments(self) -> dict[str, Any]:
        """What keeps the rows apart: the keywords of FlashAttention's kernels for rows of different lengths, as
        Transformers names them, and that of [`attend_within_segments`]."""
        ends = torch.tensor([0, *accumulate(self.lengths)], dtype=torch.int32, device=self.device)
        longest = max(self.lengths)
        return {
            "cu_seq_lens_q": ends,
            "cu_seq_lens_k": ends,
            "max_length_q": longest,
            "max_length_k": longest,
            "segment_lengths": self.lengths,
        }

    def unpack_output(self, output: Any) -> Any:
        """What an encoder returned for the whole row, `last_hidden_state` and `hidden_states`, as a batch: a
        `BaseModelOutput`."""
        states = output.get("hidden_states")
        return BaseModelOutput(
            last_hidden_state=self._unpack_states(output.last_hidden_state),
            hidden_states=None if states is None else tuple(map(self._unpack_states, states)),
        )

    def _unpack_states(self, states: Any) -> Any:
        if states is None or not self.is_packed(states) or self.padded_length is None:
            return states
        return self.unpack(states, self.padded_length)

    def _places_in(self, padded_length: int) -> torch.Tensor:
        """Where each position of the row lies in a batch whose rows were put one behind the other with padding."""
        if padded_length != self.padded_length:
            rows = [torch.arange(length) + row * padded_length for row, length in enumerate(self.lengths)]
            self._places = torch.cat(rows).to(self.device)
            self.padded_length = padded_length
        return self._places


def packing_for(
    encoder: PreTrainedModel, lengths: torch.Tensor, padded_length: int, *, output_attentions: bool | None = False
) -> Packing | None:
    """How to leave the padding of a batch out, or None where the encoder has to run on the padded batch.

    It has to for families whose row does not say how, for attention that is neither `"sdpa"` nor FlashAttention, when
    attention weights are wanted, in a trace, and when there is no padding.

    Args:
        encoder (`PreTrainedModel`): the encoder.
        lengths (`torch.Tensor` of shape `(batch,)`): valid positions at the start of each row, at least one.
        padded_length (`int`): positions of each row.
        output_attentions (`bool`): whether attention weights are wanted.
    """
    config = encoder.config
    attention = config._attn_implementation or ""
    if (
        family_of(config).packing is None
        or not has_values(lengths)
        or output_attentions
        or config.output_attentions
        or getattr(config, "is_decoder", False)
        or (attention != NAME and not attention.startswith("flash_attention_"))
    ):
        return None
    sizes = lengths.tolist()
    if min(sizes) < 1 or min(sizes) == padded_length:
        return None
    teach_segments()
    return Packing(sizes, lengths.device)
