"""What EmoBERT's models return, and what an encoder made of one modality."""

from dataclasses import dataclass
from typing import Any

import torch
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils import ModelOutput


@dataclass
class EmoBertModelOutput(ModelOutput):
    """Output of [`EmoBertModel`]; what belongs to an absent modality is None.

    Args:
        pooler_output (`torch.Tensor` of shape `(batch, text_pooled_size + speech_pooled_size)`): the fused vector.
        text_last_hidden_state (`torch.Tensor` of shape `(batch, text_length, text_hidden_size)`): the text sequence
            as it enters the fusion: a row without text holds its stand-in at position 0.
        speech_last_hidden_state (`torch.Tensor` of shape `(batch, frames, speech_hidden_size)`): the same for speech,
            of the configured layer or layer mix.
        text_to_speech (`torch.Tensor` of shape `(batch, text_pooled_size)`, co-attention only): the text's vector
            after it looked at the speech (t2a).
        speech_to_text (`torch.Tensor` of shape `(batch, speech_pooled_size)`, co-attention only): the speech's vector
            after it looked at the text (a2t).
        co_attentions (`tuple` of 2 x layers tensors, with `output_attentions=True`): first the text's weights over
            speech positions `(batch, heads, frames)` of each layer, then the speech's over text positions
            `(batch, heads, text_length)`.
        text_only_pooler_output, speech_only_pooler_output (`torch.Tensor`, with `output_unimodal=True`): the fused
            vector as it would be if the other modality were missing in every row.
        has_text, has_speech (`torch.Tensor` of shape `(batch,)`, with `output_unimodal=True`): True for the rows that
            have the modality, for which alone that vector says something.
        hidden_states, attentions (`tuple`, on request): of the text encoder.
        speech_hidden_states, speech_attentions (`tuple`, on request): of the speech encoder.
    """

    pooler_output: torch.Tensor | None = None
    text_last_hidden_state: torch.Tensor | None = None
    speech_last_hidden_state: torch.Tensor | None = None
    text_to_speech: torch.Tensor | None = None
    speech_to_text: torch.Tensor | None = None
    co_attentions: tuple[torch.Tensor, ...] | None = None
    text_only_pooler_output: torch.Tensor | None = None
    speech_only_pooler_output: torch.Tensor | None = None
    has_text: torch.Tensor | None = None
    has_speech: torch.Tensor | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None
    speech_hidden_states: tuple[torch.Tensor, ...] | None = None
    speech_attentions: tuple[torch.Tensor, ...] | None = None


@dataclass
class LossAndLogits(ModelOutput):
    """What every classifier of Transformers returns first."""

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None


@dataclass
class EmoBertSequenceClassifierOutput(EmoBertModelOutput, LossAndLogits):
    """Output of [`EmoBertForSequenceClassification`]: `loss` and `logits` first, then that of [`EmoBertModel`].

    Args:
        loss (`torch.Tensor` of shape `()`, with `labels`): the loss of `config.problem_type`.
        logits (`torch.Tensor` of shape `(batch, num_labels)`, or `(batch, num_labels, 2)` for
            `one_vs_rest_classification`): scores before softmax or sigmoid; for regression the predicted scores.
    """


@dataclass
class EncodedSequence:
    """What an encoder made of one modality.

    Args:
        hidden_states (`torch.Tensor` of shape `(batch, length, hidden)`, or `(batch, length, states, hidden)` for a
            layer mix).
        mask (`torch.Tensor` of shape `(batch, length)`): True where valid.
        encoder_output (`ModelOutput`, *optional*): all that the encoder returned.
    """

    hidden_states: torch.Tensor
    mask: torch.Tensor
    encoder_output: ModelOutput | None = None

    @classmethod
    def of_states(cls, states: torch.Tensor, mask: torch.Tensor | None) -> "EncodedSequence":
        """Of states that were encoded before; without a mask all of them are valid."""
        return cls(states, states.new_ones(states.shape[:2], dtype=torch.bool) if mask is None else mask.bool())

    def spread(self, rows: torch.Tensor, batch_size: int) -> "EncodedSequence":
        """The same for a batch of which these were some rows, with zeros and an empty mask in the others.

        Args:
            rows (`torch.LongTensor` of shape `(len(hidden_states),)`): where in the batch they are.
            batch_size (`int`): rows of the batch.
        """

        def spread(part: torch.Tensor | None) -> torch.Tensor | None:
            return None if part is None else part.new_zeros((batch_size, *part.shape[1:])).index_copy(0, rows, part)

        mask = torch.zeros((batch_size, self.mask.shape[1]), dtype=torch.bool, device=self.mask.device)
        mask[rows] = self.mask
        output: Any = BaseModelOutput()
        for name in ("hidden_states", "attentions"):
            parts = self.get(name)
            if parts is not None:
                output[name] = tuple(map(spread, parts))
        hidden_states: Any = spread(self.hidden_states)
        return EncodedSequence(hidden_states, mask, output)

    def get(self, name: str) -> tuple[torch.Tensor, ...] | None:
        """The encoder's `hidden_states` or `attentions`, None where there are none."""
        return None if self.encoder_output is None else self.encoder_output.get(name)
