"""Samples as they come from files and callers: checked, mixed to mono, resampled."""

from __future__ import annotations

from typing import Any

import numpy as np
import soxr


# Outside of these no device and no program writes sound: such a rate in a header is damage, and would make 768 samples
# or more of one.
MIN_RATE, MAX_RATE = 1_000, 768_000
MAX_CHANNELS = 64

# A sound that never leaves a band of this width is silent: two steps of 16 bits are dither, any constant is an offset.
_SILENCE = 2.0 / 32768
# Channels cancel each other where their mix has less than this share of the power that it would have if they had
# nothing in common; of two equal ones, where they correlate by less than -0.875. Lossy formats do not reach zero.
_CANCELLED = 0.125


def check_format(rate: int, channels: int, name: str) -> None:
    """Refuses rates and numbers of channels that no sound has.

    Args:
        rate (`int`): in Hz.
        channels (`int`): how many.
        name (`str`): what error messages call the sound.

    Raises:
        ValueError: the rate is not within 1,000 to 768,000 Hz, or there are more than 64 channels.
    """
    if not MIN_RATE <= rate <= MAX_RATE:
        raise ValueError(
            f"{name}: a sampling rate of {rate:,} Hz is none of a sound ({MIN_RATE:,} to {MAX_RATE:,} Hz): its header "
            "is damaged, or the rate was given wrongly."
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise ValueError(f"{name}: it has {channels:,} channels, at most {MAX_CHANNELS} are read. Is it a sound?")


def checked_array(array: Any, rate: Any, name: str) -> tuple[np.ndarray, int]:
    """Samples that a caller holds, as float32 `(samples,)` or `(samples, channels)`, and their rate.

    Args:
        array (`np.ndarray` or what becomes one): floats, or integers of the kinds that sound has: signed of 8, 16 and
            32 bits, which are divided by their full scale, and uint8, whose zero is 128.
        rate (`int`): in Hz.
        name (`str`): what error messages call the sound.

    Raises:
        ValueError: another type or shape, or a rate that no sound has.
    """
    is_number = isinstance(rate, (int, float, np.integer, np.floating)) and not isinstance(rate, bool)
    if not is_number or not np.isfinite(rate) or int(rate) != rate or rate <= 0:
        raise ValueError(f"{name}: the sampling rate must be a positive whole number of Hz, got {rate!r}.")
    if hasattr(array, "detach"):  # a torch tensor
        array = array.detach().cpu()
    array = np.asarray(array)
    if array.ndim == 2 and array.shape[0] < array.shape[1]:
        array = array.T
    if array.ndim not in (1, 2):
        raise ValueError(f"{name}: samples must have 1 axis, or 2 with channels, got shape {array.shape}.")
    check_format(int(rate), array.shape[1] if array.ndim == 2 and array.size else 1, name)
    if np.issubdtype(array.dtype, np.floating):
        with np.errstate(over="ignore"):  # what is too large becomes infinite, which is refused
            return array.astype(np.float32, copy=False), int(rate)
    if array.dtype == np.uint8:  # 8-bit sound is unsigned, with its zero in the middle
        return (array.astype(np.float32) - 128.0) / 128.0, int(rate)
    if array.dtype in (np.int8, np.int16, np.int32):
        return (array / -float(np.iinfo(array.dtype).min)).astype(np.float32), int(rate)
    raise ValueError(
        f"{name}: samples must be floats, int8, int16, int32 or uint8, got {array.dtype}, whose full scale no sound "
        "has. Convert them to what they were recorded in, such as samples.astype('int16')."
    )


def check_finite(samples: np.ndarray, name: str) -> None:
    """Refuses samples that are NaN or infinite."""
    if not np.isfinite(samples).all():
        count = int(np.count_nonzero(~np.isfinite(samples)))
        raise ValueError(
            f"{name}: {count} of its samples are NaN or infinite, or too large to be mixed or resampled. Write the "
            "file again or leave it out."
        )


def to_mono(samples: np.ndarray) -> np.ndarray:
    """Mean over channels. `(samples, channels)` -> `(samples,)`"""
    if samples.ndim == 1:
        return samples
    with np.errstate(over="ignore"):
        if samples.shape[1] == 2:  # the same values as the mean, and several times faster than it along short rows
            return (samples[:, 0] + samples[:, 1]) * np.float32(0.5)
        return samples.mean(axis=1)


def resample(samples: np.ndarray, rate: int, sampling_rate: int) -> np.ndarray:
    """`(samples,)` at `rate` -> `(ceil(samples * sampling_rate / rate),)`, the length that librosa gives too."""
    if rate == sampling_rate:
        return np.ascontiguousarray(samples)
    length = resampled_length(len(samples), rate, sampling_rate)
    resampled = soxr.resample(samples, rate, sampling_rate, quality="HQ")
    if len(resampled) == length:
        return resampled
    resampled = resampled[:length]
    return np.pad(resampled, (0, length - len(resampled)))


def resampled_length(samples: int, rate: int, sampling_rate: int) -> int:
    """How many samples `resample` makes."""
    return int(np.ceil(samples * (float(sampling_rate) / rate)))


class StreamResampler:
    """`resample` of a sound that comes piece by piece; joined, its pieces are the same for pieces of any length.

    Args:
        rate, sampling_rate (`int`): from which to which, in Hz.
    """

    def __init__(self, rate: int, sampling_rate: int):
        self.rate, self.sampling_rate = rate, sampling_rate
        self._stream = (
            None
            if rate == sampling_rate
            else soxr.ResampleStream(rate, sampling_rate, 1, dtype="float32", quality="HQ")
        )
        self._read = self._written = 0

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """Takes the next samples `(samples,)`; gives those that are ready."""
        self._read += len(samples)
        made = samples if self._stream is None else self._stream.resample_chunk(samples)
        self._written += len(made)
        return np.ascontiguousarray(made)

    def close(self) -> np.ndarray:
        """The samples that are left at the end of the sound."""
        if self._stream is None:
            return np.zeros(0, dtype=np.float32)
        rest = self._stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)
        missing = resampled_length(self._read, self.rate, self.sampling_rate) - self._written
        return np.pad(rest[:missing], (0, max(0, missing - len(rest))))


