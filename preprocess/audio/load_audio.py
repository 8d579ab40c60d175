"""Any sound as float32 mono samples at one rate."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .decoding import decode_blocks, header_duration, stated_duration
from .file_names import printable
from .samples import MAX_RATE, SilenceWatch, StreamResampler, check_finite, checked_array, resample, to_mono


AudioSource = str | os.PathLike | bytes | BinaryIO | tuple[np.ndarray, int] | Mapping[str, Any]

# A text that stands in the place of a path may be of any length.
_LONGEST_NAME = 300


def load_audio(
    source: AudioSource, sampling_rate: int = 16_000, *, channel: int | None = None, allow_silence: bool = True
) -> np.ndarray:
    """Reads a sound, mixes it to mono and resamples it (soxr, high quality).

    wav, flac, mp3, ogg and what else libsndfile knows are read by it; mp4, m4a, webm, aac and other video and sound
    files by PyAV (`pip install 'av>=14.0'`), of which the first audio stream is taken. On wav files the result equals
    `librosa.load(path, sr=sampling_rate, mono=True, res_type="soxr_hq")` bit by bit.

    Args:
        source (path, `bytes`, binary file object, `tuple` or `dict`):
            Where the sound is. A tuple is `(array, rate in Hz)`, or the other way round as scipy and Gradio have it,
            with an array of shape `(samples,)`, `(samples, channels)` or `(channels, samples)` (the shorter axis is
            the channels); int8, int16, int32 and uint8 are scaled to [-1, 1). A dict has `array` and `sampling_rate`,
            or `bytes` or `path`, as a dataset's audio column gives.
        sampling_rate (`int`, defaults to 16,000): the rate of the result in Hz.
        channel (`int`, *optional*): this channel alone, from 0, in the place of the mix.
        allow_silence (`bool`, defaults to True): False refuses a sound in which nothing can be heard.

    Returns:
        `np.ndarray`: float32, shape `(samples,)`.

    Raises:
        ValueError: whatever keeps it from being read: it is missing, empty, not a sound, without an audio stream, cut
            short or longer than it states (see `decoding` for what shows this), has a rate outside of 1,000 to
            768,000 Hz, more than 64 channels, no samples, or NaN or infinite ones. The message names the file and the
            remedy.

    Example:
        >>> import numpy as np
        >>> stereo_at_8k = np.zeros((4000, 2), dtype=np.float32)
        >>> load_audio((stereo_at_8k, 8000)).shape
        (8000,)
    """
    _check_target(sampling_rate)
    name = _name_of(source)
    with _naming(name):
        blocks, rates = zip(*_read_blocks(source, name), strict=True)
        samples, rate = blocks[0] if len(blocks) == 1 else np.concatenate(blocks), rates[0]
        samples = _of_channel(samples, channel, name)
        if samples.size == 0:
            raise _no_samples(name)
        check_finite(samples, name)
        mono = to_mono(samples)
        if mono is not samples:
            check_finite(mono, name)
        if not allow_silence:
            watch = SilenceWatch()
            watch.hear(samples, mono)
            watch.check(name)
        resampled = resample(mono, rate, sampling_rate)
        if rate != sampling_rate:
            check_finite(resampled, name)
        return resampled


def stream_audio(
    source: AudioSource,
    sampling_rate: int = 16_000,
    block_seconds: float = 10.0,
    *,
    channel: int | None = None,
    allow_silence: bool = True,
) -> Iterator[np.ndarray]:
    """Reads a sound piece by piece, as `load_audio` would in one: memory does not grow with its length.

    Args:
        source: as for `load_audio`.
        sampling_rate (`int`, defaults to 16,000): the rate of the result in Hz.
        block_seconds (`float`, defaults to 10): about how long a piece is, in seconds.
        channel (`int`, *optional*): this channel alone, from 0, in the place of the mix.
        allow_silence (`bool`, defaults to True): False refuses, at its end, a sound in which nothing can be heard.

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
    _check_target(sampling_rate)
    if not block_seconds > 0:
        raise ValueError(f"block_seconds must be positive, got {block_seconds}.")
    name = _name_of(source)
    with _naming(name):
        resampler: StreamResampler | None = None
        read, watch = 0, SilenceWatch()
        for samples, rate in _read_blocks(source, name, block_seconds):
            samples = _of_channel(samples, channel, name)
            check_finite(samples, name)
            mono = to_mono(samples)
            if mono is not samples:
                check_finite(mono, name)
            read += len(samples)
            if len(samples) and not allow_silence:
                watch.hear(samples, mono)
            resampler = resampler or StreamResampler(rate, sampling_rate)
            piece = resampler.feed(mono)
            if rate != sampling_rate:
                check_finite(piece, name)
            if len(piece):
                yield piece
        if read == 0:
            raise _no_samples(name)
        if not allow_silence:
            watch.check(name)
        rest = np.zeros(0) if resampler is None else resampler.close()
        if len(rest):
            yield rest


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
    with _naming(name):
        opened = _open(source, name)
        if isinstance(opened, tuple):
            samples, rate = checked_array(*opened, name)
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
    with _naming(name):
        opened = _open(source, name)
        return audio_duration(source) if isinstance(opened, tuple) else header_duration(opened, name)


