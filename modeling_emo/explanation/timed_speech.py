"""The speech of one utterance as the model gets it, and which second of it each position and each frame stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..encoders.families import family_of
from ..encoders.frames import Convolution
from ..encoders.speech import convolutions
from ..inference.processor_protocol import UtteranceProcessor
from ..modeling_emobert import EmoBertForSequenceClassification, EmoBertModel


# Samples between two frames of the Kaldi-style filter banks, whose extractors do not name it.
FILTER_BANK_HOP = 160


@dataclass(frozen=True)
class TimeScale:
    """Evenly spaced positions of a sequence on the time axis.

    Args:
        rate (`float`): positions per second.
        offset (`float`): the position at 0 s; position p covers the seconds `[(p - offset) / rate,
            (p + 1 - offset) / rate)`.
    """

    rate: float
    offset: float = 0.0

    def seconds(self, positions: Any) -> np.ndarray:
        """Where positions begin, in seconds."""
        return (np.asarray(positions, dtype=np.float64) - self.offset) / self.rate

    def positions(self, seconds: Any) -> np.ndarray:
        """The (fractional) positions at these seconds."""
        return np.asarray(seconds, dtype=np.float64) * self.rate + self.offset


@dataclass(frozen=True)
class TimedSpeech:
    """The speech of one utterance as the model gets it, on the time axis.

    Args:
        values (`torch.Tensor` of shape `(1, ...)`): waveform, log-mel features or token ids.
        mask (`torch.Tensor` of shape `(1, length)`): 1 where valid.
        duration_s (`float`): seconds that the model reads.
        scale ([`TimeScale`]): of the positions of `mask`.
    """

    values: torch.Tensor
    mask: torch.Tensor
    duration_s: float
    scale: TimeScale

    @property
    def length(self) -> int:
        """Valid positions."""
        return int(self.mask.sum())


def time_speech(values: torch.Tensor, mask: torch.Tensor, processor: UtteranceProcessor) -> TimedSpeech:
    """Puts what the processor made of a recording on the time axis.

    Args:
        values (`torch.Tensor` of shape `(1, samples)`, or of log-mel features): from the processor.
        mask (`torch.Tensor` of shape `(1, length)`): 1 for valid samples or feature frames.
        processor ([`EmoBertProcessor`]): its feature extractor knows the rates.
    """
    extractor = processor.feature_extractor
    rate = float(extractor.sampling_rate)
    if values.dim() == 3:  # log-mel; some extractors join `stride` frames into one
        rate /= getattr(extractor, "hop_length", FILTER_BANK_HOP) * getattr(extractor, "stride", 1)
    return TimedSpeech(values, mask, int(mask.sum()) / rate, TimeScale(rate))


def time_speech_ids(ids: torch.Tensor, special: torch.Tensor, tokens_per_s: float) -> TimedSpeech:
    """Puts ready-made speech token ids on the time axis.

    Args:
        ids (`torch.LongTensor` of shape `(1, length)`): without padding.
        special (`torch.BoolTensor` of shape `(length,)`): True for `<s>` and `</s>`.
        tokens_per_s (`float`): speech tokens of one second, 100 for vq-wav2vec.

    Raises:
        ValueError: `tokens_per_s` is not positive, or there is no token but special ones.
    """
    if not tokens_per_s > 0:
        raise ValueError(f"speech_tokens_per_s={tokens_per_s} must be positive; vq-wav2vec makes 100.")
    spoken = int((~special).sum())
    if spoken == 0:
        raise ValueError(f"speech_input_ids {ids[0].tolist()} holds special tokens only, no speech.")
    leading = int((~special).int().argmax())
    return TimedSpeech(ids, torch.ones_like(ids), spoken / tokens_per_s, TimeScale(tokens_per_s, leading))


def frame_scale(model: EmoBertModel, speech: TimedSpeech, num_frames: int) -> TimeScale:
    """When each frame of the encoded speech was heard: the middle hop of its receptive field.

    Args:
        model ([`EmoBertModel`]): whose speech encoder made the frames.
        speech ([`TimedSpeech`]): what it was given.
        num_frames (`int`): valid frames, special tokens included.
    """
    if speech.values.dim() == 3:
        return TimeScale(num_frames / speech.duration_s)
    if not speech.values.is_floating_point():
        return speech.scale
    leading = 0.0
    if model.speech_tokenizer is not None:
        config = model.speech_tokenizer.config
        layers = [Convolution(*sizes) for sizes in zip(config.conv_kernel, config.conv_stride, strict=True)]
        leading = 1.0  # <s>
    else:
        layers = convolutions(model.speech_encoder)
    hop, field = 1, 1  # samples
    for kernel_size, stride, _ in layers:
        field += (kernel_size - 1) * hop
        hop *= stride
    return TimeScale(speech.scale.rate / hop, leading - (field - hop) / 2 / hop)


def span_edges(duration_s: float, span_s: float, max_spans: int) -> np.ndarray:
    """Borders of equally long spans over a recording; the last one may be shorter.

    Args:
        duration_s (`float`): length of the recording in seconds.
        span_s (`float`): length of a span in seconds; it becomes a whole multiple of it where there would be more than
            `max_spans`.
        max_spans (`int`): most spans.

    Returns:
        `array` of shape `(spans + 1,)`, from 0 to `duration_s`.

    Raises:
        ValueError: `span_s` is not positive or `max_spans` is below 1.

    Example:
        >>> span_edges(0.25, 0.1, 100)
        array([0.  , 0.1 , 0.2 , 0.25])
    """
    if not span_s > 0 or max_spans < 1:
        raise ValueError(f"span_s={span_s} (seconds) must be positive and max_spans={max_spans} at least 1.")
    count = max(1, int(np.ceil(duration_s / span_s - 1e-6)))
    width = span_s * -(-count // max_spans)
    count = max(1, int(np.ceil(duration_s / width - 1e-6)))
    return np.append(np.arange(count) * width, duration_s)


def share_among_spans(
    weights: np.ndarray, scale: TimeScale, edges: np.ndarray, special: np.ndarray | None = None
) -> np.ndarray:
    """Adds up per-frame weights by time span; a frame over a border is divided by its share of each side.

    Args:
        weights (`array` of shape `(..., frames)`): one weight per frame.
        scale ([`TimeScale`]): of the frames.
        edges (`array` of shape `(spans + 1,)`): borders of the spans in seconds.
        special (`array` of shape `(frames,)`, *optional*): True for frames that stand for no time; they are left out.

    Returns:
        `array` of shape `(..., spans)`; it sums to what the weights of the frames that stand for a time sum to.
    """
    frames = np.arange(weights.shape[-1])
    starts = scale.seconds(frames)[:, None]
    ends = scale.seconds(frames + 1)[:, None]
    overlap = (np.minimum(ends, edges[1:]) - np.maximum(starts, edges[:-1])).clip(0)  # (frames, spans)
    # A frame that the recording is too short for lies beyond its end.
    outside = overlap.sum(1) == 0
    nearest = np.searchsorted(edges, (starts + ends)[:, 0] / 2).clip(1, len(edges) - 1) - 1
    overlap[outside, nearest[outside]] = 1
    overlap /= overlap.sum(1, keepdims=True)
    if special is not None:
        overlap[special] = 0
    return weights @ overlap


def read_speech(
    model: EmoBertForSequenceClassification,
    processor: UtteranceProcessor,
    inputs: Mapping[str, Any],
    tokens_per_s: float,
) -> TimedSpeech | None:
    """The speech of one utterance.

    Args:
        model ([`EmoBertForSequenceClassification`]): who will hear it; the result is on its device.
        processor ([`EmoBertProcessor`]): of the model.
        inputs (`dict`): `audio` with its rate, as of [`read_utterance`], or `speech_input_ids`, or neither.
        tokens_per_s (`float`): speech tokens of one second, for `speech_input_ids`.

    Returns:
        [`TimedSpeech`], or None where there is no speech.
    """
    if inputs.get("speech_input_ids") is not None:
        ids = torch.as_tensor(inputs["speech_input_ids"], device=model.device).reshape(1, -1)
        return time_speech_ids(ids, special_ids(model, ids[0]), tokens_per_s)
    if inputs.get("audio") is None:
        return None
    sound = next(processor.read_segments(inputs["audio"])).waveform
    batch = processor(audio=[sound], sampling_rate=processor.feature_extractor.sampling_rate, return_tensors="pt")
    values, mask = batch[processor.speech_input_name], batch["speech_attention_mask"]
    return time_speech(values.to(model.device), mask.to(model.device), processor)


def special_ids(model: EmoBertForSequenceClassification, ids: torch.Tensor) -> torch.Tensor:
    """True where a speech token id `(length,)` stands for no sound: `<s>` and `</s>`, at the ends only."""
    config = model.config.speech_config
    special = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
    special[0] = bool(ids[0] == config.bos_token_id)
    special[-1] |= bool(ids[-1] == config.eos_token_id)
    return special


def special_frames(
    model: EmoBertForSequenceClassification, timed: TimedSpeech, mask: torch.Tensor
) -> np.ndarray | None:
    """True for frames `(frames,)` of `<s>` and `</s>`, None where the speech encoder has none."""
    num_frames = int(mask.sum())
    if model.emobert.speech_tokenizer is not None:
        special = np.zeros(num_frames, dtype=bool)
        special[[0, -1]] = True
        return special
    if timed.values.is_floating_point():
        return None
    return special_ids(model, timed.values[0]).cpu().numpy()


def sound_to_draw(model: EmoBertForSequenceClassification, timed: TimedSpeech) -> np.ndarray | None:
    """What can be drawn of the sound over its duration.

    Returns:
        `array` of shape `(samples,)`: the waveform; of log-mel features `(frames, bins)` the mean over bins, scaled to
        0..1 and mirrored, two values a frame; None for speech token ids.
    """
    if not timed.values.is_floating_point():
        return None
    if timed.values.dim() == 2:
        return timed.values[0, : timed.length].float().cpu().numpy()
    bins_first = family_of(model.config.speech_config).bins_first
    features = timed.values[0].T if bins_first else timed.values[0]
    loudness = features[: timed.length].float().mean(1)
    loudness = (loudness - loudness.min()) / (loudness.max() - loudness.min()).clamp(min=1e-6)
    return torch.stack([loudness, -loudness], dim=1).flatten().cpu().numpy()
