"""Sound that is still coming -> the segments that `segmentation="voice"` makes of the whole of it, as they end."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from transformers.utils import logging

from configuration_emo.shown_values import shown

from ..audio.samples import MAX_CHANNELS, SilenceWatch, StreamResampler, check_finite, checked_array, to_mono
from .cutting import Segment, Stretch, StretchCutter
from .sample_buffer import SampleBuffer
from .segments import MAX_SENTENCE_SECONDS, segment_context
from .voice_activity import VOICE_DETECTORS, VoiceWatch


logger = logging.get_logger(__name__)

# What errors call it.
_NAME = "The block"
# Smaller blocks are gathered until there is so much of them.
_BLOCK_SECONDS = 0.02


class SegmentStream:
    """Takes blocks of samples of any length and gives a segment as soon as a pause or the longest length ends it.

    The segments are those of [`read_segments`] with `segmentation="voice"` and the same options, to the last bit,
    however the sound is divided into blocks; only that none of them is marked as the last. Where nobody speaks there
    are none, and no error.

    It keeps the samples of the segment that is going on, or, while nobody speaks, of the last second or so: at most
    `chunk_length_s`, the context, and a second. One thread at a time may use it.

    Args:
        sampling_rate (`int`): of the segments, in Hz.
        input_rate (`int`, *optional*): of the blocks, in Hz, from which they are resampled; the same if left out.
        num_channels (`int`, defaults to 1): of the blocks; they are mixed.
        chunk_length_s (`float`, defaults to 30): the longest segment in seconds.
        stride_length_s (`float` or `(left, right)`, *optional*): seconds around a segment that are heard too; none if
            left out. Those after it have to be waited for.
        voice_detector (`str`, defaults to `"causal"`): one of `CAUSAL_DETECTORS`, see [`VoiceWatch`].

    Raises:
        ValueError: an option is wrong, or the detector's package is not installed.

    Example:
        >>> import numpy as np
        >>> stream = SegmentStream(16_000)
        >>> tone = np.sin(np.arange(16_000) / 5)
        >>> stream.feed(np.zeros(16_000)), stream.feed(tone)
        ([], [])
        >>> [(segment.start, segment.end, len(segment.waveform)) for segment in stream.feed(np.zeros(16_000))]
        [(0.9, 2.1, 19200)]
    """

    def __init__(
        self,
        sampling_rate: int,
        input_rate: int | None = None,
        *,
        num_channels: int = 1,
        chunk_length_s: float | None = None,
        stride_length_s: float | tuple[float, float] | None = None,
        voice_detector: str | None = None,
    ):
        self.sampling_rate = sampling_rate
        self.input_rate = sampling_rate if input_rate is None else input_rate
        checked_array(np.zeros(1, dtype=np.float32), self.input_rate, "The stream")
        if (
            isinstance(num_channels, bool)
            or not isinstance(num_channels, int)
            or not 1 <= num_channels <= MAX_CHANNELS
        ):
            raise ValueError(f"num_channels must be a number from 1 to {MAX_CHANNELS}, got {shown(num_channels)}.")
        self.num_channels = num_channels
        left, right = segment_context(chunk_length_s, stride_length_s)
        detector = voice_detector or "causal"
        longest = chunk_length_s or MAX_SENTENCE_SECONDS
        detector_rate = VOICE_DETECTORS.get(detector) or sampling_rate
        self._watch = VoiceWatch(detector_rate, detector, longest)
        self._cutter = StretchCutter(sampling_rate, left, right)
        self._left = left
        self._resampler = StreamResampler(self.input_rate, sampling_rate)
        self._to_detector = None if detector_rate == sampling_rate else StreamResampler(self.input_rate, detector_rate)
        self._sound = SampleBuffer()
        self._gathered: list[np.ndarray] = []
        self._waiting: deque[tuple[Stretch, int, int]] = deque()  # stretches whose sound has not all come
        self._silence = SilenceWatch()
        self._is_closed = False
        self._num_samples = 0

    @property
    def seconds(self) -> float:
        """How much sound was fed, in seconds."""
        return self._num_samples / self.input_rate

    @property
    def kept_seconds(self) -> float:
        """How much sound is kept, in seconds."""
        return len(self._sound) / self.sampling_rate

    def feed(self, samples: Any) -> list[Segment]:
        """Takes the next block.

        Args:
            samples (`np.ndarray` of shape `(samples,)` or `(num_channels, samples)`): floats whose full scale is 1, or
                int8, int16, int32 or uint8, which are scaled; any number of them, also none.

        Returns:
            `list` of [`Segment`]: those that ended.

        Raises:
            ValueError: another type or shape, or some are not finite: such a block is not taken, and the next one may
                come. Or the stream is closed.
        """
        if self._is_closed:
            raise ValueError("The stream is closed. Make a new one for the next sound.")
        block = self._checked(samples)
        if not len(block):
            return []
        mono = to_mono(block)
        check_finite(mono, _NAME)
        self._silence.hear(block, mono)
        self._num_samples += len(mono)
        self._gathered.append(mono)
        if sum(map(len, self._gathered)) < _BLOCK_SECONDS * self.input_rate:
            return []
        return self._take(self._joined())

    def close(self) -> list[Segment]:
        """The segments that the end of the sound ends; after the first time none.

        Channels that cancelled each other when they were mixed are named in a warning.
        """
        if self._is_closed:
            return []
        segments = self._take(self._joined())
        self._is_closed = True
        rest = self._resampler.close()
        self._sound.add(rest)
        heard = rest if self._to_detector is None else self._to_detector.close()
        self._wait_for(self._watch.feed(heard) + self._watch.close())
        segments += self._ready(is_over=True)
        self._sound = SampleBuffer()
        if self._num_samples and self.num_channels > 1:
            try:
                self._silence.check("The stream")
            except ValueError as error:
                logger.warning(str(error))
        return segments

    def _checked(self, samples: Any) -> np.ndarray:
        """The block as float32 `(samples,)` or `(samples, channels)`."""
        array = samples.detach().cpu().numpy() if hasattr(samples, "detach") else np.asarray(samples)
        shape = (self.num_channels, array.shape[-1]) if array.ndim == 2 else (array.size,)
        if array.ndim not in (1, 2) or array.shape != shape or (array.ndim == 1 and self.num_channels > 1):
            wanted = "(samples,)" if self.num_channels == 1 else f"({self.num_channels}, samples)"
            raise ValueError(f"{_NAME} must have the shape {wanted}, got {array.shape}. num_channels= says how many.")
        if not array.size:
            return np.zeros(0, dtype=np.float32)
        # One axis of all values: which of two is the channels is known here.
        values, _ = checked_array(array.reshape(-1), self.input_rate, _NAME)
        check_finite(values, _NAME)
        return values.copy() if array.ndim == 1 else np.ascontiguousarray(values.reshape(shape).T)

    def _joined(self) -> np.ndarray:
        joined = np.concatenate([np.zeros(0, dtype=np.float32), *self._gathered])
        self._gathered = []
        return joined

    def _take(self, mono: np.ndarray) -> list[Segment]:
        resampled = self._resampler.feed(mono)
        heard = resampled if self._to_detector is None else self._to_detector.feed(mono)
        try:
            check_finite(resampled, "The stream")
            check_finite(heard, "The stream")
        except ValueError:
            self._is_closed = True  # what is too large for the resampler stays in it
            raise
        self._sound.add(resampled)
        self._wait_for(self._watch.feed(heard))
        return self._ready(is_over=False)

    def _wait_for(self, stretches: list[Stretch]) -> None:
        self._waiting.extend((stretch, *self._cutter.span(stretch)) for stretch in stretches)

    def _ready(self, *, is_over: bool) -> list[Segment]:
        """The segments whose sound has all come; forgets what no other needs."""
        segments = []
        while self._waiting and (is_over or self._sound.end >= self._waiting[0][2]):
            stretch, begin, end = self._waiting.popleft()
            segments.append(self._cutter.cut(self._sound, stretch, begin, end))
        # Of what is found later nothing begins before this, less the context and what a short segment is widened by.
        needed = round((self._watch.needed_from - self._left) * self.sampling_rate)
        needed = min([needed, self._sound.end, *(begin for _, begin, _ in self._waiting)])
        self._sound.forget_before(needed - 2 * self._cutter.shortest)
        return segments
