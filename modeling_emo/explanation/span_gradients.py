"""What each time span of a recording contributed to a prediction, by gradients: contributions that add up."""

from __future__ import annotations

import numpy as np
import torch

from ..modeling_emobert import EmoBertForSequenceClassification
from ..modeling_outputs import EncodedSequence
from .explained_value import explained_value
from .integrated_gradients import Contributions, captum_attributions
from .span_attribution import has_bins_first, silence_of, span_positions
from .timed_speech import TimedSpeech
from .word_attribution import fused_logits


def integrate_spans(
    model: EmoBertForSequenceClassification,
    speech: TimedSpeech,
    edges: np.ndarray,
    text: EncodedSequence | None,
    *,
    label: int,
    value: float,
    num_steps: int = 32,
    batch_size: int = 16,
) -> Contributions:
    """Integrates the gradient of the explained value from silence to the recording; the text stays as it is.

    The contributions add up to the difference that the voice makes (completeness). For speech they are less faithful
    than silencing one span after the other, see docs/explanation.md.

    Args:
        model ([`EmoBertForSequenceClassification`]): in evaluation mode.
        speech ([`TimedSpeech`]): a waveform or log-mel features.
        edges (`array` of shape `(spans + 1,)`): borders of the spans in seconds.
        text ([`EncodedSequence`], *optional*): the encoded text, without gradient.
        label (`int`): whose value is explained.
        value (`float`): the explained value of the whole input.
        num_steps (`int`, defaults to 32): points of the Gauss-Legendre integration.
        batch_size (`int`, defaults to 16): points that are encoded at once.

    Raises:
        ValueError: the model hears token ids, which have no gradient, or `num_steps` is below 1.
        ImportError: captum is not installed.

    Source: Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks", arXiv 1703.01365.
    """
    if model.emobert.speech_tokenizer is not None or not speech.values.is_floating_point():
        raise ValueError("Speech token ids have no gradient: pass span_method='silencing'.")
    if num_steps < 1:
        raise ValueError(f"num_steps={num_steps} must be at least 1; 32 is a good start.")
    integrated_gradients = captum_attributions().IntegratedGradients

    def values_of(inputs: torch.Tensor) -> torch.Tensor:
        """`(rows, ...)` to the explained value `(rows,)`."""
        encoded = model.emobert.encode_speech(inputs, speech.mask.expand(len(inputs), -1))
        return explained_value(fused_logits(model, text, encoded), label, model.config)

    silence = silence_of(model, speech)
    contributions = integrated_gradients(values_of).attribute(
        speech.values, baselines=silence, n_steps=num_steps, internal_batch_size=batch_size
    )
    with torch.no_grad():
        baseline_value = float(values_of(silence))
    by_position = contributions[0].float().cpu().double()
    if by_position.dim() == 2:  # log-mel: (frames, bins), of Whisper (bins, frames)
        by_position = by_position.sum(0 if has_bins_first(model) else 1)
    spans = span_positions(speech, edges)
    values = np.array([float(by_position[start:end].sum()) for start, end in spans])
    return Contributions(values, baseline_value, float(values.sum()) - (value - baseline_value))
