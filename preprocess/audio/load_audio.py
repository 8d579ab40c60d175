"""Any sound as float32 mono samples at one rate."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soxr

from .decoding import decode_audio, decode_blocks, header_duration, stated_duration


AudioSource = str | os.PathLike | bytes | BinaryIO | tuple[np.ndarray, int] | Mapping[str, Any]


def load_audio(source: AudioSource, sampling_rate: int = 16_000) -> np.ndarray:
    """Reads a sound, mixes it to mono and resamples it (soxr, high quality).

    wav, flac, mp3, ogg and what else libsndfile knows are read by it; mp4, m4a, webm, aac and other video and sound
    files by PyAV (`pip install 'av>=14.0'`), of which the first audio stream is taken. On wav files the result equals
    `librosa.load(path, sr=sampling_rate, mono=True, res_type="soxr_hq")` bit by bit.

    Args:
        source (path, `bytes`, binary file object, `tuple` or `dict`):
            Where the sound is. A tuple is `(array, rate in Hz)`, with an array of shape `(samples,)`,
            `(samples, channels)` or `(channels, samples)` (the shorter axis is the channels); integers are scaled to
            [-1, 1). `(rate, array)`, as scipy and Gradio have it, is read as well. A dict has `array` and
            `sampling_rate`, or `bytes` or `path`, as a dataset's audio column gives.
        sampling_rate (`int`, defaults to 16,000): the rate of the result in Hz.

    Returns:
        `np.ndarray`: float32, shape `(samples,)`.

    Raises:
        ValueError: the file is missing, empty, not a sound, without an audio stream, cut short (see `decoding`
            for what shows this), has no samples, or NaN or infinite ones. The message names the file and the remedy.

    Example:
        >>> import numpy as np
        >>> stereo_at_8k = np.zeros((4000, 2), dtype=np.float32)
        >>> load_audio((stereo_at_8k, 8000)).shape
        (8000,)
    """
    if sampling_rate <= 0:
        raise ValueError(f"sampling_rate must be a positive number of Hz, got {sampling_rate}.")
    name = _name_of(source)
    samples, rate = _read(source, name)
    if samples.size == 0:
        raise _no_samples(name)
    _check_finite(samples, name)
    return _resample(_to_mono(samples), rate, sampling_rate)


def stream_audio(
    source: AudioSource, sampling_rate: int = 16_000, block_seconds: float = 10.0
) -> Iterator[np.ndarray]:
    """Reads a sound piece by piece, as `load_audio` would in one: memory does not grow with its length.

    Args:
        source: as for `load_audio`.
        sampling_rate (`int`, defaults to 16,000): the rate of the result in Hz.
        block_seconds (`float`, defaults to 10): about how long a piece is, in seconds.

    Yields:
        `np.ndarray`: float32, shape `(samples,)`. Joined, the pieces are what `load_audio` returns (but for
        the last bit of mp3).

    Raises:
        ValueError: as for `load_audio`; of damage that shows only later in the file, after the pieces before it.

    Example:
        >>> import numpy as np
        >>> sound = np.zeros(40_000, dtype=np.float32)
        >>> [len(piece) for piece in stream_audio((sound, 16_000), block_seconds=1.0)]
        [16000, 16000, 8000]
    """
    if sampling_rate <= 0 or block_seconds <= 0:
        raise ValueError(f"sampling_rate and block_seconds must be positive, got {sampling_rate} and {block_seconds}.")
    name = _name_of(source)
    resampler, rate, read, written = None, sampling_rate, 0, 0
    for samples, rate in _read_blocks(source, name, block_seconds):
        _check_finite(samples, name)
        read += len(samples)
        if rate != sampling_rate:
            resampler = resampler or soxr.ResampleStream(rate, sampling_rate, 1, dtype="float32", quality="HQ")
            samples = resampler.resample_chunk(_to_mono(samples))
        piece = np.ascontiguousarray(_to_mono(samples))
        written += len(piece)
        if len(piece):
            yield piece
    if read == 0:
        raise _no_samples(name)
    if resampler is not None:
        rest = resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True)
        missing = _resampled_length(read, rate, sampling_rate) - written
        yield np.pad(rest[:missing], (0, max(0, missing - len(rest))))


def audio_duration(source: AudioSource) -> float:
    """Length of a sound in seconds, by its header where there is one (nothing is decoded then).

    Args:
        source: as for `load_audio`.

    Raises:
        ValueError: as for `load_audio`, as far as the header shows it.

    Example:
        >>> import numpy as np
        >>> audio_duration((np.zeros(4000, dtype=np.float32), 8000))
        0.5
    """
    name = _name_of(source)
    opened = _open(source, name)
    if isinstance(opened, tuple):
        samples, rate = _checked_array(*opened, name)
        return len(samples) / rate
    return stated_duration(opened, name)


def header_seconds(source: AudioSource) -> float | None:
    """Length of a sound in seconds as its header states it, None where it does not; nothing is decoded.

    Args:
        source: as for `load_audio`.

    Raises:
        ValueError: as for `load_audio`, as far as the header shows it.
    """
    name = _name_of(source)
    opened = _open(source, name)
    return audio_duration(source) if isinstance(opened, tuple) else header_duration(opened, name)


def _read(source: AudioSource, name: str) -> tuple[np.ndarray, int]:
    """Samples `(samples,)` or `(samples, channels)` as float32, and their rate."""
    opened = _open(source, name)
    if isinstance(opened, tuple):
        return _checked_array(*opened, name)
    return decode_audio(opened, name)


def _read_blocks(source: AudioSource, name: str, block_seconds: float) -> Iterator[tuple[np.ndarray, int]]:
    """The samples piece by piece, and their rate."""
    opened = _open(source, name)
    if not isinstance(opened, tuple):
        yield from decode_blocks(opened, name, block_seconds)
        return
    samples, rate = _checked_array(*opened, name)
    length = max(1, round(block_seconds * rate))
    for start in range(0, len(samples), length):
        yield samples[start : start + length], rate


def _open(source: AudioSource, name: str) -> Path | BinaryIO | tuple[Any, Any]:
    """The source as one of three things: a file that exists, a seekable stream, or an array with its rate."""
    if isinstance(source, Mapping):
        if source.get("array") is not None:
            return source["array"], source.get("sampling_rate")
        inner = source.get("bytes") if source.get("bytes") is not None else source.get("path")
        if inner is None:
            raise ValueError(f"{name}: an audio dict needs `array` with `sampling_rate`, `bytes` or `path`.")
        return _open(inner, name)
    if isinstance(source, (bytes, bytearray)):
        if not source:
            raise ValueError(f"{name}: there are 0 bytes. Leave the audio of this utterance out (None) or replace it.")
        return io.BytesIO(source)
    if isinstance(source, tuple):
        if len(source) != 2:
            raise ValueError(f"{name}: a tuple must be (array, sampling rate in Hz), got {len(source)} elements.")
        first, second = source
        return (second, first) if np.ndim(first) == 0 and np.ndim(second) > 0 else (first, second)
    if isinstance(source, (str, os.PathLike)):
        return _checked_file(Path(source), name)
    if hasattr(source, "read"):
        return source if source.seekable() else io.BytesIO(source.read())
    raise ValueError(
        f"Audio must be a path, bytes, a binary file, (array, sampling rate) or an audio dict, got "
        f"{type(source).__name__}. An array alone does not state its rate: pass (array, sampling_rate)."
    )


def _checked_file(path: Path, name: str) -> Path:
    if str(path).startswith(("http:/", "https:/")):
        raise ValueError(f"{name}: addresses are not read. Download the file and give its path.")
    try:
        is_there = path.exists()
    except (OSError, ValueError) as error:
        raise ValueError(f"{name[:120]}: this cannot be a path ({error}). Give that of a sound file.") from error
    if not is_there:
        raise ValueError(f"{name}: there is no such file. Check the path, or leave audio out (None).")
    if not path.is_file():
        raise ValueError(f"{name}: this is a folder or a device, not a sound file.")
    if path.stat().st_size == 0:
        raise ValueError(f"{name}: the file has 0 bytes. Get the file again or leave it out.")
    if not os.access(path, os.R_OK):
        raise ValueError(f"{name}: the file may not be read by this user. Change its permissions.")
    return path


def _checked_array(array: Any, rate: Any, name: str) -> tuple[np.ndarray, int]:
    is_number = isinstance(rate, (int, float, np.number)) and not isinstance(rate, bool)
    if not is_number or not float(rate).is_integer() or rate <= 0:
        raise ValueError(f"{name}: the sampling rate must be a positive whole number of Hz, got {rate!r}.")
    array = np.asarray(array)
    if array.ndim == 2 and array.shape[0] < array.shape[1]:
        array = array.T
    if array.ndim not in (1, 2):
        raise ValueError(f"{name}: samples must have 1 axis, or 2 with channels, got shape {array.shape}.")
    if np.issubdtype(array.dtype, np.floating):
        return array.astype(np.float32, copy=False), int(rate)
    if array.dtype == np.uint8:  # 8-bit sound is unsigned, with its zero in the middle
        return (array.astype(np.float32) - 128.0) / 128.0, int(rate)
    if np.issubdtype(array.dtype, np.signedinteger):
        return (array / -float(np.iinfo(array.dtype).min)).astype(np.float32), int(rate)
    raise ValueError(f"{name}: samples must be floats or integers, got {array.dtype}.")


def _check_finite(samples: np.ndarray, name: str) -> None:
    if not np.isfinite(samples).all():
        count = int(np.count_nonzero(~np.isfinite(samples)))
        raise ValueError(f"{name}: {count} of its samples are NaN or infinite. Write the file again or leave it out.")


def _no_samples(name: str) -> ValueError:
    return ValueError(f"{name}: the sound has 0 samples. Leave the audio of this utterance out (None) or replace it.")


def _to_mono(samples: np.ndarray) -> np.ndarray:
    """Mean over channels. `(samples, channels)` -> `(samples,)`"""
    if samples.ndim == 1:
        return samples
    if samples.shape[1] == 2:  # the same values as the mean, and several times faster than a mean along short rows
        return (samples[:, 0] + samples[:, 1]) * np.float32(0.5)
    return samples.mean(axis=1)


def _resample(samples: np.ndarray, rate: int, sampling_rate: int) -> np.ndarray:
    """`(samples,)` at `rate` -> `(ceil(samples * sampling_rate / rate),)`, the length that librosa gives too."""
    if rate == sampling_rate:
        return np.ascontiguousarray(samples)
    length = _resampled_length(len(samples), rate, sampling_rate)
    resampled = soxr.resample(samples, rate, sampling_rate, quality="HQ")[:length]
    return np.pad(resampled, (0, length - len(resampled)))


def _resampled_length(samples: int, rate: int, sampling_rate: int) -> int:
    return int(np.ceil(samples * (float(sampling_rate) / rate)))


def _name_of(source: AudioSource) -> str:
    """What error messages call the source."""
    if isinstance(source, Mapping):
        return str(source.get("path") or "audio in memory")
    if isinstance(source, (str, os.PathLike)):
        return str(source)
    file_name = getattr(source, "name", None)
    return file_name if isinstance(file_name, str) else "audio in memory"