def is_silent(samples: np.ndarray) -> bool:
    """True where nothing can be heard: there are no samples, or they stay within two steps of 16 bits of each other.

    Args:
        samples (`np.ndarray` of shape `(samples,)`): full scale is 1.

    Example:
        >>> is_silent(np.full(5, 0.3)), is_silent(np.array([0.0, 0.001]))
        (True, False)
    """
    return not len(samples) or float(samples.max()) - float(samples.min()) <= _SILENCE


class SilenceWatch:
    """Hears a sound piece by piece and says at the end whether there was anything to hear."""

    def __init__(self) -> None:
        self._channels = _Extent()
        self._mix = _Extent()

    def hear(self, samples: np.ndarray, mix: np.ndarray) -> None:
        """Takes the next piece, of 1 sample or more.

        Args:
            samples (`np.ndarray` of shape `(samples,)` or `(samples, channels)`): as it was recorded.
            mix (`np.ndarray` of shape `(samples,)`): its mono.
        """
        self._channels.widen(samples)
        self._mix.widen(mix)

    def check(self, name: str) -> None:
        """Refuses a sound that was silent throughout, or only once its channels were mixed.

        Raises:
            ValueError: it was.
        """
        if self._channels.width <= _SILENCE:
            raise ValueError(f"{name}: the sound is silent throughout. Leave its audio out (None) or replace it.")
        powers = self._channels.powers
        if self._mix.width <= _SILENCE or self._mix.powers[0] < _CANCELLED * powers.sum() / powers.size**2:
            raise ValueError(
                f"{name}: the sound is all but silent once its {powers.size} channels are mixed: they cancel each "
                "other, as where one is inverted. Keep one channel of it."
            )


class _Extent:
    """The range and the power of each channel, in float64."""

    def __init__(self) -> None:
        self._low, self._high = np.array(np.inf), np.array(-np.inf)
        self._sum, self._squares, self._count = np.zeros(1), np.zeros(1), 0

    def widen(self, samples: np.ndarray) -> None:
        rows = samples.reshape(len(samples), -1)
        self._low = np.minimum(self._low, rows.min(axis=0).astype(np.float64))
        self._high = np.maximum(self._high, rows.max(axis=0).astype(np.float64))
        self._sum = self._sum + rows.sum(axis=0, dtype=np.float64)
        self._squares = self._squares + np.einsum("tc,tc->c", rows, rows, dtype=np.float64)
        self._count += len(rows)

    @property
    def width(self) -> float:
        """The widest range of a channel."""
        return float(np.max(self._high - self._low))

    @property
    def powers(self) -> np.ndarray:
        """The variance of each channel, shape `(channels,)`."""
        return np.maximum(self._squares / self._count - (self._sum / self._count) ** 2, 0.0)
