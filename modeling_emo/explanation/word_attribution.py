"""What each text token contributed to a prediction: integrated gradients over the token embeddings."""

from __future__ import annotations

import inspect

import torch

from ..modeling_outputs import EncodedSequence
from .explained_value import ExplainedPrediction
from .integrated_gradients import Contributions, captum_attributions


# Positions (text tokens and speech frames) that one pass may hold: bounds the memory of long inputs.
MAX_POSITIONS = 8192


def attribute_tokens(
    prediction: ExplainedPrediction,
    input_ids: torch.Tensor,
    special: torch.Tensor,
    *,
    pad_token_id: int,
    num_steps: int = 32,
) -> Contributions:
    """Integrates the gradient of the explained value from padding to the text; the voice stays as it is.

    Every word embedding moves on a straight line from the padding token's embedding to its own; special tokens do not
    move. The contributions add up to the difference that the words make (completeness).

    Args:
        prediction ([`ExplainedPrediction`]): what is explained.
        input_ids (`torch.LongTensor` of shape `(1, tokens)`): the text, without padding.
        special (`torch.BoolTensor` of shape `(tokens,)`): True for special tokens.
        pad_token_id (`int`): the tokenizer's padding token.
        num_steps (`int`, defaults to 32): points of the Gauss-Legendre integration.

    Raises:
        ValueError: the text encoder takes no embeddings, or `num_steps` is below 1.
        ImportError: captum is not installed.

    Source: Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks", arXiv 1703.01365.
    """
    integrated_gradients = captum_attributions().IntegratedGradients
    encoder = prediction.model.emobert.text_encoder
    if "inputs_embeds" not in inspect.signature(encoder.forward).parameters:
        raise ValueError(f"{type(encoder).__name__} takes no `inputs_embeds`, so its words cannot be explained.")
    if num_steps < 1:
        raise ValueError(f"num_steps={num_steps} must be at least 1; 32 is a good start.")

    def values_of(embeddings: torch.Tensor) -> torch.Tensor:
        """`(rows, tokens, size)` to the explained value `(rows,)`."""
        ones = torch.ones(embeddings.shape[:2], dtype=torch.long, device=embeddings.device)
        states = encoder(inputs_embeds=embeddings, attention_mask=ones).last_hidden_state
        return prediction.value_with_text(EncodedSequence.of_states(states, None))

    embed = encoder.get_input_embeddings()
    with torch.no_grad():
        embeddings = embed(input_ids)
        padding = embed(torch.full_like(input_ids, pad_token_id))
    baseline = torch.where(special[None, :, None], embeddings, padding)
    frames = 0 if prediction.speech is None else prediction.speech.hidden_states.shape[1]
    contributions = integrated_gradients(values_of).attribute(
        embeddings,
        baselines=baseline,
        n_steps=num_steps,
        internal_batch_size=max(1, MAX_POSITIONS // (input_ids.shape[1] + frames)),
    )
    with torch.no_grad():
        baseline_value = float(values_of(baseline))
    values = contributions.float().cpu().double().sum(-1)[0].numpy()
    return Contributions(values, baseline_value, float(values.sum()) - (prediction.value - baseline_value))
