"""What each text token contributed to a prediction: integrated gradients over the token embeddings."""

from __future__ import annotations

import inspect

import torch

from ..modeling_emobert import EmoBertForSequenceClassification
from ..modeling_outputs import EncodedSequence
from .explained_value import explained_value
from .integrated_gradients import Contributions, captum_attributions


# Positions (text tokens and speech frames) that one pass may hold: bounds the memory of long inputs.
MAX_POSITIONS = 8192


def attribute_tokens(
    model: EmoBertForSequenceClassification,
    input_ids: torch.Tensor,
    special: torch.Tensor,
    speech: EncodedSequence | None,
    *,
    label: int,
    value: float,
    pad_token_id: int,
    num_steps: int = 32,
) -> Contributions:
    """Integrates the gradient of the explained value from padding to the text; the voice stays as it is.

    Every word embedding moves on a straight line from the padding token's embedding to its own; special tokens do not
    move. The contributions add up to the difference that the words make (completeness).

    Args:
        model ([`EmoBertForSequenceClassification`]): in evaluation mode.
        input_ids (`torch.LongTensor` of shape `(1, tokens)`): the text, without padding.
        special (`torch.BoolTensor` of shape `(tokens,)`): True for special tokens.
        speech ([`EncodedSequence`], *optional*): the encoded voice, without gradient.
        label (`int`): whose value is explained.
        value (`float`): the model's own explained value of this input.
        pad_token_id (`int`): the tokenizer's padding token.
        num_steps (`int`, defaults to 32): points of the Gauss-Legendre integration.

    Raises:
        ValueError: the text encoder takes no embeddings, or `num_steps` is below 1.
        ImportError: captum is not installed.

    Source: Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks", arXiv 1703.01365.
    """
    integrated_gradients = captum_attributions().IntegratedGradients
    base = model.emobert
    if "inputs_embeds" not in inspect.signature(base.text_encoder.forward).parameters:
        raise ValueError(
            f"{type(base.text_encoder).__name__} takes no `inputs_embeds`, so its words cannot be explained."
        )
    if num_steps < 1:
        raise ValueError(f"num_steps={num_steps} must be at least 1; 32 is a good start.")

    def values_of(embeddings: torch.Tensor) -> torch.Tensor:
        """`(rows, tokens, size)` to the explained value `(rows,)`."""
        ones = torch.ones(embeddings.shape[:2], dtype=torch.long, device=embeddings.device)
        states = base.text_encoder(inputs_embeds=embeddings, attention_mask=ones).last_hidden_state
        text = EncodedSequence.of_states(states, None)
        return explained_value(fused_logits(model, text, speech), label, model.config)

    embed = base.text_encoder.get_input_embeddings()
    with torch.no_grad():
        embeddings = embed(input_ids)
        padding = embed(torch.full_like(input_ids, pad_token_id))
    baseline = torch.where(special[None, :, None], embeddings, padding)
    frames = 0 if speech is None else speech.hidden_states.shape[1]
    contributions = integrated_gradients(values_of).attribute(
        embeddings,
        baselines=baseline,
        n_steps=num_steps,
        internal_batch_size=max(1, MAX_POSITIONS // (input_ids.shape[1] + frames)),
    )
    with torch.no_grad():
        baseline_value = float(values_of(baseline))
    values = contributions.float().cpu().double().sum(-1)[0].numpy()
    return Contributions(values, baseline_value, float(values.sum()) - (value - baseline_value))


def fused_logits(
    model: EmoBertForSequenceClassification, text: EncodedSequence | None, speech: EncodedSequence | None
) -> torch.Tensor:
    """Logits of encoded rows.

    Args:
        model ([`EmoBertForSequenceClassification`]): the classifier.
        text, speech ([`EncodedSequence`] of `rows` rows, or of one row for all, *optional*): None where absent.

    Returns:
        `torch.Tensor` of shape `(rows, num_labels[, 2])`.
    """
    rows = max(len(sequence.mask) for sequence in (text, speech) if sequence is not None)
    present = torch.ones(rows, dtype=torch.bool, device=model.device)
    outputs = model.emobert.fuse(
        _repeated(text, rows),
        _repeated(speech, rows),
        present if text is not None else ~present,
        present if speech is not None else ~present,
    )
    return model._logits(outputs["pooler_output"])


def _repeated(sequence: EncodedSequence | None, rows: int) -> EncodedSequence | None:
    if sequence is None or len(sequence.mask) == rows:
        return sequence
    states = sequence.hidden_states
    return EncodedSequence(states.expand(rows, *states.shape[1:]), sequence.mask.expand(rows, -1))
