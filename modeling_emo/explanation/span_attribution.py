"""What each time span of a recording contributed to a prediction: its fall without the span, or gradients' shares."""

from __future__ import annotations

import numpy as np
import torch

from ..encoders.families import family_of
from ..modeling_emobert import EmoBertForSequenceClassification
from .explained_value import ExplainedPrediction
from .integrated_gradients import Contributions, captum_attributions
from .timed_speech import TimedSpeech


def silence_spans(
    prediction: ExplainedPrediction,
    speech: TimedSpeech,
    edges: np.ndarray,
    *,
    batch_size: int = 16,
) -> Contributions:
    """Silences one span after the other (occlusion); the text stays as it is.

    Silence is 0 in a waveform and each bin's lowest value in log-mel features; speech token ids are hidden from the
    encoder by its mask. Gradients were tried and are less faithful for speech, see docs/explanation.md.

    Args:
        prediction ([`ExplainedPrediction`]): what is explained.
        speech ([`TimedSpeech`]): its voice.
        edges (`array` of shape `(spans + 1,)`): borders of the spans in seconds.
        batch_size (`int`, defaults to 16): silenced versions that are encoded at once.

    Returns:
        [`Contributions`]: the explained value minus that without the span. Each is a change of its own; they do not
        add up.

    Raises:
        ValueError: `batch_size` is below 1.

    Source: Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks", arXiv 1311.2901, section
    4.2.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size} must be at least 1.")
    model, spans = prediction.model, span_positions(speech, edges)
    changes: list[float] = []
    for first in range(0, len(spans), batch_size):
        values, mask = _silenced(model, speech, spans[first : first + batch_size])
        with torch.no_grad():
            without = prediction.value_with_speech(model.emobert.encode_speech(values, mask))
        changes += (prediction.value - without.cpu().double()).tolist()
    return Contributions(np.array(changes))


def integrate_spans(
    prediction: ExplainedPrediction,
    speech: TimedSpeech,
    edges: np.ndarray,
    *,
    num_steps: int = 32,
    batch_size: int = 16,
) -> Contributions:
    """Integrates the gradient of the explained value from silence to the recording; the text stays as it is.

    The contributions add up to the difference that the voice makes (completeness). For speech they are less faithful
    than silencing one span after the other, see docs/explanation.md.

    Args:
        prediction ([`ExplainedPrediction`]): what is explained.
        speech ([`TimedSpeech`]): its voice, a waveform or log-mel features.
        edges (`array` of shape `(spans + 1,)`): borders of the spans in seconds.
        num_steps (`int`, defaults to 32): points of the Gauss-Legendre integration.
        batch_size (`int`, defaults to 16): points that are encoded at once.

    Raises:
        ValueError: the model hears token ids, which have no gradient, or `num_steps` is below 1.
        ImportError: captum is not installed.

    Source: Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks", arXiv 1703.01365.
    """
    model = prediction.model
    if model.emobert.speech_tokenizer is not None or not speech.values.is_floating_point():
        raise ValueError("Speech token ids have no gradient: pass span_method='silencing'.")
    if num_steps < 1:
        raise ValueError(f"num_steps={num_steps} must be at least 1; 32 is a good start.")
    integrated_gradients = captum_attributions().IntegratedGradients

    def values_of(inputs: torch.Tensor) -> torch.Tensor:
        """`(rows, ...)` to the explained value `(rows,)`."""
        mask = speech.mask.expand(len(inputs), -1)
        return prediction.value_with_speech(model.emobert.encode_speech(inputs, mask))

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
    return Contributions(values, baseline_value, float(values.sum()) - (prediction.value - baseline_value))


def span_positions(speech: TimedSpeech, edges: np.ndarray) -> list[tuple[int, int]]:
    """First and last position, exclusive, of each span among the samples, frames or ids of the speech input.

    Args:
        speech ([`TimedSpeech`]): the speech input.
        edges (`array` of shape `(spans + 1,)`): borders of the spans in seconds.
    """
    borders = np.rint(speech.scale.positions(edges)).astype(int).clip(0, speech.length).tolist()
    return list(zip(borders[:-1], borders[1:], strict=True))


def silence_of(model: EmoBertForSequenceClassification, speech: TimedSpeech) -> torch.Tensor:
    """The same recording silenced: zeros, or each bin's lowest value in it; padding stays as it is.

    Args:
        model ([`EmoBertForSequenceClassification`]): whose speech encoder tells how log-mel features lie.
        speech ([`TimedSpeech`]): a waveform `(1, samples)` or log-mel features.

    Returns:
        `torch.Tensor` of the shape of `speech.values`.
    """
    silenced = speech.values.clone()
    time_axis = 2 if has_bins_first(model) else 1
    heard = silenced.narrow(time_axis, 0, speech.length)
    heard.copy_(torch.zeros_like(heard) if heard.dim() == 2 else heard.amin(time_axis, keepdim=True))
    return silenced


def has_bins_first(model: EmoBertForSequenceClassification) -> bool:
    """True where log-mel features are `(batch, bins, frames)`, as Whisper's are."""
    return family_of(model.config.speech_config).bins_first


def _silenced(
    model: EmoBertForSequenceClassification, speech: TimedSpeech, spans: list[tuple[int, int]]
) -> tuple[torch.Tensor, torch.Tensor]:
    """One row for each span `[start, end)` of positions, without it."""
    values = speech.values.repeat(len(spans), *[1] * (speech.values.dim() - 1))
    mask = speech.mask.repeat(len(spans), 1)
    for row, (start, end) in enumerate(spans):
        if values.is_floating_point():
            positions = (..., slice(start, end)) if values.dim() == 2 or has_bins_first(model) else slice(start, end)
            values[row][positions] = silence_of(model, speech)[0][positions]
        elif int(mask[row].sum()) > end - start:  # else nothing would be left to encode
            mask[row, start:end] = 0
    return values, mask
