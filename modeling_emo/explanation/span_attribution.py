"""What each time span of a recording contributed to a prediction: how far the prediction falls without it."""

from __future__ import annotations

import numpy as np
import torch

from ..encoders.families import family_of
from ..modeling_emobert import EmoBertForSequenceClassification
from ..modeling_outputs import EncodedSequence
from .explained_value import explained_value
from .timed_speech import TimedSpeech
from .word_attribution import fused_logits


def attribute_spans(
    model: EmoBertForSequenceClassification,
    speech: TimedSpeech,
    edges: np.ndarray,
    text: EncodedSequence | None,
    *,
    label: int,
    value: float,
    batch_size: int = 16,
) -> np.ndarray:
    """Silences one span after the other (occlusion); the text stays as it is.

    Silence is 0 in a waveform and each bin's lowest value in log-mel features; speech token ids are hidden from the
    encoder by its mask. Gradients were tried and are less faithful for speech, see docs/explanation.md.

    Args:
        model ([`EmoBertForSequenceClassification`]): in evaluation mode.
        speech ([`TimedSpeech`]): the speech input.
        edges (`array` of shape `(spans + 1,)`): borders of the spans in seconds.
        text ([`EncodedSequence`], *optional*): the encoded text.
        label (`int`): whose value is explained.
        value (`float`): the explained value of the whole input.
        batch_size (`int`, defaults to 16): silenced versions that are encoded at once.

    Returns:
        `array` of shape `(spans,)`, float64: `value` minus the explained value without the span. Each is a change of
        its own; they do not add up.

    Raises:
        ValueError: `batch_size` is below 1.

    Source: Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks", arXiv 1311.2901, section
    4.2.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size} must be at least 1.")
    spans = span_positions(speech, edges)
    changes: list[float] = []
    for first in range(0, len(spans), batch_size):
        values, mask = _silenced(model, speech, spans[first : first + batch_size])
        with torch.no_grad():
            encoded = model.emobert.encode_speech(values, mask)
            without = explained_value(fused_logits(model, text, encoded), label, model.config)
        changes += (value - without.cpu().double()).tolist()
    return np.array(changes)


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