def channel_count(source: AudioSource) -> int:
    """How many channels a sound has.

    Args:
        source: as for `load_audio`.

    Raises:
        ValueError: as for `load_audio`, as far as its beginning shows it.

    Example:
        >>> import numpy as np
        >>> channel_count((np.zeros((4000, 2), dtype=np.float32), 8000))
        2
    """
    name = _name_of(source)
    with _naming(name):
        samples, _ = next(_read_blocks(source, name, 0.1))
        return 1 if samples.ndim == 1 else samples.shape[1]


def _of_channel(samples: np.ndarray, channel: int | None, name: str) -> np.ndarray:
    """One channel of `(samples,)` or `(samples, channels)`, or what was given."""
    if channel is None:
        return samples
    count = 1 if samples.ndim == 1 else samples.shape[1]
    if not 0 <= channel < count:
        raise ValueError(f"{name}: there is no channel {channel}: it has {count}, counted from 0.")
    return samples if samples.ndim == 1 else np.ascontiguousarray(samples[:, channel])


def _check_target(sampling_rate: int) -> None:
    if not 0 < sampling_rate <= MAX_RATE:
        raise ValueError(f"sampling_rate must be a positive number of Hz, at most {MAX_RATE:,}, got {sampling_rate}.")


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Whatever goes wrong in here is a ValueError that names the sound: one bad sound must not end a whole run."""
    try:
        yield
    except Exception as error:
        if isinstance(error, ValueError) and name in str(error):
            raise
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise ValueError(
            f"{name}: the sound cannot be read ({kind}{error}). Give it another way, or leave it out."
        ) from error


def _read_blocks(
    source: AudioSource, name: str, block_seconds: float | None = None
) -> Iterator[tuple[np.ndarray, int]]:
    """The samples piece by piece, or as they come, and their rate."""
    opened = _open(source, name)
    if not isinstance(opened, tuple):
        yield from decode_blocks(opened, name, block_seconds)
        return
    samples, rate = checked_array(*opened, name)
    length = max(1, len(samples) if block_seconds is None else round(block_seconds * rate))
    for start in range(0, max(1, len(samples)), length):
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
        if isinstance(error, PermissionError):
            raise
        raise ValueError(f"{name}: this cannot be a path ({error}). Give that of a sound file.") from error
    if not is_there:
        raise ValueError(f"{name}: there is no such file. Check the path, or leave audio out (None).")
    if not path.is_file():
        raise ValueError(f"{name}: this is a folder or a device, not a sound file.")
    if path.stat().st_size == 0:
        raise ValueError(f"{name}: the file has 0 bytes. Get the file again or leave it out.")
    if not os.access(path, os.R_OK):
        raise ValueError(f"{name}: the file may not be read by this user. Change its permissions.")
    return path


def _no_samples(name: str) -> ValueError:
    return ValueError(f"{name}: the sound has 0 samples. Leave the audio of this utterance out (None) or replace it.")


def _name_of(source: AudioSource) -> str:
    """What error messages call the source."""
    if isinstance(source, Mapping):
        name = source.get("path")
    else:
        name = source if isinstance(source, (str, os.PathLike)) else getattr(source, "name", None)
    if not isinstance(name, (str, os.PathLike)) or not str(name):
        return "audio in memory"
    name = printable(name)
    return name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "…"
